//! VictoriaMetrics from Debian, a server on loopback with a folder of its own.
//!
//! Batches go in as JSON lines (`/api/v1/import`, all points of a series in a batch on one line), the text made before the
//! clock starts; costs are of the server and of this client together. Its size is of the whole folder, index included,
//! after a forced flush and merge. Not comparable: it has no log, so what it acknowledged in the last seconds is lost with
//! the power; it keeps milliseconds, and values to about 15 decimal digits at best, so they change; every answer comes
//! as JSON over HTTP. Figures of its size are a bound for a format that keeps every bit.
use super::http::{Http, escaped};
use super::process::{Process, cpu_seconds_of, status_of};
use super::{Peer, Store};
use chronicle_tests::measure::{Cost, time};
use chronicle_tests::workload::{PointRef, SeriesData};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = "victoria-metrics";
const MILLISECOND: i64 = 1_000_000;

pub(crate) struct VictoriaMetrics;

impl Peer for VictoriaMetrics {
    fn name(&self) -> &'static str {
        "VictoriaMetrics"
    }

    fn about(&self) -> String {
        let package = Command::new("dpkg-query").args(["-W", "-f", "${Version}", PROGRAM]).output();
        let version = package.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        format!(
            "{} from Debian over HTTP on loopback, JSON lines in, CPU of server and client; no log, values change",
            version.unwrap_or_default()
        )
    }

    fn installed(&self) -> Result<(), String> {
        let hint = "tests/benches/goals/peers/install.sh or --install brings it (Debian, root)";
        let found = |program: &str| {
            std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
                .any(|folder| folder.join(program).is_file())
        };
        if found(PROGRAM) && found("setpriv") { Ok(()) } else { Err(hint.into()) }
    }

    fn ingest_share(&self) -> usize {
        4
    }

    fn tolerance(&self) -> f64 {
        1e-6
    }

    fn open(&self, folder: &Path, _durable: bool) -> Box<dyn Store> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // setpriv lets the server end with this process, however that ends.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", PROGRAM, "-retentionPeriod=100y", "-search.latencyOffset=0s"])
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
            .arg(format!("-storageDataPath={}", folder.join("vm").display()))
            .arg("-loggerLevel=ERROR")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = Process::start(&mut command).unwrap();
        let started = Instant::now();
        let http = loop {
            let answered = Http::connect(port)
                .and_then(|mut http| http.get("/health").map(|(status, _)| (status == 200, http)));
            match answered {
                Ok((true, http)) => break http,
                _ => assert!(started.elapsed() < Duration::from_secs(20), "the server does not answer"),
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        Box::new(Open { process, http, before: None })
    }

    fn opening(&self, folder: &Path) -> Cost {
        let (store, mut cost) = time(|| self.open(folder, true));
        cost.cpu = f64::NAN;
        store.close();
        cost
    }
}

struct Open {
    http: Http,
    process: Process,
    before: Option<u64>,
}

/// `{__name__="cpu.usage_user",host="host_0"}`
fn selector(series: &SeriesData) -> String {
    let mut text = format!("{{__name__=\"{}\"", series.metric);
    for (key, value) in &series.tags {
        let _ = write!(text, ",{key}=\"{value}\"");
    }
    text + "}"
}

/// A batch as JSON lines, one for each series.
fn lines(batch: &[PointRef<'_>]) -> Vec<u8> {
    let mut by_series: BTreeMap<usize, Vec<&PointRef<'_>>> = BTreeMap::new();
    batch.iter().for_each(|point| by_series.entry(point.index).or_default().push(point));
    let mut text = String::with_capacity(batch.len() * 32);
    for points in by_series.values() {
        let series = points[0].series;
        let _ = write!(text, "{{\"metric\":{{\"__name__\":\"{}\"", series.metric);
        for (key, value) in &series.tags {
            let _ = write!(text, ",\"{key}\":\"{value}\"");
        }
        let joined = |text: &mut String, of: &dyn Fn(&PointRef<'_>) -> String| {
            for (at, point) in points.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                text.push_str(&of(point));
            }
        };
        text.push_str("},\"values\":[");
        joined(&mut text, &|point| format!("{:?}", point.value));
        text.push_str("],\"timestamps\":[");
        joined(&mut text, &|point| (point.timestamp / MILLISECOND).to_string());
        text.push_str("]}\n");
    }
    text.into_bytes()
}

impl Open {
    /// Costs of the server and of this process.
    fn time<T>(&mut self, work: impl FnOnce(&mut Http) -> T) -> (T, Cost) {
        let before = cpu_seconds_of(self.process.id());
        let (answer, cost) = time(|| work(&mut self.http));
        let cpu = cost.cpu + cpu_seconds_of(self.process.id()) - before;
        (answer, Cost { cpu, ..cost })
    }

