//! Lines; what stands in an object is tested beside the objects of JSON.
extern crate std;
use super::*;
use crate::export::ReadOptions;
use crate::export::testing::{self, assert_cuts_do_not_matter, error_of, hostile_point, read, row_of, skip};
use crate::model::Point;
use proptest::prelude::*;
use std::string::String;
use std::vec::Vec;

#[test]
fn one_object_a_line_and_empty_lines_between() {
    let text = "\u{feff}{\"timestamp\":1,\"metric\":\"m\",\"value\":1}\r\n\n  \n {\"timestamp\":2,\"metric\":\"m\",\"value\":2} ";
    let expected = [Point::new("m", 1_000_000_000, 1.0), Point::new("m", 2_000_000_000, 2.0)];
    let rows = read::<JsonLinesFormat>(text, ReadOptions::default()).unwrap();
    assert_eq!(rows, expected.iter().map(row_of).collect::<Vec<_>>());
    assert_eq!(read::<JsonLinesFormat>("", ReadOptions::default()).unwrap(), []);
}

#[test]
fn what_is_not_one_object_a_line_says_so() {
    let a = "{\"timestamp\":1,\"metric\":\"m\",\"value\":1}";
    for (text, said) in [
        (std::format!("[{a}]"), "line 1: the line is an array; a file of one array is of format json"),
        (
            std::format!("{a},\n{a}"),
            "line 1: byte 39 of the object: expected nothing behind the object, found \",\"",
        ),
        (std::format!("{a}{a}"), "expected nothing behind the object"),
        (std::format!("{a}\n{{\n"), "line 2: byte 2 of the object: expected a key in quotes, found the end"),
        (
            std::format!("{a}\n{{\"metric\":\"m\n\"}}"),
            "line 2: byte 12 of the object: a string is never closed",
        ),
        (std::format!("{a}\n\n1"), "line 3: byte 1 of the object: expected an object"),
    ] {
        let error = error_of::<JsonLinesFormat>(&text);
        assert!(error.contains(said), "{text}: {error}");
    }
    let bytes = [a.as_bytes(), b"\n{\"metric\":\"\xff\"}\n"].concat();
    let error = testing::read_pieces::<JsonLinesFormat>(&[&bytes], ReadOptions::default()).2.unwrap_err();
    assert!(std::format!("{error}").starts_with("line 2: byte 12 of the line is not UTF-8"), "{error}");
}

#[test]
fn a_bad_line_costs_itself() {
    let a = "{\"timestamp\":1,\"metric\":\"m\",\"value\":1}";
    let text = std::format!("{a}\n{{\"metric\":\"open\n{a}\n{}\n{a}", "x".repeat(200));
    let options = ReadOptions { line_bytes_max: 100, ..skip() };
    let (rows, report, result) = testing::read_pieces::<JsonLinesFormat>(&[text.as_bytes()], options);
    result.unwrap();
    assert_eq!((rows.len(), report.skipped), (3, 2));
    assert_eq!(report.examples.iter().map(|example| example.line).collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn a_file_looks_like_one() {
    let text = testing::write(&mut JsonLinesWriter::new(), &[Point::new("m", 0, -0.0).tag("a", "b")]);
    let expected =
        "{\"timestamp\":\"1970-01-01T00:00:00Z\",\"metric\":\"m\",\"tags\":{\"a\":\"b\"},\"value\":-0}\n";
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn what_is_exported_imports_bit_for_bit(
        points in proptest::collection::vec(hostile_point(), 1..8),
        piece_bytes in 1usize..200,
    ) {
        let out = testing::write(&mut JsonLinesWriter::new(), &points);
        prop_assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), points.len());
        let pieces: Vec<&[u8]> = out.chunks(piece_bytes).collect();
        let (rows, _, result) = testing::read_pieces::<JsonLinesFormat>(&pieces, ReadOptions::default());
        prop_assert!(result.is_ok(), "{:?}", result);
        prop_assert_eq!(rows, points.iter().map(row_of).collect::<Vec<_>>());
    }

    #[test]
    fn every_cut_reads_alike(
        text in proptest::collection::vec(
            proptest::sample::select(["{\"timestamp\":1,\"metric\":\"m\",\"value\":1}", "\n", "\r", "{", "\"", "\\", "x"].to_vec()),
            0..40,
        ),
        piece_bytes in 1usize..40,
        line_bytes_max in 8usize..60,
    ) {
        assert_cuts_do_not_matter::<JsonLinesFormat>(text.concat().as_bytes(), piece_bytes, line_bytes_max);
    }
}
