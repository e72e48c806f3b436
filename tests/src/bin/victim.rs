//! The victim: a process that works on a database so that a test can kill it, starve it of space, or break its syncs.
//!
//! It prints a line for everything that was promised to it, after the promise: `ack <LSN>` when a commit returned,
//! `snapshot <folder>` when one was made. Errors are printed as `error <kind> <text>` and end it with code 3.
use chronicle::backup::{RestoreOptions, restore_with};
use chronicle::destination::{self, FileBody, Job, ObjectName, PutMode, Settings};
use chronicle::files::regular_file::{Access, RegularFile};
use chronicle::{BackupManager, Config, Db, Error, Selector, TimeRange};
use chronicle_tests::ledger::{busy_config, commit, fill, parse_durability};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "victim write DB DURABILITY LAST [compact] [snapshots=FOLDER]
victim read DB            digest again and again, until standard input ends
victim open DB            open as a writer, once
victim snapshot DB FOLDER
victim restore SOURCE FOLDER
victim put FOLDER NAME FILE create|create-alone|overwrite JOB
victim golden FOLDER      make the golden fixture anew";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["write", db, durability, last, rest @ ..] => write(db.as_ref(), durability, last, rest),
        ["read", db] => read(db.as_ref()),
        ["open", db] => Db::open(db, Config::default()).and_then(Db::close),
        ["snapshot", db, folder] => snapshot(db.as_ref(), folder.as_ref()),
        ["restore", source, folder] => restore(source.as_ref(), folder.as_ref()),
        ["put", folder, name, file, mode, job] => put(folder, name, file.as_ref(), mode, job),
        ["golden", folder] => golden(folder.as_ref()),
        _ => {
            println!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            ExitCode::from(3)
        }
    }
}

fn tell(error: &Error) {
    println!("error {:?} {error}", error.kind());
}

fn write(path: &Path, durability: &str, last: &str, rest: &[&str]) -> chronicle::Result<()> {
    let durability = parse_durability(durability).ok_or_else(|| Error::invalid(USAGE))?;
    let last: u64 = last.parse().map_err(|_| Error::invalid(USAGE))?;
    let db = Db::open(path, busy_config(durability))?;
    println!("open {}", db.position().lsn);
    for word in rest.iter().map(|&word| word.to_owned()) {
        let db = db.clone();
        std::thread::spawn(move || {
            let pause = Duration::from_millis(3);
            let outcome: chronicle::Result<()> = match word.strip_prefix("snapshots=") {
                Some(folder) => (|| {
                    for number in 0.. {
                        let target = Path::new(folder).join(format!("{}-{number}", std::process::id()));
                        BackupManager::new(&db).create_snapshot(&target)?;
                        println!("snapshot {}", target.display());
                        std::thread::sleep(pause);
                    }
                    Ok(())
                })(),
                None => (|| {
                    loop {
                        db.compact()?;
                        println!("compacted");
                        std::thread::sleep(pause);
                    }
                })(),
            };
            if let Err(error) = outcome {
                tell(&error);
            }
        });
    }
    for lsn in db.position().lsn + 1..=last {
        match commit(&db, lsn) {
            Ok(got) => println!("ack {got}"),
            Err(error) => {
                tell(&error);
                // What does the next write say?
                return commit(&db, lsn).map(|got| println!("ack {got}"));
            }
        }
    }
    db.close()
}

fn read(path: &Path) -> chronicle::Result<()> {
    let db = Db::open(path, Config::read_only())?;
    println!("open {}", db.position().lsn);
    let (ended, end) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::read_to_string(std::io::stdin());
        drop(ended);
    });
    while end.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
        println!("digest {}", db.digest(false)?.0);
    }
    Ok(())
}

fn snapshot(path: &Path, folder: &Path) -> chronicle::Result<()> {
    let db = Db::open(path, Config::read_only())?;
    println!("start");
    let report = BackupManager::new(&db).create_snapshot(folder)?;
    println!("resumed {}", report.bytes_resumed);
    Ok(())
}

fn restore(source: &Path, folder: &Path) -> chronicle::Result<()> {
    println!("start");
    let report = restore_with(source, folder, RestoreOptions::default(), &|_, _| {})?;
    println!("resumed {}", report.bytes_resumed);
    Ok(())
}

/// Puts a file as an object, and says what the destination says.
fn put(folder: &str, name: &str, file: &Path, mode: &str, job: &str) -> chronicle::Result<()> {
    let alone = mode == "create-alone";
    let mode = if mode == "overwrite" { PutMode::Overwrite } else { PutMode::CreateOnly };
    let job = Job::from_hex(job).ok_or_else(|| Error::invalid(USAGE))?;
    let file = RegularFile::open(file, Access::ReadOnly)?;
    let destination =
        destination::open_with(folder, Settings { single_writer: alone, ..Settings::default() })?;
    println!("{:?}", destination.put(&ObjectName::new(name)?, &FileBody::whole(&file)?, mode.by(job))?);
    Ok(())
}

/// A database with segments, dictionary runs, a deletion in the catalog, one in the log, and points in the log; and a snapshot of it.
fn golden(folder: &Path) -> chronicle::Result<()> {
    let database = folder.join("database");
    for made in [&database, &folder.join("snapshot")] {
        let _ = std::fs::remove_dir_all(made);
    }
    std::fs::create_dir_all(&database).map_err(|error| Error::invalid(error.to_string()))?;
    let config = Config { background: false, ..busy_config(chronicle::Durability::Sync) };
    let db = Db::open(database.join("data.db"), config)?;
    fill(&db, 4);
    db.checkpoint()?;
    db.delete(&Selector::metric("m1").tag("s", "4"), TimeRange::ALL)?;
    fill(&db, 8);
    db.checkpoint()?;
    fill(&db, 10);
    db.delete(&Selector::metric("doomed"), TimeRange::ALL)?;
    BackupManager::new(&db).create_snapshot(folder.join("snapshot"))?;
    println!("digest {} after commit {}", db.digest(false)?.0, db.position().lsn);
    drop(db);
    std::fs::remove_file(database.join("data.db.lock")).map_err(|error| Error::invalid(error.to_string()))
}
