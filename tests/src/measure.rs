//! Measuring on a machine that others use too: CPU time, resident memory, samples, and runs of two things in turn.
//!
//! What travels between machines is CPU seconds, and ratios of two things measured alternately in one run: so
//! [`alternate`] takes A B A B, and [`Pairs::ratio`] is the median of the ratios pair by pair. Memory figures are of
//! Linux and `None` elsewhere.
use std::fs;
use std::path::Path;
use std::time::Instant;

/// What a piece of work took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Seconds on the clock.
    pub wall: f64,
    /// Seconds of processor time, all threads of this process.
    pub cpu: f64,
}

/// Runs `work` and says what it took.
pub fn time<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let (cpu, started) = (cpu_seconds(), Instant::now());
    let result = work();
    (result, Cost { wall: started.elapsed().as_secs_f64(), cpu: cpu_seconds() - cpu })
}

/// Processor time of this process so far, all threads, in seconds.
pub fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Bytes of this process in memory now, mapped files included.
pub fn resident_bytes() -> Option<u64> {
    status_field("VmRSS:")
}

/// The most [`resident_bytes`] since the start, or since [`forget_peak`].
pub fn peak_resident_bytes() -> Option<u64> {
    status_field("VmHWM:")
}

/// Lets the peak start over at what is resident now. Where the kernel does not allow it, the peak stays.
pub fn forget_peak() {
    // "5" resets the high-water mark and nothing else.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn status_field(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

/// Figures of repeated runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds one.
    pub fn push(&mut self, value: f64) {
        let at = self.0.partition_point(|&other| other < value);
        self.0.insert(at, value);
    }
    /// The nearest-rank quantile, `q` from 0 to 1; NaN without samples.
    pub fn quantile(&self, q: f64) -> f64 {
        let rank = (q * self.0.len() as f64).ceil().max(1.0) as usize;
        self.0.get(rank - 1).or(self.0.last()).copied().unwrap_or(f64::NAN)
    }
    /// The middle one.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }
    /// The smallest.
    pub fn min(&self) -> f64 {
        self.quantile(0.0)
    }
    /// The largest.
    pub fn max(&self) -> f64 {
        self.quantile(1.0)
    }
    /// Each one changed by `change`.
    #[must_use]
    pub fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        self.0.iter().map(|&value| change(value)).collect()
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }
}

/// Runs of two things that took turns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pairs(Vec<(f64, f64)>);

impl Pairs {
    /// Adds one run of each.
    pub fn push(&mut self, a: f64, b: f64) {
        self.0.push((a, b));
    }
    /// The figures of the first.
    pub fn a(&self) -> Samples {
        self.0.iter().map(|pair| pair.0).collect()
    }
    /// The figures of the second.
    pub fn b(&self) -> Samples {
        self.0.iter().map(|pair| pair.1).collect()
    }
    /// a / b, pair by pair.
    pub fn ratios(&self) -> Samples {
        self.0.iter().map(|pair| pair.0 / pair.1).collect()
    }
    /// The median of a / b, pair by pair: noise that lasts longer than a pair falls out.
    pub fn ratio(&self) -> f64 {
        self.ratios().median()
    }
}

/// Runs `a` and `b` in turn: once each to warm up, then `runs` times for the record.
pub fn alternate(runs: usize, mut a: impl FnMut() -> f64, mut b: impl FnMut() -> f64) -> Pairs {
    let mut pairs = Pairs::default();
    let _ = (a(), b());
    for _ in 0..runs.max(1) {
        let first = a();
        pairs.push(first, b());
    }
    pairs
}

/// Where a measurement was taken, in one line: processor, cores, memory, kernel, file system of `folder`, load.
pub fn machine(folder: &Path) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown processor").to_owned();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let meminfo = read("/proc/meminfo");
    let memory = meminfo.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) >> 20;
    let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
    let load = read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned();
    let file_system = file_system_of(folder, &read("/proc/mounts")).unwrap_or_else(|| "unknown".into());
    format!("{model}, {cores} cores, {memory} GiB, kernel {kernel}, {file_system}, load {load} at the start")
}

/// The type of the file system with the longest mount point above `folder`.
fn file_system_of(folder: &Path, mounts: &str) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mount = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?.to_owned(), fields.next()?.to_owned()))
    };
    let above = mounts.lines().filter_map(mount).filter(|(point, _)| folder.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_pair_by_pair() {
        let mut pairs = Pairs::default();
        for noise in [1.0, 7.0, 3.0] {
            pairs.push(2.0 * noise, noise);
        }
        assert_eq!(pairs.ratio(), 2.0);
        assert_eq!((pairs.a().min(), pairs.b().median(), pairs.b().max()), (2.0, 3.0, 7.0));
    }

    #[test]
    fn quantiles_are_samples_that_were_taken() {
        let samples: Samples = (1..=100).map(f64::from).collect();
        assert_eq!((samples.median(), samples.quantile(0.99), samples.max()), (50.0, 99.0, 100.0));
        assert!(Samples::default().median().is_nan());
    }

    #[test]
    fn the_file_system_is_that_of_the_nearest_mount() {
        let mounts = "a / ext4 rw 0 0\nb /nowhere tmpfs rw 0 0\n";
        assert_eq!(file_system_of(Path::new("/"), mounts).as_deref(), Some("ext4"));
    }
}
