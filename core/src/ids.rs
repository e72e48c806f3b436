//! Identities: of databases, histories, series and contents.
//!
//! Random ids come from the host. Nothing here is derived from a clock, a path or a host name.
use alloc::string::String;
use core::fmt;
use serde::{Deserialize, Serialize};

/// Log sequence number: the number of a commit in its lineage, starting at 1. 0 means "before any commit".
pub type Lsn = u64;

/// Number of a superblock: each checkpoint writes the next one.
pub type Generation = u64;

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $len:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Reads the lower-case or upper-case hexadecimal form that `Display` prints.
            pub fn from_hex(text: &str) -> Option<Self> {
                let digits = text.as_bytes();
                if digits.len() != 2 * $len { return None; }
                let mut id = [0u8; $len];
                for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
                    let high = char::from(*pair.first()?).to_digit(16)?;
                    let low = char::from(*pair.get(1)?).to_digit(16)?;
                    *byte = u8::try_from(high * 16 + low).ok()?;
                }
                Some(Self(id))
            }
            /// Hexadecimal, lower case.
            pub fn to_hex(&self) -> String { alloc::format!("{self}") }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}({self})", stringify!($name)) }
        }
    };
}

hex_id!(
    /// One database's whole history, over all its restores. Random, given at creation.
    Lineage, 16
);
hex_id!(
    /// An unbroken stretch of a lineage. Random; a restored database starts a new one that names its parent.
    Epoch, 16
);
hex_id!(
    /// One run of a backup, also over its interruptions. Random; what it left unfinished is known by it.
    Job, 16
);
hex_id!(
    /// BLAKE3 of some content, whole.
    Hash, 32
);
hex_id!(
    /// The first 16 bytes of a BLAKE3, where an enclosing [`struct@Hash`] already pins the content.
    Hash16, 16
);
hex_id!(
    /// Running hash over the frames of a log: equal chains mean equal histories.
    Chain, 32
);

impl Hash {
    /// BLAKE3 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl Hash16 {
    /// The first half of the BLAKE3 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Hash::of(bytes).into()
    }
}

impl From<Hash> for Hash16 {
    fn from(hash: Hash) -> Self {
        let mut half = [0u8; 16];
        half.copy_from_slice(&hash.0[..16]);
        Self(half)
    }
}

/// A series inside one lineage and epoch: metric number in the high 32 bits, ordinal inside the metric in the low
/// ones, both given in order of first appearance. Sorting by it keeps a metric's series together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SeriesId(pub u64);

impl SeriesId {
    /// Puts the two halves together.
    pub const fn new(metric: u32, ordinal: u32) -> Self {
        Self(((metric as u64) << 32) | ordinal as u64)
    }
    /// The metric's number.
    pub const fn metric(self) -> u32 {
        (self.0 >> 32) as u32
    }
    /// The ordinal of the series inside its metric.
    pub const fn ordinal(self) -> u32 {
        self.0 as u32
    }
}

/// What a series *is*, independent of any database: the first 128 bits of the BLAKE3 of its canonical form
/// ([`crate::model::canonical_series`]), read as little-endian. Digests are built on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SeriesKey(pub u128);
