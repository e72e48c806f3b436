//! Seeded workloads of the benches and size tests: devops, iot, random, and the real NAB series.
//!
//! The same arguments give the same points on every machine: integer generators, and no function of the platform's
//! mathematics library. Nothing here reads a clock.
use std::fs;
use std::path::Path;

const SECOND: i64 = 1_000_000_000;
const MILLISECOND: i64 = 1_000_000;
/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600 * SECOND;

/// One series with all its points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesData {
    /// Name of the metric.
    pub metric: String,
    /// Tags in order of key.
    pub tags: Vec<(String, String)>,
    /// Unix time in nanoseconds, in order of arrival.
    pub timestamps: Vec<i64>,
    /// Bit patterns of the values.
    pub bits: Vec<u64>,
}

/// SplitMix64: small, fast, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that `seed` determines.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
    /// Uniform in `0..bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }
    /// Uniform in [0, 1), 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
    /// Normal with mean 0 and deviation 1, by Marsaglia's polar method.
    pub fn normal(&mut self) -> f64 {
        loop {
            let (a, b) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = a * a + b * b;
            if square > 0.0 && square < 1.0 {
                return a * (-2.0 * ln(square) / square).sqrt();
            }
        }
    }
}

/// Natural logarithm by a series, so that it does not depend on the platform.
fn ln(x: f64) -> f64 {
    let exponent = (x.to_bits() >> 52) as i64 - 1023;
    let mantissa = f64::from_bits(x.to_bits() & ((1 << 52) - 1) | 1023 << 52);
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let (mut term, mut sum) = (z, 0.0);
    for odd in (1..40).step_by(2) {
        sum += term / f64::from(odd);
        term *= z * z;
    }
    2.0 * sum + exponent as f64 * std::f64::consts::LN_2
}

/// `v` rounded to `decimals`, as the double that the decimal parses to.
fn rounded(v: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (v * scale).round() / scale
}

/// The ten fields of a host's CPU, as in tsbs; every second one has two decimals, the others one.
const FIELDS: [&str; 10] = [
    "usage_user",
    "usage_system",
    "usage_idle",
    "usage_nice",
    "usage_iowait",
    "usage_irq",
    "usage_softirq",
    "usage_steal",
    "usage_guest",
    "usage_guest_nice",
];
const REGIONS: [&str; 4] = ["eu-central-1", "us-east-1", "us-west-2", "ap-southeast-1"];

/// Ten fields of each host every 10 s: random walks with steps of deviation 1 between 0 and 100, one or two decimals.
pub fn devops(hosts: usize, hours: usize, seed: u64) -> Vec<SeriesData> {
    let points = hours * 360;
    let mut series = Vec::with_capacity(hosts * FIELDS.len());
    for host in 0..hosts {
        let region = REGIONS[host % REGIONS.len()];
        let tags = [
            ("datacenter", format!("{region}{}", ['a', 'b', 'c'][host % 3])),
            ("host", format!("host_{host}")),
            ("os", ["Ubuntu16.10", "Ubuntu16.04LTS", "Ubuntu15.10"][host % 3].into()),
            ("rack", (host % 100).to_string()),
            ("region", region.into()),
        ];
        let tags: Vec<_> = tags.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
        for (field, name) in FIELDS.iter().enumerate() {
            let mut random = Random::new(seed ^ ((host * 16 + field) as u64) << 20);
            let mut level = 100.0 * random.unit();
            let bits = (0..points).map(|_| {
                level = (level + random.normal()).clamp(0.0, 100.0);
                rounded(level, 1 + (field % 2) as i32).to_bits()
            });
            series.push(SeriesData {
                metric: format!("cpu.{name}"),
                tags: tags.clone(),
                bits: bits.collect(),
                timestamps: (0..points as i64).map(|i| START + i * 10 * SECOND).collect(),
            });
        }
    }
    series
}

/// One reading a minute of each sensor, stamped in milliseconds up to 250 ms early or late: a slowly wandering level
/// and noise, at a resolution of 0.1.
pub fn iot(sensors: usize, days: usize, seed: u64) -> Vec<SeriesData> {
    let points = days * 1440;
    let sensor = |number: usize| {
        let mut random = Random::new(seed ^ (number as u64) << 24);
        let mut level = 15.0 + 10.0 * random.unit();
        let mean = level;
        let phase = random.below(60_000) as i64;
        let mut data = SeriesData {
            metric: "temperature".into(),
            tags: vec![
                ("sensor".into(), format!("s{number:04}")),
                ("site".into(), format!("site-{}", number % 20)),
            ],
            timestamps: Vec::with_capacity(points),
            bits: Vec::with_capacity(points),
        };
        for i in 0..points as i64 {
            let jitter = random.below(501) as i64 - 250;
            data.timestamps.push(START + (i * 60_000 + phase + jitter) * MILLISECOND);
            level += 0.126 * random.normal() + (mean - level) * 0.001;
            data.bits.push(rounded(level + 0.435 * random.normal(), 1).to_bits());
        }
        data
    };
    (0..sensors).map(sensor).collect()
}

