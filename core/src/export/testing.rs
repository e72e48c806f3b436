//! What the tests of all formats use: reading in pieces, and names that break careless writers and readers.
extern crate std;
use super::{OnError, PointWriter, ReadOptions, ReadReport, TextFormat, TextReader};
use crate::error::Result;
use crate::model::{Point, PointSource, Tags};
use proptest::prelude::*;
use std::string::{String, ToString};
use std::vec::Vec;

/// A point with its value as bits, so that NaN compares.
pub(super) type Row = (String, Vec<(String, String)>, i64, u64);

pub(super) fn row_of(point: &impl PointSource) -> Row {
    let tags = (0..point.tag_count()).map(|index| point.tag_at(index));
    let tags = Tags::new(tags).unwrap();
    let tags = tags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    (point.metric().into(), tags, point.timestamp(), point.value().to_bits())
}

/// Reads pieces to the end, whatever happens.
pub(super) fn read_pieces<F: TextFormat>(
    pieces: &[&[u8]],
    options: ReadOptions,
) -> (Vec<Row>, ReadReport, Result<()>) {
    let mut reader = TextReader::<F>::new(options);
    let mut rows = Vec::new();
    let mut sink = |row: F::Row<'_>| {
        rows.push(row_of(&row));
        Ok(())
    };
    let fed = pieces.iter().try_for_each(|piece| reader.feed(piece, &mut sink));
    let result = fed.and_then(|()| reader.finish(&mut sink));
    let report = reader.report().clone();
    (rows, report, result)
}

/// The points of a text, or its first error.
pub(super) fn read<F: TextFormat>(text: &str, options: ReadOptions) -> Result<Vec<Row>> {
    let (rows, report, result) = read_pieces::<F>(&[text.as_bytes()], options);
    assert_eq!(report.rows, rows.len() as u64);
    result.map(|()| rows)
}

/// The error of a text that must have one.
pub(super) fn error_of<F: TextFormat>(text: &str) -> String {
    read::<F>(text, ReadOptions::default()).unwrap_err().to_string()
}

pub(super) fn skip() -> ReadOptions {
    ReadOptions { on_error: OnError::Skip, ..ReadOptions::default() }
}

/// Asserts that a text reads alike whole and in pieces of one size, whatever happens to bad records.
pub(super) fn assert_cuts_do_not_matter<F: TextFormat>(
    text: &[u8],
    piece_bytes: usize,
    line_bytes_max: usize,
) {
    for on_error in [OnError::Skip, OnError::Fail] {
        let options = ReadOptions { on_error, line_bytes_max, ..ReadOptions::default() };
        let pieces: Vec<&[u8]> = text.chunks(piece_bytes).collect();
        let cut = read_pieces::<F>(&pieces, options.clone());
        assert_eq!(cut, read_pieces::<F>(&[text], options));
    }
}

/// All points, as a writer writes them.
pub(super) fn write(writer: &mut dyn PointWriter, points: &[Point]) -> Vec<u8> {
    let mut out = Vec::new();
    writer.start(&mut out);
    for point in points {
        let tags = Tags::new(point.tags.clone()).unwrap();
        writer.series(&point.metric, &tags).unwrap();
        writer.points(&mut out, &[point.timestamp], &[point.value.to_bits()]);
    }
    writer.finish(&mut out);
    out
}

/// Names that break careless writers and readers.
pub(super) fn hostile_name() -> impl Strategy<Value = String> {
    let fixed = [
        "value",
        "metric",
        "timestamp",
        "tag:x",
        "tag:",
        "tag:tag:",
        " ",
        "   ",
        "\u{feff}",
        "\u{feff}x",
        "\r",
        "\n",
        "\r\n",
        "\"",
        "\"\"",
        ",",
        " leading",
        "trailing ",
        "\ttab",
        "🦀",
        "a\"b",
        "a,b",
        "a\rb",
        "a\nb",
        "\0",
        "x\r",
        "#",
        "# not a comment",
        "=1+1",
        "NaN",
        "1",
        "-",
        "\u{2028}",
        "\\",
        "a\\",
        "a\\ b",
        "\\,",
        "\\n",
        "\\u0041",
        "a=b",
        "m.f",
        "m.value",
        "{}",
        "}",
        "'",
    ];
    prop_oneof![
        proptest::sample::select(fixed.to_vec()).prop_map(String::from),
        "[\"',\r\n \u{feff}a🦀:\\\\=#{}]{1,8}",
        "\\PC{1,12}",
    ]
}

pub(super) fn hostile_point() -> impl Strategy<Value = Point> {
    let bits = prop_oneof![any::<u64>(), (1u64..1 << 52).prop_map(|payload| 0x7ff0_0000_0000_0000 | payload)];
    let tags = proptest::collection::btree_map(hostile_name(), hostile_name(), 0..5);
    (hostile_name(), tags, any::<i64>(), bits).prop_map(|(metric, tags, timestamp, bits)| Point {
        metric,
        tags: tags.into_iter().collect(),
        timestamp,
        value: f64::from_bits(bits),
    })
}
