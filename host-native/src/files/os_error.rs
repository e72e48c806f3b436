//! From the operating system's errors to Chronicle's: path, operation, the system's words, and a next step.
//!
//! The kind tells a program how to react; the message tells a person what to do. Nothing is retried here.
use chronicle_core::error::{Error, ErrorKind, Result};
use std::io;
use std::path::Path;

/// Turns `error`, met while doing `operation` (a verb phrase: "open for writing") on `path`, into an [`Error`].
pub fn os_error(operation: &str, path: &Path, error: &io::Error) -> Error {
    let (kind, next_step) = react(error);
    Error::new(kind, format!("cannot {operation}: {error}; {next_step}")).at(path.display())
}

/// Gives the error of an operating system call its place; see [`os_error`].
pub trait OsContext<T> {
    /// Names the operation and the path; both are only used when there is an error.
    fn os(self, operation: &str, path: &Path) -> Result<T>;
}

impl<T> OsContext<T> for io::Result<T> {
    fn os(self, operation: &str, path: &Path) -> Result<T> {
        self.map_err(|error| os_error(operation, path, &error))
    }
}

fn react(error: &io::Error) -> (ErrorKind, &'static str) {
    match error.kind() {
        io::ErrorKind::StorageFull => (ErrorKind::Full, "free some space on this file system and try again"),
        io::ErrorKind::QuotaExceeded => {
            (ErrorKind::Full, "free some space or raise the quota, and try again")
        }
        io::ErrorKind::FileTooLarge => {
            (ErrorKind::Full, "the file system or a resource limit (ulimit -f) allows no larger file")
        }
        io::ErrorKind::PermissionDenied => (
            ErrorKind::Permission,
            "check the owner and mode of the file and its folder, and which user runs this",
        ),
        io::ErrorKind::ReadOnlyFilesystem => (
            ErrorKind::Permission,
            "the file system is mounted read-only: open for reading only, or remount it",
        ),
        io::ErrorKind::NotFound => (ErrorKind::NotFound, "check the path"),
        io::ErrorKind::AlreadyExists => {
            (ErrorKind::AlreadyExists, "it is not overwritten: choose another name")
        }
        io::ErrorKind::IsADirectory => (ErrorKind::InvalidInput, "name the file, not a folder"),
        io::ErrorKind::NotADirectory => {
            (ErrorKind::InvalidInput, "a part of the path is a file where a folder must be")
        }
        io::ErrorKind::InvalidFilename => (
            ErrorKind::InvalidInput,
            "the file system does not take this name: choose a shorter or plainer one",
        ),
        // Only what we or std found wrong with the arguments; an EINVAL of a system call is a plain I/O error.
        io::ErrorKind::InvalidInput if error.raw_os_error().is_none() => {
            (ErrorKind::InvalidInput, "name a regular file")
        }
        io::ErrorKind::UnexpectedEof => {
            (ErrorKind::Damaged, "the file is shorter than it must be: verify it, or restore from a backup")
        }
        io::ErrorKind::WouldBlock | io::ErrorKind::ResourceBusy | io::ErrorKind::ExecutableFileBusy => {
            (ErrorKind::Busy, "another process holds it: try again when it is done")
        }
        io::ErrorKind::Unsupported => {
            (ErrorKind::Unsupported, "this file system lacks the operation: use a local one")
        }
        io::ErrorKind::StaleNetworkFileHandle => {
            (ErrorKind::Transient, "the file was replaced or removed on its server: open it again")
        }
        io::ErrorKind::TimedOut => (ErrorKind::Transient, "its server did not answer: try again"),
        io::ErrorKind::OutOfMemory => (
            ErrorKind::Io,
            "memory or the number of maps ran out: lower the map budget (see vm.max_map_count)",
        ),
        _ => match error.raw_os_error() {
            #[cfg(unix)]
            Some(code) if code == rustix::io::Errno::IO.raw_os_error() => {
                (ErrorKind::Io, "the device failed: look at the system log, and copy the data off it")
            }
            #[cfg(unix)]
            Some(code)
                if code == rustix::io::Errno::MFILE.raw_os_error()
                    || code == rustix::io::Errno::NFILE.raw_os_error() =>
            {
                (ErrorKind::Io, "too many files are open: raise the limit (ulimit -n)")
            }
            #[cfg(unix)]
            Some(code) if code == rustix::io::Errno::NOLCK.raw_os_error() => (
                ErrorKind::Unsupported,
                "this file system gives no locks: use a local one, or mount it with locks",
            ),
            _ => (ErrorKind::Io, "the operating system gave no more detail: look at its log"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn errno_becomes_the_kind_a_program_reacts_to() {
        use rustix::io::Errno;
        let cases = [
            (Errno::NOSPC, ErrorKind::Full),
            (Errno::DQUOT, ErrorKind::Full),
            (Errno::FBIG, ErrorKind::Full),
            (Errno::ACCESS, ErrorKind::Permission),
            (Errno::PERM, ErrorKind::Permission),
            (Errno::ROFS, ErrorKind::Permission),
            (Errno::NOENT, ErrorKind::NotFound),
            (Errno::EXIST, ErrorKind::AlreadyExists),
            (Errno::ISDIR, ErrorKind::InvalidInput),
            (Errno::NOTDIR, ErrorKind::InvalidInput),
            (Errno::NAMETOOLONG, ErrorKind::InvalidInput),
            (Errno::INVAL, ErrorKind::Io),
            (Errno::IO, ErrorKind::Io),
            (Errno::STALE, ErrorKind::Transient),
            (Errno::TIMEDOUT, ErrorKind::Transient),
            (Errno::MFILE, ErrorKind::Io),
            (Errno::NOLCK, ErrorKind::Unsupported),
            (Errno::OPNOTSUPP, ErrorKind::Unsupported),
        ];
        for (errno, kind) in cases {
            let error = os_error("sync", Path::new("/data/x.db"), &io::Error::from(errno));
            assert_eq!(error.kind(), kind, "{errno:?}");
        }
    }

    #[test]
    fn an_error_says_path_operation_system_text_and_next_step() {
        let os = io::Error::from(io::ErrorKind::StorageFull);
        let text = os_error("append", Path::new("/data/x.db.wal-1"), &os).to_string();
        for part in ["/data/x.db.wal-1", "cannot append", &os.to_string(), "free some space"] {
            assert!(text.contains(part), "{text:?} lacks {part:?}");
        }
    }
}