/// `n` points in series of 20,000: every 10 s with up to 10 s of delay in milliseconds, and values of random finite
/// bit patterns.
pub fn random(n: usize, seed: u64) -> Vec<SeriesData> {
    const POINTS: usize = 20_000;
    let series = |number: usize| {
        let mut random = Random::new(seed ^ (number as u64) << 32);
        let points = POINTS.min(n - number * POINTS);
        let timestamps =
            (0..points as i64).map(|i| START + i * 10 * SECOND + random.below(10_000) as i64 * MILLISECOND);
        let timestamps = timestamps.collect();
        let finite = |_| loop {
            let bits = random.bits();
            if f64::from_bits(bits).is_finite() {
                break bits;
            }
        };
        SeriesData {
            metric: "random".into(),
            tags: vec![("number".into(), number.to_string())],
            timestamps,
            bits: (0..points).map(finite).collect(),
        }
    };
    (0..n.div_ceil(POINTS)).map(series).collect()
}

/// The series of the Numenta Anomaly Benchmark under `dir` (its `data` folder: groups of CSV files with the header
/// `timestamp,value`), sorted by name; `None` when there are none. Names become metrics, groups a tag.
pub fn real(dir: impl AsRef<Path>) -> Option<Vec<SeriesData>> {
    let mut files = Vec::new();
    for group in fs::read_dir(dir).ok()?.flatten().filter(|entry| entry.path().is_dir()) {
        files.extend(fs::read_dir(group.path()).ok()?.flatten().map(|entry| entry.path()));
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "csv"));
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let mut data = SeriesData {
            metric: path.file_stem()?.to_str()?.into(),
            tags: vec![("group".into(), path.parent()?.file_name()?.to_str()?.into())],
            ..SeriesData::default()
        };
        for line in fs::read_to_string(path).ok()?.lines().skip(1) {
            let (time, value) = line.split_once(',')?;
            data.timestamps.push(parse_time(time)?);
            data.bits.push(value.trim().parse::<f64>().ok()?.to_bits());
        }
        Some(data)
    };
    let series: Vec<SeriesData> = files.iter().map(read).collect::<Option<_>>()?;
    (!series.is_empty()).then_some(series)
}

/// `2014-02-14 14:30:00` (UTC, fraction allowed) as nanoseconds.
fn parse_time(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut fields = seconds.split(['-', ' ', ':', 'T']).map(|field| field.parse::<i64>().ok());
    let mut next = || fields.next().flatten();
    let (year, month, day, hour, minute, second) = (next()?, next()?, next()?, next()?, next()?, next()?);
    // Days from civil, after Howard Hinnant: years start in March, so that the leap day is the last one.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let nanoseconds = format!("{fraction:0<9}").get(..9)?.parse::<i64>().ok()?;
    Some((days * 86_400 + hour * 3600 + minute * 60 + second) * SECOND + nanoseconds)
}

/// One point of a workload, without copying the names of its series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointRef<'a> {
    /// Index of the series in the workload.
    pub index: usize,
    /// Its series.
    pub series: &'a SeriesData,
    /// Unix time, nanoseconds.
    pub timestamp: i64,
    /// The value.
    pub value: f64,
}

impl chronicle_core::model::PointSource for PointRef<'_> {
    fn metric(&self) -> &str {
        &self.series.metric
    }
    fn tag_count(&self) -> usize {
        self.series.tags.len()
    }
    fn tag_at(&self, index: usize) -> (&str, &str) {
        self.series.tags.get(index).map_or(("", ""), |(key, value)| (key.as_str(), value.as_str()))
    }
    fn timestamp(&self) -> i64 {
        self.timestamp
    }
    fn value(&self) -> f64 {
        self.value
    }
}

/// The points of all series as they arrive: the first of every series, then the second of every series, and so on, in
/// batches of `size` (the last one may be shorter).
pub fn batches(series: &[SeriesData], size: usize) -> impl Iterator<Item = Vec<PointRef<'_>>> {
    let longest = series.iter().map(|data| data.bits.len()).max().unwrap_or(0);
    let mut points = (0..longest).flat_map(move |row| {
        let at = move |(index, series): (usize, &'_ SeriesData)| (index, row < series.bits.len());
        series.iter().enumerate().filter(move |&item| at(item).1).map(move |(index, series)| PointRef {
            index,
            series,
            timestamp: series.timestamps[row],
            value: f64::from_bits(series.bits[row]),
        })
    });
    std::iter::from_fn(move || {
        let batch: Vec<_> = points.by_ref().take(size.max(1)).collect();
        (!batch.is_empty()).then_some(batch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_utc() {
        assert_eq!(parse_time("1970-01-01 00:00:00"), Some(0));
        assert_eq!(parse_time("2026-01-01 00:00:00"), Some(START));
        assert_eq!(parse_time("2024-02-29 12:00:00.5"), Some(1_709_208_000_500_000_000));
        assert_eq!(parse_time("2014-02-14"), None);
    }

    #[test]
    fn a_workload_is_its_seed_and_arrives_whole() {
        let series = devops(2, 1, 7);
        assert_eq!(series, devops(2, 1, 7));
        assert_ne!(series, devops(2, 1, 8));
        let arrived: Vec<_> = batches(&series, 1000).flatten().collect();
        assert_eq!(arrived.len(), 2 * 10 * 360);
        assert_eq!(arrived[20].timestamp, arrived[0].timestamp + 10 * SECOND);
        assert_eq!(random(20_001, 1).iter().map(|s| s.bits.len()).collect::<Vec<_>>(), [20_000, 1]);
        assert_eq!(iot(1, 1, 1)[0].bits.len(), 1440);
    }
}
