//! Points as text from other programs: CSV, JSON, JSON lines, line protocol.
use super::Arguments;
use chronicle_core::error::Result;
use chronicle_core::export::csv::{CsvFormat, CsvWriter};
use chronicle_core::export::json::{JsonFormat, JsonWriter};
use chronicle_core::export::jsonl::{JsonLinesFormat, JsonLinesWriter};
use chronicle_core::export::line::{LineFormat, LineWriter};
use chronicle_core::export::{OnError, PointWriter, ReadOptions, TextFormat, TextReader};
use chronicle_core::model::{PointSource, Tags};

/// A time of the seeds.
const TIME_NS: i64 = 1_706_400_000_000_000_000;

type Rows = Vec<(String, Vec<(String, String)>, i64, u64)>;

fn read<'a, F: TextFormat>(
    options: &ReadOptions,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Rows, Result<()>, u64) {
    let mut reader = TextReader::<F>::new(options.clone());
    let mut rows = Rows::new();
    let mut sink = |row: F::Row<'_>| {
        let tags = (0..row.tag_count()).map(|i| row.tag_at(i)).map(|(k, v)| (k.into(), v.into()));
        rows.push((row.metric().into(), tags.collect(), row.timestamp(), row.value().to_bits()));
        Ok(())
    };
    let mut result = Ok(());
    for piece in pieces {
        result = reader.feed(piece, &mut sink);
        if result.is_err() {
            break;
        }
    }
    let result = result.and_then(|()| reader.finish(&mut sink));
    let skipped = reader.report().skipped;
    (rows, result, skipped)
}

/// A file, after two bytes: options, and the length of the pieces it is fed in. However it is cut, the same points and the
/// same errors come of it. Points that come out can be written.
fn decode<F: TextFormat>(data: &[u8]) -> Rows {
    let mut arguments = Arguments(data);
    let (flags, piece) = (arguments.u8(), arguments.u8());
    let file = arguments.0;
    let options = ReadOptions {
        metric: (flags & 1 != 0).then(|| "cpu".to_owned()),
        extra_tags: if flags & 2 != 0 { vec![("host".into(), "a".into())] } else { Vec::new() },
        on_error: if flags & 4 != 0 { OnError::Skip } else { OnError::Fail },
        line_bytes_max: if flags & 8 != 0 { 40 } else { ReadOptions::default().line_bytes_max },
        now_ns: (flags & 16 != 0).then_some(TIME_NS),
        ..ReadOptions::default()
    };
    let whole = read::<F>(&options, std::iter::once(file));
    let cut = read::<F>(&options, file.chunks(usize::from(piece) + 1));
    assert_eq!(whole.0, cut.0, "the points depend on how the file is cut");
    assert_eq!(whole.1, cut.1, "the error depends on how the file is cut");
    assert_eq!(whole.2, cut.2, "what is skipped depends on how the file is cut");
    whole.0
}

/// What was read once is written, and reads back to the same points where the format holds them.
fn assert_written_again<F: TextFormat>(writer: &mut dyn PointWriter, rows: &Rows) {
    let mut out = Vec::new();
    let mut kept = Rows::new();
    writer.start(&mut out);
    for (metric, tags, timestamp, bits) in rows {
        let tags = Tags::new(tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))).unwrap();
        if writer.series(metric, &tags).is_ok() && writer.refuses(*bits).is_none() {
            writer.points(&mut out, &[*timestamp], &[*bits]);
            let tags = tags.iter().map(|(key, value)| (key.into(), value.into())).collect();
            kept.push((metric.clone(), tags, *timestamp, *bits));
        }
    }
    writer.finish(&mut out);
    let (read, result, _) = read::<F>(&ReadOptions::default(), std::iter::once(out.as_slice()));
    assert_eq!(result, Ok(()));
    assert_eq!(read, kept);
}

/// A CSV file; see [`decode`].
pub fn decode_csv(data: &[u8]) {
    decode::<CsvFormat>(data);
}

/// A JSON array of points; see [`decode`].
pub fn decode_json(data: &[u8]) {
    let rows = decode::<JsonFormat>(data);
    assert_written_again::<JsonFormat>(&mut JsonWriter::new(), &rows);
}

/// JSON lines; see [`decode`].
pub fn decode_jsonl(data: &[u8]) {
    let rows = decode::<JsonLinesFormat>(data);
    assert_written_again::<JsonLinesFormat>(&mut JsonLinesWriter::new(), &rows);
}

/// Line protocol; see [`decode`].
pub fn decode_line(data: &[u8]) {
    let rows = decode::<LineFormat>(data);
    assert_written_again::<LineFormat>(&mut LineWriter::new(), &rows);
}