    /// The value of a metric of its own.
    fn gauge(&mut self, name: &str) -> f64 {
        let (_, text) = self.http.get("/metrics").unwrap();
        let text = String::from_utf8(text).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
    }
}

/// The answer of a query that must succeed.
fn query(http: &mut Http, path: &str) -> Value {
    let (status, body) = http.get(path).unwrap();
    assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

/// A number that comes as text.
fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

impl Store for Open {
    fn load(&mut self, batches: &[Vec<PointRef<'_>>]) -> Cost {
        let texts: Vec<Vec<u8>> = batches.iter().map(|batch| lines(batch)).collect();
        self.before = Some(0);
        let (_, cost) = self.time(|http| {
            for text in &texts {
                let (status, _) = http.post("/api/v1/import", text).unwrap();
                assert_eq!(status, 204);
            }
        });
        cost
    }

    fn compact(&mut self) {
        for path in ["/internal/force_flush", "/internal/force_merge"] {
            assert_eq!(self.http.get(path).unwrap().0, 200);
        }
        let started = Instant::now();
        std::thread::sleep(Duration::from_millis(200));
        while self.gauge("vm_active_force_merges") > 0.0 {
            assert!(started.elapsed() < Duration::from_secs(120), "the merge does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn sum(&mut self, range: &Range<i64>) -> (f64, Cost) {
        let (first, last) = (range.start / MILLISECOND, (range.end - 1) / MILLISECOND);
        let sum = escaped(&format!("sum(sum_over_time({{__name__=~\".+\"}}[{}ms]))", last - first + 1));
        let path = format!("/api/v1/query?nocache=1&query={sum}&time={:.3}", last as f64 / 1e3);
        self.time(|http| number(&query(http, &path)["data"]["result"][0]["value"][1]))
    }

    fn values(&mut self, series: &SeriesData, range: Range<i64>, repeat: usize) -> ((u64, f64), Cost) {
        let (start, end) = (range.start as f64 / 1e9, (range.end - MILLISECOND) as f64 / 1e9);
        let path =
            format!("/api/v1/export?match[]={}&start={start:.3}&end={end:.3}", escaped(&selector(series)));
        let (answer, cost) = self.time(|http| {
            let fetch = |_| {
                let found = query(http, &path);
                let values = found["values"].as_array().unwrap();
                (values.len() as u64, values.iter().map(|value| value.as_f64().unwrap()).sum())
            };
            (0..repeat).map(fetch).last().unwrap()
        });
        let repeat = repeat as f64;
        (answer, Cost { wall: cost.wall / repeat, cpu: cost.cpu / repeat })
    }

    fn means(&mut self, series: &[SeriesData]) -> (Vec<f64>, Cost) {
        // Windows are open at their start and closed at their end: with a point every 10 s, one that ends with the last
        // point of five minutes holds those points.
        let times = &series[0].timestamps;
        let step = (times[1] - times[0]) as f64 / 1e9;
        let (start, end) = (times[0] as f64 / 1e9 + 300.0 - step, times[times.len() - 1] as f64 / 1e9);
        let names: Vec<&str> = series.iter().map(|series| series.metric.as_str()).collect();
        let host = series[0].tags.iter().find(|(key, _)| key == "host").map_or("", |(_, value)| value);
        let of = format!("{{__name__=~\"{}\",host=\"{host}\"}}", names.join("|"));
        let means = escaped(&format!("avg_over_time({of}[5m]) keep_metric_names"));
        let path =
            format!("/api/v1/query_range?nocache=1&query={means}&start={start:.3}&end={end:.3}&step=300s");
        self.time(|http| {
            let found = query(http, &path);
            let found = found["data"]["result"].as_array().unwrap();
            let of =
                |name: &&str| found.iter().find(|series| series["metric"]["__name__"] == **name).unwrap();
            let values = names.iter().flat_map(|name| of(name)["values"].as_array().unwrap());
            values.map(|pair| number(&pair[1])).collect()
        })
    }

    fn peak(&mut self) -> Option<u64> {
        self.before?;
        status_of(self.process.id(), "VmHWM:")
    }

    fn text_out(&mut self, file: &Path) -> Option<(&'static str, Cost)> {
        let path = format!("/api/v1/export?match[]={}", escaped("{__name__=~\".+\"}"));
        let (text, cost) = self.time(|http| http.get(&path).unwrap().1);
        std::fs::write(file, text).unwrap();
        Some(("jsonl", cost))
    }

    fn text_in(&mut self, file: &Path) -> Option<Cost> {
        let text = std::fs::read(file).unwrap();
        let (status, cost) = self.time(|http| http.post("/api/v1/import", &text).unwrap().0);
        assert_eq!(status, 204);
        Some(cost)
    }

    fn close(mut self: Box<Self>) {
        // An interrupt flushes what is in memory.
        let id = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(id.unwrap(), rustix::process::Signal::INT).unwrap();
        assert!(self.process.ended(Duration::from_secs(30)), "the server does not end");
    }
}
