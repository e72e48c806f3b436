//! From `--path` to an open database.
use super::failure::Failure;
use chronicle::{Config, Db, Error, ErrorKind};
use clap::Args;
use std::path::PathBuf;

/// A database that is only read.
#[derive(Args, Debug)]
pub(super) struct Source {
    /// A data file (also while another process writes to it), or the folder of a snapshot
    #[arg(long, value_name = "PATH", aliases = ["source", "dest"])]
    path: PathBuf,
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
        Ok(Db::open(self.data()?, Config::read_only())?)
    }

    /// The data file it means.
    pub(super) fn data(&self) -> Result<PathBuf, Failure> {
        if !self.path.is_dir() {
            return Ok(self.path.clone());
        }
        let data = self.path.join("data.db");
        if data.exists() {
            return Ok(data);
        }
        let message = "the folder holds no data.db; name a data file, or the folder of a snapshot";
        Err(Error::new(ErrorKind::NotFound, message).at(self.path.display()).into())
    }
}

impl Target {
    /// Opens it for writing; it must be there.
    pub(super) fn open(&self, config: Config) -> Result<Db, Failure> {
        if self.path.is_dir() {
            let message =
                format!("this is a folder; name the data file, as {}", self.path.join("data.db").display());
            return Err(Error::invalid(message).at(self.path.display()).into());
        }
        Ok(Db::open(&self.path, Config { create: false, ..config })?)
    }
}
