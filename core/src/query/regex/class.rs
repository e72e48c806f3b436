//! Sets of characters, as sorted ranges that do not touch.
use alloc::vec::Vec;

/// Highest character that has another case.
const LAST_CASED: char = '\u{1E943}';

/// A set of characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class(Vec<(char, char)>);

impl Class {
    /// The characters of some ranges, ends included, in any order.
    pub(super) fn new(ranges: impl IntoIterator<Item = (char, char)>) -> Self {
        let mut ranges: Vec<(char, char)> = ranges.into_iter().collect();
        ranges.sort_unstable();
        let mut merged: Vec<(char, char)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some((_, end)) if first <= *end || next(*end) == Some(first) => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    /// Every character but a line break.
    pub(super) fn not_line_break() -> Self {
        Self::new([('\n', '\n')]).complement()
    }

    /// Every character.
    pub(super) fn any() -> Self {
        Self(alloc::vec![('\0', char::MAX)])
    }

    pub(super) fn ranges(&self) -> &[(char, char)] {
        &self.0
    }

    /// Every other character.
    pub(super) fn complement(&self) -> Self {
        let mut ranges = Vec::with_capacity(self.0.len() + 1);
        let mut from = Some('\0');
        for &(first, last) in &self.0 {
            if let (Some(from), Some(before)) = (from, previous(first))
                && from <= before
            {
                ranges.push((from, before));
            }
            from = next(last);
        }
        ranges.extend(from.map(|from| (from, char::MAX)));
        Self(ranges)
    }

    /// With the lower- and upper-case forms of its letters. `budget` is how many characters may be looked at, and is
    /// lowered by it; `None` when it is used up.
    pub(super) fn in_either_case(self, budget: &mut u32) -> Option<Self> {
        let mut ranges = self.0;
        for index in 0..ranges.len() {
            let Some(&(first, last)) = ranges.get(index) else { break };
            for c in first..=last.min(LAST_CASED) {
                *budget = budget.checked_sub(1)?;
                ranges.extend(only(c.to_lowercase()).filter(|&other| other != c).map(|c| (c, c)));
                ranges.extend(only(c.to_uppercase()).filter(|&other| other != c).map(|c| (c, c)));
            }
        }
        Some(Self::new(ranges))
    }

    /// True of its members.
    pub(super) fn contains(&self, c: char) -> bool {
        let after = self.0.partition_point(|&(first, _)| first <= c);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|&(_, last)| c <= last)
    }
}

/// The only character, if it is one.
fn only(mut chars: impl Iterator<Item = char>) -> Option<char> {
    chars.next().filter(|_| chars.next().is_none())
}

/// The character after `c`; there is none in the gap of the surrogates.
pub(super) fn next(c: char) -> Option<char> {
    match c {
        '\u{D7FF}' => Some('\u{E000}'),
        _ => char::from_u32(u32::from(c) + 1),
    }
}

fn previous(c: char) -> Option<char> {
    match c {
        '\u{E000}' => Some('\u{D7FF}'),
        _ => u32::from(c).checked_sub(1).and_then(char::from_u32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complement_leaves_out_nothing_but_the_class() {
        for ranges in [
            &[][..],
            &[('\0', 'a')],
            &[('a', 'z'), ('m', 'q'), ('{', '{')],
            &[('\u{D7FF}', '\u{E000}')],
            &[('b', char::MAX)],
            &[('\0', char::MAX)],
        ] {
            let class = Class::new(ranges.iter().copied());
            let complement = class.complement();
            for c in ['\0', 'a', 'b', 'p', 'z', '{', '|', '\u{D7FF}', '\u{E000}', '\u{E001}', char::MAX] {
                assert_ne!(class.contains(c), complement.contains(c), "{ranges:?} {c:?}");
            }
            assert_eq!(complement.complement(), class);
        }
    }

    #[test]
    fn cases_are_folded_within_a_budget() {
        let fold = |first, last, mut budget| Class::new([(first, last)]).in_either_case(&mut budget);
        let folded = fold('k', 'k', 10).unwrap();
        assert!(folded.contains('K') && !folded.contains('l'));
        assert!(fold('ö', 'ö', 10).unwrap().contains('Ö'));
        assert_eq!(fold('a', 'z', 25), None);
        assert_eq!(fold('\0', char::MAX, 1 << 18).unwrap().ranges().len(), 1);
    }
}
