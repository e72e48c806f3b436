//! restic: what people back such files up with, as the peer of delta backups. Its command is used as its manual says, with a
//! cache of its own. Processor time is that of the whole child.
use chronicle_tests::measure::Cost;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// A restic repository.
pub(crate) struct Restic {
    repository: PathBuf,
    cache: PathBuf,
}

impl Restic {
    /// A new repository below `folder`; `None`, with a loud line, where restic is not installed or fails.
    pub(crate) fn new(folder: &Path) -> Option<Self> {
        let it = Self { repository: folder.join("restic"), cache: folder.join("restic-cache") };
        match it.run(&["init"]) {
            Ok(_) => Some(it),
            Err(why) => {
                eprintln!("!! restic: {why}");
                None
            }
        }
    }

    /// Backs a file up.
    pub(crate) fn backup(&self, file: &Path) -> Result<Cost, String> {
        self.run(&["backup", "--quiet", &file.display().to_string()])
    }

    fn run(&self, arguments: &[&str]) -> Result<Cost, String> {
        let (cpu, started) = (children_cpu_seconds(), Instant::now());
        let output = Command::new("restic")
            .args(arguments)
            .arg("--repo")
            .arg(&self.repository)
            .arg("--cache-dir")
            .arg(&self.cache)
            .env("RESTIC_PASSWORD", "bench")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{error}: `apt install restic`"))?;
        match output.status.success() {
            true => Ok(Cost { wall: started.elapsed().as_secs_f64(), cpu: children_cpu_seconds() - cpu }),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    }
}

/// Processor time of all children that were waited for, in seconds, to a hundredth; NaN where there is no `/proc`.
fn children_cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold anything but ends with the last parenthesis: fields 3 and on; 16 and 17 are cutime and cstime.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Vec<f64> = fields.skip(13).take(2).filter_map(|field| field.parse().ok()).collect();
    if ticks.len() == 2 { (ticks[0] + ticks[1]) / 100.0 } else { f64::NAN }
}
