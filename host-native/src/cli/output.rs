//! Where a verb writes data: stdout, or a file that appears whole or not at all.
use super::failure::Failure;
use super::interrupt;
use super::report::stdout_failure;
use chronicle::Error;
use chronicle::files::atomic::sync_parent_dir;
use chronicle::files::os_error::{OsContext, os_error};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Name of stdout, and of stdin.
pub(super) const DASH: &str = "-";

/// An output. Dropped before [`Output::finish`], it leaves no file.
pub(super) struct Output {
    sink: Sink,
    /// What went wrong; errors of the library do not say whether the reader of a pipe went away.
    failure: Option<io::Error>,
}

enum Sink {
    Stdout(io::StdoutLock<'static>),
    /// A pipe or a device, which has no half-written state of its own.
    Direct(File, PathBuf),
    Staged {
        file: File,
        temporary: PathBuf,
        path: PathBuf,
    },
}

impl Output {
    /// Opens `-` or a file, which replaces an existing one at the end. `database` is never written over.
    pub(super) fn create(path: &Path, database: &Path) -> Result<Self, Failure> {
        if path == Path::new(DASH) {
            return Ok(Self { sink: Sink::Stdout(io::stdout().lock()), failure: None });
        }
        // A link stays one: what it leads to is replaced.
        let path = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).os("find", path)?;
        refuse_database(&path, database)?;
        let is_special =
            std::fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
        if is_special {
            let file = OpenOptions::new().write(true).open(&path).os("open for writing", &path)?;
            return Ok(Self { sink: Sink::Direct(file, path), failure: None });
        }
        if path.is_dir() {
            return Err(Failure::usage(format!("{} is a folder; --output needs a file", path.display())));
        }
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".tmp-{}", std::process::id()));
        let temporary = path.with_file_name(name);
        let file =
            OpenOptions::new().write(true).create_new(true).open(&temporary).os("create", &temporary)?;
        interrupt::remove_on_interrupt(&temporary);
        Ok(Self { sink: Sink::Staged { file, temporary, path }, failure: None })
    }

    /// True when the data goes to stdout, so that the report must not.
    pub(super) fn is_stdout(&self) -> bool {
        matches!(self.sink, Sink::Stdout(_))
    }

    /// Gives a staged file its name.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        if let Err(error) = self.flush() {
            return Err(self.place(error));
        }
        if let Sink::Staged { file, temporary, path } = &self.sink {
            file.sync_all().os("sync", temporary)?;
            std::fs::rename(temporary, path).os("replace", path)?;
            interrupt::keep();
            sync_parent_dir(path)?;
        }
        Ok(())
    }

    /// What an error of the library, met while writing here, comes down to.
    pub(super) fn explain(&mut self, error: Error) -> Failure {
        match self.failure.take() {
            Some(why) => self.place(why),
            None => error.into(),
        }
    }

    fn place(&self, error: io::Error) -> Failure {
        match &self.sink {
            Sink::Stdout(_) => stdout_failure(&error),
            Sink::Direct(..) if error.kind() == io::ErrorKind::BrokenPipe => Failure::Closed,
            Sink::Direct(_, path) | Sink::Staged { path, .. } => os_error("write", path, &error).into(),
        }
    }

    fn sink(&mut self) -> &mut dyn Write {
        match &mut self.sink {
            Sink::Stdout(stdout) => stdout,
            Sink::Direct(file, _) | Sink::Staged { file, .. } => file,
        }
    }

    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.failure = Some(error);
            }
            kind.into()
        })
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.sink().write(bytes);
        self.note(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.sink().flush();
        self.note(result)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Sink::Staged { temporary, .. } = &self.sink {
            // Renamed by now, or not worth keeping.
            let _ = std::fs::remove_file(temporary);
            interrupt::keep();
        }
    }
}

/// True for a data file or a log file.
fn is_ours(path: &Path) -> bool {
    let mut magic = [0; 8];
    let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file
        && File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
        && [*b"CHRONDB\0", *b"CHRNWAL\0"].contains(&magic)
}

/// A slip in `--output` must not cost a database: neither its data file nor what lies beside it under its name.
fn refuse_database(path: &Path, database: &Path) -> Result<(), Failure> {
    let record = path.file_name().is_some_and(|name| name == "metadata.json")
        && path.with_file_name("data.db").exists();
    if record || is_ours(path) {
        return Err(Failure::usage(format!(
            "{} is a file of a Chronicle database or snapshot; --output needs another file",
            path.display()
        )));
    }
    let database = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_path_buf());
    let names = (path.file_name(), database.file_name());
    let (Some(name), Some(data)) = names else { return Ok(()) };
    let rest = name.as_encoded_bytes().strip_prefix(data.as_encoded_bytes());
    let siblings: [&[u8]; 4] = [b".wal", b".lock", b".pin-", b".slot-"];
    let is_sibling = |rest: &[u8]| siblings.iter().any(|start| rest.starts_with(start));
    let belongs = rest.is_some_and(|rest| rest.is_empty() || is_sibling(rest));
    let folder = |path: &Path| path.parent().and_then(|folder| std::fs::canonicalize(folder).ok());
    let same_folder = folder(path) == folder(&database);
    if belongs && same_folder {
        return Err(Failure::usage(format!(
            "{} belongs to the database; --output needs another file",
            path.display()
        )));
    }
    Ok(())
}
