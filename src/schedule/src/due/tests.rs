//! What is owed after sleeps and steps of the clock, and a year of all of it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn plan(rule: &str, missed: Missed, since: &str, now: &str) -> Plan {
    let zone = Zone::parse("Europe/Berlin").unwrap();
    due(&rule.parse().unwrap(), &zone, missed, at(since), at(now))
}

fn fired(plan: &Plan) -> Vec<Timestamp> {
    plan.fire.iter().map(|it| it.slot).collect()
}

#[test]
fn each_policy_accounts_for_a_week_asleep() {
    let (since, now) = ("2026-11-18T12:00:00Z", "2026-11-25T09:00:00Z");
    let latest = at("2026-11-25T08:00:00Z");
    let cases = [
        (Missed::Latest, 1, 6),
        (Missed::All(3), 3, 4),
        (Missed::All(24), 7, 0),
        (Missed::Skip(Duration::from_hours(2)), 1, 6),
        (Missed::Skip(Duration::from_mins(59)), 0, 7),
    ];
    for (missed, fires, passed) in cases {
        let plan = plan("0 9 * * *", missed, since, now);
        assert_eq!(plan.fire.len(), fires, "{missed}");
        assert_eq!(plan.skipped.map_or(0, |it| it.count), passed, "{missed}");
        assert_eq!(plan.accounted_until, latest, "{missed}");
        if let Some(last) = plan.fire.last() {
            assert_eq!((last.slot, last.late_by), (latest, Duration::from_hours(1)));
        }
    }
}

#[test]
fn slots_passed_over_are_counted_as_skipped() {
    let (since, now) = ("2026-11-18T12:00:00Z", "2026-11-25T09:00:00Z");
    for missed in [Missed::Latest, Missed::All(3), Missed::Skip(Duration::ZERO)] {
        let plan = plan("0 9 * * *", missed, since, now);
        let accounted_until = plan.accounted_until;
        let skipped = Some(Skipped { last: at("2026-11-25T08:00:00Z"), count: 7 });
        assert_eq!(plan.passed_over(), Plan { fire: vec![], skipped, accounted_until });
    }
    let nothing = plan("0 9 * * *", Missed::Latest, since, since);
    assert_eq!(nothing.clone().passed_over(), nothing);
}

#[test]
fn nothing_is_owed_between_two_slots() {
    let plan =
        plan("0 9 * * *", Missed::Latest, "2026-11-25T08:00:00Z", "2026-11-26T07:59:59.999Z");
    let since = at("2026-11-25T08:00:00Z");
    assert_eq!(plan, Plan { fire: vec![], skipped: None, accounted_until: since });
}

#[test]
fn a_slot_is_owed_at_its_very_instant() {
    let plan = plan("0 9 * * *", Missed::Latest, "2026-11-24T08:00:00Z", "2026-11-25T08:00:00Z");
    assert_eq!(plan.fire, [Fire { slot: at("2026-11-25T08:00:00Z"), late_by: Duration::ZERO }]);
    assert_eq!(plan.skipped, None);
}

#[test]
fn a_long_sleep_of_a_frequent_task_is_counted_only_so_far() {
    let plan = plan("* * * * *", Missed::Latest, "2025-11-25T00:00:00Z", "2026-11-25T00:00:30Z");
    assert_eq!(fired(&plan), [at("2026-11-25T00:00:00Z")]);
    let last = at("2026-11-24T23:59:00Z");
    assert_eq!(plan.skipped, Some(Skipped { last, count: SKIPPED_COUNT_MAX }));
}

#[test]
fn a_clock_that_steps_back_a_little_owes_nothing_twice() {
    let until = "2026-11-25T09:30:00Z";
    let plan = plan("*/30 * * * *", Missed::All(9), until, "2026-11-25T08:45:00Z");
    assert_eq!(plan, Plan { fire: vec![], skipped: None, accounted_until: at(until) });
}

#[test]
fn a_year_that_was_wrong_for_a_minute_silences_nobody_for_a_year() {
    let now = "2026-11-25T08:45:00Z";
    let wrong = plan("0 9 * * *", Missed::Latest, now, "2027-11-25T08:45:00Z");
    let until = jiff::Timestamp::from_millisecond(wrong.accounted_until.0).unwrap().to_string();
    let right = plan("0 9 * * *", Missed::Latest, &until, now);
    assert_eq!(right, Plan { fire: vec![], skipped: None, accounted_until: at(now) });
    let next = plan("0 9 * * *", Missed::Latest, now, "2026-11-26T08:00:00Z");
    assert_eq!(fired(&next), [at("2026-11-26T08:00:00Z")]);
}

