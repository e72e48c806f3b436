//! The protocol's own examples and hostile ones, each with the points or the error that comes of it; the round trip.
extern crate std;
use super::*;
use crate::export::testing::{self, assert_cuts_do_not_matter, error_of, hostile_point, read, row_of, skip};
use crate::export::{PointWriter, ReadOptions};
use crate::model::{Point, Tags};
use crate::time::TimeUnit;
use proptest::prelude::*;
use std::format;
use std::string::String;
use std::vec::Vec;

/// What lines without a time get here.
const NOW: i64 = 7;

fn options() -> ReadOptions {
    ReadOptions { now_ns: Some(NOW), ..ReadOptions::default() }
}

/// Points as `metric,tag=value value time`, separated by `; `.
fn shown(text: &str) -> Result<String, String> {
    let rows = read::<LineFormat>(text, options()).map_err(|error| format!("{error}"))?;
    let points = rows.into_iter().map(|(metric, tags, timestamp, bits)| {
        let tags: String = tags.iter().map(|(key, value)| format!(",{key}={value}")).collect();
        format!("{metric}{tags} {:?} {timestamp}", f64::from_bits(bits))
    });
    Ok(points.collect::<Vec<_>>().join("; "))
}

/// The documentation of InfluxDB v1 and v2, the tests of its parsers, and what people write.
#[test]
fn lines_that_parse() {
    for (line, points) in [
        (
            "weather,location=us-midwest temperature=82 1465839830100400200",
            "weather.temperature,location=us-midwest 82.0 1465839830100400200",
        ),
        (
            "weather,location=us-midwest,season=summer temperature=82 1465839830100400200",
            "weather.temperature,location=us-midwest,season=summer 82.0 1465839830100400200",
        ),
        (
            "weather,location=us-midwest temperature=82,humidity=71 1465839830100400200",
            "weather.temperature,location=us-midwest 82.0 1465839830100400200; \
             weather.humidity,location=us-midwest 71.0 1465839830100400200",
        ),
        ("weather temperature=82 1465839830100400200", "weather.temperature 82.0 1465839830100400200"),
        ("weather,location=us-midwest temperature=82", "weather.temperature,location=us-midwest 82.0 7"),
        ("weather temperature=82i 1", "weather.temperature 82.0 1"),
        ("weather too_hot=true 1", "weather.too_hot 1.0 1"),
        ("weather,location=us\\,midwest temperature=82 1", "weather.temperature,location=us,midwest 82.0 1"),
        ("weather temp\\=rature=82 1", "weather.temp=rature 82.0 1"),
        ("weather,location\\ place=us-midwest t=82 1", "weather.t,location place=us-midwest 82.0 1"),
        ("wea\\,ther,location=us-midwest t=82 1", "wea,ther.t,location=us-midwest 82.0 1"),
        ("wea\\ ther,location=us-midwest t=82 1", "wea ther.t,location=us-midwest 82.0 1"),
        (
            "we⛅️ther,location=us-midwest temper🔥ture=82 1",
            "we⛅️ther.temper🔥ture,location=us-midwest 82.0 1",
        ),
        ("\"weather\",location=us-midwest t=87 1", "\"weather\".t,location=us-midwest 87.0 1"),
        (
            "my\\ Measurement,tag\\ Key1=tag\\ Value1,tag\\ Key2=tag\\ Value2 f=100",
            "my Measurement.f,tag Key1=tag Value1,tag Key2=tag Value2 100.0 7",
        ),
        (
            "myMeasurement,tagKey=🍭 f=1 1556813561098000000",
            "myMeasurement.f,tagKey=🍭 1.0 1556813561098000000",
        ),
        ("m f=-1.234456e+78", "m.f -1.234456e78 7"),
        ("m f=12485903i,g=-12485903i,h=12485903u", "m.f 12485903.0 7; m.g -12485903.0 7; m.h 12485903.0 7"),
        ("m f=-9223372036854775808i", "m.f -9.223372036854776e18 7"),
        ("m a=t,b=T,c=true,d=True,e=TRUE", "m.a 1.0 7; m.b 1.0 7; m.c 1.0 7; m.d 1.0 7; m.e 1.0 7"),
        ("m a=f,b=F,c=false,d=False,e=FALSE", "m.a 0.0 7; m.b 0.0 7; m.c 0.0 7; m.d 0.0 7; m.e 0.0 7"),
        ("# This is a comment\nm f=1 1", "m.f 1.0 1"),
        ("  # comment \" with a quote\n\t m f=1 1", "m.f 1.0 1"),
        ("\n\n\r\n   \n", ""),
        ("", ""),
        ("m f=1 1\r\nm f=2 2\r\n", "m.f 1.0 1; m.f 2.0 2"),
        ("  measurement  a=1i  123  ", "measurement.a 1.0 123"),
        ("foo value1=1i -123", "foo.value1 1.0 -123"),
        ("foo asdf=44 546", "foo.asdf 44.0 546"),
        ("foo,tag2=2,tag1=1 a=1 1", "foo.a,tag1=1,tag2=2 1.0 1"),
        ("m f=1 -9223372036854775808", "m.f 1.0 -9223372036854775808"),
        ("m f=.5,g=1.,h=+2,i=1e5,j=1E-3", "m.f 0.5 7; m.g 1.0 7; m.h 2.0 7; m.i 100000.0 7; m.j 0.001 7"),
        ("m f=-0.0", "m.f -0.0 7"),
        // Field value is the metric itself.
        ("a.b value=1 1", "a.b 1.0 1"),
        ("m value=1,other=2 1", "m 1.0 1; m.other 2.0 1"),
        ("m a=1,a=2 1", "m.a 1.0 1; m.a 2.0 1"),
        // A backslash that escapes nothing stands for itself.
        ("\\wea\\ther f=1", "\\wea\\ther.f 1.0 7"),
        ("a\\=b,c\\d=e\\\\f f=1", "a\\=b.f,c\\d=e\\\\f 1.0 7"),
        ("m\\\\ x f=1", "m\\ x.f 1.0 7"),
        ("m=1 f=1", "m=1.f 1.0 7"),
        ("m,t=\"a f=1", "m.f,t=\"a 1.0 7"),
        ("m \"f\"=1", "m.\"f\" 1.0 7"),
        ("m,t=a\tb f=1", "m.f,t=a\tb 1.0 7"),
        ("m,t=x#y f=1", "m.f,t=x#y 1.0 7"),
    ] {
        assert_eq!(shown(line).as_deref(), Ok(points), "{line}");
    }
}

