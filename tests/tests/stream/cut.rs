//! A network that cuts, resets and stalls, between a stream and a right S3 server: at random by seed, twenty seconds in the suite,
//! and as long as `CHRONICLE_SOAK_SECONDS` says.
use crate::{comes_back, config, open};
use chronicle::backup::{Repository, Streamer};
use chronicle::destination::{Destination, S3Backend, S3Config, Secret};
use chronicle_tests::http::ask;
use chronicle_tests::ledger::{self, Ledger};
use chronicle_tests::proxy::Proxy;
use chronicle_tests::servers::moto;
use chronicle_tests::workload::Random;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn store(url: &str, retry: Duration) -> Arc<dyn Destination> {
    let config = S3Config {
        bucket: "bucket".into(),
        prefix: "stream".into(),
        region: Some("us-east-1".into()),
        endpoint: Some(url.into()),
        path_style: Some(true),
        access_key_id: Some("key".into()),
        secret_access_key: Some(Secret::new("secret")),
        session_token: None,
    };
    S3Backend::new(config).unwrap().retry_time_max(retry).at("").unwrap()
}

/// Ends the stream when the test does, also by a panic.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn a_stream_and_a_writer_lose_nothing_to_a_network_that_cuts_at_random() {
    let Some(server) = moto() else { return };
    let soak = std::env::var("CHRONICLE_SOAK_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let (time, seed) = (Duration::from_secs(soak.unwrap_or(12)), 11);
    assert_eq!(ask(&server.url(), "PUT", "/bucket", b"").0, 200);
    let proxy = Proxy::start(&server.url(), seed);
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let through = store(&proxy.url(), Duration::from_secs(2));
    let config = config(&through).interval(Duration::from_millis(100)).fold_every(Duration::from_secs(2));
    let mut streamer = Streamer::open(dir.path().join("data.db"), config).unwrap();
    streamer.pass().unwrap();
    let watch = streamer.watch();
    let (stop, shipped, failures) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let mut last = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            streamer.run(&stop, &|status| {
                shipped.store(status.shipped_lsn, Ordering::Release);
                failures.store(status.failures, Ordering::Release);
            });
        });
        let _stop = Stop(&stop);
        let (mut random, started) = (Random::new(seed), Instant::now());
        proxy.harm(70);
        while started.elapsed() < time {
            last += random.below(3) + 1;
            ledger::fill(&db, last);
            std::thread::sleep(Duration::from_millis(random.below(100)));
            if random.below(40) == 0 {
                // An outage: nothing gets through for a while, and the log waits.
                proxy.set_down(true);
                std::thread::sleep(Duration::from_millis(random.below(1_500)));
                proxy.set_down(false);
            }
        }
        proxy.harm(0);
        let calm = Instant::now();
        while shipped.load(Ordering::Acquire) < last {
            assert!(
                calm.elapsed() < Duration::from_secs(180),
                "it does not come back to {last}: {:?}",
                watch.status()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    assert!(proxy.harmed() > 5, "only {} connections were harmed", proxy.harmed());
    // From the store itself, as another host would: every acknowledged commit is a moment, and moments are what they were.
    let direct = store(&server.url(), Duration::from_secs(5));
    let timeline = Repository::at_destination(Arc::clone(&direct)).unwrap().content().unwrap().timeline;
    let spans = timeline.spans(db.identity().epoch);
    assert!(spans.len() == 1 && spans[0].first.lsn <= 1 && spans[0].last.lsn >= last, "{spans:?}");
    let step = usize::try_from(last / 8).unwrap().max(1);
    comes_back(&direct, &mut Ledger::default(), (1..=last).step_by(step).chain([last]));
    let told = format!(
        "{} connections harmed, {} passes failed, {last} commits",
        proxy.harmed(),
        failures.into_inner()
    );
    println!("{told}");
}
