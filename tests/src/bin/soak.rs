//! The soak: a writer, backups, prunes, restores and verifications for a given time, with processes killed all along, against a model.
//!
//! `cargo run --release -p chronicle-tests --bin soak -- [--seconds N] [--seed N] [--folder NEW]`. Without `--folder` it works in the system's
//! folder for temporary files. It ends with a summary. Exit code 1: something came back wrong or not at all, and everything is left
//! where it is; 2: the arguments are wrong. The same seed makes the same choices; where a kill hits is up to the machine.
use chronicle_tests::soak::{Soak, job};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

struct Options {
    seconds: f64,
    seed: u64,
    folder: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["job", words @ ..] = words.as_slice() {
        return match job::run(words) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{words:?}: {error}");
                ExitCode::from(3)
            }
        };
    }
    let options = match options(&words) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    let name = format!("chronicle-soak-{}-{}", options.seed, std::process::id());
    let folder = options.folder.unwrap_or_else(|| std::env::temp_dir().join(name));
    if let Err(error) = std::fs::create_dir(&folder) {
        eprintln!("{}: {error}", folder.display());
        return ExitCode::from(2);
    }
    println!("seed {}, in {}", options.seed, folder.display());
    let began = Instant::now();
    let outcome = std::env::current_exe().map_err(|error| error.to_string()).and_then(|program| {
        let mut soak = Soak::new(program, &folder, options.seed)?;
        let outcome = work(&mut soak, began + Duration::from_secs_f64(options.seconds));
        println!("{:.0} s: {}", began.elapsed().as_secs_f64(), soak.tally);
        outcome
    });
    match outcome {
        Ok(()) => {
            let _ = std::fs::remove_dir_all(&folder);
            println!("all is well");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("FAILED, see {}: {problem}", folder.display());
            ExitCode::from(1)
        }
    }
}

fn work(soak: &mut Soak, until: Instant) -> Result<(), String> {
    let mut rounds = 0u64;
    while Instant::now() < until {
        // Half of the jobs are left alone: a repository that never gets on is not put to the test.
        soak.round(rounds % 2 == 1)?;
        rounds += 1;
        if rounds.is_multiple_of(20) {
            soak.prove_all()?;
        }
    }
    soak.finish()
}

fn options(words: &[&str]) -> Result<Options, String> {
    let mut options = Options { seconds: 60.0, seed: 1, folder: None };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        let number = |text: &str| text.parse::<f64>().ok().filter(|seconds| (0.0..1e9).contains(seconds));
        match *word {
            "--seconds" => options.seconds = number(value()?).ok_or("--seconds needs a number")?,
            "--seed" => options.seed = value()?.parse().map_err(|_| "--seed needs a whole number")?,
            "--folder" => options.folder = Some(PathBuf::from(value()?)),
            _ => return Err(format!("{word}? There are --seconds N, --seed N and --folder NEW")),
        }
    }
    Ok(options)
}
