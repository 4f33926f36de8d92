//! Phrases and what they mean on Wednesday, 25 November 2026, at 12:00 in Berlin.

use super::*;

fn berlin() -> Zone {
    Zone::parse("Europe/Berlin").unwrap()
}

fn now() -> Timestamp {
    Timestamp("2026-11-25T11:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn means(phrase: &str) -> String {
    let rule = understand(phrase, &berlin(), now());
    rule.map_or_else(|err| format!("{err:?}"), |it| it.to_string())
}

#[track_caller]
fn mean(cases: &[(&str, &str)]) {
    for (phrase, rule) in cases {
        assert_eq!(means(phrase), *rule, "{phrase}");
    }
}

#[test]
fn phrases_become_rules() {
    mean(&[
        ("every weekday at 9", "0 9 * * 1-5"),
        ("Every weekday at 9.", "0 9 * * 1-5"),
        ("every weekday 9:00", "0 9 * * 1-5"),
        ("every day 9:00 and 17:00", "0 9,17 * * *"),
        ("on weekdays at 9:30", "30 9 * * 1-5"),
        ("every day at 18:30", "30 18 * * *"),
        ("at 18:30 every day", "30 18 * * *"),
        ("daily at noon", "0 12 * * *"),
        ("every day at 9 and 17", "0 9,17 * * *"),
        ("every monday and thursday at 7pm", "0 19 * * 1,4"),
        ("mondays, thursdays at 7 pm", "0 19 * * 1,4"),
        ("every tue at 12am", "0 0 * * 2"),
        ("every weekend at 12pm", "0 12 * * 0,6"),
        ("every 2 hours", "every 2h from 2026-11-25T11:00:00Z"),
        ("every hour", "every 1h from 2026-11-25T11:00:00Z"),
        ("every 20m", "every 20m from 2026-11-25T11:00:00Z"),
        ("every 90 minutes", "every 90m from 2026-11-25T11:00:00Z"),
        ("every week", "every 7d from 2026-11-25T11:00:00Z"),
        ("on the 1st of every month at 10", "0 10 1 * *"),
        ("every month on the 15th at 10:05", "5 10 15 * *"),
        ("on the last day of every month at 23:00", "0 23 L * *"),
        ("in 20 minutes", "at 2026-11-25T11:20:00Z"),
        ("in an hour and 30 minutes", "at 2026-11-25T12:30:00Z"),
        ("in half an hour", "at 2026-11-25T11:30:00Z"),
        ("in 90s", "at 2026-11-25T11:01:30Z"),
        ("in 3 days at 9", "at 2026-11-28T08:00:00Z"),
        ("in 2 weeks at 10", "at 2026-12-09T09:00:00Z"),
        ("tomorrow at 8", "at 2026-11-26T07:00:00Z"),
        ("tomorrow 9:00", "at 2026-11-26T08:00:00Z"),
        ("the day after tomorrow at 9", "at 2026-11-27T08:00:00Z"),
        ("at 8 tomorrow", "at 2026-11-26T07:00:00Z"),
        ("today at 8", "at 2026-11-25T07:00:00Z"),
        ("at 17:45", "at 2026-11-25T16:45:00Z"),
        ("at 11:45", "at 2026-11-26T10:45:00Z"),
        ("at 12", "at 2026-11-26T11:00:00Z"),
        ("on monday at 9", "at 2026-11-30T08:00:00Z"),
        ("monday 14:30", "at 2026-11-30T13:30:00Z"),
        ("on wednesday at 13:00", "at 2026-11-25T12:00:00Z"),
        ("on 24 december at 9:00", "at 2026-12-24T08:00:00Z"),
        ("at 9:00 on december 24th", "at 2026-12-24T08:00:00Z"),
        ("on 1 may at 9", "at 2027-05-01T07:00:00Z"),
        ("on 24 december 2027 at 9:00", "at 2027-12-24T08:00:00Z"),
        ("on 29 february at 9", "at 2028-02-29T08:00:00Z"),
        ("2026-12-24 09:00", "at 2026-12-24T08:00:00Z"),
        // The gap: the first valid instant after it.
        ("on 28 march 2027 at 2:30", "at 2027-03-28T01:00:00Z"),
        ("0 9 * * mon-fri", "0 9 * * 1-5"),
        ("@daily", "0 0 * * *"),
        ("at 2026-11-25T16:45:00Z", "at 2026-11-25T16:45:00Z"),
    ]);
}

#[test]
fn instants_are_written_in_many_ways() {
    mean(&[
        ("2026-12-24T09:00", "at 2026-12-24T08:00:00Z"),
        ("2026-12-24T09:00:00", "at 2026-12-24T08:00:00Z"),
        ("at 2026-12-24T09:00:00+03:00", "at 2026-12-24T06:00:00Z"),
        ("on 2026-12-24 09:00:00Z", "at 2026-12-24T09:00:00Z"),
        ("2026-12-24T09:00[America/New_York]", "at 2026-12-24T14:00:00Z"),
        ("tonight at 8", "at 2026-11-25T19:00:00Z"),
        ("at 8 tonight", "at 2026-11-25T19:00:00Z"),
        ("this evening at 7:30", "at 2026-11-25T18:30:00Z"),
        ("at 7 in the evening", "at 2026-11-25T18:00:00Z"),
        ("tomorrow at night at 10", "at 2026-11-26T21:00:00Z"),
        ("tomorrow at 9 in evening", "at 2026-11-26T20:00:00Z"),
        ("tomorrow morning at 7", "at 2026-11-26T06:00:00Z"),
        ("on friday afternoon at 3", "at 2026-11-27T14:00:00Z"),
    ]);
}

#[test]
fn what_comes_again_is_said_in_many_ways() {
    mean(&[
        ("every morning at 7", "0 7 * * *"),
        ("every evening at 7 and 10", "0 19,22 * * *"),
        ("every day at 10 at night", "0 22 * * *"),
        ("every day at 9  am", "0 9 * * *"),
        ("every weekday in the morning at 7", "0 7 * * 1-5"),
        ("every week on monday at 9", "every 7d at 09:00 from 2026-11-30"),
        ("weekly on friday at 9", "every 7d at 09:00 from 2026-11-27"),
        ("weekly", "every 7d from 2026-11-25T11:00:00Z"),
        ("hourly", "every 1h from 2026-11-25T11:00:00Z"),
        ("every half an hour", "every 30m from 2026-11-25T11:00:00Z"),
        ("every other hour", "every 2h from 2026-11-25T11:00:00Z"),
        ("every second", "every 1s from 2026-11-25T11:00:00Z"),
        ("every 3 days", "every 3d from 2026-11-25T11:00:00Z"),
        ("every other day at 9", "every 2d at 09:00 from 2026-11-26"),
        ("every 2 days at 13:00", "every 2d at 13:00 from 2026-11-25"),
        ("every 2 weeks on friday at 10", "every 14d at 10:00 from 2026-11-27"),
        ("every other friday at 10", "every 14d at 10:00 from 2026-11-27"),
        ("every other week on wednesday at 13:00", "every 14d at 13:00 from 2026-11-25"),
    ]);
}

#[test]
fn what_is_missing_is_said() {
    let cases = [
        ("every day", "NoTime"),
        ("tomorrow", "NoTime"),
        ("the day after tomorrow", "NoTime"),
        ("hourly at 9", "PeriodWithTime"),
        ("every monday", "NoTime"),
        ("every 2 hours at 9", "PeriodWithTime"),
        ("every other friday", "NoTime"),
        ("every 2 days at 9 and 17", "SeveralTimes"),
        ("tomorrow morning", "NoTime"),
        ("2026-12-24", "NoTime"),
        ("every day at 9:00 and 17:30", "DifferentMinutes"),
        ("tomorrow at 9 and 10", "SeveralTimes"),
        ("on 30 february at 9", "NoSuchDay"),
        ("on 29 february 2027 at 9", "NoSuchDay"),
    ];
    for (phrase, why) in cases {
        assert_eq!(means(phrase), why, "{phrase}");
    }
    assert!(means("0 25 * * *").starts_with("Cron("));
    assert!(means("* * *").starts_with("Cron("));
}

#[test]
fn what_is_no_phrase_is_answered_with_examples() {
    for odd in [
        "",
        "whenever",
        "every",
        "in",
        "in 0 minutes",
        "at 25",
        "at 13pm",
        "at 0am",
        "at",
        "every blue moon",
        "every day every day at 9",
        "at 9 at 10",
        "in 99999 days",
        "in 1 hour at 9",
        "tonight at 2",
        "tonight at 12",
        "tomorrow tonight at 9",
        "at 7am in the evening",
        "tomorrow morning at 14",
        "every other",
        "every other weekday at 9",
        "in two weeks at 10",
        "next wednesday at 9",
        "tomorrow at 19h",
        "24.12. at 9",
        "every year on 24 december at 9",
        "on the last friday of every month at 17:00",
        "every 10001 days at 9",
        "24.13. at 9 at 10",
        "12/24 at 9",
        "morning",
        "2026-12-24T25:00",
        "on the 32nd of may at 9",
        "every 5 minutes please now",
        "last month",
        "é",
        "9",
        "9:00",
        "9:00 tomorrow",
        "tomorrow 9:00 at 10",
        "in 1:30 hours",
        "at :",
        "in 99999999999999999999 minutes",
    ] {
        assert!(means(odd).starts_with("Phrase("), "{odd}: {}", means(odd));
    }
    let text = understand("whenever", &berlin(), now()).unwrap_err().to_string();
    assert!(text.contains("`whenever`") && text.contains("`every weekday at 9`"), "{text}");
}

#[test]
fn rules_in_words_are_understood_again() {
    let cases = [
        ("0 9 * * 1-5", "every weekday at 09:00"),
        ("30 18 * * *", "every day at 18:30"),
        ("0 9,17 * * *", "every day at 09:00 and 17:00"),
        ("0 19 * * 0,1,4", "every Monday, Thursday and Sunday at 19:00"),
        ("0 10 1 * *", "on day 1 of every month at 10:00"),
        ("0 23 L * *", "on the last day of every month at 23:00"),
        ("every 20m from 2026-11-25T11:00:00Z", "every 20m"),
        ("every 1h from 2026-11-25T11:00:00Z", "every 1h"),
        ("every 7d from 2026-11-25T11:00:00Z", "every 7d"),
        ("every 2d at 09:00 from 2026-11-26", "every 2 days at 09:00"),
        ("every 14d at 10:00 from 2026-11-27", "every 2 weeks on Friday at 10:00"),
        ("every 90s from 2026-11-25T11:00:00Z", "every 90s"),
    ];
    for (rule, words) in cases {
        let rule: Rule = rule.parse().unwrap();
        assert_eq!(rule.words(&berlin()), words);
        assert_eq!(understand(words, &berlin(), now()), Ok(rule), "{words}");
    }
}

#[test]
fn other_rules_have_words_too() {
    let cases = [
        ("0 * * * *", "at the times of `0 * * * *`"),
        ("0 8 * * 5#2", "at the times of `0 8 * * 5#2`"),
        ("0 9 24 12 *", "at the times of `0 9 24 12 *`"),
        ("*/15 * * * *", "at the times of `*/15 * * * *`"),
        ("0 0 13 * 5", "at the times of `0 0 13 * 5`"),
        ("at 2026-11-25T08:00:00Z", "once, on Wed 25 Nov 2026 09:00 CET"),
    ];
    for (rule, words) in cases {
        assert_eq!(rule.parse::<Rule>().unwrap().words(&berlin()), words);
    }
}

fn moved(rule: &str, text: &str) -> Option<String> {
    let moved = rule.parse::<Rule>().unwrap().at_times(text, &berlin())?;
    Some(moved.map_or_else(|err| format!("{err:?}"), |it| it.to_string()))
}

#[test]
fn the_days_stay() {
    for (rule, text, then) in [
        ("0 9 * * 1-5", "9:30", "30 9 * * 1-5"),
        ("0 9 * * 1", "at 7pm", "0 19 * * 1"),
        ("*/20 0 9 L * *", "At 8 and 17", "0 8,17 L * *"),
        ("0 9 1,L */3 5#2,5L", "8", "0 8 1,L */3 5#2,5L"),
        ("at 2026-11-25T08:00:00Z", "noon", "at 2026-11-25T11:00:00Z"),
        ("every 20m from 2026-11-25T08:00:00Z", "9:30", "PeriodWithTime"),
        ("every 3d from 2026-11-25T08:00:00Z", "9:30", "every 3d at 09:30 from 2026-11-25"),
        ("every 3d from 2026-11-25T08:00:00Z", "9 and 10", "SeveralTimes"),
        ("at 2026-11-25T08:00:00Z", "9 and 10", "SeveralTimes"),
        ("0 9 * * 1", "9:30 and 10", "DifferentMinutes"),
        (
            "every 14d at 10:00 from 2026-11-27",
            "7 in the evening",
            "every 14d at 19:00 from 2026-11-27",
        ),
        ("every 14d at 10:00 from 2026-11-27", "9 and 17", "SeveralTimes"),
    ] {
        assert_eq!(moved(rule, text).as_deref(), Some(then), "{rule} {text}");
    }
}

#[test]
fn what_names_days_too_is_a_rule_of_its_own() {
    for text in ["every monday at 8", "tomorrow at 8", "0 9 * * 1", "", "at", "in 20 minutes"] {
        assert_eq!(moved("0 9 * * 1-5", text), None, "{text}");
    }
}
