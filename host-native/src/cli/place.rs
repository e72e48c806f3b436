//! From `--path` to an open database.
use super::args::{At, parse_at, parse_epoch};
use super::failure::{Failure, print};
use super::keys::KeyArgs;
use chronicle::backup::repository::{Moment, SpanEnd};
use chronicle::backup::{Repository, find_source, is_repository};
use chronicle::files::os_error::{OsContext, os_error};
use chronicle::format::{HEADER_AREA_LEN, newest};
use chronicle::ids::Epoch;
use chronicle::{Config, Db, Error, ErrorKind};
use clap::Args;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A database that is only read.
#[derive(Args, Debug)]
pub(super) struct Source {
    /// A data file (also while another process writes to it), the folder of a snapshot, a
    /// folder of snapshots (then the newest), or a delta repository
    #[arg(long, value_name = "PATH", aliases = ["source", "dest"])]
    path: PathBuf,
    /// The moment, of a delta repository: a time with a zone, lsn:N, now or latest
    #[arg(long, value_name = "TIME", value_parser = parse_at, allow_hyphen_values = true)]
    at: Option<At>,
    /// The line of history: the epoch that it leads to, where the repository has several
    #[arg(long, value_name = "ID", value_parser = parse_epoch, requires = "at")]
    epoch: Option<Epoch>,
    #[command(flatten)]
    keys: KeyArgs,
}

/// A database that is written to.
#[derive(Args, Debug)]
pub(super) struct Target {
    /// The data file, made by `chronicle init`
    #[arg(long, value_name = "FILE", aliases = ["source", "dest"])]
    path: PathBuf,
}

impl Source {
    /// Opens it for reading.
    pub(super) fn open(&self) -> Result<Db, Failure> {
        let at = self.at.unwrap_or(At::Latest);
        if !is_repository(&self.path)? {
            at.refuse_without_repository(&self.path)?;
            return open_source(&self.path);
        }
        let moment = at.moment_of(self.epoch)?;
        let opened = Repository::open_with(&self.path, &self.keys.keys()?)?.open_at(&moment)?;
        for other in &opened.other_lines {
            print(&other_line(other));
        }
        if let (Some(At::Latest), Some(age)) = (self.at, opened.newest_age_ns) {
            print(&format!("the newest point is {}, of {} ago", opened.start, age_text(age)));
        }
        Ok(opened.db)
    }
}

/// What else a moment may have meant.
pub(super) fn other_line(last: &SpanEnd) -> String {
    format!(
        "note: epoch {} has commits of its own up to that moment, the last of them {last}; --epoch {} chooses them",
        last.epoch, last.epoch
    )
}

/// How long ago, for people.
pub(super) fn age_text(ns: i64) -> String {
    format!("{:.1} s", ns as f64 / 1e9)
}

impl At {
    /// The moment of the core, on the newest point's line.
    pub(super) fn moment(self) -> Moment {
        match self {
            Self::Latest => Moment::Latest,
            Self::Time(time_ns) => Moment::CommitTime { time_ns, epoch: None },
            Self::Lsn(lsn) => Moment::Lsn { lsn, epoch: None },
        }
    }

    /// The same on the line that leads to an epoch.
    pub(super) fn moment_of(self, epoch: Option<Epoch>) -> Result<Moment, Failure> {
        match (self, epoch) {
            (Self::Latest, Some(_)) => Err(Failure::usage(
                "--epoch needs a time or lsn:N: latest and now are the newest point of all; `chronicle backup timeline` shows \
                 where each epoch ends",
            )),
            (Self::Latest, None) => Ok(Moment::Latest),
            (Self::Time(time_ns), epoch) => Ok(Moment::CommitTime { time_ns, epoch }),
            (Self::Lsn(lsn), epoch) => Ok(Moment::Lsn { lsn, epoch }),
        }
    }

    /// A snapshot, a copy and a database are of one moment.
    pub(super) fn refuse_without_repository(self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Latest => Ok(()),
            Self::Time(_) | Self::Lsn(_) => Err(Error::new(
                ErrorKind::NotRestorable,
                "--at needs a delta repository, and this is none: a snapshot, a copy or a database is of one moment",
            )
            .at(path.display())),
        }
    }
}

/// Opens what `path` leads to for reading.
pub(super) fn open_source(path: &Path) -> Result<Db, Failure> {
    Ok(Db::open(find_source(path)?.data_path(), Config::read_only())?)
}

/// The data file of a database that is backed up.
pub(super) fn data_path(path: &Path) -> Result<PathBuf, Failure> {
    Ok(find_source(path)?.data_path())
}

impl Target {
    /// That of another argument.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Opens it for writing; it must be there.
    pub(super) fn open(&self, config: Config) -> Result<Db, Failure> {
        let path = &self.path;
        if path.is_dir() {
            let message =
                format!("this is a folder; name the data file, as {}", path.join("data.db").display());
            return Err(Error::invalid(message).at(path.display()).into());
        }
        self.refuse_other_files()?;
        Ok(Db::open(path, Config { create: false, ..config })?)
    }

    /// Refuses what is no database before a lock file is made beside it.
    fn refuse_other_files(&self) -> Result<(), Error> {
        let path = &self.path;
        let mut start = Vec::new();
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let message = "there is no such database; make it with `chronicle init`, or check the path";
                return Err(Error::new(ErrorKind::NotFound, message).at(path.display()));
            }
            Err(error) => return Err(os_error("open", path, &error)),
        };
        // A pipe would wait for ever; opening says what is wrong with it.
        if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            file.take(HEADER_AREA_LEN).read_to_end(&mut start).os("read", path)?;
            match newest(&start) {
                Err(error) if error.kind() == ErrorKind::InvalidInput => return Err(error.at(path.display())),
                // Damage is judged by the opening, which knows more.
                _ => {}
            }
        }
        Ok(())
    }
}
