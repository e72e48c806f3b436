use super::*;
use crate::format::SeriesDefinition;
use crate::model::{Limits, Point};
extern crate std;

fn point(metric: &str, tags: &[(&str, &str)]) -> Point {
    tags.iter().fold(Point::new(metric, 0, 0.0), |point, (key, value)| point.tag(*key, *value))
}

fn resolve(dictionary: &mut Dictionary, metric: &str, tags: &[(&str, &str)]) -> Result<SeriesId> {
    let mut wanted = Vec::new();
    let slot = dictionary.resolve(&point(metric, tags), &Limits::default(), &mut wanted)?;
    assert!(wanted.is_empty(), "nothing has to be loaded");
    Ok(dictionary.id(slot).unwrap())
}

fn definition(metric: (&str, u32), ordinal: u32, tags: &[(&str, &str)]) -> SeriesDefinition {
    let tags = Tags::new(tags.iter().copied()).unwrap();
    SeriesDefinition { id: SeriesId::new(metric.1, ordinal), metric: metric.0.into(), tags }
}

/// The table of a metric with series `x=0`, `x=1`, ...
fn stored(dictionary: &Dictionary, series: usize) -> TableBuilder {
    let mut builder = TableBuilder::default();
    for number in 0..series {
        let (pair, hash) =
            builder.pair(&dictionary.hasher(), "x", &std::string::ToString::to_string(&number)).unwrap();
        builder.push_tag(pair);
        builder.push(hash).unwrap();
    }
    builder
}

#[test]
fn the_order_of_tags_and_absent_tags_do_not_make_another_series() {
    let mut dictionary = Dictionary::new(1, 0);
    let first = resolve(&mut dictionary, "m", &[("a", "1"), ("b", "2")]).unwrap();
    assert_eq!(resolve(&mut dictionary, "m", &[("b", "2"), ("c", ""), ("a", "1")]).unwrap(), first);
    assert_ne!(resolve(&mut dictionary, "m", &[("b", "1"), ("a", "2")]).unwrap(), first);
    assert!(resolve(&mut dictionary, "m", &[("a", "1"), ("a", "1")]).is_err(), "a repeated key");
}

#[test]
fn a_point_that_follows_another_again_is_still_told_by_its_names() {
    let mut dictionary = Dictionary::new(1, 0);
    let names = [("m", "1"), ("n", "1"), ("m", "2"), ("n", "")];
    let mut known: Vec<SeriesId> = Vec::new();
    for (metric, tag) in names {
        known.push(resolve(&mut dictionary, metric, &[("t", tag)]).unwrap());
    }
    for order in [[0, 1, 2, 3], [0, 1, 2, 3], [0, 2, 1, 3], [3, 3, 0, 1]] {
        for at in order {
            let (metric, tag) = names[at];
            assert_eq!(resolve(&mut dictionary, metric, &[("t", tag)]).unwrap(), known[at]);
        }
    }
}

#[test]
fn a_refused_batch_leaves_nothing_behind() {
    let mut dictionary = Dictionary::new(1, 0);
    let first = resolve(&mut dictionary, "m", &[]).unwrap();
    let counts = dictionary.counts();
    let memory = dictionary.memory();
    for round in 0..3 {
        let value = std::format!("{round}");
        resolve(&mut dictionary, "m", &[("x", &value), ("y", "1")]).unwrap();
        resolve(&mut dictionary, "n", &[]).unwrap();
        dictionary.roll_back(counts);
        assert_eq!(dictionary.counts(), counts);
        assert_eq!(dictionary.metric_number("n"), None);
        assert_eq!(dictionary.slots(), 3, "slots are given again");
        assert_eq!(dictionary.table(0).unwrap().pairs().len(), 0, "and so are texts");
    }
    assert_eq!(dictionary.memory().0, memory.0);
    assert_eq!(resolve(&mut dictionary, "m", &[]).unwrap(), first);
    let again = resolve(&mut dictionary, "m", &[("y", "1"), ("x", "1")]).unwrap();
    assert_eq!(again, SeriesId::new(0, 1));
    let other = resolve(&mut dictionary, "m", &[("x", "2"), ("y", "1")]).unwrap();
    assert_eq!(other, SeriesId::new(0, 2), "what followed another series before is not taken for it");
}

#[test]
fn readers_see_the_series_of_settled_commits() {
    let mut dictionary = Dictionary::new(1, 0);
    let seen = |dictionary: &mut Dictionary| {
        dictionary.table_to_select(0, Scope::Visible).map_or(0, |(_, end, _)| end)
    };
    resolve(&mut dictionary, "m", &[("x", "0")]).unwrap();
    let first = dictionary.counts();
    resolve(&mut dictionary, "m", &[("x", "1")]).unwrap();
    assert_eq!(seen(&mut dictionary), 0);
    dictionary.show(first);
    assert_eq!((seen(&mut dictionary), dictionary.visible_series()), (1, 1));
    assert_eq!(dictionary.table_to_select(0, Scope::Prepared).unwrap().1, 2);
    // A seal stores the visible one; the other is retracted.
    assert_eq!(dictionary.definitions(0, first.series), [SeriesId::new(0, 0)]);
    dictionary.note_stored(first.series);
    dictionary.roll_back(dictionary.visible());
    assert_eq!((seen(&mut dictionary), dictionary.visible_series()), (1, 1));
    let next = resolve(&mut dictionary, "m", &[("x", "2")]).unwrap();
    assert_eq!(dictionary.definitions(0, dictionary.counts().series), [next]);
}

