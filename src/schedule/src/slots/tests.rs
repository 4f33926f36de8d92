//! Slots around changes of the clock, and laws that hold for every rule.

use chrono::{Days, NaiveDate, NaiveTime};
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn text(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).unwrap().to_string()
}

fn within(rule: &str, zone: &str, from: &str, to: &str) -> Vec<String> {
    let (rule, zone) = (rule.parse().unwrap(), Zone::parse(zone).unwrap());
    slots(&rule, &zone, at(from), at(to)).map(text).collect()
}

#[test]
fn a_time_in_the_gap_is_due_at_the_change() {
    let days =
        within("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z");
    assert_eq!(days, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
}

#[test]
fn times_that_fall_together_are_one_slot() {
    let night =
        within("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T02:00:00Z");
    assert_eq!(night, ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]);
}

#[test]
fn a_time_that_comes_twice_is_due_once() {
    let night =
        within("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T02:30:00Z");
    assert_eq!(night, ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z"]);
    // Beginning in the repeated hour does not make it come again.
    let second =
        within("*/30 * * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-25T02:30:00Z");
    assert_eq!(second, ["2026-10-25T02:00:00Z"]);
}

#[test]
fn a_day_that_was_left_out_is_due_when_the_next_one_begins() {
    let days = within("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", "2011-12-31T12:00:00Z");
    assert_eq!(days, ["2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"]);
}

#[test]
fn a_period_counts_elapsed_time() {
    let rule = "every 1d from 2026-03-28T11:00:00Z";
    let days = within(rule, "Europe/Berlin", "2026-03-01T00:00:00Z", "2026-03-31T00:00:00Z");
    assert_eq!(days, ["2026-03-29T11:00:00Z", "2026-03-30T11:00:00Z"]);
}

#[test]
fn every_other_day_keeps_its_time_when_clocks_are_changed() {
    let rule = "every 2d at 02:30 from 2026-03-27";
    let days = within(rule, "Europe/Berlin", "2026-03-01T00:00:00Z", "2026-04-03T00:00:00Z");
    assert_eq!(
        days,
        [
            "2026-03-27T01:30:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-31T00:30:00Z",
            "2026-04-02T00:30:00Z"
        ]
    );
}

#[test]
fn the_interval_is_half_open() {
    for rule in [
        "at 2026-11-25T08:00:00Z",
        "0 8 * * *",
        "every 1h from 2026-11-25T07:00:00Z",
        "every 3d at 08:00 from 2026-11-22",
    ] {
        let count = |from, to| within(rule, "UTC", from, to).len();
        assert_eq!(count("2026-11-25T08:00:00Z", "2026-11-25T08:00:00.001Z"), 1, "{rule}");
        assert_eq!(count("2026-11-25T07:30:00Z", "2026-11-25T08:00:00Z"), 0, "{rule}");
        assert_eq!(count("2026-11-25T08:00:00.001Z", "2026-11-25T08:30:00Z"), 0, "{rule}");
        assert_eq!(count("2026-11-25T09:00:00Z", "2026-11-25T08:00:00Z"), 0, "{rule}");
    }
}

#[test]
fn the_ends_of_time_are_no_trouble() {
    for rule in [
        "at 2026-11-25T08:00:00Z",
        "* * * * * *",
        "every 1s from 2026-11-25T07:00:00Z",
        "every 3d at 08:00 from 2026-11-22",
        "every 10000d at 23:59 from 9999-12-31",
    ] {
        let (rule, zone) = (rule.parse().unwrap(), Zone::parse("Europe/Berlin").unwrap());
        for odd in [i64::MIN, i64::MAX] {
            let _ = next_after(&rule, &zone, Timestamp(odd));
            let _ = latest_at_or_before(&rule, &zone, Timestamp(i64::MIN), Timestamp(odd));
        }
    }
}

/// The zones with the oddest changes, and some years that have them.
const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Antarctica/Troll",
    "America/St_Johns",
    "Asia/Tehran",
    "UTC",
];
const BEGIN: i64 = 1_300_000_000;
const END: i64 = 1_900_000_000;

