//! The dialect, the errors, and the round trip.
extern crate std;
use super::*;
use crate::error::{Error, ErrorKind, Result};
use crate::export::testing::{Row, assert_cuts_do_not_matter, hostile_point, row_of, skip};
use crate::export::{OnError, ReadOptions, ReadReport, TextPoint, testing};
use crate::model::{Point, PointSource};
use crate::time::TimeUnit;
use proptest::prelude::*;
use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

fn read_pieces(pieces: &[&[u8]], options: ReadOptions) -> (Vec<Row>, ReadReport, Result<()>) {
    testing::read_pieces::<CsvFormat>(pieces, options)
}

fn read(text: &str, options: ReadOptions) -> Result<Vec<Row>> {
    testing::read::<CsvFormat>(text, options)
}

fn error_of(text: &str) -> String {
    testing::error_of::<CsvFormat>(text)
}

#[test]
fn columns_come_in_any_order_and_empty_cells_are_absent_tags() {
    let text = "\u{feff}host,value,tag:value,metric,timestamp\r\na,1.5,,cpu,1970-01-01T00:00:01Z\r\n\r\n,2,x,\"m,2\",2\r\n";
    let rows = read(text, ReadOptions::default()).unwrap();
    let expected = [
        Point::new("cpu", 1_000_000_000, 1.5).tag("host", "a"),
        Point::new("m,2", 2_000_000_000, 2.0).tag("value", "x"),
    ];
    assert_eq!(rows, expected.iter().map(row_of).collect::<Vec<_>>());
}

#[test]
fn a_file_of_one_metric_takes_its_name_and_tags_from_the_options() {
    let options = ReadOptions {
        metric: Some("cpu".into()),
        extra_tags: vec![("site".into(), "north".into())],
        ..ReadOptions::default()
    };
    let rows = read("timestamp,value,tag:metric\n2024-01-28 10:00:00,1,x", options).unwrap();
    let expected = Point::new("cpu", 1_706_436_000_000_000_000, 1.0).tag("site", "north").tag("metric", "x");
    assert_eq!(rows, [row_of(&expected)]);
}

#[test]
fn the_unit_of_integers_is_told_once_per_file_by_a_row_that_is_good() {
    let header = "timestamp,metric,value\n";
    for (integer, unit) in [("1706436000", "s"), ("1706436000000", "ms"), ("1706436000000000", "us")] {
        let rows = read(&format!("{header}{integer},m,1\n5,m,1"), ReadOptions::default()).unwrap();
        assert_eq!(rows[0].2, 1_706_436_000_000_000_000);
        assert_eq!(rows[1].2, 5 * unit.parse::<TimeUnit>().unwrap().ns(), "{unit}");
    }
    let options = ReadOptions { time_unit: Some(TimeUnit::Ns), ..ReadOptions::default() };
    assert_eq!(read(&format!("{header}5,m,1\n"), options).unwrap()[0].2, 5);
    let error = error_of(&format!("{header}5,m,1\n1706436000000,m,1\n"));
    assert!(error.starts_with("line 3: column timestamp: \"1706436000000\": as a time in s"), "{error}");

    let (rows, report, _) =
        read_pieces(&[format!("{header}5,m,bad\n1706436000000,m,1\n").as_bytes()], skip());
    assert_eq!((rows[0].2, report.skipped), (1_706_436_000_000_000_000, 1));
}

