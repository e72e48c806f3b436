//! The jobs of a soak, as a process does them that may be killed.
use chronicle::backup::repository::Keep;
use chronicle::backup::{PruneConfig, RestoreConfig, prune_with, restore_delta_backup};
use chronicle::{BackupManager, Config, Db, DeltaBackupConfig, Error, Result};
use std::path::Path;

/// Where a restore of the soak goes, in its folder.
pub const RESTORED: &str = "restored";

/// What is done in a process of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A point is added to the repository.
    Backup,
    /// All but some of the newest points go.
    Prune,
    /// A point is restored, from where a killed one broke off.
    Restore,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Backup, Self::Prune, Self::Restore];

    /// As an argument.
    pub fn word(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Prune => "prune",
            Self::Restore => "restore",
        }
    }
}

/// Does a job by its arguments: `backup FOLDER`, `prune FOLDER KEEP`, `restore FOLDER LSN DIGEST`. Prints a line before it begins.
pub fn run(words: &[&str]) -> Result<()> {
    let usage = || Error::invalid(format!("no such job: {words:?}"));
    let number = |word: &str| word.parse::<u64>().map_err(|_| usage());
    match words {
        ["backup", folder] => {
            let folder = Path::new(folder);
            let db = Db::open(folder.join("data.db"), Config::read_only())?;
            let config = DeltaBackupConfig::new(folder.join("repository")).continue_newest();
            println!("start");
            BackupManager::new(&db).create_delta_backup(config).map(drop)
        }
        ["prune", folder, keep] => {
            let keep = Keep { last: number(keep)?, ..Keep::default() };
            let config = PruneConfig::new(Path::new(folder).join("repository"), keep).void_unfinished(true);
            println!("start");
            prune_with(&config).map(drop)
        }
        ["restore", folder, lsn, digest] => {
            let folder = Path::new(folder);
            let config = RestoreConfig::new(folder.join("repository"), folder.join(RESTORED));
            println!("start");
            let report = restore_delta_backup(config.at_lsn(number(lsn)?))?;
            match report.digest.to_string() == *digest {
                true => Ok(()),
                false => Err(Error::damaged(format!("commit {lsn} came back as {}", report.digest))),
            }
        }
        _ => Err(usage()),
    }
}
