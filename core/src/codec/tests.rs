//! The codec as a whole: round trips over every mode and size, and damage.
extern crate std;
use super::*;
use crate::error::ErrorKind;

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
        ("skewed", |_, r| if r.below(6) == 0 { r.below(40) as i64 } else { 3 }),
        ("skewed and wide", |_, r| if r.below(8) == 0 { (r.next() >> 33) as i64 } else { 0 }),
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
        ("few of many", |_, r| [3.7, 1e9, -2.5, 0.0, f64::NAN, 1e-300, 88.25][r.below(7) as usize].to_bits()),
        ("holes", |_, r| ((r.below(90) * 977) as f64 / 100.0).to_bits() + 1),
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

#[test]
fn a_point_or_a_few_take_few_bytes() {
    let mut scratch = Scratch::default();
    let mut sizes = |n: usize| {
        let timestamps: Vec<i64> =
            (0..n as i64).map(|i| 1_767_225_600_000_000_000 + i * 10_000_000_000).collect();
        let bits: Vec<u64> = (0..n).map(|i| (21.5 + (i % 3) as f64 / 10.0).to_bits()).collect();
        let (mut a, mut b) = (Vec::new(), Vec::new());
        encode_timestamps(&timestamps, &mut a, &mut scratch);
        encode_values(&bits, &mut b, &mut scratch);
        (a.len(), b.len())
    };
    assert_eq!(sizes(1), (6, 3));
    assert_eq!(sizes(2), (9, 6));
    let (timestamps, values) = sizes(50);
    assert!(timestamps <= 10 && values <= 22, "{timestamps} {values}");
}

#[test]
fn unknown_kinds_are_unsupported_and_wrong_counts_are_damaged() {
    let (mut scratch, mut integers, mut bits) = (Scratch::default(), Vec::new(), Vec::new());
    let kind = |result: Result<()>| result.map_err(|error| error.kind());
    assert_eq!(kind(decode_timestamps(&[9], 1, &mut integers, &mut scratch)), Err(ErrorKind::Unsupported));
    assert_eq!(kind(decode_values(&[0x31], 1, &mut bits, &mut scratch)), Err(ErrorKind::Unsupported));
    for count in [0, BLOCK_POINTS_MAX + 1] {
        assert_eq!(kind(decode_values(&[0, 0], count, &mut bits, &mut scratch)), Err(ErrorKind::Damaged));
        assert_eq!(
            kind(decode_integers(&[1, 0], count, &mut integers, &mut scratch)),
            Err(ErrorKind::Damaged)
        );
    }
    assert_eq!(kind(decode_values(&[0, 0, 0], 1, &mut bits, &mut scratch)), Err(ErrorKind::Damaged));
    assert_eq!(kind(decode_values(&[0, 0], 1, &mut bits, &mut scratch)), Ok(()));
}

/// Truncates and flips `bytes` in many ways.
fn for_each_damage(bytes: &[u8], random: &mut Random, mut check: impl FnMut(&[u8], bool)) {
    for _ in 0..40 {
        check(&bytes[..random.below(bytes.len() as u64) as usize], true);
        let mut damaged = bytes.to_vec();
        for _ in 0..=random.below(3) {
            // Headers are where damage does most.
            let reach = if random.below(2) == 0 { bytes.len().min(40) } else { bytes.len() };
            damaged[random.below(reach as u64) as usize] ^= 1 << random.below(8);
        }
        check(&damaged, false);
        damaged.truncate(1 + random.below(bytes.len() as u64) as usize);
        damaged.extend((0..random.below(20)).map(|_| random.next() as u8));
        check(&damaged, false);
    }
}

#[test]
fn damaged_columns_are_refused_or_decode_to_count_items() {
    let (mut scratch, mut random) = (Scratch::default(), Random(1));
    let (mut integers, mut bits) = (Vec::new(), Vec::new());
    for n in [1, 3, 40, 200, 700] {
        for (_, shape) in integer_shapes() {
            let mut bytes = Vec::new();
            encode_timestamps(&made(shape, n), &mut bytes, &mut scratch);
            for_each_damage(&bytes, &mut random, |damaged, cut| {
                let result = decode_integers(damaged, n, &mut integers, &mut scratch);
                assert!(!cut || result.is_err(), "a column that lost its end was accepted");
                assert!(result.is_err() || integers.len() == n);
            });
        }
        for (_, shape) in value_shapes() {
            let mut bytes = Vec::new();
            encode_values(&made(shape, n), &mut bytes, &mut scratch);
            for_each_damage(&bytes, &mut random, |damaged, cut| {
                let result = decode_values(damaged, n, &mut bits, &mut scratch);
                assert!(!cut || result.is_err(), "a column that lost its end was accepted");
                assert!(result.is_err() || bits.len() == n);
            });
        }
    }
}

