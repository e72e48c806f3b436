//! Rows for people: aligned columns, written as they come.
use std::io::Write;

/// Rows that are looked at for the widths of the columns; later rows that are wider stand out of line.
const LOOK_AHEAD: usize = 1_000;

/// Where a cell stands in its column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// A table whose memory is bounded by the look-ahead.
pub(super) struct Table {
    aligns: Vec<Align>,
    /// Rows that wait, the header first; `None` once the widths are fixed.
    waiting: Option<Vec<Vec<String>>>,
    widths: Vec<usize>,
}

impl Table {
    /// A table with this header.
    pub(super) fn new<S: AsRef<str>>(header: &[S], aligns: &[Align]) -> Self {
        let header: Vec<String> = header.iter().map(|cell| printable(cell.as_ref())).collect();
        let widths = header.iter().map(|cell| width(cell)).collect();
        Self { aligns: aligns.to_vec(), waiting: Some(vec![header]), widths }
    }

    /// Adds a row; what can be written is appended to `out`.
    pub(super) fn push(&mut self, cells: Vec<String>, out: &mut Vec<u8>) {
        let cells: Vec<String> = cells.into_iter().map(|cell| printable(&cell)).collect();
        let Some(waiting) = &mut self.waiting else {
            return self.write(&cells, out);
        };
        for (widest, cell) in self.widths.iter_mut().zip(&cells) {
            *widest = (*widest).max(width(cell));
        }
        waiting.push(cells);
        if waiting.len() > LOOK_AHEAD {
            self.finish(out);
        }
    }

    /// Writes what still waits.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        for (index, cells) in self.waiting.take().into_iter().flatten().enumerate() {
            self.write(&cells, out);
            if index == 0 {
                let rules: Vec<String> = self.widths.iter().map(|&width| "-".repeat(width)).collect();
                self.write(&rules, out);
            }
        }
    }

    fn write(&self, cells: &[String], out: &mut Vec<u8>) {
        let mut line = String::new();
        for (index, cell) in cells.iter().enumerate() {
            let room = self.widths.get(index).map_or(0, |most| most.saturating_sub(width(cell)));
            if index > 0 {
                line.push_str("  ");
            }
            match self.aligns.get(index) {
                Some(Align::Right) => line.extend(std::iter::repeat_n(' ', room).chain(cell.chars())),
                _ => line.extend(cell.chars().chain(std::iter::repeat_n(' ', room))),
            }
        }
        // Writing to memory does not fail.
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

/// Control characters could move the cursor or the colours of a terminal.
fn printable(cell: &str) -> String {
    if !cell.contains(char::is_control) {
        return cell.to_owned();
    }
    cell.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_control_characters_do_nothing() {
        let mut table = Table::new(&["host", "value"], &[Align::Left, Align::Right]);
        let mut out = Vec::new();
        table.push(vec!["a\n\u{1b}[31m".into(), "1".into()], &mut out);
        table.push(vec!["b".into(), "1234567".into()], &mut out);
        assert!(out.is_empty());
        table.finish(&mut out);
        let text = String::from_utf8(out).unwrap();
        let expected = "host             value\n\
             --------------  -------\n\
             a\\n\\u{1b}[31m         1\n";
        assert!(text.starts_with("host"), "{expected}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[2].starts_with("a\\n\\u{1b}[31m "));
        assert_eq!(lines[2].len(), lines[3].len());
    }

    #[test]
    fn rows_flow_once_the_look_ahead_is_full() {
        let mut table = Table::new(&["n"], &[Align::Right]);
        let mut out = Vec::new();
        for n in 0..LOOK_AHEAD + 10 {
            table.push(vec![n.to_string()], &mut out);
        }
        assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), LOOK_AHEAD + 12);
    }
}
