//! A stream as a service: its metrics, served or written, while it runs.
use super::endpoint::Endpoint;
use super::metrics::Family;
use crate::backup::{StreamStatus, StreamWatch};
use crate::error::Result;
use crate::host::now_ns;
use std::net::SocketAddr;

/// A stream's metrics over HTTP, as long as this value lives.
pub struct StreamMetrics {
    endpoint: Endpoint,
}

impl StreamMetrics {
    /// Serves them at `listen`, e.g. `127.0.0.1:9187`; port 0 takes a free one.
    pub fn serve(listen: &str, watch: StreamWatch) -> Result<Self> {
        Ok(Self { endpoint: Endpoint::start(listen, move || stream_metrics(&watch.status(), now_ns()))? })
    }

    /// Where.
    pub fn address(&self) -> SocketAddr {
        self.endpoint.address()
    }
}

/// The status of a stream as Prometheus reads it.
pub fn stream_metrics(status: &StreamStatus, now_ns: i64) -> String {
    let seconds = |ns: i64| ns as f64 / 1e9;
    let mut text = String::new();
    let mut family = |name, kind, help, value: Option<f64>| {
        let mut family = Family::new(name, kind, help);
        family.add(&status.place, "", value);
        family.finish(&mut text);
    };
    let lag = Some(seconds(status.lag_ns(now_ns)));
    family("chronicle_stream_lag_seconds", "gauge", "Age of the oldest commit that is not shipped.", lag);
    let shipped = Some(status.shipped_lsn as f64);
    family("chronicle_stream_shipped_lsn", "gauge", "The last commit that is shipped.", shipped);
    let committed = status.shipped_commit_time.map(seconds);
    family("chronicle_stream_shipped_timestamp_seconds", "gauge", "Its commit time.", committed);
    let success = status.last_success.map(seconds);
    family(
        "chronicle_stream_last_success_timestamp_seconds",
        "gauge",
        "When a pass last succeeded.",
        success,
    );
    family("chronicle_stream_objects_total", "counter", "Objects of frames.", Some(status.objects as f64));
    family("chronicle_stream_bytes_total", "counter", "Their bytes.", Some(status.bytes as f64));
    family("chronicle_stream_points_total", "counter", "Points that it made.", Some(status.points as f64));
    family("chronicle_stream_failures_total", "counter", "Passes that failed.", Some(status.failures as f64));
    family(
        "chronicle_stream_up",
        "gauge",
        "1 when the last pass succeeded.",
        Some(f64::from(u8::from(status.error.is_none()))),
    );
    text
}
