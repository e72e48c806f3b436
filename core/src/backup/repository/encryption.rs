//! The encrypted part of a point's record: what only holders of a key may know.
//!
//! Everybody may know what a backup and a prune need: numbers, names, lengths and hashes of objects as they are stored, LSNs,
//! chains and times. How many points and series there are, their digest, settings and policies (which name metrics) are in
//! `inner`, an age file of a sealed JSON record; outside, neutral values stand in their place.
use super::point_record::PointRecord;
use crate::backup::record::SNAPSHOT_VERSION;
use crate::backup::seal::{exact, number, open, seal};
use crate::digest::Digest;
use crate::error::{At, Error, Result};
use crate::format::{Policies, PolicyState, Settings};
use crate::ids::Hash;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

/// Most bytes of `inner`, encrypted.
pub const INNER_LEN_MAX: usize = 8 << 20;
/// Most recipients of a point.
pub const RECIPIENTS_MAX: usize = 20;
const INNER: &str = "inner";
/// Why there is no digest outside.
const WITHHELD: &str = "it is in the encrypted part";
/// Settings that stand where the true ones are withheld.
const NEUTRAL: Settings = Settings {
    partition_duration_ns: 604_800_000_000_000,
    retention_ns: None,
    retention_bytes: None,
    retention_suspended: false,
};

/// To whom a point is encrypted, and what of its record is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encryption {
    /// Recipients, as `age1...`, ascending: whoever has the identity of one of them reads the point.
    pub recipients: Vec<String>,
    /// BLAKE3 of `key.age`, where the identity lies in the repository under a passphrase.
    pub key: Option<Hash>,
    /// The age file of the withheld members.
    pub inner: Vec<u8>,
    /// True while the record has neutral values in their place: as it was read, before [`PointRecord::open`].
    pub is_withheld: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct EncryptionFields {
    recipients: Vec<String>,
    key: Option<String>,
    inner: String,
}

/// The withheld members, and enough of the others to know whose they are.
#[derive(Serialize, Deserialize)]
struct InnerFields {
    format_version: u32,
    kind: String,
    name: String,
    lineage: String,
    epoch: String,
    lsn: String,
    chain: String,
    points_stored: String,
    series: String,
    segments: String,
    digest: Option<String>,
    digest_reason: Option<String>,
    stored_digest: String,
    log_points: String,
    settings: Settings,
    policies: Policies,
    policy_state: PolicyState,
}

impl From<&Encryption> for EncryptionFields {
    fn from(part: &Encryption) -> Self {
        Self {
            recipients: part.recipients.clone(),
            key: part.key.map(|key| key.to_hex()),
            inner: BASE64_STANDARD.encode(&part.inner),
        }
    }
}

impl EncryptionFields {
    pub(super) fn read(self) -> Result<Encryption> {
        let key = self.key.as_ref().map(|key| exact("encryption.key", key, Hash::from_hex)).transpose()?;
        let inner = BASE64_STANDARD.decode(&self.inner);
        let inner = inner.map_err(|_| Error::damaged("member encryption.inner is no base64"))?;
        let part = Encryption { recipients: self.recipients, key, inner, is_withheld: true };
        part.check()?;
        Ok(part)
    }
}

impl Encryption {
    /// What must hold of every one.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = if self.recipients.is_empty() || self.recipients.len() > RECIPIENTS_MAX {
            "it has no recipient, or too many"
        } else if !self.recipients.iter().all(|text| is_recipient(text)) {
            "a recipient of it is none"
        } else if !self.recipients.array_windows().all(|[a, b]| a < b) {
            "its recipients are out of order"
        } else if self.inner.len() > INNER_LEN_MAX {
            "its encrypted part is too long"
        } else {
            return Ok(());
        };
        Err(Error::damaged(wrong))
    }
}

/// What may be a recipient, as far as it is printed. Only hosts know keys.
fn is_recipient(text: &str) -> bool {
    text.starts_with("age1") && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

impl PointRecord {
    /// True while members have neutral values, because the encrypted part was not opened.
    pub fn is_withheld(&self) -> bool {
        self.encryption.as_ref().is_some_and(|part| part.is_withheld)
    }

    /// The plain bytes of the encrypted part, to be encrypted.
    pub fn inner(&self) -> Result<Vec<u8>> {
        let point = &self.point;
        let fields = InnerFields {
            format_version: SNAPSHOT_VERSION,
            kind: INNER.to_string(),
            name: self.entry.to_string(),
            lineage: point.lineage.to_hex(),
            epoch: point.epoch.to_hex(),
            lsn: point.lsn.to_string(),
            chain: point.chain.to_hex(),
            points_stored: point.points_stored.to_string(),
            series: point.series.to_string(),
            segments: point.segments.to_string(),
            digest: point.digest.map(|digest| digest.to_string()),
            digest_reason: point.digest_reason.clone(),
            stored_digest: point.stored_digest.to_string(),
            log_points: point.log_points.to_string(),
            settings: self.settings,
            policies: self.policies.clone(),
            policy_state: self.policy_state.clone(),
        };
        seal(&fields, INNER_LEN_MAX / 2)
    }

    /// Puts the withheld members in their places. `Damaged` when `inner`, decrypted, is not the part of this record.
    pub fn open(&mut self, inner: &[u8]) -> Result<()> {
        let entry = self.entry;
        self.read_inner(inner).at(|| "encrypted part").at(|| entry.record())
    }

    fn read_inner(&mut self, inner: &[u8]) -> Result<()> {
        let opened = open(inner, INNER_LEN_MAX)?;
        opened.expect(INNER)?;
        let fields: InnerFields = opened.members()?;
        let point = &self.point;
        let here = [
            (&fields.name, self.entry.to_string()),
            (&fields.lineage, point.lineage.to_hex()),
            (&fields.epoch, point.epoch.to_hex()),
            (&fields.lsn, point.lsn.to_string()),
            (&fields.chain, point.chain.to_hex()),
        ];
        if here.iter().any(|(inside, outside)| *inside != outside) {
            return Err(Error::damaged("it is of another point than the record that it lies in"));
        }
        let digest = |text: &String| exact("digest", text, Digest::parse);
        let mut opened = self.clone();
        opened.point.points_stored = number("points_stored", &fields.points_stored)?;
        opened.point.series = number("series", &fields.series)?;
        opened.point.segments = number("segments", &fields.segments)?;
        opened.point.digest = fields.digest.as_ref().map(digest).transpose()?;
        opened.point.digest_reason = fields.digest_reason;
        opened.point.stored_digest = exact("stored_digest", &fields.stored_digest, Digest::parse)?;
        opened.point.log_points = number("log_points", &fields.log_points)?;
        opened.settings = fields.settings;
        opened.policies = fields.policies;
        opened.policy_state = fields.policy_state;
        if let Some(part) = &mut opened.encryption {
            part.is_withheld = false;
        }
        opened.check()?;
        *self = opened;
        Ok(())
    }

    /// The record as everybody may read it; `None` outside of an encrypted repository.
    pub(super) fn outer(&self) -> Option<Self> {
        self.encryption.as_ref()?;
        let mut outer = self.clone();
        outer.point.points_stored = 0;
        outer.point.series = 0;
        outer.point.segments = 0;
        outer.point.digest = None;
        outer.point.digest_reason = Some(WITHHELD.into());
        outer.point.stored_digest = Digest::default();
        outer.point.log_points = 0;
        outer.settings = NEUTRAL;
        outer.policies = Policies::default();
        outer.policy_state = PolicyState::default();
        Some(outer)
    }
}
