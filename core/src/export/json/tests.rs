//! The shape of objects and arrays, the errors, and the round trip.
extern crate std;
use super::*;
use crate::export::ReadOptions;
use crate::export::testing::{self, assert_cuts_do_not_matter, error_of, hostile_point, read, row_of, skip};
use crate::model::{Point, Tags};
use crate::time::TimeUnit;
use proptest::prelude::*;
use std::format;
use std::string::String;
use std::vec::Vec;

/// The one point of an object.
fn point_of(object: &str) -> Point {
    let rows = read::<JsonFormat>(&format!("[{object}]"), ReadOptions::default()).unwrap();
    let [(metric, tags, timestamp, bits)] = <[_; 1]>::try_from(rows).unwrap();
    Point { metric, tags, timestamp, value: f64::from_bits(bits) }
}

#[test]
fn objects_that_are_points() {
    let simple = Point::new("m", 1_000_000_000, 1.5);
    for (object, point) in [
        (r#"{"timestamp":1,"metric":"m","value":1.5}"#, simple.clone()),
        (r#"{"timestamp":"1970-01-01T00:00:01Z","metric":"m","tags":{},"value":1.5}"#, simple.clone()),
        (
            r#"{"timestamp":"1000000000000000000","metric":"m","value":1.5}"#,
            Point::new("m", 1_000_000_000_000_000_000, 1.5),
        ),
        (r#"{"timestamp":"1970-01-01 00:00:01","metric":"m","value":"1.5"}"#, simple.clone()),
        (" {\r\n\t\"value\" : 1.5e0 ,\n \"metric\" : \"m\" , \"timestamp\" : 1 } ", simple.clone()),
        (r#"{"timestamp":9223372036854775807,"metric":"m","value":-0.0}"#, Point::new("m", i64::MAX, -0.0)),
        (
            r#"{"timestamp":-9223372036854775808,"metric":"m","value":5e-324}"#,
            Point::new("m", i64::MIN, f64::from_bits(1)),
        ),
        (
            r#"{"tags":{"b":"","a":"x"},"timestamp":1,"metric":"\ud83e\udd80\u0000\/\"\\\b\f\n\r\té","value":1.5}"#,
            Point::new("🦀\0/\"\\\u{8}\u{c}\n\r\té", 1_000_000_000, 1.5).tag("a", "x"),
        ),
        (r#"{"tim\u0065stamp":1,"metric":"m","value":1.5}"#, simple.clone()),
        (r#"{"timestamp":1,"metric":"m","value":"-Inf"}"#, Point::new("m", 1_000_000_000, f64::NEG_INFINITY)),
        (r#"{"timestamp":1,"metric":"}]{","value":1.5}"#, Point::new("}]{", 1_000_000_000, 1.5)),
    ] {
        assert_eq!(row_of(&point_of(object)), row_of(&point), "{object}");
    }
    assert_eq!(
        point_of(r#"{"timestamp":1,"metric":"m","value":"NaN"}"#).value.to_bits(),
        0x7ff8_0000_0000_0000
    );
    assert_eq!(
        point_of(r#"{"timestamp":1,"metric":"m","value":"NaN:fff8000000000001"}"#).value.to_bits(),
        0xfff8_0000_0000_0001
    );
}

#[test]
fn objects_that_are_no_points_say_why() {
    let deep = format!("{{\"tags\":{}", "{\"a\":".repeat(100_000));
    for (object, said) in [
        (r#"{}"#, "the object has no key \"timestamp\""),
        (r#"{"timestamp":1,"metric":"m"}"#, "the object has no key \"value\""),
        (r#"{"timestamp":1,"value":1}"#, "no key \"metric\"; or name the metric"),
        (r#"{"timestamp":1,"metric":"","value":1}"#, "a metric name is empty"),
        (r#"{"timestamp":1,"metric":"m","value":1,"host":"a"}"#, "key: \"host\": an unknown key"),
        (r#"{"timestamp":1,"metric":"m","value":1,"value":2}"#, "key: \"value\": it is there twice"),
        (r#"{"tags":{},"timestamp":1,"metric":"m","value":1,"tags":{}}"#, "key: \"tags\": it is there twice"),
        (
            r#"{"timestamp":1,"metric":"m","tags":{"a":"1","b":"2","a":"3"},"value":1}"#,
            "tag: \"a\": it is given twice",
        ),
        (r#"{"timestamp":1,"metric":"m","tags":{"":"1"},"value":1}"#, "a tag key is empty"),
        (
            r#"{"timestamp":1,"metric":"m","tags":{"a":1},"value":1}"#,
            "expected a tag value in quotes, found \"1",
        ),
        (r#"{"timestamp":1,"metric":"m","tags":["a"],"value":1}"#, "expected the tags as an object"),
        (r#"{"timestamp":1.5,"metric":"m","value":1}"#, "timestamp: \"1.5\": a fraction or an exponent"),
        (r#"{"timestamp":1e9,"metric":"m","value":1}"#, "a fraction or an exponent"),
        (r#"{"timestamp":9223372036854775808,"metric":"m","value":1}"#, "does not fit 64 bits"),
        (
            r#"{"timestamp":true,"metric":"m","value":1}"#,
            "expected a whole number, or a time in quotes, found \"true",
        ),
        (
            r#"{"timestamp":"yesterday","metric":"m","value":1}"#,
            "timestamp: \"yesterday\" is not a timestamp",
        ),
        (r#"{"timestamp":"","metric":"m","value":1}"#, "timestamp: \"\": it is empty"),
        (r#"{"timestamp":1,"metric":"m","value":null}"#, "the value is null"),
        (r#"{"timestamp":1,"metric":"m","value":NaN}"#, "expected a number that fits f64"),
        (r#"{"timestamp":1,"metric":"m","value":01}"#, "expected a number that fits f64"),
        (r#"{"timestamp":1,"metric":"m","value":1e999}"#, "expected a number that fits f64"),
        (r#"{"timestamp":1,"metric":"m","value":"many"}"#, "value: \"many\": it is not a number"),
        (r#"{"timestamp":1,"metric":"m","value":[1]}"#, "expected a number"),
        (r#"{"timestamp":1,"metric":"m","value":1,}"#, "expected a key in quotes, found \"}\""),
        (r#"{"timestamp":1 "metric":"m"}"#, "byte 16 of the object: expected a comma or a closing brace"),
        (r#"{timestamp:1}"#, "expected a key in quotes"),
        (r#"{"timestamp" 1}"#, "expected a colon"),
        (r#"{"metric":m}"#, "expected the metric's name in quotes"),
        (r#"{"metric":"\x"}"#, "a backslash in a string is followed by"),
        (r#"{"metric":"\ud83d"}"#, "half of a surrogate pair"),
        (r#"{"metric":"\ud83d\u0041"}"#, "a surrogate pair without its second half"),
        (r#"{"metric":"\udd80"}"#, "half of a surrogate pair"),
        (r#"{"metric":"\u+123"}"#, "four hexadecimal digits"),
        ("{\"metric\":\"a\nb\"}", "a control character in a string"),
        (&deep, "the file ends inside an object"),
    ] {
        let error = error_of::<JsonFormat>(&format!("[{object}]"));
        assert!(error.contains(said), "{}: {error}", object.get(..80).unwrap_or(object));
        assert!(error.starts_with("line 1: ") && error.len() < 300, "{error}");
    }
}

#[test]
fn nesting_costs_neither_stack_nor_time() {
    let deep = format!("[{{\"tags\":{}{}]", "{\"a\":".repeat(100_000), "}".repeat(100_001));
    assert!(error_of::<JsonFormat>(&deep).contains("expected a tag value in quotes"));
    assert!(error_of::<JsonFormat>(&"[".repeat(100_000)).contains("a bracket opens inside"));
}

#[test]
fn arrays_are_whole_or_refused() {
    let a = r#"{"timestamp":1,"metric":"m","value":1}"#;
    for text in [
        "[]".into(),
        " [ ] \n".into(),
        format!("[{a}]"),
        format!("\u{feff}[\n{a}\n,\r\n{a}{}]", ""),
        format!("\n\n[{a},{a},\t{a}]\n"),
    ] {
        let expected = text.matches("metric").count();
        assert_eq!(read::<JsonFormat>(&text, ReadOptions::default()).unwrap().len(), expected, "{text}");
    }
    for (text, said) in [
        (String::new(), "the file is empty"),
        (" \n".into(), "the file is empty"),
        ("[".into(), "the array is never closed"),
        (format!("[{a}"), "the array is never closed"),
        (format!("[{a},"), "the array is never closed"),
        (format!("[{a},]"), "a comma before it"),
        (format!("[,{a}]"), "a comma too many"),
        (format!("[{a},,{a}]"), "a comma too many"),
        (format!("[{a}{a}]"), "no comma before"),
        (format!("[[{a}]]"), "a bracket opens inside the array"),
        (format!("[{a}]]"), "a closing bracket too many"),
        (format!("[{a}]\n{a}"), "line 2: text follows the end of the array"),
        (format!("[{a}]x"), "text follows the end of the array"),
        (format!("{a}\n{a}"), "it is jsonl"),
        (format!("[1, {a}]"), "expected an object"),
        (format!("[\n{a},\n\n{{}}]"), "line 4: the object has no key"),
        (format!("[{a},{{\"metric\":\"m"), "the file ends inside an object"),
        ("null".into(), "it is jsonl"),
    ] {
        let error = error_of::<JsonFormat>(&text);
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn bad_objects_are_skipped_one_by_one_and_a_file_that_was_cut_off_is_an_error() {
    let a = r#"{"timestamp":1,"metric":"m","value":1}"#;
    let long = format!("{{\"metric\":\"{}\"}}", "}".repeat(100));
    let text = format!("[{a},\n{{\"x\":{{}}}},\n{a} {a},\n{long},{a}\n]");
    let options = ReadOptions { line_bytes_max: 80, ..skip() };
    let (rows, report, result) = testing::read_pieces::<JsonFormat>(&[text.as_bytes()], options.clone());
    result.unwrap();
    assert_eq!((rows.len(), report.skipped), (3, 3));
    assert_eq!(report.examples.iter().map(|example| example.line).collect::<Vec<_>>(), [2, 3, 4]);
    let cut = testing::read_pieces::<JsonFormat>(&[text.trim_end_matches(']').as_bytes()], options);
    assert!(cut.2.unwrap_err().message().contains("never closed"));
}

#[test]
fn an_element_that_is_no_object_does_not_take_the_next_object_with_it() {
    let a = r#"{"timestamp":1,"metric":"m","value":1}"#;
    let text = format!("[null,\n{a}, 5 ,true,{a},\n\"a{{,]\\\"\",{a},[],{a},\n\"b\"\n]");
    let (rows, report, result) = testing::read_pieces::<JsonFormat>(&[text.as_bytes()], skip());
    result.unwrap();
    // Without the object behind an array inside the array: that is one record.
    assert_eq!((rows.len(), report.skipped), (3, 6));
    assert!(report.examples[0].message.contains("null"), "{:?}", report.examples);
    let fails = error_of::<JsonFormat>(&format!("[{a},null,{a}]"));
    assert!(fails.contains("expected an object, not \"null\""), "{fails}");
}

#[test]
fn the_metric_the_tags_and_the_unit_can_be_given_for_the_whole_file() {
    let options = ReadOptions {
        metric: Some("m".into()),
        extra_tags: [("site".into(), "north".into())].into(),
        time_unit: Some(TimeUnit::Ns),
        ..ReadOptions::default()
    };
    let rows = read::<JsonFormat>(r#"[{"timestamp":5,"value":1}]"#, options.clone()).unwrap();
    assert_eq!(rows, [row_of(&Point::new("m", 5, 1.0).tag("site", "north"))]);
    for object in
        [r#"{"timestamp":5,"value":1,"metric":"m"}"#, r#"{"timestamp":5,"value":1,"tags":{"site":"south"}}"#]
    {
        let error = read::<JsonFormat>(&format!("[{object}]"), options.clone()).unwrap_err();
        assert!(error.message().contains("give only one"), "{error}");
    }
    // Told by the first good object, once.
    let text =
        r#"[{"timestamp":1706436000000,"value":1,"metric":"m"},{"timestamp":5,"value":1,"metric":"m"}]"#;
    assert_eq!(read::<JsonFormat>(text, ReadOptions::default()).unwrap()[1].2, 5_000_000);
}

#[test]
fn a_file_looks_like_one() {
    let points = [
        Point::new("cpu \"load\"", 1_500_000_000, 21.5).tag("host", "a\n\u{1}\\").tag("os", "é"),
        Point::new("m", 0, f64::NAN),
    ];
    let text = testing::write(&mut JsonWriter::new(), &points);
    let expected = concat!(
        "[\n",
        r#"{"timestamp":"1970-01-01T00:00:01.5Z","metric":"cpu \"load\"","tags":{"host":"a\n\u0001\\","os":"é"},"value":21.5},"#,
        "\n",
        r#"{"timestamp":"1970-01-01T00:00:00Z","metric":"m","tags":{},"value":"NaN"}"#,
        "\n]\n"
    );
    assert_eq!(String::from_utf8(text).unwrap(), expected);
    assert_eq!(testing::write(&mut JsonWriter::new(), &[]), b"[\n]\n");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn what_is_exported_imports_bit_for_bit_and_other_programs_read_it(
        points in proptest::collection::vec(hostile_point(), 1..8),
        piece_bytes in 1usize..200,
    ) {
        let out = testing::write(&mut JsonWriter::new(), &points);
        let pieces: Vec<&[u8]> = out.chunks(piece_bytes).collect();
        let (rows, report, result) = testing::read_pieces::<JsonFormat>(&pieces, ReadOptions::default());
        prop_assert!(result.is_ok(), "{:?}", result);
        prop_assert_eq!(rows, points.iter().map(row_of).collect::<Vec<_>>());
        prop_assert_eq!(report.rows, points.len() as u64);

        let others: Vec<serde_json::Value> = serde_json::from_slice(&out).unwrap();
        for (point, other) in points.iter().zip(others) {
            prop_assert_eq!(other["metric"].as_str(), Some(point.metric.as_str()));
            let tags = Tags::new(point.tags.clone()).unwrap();
            for (key, value) in tags.iter() {
                prop_assert_eq!(other["tags"][key].as_str(), Some(value));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

    #[test]
    fn no_bytes_panic_and_every_cut_of_them_reads_alike(
        text in proptest::collection::vec(prop_oneof![
            4 => proptest::sample::select(b"\"\\,:{}[] \n\r1.-eu".to_vec()).prop_map(|byte| Vec::from([byte])),
            4 => proptest::sample::select([
                "{\"timestamp\":1,\"metric\":\"m\",\"value\":1}", "\"tags\":{", "\"value\":", "[\n", "\\ud83d", "\u{feff}",
            ].to_vec()).prop_map(|part| part.as_bytes().to_vec()),
            1 => any::<u8>().prop_map(|byte| Vec::from([byte])),
        ], 0..60),
        piece_bytes in 1usize..40,
        line_bytes_max in 8usize..60,
    ) {
        assert_cuts_do_not_matter::<JsonFormat>(&text.concat(), piece_bytes, line_bytes_max);
    }
}
