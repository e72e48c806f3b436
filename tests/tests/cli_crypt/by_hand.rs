//! Objects are age files: the program `age` opens them by hand, and what it makes is opened here.
use crate::sealed::{Sealed, files};
use chronicle::Point;
use std::process::{Command, Stdio};

/// False, and loudly so, where there is no `age`.
fn has_age() -> bool {
    let found = Command::new("age").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        eprintln!(
            "SKIPPED: the program `age` is not installed (apt-get install age): nothing was opened by hand"
        );
    }
    found
}

#[test]
fn the_program_age_opens_every_object_by_hand() {
    if !has_age() {
        return;
    }
    let sealed = Sealed::new();
    let db = sealed.place.open();
    let mut random = chronicle_tests::workload::Random::new(1);
    for batch in 0..3i64 {
        let points: Vec<Point> = (0..40_000)
            .map(|at| Point::new("cpu", batch * 40_000 + at, random.below(1 << 50) as f64))
            .collect();
        db.write_batch(&points).unwrap();
        if batch < 2 {
            db.checkpoint().unwrap();
        }
        sealed.create(&db);
    }
    let mut opened = 0;
    for file in files(&sealed.place.path("my repo")) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let Some(plain) = name.strip_suffix(".age") else { continue };
        let output = Command::new("age")
            .arg("-d")
            .arg("-i")
            .arg(sealed.place.path("key.txt"))
            .arg(&file)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
        let starts_with: &[u8] = match plain {
            "data.db" | "changes.db" => b"CHRONDB",
            _ if plain.starts_with("list-") => b"CHRNLIST",
            _ => b"CHR",
        };
        let text = String::from_utf8_lossy(&output.stdout[..output.stdout.len().min(16)]).into_owned();
        let superblock = output.stdout.get(32 << 10..).unwrap_or_default();
        let is_it = output.stdout.starts_with(starts_with) || superblock.starts_with(starts_with);
        assert!(is_it, "{}: {text:?}", file.display());
        opened += 1;
    }
    assert!(opened > 6, "{opened}");
}
