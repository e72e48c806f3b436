use super::*;

fn scratch() -> (tempfile::TempDir, DbPaths) {
    let dir = tempfile::tempdir().unwrap();
    let paths = DbPaths::new(dir.path().join("data.db")).unwrap();
    (dir, paths)
}

fn file_count(dir: &tempfile::TempDir) -> usize {
    std::fs::read_dir(dir.path()).unwrap().count()
}

#[test]
fn pins_are_live_until_dropped() {
    let (dir, paths) = scratch();
    let (a, b) = (Pin::create(&paths, 7).unwrap(), Pin::create(&paths, 3).unwrap());
    let c = Pin::create(&paths, 7).unwrap();
    assert_eq!((a.generation(), live_pins(&paths).unwrap()), (7, vec![3, 7, 7]));
    drop((a, b));
    assert_eq!(live_pins(&paths).unwrap(), [7]);
    drop(c);
    assert!(live_pins(&paths).unwrap().is_empty());
    assert_eq!(file_count(&dir), 0);
}

#[test]
fn what_a_dead_reader_left_is_collected() {
    let (dir, paths) = scratch();
    std::fs::write(paths.sibling("pin-5-00112233aabbccdd"), b"").unwrap();
    std::fs::write(paths.sibling("pin-tmp-00112233aabbccdd"), b"").unwrap();
    let living = Pin::create(&paths, 9).unwrap();
    assert_eq!(live_pins(&paths).unwrap(), [9]);
    assert_eq!(file_count(&dir), 1);
    drop(living);
}

/// Not a test of its own: what the child process of the next one runs.
#[test]
fn child_that_pins_until_it_is_killed() {
    let Some(path) = std::env::var_os("CHRONICLE_TEST_PIN") else { return };
    let paths = DbPaths::new(path).unwrap();
    let _pin = Pin::create(&paths, 42).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(60));
}

#[test]
fn the_pin_of_a_killed_process_is_collected() {
    let (dir, paths) = scratch();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "files::pin::tests::child_that_pins_until_it_is_killed"])
        .env("CHRONICLE_TEST_PIN", paths.data())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while live_pins(&paths).unwrap() != [42] {
        assert!(std::time::Instant::now() < deadline, "the child never pinned");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(live_pins(&paths).unwrap().is_empty());
    assert_eq!(file_count(&dir), 0);
}

#[test]
fn what_cannot_be_judged_holds_everything_and_is_not_deleted() {
    let (dir, paths) = scratch();
    let strange = paths.sibling("pin-v2-of-the-future");
    let file = File::create(&strange).unwrap();
    file.lock_shared().unwrap();
    assert_eq!(live_pins(&paths).unwrap(), [0]);
    drop(file);
    assert!(live_pins(&paths).unwrap().is_empty());
    assert!(strange.exists());
    std::fs::create_dir(paths.sibling("pin-8-00112233aabbccdd")).unwrap();
    assert_eq!(live_pins(&paths).unwrap(), [8]);
    assert_eq!(file_count(&dir), 2);
}

#[test]
fn the_pins_of_another_database_are_not_ours() {
    let (dir, paths) = scratch();
    let other = DbPaths::new(dir.path().join("other.db")).unwrap();
    let _pin = Pin::create(&other, 1).unwrap();
    assert!(live_pins(&paths).unwrap().is_empty());
}

#[test]
fn a_writer_that_tidies_up_never_takes_a_pin_from_a_living_reader() {
    let (dir, paths) = scratch();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Acquire) {
                live_pins(&paths).unwrap();
            }
        });
        for generation in 0..2_000 {
            // The writer may be so quick that we are told to try again; it may not take what we were given.
            match Pin::create(&paths, generation) {
                Ok(pin) => assert!(
                    pin.path.as_ref().is_some_and(|path| path.exists())
                        && live_pins(&paths).unwrap().contains(&generation)
                ),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Busy),
            }
        }
        done.store(true, std::sync::atomic::Ordering::Release);
    });
    live_pins(&paths).unwrap();
    assert_eq!(file_count(&dir), 0);
}

#[test]
#[cfg(unix)]
fn a_folder_that_takes_no_files_is_told_apart() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, paths) = scratch();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    if File::create(dir.path().join("probe")).is_ok() {
        eprintln!("SKIPPED: this user may write everywhere (root); judged from the error alone");
        let error = refused(paths.data(), &rustix::io::Errno::ROFS.into());
        assert_eq!(error.kind(), ErrorKind::ReadOnly);
    } else {
        assert_eq!(Pin::create(&paths, 1).unwrap_err().kind(), ErrorKind::ReadOnly);
    }
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let missing = DbPaths::new(dir.path().join("gone/data.db")).unwrap();
    assert_eq!(Pin::create(&missing, 1).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_reader_that_makes_no_file_keeps_writers_off_or_is_refused() {
    use crate::files::lock::WriterLock;
    let (_dir, paths) = scratch();
    assert!(Pin::keep_writers_off(&paths, 1).unwrap().is_none(), "no writer was ever here");
    let writer = WriterLock::acquire(&paths).unwrap();
    assert_eq!(Pin::keep_writers_off(&paths, 1).unwrap_err().kind(), ErrorKind::ReadOnly);
    drop(writer);
    let readers = [1, 2].map(|generation| Pin::keep_writers_off(&paths, generation).unwrap());
    assert_eq!(WriterLock::acquire(&paths).unwrap_err().kind(), ErrorKind::Busy);
    drop(readers);
    WriterLock::acquire(&paths).unwrap();
}
