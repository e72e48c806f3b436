//! The fleet: the peers of this run, and Chronicle in turn with each of them.
//!
//! What it keeps true: a peer that panics, hangs or answers something else costs its own cells and nothing more, and says
//! so in a line that can't be overlooked. Databases that are read or weighed are made in processes of their own, which
//! gives the memory they took as well.
use super::{Peer, Store, all};
use crate::context::{BATCH, points};
use crate::report::Entry;
use crate::works::Work;
use chronicle_tests::measure::{Cost, Samples};
use chronicle_tests::workload;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longest time for making one database.
const MAKING: Duration = Duration::from_secs(240);
/// Time since the start after which no more databases are made: the run must end.
const BUDGET: Duration = Duration::from_secs(15 * 60);
/// Time after which a peer gets no more turns in one comparison.
const TURNS: Duration = Duration::from_secs(8);

/// A database of a peer that was made, closed and compacted.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    folder: PathBuf,
    /// Bytes of all its files.
    pub(crate) bytes: u64,
    /// Growth of the resident peak while it was written, in bytes.
    pub(crate) peak: Option<u64>,
}

/// The peers of a run.
pub(crate) struct Fleet {
    peers: Vec<Box<dyn Peer>>,
    /// Columns of the table: name, and why there is no such peer here or what it is.
    columns: Vec<(&'static str, Result<String, String>)>,
    made: HashMap<(&'static str, String), Option<Made>>,
    folder: PathBuf,
    started: Instant,
}

/// An open database of a peer with its name and tolerance.
pub(crate) struct Member {
    name: &'static str,
    tolerance: f64,
    store: Box<dyn Store>,
}

impl Fleet {
    /// Those of `picked` (all when it is empty) that are installed.
    pub(crate) fn new(folder: &Path, picked: &[String]) -> Self {
        let (mut peers, mut columns) = (Vec::new(), Vec::new());
        for peer in all() {
            let name = peer.name();
            let wanted = picked.is_empty() || picked.iter().any(|other| other.eq_ignore_ascii_case(name));
            let here = if wanted { peer.installed() } else { Err("left out of this run".into()) };
            match here {
                Ok(()) => {
                    columns.push((name, Ok(peer.about())));
                    peers.push(peer);
                }
                Err(why) => {
                    if wanted {
                        loud(name, "not here", &why);
                    }
                    columns.push((name, Err(why)));
                }
            }
        }
        Self { peers, columns, made: HashMap::new(), folder: folder.to_owned(), started: Instant::now() }
    }

    /// Names of all columns; what the peer is, or why it is not here.
    pub(crate) fn columns(&self) -> &[(&'static str, Result<String, String>)] {
        &self.columns
    }

    /// A compacted database of `work` for each peer that can make it, made once.
    pub(crate) fn made(&mut self, work: Work) -> Vec<(&'static str, Made)> {
        let mut all = Vec::new();
        for peer in &self.peers {
            let name = peer.name();
            let made = self.made.entry((name, work.to_string())).or_insert_with(|| {
                let folder = self.folder.join(format!("{name}-{}", work.name()));
                let in_time = self.started.elapsed() < BUDGET;
                let made =
                    if in_time { make(peer.as_ref(), work, &folder) } else { Err("no time left".into()) };
                made.map_err(|why| loud(name, &format!("database of {work}"), &why)).ok()
            });
            all.extend(made.clone().map(|made| (name, made)));
        }
        all
    }

    /// Forgets the databases of `work`, and deletes them.
    pub(crate) fn forget(&mut self, work: Work) {
        let text = work.to_string();
        for (key, made) in &mut self.made {
            if let (true, Some(made)) = (key.1 == text, made) {
                let _ = std::fs::remove_dir_all(&made.folder);
            }
        }
        self.made.retain(|key, _| key.1 != text);
    }

    /// The databases of `work`, open.
    pub(crate) fn open(&mut self, work: Work) -> Vec<Member> {
        let made = self.made(work);
        let open = |(name, made): (&'static str, Made)| {
            let peer = self.peers.iter().find(|peer| peer.name() == name)?;
            let store = attempt(name, "open", || peer.open(&made.folder, true))?;
            Some(Member { name, tolerance: peer.tolerance(), store })
        };
        made.into_iter().filter_map(open).collect()
    }

    /// Chronicle's `ours` in turn with the opening of each peer's database of `work`.
    pub(crate) fn openings(&mut self, work: Work, runs: usize, mut ours: impl FnMut() -> Cost) -> Compared {
        let mut compared = Compared::default();
        for (name, made) in self.made(work) {
            let Some(peer) = self.peers.iter().find(|peer| peer.name() == name) else { continue };
            compared.turns(name, runs, &mut ours, || Some(peer.opening(&made.folder)));
        }
        compared.alone(runs, &mut ours);
        compared
    }

    /// Chronicle's `ours` in turn with durable ingest by each peer, into a fresh folder each time.
    ///
    /// `batches` are all; a peer takes its share of them. Costs are of one point.
    pub(crate) fn ingests(
        &mut self,
        batches: &[Vec<workload::PointRef<'_>>],
        runs: usize,
        mut ours: impl FnMut() -> Cost,
    ) -> Compared {
        let mut compared = Compared::default();
        for peer in &self.peers {
            let batches = &batches[..batches.len().div_ceil(peer.ingest_share())];
            let count = batches.iter().map(Vec::len).sum::<usize>() as f64;
            let folder = self.folder.join(format!("{}-ingest", peer.name()));
            let theirs = || {
                let _ = std::fs::remove_dir_all(&folder);
                std::fs::create_dir_all(&folder).unwrap();
                let mut store = peer.open(&folder, true);
                let cost = store.load(batches);
                store.close();
                Some(Cost { wall: cost.wall / count, cpu: cost.cpu / count })
            };
            // A load takes seconds: nothing to warm up, and the first turn counts.
            compared.cold_turns(peer.name(), runs, &mut ours, theirs);
            let _ = std::fs::remove_dir_all(&folder);
        }
        compared.alone(runs, &mut ours);
        compared
    }
}

/// What text formats cost a peer: its name, the format, CPU seconds out and in.
pub(crate) type Texts = Vec<(&'static str, &'static str, f64, f64)>;

impl Fleet {
    /// All points of the databases of `work` as text, and back into new ones.
    pub(crate) fn texts(&mut self, work: Work) -> Texts {
        let mut texts = Texts::new();
        for (name, made) in self.made(work) {
            let Some(peer) = self.peers.iter().find(|peer| peer.name() == name) else { continue };
            let folder = self.folder.join(format!("{name}-text"));
            let file = folder.join("text");
            let both = || {
                std::fs::create_dir_all(&folder).unwrap();
                let mut store = peer.open(&made.folder, true);
                let out = store.text_out(&file);
                store.close();
                let (format, out) = out?;
                let mut store = peer.open(&folder, true);
                let back = store.text_in(&file)?;
                store.close();
                Some((name, format, out.cpu, back.cpu))
            };
            texts.extend(attempt(name, "text", both).flatten());
            let _ = std::fs::remove_dir_all(&folder);
        }
        texts
    }
}

/// Runs Chronicle in turn with each open database and compares the answers.
pub(crate) fn compare<T: std::fmt::Debug>(
    members: &mut [Member],
    what: &str,
    runs: usize,
    mut ours: impl FnMut() -> (T, Cost),
    theirs: impl Fn(&mut dyn Store) -> (T, Cost),
    difference: impl Fn(&T, &T) -> f64,
) -> Compared {
    let mut compared = Compared::default();
    let (right, _) = ours();
    for member in members {
        let same = || {
            let (answer, cost) = theirs(member.store.as_mut());
            let off = difference(&right, &answer);
            if off <= member.tolerance {
                return Some(cost);
            }
            let mut answers = format!("answered {answer:?}, Chronicle {right:?}");
            answers.truncate(answers.floor_char_boundary(300));
            loud(member.name, what, &format!("differs by {off:e}: {answers}"));
            None
        };
        compared.turns(member.name, runs, || ours().1, same);
    }
    compared.alone(runs, || ours().1);
    compared
}

/// Closes open databases.
pub(crate) fn close(members: Vec<Member>) {
    for member in members {
        attempt(member.name, "close", || member.store.close());
    }
}

/// Costs of Chronicle and of each peer, turn by turn.
#[derive(Default)]
pub(crate) struct Compared {
    ours: Vec<Cost>,
    peers: Vec<(&'static str, Vec<(Cost, Cost)>)>,
}

impl Compared {
    /// Once each to warm up, then in turn.
    fn turns(
        &mut self,
        name: &'static str,
        runs: usize,
        mut ours: impl FnMut() -> Cost,
        mut theirs: impl FnMut() -> Option<Cost>,
    ) {
        let _ = ours();
        if let Some(Some(_)) = attempt(name, "first turn", &mut theirs) {
            self.cold_turns(name, runs, ours, theirs);
        }
    }

    fn cold_turns(
        &mut self,
        name: &'static str,
        runs: usize,
        mut ours: impl FnMut() -> Cost,
        mut theirs: impl FnMut() -> Option<Cost>,
    ) {
        let mut pairs = Vec::new();
        let started = Instant::now();
        while pairs.len() < runs.max(1) && (pairs.is_empty() || started.elapsed() < TURNS) {
            let ours = ours();
            let Some(Some(theirs)) = attempt(name, "turn", &mut theirs) else { break };
            self.ours.push(ours);
            pairs.push((ours, theirs));
        }
        if !pairs.is_empty() {
            self.peers.push((name, pairs));
        }
    }

    /// Chronicle's figures when there was no peer to take turns with.
    fn alone(&mut self, runs: usize, mut ours: impl FnMut() -> Cost) {
        while self.ours.len() < runs.max(1) {
            self.ours.push(ours());
        }
    }

    /// Chronicle's figures.
    pub(crate) fn ours(&self, figure: impl Fn(&Cost) -> f64) -> Samples {
        self.ours.iter().map(figure).collect()
    }

    /// The figures of the peers, and Chronicle's over each, pair by pair. A cost that is not known leaves a peer out.
    pub(crate) fn peers(&self, figure: impl Fn(&Cost) -> f64) -> Vec<Entry> {
        let entry = |(name, pairs): &(&'static str, Vec<(Cost, Cost)>)| {
            let figures: Samples = pairs.iter().map(|(_, theirs)| figure(theirs)).collect();
            let ratios: Samples = pairs.iter().map(|(ours, theirs)| figure(ours) / figure(theirs)).collect();
            figures.median().is_finite().then(|| Entry { name, figures, ratio: ratios.median() })
        };
        self.peers.iter().filter_map(entry).collect()
    }
}

/// Makes a database in a process of its own.
fn make(peer: &dyn Peer, work: Work, folder: &Path) -> Result<Made, String> {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(["--child", "peer", peer.name(), &work.to_string()]).arg(folder).stdout(Stdio::piped());
    let mut process = super::process::Process::start(&mut command)?;
    if !process.ended(MAKING) {
        return Err(format!("not ready after {} s", MAKING.as_secs()));
    }
    let mut text = String::new();
    let out = process.child().stdout.as_mut().ok_or("no output")?;
    std::io::Read::read_to_string(out, &mut text).map_err(|error| error.to_string())?;
    let peak = text.trim().strip_prefix("peak ").ok_or("it failed, see above")?;
    Ok(Made { folder: folder.to_owned(), bytes: peer.bytes(folder), peak: peak.parse().ok() })
}

/// The child's side of [`make`].
pub(crate) fn child(name: &str, work: Work, folder: &Path) -> Option<()> {
    let peer = all().into_iter().find(|peer| peer.name() == name)?;
    let data = work.data()?;
    let batches: Vec<_> = workload::batches(&data, BATCH).collect();
    let started = Instant::now();
    let mut store = peer.open(folder, false);
    store.load(&batches);
    let loaded = started.elapsed().as_secs_f64();
    let peak = store.peak().map_or("unknown".into(), |peak| peak.to_string());
    store.compact();
    store.close();
    let all = started.elapsed().as_secs_f64();
    eprintln!(
        "peers     {name}: {} points of {work} in {loaded:.1} s, compacted after {all:.1} s",
        points(&data)
    );
    println!("peak {peak}");
    Some(())
}

/// Runs what a peer does; a panic in it is said loudly and ends nothing else.
fn attempt<T>(name: &str, what: &str, work: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(work));
    result.map_err(|_| loud(name, what, "failed, see above")).ok()
}

/// What must not be overlooked.
fn loud(name: &str, what: &str, why: &str) {
    eprintln!("!! PEER {name}: {what}: {why}");
}
