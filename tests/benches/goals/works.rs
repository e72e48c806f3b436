//! Works: the workloads that databases are made of, by name, so that a child process can make the same one again.
use chronicle_tests::workload::{self, SeriesData};
use std::fmt;
use std::str::FromStr;

const MANIFEST: &str = env!("CARGO_MANIFEST_DIR");

/// A workload and its size. Its text form is an argument of a child process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Ten series a host, a day.
    Devops { hosts: usize },
    /// One series a sensor, a week.
    Iot { sensors: usize },
    /// The files of NAB that are here: in the folder that `NAB` names, or beside the repository.
    Real,
    /// Random doubles.
    Random { points: usize },
}

impl Work {
    /// What the goals call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Devops { .. } => "devops",
            Self::Iot { .. } => "iot",
            Self::Real => "real",
            Self::Random { .. } => "random",
        }
    }

    /// The points; `None` when it needs files that are not here.
    pub(crate) fn data(self) -> Option<Vec<SeriesData>> {
        Some(match self {
            Self::Devops { hosts } => workload::devops(hosts, 24, 1),
            Self::Iot { sensors } => workload::iot(sensors, 7, 1),
            Self::Real => return real(),
            Self::Random { points } => workload::random(points, 1),
        })
    }
}

/// NAB.
fn real() -> Option<Vec<SeriesData>> {
    let beside = ["/../shared/data/nab", "/../../shared/data/nab"].map(|path| format!("{MANIFEST}{path}"));
    std::env::var("NAB").into_iter().chain(beside).find_map(workload::real)
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = match *self {
            Self::Devops { hosts: size } | Self::Iot { sensors: size } | Self::Random { points: size } => {
                size
            }
            Self::Real => 0,
        };
        write!(f, "{}:{size}", self.name())
    }
}

impl FromStr for Work {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (name, size) = text.split_once(':').ok_or(())?;
        let size = size.parse().map_err(|_| ())?;
        Ok(match name {
            "devops" => Self::Devops { hosts: size },
            "iot" => Self::Iot { sensors: size },
            "real" => Self::Real,
            "random" => Self::Random { points: size },
            _ => return Err(()),
        })
    }
}
