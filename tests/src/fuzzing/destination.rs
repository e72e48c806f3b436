//! Names of objects and URLs of destinations, as people, listings and records give them.
use chronicle::destination::{ObjectName, open};
use std::path::{Component, Path};

/// Any text as a name: what is taken stays what it was, and leads to a place below the folder it is put into.
pub fn decode_object_name(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(name) = ObjectName::new(&*text) else { return };
    assert_eq!(name.as_str(), text);
    assert_eq!(name.parts().collect::<Vec<_>>().join("/"), text);
    let path = Path::new(name.as_str());
    assert!(path.components().all(|part| matches!(part, Component::Normal(_))), "{text:?}");
    assert_eq!(path.components().count(), name.parts().count(), "{text:?}");
}

/// Any text as the URL of a destination. Nothing is touched by opening one.
pub fn decode_destination_url(bytes: &[u8]) {
    let _ = open(&String::from_utf8_lossy(bytes)).map(|destination| destination.place());
}

pub(super) fn object_name_seeds() -> Vec<Vec<u8>> {
    let names = ["manifest.json", "claims/17", "base/data.db.wal-00000000000000000001", "a b/\u{fc}/..x"];
    names.map(|name| name.as_bytes().to_vec()).to_vec()
}

pub(super) fn destination_url_seeds() -> Vec<Vec<u8>> {
    let urls = [
        "/backup/repo",
        "file:///my%20backups/%C3%BC",
        "s3://bucket/prefix",
        "https://user:word@host/dav?x=y",
    ];
    urls.map(|url| url.as_bytes().to_vec()).to_vec()
}
