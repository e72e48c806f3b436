//! A table of all states a small program can be in, so that each character of a text is one step.
use super::class::next;
use super::program::{ACCEPT, Instruction, Place, Program, Set};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Most states; a program that needs more is simulated.
const STATES_MAX: usize = 256;
/// Most cells of the table, which are two bytes each.
const CELLS_MAX: usize = 16 << 10;
/// Most instructions looked at while it is made: a bound for the time that a pattern costs.
const WORK_MAX: usize = 1 << 18;

/// The state in which every text matches.
const MATCHED: u16 = 0;
/// The state at the start of a text.
const START: u16 = 1;

/// States and what each character does to them.
#[derive(Debug)]
pub(super) struct Dfa {
    /// First character of each kind but the first kind, ascending. Characters of a kind are the same to all classes.
    bounds: Vec<char>,
    /// Kind of each ASCII character.
    ascii: Vec<u16>,
    /// Next state, by state and kind.
    table: Vec<u16>,
    /// Whether a text that ends in this state matches.
    accepts_at_end: Vec<bool>,
}

impl Dfa {
    /// The table of a program; `None` when it would be too large.
    pub(super) fn build(program: &Program) -> Option<Self> {
        let bounds = bounds(program);
        let kinds = bounds.len() + 1;
        if kinds > usize::from(u16::MAX) {
            return None;
        }
        let ascii = (0u8..128).map(|c| kind_of(&bounds, c.into()) as u16).collect();
        let mut dfa = Self { bounds, ascii, table: Vec::new(), accepts_at_end: Vec::new() };
        let mut known: BTreeMap<Vec<Place>, u16> = BTreeMap::new();
        let mut states: Vec<Vec<Place>> = alloc::vec![Vec::new()];
        dfa.table.resize(kinds, MATCHED);
        dfa.accepts_at_end.push(true);
        let mut work = WORK_MAX;
        let mut set = Set::of(program);
        let mut at_end = Set::of(program);
        program.close(program.start, true, false, &mut set);
        if set.contains(ACCEPT) {
            // It matches everywhere, so the state at the start is the one after.
            dfa.table.resize(2 * kinds, MATCHED);
            dfa.accepts_at_end.push(true);
            return Some(dfa);
        }
        // Not among the known ones: where a text starts, its end may be its start too.
        program.close(program.start, true, true, &mut at_end);
        dfa.accepts_at_end.push(at_end.contains(ACCEPT));
        states.push(core::mem::take(&mut set.members));
        let mut at = usize::from(START);
        while let Some(state) = states.get(at).cloned() {
            for kind in 0..kinds {
                work = work.checked_sub(state.len() + 1)?;
                let c = if kind == 0 { '\0' } else { *dfa.bounds.get(kind - 1)? };
                set.clear();
                for &place in &state {
                    if let Some(&Instruction::Take { class, next }) =
                        program.instructions.get(usize::from(place))
                        && program.classes.get(usize::from(class))?.contains(c)
                    {
                        program.close(next, false, false, &mut set);
                    }
                }
                program.close(program.start, false, false, &mut set);
                work = work.checked_sub(set.members.len())?;
                let target = if set.contains(ACCEPT) {
                    MATCHED
                } else {
                    let mut members = set.members.clone();
                    members.sort_unstable();
                    match known.get(&members) {
                        Some(&known) => known,
                        None => {
                            let number = states.len();
                            if number >= STATES_MAX || (number + 1) * kinds > CELLS_MAX {
                                return None;
                            }
                            at_end.clear();
                            for &place in &members {
                                program.close(place, false, true, &mut at_end);
                            }
                            work = work.checked_sub(at_end.members.len())?;
                            dfa.accepts_at_end.push(at_end.contains(ACCEPT));
                            states.push(members.clone());
                            known.insert(members, number as u16);
                            number as u16
                        }
                    }
                };
                dfa.table.push(target);
            }
            at += 1;
        }
        Some(dfa)
    }

    /// True when some part of `text` matches.
    pub(super) fn is_match(&self, text: &str) -> bool {
        let kinds = self.bounds.len() + 1;
        let mut state = START;
        for c in text.chars() {
            let kind = match self.ascii.get(c as usize) {
                Some(&kind) => usize::from(kind),
                None => kind_of(&self.bounds, c),
            };
            state = self.table.get(usize::from(state) * kinds + kind).copied().unwrap_or(MATCHED);
            if state == MATCHED {
                return true;
            }
        }
        self.accepts_at_end.get(usize::from(state)).copied().unwrap_or(false)
    }
}

fn kind_of(bounds: &[char], c: char) -> usize {
    bounds.partition_point(|&bound| bound <= c)
}

/// Where some class starts or has ended.
fn bounds(program: &Program) -> Vec<char> {
    let mut bounds: Vec<char> = Vec::new();
    for &(first, last) in program.classes.iter().flat_map(|class| class.ranges()) {
        bounds.push(first);
        bounds.extend(next(last));
    }
    bounds.sort_unstable();
    bounds.dedup();
    bounds.retain(|&bound| bound != '\0');
    bounds
}
