//! A pattern as a program: instructions that take a character, fork, or ask where they are.
use super::class::Class;
use super::parse::Node;
use super::{PROGRAM_MAX, PatternError};
use crate::error::ErrorKind;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Place of an instruction.
pub(super) type Place = u16;

/// One instruction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instruction {
    /// Takes a character of this class, goes on at `next`.
    Take { class: u16, next: Place },
    /// Goes on at both.
    Fork(Place, Place),
    /// Goes on where the text starts.
    Start(Place),
    /// Goes on where the text ends.
    End(Place),
    /// Matched.
    Accept,
}

/// A compiled pattern. It starts at [`Program::start`].
#[derive(Debug)]
pub(super) struct Program {
    pub(super) instructions: Vec<Instruction>,
    pub(super) classes: Vec<Class>,
    pub(super) start: Place,
}

/// The only instruction that accepts.
pub(super) const ACCEPT: Place = 0;

impl Program {
    /// The program of a pattern, or `LimitExceeded` when it is too large.
    pub(super) fn compile(node: &Node) -> Result<Self, PatternError> {
        let mut compiler = Compiler {
            program: Self {
                instructions: alloc::vec![Instruction::Accept],
                classes: Vec::new(),
                start: ACCEPT,
            },
            known: BTreeMap::new(),
        };
        let start = compiler.node(node, ACCEPT);
        match start {
            Some(start) => {
                compiler.program.start = start;
                Ok(compiler.program)
            }
            None => Err(PatternError {
                kind: ErrorKind::LimitExceeded,
                message: alloc::format!(
                    "the pattern needs more than {PROGRAM_MAX} steps; repeat less, or repeat shorter parts"
                ),
                offset: 0,
            }),
        }
    }

    /// Adds to `set` all that is reached from `place` without taking a character.
    pub(super) fn close(&self, place: Place, at_start: bool, at_end: bool, set: &mut Set) {
        let mut open = core::mem::take(&mut set.open);
        open.push(place);
        while let Some(place) = open.pop() {
            if !set.insert(place) {
                continue;
            }
            match self.instructions.get(usize::from(place)) {
                Some(Instruction::Fork(a, b)) => open.extend([*b, *a]),
                Some(Instruction::Start(next)) if at_start => open.push(*next),
                Some(Instruction::End(next)) if at_end => open.push(*next),
                _ => {}
            }
        }
        set.open = open;
    }
}

/// Built from the end: each part is told where to go on. `None` once there are too many instructions.
struct Compiler<'a> {
    program: Program,
    known: BTreeMap<&'a Class, u16>,
}

impl<'a> Compiler<'a> {
    fn push(&mut self, instruction: Instruction) -> Option<Place> {
        let place = self.program.instructions.len();
        if place >= PROGRAM_MAX {
            return None;
        }
        self.program.instructions.push(instruction);
        Place::try_from(place).ok()
    }

    fn class(&mut self, class: &'a Class) -> Option<u16> {
        if let Some(&known) = self.known.get(class) {
            return Some(known);
        }
        let number = u16::try_from(self.program.classes.len()).ok()?;
        self.program.classes.push(class.clone());
        self.known.insert(class, number);
        Some(number)
    }

    /// Recursion follows the tree, whose depth the parser limits.
    fn node(&mut self, node: &'a Node, next: Place) -> Option<Place> {
        match node {
            Node::Class(class) => {
                let class = self.class(class)?;
                self.push(Instruction::Take { class, next })
            }
            Node::Start => self.push(Instruction::Start(next)),
            Node::End => self.push(Instruction::End(next)),
            Node::Concat(nodes) => nodes.iter().rev().try_fold(next, |next, node| self.node(node, next)),
            Node::Alternate(nodes) => {
                let mut branches = nodes.iter().rev();
                let last = self.node(branches.next()?, next)?;
                branches.try_fold(last, |others, node| {
                    let branch = self.node(node, next)?;
                    self.push(Instruction::Fork(branch, others))
                })
            }
            // However often nothing is repeated, and it would take that long.
            repeat if repeat.is_nothing() => Some(next),
            Node::Repeat { node, min, max } => {
                let mut place = next;
                match max {
                    None => place = self.star(node, next)?,
                    Some(max) => {
                        for _ in *min..*max {
                            let body = self.node(node, place)?;
                            place = self.push(Instruction::Fork(body, next))?;
                        }
                    }
                }
                (0..*min).try_fold(place, |next, _| self.node(node, next))
            }
        }
    }

    fn star(&mut self, node: &'a Node, next: Place) -> Option<Place> {
        // The fork is there before the body that comes back to it.
        let fork = self.push(Instruction::Fork(next, next))?;
        let body = self.node(node, fork)?;
        *self.program.instructions.get_mut(usize::from(fork))? = Instruction::Fork(body, next);
        Some(fork)
    }
}

/// A set of places that is emptied at no cost, in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Set {
    pub(super) members: Vec<Place>,
    position: Vec<u16>,
    open: Vec<Place>,
}

impl Set {
    pub(super) fn of(program: &Program) -> Self {
        Self { members: Vec::new(), position: alloc::vec![0; program.instructions.len()], open: Vec::new() }
    }

    pub(super) fn clear(&mut self) {
        self.members.clear();
    }

    pub(super) fn contains(&self, place: Place) -> bool {
        let position = self.position.get(usize::from(place)).copied().unwrap_or(0);
        self.members.get(usize::from(position)) == Some(&place)
    }

    /// False when it is there already.
    fn insert(&mut self, place: Place) -> bool {
        if self.contains(place) {
            return false;
        }
        if let Some(position) = self.position.get_mut(usize::from(place)) {
            // At most PROGRAM_MAX members.
            *position = self.members.len() as u16;
            self.members.push(place);
        }
        true
    }
}