/// What happens to a host in one step.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Time passes and the sweep runs.
    Pass(i64),
    /// The same, but the program ends before it could write anything down.
    CrashBefore(i64),
    /// The clock is set right, by this much.
    Step(i64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        8 => (1..2 * HOUR).prop_map(Event::Pass),
        4 => (1..DAY).prop_map(Event::Pass),
        1 => (DAY..40 * DAY).prop_map(Event::Pass),
        2 => (1..DAY).prop_map(Event::CrashBefore),
        1 => (-HOUR..HOUR).prop_map(Event::Step),
        1 => (0..3 * DAY).prop_map(Event::Step),
    ];
    prop::collection::vec(event, 1..120)
}

fn policies() -> impl Strategy<Value = Missed> {
    prop_oneof![
        Just(Missed::Latest),
        (1_u32..5).prop_map(Missed::All),
        (0_u64..7_200).prop_map(|it| Missed::Skip(Duration::from_secs(it))),
    ]
}

const RULES: [&str; 7] = [
    "0 9 * * *",
    "*/30 * * * *",
    "30 2 * * *",
    "0 8 * * mon",
    "every 7h from 2026-01-01T00:00:00Z",
    "every 3d at 02:30 from 2026-02-01",
    "at 2026-03-29T01:30:00Z",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A year with sleeps, ends and clocks that are set: no slot fires twice, and when all is over
    /// each has fired or was skipped by the policy of its task.
    #[test]
    fn in_a_year_every_slot_is_accounted_for_once(
        events in events(), missed in policies(), rule in 0..RULES.len()
    ) {
        let rule: Rule = RULES[rule].parse().unwrap();
        let zone = Zone::parse("Europe/Berlin").unwrap();
        let begin = at("2026-01-01T00:00:00Z");
        let (mut now, mut until) = (begin, begin);
        let mut fires: BTreeMap<Timestamp, u32> = BTreeMap::new();
        let mut passed = 0;
        for event in events {
            let (Event::Pass(by) | Event::CrashBefore(by) | Event::Step(by)) = event;
            // Steps that add up to more are another matter, see above.
            now = Timestamp((now.0 + by).max(until.0 - HOUR));
            if !matches!(event, Event::Pass(_)) {
                continue;
            }
            let plan = due(&rule, &zone, missed, until, now);
            let owed: Vec<Timestamp> =
                slots(&rule, &zone, Timestamp(until.0 + 1), Timestamp(now.0 + 1)).collect();
            let skipped = plan.skipped.map_or(0, |it| it.count);
            let all = u32::try_from(owed.len()).unwrap();
            prop_assert!(skipped == SKIPPED_COUNT_MAX
                || u32::try_from(plan.fire.len()).unwrap() + skipped == all);
            let latest: Vec<Timestamp> = owed[owed.len() - plan.fire.len()..].to_vec();
            prop_assert_eq!(fired(&plan), latest, "what fires are the latest ones");
            match missed {
                Missed::Latest => prop_assert_eq!(plan.fire.len(), owed.len().min(1)),
                Missed::All(max) => prop_assert_eq!(plan.fire.len(), owed.len().min(max as usize)),
                Missed::Skip(grace) => {
                    prop_assert!(plan.fire.len() <= 1 && plan.fire.iter().all(|it| it.late_by <= grace));
                    let fresh = owed.last().is_some_and(|it| now.since(*it) <= grace);
                    prop_assert_eq!(fresh, plan.fire.len() == 1);
                }
            }
            for it in &plan.fire {
                *fires.entry(it.slot).or_default() += 1;
            }
            passed += owed.len() - plan.fire.len();
            until = plan.accounted_until;
        }
        prop_assert!(fires.values().all(|it| *it == 1), "nothing fires twice");
        let all = slots(&rule, &zone, Timestamp(begin.0 + 1), Timestamp(until.0 + 1)).count();
        prop_assert_eq!(fires.len() + passed, all);
    }
}
