//! Values that the tests of this folder share. Their bytes are in golden tests: change none.
use super::catalog_root::{CatalogRoot, EpochParent, LogStart, Settings};
use super::features::Features;
use super::page::{PageKind, PageRef};
use super::policy::{
    Expired, Policies, PolicyState, RetentionException, Rule, RuleFunction, RuleState, RuleTarget,
};
use super::segment_entry::{SegmentEntry, SegmentKind};
use super::summary::SegmentSummary;
use super::superblock::{Role, Superblock};
use crate::digest::Digest;
use crate::ids::{Chain, Epoch, Hash, Hash16, Lineage, SeriesId};
use crate::model::TimeRange;
use alloc::vec;

pub(crate) const LINEAGE: Lineage = Lineage([0x11; 16]);
pub(crate) const EPOCH: Epoch = Epoch([0x22; 16]);
pub(crate) const CHAIN: Chain = Chain([0x33; 32]);

pub(crate) fn summary() -> SegmentSummary {
    SegmentSummary {
        identity: Hash([0x44; 32]),
        len: 10_000,
        index_offset: 9_000,
        index_len: 1_000,
        points: 5_000,
        blocks: 4,
        series: 2,
        lsn_min: 3,
        lsn_max: 90,
        time: TimeRange { min: 1_000, max: 2_000 },
        series_min: SeriesId(1),
        series_max: SeriesId(2),
        digest: Digest { points: 5_000, lanes: [7, 8] },
    }
}

pub(crate) fn entry() -> SegmentEntry {
    SegmentEntry {
        kind: SegmentKind::Points,
        offset: 73_728,
        run: 6,
        partition_min: -1,
        partition_max: 0,
        summary: summary(),
    }
}

pub(crate) fn policies() -> Policies {
    Policies {
        exceptions: vec![RetentionException { metric: "cpu.max".into(), retention_ns: None }],
        rules: vec![Rule {
            id: 1,
            metric: "cpu".into(),
            filter: "host = 'a'".into(),
            window_ns: 60,
            delay_ns: 5,
            targets: vec![RuleTarget { function: RuleFunction::Max, metric: "cpu.max".into() }],
        }],
    }
}

pub(crate) fn policy_state() -> PolicyState {
    PolicyState {
        expired: Expired { cutoff_ns: 600, lsn: 40 },
        exceptions: vec![Expired::default()],
        rules: vec![RuleState { floor_ns: 600, dirty: vec![TimeRange { min: 1_200, max: i64::MAX }] }],
    }
}

pub(crate) fn root() -> CatalogRoot {
    let page = PageRef {
        kind: PageKind::Segments,
        offset: 65_536,
        len: 500,
        hash: Hash16([0x55; 16]),
        entries: 3,
        first: 0,
        time: TimeRange { min: 1_000, max: 2_000 },
    };
    let metrics = PageRef {
        kind: PageKind::Metrics,
        offset: 69_632,
        entries: 2,
        time: TimeRange::EMPTY,
        hash: Hash16([0x66; 16]),
        ..page
    };
    CatalogRoot {
        parent: Some(EpochParent { epoch: Epoch([0x77; 16]), lsn: 40, chain: Chain([0x88; 32]) }),
        created_ns: -2,
        settings: Settings {
            partition_duration_ns: 604_800_000_000_000,
            retention_ns: Some(1),
            retention_bytes: None,
            retention_suspended: false,
        },
        policies: policies(),
        policy_state: policy_state(),
        lsn: 100,
        commit_time_ns: 1_706_400_000_000_000_000,
        chain: CHAIN,
        durable_lsn: 105,
        log: LogStart::From { first_lsn: 81, offset: 4_096 },
        file_len: 1 << 20,
        points_stored: 15_000,
        series_count: 2,
        metric_count: 2,
        pages: vec![page, metrics],
    }
}

pub(crate) fn superblock(generation: u64) -> Superblock {
    Superblock {
        role: Role::Database,
        features: Features::default(),
        generation,
        lineage: LINEAGE,
        epoch: EPOCH,
        root: root(),
    }
}
