//! What only a host has: a clock and randomness.
use chronicle_core::error::{Error, ErrorKind, Result};
use chronicle_core::ids::{Epoch, Lineage};
use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock, Unix ns; the ends of i64 where it is set to an impossible year.
pub fn now_ns() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |before| -before),
    }
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Io, format!("the system gives no random numbers: {error}")))?;
    Ok(bytes)
}

/// Random bytes that nobody outside can guess: secrets, keys, salts.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    random()
}

/// A new lineage.
pub(crate) fn random_lineage() -> Result<Lineage> {
    random().map(Lineage)
}

/// A new epoch.
pub(crate) fn random_epoch() -> Result<Epoch> {
    random().map(Epoch)
}

/// A number that nobody outside can guess.
pub(crate) fn random_u64() -> Result<u64> {
    random().map(u64::from_le_bytes)
}
