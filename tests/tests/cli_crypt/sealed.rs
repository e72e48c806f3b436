//! The place of these tests: a database, and an encrypted repository of it.
use crate::place::Place;
use chronicle::backup::{RestoreConfig, restore_delta_backup};
use chronicle::crypt::{EncryptTo, Identity, Keys};
use chronicle::{BackupManager, Db, DeltaBackupConfig, DeltaReport};
use std::path::{Path, PathBuf};

/// A database, and a key of which the host that backs it up has the public half only.
pub(crate) struct Sealed {
    pub(crate) place: Place,
    pub(crate) identity: Identity,
}

impl Sealed {
    pub(crate) fn new() -> Self {
        let it = Self { place: Place::new(), identity: Identity::random().unwrap() };
        it.write_key("key.txt", &it.identity);
        it
    }

    pub(crate) fn write_key(&self, name: &str, identity: &Identity) -> String {
        let text = format!("# a key\n{}\n", identity.to_secret_text());
        std::fs::write(self.place.path(name), text).unwrap();
        self.place.at(name)
    }

    pub(crate) fn recipient(&self) -> String {
        self.identity.recipient().to_string()
    }

    pub(crate) fn keys(&self) -> Keys {
        Keys::none().identity(self.identity.clone())
    }

    /// Without a key.
    pub(crate) fn config(&self) -> DeltaBackupConfig {
        config(&self.place, &self.identity)
    }

    pub(crate) fn create(&self, db: &Db) -> DeltaReport {
        BackupManager::new(db).create_delta_backup_with(&self.config(), &|_, _| {}).unwrap()
    }

    pub(crate) fn restored_digest(&self, lsn: u64, target: &str) -> String {
        let config = RestoreConfig::new(self.place.path("my repo"), self.place.path(target)).at_lsn(lsn);
        restore_delta_backup(config.keys(self.keys())).unwrap().digest.to_string()
    }
}

pub(crate) fn config(place: &Place, identity: &Identity) -> DeltaBackupConfig {
    let to = EncryptTo::recipients([identity.recipient()]).unwrap();
    DeltaBackupConfig::new(place.path("my repo")).continue_newest().encrypt_to(to)
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}
