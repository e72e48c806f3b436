//! The encrypted part of a record: what is outside says nothing of it, and only its own fits.
use super::deltas::history;
use crate::backup::repository::*;
use crate::error::ErrorKind;
use crate::ids::Hash;
use alloc::vec::Vec;

fn encrypted(mut record: PointRecord) -> (PointRecord, Vec<u8>) {
    let inner = record.inner().unwrap();
    let recipients = alloc::vec!["age1a".into(), "age1b".into()];
    let part =
        Encryption { recipients, key: Some(Hash([3; 32])), inner: alloc::vec![7; 40], is_withheld: false };
    record.encryption = Some(part);
    (record, inner)
}

fn read(record: &PointRecord) -> PointRecord {
    let bytes = EntryRecord::Point(record.clone().into()).to_bytes().unwrap();
    EntryRecord::parse(record.entry, &bytes).unwrap().as_point().unwrap().clone()
}

#[test]
fn a_record_is_whole_again_with_its_own_encrypted_part_and_no_other() {
    let (repo, _, _) = history();
    let points: Vec<(PointRecord, Vec<u8>)> = repo.inventory().points().cloned().map(encrypted).collect();
    assert!(points.len() > 2);
    for (index, (record, inner)) in points.iter().enumerate() {
        let mut outer = read(record);
        assert!(outer.is_withheld() && !record.is_withheld());
        assert_eq!((outer.point.series, outer.point.digest), (0, None), "withheld");
        assert_eq!((outer.point.lsn, &outer.lists), (record.point.lsn, &record.lists), "for everybody");
        let (_, other) = &points[(index + 1) % points.len()];
        let closed = outer.clone();
        assert_eq!(outer.open(other).unwrap_err().kind(), ErrorKind::Damaged);
        let mut changed = inner.clone();
        changed[30] ^= 1;
        assert_eq!(outer.open(&changed).unwrap_err().kind(), ErrorKind::Damaged);
        assert_eq!(outer, closed, "an error changes nothing");
        outer.open(inner).unwrap();
        assert_eq!(outer, *record);
    }
}

#[test]
fn what_is_withheld_is_not_in_the_bytes_and_may_not_be() {
    let (repo, _, _) = history();
    let (record, _) = encrypted(repo.inventory().points().next().unwrap().clone());
    let bytes = EntryRecord::Point(record.clone().into()).to_bytes().unwrap();
    let text = core::str::from_utf8(&bytes).unwrap();
    assert!(!text.contains(&alloc::format!("{}", record.point.stored_digest)));
    let told = text.replace("\"series\": \"0\"", "\"series\": \"4\"");
    assert_ne!(told, text);
    let sealed = &told.as_bytes()[..told.len() - 85];
    let resealed = alloc::format!("{}{}", core::str::from_utf8(sealed).unwrap(), seal(sealed));
    let error = EntryRecord::parse(record.entry, resealed.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.message().contains("in plain"), "{error}");
}

fn seal(sealed: &[u8]) -> alloc::string::String {
    alloc::format!(",\n  \"checksum\": \"{}\"\n}}\n", Hash::of(sealed))
}
