//! Where requests run: one small runtime for the whole process, made by the first one. Callers block; none of them sees it.
use crate::error::{Error, ErrorKind, Result};
use std::future::Future;
use std::sync::OnceLock;
use tokio::runtime::{Builder, Handle, Runtime};

/// Threads that move bytes and run TLS. The callers' own threads do the rest.
const THREADS: usize = 2;

static RUNTIME: OnceLock<std::result::Result<Runtime, String>> = OnceLock::new();

/// The runtime itself, for rooms that block in ways of their own.
pub(crate) fn runtime() -> Result<&'static Runtime> {
    let made = RUNTIME.get_or_init(|| {
        // Fails when the program chose a provider of its own: then that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("chronicle-remote")
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
    });
    made.as_ref().map_err(|error| Error::new(ErrorKind::Io, format!("no threads for requests: {error}")))
}

/// Makes sure that clients can be made.
pub(super) fn prepare() -> Result<()> {
    runtime().map(drop)
}

/// Runs to the end, on this thread; beside it where this thread is one of an async runtime, which must not be blocked in.
pub(super) fn block_on<T: Send>(work: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let runtime = runtime()?;
    if Handle::try_current().is_err() {
        return runtime.block_on(work);
    }
    std::thread::scope(|scope| scope.spawn(|| runtime.block_on(work)).join())
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Io, "a request ended with a panic")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_inside_an_async_runtime_is_served_too() {
        let theirs = Builder::new_current_thread().build().unwrap();
        let answer = theirs.block_on(async { block_on(async { Ok(7) }) });
        assert_eq!(answer.unwrap(), 7);
        assert_eq!(block_on(async { Ok(8) }).unwrap(), 8);
    }
}
