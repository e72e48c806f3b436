//! Names: what goes in comes out, under that name and no other.
use super::super::{NAME_BYTES_MAX, PART_BYTES_MAX};
use super::bench::{Bench, Checked, ensure};
use super::body::Pattern;
use super::{ALWAYS, Need, Spec};

pub(super) const CHECKS: &[&Spec] = &[
    &Spec {
        id: "names.plain",
        need: Need::Required,
        can: ALWAYS,
        about: "names as Chronicle makes them are taken as they are",
        run: plain,
    },
    &Spec {
        id: "names.long",
        need: Need::Optional,
        can: ALWAYS,
        about: "the longest names are taken",
        run: long,
    },
    &Spec {
        id: "names.odd",
        need: Need::Optional,
        can: ALWAYS,
        about: "spaces, percent signs and letters of all kinds in names come back as they went",
        run: odd,
    },
    &Spec {
        id: "names.case",
        need: Need::Optional,
        can: ALWAYS,
        about: "names that differ in case only are two",
        run: case,
    },
];

/// Puts an object under each name, and expects each to be itself, and all to be listed.
fn distinct(bench: &Bench<'_>, folder: &str, names: &[&str]) -> Checked {
    let pattern = |index: usize| Pattern { seed: index as u64, len: 100 + index as u64 };
    for (index, name) in names.iter().enumerate() {
        let name = bench.name(&format!("{folder}/{name}"))?;
        bench.create(&name, &pattern(index))?;
    }
    for (index, name) in names.iter().enumerate() {
        bench.expect(&bench.name(&format!("{folder}/{name}"))?, &pattern(index))?;
    }
    if bench.can().list {
        let listed: Vec<String> =
            bench.listed(&bench.folder(folder)?)?.into_iter().map(|(name, _)| name).collect();
        let mut wanted = names.to_vec();
        wanted.sort_unstable();
        ensure!(listed == wanted, "{listed:?} are listed, not {wanted:?}");
    }
    Ok(())
}

fn plain(bench: &Bench<'_>) -> Checked {
    let hash = "0123456789abcdef".repeat(4);
    let list = format!("lists/{hash}");
    let names = [
        "manifest.json",
        "state.json",
        "claims/0",
        "claims/1",
        "claims/10",
        &list,
        "base/data.db",
        "base/data.db.wal-00000000000000000001",
        "base/metadata.json",
        "delta-001/changes.db",
        "delta-001/metadata.json.age",
        "delta-1000/changes.db",
        "moves-019/metadata.json",
        "holds/17",
    ];
    distinct(bench, "names-plain", &names)
}

fn long(bench: &Bench<'_>) -> Checked {
    let start = bench.folder("names-long")?.as_str().len() + 1;
    let mut name = "p".repeat(PART_BYTES_MAX);
    while start + name.len() + 1 < NAME_BYTES_MAX {
        name.push('/');
        name.push_str(&"q".repeat(PART_BYTES_MAX.min(NAME_BYTES_MAX - start - name.len())));
    }
    distinct(bench, "names-long", &[&name, &"p".repeat(PART_BYTES_MAX - 1)])
}

fn odd(bench: &Bench<'_>) -> Checked {
    let names = [
        "a b",
        "a%20b",
        "a+b",
        "a&b=c",
        "#1",
        "%2F",
        "%",
        "~",
        "-x",
        "--",
        "'quoted'",
        "a@b",
        "(1)",
        "[x]",
        "{y}",
        "$HOME",
        "`ls`",
        ";",
        "a,b",
        "ü",
        "u\u{308}",
        "日本語/データ",
        "🗄",
        ".hidden",
        "..two",
        "a..b",
        "!",
        "^",
    ];
    distinct(bench, "names-odd", &names)
}

fn case(bench: &Bench<'_>) -> Checked {
    distinct(bench, "names-case", &["a", "A", "Data.DB", "data.db"])
}
