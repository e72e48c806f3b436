//! A TCP proxy that does to connections what networks do: it cuts them, resets them and lets them stall, at random by a seed.
use crate::workload::Random;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// A proxy at work; gone with its value.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: String,
    /// Of a hundred connections, how many are harmed.
    harm: AtomicU64,
    /// No connection is let through.
    is_down: AtomicBool,
    is_over: AtomicBool,
    harmed: AtomicU64,
    chance: Mutex<Random>,
    open: Mutex<Vec<Weak<TcpStream>>>,
}

/// What happens to a connection.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Lives,
    /// Closed in the middle, after so many bytes of either way.
    Cut(u64),
    /// The same, with a reset: what was on the way is lost.
    Reset(u64),
    /// Silent for a while after so many bytes, then cut.
    Stall(u64),
}

impl Proxy {
    /// In front of a server at `url` (`http://127.0.0.1:<port>`). It harms nothing yet.
    pub fn start(url: &str, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            target: url.trim_start_matches("http://").to_owned(),
            harm: AtomicU64::new(0),
            is_down: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            harmed: AtomicU64::new(0),
            chance: Mutex::new(Random::new(seed)),
            open: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.is_over.load(Ordering::Acquire) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                std::thread::spawn(move || shared.carry(client));
            }
        });
        Self { address, shared }
    }

    /// Where clients connect to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on harms so many connections of a hundred.
    pub fn harm(&self, of_a_hundred: u64) {
        self.shared.harm.store(of_a_hundred, Ordering::Release);
    }

    /// Lets nothing through, and cuts what is open; or is there again.
    pub fn set_down(&self, is_down: bool) {
        self.shared.is_down.store(is_down, Ordering::Release);
        if is_down {
            self.cut_all();
        }
    }

    /// How many connections were harmed.
    pub fn harmed(&self) -> u64 {
        self.shared.harmed.load(Ordering::Acquire)
    }

    fn cut_all(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..).filter_map(|stream| stream.upgrade()) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
        self.cut_all();
    }
}

impl Shared {
    fn fate(&self) -> Fate {
        let mut chance = self.chance.lock().unwrap();
        if chance.below(100) >= self.harm.load(Ordering::Acquire) {
            return Fate::Lives;
        }
        // Short answers, requests and long bodies are all met.
        let bytes = 1 << chance.below(18);
        match chance.below(5) {
            0 | 1 => Fate::Cut(bytes),
            2 | 3 => Fate::Reset(bytes),
            _ => Fate::Stall(bytes),
        }
    }

    fn carry(&self, client: TcpStream) {
        if self.is_down.load(Ordering::Acquire) {
            return;
        }
        let Ok(server) = TcpStream::connect(&self.target) else { return };
        let (client, server) = (Arc::new(client), Arc::new(server));
        self.open.lock().unwrap().extend([Arc::downgrade(&client), Arc::downgrade(&server)]);
        let fate = self.fate();
        let left = AtomicU64::new(match fate {
            Fate::Lives => u64::MAX,
            Fate::Cut(bytes) | Fate::Reset(bytes) | Fate::Stall(bytes) => bytes,
        });
        std::thread::scope(|scope| {
            scope.spawn(|| self.pump(&client, &server, &left, fate));
            self.pump(&server, &client, &left, fate);
        });
    }

    fn pump(&self, mut from: &TcpStream, mut to: &TcpStream, left: &AtomicU64, fate: Fate) {
        let mut buffer = [0; 4_096];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let had = left.load(Ordering::Acquire);
            let len = read.min(usize::try_from(had).unwrap_or(usize::MAX));
            if to.write_all(&buffer[..len]).is_err() {
                break;
            }
            if fate_is_over(left, len, fate) {
                self.harmed.fetch_add(1, Ordering::AcqRel);
                if matches!(fate, Fate::Stall(_)) {
                    std::thread::sleep(Duration::from_millis(400));
                }
                if matches!(fate, Fate::Reset(_)) {
                    // A socket that does not linger is closed with a reset: what is on the way is lost. The other way ends, too.
                    for socket in [from, to] {
                        let _ = rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO));
                        let _ = socket.shutdown(Shutdown::Read);
                    }
                    return;
                }
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

fn fate_is_over(left: &AtomicU64, len: usize, fate: Fate) -> bool {
    if matches!(fate, Fate::Lives) {
        return false;
    }
    let before =
        left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| Some(left.saturating_sub(len as u64)));
    before.is_ok_and(|before| before <= len as u64)
}
