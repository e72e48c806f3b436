//! No byte of an encrypted repository changes unnoticed, and none leads to other data.
use crate::sealed::{Sealed, files};
use chronicle::backup::repository::Moment;
use chronicle::backup::{Repository, verify_repository};
use chronicle::verify::VerifyLevel;

#[test]
fn every_byte_that_changes_is_noticed_with_the_key_and_without() {
    let mut sealed = Sealed::new();
    let db = sealed.place.open();
    for batch in 0..3 {
        sealed.place.write(&db, batch);
        if batch > 0 {
            db.checkpoint().unwrap();
        }
        sealed.create(&db);
    }
    let expected = db.digest(false).unwrap().0;
    db.close().unwrap();
    let (repository, keys) = (sealed.place.path("my repo"), sealed.keys());
    let sound = |level| match level {
        VerifyLevel::Full => Repository::open_with(&repository, &keys)
            .and_then(|opened| opened.verify(level, &|_, _| {}))
            .is_ok_and(|report| report.findings.is_empty()),
        level => verify_repository(&repository, level).is_ok_and(|report| report.findings.is_empty()),
    };
    assert!(sound(VerifyLevel::Full) && sound(VerifyLevel::Stored));
    let read = || Repository::open_with(&repository, &keys)?.open_at(&Moment::Latest)?.db.digest(false);
    let (mut flipped, mut read_on) = (0, 0);
    for file in files(&repository) {
        let whole = std::fs::read(&file).unwrap();
        let stride = (whole.len() / 80).max(1);
        for at in (0..whole.len()).step_by(stride).chain([whole.len() - 1]) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(&file, &bytes).unwrap();
            let level = if flipped % 2 == 0 { VerifyLevel::Full } else { VerifyLevel::Stored };
            assert!(!sound(level), "byte {at} of {} at {level:?}", file.display());
            if let Ok((digest, _)) = read() {
                assert_eq!(digest, expected, "byte {at} of {} gives other data", file.display());
                read_on += 1;
            }
            flipped += 1;
        }
        std::fs::write(&file, &whole).unwrap();
    }
    println!("{flipped} bytes were flipped; {read_on} of them are not needed to read the newest point");
    assert!(flipped > 1_000 && flipped - read_on > 200, "{flipped}, {read_on}");
    assert!(sound(VerifyLevel::Full));
}
