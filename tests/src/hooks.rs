//! A server that hooks call: answers in turn as it is told, and remembers what it was asked.
use crate::http::{HttpServer, Response};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

/// A request that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Method and path, as `GET /x`.
    pub line: String,
    /// Its body.
    pub body: String,
}

/// A server on a port of its own; it lives as long as the test.
pub struct Server {
    inner: HttpServer,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// What it does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A status.
    Status(u16),
    /// Nothing, and the connection stays open.
    Silence,
    /// The connection is closed.
    Close,
}

impl Server {
    /// Answers with these in turn, then with 200.
    pub fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let answers: Mutex<VecDeque<Answer>> = Mutex::new(answers.into_iter().collect());
        let inner = HttpServer::start(move |request| {
            let line = format!("{} {}", request.method, request.path);
            let body = String::from_utf8_lossy(&request.body).into_owned();
            seen.lock().unwrap().push(Request { line, body });
            let answer = answers.lock().unwrap().pop_front();
            match answer.unwrap_or(Answer::Status(200)) {
                Answer::Status(status) => Response::new(status, ""),
                Answer::Silence => loop {
                    std::thread::park();
                },
                Answer::Close => Response::cut(),
            }
        });
        Self { inner, requests }
    }

    /// The URL of a path on it.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.inner.url())
    }

    /// What came in so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// Sends bytes as they are to an address, and answers all that comes back.
pub fn ask(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // A server that has read enough may close early.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
