//! A canvas of characters, each of two by four dots (braille), on which lines are drawn.

/// Dots of a character.
const DOTS_WIDE: usize = 2;
const DOTS_HIGH: usize = 4;
/// First character of braille: no dots. Each dot is a bit above it.
const NO_DOTS: u32 = 0x2800;
/// Bits of the dots, by row and column.
const BITS: [[u8; DOTS_WIDE]; DOTS_HIGH] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// Dots, and who drew last in each character.
pub(super) struct Canvas {
    width: usize,
    height: usize,
    cells: Vec<(u8, usize)>,
}

impl Canvas {
    /// An empty one, in characters.
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, height, cells: vec![(0, 0); width * height] }
    }

    /// Its size in dots.
    pub(super) fn dots(&self) -> (usize, usize) {
        (self.width * DOTS_WIDE, self.height * DOTS_HIGH)
    }

    /// Sets a dot, counted from the top left; outside nothing happens.
    pub(super) fn dot(&mut self, x: usize, y: usize, pen: usize) {
        let (column, row) = (x / DOTS_WIDE, y / DOTS_HIGH);
        if column < self.width
            && let Some(cell) = self.cells.get_mut(row * self.width + column)
        {
            *cell = (cell.0 | BITS[y % DOTS_HIGH][x % DOTS_WIDE], pen);
        }
    }

    /// Draws a line from dot to dot, both ends included.
    pub(super) fn line(&mut self, from: (usize, usize), to: (usize, usize), pen: usize) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1));
        let between = |from: usize, to: usize, step: usize| {
            let part = step as f64 / steps.max(1) as f64;
            (from as f64 + (to as f64 - from as f64) * part).round() as usize
        };
        for step in 0..=steps {
            self.dot(between(from.0, to.0, step), between(from.1, to.1, step), pen);
        }
    }

    /// The characters of a row; `write` is told each one that has dots, and who drew there last.
    pub(super) fn row(&self, row: usize, write: impl Fn(char, usize) -> String) -> String {
        let start = row * self.width;
        let cells = self.cells.get(start..start + self.width).unwrap_or_default();
        let mut text = String::new();
        for &(dots, pen) in cells {
            match char::from_u32(NO_DOTS + u32::from(dots)).filter(|_| dots > 0) {
                Some(c) => text.push_str(&write(c, pen)),
                None => text.push(' '),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(from: (usize, usize), to: (usize, usize)) -> Vec<String> {
        let mut canvas = Canvas::new(2, 2);
        canvas.line(from, to, 0);
        (0..2).map(|row| canvas.row(row, |c, _| c.to_string())).collect()
    }

    #[test]
    fn lines_go_from_corner_to_corner() {
        assert_eq!(drawn((0, 0), (3, 0)), ["\u{2809}\u{2809}", "  "]);
        assert_eq!(drawn((0, 0), (0, 7)), ["\u{2847} ", "\u{2847} "]);
        assert_eq!(drawn((3, 7), (3, 7)), ["  ", " \u{2880}"]);
        assert_eq!(drawn((9, 9), (9, 9)), ["  ", "  "]);
        let up = drawn((0, 7), (3, 0));
        assert!(up[0].ends_with(|c| c != ' ') && up[1].starts_with(|c| c != ' '), "{up:?}");
    }
}
