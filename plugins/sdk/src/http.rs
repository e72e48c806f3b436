//! Requests over `wasi:http`, streamed both ways. Host and port must have been granted; credentials are best added by the host
//! (`--header`), and never seen here. Nothing is retried: [`failure`] says what passes, and Chronicle tries again.
use crate::{Error, ErrorKind, Result};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    Scheme,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

/// A server and the path on it that everything lies below.
#[derive(Clone, Debug)]
pub struct Server {
    is_tls: bool,
    authority: String,
    /// Begins with a slash and does not end with one; empty for the root.
    path: String,
}

impl Server {
    /// From `http://host[:port]/path` or `https://...`. `None` when it is not clear.
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let is_tls = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let clear = !authority.is_empty() && !authority.contains('@') && !path.contains(['?', '#']);
        let path = path.trim_end_matches('/');
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        clear.then(|| Self { is_tls, authority: authority.to_owned(), path })
    }

    /// The path of the server that everything lies below.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The URL of a path below, which is percent-encoded and begins with a slash.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}{}{path}", self.authority, self.path)
    }

    /// Starts a request with a body of `len` bytes. `method` as in HTTP.
    pub fn start(&self, method: &str, path: &str, headers: &[(&str, &str)], len: u64) -> Result<Upload> {
        let mut all: Vec<(String, Vec<u8>)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        if len > 0 || method == "PUT" {
            all.push(("content-length".to_owned(), len.to_string().into_bytes()));
        }
        let invalid = || Error::new(ErrorKind::InvalidArgument, "this request can't be made");
        let fields = Fields::from_list(&all).map_err(|_| invalid())?;
        let request = OutgoingRequest::new(fields);
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "PUT" => Method::Put,
            "POST" => Method::Post,
            "DELETE" => Method::Delete,
            other => Method::Other(other.to_owned()),
        };
        let scheme = if self.is_tls { Scheme::Https } else { Scheme::Http };
        request.set_method(&method).map_err(|()| invalid())?;
        request.set_scheme(Some(&scheme)).map_err(|()| invalid())?;
        request.set_authority(Some(&self.authority)).map_err(|()| invalid())?;
        request.set_path_with_query(Some(&format!("{}{path}", self.path))).map_err(|()| invalid())?;
        let body = request.body().map_err(|()| invalid())?;
        let stream = body.write().map_err(|()| invalid())?;
        let answer = outgoing_handler::handle(request, None).map_err(unanswered)?;
        Ok(Upload { stream: Some(stream), body, answer })
    }

    /// A request without a body.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Response> {
        self.start(method, path, headers, 0)?.finish()
    }
}

/// A request whose body is being sent.
pub struct Upload {
    stream: Option<OutputStream>,
    body: OutgoingBody,
    answer: FutureIncomingResponse,
}

impl Upload {
    /// Sends the next bytes.
    pub fn write(&mut self, mut chunk: &[u8]) -> Result<()> {
        let Some(stream) = &self.stream else { return Ok(()) };
        while !chunk.is_empty() {
            match stream.check_write() {
                Ok(0) => stream.subscribe().block(),
                Ok(room) => {
                    let (now, later) =
                        chunk.split_at(chunk.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
                    if stream.write(now).is_err() {
                        return self.broken_off();
                    }
                    chunk = later;
                }
                Err(_) => return self.broken_off(),
            }
        }
        Ok(())
    }

    /// The server takes no more: what it answered says why, and [`finish`](Self::finish) reads that.
    fn broken_off(&mut self) -> Result<()> {
        self.stream = None;
        Ok(())
    }

    /// Ends the body and waits for the answer.
    pub fn finish(mut self) -> Result<Response> {
        let whole = match self.stream.take() {
            Some(stream) => {
                let flushed = stream.blocking_flush().is_ok();
                drop(stream);
                flushed
            }
            None => false,
        };
        match whole {
            true => OutgoingBody::finish(self.body, None).map_err(unanswered)?,
            false => drop(self.body),
        }
        self.answer.subscribe().block();
        match self.answer.get() {
            Some(Ok(Ok(answer))) => Response::new(answer),
            Some(Ok(Err(error))) => Err(unanswered(error)),
            _ => Err(Error::new(ErrorKind::Transient, "no answer came")),
        }
    }
}

/// An answer.
pub struct Response {
    /// Its status.
    pub status: u16,
    headers: Vec<(String, Vec<u8>)>,
    // Dropped in this order: the stream is a child of the body, and that of the answer.
    stream: InputStream,
    _body: IncomingBody,
    _answer: IncomingResponse,
}

impl Response {
    fn new(answer: IncomingResponse) -> Result<Self> {
        let broken = |()| Error::new(ErrorKind::Transient, "the answer has no body");
        let headers = answer.headers().entries();
        let body = answer.consume().map_err(broken)?;
        let stream = body.stream().map_err(broken)?;
        Ok(Self { status: answer.status(), headers, stream, _body: body, _answer: answer })
    }

    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// At most `max` of the next bytes of the body; none at its end.
    pub fn read(&mut self, max: usize) -> Result<Vec<u8>> {
        loop {
            match self.stream.blocking_read(max as u64) {
                Ok(bytes) if bytes.is_empty() && max > 0 => {}
                Ok(bytes) => return Ok(bytes),
                Err(StreamError::Closed) => return Ok(Vec::new()),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(Error::new(ErrorKind::Transient, error.to_debug_string()));
                }
            }
        }
    }

    /// The whole body, of at most `max` bytes.
    pub fn text(&mut self, max: usize) -> Result<String> {
        let mut all = Vec::new();
        loop {
            let chunk = self.read(64 << 10)?;
            if chunk.is_empty() {
                return Ok(String::from_utf8_lossy(&all).into_owned());
            }
            all.extend_from_slice(&chunk);
            if all.len() > max {
                return Err(Error::new(ErrorKind::Other, format!("an answer has more than {max} bytes")));
            }
        }
    }
}

/// The error that an answer means which is no success: what passes, what is a matter of rights, what of room.
pub fn failure(response: &Response, what: &str) -> Error {
    let kind = match response.status {
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::Permission,
        404 | 410 => ErrorKind::NotFound,
        412 => ErrorKind::AlreadyExists,
        408 | 423 | 425 | 429 | 500 | 502 | 503 | 504 => ErrorKind::Transient,
        413 | 507 => ErrorKind::Quota,
        501 | 405 => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    };
    let seconds = response.header("retry-after").and_then(|value| value.trim().parse::<u32>().ok());
    Error {
        retry_after_ms: seconds.map(|seconds| seconds.saturating_mul(1_000)),
        ..Error::new(kind, format!("{what}: the server answered {}", response.status))
    }
}

fn unanswered(error: wasip2::http::types::ErrorCode) -> Error {
    Error::new(ErrorKind::Transient, format!("no answer: {error:?}"))
}
