//! The block codec holds the size floors of the project on every work, at 4,096 points a block.
//!
//! Floors are for whole files; 0.02 bytes a point of each are left to the index and the frame around blocks.
use chronicle_core::codec::{self, Scratch};
use chronicle_tests::workload::{self, SeriesData};
use std::path::Path;

const BLOCK: usize = 4096;
const INDEX: f64 = 0.02;

fn bytes_per_point(series: &[SeriesData]) -> f64 {
    let (mut scratch, mut bytes) = (Scratch::default(), Vec::new());
    let (mut timestamps_back, mut bits_back) = (Vec::new(), Vec::new());
    let (mut total, mut points) = (0, 0);
    for data in series {
        for (timestamps, bits) in data.timestamps.chunks(BLOCK).zip(data.bits.chunks(BLOCK)) {
            bytes.clear();
            codec::encode_timestamps(timestamps, &mut bytes, &mut scratch);
            let split = bytes.len();
            codec::encode_values(bits, &mut bytes, &mut scratch);
            let n = bits.len();
            codec::decode_timestamps(&bytes[..split], n, &mut timestamps_back, &mut scratch).unwrap();
            codec::decode_values(&bytes[split..], n, &mut bits_back, &mut scratch).unwrap();
            assert!(timestamps_back == timestamps && bits_back == bits, "{} is not lossless", data.metric);
            total += bytes.len();
            points += n;
        }
    }
    total as f64 / points as f64
}

#[track_caller]
fn assert_below(series: &[SeriesData], floor: f64) {
    let size = bytes_per_point(series);
    assert!(size < floor - INDEX, "{size:.4} bytes a point, allowed are {:.4}", floor - INDEX);
}

#[test]
fn devops_holds_its_floor() {
    assert_below(&workload::devops(2, 46, 1), 0.95);
}

#[test]
fn iot_holds_its_floor() {
    assert_below(&workload::iot(20, 12, 1), 1.85);
}

#[test]
fn random_holds_its_floor() {
    assert_below(&workload::random(60_000, 1), 9.80);
}

/// `NAB` names the benchmark's data folder, for which the floor of all 58 series holds; beside the repository there may
/// be a part of it, whose values are finer than the average and have a bound of their own.
#[test]
fn real_series_hold_their_floor() {
    let part = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/nab");
    let folder = std::env::var_os("NAB").map_or(part, Into::into);
    match workload::real(folder) {
        Some(series) if series.len() == 58 => assert_below(&series, 1.50),
        Some(series) if series.len() == 24 => assert_below(&series, 1.93),
        Some(_) => {
            panic!("this test knows NAB whole (58 series) or the two groups AWS and known causes (24)")
        }
        None => eprintln!("no NAB data: skipped"),
    }
}
