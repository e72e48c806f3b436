//! Bytes per point and speed of the log's frame codec: `cargo bench -p chronicle-tests --bench codec_frame`.
//!
//! Batches are runs sorted by series, as the log writes them: devops and iot at 10 points a series and at one, and random
//! doubles. Speeds are of one thread, best of several passes over the same batch; each is compared by bits first.
use chronicle_core::codec::frame::{FrameRun, decode_frame, encode_frame};
use chronicle_tests::workload::{self, SeriesData};
use std::time::Instant;

const PASSES: usize = 200;

fn main() {
    println!("work    series x points   B/pt    M points/s: encode  decode");
    measure("devops", &workload::devops(100, 1, 1), 10);
    measure("devops", &workload::devops(1000, 1, 1), 1);
    measure("devops", &workload::devops(1, 1, 1), 1);
    measure("iot", &workload::iot(1000, 1, 1), 10);
    measure("random", &workload::random(20_000, 1), 10_000);
}

fn measure(name: &str, series: &[SeriesData], points: usize) {
    let skip = 5;
    let runs: Vec<_> =
        (0u64..).zip(series).map(|(series, _)| FrameRun { series, count: points as u32 }).collect();
    let timestamps: Vec<i64> =
        series.iter().flat_map(|s| &s.timestamps[skip..skip + points]).copied().collect();
    let bits: Vec<u64> = series.iter().flat_map(|s| &s.bits[skip..skip + points]).copied().collect();
    let (mut encode, mut decode) = (f64::MAX, f64::MAX);
    let (mut runs_back, mut timestamps_back, mut bits_back) = (Vec::new(), Vec::new(), Vec::new());
    let mut bytes = Vec::new();
    for _ in 0..PASSES {
        bytes.clear();
        let started = Instant::now();
        encode_frame(&runs, &timestamps, &bits, &mut bytes);
        encode = encode.min(started.elapsed().as_secs_f64());
        let started = Instant::now();
        decode_frame(&bytes, &mut runs_back, &mut timestamps_back, &mut bits_back).unwrap();
        decode = decode.min(started.elapsed().as_secs_f64());
    }
    assert!(runs_back == runs && timestamps_back == timestamps && bits_back == bits, "{name}: not lossless");
    let n = bits.len() as f64;
    println!(
        "{name:7} {:6} x {points:<6} {:8.3} {:22.1} {:7.1}",
        series.len(),
        bytes.len() as f64 / n,
        n / encode / 1e6,
        n / decode / 1e6
    );
}