#[test]
fn lines_that_do_not_parse_say_why() {
    for (line, said) in [
        ("foo 1234", "line 1: field: \"1234\": it has no value"),
        ("foo", "the line has no fields"),
        ("foo ", "the line has no fields"),
        ("foo,t=v", "the line has no fields"),
        ("foo,t=v ", "the line has no fields"),
        (",t=v f=1", "the measurement has no name"),
        ("m,t f=1", "tag: \"t\": it has no value"),
        ("m,t= f=1", "tag: \"t\": its value is empty"),
        ("m,=v f=1", "a tag without a key"),
        ("m, f=1", "a tag without a key"),
        ("m,,t=v f=1", "a tag without a key"),
        ("m,t=v, f=1", "a tag without a key"),
        ("m,t=a=b f=1", "tag: \"t\": an equals sign in its value"),
        ("m,a=1,b=2,a=3 f=1", "tag: \"a\": it is given twice"),
        ("m f", "field: \"f\": it has no value"),
        ("m =1", "a field without a key"),
        ("m f=", "field: \"f\": it has no value"),
        ("m f=,g=1", "field: \"f\": it has no value"),
        ("m f=1,", "field: \"\": it has no value"),
        ("m f=1, g=2", "it has no value"),
        ("m f=1,g", "field: \"g\": it has no value"),
        ("m f=abc", "\"abc\" is neither a number nor true or false"),
        ("m f='too warm'", "a string is in double quotes"),
        ("m f=23.1.22", "\"23.1.22\" is neither a number"),
        ("m f=1e", "neither a number"),
        ("m f=0x10", "neither a number"),
        ("m f=1\t2", "neither a number"),
        ("m f=tRUE", "neither a number nor true"),
        ("m f=-1u", "does not fit an unsigned 64-bit integer"),
        ("m f=99999999999999999999999999999999i", "does not fit a 64-bit integer"),
        ("m f=18446744073709551616u", "does not fit an unsigned 64-bit integer"),
        ("m f=1.5i", "neither a number"),
        ("m f=1e999", "neither a number"),
        (
            "m f=\"too warm\"",
            "field: \"f\": the string \"\\\"too warm\\\"\" can't be stored: values are numbers",
        ),
        ("m f=\"a \\\" b \\\\\"", "can't be stored"),
        ("m f=\"a\nb\"", "can't be stored"),
        ("m f=\"a\"b", "text follows the closing quote"),
        ("m f=\"a", "line 1: a string is open at the end of the file"),
        ("m f=9007199254740993i", "the integer 9007199254740993 can't be stored"),
        ("m f=18446744073709551615u", "can't be stored"),
        ("m f=NaN", "NaN has no place in line protocol"),
        ("m f=-inf", "-inf has no place in line protocol"),
        ("m f=1 \"1465839830100400200\"", "timestamp: "),
        ("m f=1 1.5", "it is not a whole number"),
        ("m f=1 1e9", "it is not a whole number"),
        ("m f=1 2024-01-28T10:00:00Z", "it is not a whole number"),
        ("m f=1 1 2", "it is not a whole number"),
        ("m f=1 9223372036854775808", "the integer does not fit 64 bits"),
        ("a b c=1", "field: \"b\": it has no value"),
        ("ok f=1 1\n\n# x\nbad", "line 4: the line has no fields"),
    ] {
        let error = shown(line).unwrap_err();
        assert!(error.contains(said), "{line}: {error}");
        assert!(error.len() < 300, "{error}");
    }
    let invalid =
        testing::read_pieces::<LineFormat>(&[b"m f=1 1\nm,t=\xff f=1 1\n"], options()).2.unwrap_err();
    assert!(format!("{invalid}").starts_with("line 2: byte 5 of the line is not UTF-8"), "{invalid}");
    assert!(error_of::<LineFormat>("m f=1").contains("the line has no timestamp"), "core has no clock");
}

