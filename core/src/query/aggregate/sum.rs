//! Sum of a run.

/// Runs of at least this length are added in lanes.
const LANES: usize = 8;

/// The sum of `start` and the values: one after the other in short runs, in eight lanes (value `i` in lane `i % 8`) that
/// are then added up in long ones.
pub(super) fn sum_from(start: f64, bits: &[u64]) -> f64 {
    let (chunks, rest) = bits.as_chunks::<LANES>();
    let mut sum = start;
    if !chunks.is_empty() {
        let mut lanes = [0.0; LANES];
        for chunk in chunks {
            for (lane, &value) in lanes.iter_mut().zip(chunk) {
                *lane += f64::from_bits(value);
            }
        }
        sum += lanes.iter().fold(0.0, |sum, lane| sum + lane);
    }
    rest.iter().fold(sum, |sum, &value| sum + f64::from_bits(value))
}
