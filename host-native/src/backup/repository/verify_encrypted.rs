//! Verifying an encrypted repository: what the key has to open, beside the hashes of what is stored.
use super::objects::Objects;
use super::sealing::{KEY_LEN_MAX, KEY_NAME};
use crate::error::{At, Error, Result};
use crate::verify::VerifyLevel;
use chronicle_core::backup::repository::Inventory;
use chronicle_core::ids::Hash;
use chronicle_core::verify::{Affected, Findings};
use std::collections::BTreeSet;

/// The level full needs a key; whoever has none is told what can be verified without.
pub(super) fn expect_key(objects: &Objects, level: VerifyLevel) -> Result<()> {
    match level == VerifyLevel::Full && !objects.can_read() {
        true => Err(Error::invalid(
            "the repository is encrypted, and the level full opens every object: pass --identity FILE or --passphrase-file \
             FILE; the level stored checks the hash of every object as it is stored, and needs no key",
        )
        .at(objects.place())),
        false => Ok(()),
    }
}

/// At the level full the key opens every record; at any level the identity under a passphrase is the one that was written.
pub(super) fn check(
    objects: &Objects,
    inventory: &Inventory,
    level: VerifyLevel,
    findings: &mut Findings,
) -> Result<()> {
    let Some(opened) = objects.opened() else { return Ok(()) };
    if level == VerifyLevel::Full {
        inventory.points().try_for_each(|point| opened.expect_open(point)).at(|| objects.place())?;
    }
    let told: BTreeSet<Hash> =
        inventory.points().filter_map(|point| point.encryption.as_ref()?.key).collect();
    for told in told {
        let found = objects.get(KEY_NAME, KEY_LEN_MAX)?.map(|bytes| Hash::of(&bytes));
        let wrong = match found {
            Some(found) if found == told => continue,
            Some(_) => {
                "it is not the one that was written: put it back from a copy, or the passphrase opens nothing"
            }
            None => "it is missing: put it back from a copy, or the passphrase opens nothing",
        };
        findings.add(&KEY_NAME, &Error::damaged(wrong), Affected::default());
    }
    Ok(())
}