#[test]
fn errors_name_line_column_and_text() {
    let header = "timestamp,metric,value,host\n";
    let long = "9".repeat(300);
    for (rows, said) in [
        ("1,m,1,a\n1,m,1\n", "line 3: the row has 3 cells where the header has 4"),
        ("1,m,1,a,b\n", "line 2: the row has 5 cells"),
        ("1,m,abc,a\n", "line 2: column value: \"abc\": it is not a number"),
        ("1,m,,a\n", "line 2: column value: \"\": the cell is empty"),
        ("1,,1,a\n", "line 2: column metric: \"\": the cell is empty"),
        (",m,1,a\n", "line 2: column timestamp: \"\": the cell is empty"),
        ("yesterday,m,1,a\n", "line 2: column timestamp: \"yesterday\" is not a timestamp"),
        ("-0001-01-01 00:00:00,m,1,a\n", "before 0000"),
        ("1,m,1,\"a\nb\"\n\n1,m,x,a\n", "line 5: column value"),
        ("1,m,1,\"a\"b\n", "line 2: text follows the closing quote of a cell, at \"b\""),
        ("1,m,1,\"a\n1,m,1,b\n", "line 2: a quoted cell is open at the end"),
        (&format!("{long},m,1,a\n"), "..."),
    ] {
        let error = error_of(&format!("{header}{rows}"));
        assert!(error.contains(said), "{rows}: {error}");
        assert!(error.len() < 300, "{error}");
    }
}

#[test]
fn a_header_that_can_be_misread_is_refused() {
    for (header, said) in [
        ("", "the file is empty"),
        ("\u{feff}\n", "the file is empty"),
        ("metric,value", "line 1: the header has no timestamp column"),
        ("timestamp,metric, value", "the header has no value column; it must be"),
        ("timestamp,value", "or name the metric of the whole file"),
        ("timestamp,metric,value,host,tag:host", "\"tag:host\" is there twice"),
        ("timestamp,metric,value,value", "\"value\" is there twice"),
        ("timestamp,metric,value,", "column 4 of the header has no name"),
        ("timestamp,metric,value,tag:", "column 4 of the header has no name"),
    ] {
        let error = error_of(header);
        assert!(error.contains(said), "{header}: {error}");
    }
    let named = ReadOptions { metric: Some("m".into()), ..skip() };
    assert!(read("timestamp,metric,value\n", named).unwrap_err().message().contains("give only one"));
    let tagged = ReadOptions { extra_tags: vec![("host".into(), "a".into())], ..skip() };
    assert!(read("timestamp,metric,value,host\n", tagged).unwrap_err().message().contains("give only one"));
}

#[test]
fn skipped_lines_are_counted_and_the_first_ten_shown() {
    let mut bytes = b"timestamp,metric,value\n1,m,1\n2,m,\"a\nb\"\n3,\xff,1\n".to_vec();
    bytes.extend(b"bad\n".repeat(20));
    bytes.extend(b"4,m,4\n");
    let (rows, report, result) = read_pieces(&[&bytes], skip());
    result.unwrap();
    assert_eq!(rows.iter().map(|row| row.2).collect::<Vec<_>>(), [1_000_000_000, 4_000_000_000]);
    assert_eq!((report.rows, report.skipped, report.examples.len()), (2, 22, ReadReport::EXAMPLES_MAX));
    assert_eq!(report.examples.iter().map(|example| example.line).take(3).collect::<Vec<_>>(), [3, 5, 6]);
    assert!(report.examples[0].message.ends_with("(the row runs on to line 4)"));
    assert!(report.examples[1].message.contains("not UTF-8"));

    let (_, report, _) = read_pieces(&[b"timestamp,metric,value\n1,m,\"\n\nb\""], skip());
    assert!(report.examples[0].message.ends_with("(the row runs on to line 4)"));
}