#[test]
fn what_is_given_for_the_whole_file_is_checked_before_its_first_line() {
    let metric = ReadOptions { metric: Some("m".into()), ..options() };
    assert!(read::<LineFormat>("", metric).unwrap_err().message().contains("names its metric"));
    let extra = |key: &str| ReadOptions { extra_tags: [(key.into(), "x".into())].into(), ..options() };
    assert_eq!(
        read::<LineFormat>("m value=1 1", extra("t")).unwrap(),
        [row_of(&Point::new("m", 1, 1.0).tag("t", "x"))]
    );
    assert!(read::<LineFormat>("m,t=v value=1 1", extra("t")).is_err());
    assert!(read::<LineFormat>("", extra("")).is_err());
    let seconds = ReadOptions { time_unit: Some(TimeUnit::S), ..options() };
    assert_eq!(read::<LineFormat>("m value=1 5", seconds.clone()).unwrap()[0].2, 5_000_000_000);
    assert!(read::<LineFormat>("m value=1 1465839830100400200", seconds).is_err());
}

#[test]
fn fields_that_are_no_numbers_are_skipped_one_by_one() {
    let text = "m a=1,b=\"x\",c=3,d=9007199254740993i 1\nm a=\"one\ntwo=2 5\" 2\nm a=4 4\nm a=NaN 5\n";
    let (rows, report, result) = testing::read_pieces::<LineFormat>(&[text.as_bytes()], skip());
    result.unwrap();
    let kept: Vec<(&str, i64)> = rows.iter().map(|row| (row.0.as_str(), row.2)).collect();
    assert_eq!(kept, [("m.a", 1), ("m.c", 1), ("m.a", 4)]);
    assert_eq!((report.rows, report.skipped), (3, 4));
    assert_eq!(report.examples.iter().map(|example| example.line).collect::<Vec<_>>(), [1, 1, 2, 5]);
    assert!(report.examples[0].message.starts_with("field: \"b\": the string"));

    let failed = testing::read_pieces::<LineFormat>(&[text.as_bytes()], options());
    assert!(failed.0.is_empty(), "a line that ends an import leaves nothing of itself");
}

