//! The fuzzer that needs nothing installed: mutates valid inputs of every decoder for a bounded time.
//!
//! `cargo run --release -p chronicle-tests --bin fuzz -- [NAME...] [--seconds N] [--seed N] [--only NUMBER]
//! [--write-seeds FOLDER]`. Inputs are numbered; the same seed and number give the same input, so what a failure
//! prints is enough to see it again. Exit code 1: a decoder panicked, took too much memory, or did not return.
use chronicle_tests::allocation::{Counting, peak_bytes};
use chronicle_tests::fuzzing::{TARGETS, Target, mutate};
use std::panic::catch_unwind;
use std::process::{ExitCode, exit};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Longest time that one input may take.
const STUCK: Duration = Duration::from_secs(20);
/// The input that is being decoded, counted over all targets.
static PROGRESS: AtomicU64 = AtomicU64::new(0);

struct Options {
    names: Vec<String>,
    seconds: f64,
    seed: u64,
    only: Option<u64>,
    write_seeds: Option<String>,
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    let chosen =
        |target: &&Target| options.names.is_empty() || options.names.iter().any(|n| n == target.name);
    let targets: Vec<&Target> = TARGETS.iter().filter(chosen).collect();
    if targets.len() < options.names.len() {
        eprintln!("no such decoder; there are:");
        TARGETS.iter().for_each(|target| eprintln!("  {}", target.name));
        return ExitCode::from(2);
    }
    watch();
    let mut failed = false;
    for target in targets {
        if let Some(folder) = &options.write_seeds {
            write_seeds(target, folder);
        } else if let Err(failure) = run(target, &options) {
            println!("{}: FAILED\n{failure}", target.name);
            failed = true;
        }
    }
    ExitCode::from(u8::from(failed))
}

fn options() -> Result<Options, String> {
    let mut options = Options { names: Vec::new(), seconds: 3.0, seed: 1, only: None, write_seeds: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text} is no number"));
        match word.as_str() {
            "--seconds" => {
                let text = value()?;
                options.seconds = text.parse().map_err(|_| format!("{text} is no number of seconds"))?;
            }
            "--seed" => options.seed = number(value()?)?,
            "--only" => options.only = Some(number(value()?)?),
            "--write-seeds" => options.write_seeds = Some(value()?),
            name if !name.starts_with('-') => options.names.push(name.into()),
            other => return Err(format!("unknown option {other}")),
        }
    }
    Ok(options)
}

/// Ends the process when one input takes too long: a decoder that does not return can't be stopped otherwise.
fn watch() {
    std::thread::spawn(|| {
        let mut last = (0, Instant::now());
        loop {
            std::thread::sleep(Duration::from_millis(500));
            let now = PROGRESS.load(Ordering::Relaxed);
            if now != last.0 {
                last = (now, Instant::now());
            } else if last.1.elapsed() > STUCK {
                println!("FAILED: the decoder named last does not return (input {} of all)", now);
                exit(1);
            }
        }
    });
}

fn run(target: &Target, options: &Options) -> Result<(), String> {
    let seeds = (target.seeds)();
    for (number, seed) in seeds.iter().enumerate() {
        check(target, seed).map_err(|failure| format!("{failure}: valid input {number} itself"))?;
    }
    if let Some(number) = options.only {
        let bytes = mutate::input(&seeds, options.seed, number);
        println!("{} input {number}: {}", target.name, hex(&bytes));
        return check(target, &bytes);
    }
    println!("{} ...", target.name);
    let (started, mut number) = (Instant::now(), 0u64);
    while started.elapsed().as_secs_f64() < options.seconds {
        for _ in 0..16 {
            let bytes = mutate::input(&seeds, options.seed, number);
            check(target, &bytes).map_err(|failure| {
                format!("{failure}\nsee it again: --seed {} --only {number} {}", options.seed, target.name)
            })?;
            number += 1;
        }
    }
    println!("{}: {number} inputs, {} seeds", target.name, seeds.len());
    Ok(())
}

/// Decodes one input: it must return, within the memory that its length justifies.
fn check(target: &Target, bytes: &[u8]) -> Result<(), String> {
    PROGRESS.fetch_add(1, Ordering::Relaxed);
    let mut outcome = Ok(());
    let peak = peak_bytes(|| outcome = catch_unwind(|| (target.decode)(bytes)).map_err(|_| "it panicked"));
    outcome?;
    let most = target.bytes_max(bytes.len());
    if peak > most {
        return Err(format!("it took {peak} bytes for an input of {}; allowed are {most}", bytes.len()));
    }
    Ok(())
}

fn write_seeds(target: &Target, folder: &str) {
    let folder = std::path::Path::new(folder).join(target.name);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    for (number, seed) in (target.seeds)().iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number}")), seed).expect("the seed can be written");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