#[test]
fn a_stray_quote_costs_its_own_line_and_no_more_when_bad_rows_are_skipped() {
    let header = "timestamp,metric,value,host\n";
    for (rows, good, bad) in [
        // Open at the end of the file.
        ("1,m,1,a\n2,\"m,1,a\n3,m,1,a\n", [1, 3].as_slice(), [3].as_slice()),
        // Closed by a quote of a later row.
        ("1,m,1,\"a\n2,m,2,b\n3,m,3,\"c\"\n4,m,4,d\n", &[2, 3, 4], &[2]),
        // A cell that really has lines is one row, good or bad.
        ("1,m,1,\"a\n9,m,9,b\"\n2,\"m\nn\",x,b\n3,m,3,c\n", &[1, 3], &[4]),
    ] {
        let (rows_read, report, result) = read_pieces(&[format!("{header}{rows}").as_bytes()], skip());
        result.unwrap();
        let seconds: Vec<i64> = rows_read.iter().map(|row| row.2 / 1_000_000_000).collect();
        assert_eq!(seconds, good, "{rows}");
        assert_eq!(report.examples.iter().map(|example| example.line).collect::<Vec<_>>(), bad, "{rows}");
        let error = read_pieces(&[format!("{header}{rows}").as_bytes()], ReadOptions::default()).2;
        assert_eq!(error.unwrap_err().place().unwrap(), format!("line {}", bad[0]), "nothing is guessed");
    }
}

#[test]
fn a_text_of_nothing_but_stray_quotes_is_read_a_few_times_at_most() {
    // Inside or outside of quotes: each line ends inside, so that no row ever ends.
    let text = format!("timestamp,metric,value\n{}", "b\",\"x\n".repeat(20_000));
    let options = ReadOptions { line_bytes_max: 1 << 14, ..skip() };
    let started = std::time::Instant::now();
    let (rows, report, result) = read_pieces(&[text.as_bytes()], options);
    result.unwrap();
    assert_eq!((rows.len(), report.skipped), (0, 20_000));
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[test]
fn a_row_longer_than_the_limit_is_an_error_of_its_line_and_is_not_kept() {
    let long = "x".repeat(200);
    let text = format!("timestamp,metric,value\n1,{long},1\n2,m,2\n3,\"{long}\n\",1\n4,m,4");
    for piece_bytes in [1, 7, 64, 1000] {
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(piece_bytes).collect();
        let options = ReadOptions { line_bytes_max: 64, ..skip() };
        let (rows, report, result) = read_pieces(&pieces, options.clone());
        result.unwrap();
        assert_eq!(rows.iter().map(|row| row.2 / 1_000_000_000).collect::<Vec<_>>(), [2, 4]);
        // The second line of the long cell is looked at too: who knows where the quote was meant to end.
        assert_eq!(report.examples.iter().map(|example| example.line).collect::<Vec<_>>(), [2, 4, 5]);
        let fail = ReadOptions { on_error: OnError::Fail, ..options };
        let error = read_pieces(&pieces, fail).2.unwrap_err();
        assert_eq!((error.kind(), error.place()), (ErrorKind::LimitExceeded, Some("line 2")));
    }
    let exact = ReadOptions { line_bytes_max: "timestamp,metric,value".len(), ..ReadOptions::default() };
    assert_eq!(read("timestamp,metric,value\r\n1,mmmmmmmmmmmmmmmmmm,1\r\n", exact.clone()).unwrap().len(), 1);
    assert!(read("timestamp,metric,value\r\n1,mmmmmmmmmmmmmmmmmmm,1\r\n", exact).is_err());
}

#[test]
fn names_that_no_database_takes_are_errors_of_their_line() {
    let mut options = skip();
    (options.limits.name_bytes_max, options.limits.tags_max) = (5, 1);
    let text = "timestamp,metric,value,a,b\n1,m,1,x,\n1,longer,1,x,\n1,m,1,longer,\n1,m,1,x,y\n";
    let (rows, report, _) = read_pieces(&[text.as_bytes()], options);
    assert_eq!((rows.len(), report.skipped), (1, 3));
}

#[test]
fn an_error_of_the_sink_ends_the_import_and_stays() {
    let mut reader = CsvReader::new(skip());
    let mut sink = |_: CsvRow<'_>| Err(Error::new(ErrorKind::Full, "no room"));
    let error = reader.feed(b"timestamp,metric,value\n1,m,1\n2,m,2\n", &mut sink).unwrap_err();
    assert_eq!((error.kind(), error.place()), (ErrorKind::Full, Some("line 2")));
    assert_eq!(reader.finish(&mut sink).unwrap_err(), error);
    assert_eq!((reader.report().rows, reader.report().skipped), (0, 0));
}

#[test]
fn rows_do_not_depend_on_how_the_bytes_arrive() {
    let text = "\u{feff}\"timestamp\",metric,value,\"h\"\"ost\"\r\n1,m,1,a\r\n\n2,\"m\n\"\"2\"\"\",NaN,\"é,\r\n\"\nbad\n\
        2024-01-28T10:00:00+05:30,m\"x,1e5,\"\"\n5,m,6,\"\"b\n7,\u{feff},8,\" \"";
    let whole = read_pieces(&[text.as_bytes()], skip());
    assert_eq!((whole.0.len(), whole.1.skipped, &whole.2), (4, 2, &Ok(())));
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let bytes = text.as_bytes();
            let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
            assert_eq!(read_pieces(&pieces, skip()), whole, "split at {first} and {second}");
        }
    }
}

