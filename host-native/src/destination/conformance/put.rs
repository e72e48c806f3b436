//! Puts: lengths, overwriting, failures half way.
use super::super::{ObjectName, Put, PutMode, PutOptions};
use super::bench::{Bench, Checked, Flaw, ensure};
use super::body::{Broken, Pattern};
use super::{ALWAYS, Need, Spec};
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) const CHECKS: &[&Spec] = &[
    &Spec {
        id: "put.sizes",
        need: Need::Required,
        can: ALWAYS,
        about: "objects of every length come back, also of no bytes",
        run: sizes,
    },
    &Spec {
        id: "put.large",
        need: Need::Required,
        can: ALWAYS,
        about: "a large object comes back, in windows",
        run: large,
    },
    &Spec {
        id: "put.overwrite",
        need: Need::Required,
        can: ALWAYS,
        about: "an overwritten object is the new one at once, longer or shorter",
        run: overwrite,
    },
    &Spec {
        id: "put.overwrite.whole",
        need: Need::Optional,
        can: ALWAYS,
        about: "while it is overwritten, readers get the old or the new one",
        run: overwrite_whole,
    },
    &Spec {
        id: "put.whole",
        need: Need::Required,
        can: ALWAYS,
        about: "while an object is put, it is not there, or whole",
        run: whole,
    },
    &Spec {
        id: "put.broken-off",
        need: Need::Required,
        can: ALWAYS,
        about: "a put that breaks off leaves nothing under the name, and the next one succeeds",
        run: broken_off,
    },
];

fn sizes(bench: &Bench<'_>) -> Checked {
    let around = |size: u64| [size - 1, size, size + 1];
    let sizes = [around(1), around(4096), around(64 << 10), around(256 << 10), around(1 << 20)].concat();
    for len in sizes {
        let (name, pattern) = (bench.name(&format!("sizes/{len}"))?, Pattern { seed: len, len });
        bench.create(&name, &pattern)?;
        bench.expect(&name, &pattern)?;
    }
    Ok(())
}

/// That an object is this pattern, a window at a time.
fn expect_in_windows(bench: &Bench<'_>, name: &ObjectName, pattern: &Pattern) -> Checked {
    const WINDOW: u64 = (3 << 20) + 7;
    let meta = bench.destination.stat(name)?;
    ensure!(
        meta.as_ref().is_some_and(|meta| meta.len == pattern.len),
        "it is not there in its length: {meta:?}"
    );
    let mut offset = 0;
    while offset < pattern.len {
        let len = WINDOW.min(pattern.len - offset);
        let bytes = bench.destination.get_range(name, offset, len)?;
        ensure!(bytes == pattern.bytes(offset, len), "{len} bytes at {offset} are not those that were put");
        offset += len;
    }
    Ok(())
}

fn large(bench: &Bench<'_>) -> Checked {
    let can = bench.can();
    let len = bench.options.large_bytes.min(can.object_bytes_max.unwrap_or(u64::MAX));
    // By both ways: a store may take large objects in parts in one of them.
    for (index, create) in [true, false].into_iter().enumerate() {
        let name = bench.name(&format!("large/{index}"))?;
        let pattern = Pattern { seed: 17 + index as u64, len };
        if create {
            bench.create(&name, &pattern)?;
        } else {
            let put = bench.put(&name, &pattern, PutMode::Overwrite)?;
            ensure!(put == Put::Written, "overwriting is said to be refused");
        }
        if can.ranged_reads {
            expect_in_windows(bench, &name, &pattern)?;
        } else {
            bench.expect(&name, &pattern)?;
        }
    }
    Ok(())
}

fn overwrite(bench: &Bench<'_>) -> Checked {
    let name = bench.name("overwrite")?;
    for (seed, len) in [100_000, 10, 200_000, 0, 5].into_iter().enumerate() {
        let pattern = Pattern { seed: seed as u64, len };
        let put = bench.put(&name, &pattern, PutMode::Overwrite)?;
        ensure!(put == Put::Written, "overwriting is said to be refused");
        bench.expect(&name, &pattern)?;
    }
    Ok(())
}

fn overwrite_whole(bench: &Bench<'_>) -> Checked {
    let name = bench.name("overwrite-whole")?;
    let versions = [Pattern { seed: 1, len: 300_000 }, Pattern { seed: 2, len: 200_000 }];
    let contents = versions.map(|version| version.all());
    let [first, _] = &versions;
    let _ = bench.put(&name, first, PutMode::Overwrite)?;
    beside(
        || {
            let mut puts = versions.iter().cycle().take(20);
            puts.try_for_each(|version| bench.put(&name, version, PutMode::Overwrite).map(|_| ()))?;
            Ok(())
        },
        || {
            let bytes = bench.destination.get(&name, 1 << 20)?;
            ensure!(contents.contains(&bytes), "a reader got {} bytes that are neither version", bytes.len());
            Ok(())
        },
    )
}

fn whole(bench: &Bench<'_>) -> Checked {
    for round in 0..4 {
        let (name, pattern) = (bench.name(&format!("whole/{round}"))?, Pattern { seed: round, len: 3 << 20 });
        beside(
            || bench.create(&name, &pattern),
            || {
                let meta = bench.destination.stat(&name)?;
                if let Some(meta) = meta {
                    ensure!(
                        meta.len == pattern.len,
                        "{} of its {} bytes are to be seen",
                        meta.len,
                        pattern.len
                    );
                }
                Ok(())
            },
        )?;
        bench.expect(&name, &pattern)?;
    }
    Ok(())
}

/// Looks again and again while the work goes on. The work's own flaw comes first.
fn beside(work: impl FnOnce() -> Checked, look: impl Fn() -> Checked + Sync) -> Checked {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looker = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                look()?;
            }
            look()
        });
        let worked = work();
        done.store(true, Ordering::Release);
        let looked = looker.join().unwrap_or_else(|_| Err(Flaw("a thread of the suite failed".to_owned())));
        worked.and(looked)
    })
}

fn broken_off(bench: &Bench<'_>) -> Checked {
    let (name, pattern) = (bench.name("broken-off")?, Pattern { seed: 5, len: 5 << 20 });
    let by = PutOptions { mode: PutMode::Overwrite, job: bench.job() };
    for readable in [0, 1, pattern.len / 2, pattern.len - 1] {
        let put = bench.destination.put(&name, &Broken { pattern, readable }, by);
        ensure!(put.is_err(), "a put whose body can be read to {readable} only is said to have succeeded");
        bench.expect_absent(&name)?;
    }
    // The same job goes on, and the bytes that it finds are not taken for other ones.
    let other = Pattern { seed: 6, len: (4 << 20) + 5 };
    for pattern in [pattern, other] {
        let put = bench.destination.put(&name, &pattern, by)?;
        ensure!(put == Put::Written, "going on after a failure is refused");
        bench.expect(&name, &pattern)?;
    }
    Ok(())
}