/// A file that the writer wrote, and others.
fn seeds<F: TextFormat>(writer: &mut dyn PointWriter, tag: &str, others: &[(u8, &str)]) -> Vec<Vec<u8>> {
    let mut file = vec![0, 6];
    writer.start(&mut file);
    let tags = Tags::new([("host", " x"), ("a \"b\",c", tag)]).unwrap();
    writer.series("cpu", &tags).unwrap();
    let values = [0.0f64, -0.0, 21.5, f64::NAN, f64::INFINITY, 1e300, f64::from_bits(0xfff8_0000_0000_0000)];
    let bits: Vec<u64> =
        values.map(f64::to_bits).into_iter().filter(|bits| writer.refuses(*bits).is_none()).collect();
    let times: Vec<i64> = (0..bits.len() as i64).map(|index| TIME_NS + index).collect();
    writer.points(&mut file, &times, &bits);
    writer.finish(&mut file);
    let (rows, result, _) = read::<F>(&ReadOptions::default(), std::iter::once(&file[2..]));
    result.unwrap();
    assert_eq!(rows.iter().map(|row| row.3).collect::<Vec<_>>(), bits);
    let mut seeds = vec![file];
    seeds.extend(others.iter().map(|(flags, text)| [&[*flags, 3], text.as_bytes()].concat()));
    seeds
}

pub(super) fn csv_seeds() -> Vec<Vec<u8>> {
    let keys = vec!["host".into(), "a \"b\",c".into(), "value".into()];
    let others = [
        (0, "\u{feff}timestamp,metric,value,host\r\n1706400000,cpu,1,a\r\n\r\n1706400001,mem,2,\r\n"),
        (1, "timestamp,value\n2024-01-28T10:00:00Z,1\n2024-01-28 10:00:01,nan"),
        (4, "value,metric,timestamp,tag:value\n1,m,1706400000000,x\nbad\n2,m,1706400001000,\"y\"\"z\"\n"),
        (4, "timestamp,metric,value\n1,\"m,1\n2,m,2\n3,\"m\",3\n4,m\",\"4\n"),
        (
            12,
            "timestamp,metric,value\n1,a,1\n2,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,1\n3,a,3\n",
        ),
    ];
    seeds::<CsvFormat>(&mut CsvWriter::new(keys), "quote \" and\r\nline", &others)
}

pub(super) fn json_seeds() -> Vec<Vec<u8>> {
    let others = [
        (0, "[]"),
        (
            1,
            "[ {\"timestamp\": 1706400000, \"value\": 1.5e3},\n{\"value\": \"-Inf\",\"timestamp\":1706400001} ]\n",
        ),
        (
            4,
            "[{\"metric\":\"\\ud83d\\ude00\\n\",\"timestamp\":1,\"value\":1},{\"a\":{}},{\"metric\":\"m\",\"timestamp\":\"2024-01-28T10:00:00Z\",\"value\":2}]",
        ),
        (12, "[\n{\"timestamp\":1,\"metric\":\"a long one indeed\",\"value\":1}]"),
    ];
    seeds::<JsonFormat>(&mut JsonWriter::new(), "quote \" and\r\nline", &others)
}

pub(super) fn jsonl_seeds() -> Vec<Vec<u8>> {
    let others = [
        (
            1,
            "{\"timestamp\": 1706400000, \"value\": 1.5e3}\r\n\n{\"value\": \"-Inf\",\"timestamp\":\"1706400001\"}",
        ),
        (
            4,
            "{\"tags\":{\"a\":\"\\u00e9\",\"b\":\"\"},\"metric\":\"m\",\"timestamp\":1,\"value\":-0.0}\n{}\n",
        ),
    ];
    seeds::<JsonLinesFormat>(&mut JsonLinesWriter::new(), "quote \" and\r\nline", &others)
}

pub(super) fn line_seeds() -> Vec<Vec<u8>> {
    let others = [
        (
            16,
            "# a comment\n\nweather,location=us-midwest temperature=82,humidity=71i 1465839830100400200\nm a=t",
        ),
        (
            20,
            "wea\\,ther,lo\\ cat\\=ion=us\\,mid temp\\=rature=-1.5e+3,s=\"a \\\" b\nc\",u=9007199254740993u 1\r\n",
        ),
        (4, "m a=\"open 1\nm a=2 2\nm a=\"\\\\\" 3\nm,t= a=1\n"),
        (12, "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm a=1 1\nm a=1 1\n"),
    ];
    seeds::<LineFormat>(&mut LineWriter::new(), "quote \" and \\ back=slash", &others)
}
