//! The name that was probably meant, among those that exist.
use alloc::vec::Vec;

/// Longest name that is compared, characters.
const COMPARED_MAX: usize = 100;
/// Cells of distances that are computed at most: about a tenth of a second, however many names there are.
const WORK_MAX: usize = 1 << 26;

/// The candidate nearest to `written`, letters in either case: at most `distance_max` characters to insert, delete, change
/// or swap with a neighbour, and fewer than it has. Of equally near ones the first in order. Among a great many candidates
/// it looks at the first ones only, so that a slip never costs more than a moment.
pub fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    distance_max: usize,
) -> Option<&'a str> {
    let written: Vec<char> = lower(written).take(COMPARED_MAX + 1).collect();
    if written.len() > COMPARED_MAX {
        return None;
    }
    let mut rows = Rows::default();
    let mut other: Vec<char> = Vec::new();
    let mut best: Option<(usize, &str)> = None;
    let mut work = WORK_MAX;
    for candidate in candidates {
        let most = best.map_or(distance_max, |(distance, _)| distance);
        other.clear();
        other.extend(lower(candidate).take(written.len() + most + 1));
        let Some(rest) = work.checked_sub(other.len() + 1) else { break };
        work = rest;
        if written.len().abs_diff(other.len()) > most {
            continue;
        }
        let Some(rest) = work.checked_sub(written.len() * other.len()) else { break };
        work = rest;
        let distance = rows.distance(&written, &other);
        let near = distance <= most && distance < written.len().min(other.len());
        if near && best.is_none_or(|best| (distance, candidate) < best) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn lower(name: &str) -> impl Iterator<Item = char> {
    name.chars().flat_map(char::to_lowercase)
}

/// Rows of the matrix of distances, reused from name to name.
#[derive(Default)]
struct Rows {
    before: Vec<usize>,
    last: Vec<usize>,
    row: Vec<usize>,
}

impl Rows {
    /// Swapped neighbours count as one (optimal string alignment).
    fn distance(&mut self, a: &[char], b: &[char]) -> usize {
        self.before.clear();
        self.last.clear();
        self.last.extend(0..=b.len());
        for (i, x) in a.iter().enumerate() {
            self.row.clear();
            self.row.push(i + 1);
            for (j, y) in b.iter().enumerate() {
                let mut cost =
                    (self.last[j] + usize::from(x != y)).min(self.last[j + 1] + 1).min(self.row[j] + 1);
                if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                    cost = cost.min(self.before[j - 1] + 1);
                }
                self.row.push(cost);
            }
            core::mem::swap(&mut self.before, &mut self.last);
            core::mem::swap(&mut self.last, &mut self.row);
        }
        self.last.last().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    extern crate std;

    #[test]
    fn a_slip_of_the_finger_finds_the_name_and_nonsense_none() {
        let near = |written: &str| nearest(written, ["cpu", "memory", "disk_io"], written.len().div_ceil(3));
        assert_eq!(near("cup"), Some("cpu"));
        assert_eq!(near("Memroy"), Some("memory"));
        assert_eq!(near("disk-io"), Some("disk_io"));
        assert_eq!((near("temperature"), near(""), near("x")), (None, None, None));
        assert_eq!(nearest("host1", ["host3", "host2"], 2), Some("host2"));
        assert_eq!(nearest(&"a".repeat(101), ["a"], 100), None);
    }

    #[test]
    fn a_million_names_cost_a_moment() {
        let names: Vec<String> = (0..1_000_000).map(|i| alloc::format!("service.requests.{i:07}")).collect();
        let started = std::time::Instant::now();
        let near = nearest("service.request.x", names.iter().map(String::as_str), 5);
        assert_eq!(near, None);
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }
}
