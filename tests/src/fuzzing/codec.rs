//! Columns of blocks and of log frames.
use super::Arguments;
use crate::workload::{self, SeriesData};
use chronicle_core::codec::frame::{FrameRun, decode_frame, encode_frame};
use chronicle_core::codec::{self, Scratch};

/// Two bytes: count less one; then the column.
fn split(data: &[u8]) -> (usize, &[u8]) {
    let mut arguments = Arguments(data);
    (usize::from(arguments.u16()) + 1, arguments.0)
}

fn join(count: usize, column: &[u8]) -> Vec<u8> {
    let mut input = ((count - 1) as u16).to_le_bytes().to_vec();
    input.extend_from_slice(column);
    input
}

/// A column of timestamps, after its count.
pub fn decode_timestamps(data: &[u8]) {
    let (count, column) = split(data);
    let (mut scratch, mut items, mut again) = (Scratch::default(), Vec::new(), Vec::new());
    if codec::decode_timestamps(column, count, &mut items, &mut scratch).is_ok() {
        let mut bytes = Vec::new();
        codec::encode_timestamps(&items, &mut bytes, &mut scratch);
        codec::decode_timestamps(&bytes, count, &mut again, &mut scratch).unwrap();
        assert_eq!(items, again);
    }
}

/// A column of integers, after its count.
pub fn decode_integers(data: &[u8]) {
    let (count, column) = split(data);
    let (mut scratch, mut items, mut again) = (Scratch::default(), Vec::new(), Vec::new());
    if codec::decode_integers(column, count, &mut items, &mut scratch).is_ok() {
        let mut bytes = Vec::new();
        codec::encode_integers(&items, &mut bytes, &mut scratch);
        codec::decode_integers(&bytes, count, &mut again, &mut scratch).unwrap();
        assert_eq!(items, again);
    }
}

/// A column of values, after its count.
pub fn decode_values(data: &[u8]) {
    let (count, column) = split(data);
    let (mut scratch, mut items, mut again) = (Scratch::default(), Vec::new(), Vec::new());
    if codec::decode_values(column, count, &mut items, &mut scratch).is_ok() {
        let mut bytes = Vec::new();
        codec::encode_values(&items, &mut bytes, &mut scratch);
        codec::decode_values(&bytes, count, &mut again, &mut scratch).unwrap();
        assert_eq!(items, again);
    }
}

/// The column section of a commit of points.
pub fn decode_frame_columns(data: &[u8]) {
    let (mut runs, mut timestamps, mut bits) = (Vec::new(), Vec::new(), Vec::new());
    if decode_frame(data, &mut runs, &mut timestamps, &mut bits).is_err() || bits.len() > 1 << 14 {
        return;
    }
    let mut bytes = Vec::new();
    encode_frame(&runs, &timestamps, &bits, &mut bytes);
    let (mut runs_again, mut timestamps_again, mut bits_again) = (Vec::new(), Vec::new(), Vec::new());
    decode_frame(&bytes, &mut runs_again, &mut timestamps_again, &mut bits_again).unwrap();
    assert!(runs == runs_again && timestamps == timestamps_again && bits == bits_again);
}

/// Series of every kind of column: walks, noise, random bits, special values, constants, one point.
pub(super) fn series() -> Vec<SeriesData> {
    let mut series = workload::devops(1, 1, 1);
    series.truncate(6);
    series.extend(workload::iot(2, 1, 1));
    series.extend(workload::random(700, 1));
    let special = [0, 1 << 63, f64::NAN.to_bits(), 0x7ff8_0000_0000_0001, f64::INFINITY.to_bits(), u64::MAX];
    let of = |timestamps: Vec<i64>, bits: Vec<u64>| SeriesData { timestamps, bits, ..SeriesData::default() };
    series.push(of((0..60).collect(), special.iter().copied().cycle().take(60).collect()));
    series.push(of((0..500).map(|i| i * 7).collect(), vec![21.5f64.to_bits(); 500]));
    series
        .push(of((0..500).map(|i| i * i).collect(), (0..500).map(|i| f64::from(i % 3).to_bits()).collect()));
    series.push(of(vec![i64::MIN, i64::MAX], vec![1, 2]));
    series.push(of(vec![7], vec![0.1f64.to_bits()]));
    for series in &mut series {
        series.timestamps.truncate(900);
        series.bits.truncate(900);
    }
    series.retain(|series| !series.bits.is_empty());
    series
}

pub(super) fn timestamps_seeds() -> Vec<Vec<u8>> {
    let (mut scratch, mut again) = (Scratch::default(), Vec::new());
    let seed = |series: SeriesData| {
        let mut bytes = Vec::new();
        codec::encode_timestamps(&series.timestamps, &mut bytes, &mut scratch);
        codec::decode_timestamps(&bytes, series.timestamps.len(), &mut again, &mut scratch).unwrap();
        assert_eq!(again, series.timestamps);
        join(again.len(), &bytes)
    };
    series().into_iter().map(seed).collect()
}

pub(super) fn integers_seeds() -> Vec<Vec<u8>> {
    let (mut scratch, mut again) = (Scratch::default(), Vec::new());
    let seed = |series: SeriesData| {
        let integers: Vec<i64> = series.bits.iter().map(|&bits| f64::from_bits(bits) as i64).collect();
        let mut bytes = Vec::new();
        codec::encode_integers(&integers, &mut bytes, &mut scratch);
        codec::decode_integers(&bytes, integers.len(), &mut again, &mut scratch).unwrap();
        assert_eq!(again, integers);
        join(again.len(), &bytes)
    };
    series().into_iter().map(seed).collect()
}

pub(super) fn values_seeds() -> Vec<Vec<u8>> {
    let (mut scratch, mut again) = (Scratch::default(), Vec::new());
    let seed = |series: SeriesData| {
        let mut bytes = Vec::new();
        codec::encode_values(&series.bits, &mut bytes, &mut scratch);
        codec::decode_values(&bytes, series.bits.len(), &mut again, &mut scratch).unwrap();
        assert_eq!(again, series.bits);
        join(again.len(), &bytes)
    };
    series().into_iter().map(seed).collect()
}

/// Batches cut across the series: runs of equal and of different lengths.
pub(super) fn frame_seeds() -> Vec<Vec<u8>> {
    let series = series();
    let cut = |lens: &[usize]| {
        let (mut runs, mut timestamps, mut bits) = (Vec::new(), Vec::new(), Vec::new());
        for (number, series) in series.iter().enumerate() {
            let count = lens[number % lens.len()].min(series.bits.len());
            runs.push(FrameRun { series: (number * number) as u64, count: count as u32 });
            timestamps.extend_from_slice(&series.timestamps[..count]);
            bits.extend_from_slice(&series.bits[..count]);
        }
        let mut bytes = Vec::new();
        encode_frame(&runs, &timestamps, &bits, &mut bytes);
        let (mut runs_again, mut timestamps_again, mut bits_again) = (Vec::new(), Vec::new(), Vec::new());
        decode_frame(&bytes, &mut runs_again, &mut timestamps_again, &mut bits_again).unwrap();
        assert!(runs == runs_again && timestamps == timestamps_again && bits == bits_again);
        bytes
    };
    let mut seeds = vec![cut(&[1]), cut(&[10]), cut(&[1, 5, 40])];
    let mut empty = Vec::new();
    encode_frame(&[], &[], &[], &mut empty);
    seeds.push(empty);
    seeds
}
