//! Listings and deletions.
use super::super::{Capabilities, PutMode};
use super::bench::{Bench, Checked, ensure};
use super::body::Pattern;
use super::{Need, Spec};

const LIST: fn(&Capabilities) -> bool = |can| can.list;

pub(super) const CHECKS: &[&Spec] = &[
    &Spec {
        id: "list.pages",
        need: Need::Required,
        can: LIST,
        about: "more objects than a page holds are all listed, once, in order",
        run: pages,
    },
    &Spec {
        id: "list.folder",
        need: Need::Required,
        can: LIST,
        about: "a folder's listing has what is below it, at any depth, and nothing beside it",
        run: folder,
    },
    &Spec {
        id: "list.after-put",
        need: Need::Required,
        can: LIST,
        about: "what was put or deleted just now is listed or not, with its length",
        run: after_put,
    },
    &Spec {
        id: "delete.present",
        need: Need::Required,
        can: |can| can.delete,
        about: "a deleted object is gone at once, and its name is free",
        run: delete_present,
    },
    &Spec {
        id: "delete.absent",
        need: Need::Required,
        can: |can| can.delete,
        about: "deleting what is not there is fine",
        run: delete_absent,
    },
];

fn pages(bench: &Bench<'_>) -> Checked {
    let count = bench.options.objects;
    let name = |index: usize| format!("o{index:05}");
    let puts = bench.race(|thread| {
        for index in (thread..count).step_by(bench.options.threads) {
            let object = bench.name(&format!("pages/{}", name(index)))?;
            bench.create(&object, &Pattern { seed: index as u64, len: index as u64 % 50 })?;
        }
        Ok(())
    });
    puts.into_iter().collect::<Checked>()?;
    let folder = bench.folder("pages")?;
    let expected: Vec<(String, u64)> = (0..count).map(|index| (name(index), index as u64 % 50)).collect();
    let listed = bench.listed(&folder)?;
    ensure!(listed.len() == count, "{} of {count} objects are listed", listed.len());
    ensure!(listed == expected, "the objects are not listed in order, or with other lengths");
    for limit in [1, 7, 99] {
        let mut names = Vec::new();
        let mut cursor = None;
        while names.len() < 200.min(count) {
            let page = bench.destination.list(Some(&folder), cursor.as_deref(), limit)?;
            ensure!(
                page.objects.len() <= limit,
                "{} objects come where {limit} were asked for",
                page.objects.len()
            );
            names.extend(page.objects.into_iter().map(|object| object.name));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let wanted =
            (0..names.len()).map(|index| folder.join(&name(index))).collect::<crate::Result<Vec<_>>>()?;
        ensure!(names.len() >= 200.min(count), "pages of {limit} end after {} objects", names.len());
        ensure!(names == wanted, "pages of {limit} give other names");
    }
    Ok(())
}

fn folder(bench: &Bench<'_>) -> Checked {
    let below = ["a", "b-1", "b/1", "b/2/3/4", "b/3", "b0", "c.json", "z/1"];
    for name in below
        .iter()
        .map(|name| format!("folder/in/{name}"))
        .chain(["folder/in-1", "folder/in2/x", "folder/i"].map(String::from))
    {
        bench.create(&bench.name(&name)?, &Pattern { seed: 1, len: 3 })?;
    }
    let listed: Vec<String> =
        bench.listed(&bench.folder("folder/in")?)?.into_iter().map(|(name, _)| name).collect();
    ensure!(listed == below, "{listed:?} are listed, not {below:?}");
    let inner: Vec<String> =
        bench.listed(&bench.folder("folder/in/b")?)?.into_iter().map(|(name, _)| name).collect();
    ensure!(inner == ["1", "2/3/4", "3"], "{inner:?} are listed in the inner folder");
    for empty in ["folder/nothing", "folder/in/a"] {
        let listed = bench.listed(&bench.folder(empty)?)?;
        ensure!(listed.is_empty(), "{} objects are listed where there are none", listed.len());
    }
    Ok(())
}

fn after_put(bench: &Bench<'_>) -> Checked {
    let folder = bench.folder("after-put")?;
    for index in 0..5u64 {
        bench.create(&bench.name(&format!("after-put/{index}"))?, &Pattern { seed: index, len: 3 })?;
        let listed = bench.listed(&folder)?;
        ensure!(
            listed.len() as u64 == index + 1,
            "{} objects are listed after {} puts",
            listed.len(),
            index + 1
        );
    }
    let first = bench.name("after-put/0")?;
    let _ = bench.put(&first, &Pattern { seed: 9, len: 11 }, PutMode::Overwrite)?;
    let listed = bench.listed(&folder)?;
    ensure!(
        listed.first().is_some_and(|(_, len)| *len == 11),
        "an overwritten object is listed in its old length"
    );
    if bench.can().delete {
        bench.destination.delete(&first)?;
        let listed = bench.listed(&folder)?;
        ensure!(listed.len() == 4, "{} objects are listed after one of 5 was deleted", listed.len());
    }
    Ok(())
}

fn delete_present(bench: &Bench<'_>) -> Checked {
    let (name, beside) = (bench.name("delete/one")?, bench.name("delete/two")?);
    let pattern = Pattern { seed: 1, len: 1_000 };
    bench.create(&beside, &pattern)?;
    for seed in 0..3 {
        let pattern = Pattern { seed, len: 1_000 };
        bench.create(&name, &pattern)?;
        bench.expect(&name, &pattern)?;
        bench.destination.delete(&name)?;
        bench.expect_absent(&name)?;
    }
    bench.expect(&beside, &pattern)
}

fn delete_absent(bench: &Bench<'_>) -> Checked {
    let name = bench.name("delete/absent/deep")?;
    bench.destination.delete(&name)?;
    bench.create(&name, &Pattern { seed: 1, len: 1 })?;
    bench.destination.delete(&name)?;
    bench.destination.delete(&name)?;
    bench.expect_absent(&name)
}
