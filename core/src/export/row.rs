//! One point of a text that names its tags in each record, and the texts it is made of.
use crate::model::PointSource;
use alloc::string::String;
use alloc::vec::Vec;

/// A point of a text. It borrows from the reader's buffers and lives as long as the call of the sink.
pub trait TextPoint: PointSource {
    /// Line of the text where its record starts, counted from 1.
    fn line(&self) -> u64;
    /// True when its tags are known to be those of the point before it, in the same order: several fields of one line,
    /// neighbours in a table.
    fn repeats_tags(&self) -> bool {
        false
    }
    /// A text that stands for its tags: points of one reader that have the same one have the same tags. Empty where the
    /// format has none.
    fn tags_text(&self) -> &str {
        ""
    }
}

/// A text inside a record: bytes of it, or of the buffer of texts whose escapes were undone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Piece {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) is_unescaped: bool,
}

/// Texts of one record. The buffers live as long as the reader: a record costs no allocation.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// Texts that had escapes, one behind the other.
    pub(super) unescaped: String,
    /// Keys and values.
    pub(super) tags: Vec<(Piece, Piece)>,
}

impl Texts {
    pub(super) fn clear(&mut self) {
        self.unescaped.clear();
        self.tags.clear();
    }
    /// The text that a piece stands for, in `record`.
    #[inline]
    pub(super) fn get<'a>(&'a self, record: &'a str, piece: Piece) -> &'a str {
        let text = if piece.is_unescaped { self.unescaped.as_str() } else { record };
        text.get(piece.start..piece.end).unwrap_or_default()
    }
}

/// A point of a JSON object or of a line of line protocol.
#[derive(Clone, Copy, Debug)]
pub struct TextRow<'a> {
    pub(super) record: &'a str,
    pub(super) texts: &'a Texts,
    pub(super) extra_tags: &'a [(String, String)],
    pub(super) metric: &'a str,
    pub(super) timestamp: i64,
    pub(super) value: f64,
    pub(super) line: u64,
    pub(super) repeats_tags: bool,
    /// See [`TextPoint::tags_text`].
    pub(super) tags_text: &'a str,
}

impl TextPoint for TextRow<'_> {
    fn line(&self) -> u64 {
        self.line
    }
    #[inline]
    fn repeats_tags(&self) -> bool {
        self.repeats_tags
    }
    #[inline]
    fn tags_text(&self) -> &str {
        self.tags_text
    }
}

impl PointSource for TextRow<'_> {
    #[inline]
    fn metric(&self) -> &str {
        self.metric
    }
    #[inline]
    fn tag_count(&self) -> usize {
        self.texts.tags.len() + self.extra_tags.len()
    }
    #[inline]
    fn tag_at(&self, index: usize) -> (&str, &str) {
        if let Some(&(key, value)) = self.texts.tags.get(index) {
            return (self.texts.get(self.record, key), self.texts.get(self.record, value));
        }
        let extra = index.checked_sub(self.texts.tags.len()).and_then(|index| self.extra_tags.get(index));
        extra.map_or(("", ""), |(key, value)| (key, value))
    }
    fn timestamp(&self) -> i64 {
        self.timestamp
    }
    fn value(&self) -> f64 {
        self.value
    }
}