fn field(min: u8, max: u8) -> impl Strategy<Value = String> {
    prop_oneof![
        Just("*".to_owned()),
        (min..=max).prop_map(|it| it.to_string()),
        (2_u8..20).prop_map(|it| format!("*/{it}")),
        (min..=max, min..=max).prop_map(|(a, b)| format!("{a}-{b}")),
        (min..=max, min..=max, min..=max).prop_map(|(a, b, c)| format!("{a},{b},{c}")),
    ]
}

fn rules() -> impl Strategy<Value = Rule> {
    let days = prop_oneof![field(1, 31), Just("L".to_owned()), Just("1,L".to_owned())];
    let weekdays = prop_oneof![field(0, 7), Just("5L".to_owned()), Just("1#2,3#4".to_owned())];
    let cron = (field(0, 59), field(0, 23), days, field(1, 12), weekdays)
        .prop_map(|it| format!("{} {} {} {} {}", it.0, it.1, it.2, it.3, it.4));
    let with_seconds = (field(0, 59), field(0, 59), field(0, 23))
        .prop_map(|it| format!("{} {} {} * * *", it.0, it.1, it.2));
    prop_oneof![
        4 => cron.prop_map(|it| it.parse().unwrap()),
        1 => with_seconds.prop_map(|it| it.parse().unwrap()),
        1 => (1_u64..1_000_000, BEGIN..END).prop_map(|(period, from)| {
            Rule::every(std::time::Duration::from_secs(period), Timestamp(from * 1_000))
        }),
        1 => (1_u32..400, 0_u64..7_000, 0_u32..24, 0_u32..60).prop_map(|(days, from, hour, minute)| {
            let from = NaiveDate::from_ymd_opt(2011, 3, 1).unwrap() + Days::new(from);
            let time = NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
            Rule::Days(crate::EveryDays::new(days, from, time))
        }),
        1 => (BEGIN..END).prop_map(|it| Rule::once(Timestamp(it * 1_000))),
    ]
}

fn zones() -> impl Strategy<Value = Zone> {
    (0..ZONES.len()).prop_map(|it| Zone::parse(ZONES[it]).unwrap())
}

fn instants() -> impl Strategy<Value = Timestamp> {
    (BEGIN * 1_000..END * 1_000).prop_map(Timestamp)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_rule_reads_back(rule in rules()) {
        prop_assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule));
    }

    #[test]
    fn slots_increase_and_stay_within(rule in rules(), zone in zones(), from in instants()) {
        let to = Timestamp(from.0 + 400 * 86_400_000);
        let found: Vec<Timestamp> = slots(&rule, &zone, from, to).take(200).collect();
        prop_assert!(found.windows(2).all(|it| it[0] < it[1]));
        prop_assert!(found.iter().all(|it| from <= *it && *it < to && it.0 % 1_000 == 0));
    }

    #[test]
    fn pieces_give_what_the_whole_gives(
        rule in rules(), zone in zones(), from in instants(), cuts in prop::collection::vec(0_i64..20_000_000, 0..6)
    ) {
        let to = Timestamp(from.0 + 20_000_000);
        let mut cuts: Vec<i64> = cuts.into_iter().map(|it| from.0 + it).chain([from.0, to.0]).collect();
        cuts.sort_unstable();
        let pieces: Vec<Timestamp> = cuts
            .windows(2)
            .flat_map(|it| slots(&rule, &zone, Timestamp(it[0]), Timestamp(it[1])).collect::<Vec<_>>())
            .collect();
        prop_assert_eq!(pieces, slots(&rule, &zone, from, to).collect::<Vec<_>>());
    }

    #[test]
    fn next_and_latest_agree_with_the_slots(
        rule in rules(), zone in zones(), from in instants(), length in 1_i64..40_000_000
    ) {
        let to = Timestamp(from.0 + length);
        let after = Timestamp(from.0 + 1);
        let found: Vec<Timestamp> = slots(&rule, &zone, after, Timestamp(to.0 + 1)).collect();
        let next = next_after(&rule, &zone, from).filter(|it| *it <= to);
        prop_assert_eq!(next, found.first().copied());
        prop_assert_eq!(latest_at_or_before(&rule, &zone, from, to), found.last().copied());
    }
}
