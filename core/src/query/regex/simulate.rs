//! Carries all places that a program can be at along the text. For programs whose table of states would be too large.
use super::program::{ACCEPT, Instruction, Program, Set};

/// True when some part of `text` matches.
pub(super) fn is_match(program: &Program, text: &str) -> bool {
    let (mut now, mut next) = (Set::of(program), Set::of(program));
    program.close(program.start, true, text.is_empty(), &mut now);
    for (at, c) in text.char_indices() {
        if now.contains(ACCEPT) {
            return true;
        }
        let at_end = at + c.len_utf8() == text.len();
        next.clear();
        for &place in &now.members {
            if let Some(&Instruction::Take { class, next: target }) =
                program.instructions.get(usize::from(place))
                && program.classes.get(usize::from(class)).is_some_and(|class| class.contains(c))
            {
                program.close(target, false, at_end, &mut next);
            }
        }
        // A match may start anywhere.
        program.close(program.start, false, at_end, &mut next);
        core::mem::swap(&mut now, &mut next);
    }
    now.contains(ACCEPT)
}
