//! Search for the newest claimed number, by asking for single claims: no listing is believed.
//!
//! Numbers are claimed without a gap, so "is n claimed?" is true up to the newest and false from there on. A hint is
//! where the search starts, and nothing else: a false one costs questions, never the answer.
use super::name::{POINT_NUMBER_MAX, PointNumber};

/// What a search wants to know, or has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SearchStep {
    /// Is this number claimed? Give the answer to [`NewestSearch::answer`].
    Ask(PointNumber),
    /// The newest claimed number; `None` where there is none.
    Found(Option<PointNumber>),
}

/// A search on its way: at most some 80 questions, and about 2 from a good hint.
#[derive(Clone, Debug)]
pub struct NewestSearch {
    /// The first number that may be unclaimed: all below are claimed.
    low: PointNumber,
    /// A number known to be unclaimed; `None` while none is known.
    high: Option<PointNumber>,
    /// How far the next leap goes.
    leap: PointNumber,
    /// The first question, if it is a hint's.
    hint: Option<PointNumber>,
}

impl NewestSearch {
    /// A search from `hint`, a number that someone believes to be claimed.
    pub fn new(hint: Option<PointNumber>) -> Self {
        Self { low: 0, high: None, leap: 1, hint: hint.filter(|&hint| hint < POINT_NUMBER_MAX) }
    }

    /// What to ask next, or the result.
    pub fn next(&self) -> SearchStep {
        match self.asks() {
            Some(number) => SearchStep::Ask(number),
            None => SearchStep::Found(self.low.checked_sub(1)),
        }
    }

    fn asks(&self) -> Option<PointNumber> {
        if let Some(hint) = self.hint {
            return Some(hint);
        }
        let end = POINT_NUMBER_MAX + 1;
        match self.high {
            // Everything may be claimed only in a destination that says yes to all: the search ends there.
            None if self.low >= end => None,
            None => Some(self.low.saturating_add(self.leap - 1).min(POINT_NUMBER_MAX)),
            Some(high) if self.low >= high => None,
            Some(high) => {
                let leapt = self.low.saturating_add(self.leap - 1);
                Some(leapt.min(self.low + (high - self.low) / 2))
            }
        }
    }

    /// Takes the answer to what [`NewestSearch::next`] asked; without a question it does nothing.
    pub fn answer(&mut self, claimed: bool) {
        let Some(asked) = self.asks() else { return };
        let was_hint = self.hint.take().is_some();
        if claimed {
            self.low = asked + 1;
            self.leap = if was_hint { 1 } else { self.leap.saturating_mul(2).min(POINT_NUMBER_MAX) };
        } else {
            self.high = Some(asked);
            // Behind a wrong hint the search doubles from 0; behind its own leap it halves.
            self.leap = if was_hint { 1 } else { POINT_NUMBER_MAX };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(hint: Option<u64>, claimed: impl Fn(u64) -> bool) -> (Option<u64>, u32) {
        let mut search = NewestSearch::new(hint);
        for questions in 0..200 {
            match search.next() {
                SearchStep::Ask(number) => search.answer(claimed(number)),
                SearchStep::Found(newest) => return (newest, questions),
            }
        }
        panic!("the search does not end");
    }

    #[test]
    fn a_good_hint_takes_two_questions() {
        assert_eq!(run(Some(40), |n| n <= 40), (Some(40), 2));
        assert_eq!(run(None, |_| false), (None, 1));
        assert!(run(Some(40), |n| n <= 41).1 <= 4);
    }

    #[test]
    fn a_destination_that_says_yes_to_everything_ends_the_search() {
        assert_eq!(run(None, |_| true).0, Some(POINT_NUMBER_MAX));
    }

    proptest! {
        #[test]
        fn whatever_the_hint_the_newest_claim_is_found(
            count in prop_oneof![0u64..5, 0u64..100_000, 0u64..POINT_NUMBER_MAX],
            hint in prop_oneof![
                Just(None), (0u64..10).prop_map(Some), any::<u64>().prop_map(Some),
                (0u64..200_000).prop_map(Some), Just(Some(POINT_NUMBER_MAX))
            ],
        ) {
            let (newest, questions) = run(hint, |n| n < count);
            prop_assert_eq!(newest, count.checked_sub(1));
            prop_assert!(questions <= 85, "{} questions", questions);
        }
    }
}