fn write(points: &[Point]) -> Vec<u8> {
    let keys = points.iter().flat_map(|point| point.tags.iter().map(|(key, _)| key.clone())).collect();
    testing::write(&mut CsvWriter::new(keys), points)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn what_is_exported_imports_bit_for_bit(
        points in proptest::collection::vec(hostile_point(), 1..8),
        piece_bytes in 1usize..200,
    ) {
        let out = write(&points);
        let pieces: Vec<&[u8]> = out.chunks(piece_bytes).collect();
        let (rows, report, result) = read_pieces(&pieces, ReadOptions::default());
        prop_assert!(result.is_ok(), "{:?}", result);
        prop_assert_eq!(rows, points.iter().map(row_of).collect::<Vec<_>>());
        prop_assert_eq!(report.rows, points.len() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

    #[test]
    fn no_bytes_panic_and_every_cut_of_them_reads_alike(
        body in proptest::collection::vec(prop_oneof![
            8 => proptest::sample::select(b"\",\n\r1.-:TZm \xef\xbb\xbf".to_vec()),
            1 => any::<u8>(),
        ], 0..120),
        with_header in any::<bool>(),
        piece_bytes in 1usize..40,
        line_bytes_max in 22usize..60,
    ) {
        let header: &[u8] = if with_header { b"timestamp,metric,value\n" } else { b"" };
        let bytes = [header, &body].concat();
        assert_cuts_do_not_matter::<CsvFormat>(&bytes, piece_bytes, line_bytes_max);
    }
}

#[test]
fn rows_that_repeat_the_tags_before_them_say_so_and_no_others_do() {
    let text = "timestamp,metric,value,a,b\n\
        1,m,1,x,y\n1,n,2,x,y\n2,m,3,x,z\n2,m,4,x,z\nbad,m,5,q,q\n3,m,6,x,z\n3,m,6,\"x\",z\n4,m,7,x,z\n5,m,8,x,z\n";
    let options = ReadOptions { on_error: OnError::Skip, ..ReadOptions::default() };
    let mut reader = CsvReader::new(options);
    let mut seen = Vec::new();
    let mut note = |row: CsvRow<'_>| {
        seen.push((row.value(), row.repeats_tags(), format!("{:?}{:?}", row.tag_at(0), row.tag_at(1))));
        Ok(())
    };
    reader.feed(text.as_bytes(), &mut note).unwrap();
    reader.finish(&mut note).unwrap();
    let repeats: Vec<(f64, bool)> = seen.iter().map(|(value, repeats, _)| (*value, *repeats)).collect();
    let expected = [
        (1.0, false),
        (2.0, true),
        (3.0, false),
        (4.0, true),
        // A refused row stands between it and the row that it repeats.
        (6.0, false),
        (6.0, false),
        (7.0, false),
        (8.0, true),
    ];
    assert_eq!(repeats, expected);
    for pair in seen.windows(2).filter(|pair| pair[1].1) {
        assert_eq!(pair[0].2, pair[1].2, "repeated tags are equal tags");
    }
}
