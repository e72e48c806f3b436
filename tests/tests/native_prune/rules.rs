//! Which points the rules choose.
use chronicle::Keep;
use chronicle_core::backup::repository::{Kept, Reason};
use chronicle_core::time::{CalendarPeriod, parse_timestamp};
use chronicle_tests::workload::Random;
use std::collections::BTreeSet;

/// What the rules say, read literally and slowly: for each period each point asks whether a newer one is in it.
fn naive(keep: &Keep, points: &[(u64, i64)]) -> BTreeSet<u64> {
    let mut newest_first = points.to_vec();
    newest_first.sort_by_key(|(number, time)| (-i128::from(*time), u64::MAX - number));
    let mut kept: BTreeSet<u64> = points.iter().map(|(number, _)| *number).max().into_iter().collect();
    for (index, (number, time)) in newest_first.iter().enumerate() {
        if (index as u64) < keep.last {
            kept.insert(*number);
        }
        if keep.within_ns.is_some_and(|within| (newest_first[0].1 - time) as u64 <= within) {
            kept.insert(*number);
        }
        for (period, count) in [
            (CalendarPeriod::Hour, keep.hourly),
            (CalendarPeriod::Day, keep.daily),
            (CalendarPeriod::Week, keep.weekly),
            (CalendarPeriod::Month, keep.monthly),
            (CalendarPeriod::Year, keep.yearly),
        ] {
            let newer = &newest_first[..index];
            let of = period.number(*time);
            let newer_periods: BTreeSet<i64> = newer.iter().map(|(_, time)| period.number(*time)).collect();
            if !newer_periods.contains(&of) && (newer_periods.len() as u64) < count {
                kept.insert(*number);
            }
        }
    }
    kept
}

#[test]
fn the_rules_choose_what_a_slow_reading_of_them_chooses_also_where_times_stand_still_or_run_back() {
    const MINUTE: i64 = 60_000_000_000;
    let mut random = Random::new(9);
    for round in 0..400 {
        let mut time = parse_timestamp("2023-12-30T22:00:00Z").unwrap();
        let points: Vec<(u64, i64)> = (0..random.below(60))
            .map(|number| {
                // Steps of minutes to weeks; now and then a clock that was set back by a day, or stood still.
                time += match random.below(12) {
                    0 => -24 * 60 * MINUTE,
                    1 => 0,
                    scale => random.below(1 << scale) as i64 * 7 * MINUTE,
                };
                (number * 2, time)
            })
            .collect();
        let mut some = || if random.below(2) == 0 { 0 } else { random.below(9) };
        let mut keep = Keep {
            last: some(),
            hourly: some(),
            daily: some(),
            weekly: some(),
            monthly: some(),
            yearly: some(),
            ..Keep::default()
        };
        keep.within_ns = (some() > 4).then(|| some() * 3_600_000_000_000);
        let kept: Kept = keep.choose_by_time(&points, &BTreeSet::new(), []);
        assert_eq!(
            kept.keys().copied().collect::<BTreeSet<_>>(),
            naive(&keep, &points),
            "{round}: {keep:?} {points:?}"
        );
        let newest = points.iter().map(|(number, _)| *number).max();
        assert!(newest.is_none_or(|newest| kept[&newest].contains(&Reason::Newest)));
    }
}