#[test]
fn a_string_that_is_never_closed_costs_its_own_line() {
    let text = "m a=\"open 1\nm a=2 2\nm a=3 3\n";
    let (rows, report, result) = testing::read_pieces::<LineFormat>(&[text.as_bytes()], skip());
    result.unwrap();
    assert_eq!(rows.iter().map(|row| row.2).collect::<Vec<_>>(), [2, 3]);
    assert_eq!((report.skipped, report.examples[0].line), (1, 1));
}

#[test]
fn names_that_line_protocol_has_no_spelling_for_are_refused() {
    let mut writer = LineWriter::new();
    let none = Tags::default();
    for metric in ["", "# x", "\tx", "\u{feff}", "a\nb", "a\\", "\\"] {
        assert!(writer.series(metric, &none).is_err(), "{metric:?}");
    }
    for (key, value) in [("a\nb", "x"), ("a", "\n"), ("a\\", "x"), ("a", "x\\")] {
        assert!(writer.series("m", &Tags::new([(key, value)]).unwrap()).is_err(), "{key:?} {value:?}");
    }
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(writer.refuses(value.to_bits()).is_some());
    }
}

#[test]
fn a_file_looks_like_one() {
    let points = [
        Point::new("cpu load", 1_500_000_000, 21.5).tag("host", "a=b, c").tag("os", "x"),
        Point::new("a.b=c", -1, -0.0),
    ];
    let text = testing::write(&mut LineWriter::new(), &points);
    let expected = "cpu\\ load,host=a\\=b\\,\\ c,os=x value=21.5 1500000000\na.b=c value=-0 -1\n";
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn what_line_protocol_holds_imports_bit_for_bit(
        points in proptest::collection::vec(hostile_point(), 1..8),
        piece_bytes in 1usize..200,
    ) {
        let mut writer = LineWriter::new();
        let held: Vec<Point> = points
            .into_iter()
            .filter(|point| {
                let tags = Tags::new(point.tags.clone()).unwrap();
                writer.series(&point.metric, &tags).is_ok() && writer.refuses(point.value.to_bits()).is_none()
            })
            .collect();
        let out = testing::write(&mut writer, &held);
        let pieces: Vec<&[u8]> = out.chunks(piece_bytes).collect();
        let (rows, report, result) = testing::read_pieces::<LineFormat>(&pieces, ReadOptions::default());
        prop_assert!(result.is_ok(), "{:?}", result);
        prop_assert_eq!(rows, held.iter().map(row_of).collect::<Vec<_>>());
        prop_assert_eq!(report.rows, held.len() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

    #[test]
    fn no_bytes_panic_and_every_cut_of_them_reads_alike(
        text in proptest::collection::vec(prop_oneof![
            4 => proptest::sample::select(b"\"\\,= \n\r#1.-iut\t".to_vec()).prop_map(|byte| Vec::from([byte])),
            4 => proptest::sample::select(["m,t=v ", "m f=1 1\n", "f=\"", " 12\n", "\\\"", "\u{feff}"].to_vec())
                .prop_map(|part| part.as_bytes().to_vec()),
            1 => any::<u8>().prop_map(|byte| Vec::from([byte])),
        ], 0..60),
        piece_bytes in 1usize..40,
        line_bytes_max in 8usize..60,
    ) {
        assert_cuts_do_not_matter::<LineFormat>(&text.concat(), piece_bytes, line_bytes_max);
    }
}