#[test]
fn a_metric_that_is_not_loaded_is_asked_for_and_nothing_is_added() {
    let mut dictionary = Dictionary::new(1, 3);
    dictionary.define_metric("m").unwrap();
    dictionary.show(dictionary.counts());
    let mut wanted = Vec::new();
    let limits = Limits::default();
    let slot = dictionary.resolve(&point("m", &[("x", "1")]), &limits, &mut wanted).unwrap();
    assert_eq!((slot, wanted.as_slice(), dictionary.visible_series()), (NO_SLOT, &[0][..], 3));
    let table = stored(&dictionary, 3);
    dictionary.install(0, table).unwrap();
    assert_eq!(resolve(&mut dictionary, "m", &[("x", "1")]).unwrap(), SeriesId::new(0, 1));
    assert_eq!(resolve(&mut dictionary, "m", &[("x", "3")]).unwrap(), SeriesId::new(0, 3));
    assert_eq!(dictionary.visible_series(), 3);
}

#[test]
fn what_a_replay_met_before_the_names_were_loaded_is_put_together_with_them() {
    let mut dictionary = Dictionary::new(1, 3);
    dictionary.define_metric("m").unwrap();
    let slots = [1, 3, 1].map(|ordinal| dictionary.slot_of_replayed(SeriesId::new(0, ordinal)).unwrap());
    assert_eq!(slots, [0, 1, 0]);
    // A crash between a checkpoint and the end of its log: ordinal 2 is stored, too.
    for (ordinal, value) in [(2, "2"), (3, "new"), (2, "2")] {
        dictionary.define(definition(("m", 0), ordinal, &[("x", value)])).unwrap();
    }
    dictionary.show(dictionary.counts());
    assert_eq!(dictionary.unloaded_replayed(), [0]);
    let table = stored(&dictionary, 3);
    dictionary.install(0, table).unwrap();
    assert!(dictionary.unloaded_replayed().is_empty());
    assert_eq!(dictionary.slot(SeriesId::new(0, 3)), Some(1));
    assert_eq!(resolve(&mut dictionary, "m", &[("x", "new")]).unwrap(), SeriesId::new(0, 3));
    assert_eq!(resolve(&mut dictionary, "m", &[("x", "2")]).unwrap(), SeriesId::new(0, 2));
    assert_eq!(dictionary.visible_series(), 4);
    let counts = dictionary.counts();
    assert_eq!(dictionary.definitions(0, counts.series), [SeriesId::new(0, 3)], "only what no run holds");
    dictionary.note_stored(counts.series);
    assert_eq!(dictionary.visible_series(), 4);
}

#[test]
fn definitions_and_points_that_do_not_fit_are_damage() {
    let with = |then: &dyn Fn(&mut Dictionary) -> Result<()>, series: usize| {
        let mut dictionary = Dictionary::new(1, 3);
        dictionary.define_metric("m").unwrap();
        let result = then(&mut dictionary).and_then(|()| {
            let table = stored(&dictionary, series);
            dictionary.install(0, table)
        });
        result.map_err(|error| error.kind())
    };
    let damaged = Err(ErrorKind::Damaged);
    assert_eq!(with(&|it| it.define(definition(("m", 0), 3, &[("x", "3")])), 3), Ok(()));
    assert_eq!(with(&|it| it.define(definition(("m", 0), 2, &[("x", "3")])), 3), damaged, "other tags");
    assert_eq!(with(&|it| it.define(definition(("m", 0), 4, &[("x", "3")])), 3), damaged, "a gap");
    assert_eq!(with(&|it| it.define(definition(("n", 0), 0, &[])), 3), damaged, "a number of another metric");
    assert_eq!(with(&|it| it.define(definition(("n", 2), 0, &[])), 3), damaged, "a metric left out");
    assert_eq!(with(&|it| it.slot_of_replayed(SeriesId::new(0, 3)).map(drop), 3), damaged, "never defined");
    assert_eq!(with(&|it| it.slot_of_replayed(SeriesId::new(1, 0)).map(drop), 3), damaged, "no such metric");
    let out_of_order = |it: &mut Dictionary| {
        it.define(definition(("m", 0), 3, &[("x", "3")]))?;
        it.define(definition(("m", 0), 5, &[("x", "5")]))
    };
    assert_eq!(with(&out_of_order, 3), damaged);
}
