//! The codec as a whole: round trips over every mode and size, and damage.
extern crate std;
use super::*;

/// Deterministic 64-bit generator (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

const SIZES: [usize; 22] =
    [1, 2, 3, 4, 5, 7, 8, 9, 23, 24, 25, 47, 48, 49, 50, 383, 384, 385, 640, 641, 1025, 4999];

type Shape<T> = (&'static str, fn(usize, &mut Random) -> T);

fn integer_shapes() -> Vec<Shape<i64>> {
    alloc::vec![
        ("constant", |_, _| -77),
        ("regular", |i, _| 1_700_000_000_000_000_000 + i as i64 * 10_000_000_000),
        ("jitter", |i, r| 1_700_000_000_000_000_000 + (i as i64 * 60_000 + r.below(501) as i64) * 1_000_000),
        ("jitter ns", |i, r| i as i64 * 10_000_000_000 + r.below(1_000_003) as i64),
        ("gaps", |i, _| (i as i64 + (i as i64 / 700) * 5) * 10),
        ("duplicates", |i, _| (i as i64 / 3) * 1000),
        ("counter with resets", |i, _| (i as i64 % 1500) * 1_000_000_007),
        ("small noise", |_, r| r.below(9) as i64),
        ("rare", |_, r| i64::from(r.below(200) == 0) * 12345),
        ("extremes", |i, _| [i64::MIN, i64::MAX, 0, -1][i % 4]),
        ("descending", |i, _| -(i as i64) * 3),
        ("random", |_, r| r.next() as i64),
        ("wide outliers", |_, r| if r.below(300) == 0 { r.next() as i64 } else { r.below(1000) as i64 }),
        ("41 bits", |_, r| (r.next() >> 23) as i64),
        ("squares", |i, _| (i * i) as i64),
    ]
}

fn value_shapes() -> Vec<Shape<u64>> {
    alloc::vec![
        ("constant", |_, _| 21.5f64.to_bits()),
        ("one decimal", |_, r| (r.below(1000) as f64 / 10.0).to_bits()),
        ("mixed decimals", |i, r| (r.below(100_000) as f64 / [1.0, 10.0, 1000.0][i % 3]).to_bits()),
        ("ulp noise", |_, r| ((r.below(1000) as f64 / 100.0).to_bits()).wrapping_add(r.below(3))),
        ("rare ulp noise", |_, r| (r.below(1000) as f64).to_bits() + u64::from(r.below(90) == 0)),
        ("specials", |i, r| {
            let all =
                [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0, f64::MAX, f64::MIN, 5e-324, 1e-310];
            if i % 2 == 0 { all[r.below(9) as usize].to_bits() } else { 1.5f64.to_bits() }
        }),
        ("rare NaN payloads", |_, r| match r.below(60) {
            0 => 0x7ff0_0000_0000_0001 | r.below(1 << 50),
            1 => 0xfff8_0000_0000_0000 | r.below(1 << 50),
            _ => (r.below(500) as f64 / 10.0).to_bits(),
        }),
        ("random bits", |_, r| r.next()),
        ("uniform", |_, r| ((r.next() >> 11) as f64 / 9007199254740992.0).to_bits()),
        ("f32", |_, r| f64::from(r.below(1 << 24) as f32 * 0.1).to_bits()),
        ("counter", |i, _| (i as f64 * 17.0).to_bits()),
        ("subnormal", |_, r| r.below(1 << 20)),
        ("negative", |_, r| (-(r.below(5000) as f64) / 100.0).to_bits()),
        ("huge integers", |_, r| (r.below(1 << 62) as f64).to_bits()),
        ("2^51", |i, _| ((1u64 << 51) as f64 - 2.0 + i as f64).to_bits()),
    ]
}

fn made<T>(shape: fn(usize, &mut Random) -> T, n: usize) -> Vec<T> {
    let mut random = Random(n as u64);
    (0..n).map(|i| shape(i, &mut random)).collect()
}

#[test]
fn integers_of_every_shape_and_size_come_back() {
    let (mut scratch, mut back) = (Scratch::default(), Vec::new());
    for (name, shape) in integer_shapes() {
        for n in SIZES {
            let column = made(shape, n);
            for encode in [encode_timestamps, encode_integers] {
                let mut bytes = Vec::new();
                encode(&column, &mut bytes, &mut scratch);
                decode_integers(&bytes, n, &mut back, &mut scratch)
                    .unwrap_or_else(|e| panic!("{name} {n}: {e}"));
                assert!(back == column, "{name} {n}");
            }
        }
    }
}

#[test]
fn values_of_every_shape_and_size_come_back_by_bits() {
    let (mut scratch, mut back) = (Scratch::default(), Vec::new());
    for (name, shape) in value_shapes() {
        for n in SIZES {
            let column = made(shape, n);
            let mut bytes = Vec::new();
            encode_values(&column, &mut bytes, &mut scratch);
            assert!(bytes.len() <= 8 * n + 1, "{name} {n}");
            decode_values(&bytes, n, &mut back, &mut scratch).unwrap_or_else(|e| panic!("{name} {n}: {e}"));
            assert!(back == column, "{name} {n}");
        }
    }
}