#[test]
fn random_bytes_are_never_more_than_an_error() {
    let (mut scratch, mut random) = (Scratch::default(), Random(2));
    let (mut integers, mut bits) = (Vec::new(), Vec::new());
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> = (0..random.below(60)).map(|_| random.next() as u8).collect();
        if let Some(first) = bytes.first_mut() {
            *first = [1, *first & 0xdf, 0x20, 0xff][random.below(4) as usize];
        }
        let n = 1 + random.below(2000) as usize;
        let _ = decode_integers(&bytes, n, &mut integers, &mut scratch);
        let _ = decode_values(&bytes, n, &mut bits, &mut scratch);
    }
}

mod properties {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// Doubles of every class, many of them awkward.
    fn any_bits() -> impl Strategy<Value = u64> {
        prop_oneof![
            4 => (-100_000i64..100_000, 0i32..4).prop_map(|(m, e)| (m as f64 / 10f64.powi(e)).to_bits()),
            1 => any::<u64>(),
            1 => (1u64..1 << 51).prop_map(|payload| 0x7ff0_0000_0000_0000 | payload),
            1 => (1u64..1 << 51).prop_map(|payload| 0xfff8_0000_0000_0000 | payload),
            1 => 0u64..1 << 52,
            1 => prop::sample::select(alloc::vec![1 << 63, 0x7ff << 52, 0xfff << 52, 0, 1, u64::MAX, u64::MAX >> 1]),
        ]
    }

    fn any_column() -> impl Strategy<Value = Vec<i64>> {
        let step = prop_oneof![8 => -3i64..1000, 1 => any::<i64>(), 3 => Just(10_000_000i64)];
        (any::<i64>(), vec(step, 1..5000)).prop_map(|(first, steps)| {
            let add = |x: &mut i64, step: i64| {
                *x = x.wrapping_add(step);
                Some(*x)
            };
            steps.into_iter().scan(first, add).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn values_are_lossless(bits in vec(any_bits(), 1..5000), keep in 1usize..5000) {
            let bits = &bits[..keep.min(bits.len())];
            let (mut scratch, mut bytes, mut back) = (Scratch::default(), Vec::new(), Vec::new());
            encode_values(bits, &mut bytes, &mut scratch);
            prop_assert!(bytes.len() <= 8 * bits.len() + 1);
            decode_values(&bytes, bits.len(), &mut back, &mut scratch).unwrap();
            prop_assert!(back == bits);
        }

        #[test]
        fn integers_and_timestamps_are_lossless(column in any_column()) {
            let (mut scratch, mut bytes, mut back) = (Scratch::default(), Vec::new(), Vec::new());
            encode_timestamps(&column, &mut bytes, &mut scratch);
            decode_timestamps(&bytes, column.len(), &mut back, &mut scratch).unwrap();
            prop_assert!(back == column);
            bytes.clear();
            encode_integers(&column, &mut bytes, &mut scratch);
            decode_integers(&bytes, column.len(), &mut back, &mut scratch).unwrap();
            prop_assert!(back == column);
        }
    }
}

#[test]
fn the_largest_column_comes_back() {
    let (mut scratch, mut back) = (Scratch::default(), Vec::new());
    for (name, shape) in value_shapes() {
        let column = made(shape, BLOCK_POINTS_MAX);
        let mut bytes = Vec::new();
        encode_values(&column, &mut bytes, &mut scratch);
        decode_values(&bytes, column.len(), &mut back, &mut scratch).unwrap();
        assert!(back == column, "{name}");
    }
}

/// Columns written by earlier versions, one a line: `i` or `v`, count, bytes, BLAKE3 of the items as little-endian
/// bytes. Lines are only ever added.
const GOLDEN: &str = include_str!("../../tests/fixtures/codec_columns.txt");

fn digest(words: impl Iterator<Item = u64>) -> std::string::String {
    let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    alloc::format!("{:.32}", crate::ids::Hash::of(&bytes).to_hex())
}

#[test]
fn columns_of_earlier_versions_are_read() {
    let (mut scratch, mut integers, mut bits) = (Scratch::default(), Vec::new(), Vec::new());
    for line in GOLDEN.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let count = fields[1].parse().unwrap();
        let pairs = fields[2].as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        let bytes: Vec<u8> = pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
        let found = if fields[0] == "i" {
            decode_integers(&bytes, count, &mut integers, &mut scratch).unwrap();
            digest(integers.iter().map(|&v| v as u64))
        } else {
            decode_values(&bytes, count, &mut bits, &mut scratch).unwrap();
            digest(bits.iter().copied())
        };
        assert_eq!(found, fields[3], "{:.60}", line);
    }
    assert!(GOLDEN.lines().count() > 30);
}
