//! A small HTTP server for tests: answers as it is told, and remembers what it was asked.
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
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
    address: SocketAddr,
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
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let mut answers: VecDeque<Answer> = answers.into_iter().collect();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for client in listener.incoming() {
                let mut client = client.unwrap();
                seen.lock().unwrap().push(read(&client));
                match answers.pop_front().unwrap_or(Answer::Status(200)) {
                    Answer::Status(status) => {
                        let head =
                            format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                        // A client that has gone does not want it.
                        let _ = client.write_all(head.as_bytes());
                    }
                    Answer::Silence => held.push(client),
                    Answer::Close => {}
                }
            }
        });
        Self { address, requests }
    }

    /// The URL of a path on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What came in so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(client: &TcpStream) -> Request {
    let mut reader = BufReader::new(client);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap() == 0 || header == "\r\n" {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let line = line.rsplit_once(" HTTP/").map_or(line.clone(), |(line, _)| line.to_owned());
    Request { line, body: String::from_utf8(body).unwrap() }
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
