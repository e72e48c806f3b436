//! Names that do not exist, and the ones that may have been meant.
use super::report::name;
use chronicle::{Db, Error, ErrorKind};

/// Longest name that is compared, characters.
const COMPARED_MAX: usize = 100;
/// Names that are listed where none is near.
const LISTED_MAX: usize = 5;

/// Refuses a metric that the database never had, and says which one is near.
pub(super) fn check_metric(db: &Db, metric: &str) -> Result<(), Error> {
    let known = db.metric_names();
    if known.iter().any(|known| known == metric) {
        return Ok(());
    }
    let hint = match nearest(metric, &known) {
        Some(near) => format!("did you mean {}?", name(near)),
        None if known.is_empty() => "the database holds no points yet".to_owned(),
        None => {
            let listed: Vec<String> = known.iter().take(LISTED_MAX).map(|known| name(known)).collect();
            let more = if known.len() > LISTED_MAX { ", ... (see chronicle metrics)" } else { "" };
            format!("there are {}{more}", listed.join(", "))
        }
    };
    let place = db.path().display();
    Err(Error::new(ErrorKind::NotFound, format!("no metric {}; {hint}", name(metric))).at(place))
}

fn nearest<'a>(wanted: &str, known: &'a [String]) -> Option<&'a str> {
    let wanted: Vec<char> = wanted.to_lowercase().chars().take(COMPARED_MAX).collect();
    let close = |distance: &usize| *distance <= wanted.len().div_ceil(3);
    known
        .iter()
        .map(|known| (distance(&wanted, &known.to_lowercase()), known))
        .filter(|(distance, _)| close(distance))
        .min()
        .map(|(_, known)| known.as_str())
}

/// Number of characters to insert, delete, change or swap with a neighbour to get from one name to the other.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().take(COMPARED_MAX).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let change = last[j] + usize::from(x != y);
            let mut best = change.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_name_and_nonsense_none() {
        let known = ["cpu", "memory", "disk_io"].map(String::from);
        assert_eq!(nearest("cup", &known), Some("cpu"));
        assert_eq!(nearest("Memroy", &known), Some("memory"));
        assert_eq!(nearest("disk-io", &known), Some("disk_io"));
        assert_eq!(nearest("temperature", &known), None);
        assert_eq!(nearest("", &known), None);
    }
}
