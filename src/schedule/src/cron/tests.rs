//! What expressions mean, by their canonical text and by the days that they pick.

use domain::time::Timestamp;

use super::*;
use crate::wall::tick;
use crate::{Rule, Zone, latest_at_or_before};

fn midnight(year: i32) -> NaiveDateTime {
    NaiveDate::from_yo_opt(year, 1).unwrap().into()
}

fn canonical(text: &str) -> String {
    text.parse::<Cron>().map_or_else(|err| err.to_string(), |it| it.to_string())
}

/// The next times on the wall after 2026-01-01 00:00, five at most.
fn next(text: &str) -> Vec<String> {
    let cron: Cron = text.parse().unwrap();
    let first = |begin| cron.first(begin, midnight(2400));
    let found = std::iter::successors(first(midnight(2026)), |it| first(tick(*it))).take(5);
    found.map(|it| it.format("%Y-%m-%d %H:%M").to_string()).collect()
}

#[test]
fn expressions_have_one_canonical_form() {
    let cases = [
        ("0 9 * * mon-fri", "0 9 * * 1-5"),
        ("0 0 9 * * MON-FRI", "0 9 * * 1-5"),
        ("*/15 * * * *", "*/15 * * * *"),
        ("0,15,30,45 * * * *", "*/15 * * * *"),
        ("0,30 * * * *", "0,30 * * * *"),
        ("5/15 * * * *", "5,20,35,50 * * * *"),
        ("10 0-23 1-31 jan-dec ?", "10 * 1-31 * *"),
        ("0 22-2 * * *", "0 0-2,22-23 * * *"),
        ("0 0 * * fri-mon", "0 0 * * 0-1,5-6"),
        ("0 0 * * 7", "0 0 * * 0"),
        ("0 0 * * 5-7", "0 0 * * 0,5-6"),
        ("0 0 * * sun", "0 0 * * 0"),
        ("0 0 l * *", "0 0 L * *"),
        ("0 0 1,L * *", "0 0 1,L * *"),
        ("0 0 * * fri#2,fril", "0 0 * * 5#2,5L"),
        ("30 0 9 * * *", "30 0 9 * * *"),
        ("@Daily", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@yearly", "0 0 1 1 *"),
        ("0 0 1 */3 *", "0 0 1 */3 *"),
    ];
    for (text, form) in cases {
        assert_eq!(canonical(text), form, "{text}");
        assert_eq!(canonical(form), form);
    }
}

#[test]
fn what_is_no_expression_is_refused_with_the_field() {
    let cases = [
        ("", "this one has 0"),
        ("* * * *", "this one has 4"),
        ("* * * * * * *", "this one has 7"),
        ("60 * * * *", "`60` is not understood as the minute"),
        ("* 24 * * *", "as the hour"),
        ("* * 0 * *", "as the day of the month"),
        ("* * 32 * *", "as the day of the month"),
        ("* * * 13 *", "as the month"),
        ("* * * foo *", "as the month"),
        ("* * * * 8", "as the day of the week"),
        ("* * * * fri#6", "as the day of the week"),
        ("* * * * fri#0", "as the day of the week"),
        ("* * * * L", "as the day of the week"),
        ("*/0 * * * *", "`*/0` is not understood"),
        ("+5 * * * *", "`+5` is not understood"),
        ("1,,2 * * * *", "`` is not understood"),
        ("1- * * * *", "`1-` is not understood"),
        ("50-10/5 * * * *", "`50-10/5` is not understood"),
        ("é * * * *", "`é` is not understood"),
        ("@reboot", "there is no `@reboot`"),
    ];
    for (text, why) in cases {
        let said = canonical(text);
        assert!(said.contains(why), "{text}: {said}");
    }
}

#[test]
fn days_are_picked_as_documented() {
    let cases: [(&str, &[&str]); 7] = [
        // Either day field.
        ("0 0 13 * fri", &["2026-01-02", "2026-01-09", "2026-01-13", "2026-01-16", "2026-01-23"]),
        // A field that allows every day in so many words is a restriction.
        ("0 0 1-31 * fri", &["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"]),
        ("0 0 L * *", &["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        ("0 0 * * fri#2", &["2026-01-09", "2026-02-13", "2026-03-13", "2026-04-10", "2026-05-08"]),
        ("0 0 * * friL", &["2026-01-30", "2026-02-27", "2026-03-27", "2026-04-24", "2026-05-29"]),
        ("0 0 * * mon#5", &["2026-03-30", "2026-06-29", "2026-08-31", "2026-11-30", "2027-03-29"]),
        ("0 0 29 2 *", &["2028-02-29", "2032-02-29", "2036-02-29", "2040-02-29", "2044-02-29"]),
    ];
    for (text, days) in cases {
        let days: Vec<String> = days.iter().map(|it| format!("{it} 00:00")).collect();
        assert_eq!(next(text), days, "{text}");
    }
    // Monday, 29 February: 28 years apart, and 40 over the turn of the century.
    assert_eq!(next("0 0 * 2 mon#5")[..2], ["2044-02-29 00:00", "2072-02-29 00:00"]);
    assert_eq!(next("0 0 * 2 mon#5")[2], "2112-02-29 00:00");
}

#[test]
fn the_latest_slot_is_found_however_far_it_lies_back() {
    let at = |text: &str| Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
    for (text, to, expected) in [
        ("0 9 29 2 *", "2103-01-01T00:00:00Z", "2096-02-29T09:00:00Z"),
        ("0 9 29 2 *", "2096-02-29T09:00:00Z", "2096-02-29T09:00:00Z"),
        ("0 9 29 2 *", "2096-02-29T08:59:59Z", "2092-02-29T09:00:00Z"),
        ("*/5 * * * *", "2026-11-25T11:04:59Z", "2026-11-25T11:00:00Z"),
        ("0 0 * 2 mon#5", "2111-01-01T00:00:00Z", "2072-02-29T00:00:00Z"),
    ] {
        let rule = Rule::Cron(text.parse().unwrap());
        let latest = latest_at_or_before(&rule, &Zone::utc(), Timestamp(0), at(to));
        assert_eq!(latest, Some(at(expected)), "{text} until {to}");
    }
}

#[test]
fn a_day_that_never_comes_ends_the_search() {
    for text in ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *"] {
        assert_eq!(next(text), Vec::<String>::new());
        let (cron, begin): (Cron, _) = (text.parse().unwrap(), midnight(1970));
        assert_eq!(cron.first(begin, NaiveDateTime::MAX), None);
        let (rule, ages) = (Rule::Cron(cron), Timestamp(i64::MIN));
        assert_eq!(latest_at_or_before(&rule, &Zone::utc(), ages, Timestamp(0)), None);
    }
}
