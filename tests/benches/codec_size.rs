//! Bytes per point and speed of the block codec on the four works: `cargo bench -p chronicle-tests --bench codec_size`.
//!
//! `NAB=<folder of CSV groups>` adds the real series. The peer is pco at level 8 on the same blocks, in the same run.
//! Speeds are of one thread, best of several passes; every block is decoded and compared by bits first.
use chronicle_core::codec::{self, Scratch};
use chronicle_tests::workload::{self, SeriesData};
use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress};
use std::time::Instant;

const PASSES: usize = 5;

fn main() {
    let mut works = vec![
        ("devops", workload::devops(20, 24, 1)),
        ("iot", workload::iot(100, 7, 1)),
        ("random", workload::random(400_000, 1)),
    ];
    if let Some(series) = std::env::var_os("NAB").and_then(workload::real) {
        works.push(("real", series));
    }
    println!("                B/pt                        M points/s        against pco-8");
    println!("work    block       ts  values   total    encode  decode     size  encode  decode");
    for (name, series) in &works {
        for block in [50, 1024, 4096, 8192] {
            measure(name, series, block);
        }
    }
}

fn measure(name: &str, series: &[SeriesData], block: usize) {
    let mut scratch = Scratch::default();
    let blocks: Vec<(&[i64], &[u64])> =
        series.iter().flat_map(|data| data.timestamps.chunks(block).zip(data.bits.chunks(block))).collect();
    let points: usize = blocks.iter().map(|(timestamps, _)| timestamps.len()).sum();
    let (mut encode, mut decode) = (f64::MAX, f64::MAX);
    let (mut timestamp_bytes, mut value_bytes) = (0, 0);
    let (mut timestamps_back, mut bits_back) = (Vec::new(), Vec::new());
    for pass in 0..PASSES {
        let mut encoded = Vec::with_capacity(points * 10);
        let mut ends = Vec::with_capacity(blocks.len() * 2);
        let started = Instant::now();
        for (timestamps, bits) in &blocks {
            codec::encode_timestamps(timestamps, &mut encoded, &mut scratch);
            ends.push(encoded.len());
            codec::encode_values(bits, &mut encoded, &mut scratch);
            ends.push(encoded.len());
        }
        encode = encode.min(started.elapsed().as_secs_f64());
        let (mut at, mut seconds) = (0, 0.0);
        (timestamp_bytes, value_bytes) = (0, 0);
        for ((timestamps, bits), end) in blocks.iter().zip(ends.chunks_exact(2)) {
            let started = Instant::now();
            let n = timestamps.len();
            codec::decode_timestamps(&encoded[at..end[0]], n, &mut timestamps_back, &mut scratch).unwrap();
            codec::decode_values(&encoded[end[0]..end[1]], n, &mut bits_back, &mut scratch).unwrap();
            seconds += started.elapsed().as_secs_f64();
            if pass == 0 {
                assert!(timestamps_back == *timestamps && bits_back == *bits, "{name}: not lossless");
            }
            timestamp_bytes += end[0] - at;
            value_bytes += end[1] - end[0];
            at = end[1];
        }
        decode = decode.min(seconds);
    }
    let n = points as f64;
    let (timestamps, values) = (timestamp_bytes as f64 / n, value_bytes as f64 / n);
    let (encode, decode) = (n / encode / 1e6, n / decode / 1e6);
    print!(
        "{name:7} {block:5} {timestamps:8.4}{values:8.4}{:8.4}{encode:10.1}{decode:8.1}",
        timestamps + values
    );
    let peer = measure_pco(&blocks);
    let size = (timestamps + values) / peer.0;
    println!("{size:8.3}x{:7.2}x{:7.2}x", encode / peer.1, decode / peer.2);
}

/// Bytes a point, and million points a second of encoding and decoding.
fn measure_pco(blocks: &[(&[i64], &[u64])]) -> (f64, f64, f64) {
    let config = ChunkConfig::default().with_compression_level(8);
    let (mut bytes, mut points, mut encode, mut decode) = (0, 0, 0.0, 0.0);
    // One pass over a part is enough for a ratio; pco encodes slowly. Seven has nothing in common with the ten fields of
    // a host, of which every second one is finer.
    for (timestamps, bits) in blocks.iter().step_by(7) {
        let values: Vec<f64> = bits.iter().map(|&v| f64::from_bits(v)).collect();
        let started = Instant::now();
        let a = simple_compress(timestamps, &config).unwrap();
        let b = simple_compress(&values, &config).unwrap();
        encode += started.elapsed().as_secs_f64();
        let started = Instant::now();
        let timestamps_back: Vec<i64> = simple_decompress(&a).unwrap();
        let values_back: Vec<f64> = simple_decompress(&b).unwrap();
        decode += started.elapsed().as_secs_f64();
        assert!(timestamps_back == *timestamps && values_back.len() == values.len());
        bytes += a.len() + b.len();
        points += values.len();
    }
    let n = points as f64;
    (bytes as f64 / n, n / encode / 1e6, n / decode / 1e6)
}
