//! What a host keeps beside its database of an encrypted repository that it can't read back.
//!
//! `data.db.state-delta-<hash>`: the encrypted part of the record of the newest point that this host sent, in plain, and the pages of
//! its lists; from it the next delta goes on. `data.db.secret-delta-<hash>`: what the keys of the objects of the job at work are derived from, so
//! that a job that was killed sends the same bytes; it is gone when the job is over. Neither is believed beyond what a record
//! repeats; without the first the next point is a base, without the second what was sent is sent anew.
use crate::crypt::Secret;
use crate::error::Result;
use crate::files::atomic::{remove_durably, write_file_durably};
use crate::files::os_error::OsContext;
use crate::files::paths::DbPaths;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chronicle_core::backup::repository::{JobId, ObjectName};
use chronicle_core::ids::Hash;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most bytes of the state.
const STATE_LEN_MAX: u64 = 1 << 30;
const VERSION: u64 = 0;

/// What the newest point that was sent is, in plain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct HostState {
    /// BLAKE3 of the record's bytes, as they are stored.
    pub(super) record: Hash,
    /// Its encrypted part.
    pub(super) inner: Vec<u8>,
    /// The pages of its lists, by the name under which each is stored.
    pub(super) pages: BTreeMap<ObjectName, Arc<Vec<u8>>>,
}

/// Where the two files are.
#[derive(Clone, Debug)]
pub(super) struct HostFiles {
    state: PathBuf,
    secret: PathBuf,
}

impl HostFiles {
    /// Of the repository with this slot.
    pub(super) fn new(paths: &DbPaths, slot: &str) -> Self {
        Self {
            state: paths.beside(&format!("state-{slot}")),
            secret: paths.beside(&format!("secret-{slot}")),
        }
    }

    /// The state; `None` when there is none that can be used.
    pub(super) fn load(&self) -> Option<HostState> {
        if fs::metadata(&self.state).ok()?.len() > STATE_LEN_MAX {
            return None;
        }
        HostState::parse(&fs::read(&self.state).ok()?)
    }

    /// Replaces the state and forgets the secret.
    pub(super) fn leave(&self, state: &HostState) -> Result<()> {
        write_file_durably(&self.state, &state.to_bytes())?;
        only_for_the_owner(&self.state)?;
        remove(&self.secret)
    }

    /// Removes both.
    pub(super) fn forget(&self) -> Result<()> {
        remove(&self.state).and_then(|()| remove(&self.secret))
    }

    /// The secret of a job: that of an attempt that died, or a new one, durably.
    pub(super) fn secret(&self, job: JobId) -> Result<Secret> {
        if let Some(secret) = fs::read_to_string(&self.secret).ok().and_then(|text| parse_secret(job, &text))
        {
            return Ok(secret);
        }
        let secret = Secret::random()?;
        write_file_durably(&self.secret, format!("{job} {}\n", Hash(secret.0)).as_bytes())?;
        only_for_the_owner(&self.secret)?;
        Ok(secret)
    }
}

fn remove(path: &Path) -> Result<()> {
    match path.exists() {
        true => remove_durably(path),
        false => Ok(()),
    }
}

fn parse_secret(job: JobId, text: &str) -> Option<Secret> {
    let (of, secret) = text.strip_suffix('\n')?.split_once(' ')?;
    (of == job.to_string()).then_some(())?;
    Hash::from_hex(secret).map(|hash| Secret(hash.0))
}

#[cfg(unix)]
fn only_for_the_owner(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).os("protect", path)
}

#[cfg(not(unix))]
fn only_for_the_owner(_: &Path) -> Result<()> {
    Ok(())
}

impl HostState {
    /// A line of BLAKE3 over the rest, then JSON.
    fn to_bytes(&self) -> Vec<u8> {
        let pages: Map<String, Value> = self
            .pages
            .iter()
            .map(|(name, bytes)| (name.to_string(), BASE64_STANDARD.encode(bytes.as_slice()).into()))
            .collect();
        let text = json!({
            "format_version": VERSION,
            "record": self.record.to_hex(),
            "inner": BASE64_STANDARD.encode(&self.inner),
            "pages": pages,
        })
        .to_string();
        format!("{}\n{text}\n", Hash::of(format!("{text}\n").as_bytes())).into_bytes()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (hash, text) = text.split_once('\n')?;
        (Hash::from_hex(hash)? == Hash::of(text.as_bytes())).then_some(())?;
        let value: Value = serde_json::from_str(text).ok()?;
        (value.get("format_version")?.as_u64()? == VERSION).then_some(())?;
        let base64 = |value: &Value| BASE64_STANDARD.decode(value.as_str()?).ok();
        let pages = value.get("pages")?.as_object()?.iter();
        Some(Self {
            record: Hash::from_hex(value.get("record")?.as_str()?)?,
            inner: base64(value.get("inner")?)?,
            pages: pages
                .map(|(name, bytes)| Some((ObjectName::parse(name)?, Arc::new(base64(bytes)?))))
                .collect::<Option<_>>()?,
        })
    }
}
