//! Commits of segments: what a host does for them, effect by effect.
use super::db::SimDb;
use super::view::at_hand;
use chronicle_core::engine::{Effect, Placed};
use chronicle_core::ids::{Lsn, SeriesId};
use chronicle_core::model::Point;
use chronicle_core::segment::{BuiltSegment, SegmentBuilder};
use std::collections::BTreeMap;

/// Series in a segment: few, so that a commit has several.
const SERIES_AT_ONCE: usize = 2;

impl SimDb {
    /// Writes a batch as one commit of segments; with `give_up` takes all of it back before the commit. Nothing may be
    /// under way.
    pub fn attach(&mut self, points: &[Point], give_up: bool) {
        self.flush(true);
        self.seal();
        let (lsn, checkpoint) = self.engine.begin_attach().expect("everything is sealed");
        self.checkpoint(checkpoint);
        let mut placed = Vec::new();
        for built in self.build(lsn, points) {
            self.place(built, &mut placed);
        }
        if let Some(run) = self.engine.attach_definitions(lsn).expect("a dictionary run") {
            self.place(run, &mut placed);
        }
        if give_up {
            return self.engine.abandon_attach(placed);
        }
        self.perform(&[Effect::SyncData]);
        let now = self.clock.now();
        let position = self.engine.prepare_attach(&placed, now).expect("a commit");
        assert_eq!(position.lsn, lsn);
        self.oracle.points(position, points);
        let write = self.engine.take_log_write(now).expect("a log to write to").expect("a commit to write");
        self.perform(&write.effects);
        self.perform(&[Effect::SyncLog { first_lsn: write.first_lsn }]);
        let checkpoint = self.engine.settle_attach(write).expect("a catalog with the segments");
        self.acknowledged = self.acknowledged.max(lsn);
        self.checkpoint(checkpoint);
    }

    fn place(&mut self, built: BuiltSegment, placed: &mut Vec<Placed>) {
        let (place, effect) = self.engine.place(built);
        self.perform(&[effect]);
        placed.push(place);
    }

    fn build(&mut self, lsn: Lsn, points: &[Point]) -> Vec<BuiltSegment> {
        let mut source = self.disk.data.bytes();
        let ids = at_hand(self.engine.with_names(&mut source, |engine| engine.attach_series(points)));
        let mut series: BTreeMap<SeriesId, BTreeMap<i64, u64>> = BTreeMap::new();
        for (id, point) in ids.expect("series within the limits").into_iter().zip(points) {
            series.entry(id).or_default().insert(point.timestamp, point.value.to_bits());
        }
        let series: Vec<_> = series.into_iter().collect();
        let segment = |series: &[(SeriesId, BTreeMap<i64, u64>)]| {
            let mut builder = SegmentBuilder::new(lsn, lsn);
            for (id, points) in series {
                let (timestamps, bits): (Vec<i64>, Vec<u64>) = points.iter().map(|(&t, &b)| (t, b)).unzip();
                let key = self.engine.series_key(*id).expect("a series that was resolved");
                builder.push_series(*id, key, &timestamps, &bits).expect("points in order");
            }
            builder.finish().expect("a segment with points")
        };
        series.chunks(SERIES_AT_ONCE).map(segment).collect()
    }
}
