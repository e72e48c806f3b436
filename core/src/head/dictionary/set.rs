//! Sets of series of one metric, for conditions to be put together: by `and`, `or` and `not` of what the index answers.
use alloc::vec::Vec;

/// A set of ordinals, or what is left when they are taken out. So `not` is free, and a condition that most series meet
/// costs as much as its opposite.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OrdinalSet {
    /// Ascending.
    ordinals: Vec<u32>,
    /// The set is all but these.
    without: bool,
}

impl OrdinalSet {
    /// Every series.
    pub(crate) fn all() -> Self {
        Self::all_but(Vec::new())
    }

    /// These, which ascend.
    pub(crate) fn only(ordinals: Vec<u32>) -> Self {
        Self { ordinals, without: false }
    }

    /// All but these, which ascend.
    pub(crate) fn all_but(ordinals: Vec<u32>) -> Self {
        Self { ordinals, without: true }
    }

    /// What is in both.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self.without, other.without) {
            (false, false) => Self::only(kept(self.ordinals, &other.ordinals, true)),
            (false, true) => Self::only(kept(self.ordinals, &other.ordinals, false)),
            (true, false) => Self::only(kept(other.ordinals, &self.ordinals, false)),
            (true, true) => Self::all_but(merged(self.ordinals, other.ordinals)),
        }
    }

    /// What is in one of them.
    pub(crate) fn or(self, other: Self) -> Self {
        self.negate().and(other.negate()).negate()
    }

    /// What is not in it.
    pub(crate) fn negate(self) -> Self {
        Self { without: !self.without, ..self }
    }

    /// The ordinals, when it names them and not those to leave out.
    pub(crate) fn named(&mut self) -> Option<&mut Vec<u32>> {
        (!self.without).then_some(&mut self.ordinals)
    }

    /// The ordinals below `end`, ascending.
    pub(crate) fn below(mut self, end: u32) -> Vec<u32> {
        if self.without {
            let mut out = self.ordinals.iter().copied().peekable();
            return (0..end).filter(|ordinal| out.next_if_eq(ordinal).is_none()).collect();
        }
        self.ordinals.truncate(self.ordinals.partition_point(|&ordinal| ordinal < end));
        self.ordinals
    }
}

/// Those of `all` that are in `others`, or that are not. Steps over what lies between, however uneven the two are.
fn kept(mut all: Vec<u32>, others: &[u32], inside: bool) -> Vec<u32> {
    let mut rest = others;
    all.retain(|ordinal| {
        let mut reach = 1;
        while rest.get(reach).is_some_and(|other| other < ordinal) {
            reach *= 2;
        }
        let near = rest.get(..rest.len().min(reach + 1)).unwrap_or_default();
        let passed = near.partition_point(|other| other < ordinal);
        rest = rest.get(passed..).unwrap_or_default();
        (rest.first() == Some(ordinal)) == inside
    });
    all
}

fn merged(mut a: Vec<u32>, b: Vec<u32>) -> Vec<u32> {
    if a.is_empty() {
        return b;
    }
    // Two runs that ascend: a stable sort merges them.
    a.extend(b);
    a.sort();
    a.dedup();
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    extern crate std;

    const END: u32 = 60;

    fn set() -> impl Strategy<Value = (OrdinalSet, BTreeSet<u32>)> {
        (proptest::collection::btree_set(0..END, 0..40), any::<bool>()).prop_map(|(named, without)| {
            let ordinals: Vec<u32> = named.iter().copied().collect();
            let all: BTreeSet<u32> = (0..END).collect();
            match without {
                true => (OrdinalSet::all_but(ordinals), &all - &named),
                false => (OrdinalSet::only(ordinals), named),
            }
        })
    }

    proptest! {
        #[test]
        fn sets_are_put_together_as_sets_are((a, plain_a) in set(), (b, plain_b) in set()) {
            let plain = |set: OrdinalSet| set.below(END).into_iter().collect::<BTreeSet<u32>>();
            prop_assert_eq!(plain(a.clone().and(b.clone())), &plain_a & &plain_b);
            prop_assert_eq!(plain(a.clone().or(b)), &plain_a | &plain_b);
            let all: BTreeSet<u32> = (0..END).collect();
            prop_assert_eq!(plain(a.negate()), &all - &plain_a);
        }
    }
}
