//! Source: a backup of any kind, open for reading where it lies.
use crate::backup::repository::{Moment, Repository, RepositoryPlace, is_repository};
use crate::backup::source::find_source;
use crate::db::{Config, Db};
use crate::error::{Error, ErrorKind, Result};

/// Opens a snapshot directory, a folder of these (then the newest), a database or a moment of a repository. `NotRestorable` for a
/// moment of anything but a repository.
pub(super) fn open_source(place: &RepositoryPlace, moment: &Moment) -> Result<Db> {
    let repository = match place {
        RepositoryPlace::Destination(destination) => Repository::at_destination(destination.clone())?,
        RepositoryPlace::Path(path) if is_repository(path)? => Repository::open(path)?,
        RepositoryPlace::Path(path) => {
            if *moment != Moment::Latest {
                return Err(Error::new(
                    ErrorKind::NotRestorable,
                    "a moment needs a delta repository, and this is none: a snapshot, a copy or a database is of one moment",
                )
                .at(path.display()));
            }
            return Db::open(find_source(path)?.data_path(), Config::read_only());
        }
    };
    repository.open_at(moment).map(|opened| opened.db)
}
