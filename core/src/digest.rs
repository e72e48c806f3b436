//! Digest: an order-independent hash over points, so that equal data has an equal digest whatever its layout or host.
//!
//! The digest of a set is the count and, in two 64-bit lanes, the wrapping sum of [`mix`] over its points. Adding and
//! taking away single points, and joining the digests of disjoint sets, are therefore additions. It finds accidents
//! (a lost, doubled, moved or changed point); it is not meant to resist someone who forges data on purpose: file
//! and segment hashes do that.
use crate::ids::SeriesKey;
use core::fmt;
use serde::{Deserialize, Serialize};

/// Digest of a set of points.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Digest {
    /// Number of points.
    pub points: u64,
    /// Wrapping sums of the two lanes of [`mix`].
    pub lanes: [u64; 2],
}

impl Digest {
    /// Adds points of one series; both slices have the same length.
    pub fn add(&mut self, key: SeriesKey, timestamps: &[i64], bits: &[u64]) {
        let mut lanes = self.lanes;
        for (&timestamp, &value) in timestamps.iter().zip(bits) {
            let [a, b] = mix(key, timestamp, value);
            lanes[0] = lanes[0].wrapping_add(a);
            lanes[1] = lanes[1].wrapping_add(b);
        }
        self.lanes = lanes;
        self.points = self.points.wrapping_add(timestamps.len() as u64);
    }
    /// Joins the digest of a disjoint set.
    pub fn join(&mut self, other: &Self) {
        self.points = self.points.wrapping_add(other.points);
        self.lanes[0] = self.lanes[0].wrapping_add(other.lanes[0]);
        self.lanes[1] = self.lanes[1].wrapping_add(other.lanes[1]);
    }
    /// Reads what `Display` prints.
    pub fn parse(text: &str) -> Option<Self> {
        let (points, lanes) = text.split_once('-')?;
        if lanes.len() != 32 || !lanes.is_ascii() {
            return None;
        }
        let (a, b) = lanes.split_at(16);
        let lanes = [u64::from_str_radix(a, 16).ok()?, u64::from_str_radix(b, 16).ok()?];
        Some(Self { points: points.parse().ok()?, lanes })
    }
}

/// `<points>-<32 hexadecimal digits>`.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}{:016x}", self.points, self.lanes[0], self.lanes[1])
    }
}

/// The fixed mix of one point. For a fixed series it is a bijection of (timestamp, bits), so two different points of a
/// series never mix to the same lanes; `fmix64` is the finaliser of MurmurHash3 (Appleby, public domain).
pub fn mix(key: SeriesKey, timestamp: i64, bits: u64) -> [u64; 2] {
    let (low, high) = (key.0 as u64, (key.0 >> 64) as u64);
    let x = (timestamp as u64 ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let y = fmix64(bits ^ high ^ x.rotate_left(29));
    [y, fmix64(x.wrapping_add(y.rotate_left(17)) ^ high)]
}

fn fmix64(mut x: u64) -> u64 {
    x = (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ (x >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_every_part_does() {
        let key = SeriesKey(7);
        let digest = |points: &[(u128, i64, u64)]| {
            let mut digest = Digest::default();
            points
                .iter()
                .for_each(|&(key, timestamp, bits)| digest.add(SeriesKey(key), &[timestamp], &[bits]));
            digest
        };
        let base = digest(&[(1, 1, 1), (1, 2, 2)]);
        assert_eq!(base, digest(&[(1, 2, 2), (1, 1, 1)]));
        for other in
            [[(1, 1, 2), (1, 2, 1)], [(1, 1, 1), (2, 2, 2)], [(1, 1, 1), (1, 2, 3)], [(1, 1, 1), (1, 3, 2)]]
        {
            assert_ne!(base, digest(&other));
        }
        assert_ne!(mix(key, 0, 0), [0, 0]);
    }

    #[test]
    fn the_mix_never_changes() {
        // Digests are written into records that live as long as backups do.
        assert_eq!(
            mix(
                SeriesKey(0x0123_4567_89ab_cdef_0011_2233_4455_6677),
                1_706_400_000_000_000_000,
                21.5f64.to_bits()
            ),
            MIX_GOLDEN
        );
    }
    const MIX_GOLDEN: [u64; 2] = [1_433_591_584_717_643_451, 2_396_460_226_798_751_717];

    #[test]
    fn text_reads_back() {
        let digest = Digest { points: 12, lanes: [1, u64::MAX] };
        assert_eq!(Digest::parse(&alloc::format!("{digest}")), Some(digest));
        assert_eq!(Digest::parse("12-zz"), None);
    }
}
