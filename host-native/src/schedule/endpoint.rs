//! Endpoint: `/metrics` over HTTP, and nothing else.
//!
//! What it keeps true: a client can cost it neither memory nor time without bound: a request has at most 8 KiB and two seconds, and
//! its body is never read. It answers one client after the other and closes the connection.
use crate::error::{Error, ErrorKind, Result};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const REQUEST_BYTES_MAX: usize = 8 << 10;
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two tries to accept, when that fails: too many open files, say.
const BREATH: Duration = Duration::from_millis(100);

/// A server that lives as long as this value.
pub(super) struct Endpoint {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Endpoint {
    /// Serves what `metrics` answers at `listen`.
    pub(super) fn start(listen: &str, metrics: impl Fn() -> String + Send + 'static) -> Result<Self> {
        let failed = |error: std::io::Error| {
            let kind = match error.kind() {
                std::io::ErrorKind::AddrInUse => ErrorKind::Busy,
                std::io::ErrorKind::PermissionDenied => ErrorKind::Permission,
                _ => ErrorKind::Io,
            };
            Error::new(kind, format!("metrics can't be served there: {error}")).at(listen)
        };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let thread = std::thread::Builder::new().name("chronicle-metrics".into()).spawn(move || {
            for client in listener.incoming() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                match client {
                    // A client that goes away has no answer to get.
                    Ok(client) => drop(answer(client, &metrics)),
                    Err(_) => std::thread::sleep(BREATH),
                }
            }
        });
        Ok(Self { address, stopping, thread: Some(thread.map_err(failed)?) })
    }

    /// Where it listens; the port that was chosen, when 0 was asked for.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        // It waits for a client: this is the last one. Without it the thread ends with the process.
        if TcpStream::connect_timeout(&address, PATIENCE).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

/// What a client asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Metrics,
    /// Only how long they are.
    MetricsHead,
    AnotherPath,
    AnotherMethod,
    /// No request, one that is too long, or one that did not come to its end in time.
    Nonsense,
}

fn answer(mut client: TcpStream, metrics: &impl Fn() -> String) -> std::io::Result<()> {
    client.set_write_timeout(Some(PATIENCE))?;
    let asked = read_request(&mut client)?;
    let plain = "text/plain; version=0.0.4; charset=utf-8";
    let (status, body) = match asked {
        Asked::Metrics | Asked::MetricsHead => ("200 OK", metrics()),
        Asked::AnotherPath => ("404 Not Found", "only /metrics is here\n".to_owned()),
        Asked::AnotherMethod => ("405 Method Not Allowed\r\nAllow: GET, HEAD", "only GET\n".to_owned()),
        Asked::Nonsense => ("400 Bad Request", "this is no HTTP request\n".to_owned()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {plain}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    client.write_all(head.as_bytes())?;
    if asked != Asked::MetricsHead {
        client.write_all(body.as_bytes())?;
    }
    client.flush()
}

fn read_request(client: &mut TcpStream) -> std::io::Result<Asked> {
    let started = Instant::now();
    let mut request = Vec::new();
    let mut piece = [0; 1_024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = PATIENCE.saturating_sub(started.elapsed());
        if left.is_zero() || request.len() > REQUEST_BYTES_MAX {
            return Ok(Asked::Nonsense);
        }
        client.set_read_timeout(Some(left))?;
        match client.read(&mut piece) {
            // It said all that it says, or was silent for too long.
            Ok(0) => return Ok(Asked::Nonsense),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Ok(Asked::Nonsense);
            }
            Err(error) => return Err(error),
            Ok(len) => request.extend_from_slice(piece.get(..len).unwrap_or_default()),
        }
    }
    Ok(parse(&request).unwrap_or(Asked::Nonsense))
}

/// The first line: `GET /metrics HTTP/1.1`.
fn parse(request: &[u8]) -> Option<Asked> {
    let line = request.split(|byte| *byte == b'\r').next()?;
    let mut parts = std::str::from_utf8(line).ok()?.split(' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !version.starts_with("HTTP/1.") {
        return None;
    }
    Some(match (method, target.split('?').next()?) {
        ("GET", "/metrics") => Asked::Metrics,
        ("HEAD", "/metrics") => Asked::MetricsHead,
        ("GET" | "HEAD", _) => Asked::AnotherPath,
        _ => Asked::AnotherMethod,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_of_a_request_counts_and_it_must_be_one() {
        for (request, asked) in [
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", Some(Asked::Metrics)),
            ("GET /metrics?x=1 HTTP/1.0\r\n\r\n", Some(Asked::Metrics)),
            ("HEAD /metrics HTTP/1.1\r\n\r\n", Some(Asked::MetricsHead)),
            ("GET /../etc/passwd HTTP/1.1\r\n\r\n", Some(Asked::AnotherPath)),
            ("POST /metrics HTTP/1.1\r\n\r\n", Some(Asked::AnotherMethod)),
            ("GET /metrics\r\n\r\n", None),
            ("GET /metrics HTTP/2\r\n\r\n", None),
            ("\r\n\r\n", None),
        ] {
            assert_eq!(parse(request.as_bytes()), asked, "{request}");
        }
        assert_eq!(parse(b"\xff\xfe /metrics HTTP/1.1\r\n\r\n"), None);
    }
}
