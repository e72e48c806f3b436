use super::*;
use std::path::PathBuf;

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.db.wal-00000000000000000001");
    (dir, path)
}

#[test]
fn a_log_begins_with_its_header_and_is_never_created_twice() {
    let (_dir, path) = scratch();
    let log = LogFile::create(&path, b"header").unwrap();
    assert_eq!((log.end(), LogFile::read_all(&path).unwrap()), (6, b"header".to_vec()));
    assert_eq!(LogFile::create(&path, b"other").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(LogFile::read_all(&path).unwrap(), b"header");
}

#[test]
fn appends_follow_each_other_and_zeros_follow_them() {
    let (_dir, path) = scratch();
    let log = LogFile::create(&path, b"H").unwrap();
    log.append(1, b"one").unwrap();
    log.append(4, b"two").unwrap();
    log.sync().unwrap();
    let bytes = LogFile::read_all(&path).unwrap();
    assert_eq!(&bytes[..7], b"Honetwo");
    assert!(bytes.len() > 7 && bytes[7..].iter().all(|byte| *byte == 0));
}

#[test]
fn an_append_that_leaves_a_hole_or_overwrites_is_refused() {
    let (_dir, path) = scratch();
    let log = LogFile::create(&path, b"header").unwrap();
    for offset in [0, 5, 7, u64::MAX] {
        assert_eq!(log.append(offset, b"x").unwrap_err().kind(), ErrorKind::InvalidInput, "{offset}");
    }
    log.append(6, b"x").unwrap();
}

#[test]
#[cfg(unix)]
fn appends_into_filled_room_change_neither_length_nor_blocks() {
    use std::os::unix::fs::MetadataExt;
    let (_dir, path) = scratch();
    let log = LogFile::create(&path, b"header").unwrap();
    assert!(log.fill_ahead().unwrap());
    assert_eq!(log.filled_ahead(), FILL_BYTES_START);
    let shape = || std::fs::metadata(&path).map(|metadata| (metadata.len(), metadata.blocks())).unwrap();
    let before = shape();
    while log.filled_ahead() >= 10_000 {
        log.append(log.end(), &[7; 10_000]).unwrap();
        log.sync().unwrap();
    }
    assert_eq!(shape(), before);
}

#[test]
fn the_reserve_is_refilled_when_half_is_used_and_grows_to_its_limit() {
    let (_dir, path) = scratch();
    let log = LogFile::create(&path, b"header").unwrap();
    let mut reserves = Vec::new();
    for _ in 0..5 {
        assert!(log.wants_fill());
        log.fill_ahead().unwrap();
        reserves.push(log.filled_ahead() >> 20);
        assert!(!log.wants_fill() || reserves.len() < 5);
        log.append(log.end(), &vec![1; log.filled_ahead() as usize]).unwrap();
    }
    assert_eq!(reserves, [1, 2, 4, 8, 8]);
}

#[test]
fn filling_beside_appends_never_overwrites_a_frame() {
    let (_dir, path) = scratch();
    let log = LogFile::create(&path, b"").unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                log.fill_ahead().unwrap();
            }
        });
        // Much faster than zeros can be written, so both ways of appending are taken.
        for number in 0..4_000u32 {
            log.append(log.end(), &[(number % 255 + 1) as u8; 9_001]).unwrap();
        }
        done.store(true, Ordering::Release);
    });
    let bytes = LogFile::read_all(&path).unwrap();
    for (number, frame) in bytes.chunks(9_001).take(4_000).enumerate() {
        assert!(frame.iter().all(|byte| usize::from(*byte) == number % 255 + 1), "frame {number}");
    }
    assert!(bytes[4_000 * 9_001..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_trim_gives_the_zeros_back_and_appends_go_on_there() {
    let (_dir, path) = scratch();
    let log = LogFile::create(&path, b"header").unwrap();
    log.append(6, b"frame").unwrap();
    log.fill_ahead().unwrap();
    log.trim(11).unwrap();
    assert_eq!(LogFile::read_all(&path).unwrap(), b"headerframe");
    log.trim(6).unwrap();
    log.append(6, b"again").unwrap();
    assert_eq!(&LogFile::read_all(&path).unwrap()[..11], b"headeragain");
    assert_eq!(log.trim(12).unwrap_err().kind(), ErrorKind::InvalidInput, "a trim is never past the end");
}

#[test]
fn a_torn_tail_is_gone_before_new_frames_follow() {
    let (_dir, path) = scratch();
    std::fs::write(&path, b"headerframetorn....").unwrap();
    let log = LogFile::open_for_append(&path, 11).unwrap();
    assert_eq!(LogFile::read_all(&path).unwrap(), b"headerframe");
    log.append(11, b"new").unwrap();
    assert_eq!(&LogFile::read_all(&path).unwrap()[..14], b"headerframenew");
}

#[test]
fn a_log_shorter_than_its_frames_is_damage() {
    let (_dir, path) = scratch();
    std::fs::write(&path, b"header").unwrap();
    assert_eq!(LogFile::open_for_append(&path, 7).unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn a_lost_write_that_the_filler_saw_fails_the_next_commit() {
    let (_dir, path) = scratch();
    let log = LogFile::create(&path, b"header").unwrap();
    log.filler.poison();
    assert!(log.fill_ahead().is_err());
    assert_eq!(log.sync().unwrap_err().kind(), ErrorKind::Poisoned);
}

#[test]
fn a_deleted_log_is_gone_and_deleting_it_again_is_fine() {
    let (_dir, path) = scratch();
    drop(LogFile::create(&path, b"header").unwrap());
    LogFile::delete(&path).unwrap();
    assert!(!path.exists());
    LogFile::delete(&path).unwrap();
}

/// A file system of 2 MiB, mounted on a scratch folder as long as this lives.
#[cfg(target_os = "linux")]
struct SmallMedium(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl SmallMedium {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(dir.path())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: a full medium was not tested: mounting a tmpfs needs root");
            return None;
        }
        Some(Self(dir))
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallMedium {
    fn drop(&mut self) {
        // Lazy: a child that another test has just forked may still hold our files open.
        let _ = std::process::Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_medium_fails_the_append_only_and_leaves_no_part_of_it() {
    let Some(medium) = SmallMedium::mount() else { return };
    let path = medium.0.path().join("data.db.wal-00000000000000000001");
    let log = LogFile::create(&path, &[1; 4096]).unwrap();
    assert!(log.fill_ahead().unwrap());
    log.append(4096, &[2; 1 << 20]).unwrap();
    assert!(!log.fill_ahead().unwrap(), "no room for all zeros is an answer, not an error");
    assert!(log.filled_ahead() > 512 << 10, "what room there is, is used");
    log.append(log.end(), &[3; 512 << 10]).unwrap();
    log.sync().unwrap();
    let end = log.end();
    let error = log.append(end, &[4; 1 << 20]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), end, "no torn frame is left");
    log.append(end, &[5; 100]).unwrap();
    log.sync().unwrap();
    let bytes = LogFile::read_all(&path).unwrap();
    assert!(bytes[end as usize..end as usize + 100].iter().all(|byte| *byte == 5));
}

#[test]
#[cfg(target_os = "linux")]
fn a_log_that_cannot_be_created_leaves_no_file() {
    let Some(medium) = SmallMedium::mount() else { return };
    let path = medium.0.path().join("data.db.wal-00000000000000000001");
    assert_eq!(LogFile::create(&path, &vec![1; 3 << 20]).unwrap_err().kind(), ErrorKind::Full);
    assert!(!path.exists());
}

#[test]
#[cfg(target_os = "linux")]
fn a_data_file_on_a_full_medium_says_full_and_reads_on() {
    let Some(medium) = SmallMedium::mount() else { return };
    let file = crate::files::data_file::DataFile::create_new(&medium.0.path().join("data.db")).unwrap();
    file.write_all_at(0, b"superblock").unwrap();
    assert_eq!(file.write_all_at(4096, &vec![1; 3 << 20]).unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(file.read_exact_at(0, 10).unwrap(), b"superblock");
}
