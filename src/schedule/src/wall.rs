//! Between instants and what the clock on the wall shows. Whole seconds on both sides.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use domain::quiet::Hours;
use domain::time::Timestamp;
use jiff::tz::AmbiguousOffset;
use jiff::{SignedDuration, Zoned, civil};

use crate::zone::Zone;

/// The years that anything here is about; far enough within what a date can hold.
const FIRST: i64 = -30_000_000_000; // the year 1019
const LAST: i64 = 60_000_000_000; // the year 3871

/// More than any zone was ever away from UTC, and more than any clock was ever turned
/// (the islands that crossed the date line turned it by 24 hours).
const TURN_MAX: i64 = 26 * 3_600;

/// Where the calendars of `jiff`, which has the zones, and `chrono` meet: both count seconds from here.
const EPOCH: civil::DateTime = civil::date(1970, 1, 1).at(0, 0, 0, 0);

/// An instant in whole seconds since the epoch, kept within the years that are computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Second(pub(crate) i64);

impl Second {
    /// The last one that is not after `at`.
    pub(crate) fn at_or_before(at: Timestamp) -> Self {
        Self(at.0.div_euclid(1_000).clamp(FIRST, LAST))
    }

    /// The first one that is not before `at`.
    pub(crate) fn at_or_after(at: Timestamp) -> Self {
        Self(at.0.saturating_add(999).div_euclid(1_000).clamp(FIRST, LAST))
    }

    pub(crate) fn timestamp(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(1_000))
    }

    pub(crate) fn before(self) -> Self {
        Self(self.0 - 1)
    }
}

/// What the clock shows at an instant, and its offset and name then.
pub(crate) fn zoned(zone: &Zone, at: Second) -> Zoned {
    jiff::Timestamp::from_second(at.0).unwrap_or_default().to_zoned(zone.rules().clone())
}

pub(crate) fn shown(zone: &Zone, at: Second) -> NaiveDateTime {
    on_wall(zoned(zone, at).datetime())
}

/// The first instant at which the clock shows `wall` or later.
pub(crate) fn first(zone: &Zone, wall: NaiveDateTime) -> Second {
    let as_utc = seconds(wall);
    match zone.rules().to_ambiguous_timestamp(to_civil(wall)).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            Second(as_utc - i64::from(offset.seconds()))
        }
        AmbiguousOffset::Gap { .. } => {
            let late = |at: i64| wall < shown(zone, Second(at));
            Second(earliest(as_utc - TURN_MAX, as_utc + TURN_MAX, late))
        }
    }
}

/// The latest time that the clock has shown by an instant. After a clock was turned back this is
/// ahead of what it shows, until it has caught up.
pub(crate) fn reached(zone: &Zone, at: Second) -> NaiveDateTime {
    let shown = shown(zone, at);
    if first(zone, shown) == at {
        return shown;
    }
    let now = seconds(shown);
    let not_yet = |wall: i64| at < first(zone, date_time(wall));
    date_time(earliest(now, now + TURN_MAX, not_yet) - 1)
}

/// The first second in `after..=latest` of which `holds` is true, if it stays so from there on.
pub(crate) fn earliest(after: i64, latest: i64, holds: impl Fn(i64) -> bool) -> i64 {
    let (mut no, mut yes) = (after, latest);
    while no + 1 < yes {
        let middle = no + (yes - no) / 2;
        if holds(middle) { yes = middle } else { no = middle }
    }
    yes
}

/// A time on the wall as if it were in UTC.
fn seconds(wall: NaiveDateTime) -> i64 {
    wall.and_utc().timestamp()
}

fn date_time(seconds: i64) -> NaiveDateTime {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default().naive_utc()
}

/// The same time in the calendar of `chrono`, without fractions of a second.
pub(crate) fn on_wall(civil: civil::DateTime) -> NaiveDateTime {
    date_time(civil.duration_since(EPOCH).as_secs())
}

/// The same time in the calendar of `jiff`, within its years.
fn to_civil(wall: NaiveDateTime) -> civil::DateTime {
    EPOCH.saturating_add(SignedDuration::from_secs(seconds(wall)))
}

pub(crate) fn tick(wall: NaiveDateTime) -> NaiveDateTime {
    wall.checked_add_signed(TimeDelta::seconds(1)).unwrap_or(wall)
}

/// When the span of the day ends in which `now` lies; `None` outside of it. It begins when the clock first shows its begin
/// or a later time, and ends likewise, as slots do.
pub fn within_until(hours: Hours, zone: &Zone, now: Timestamp) -> Option<Timestamp> {
    let second = Second::at_or_before(now);
    let today = shown(zone, second).date();
    // A clock that was turned far may show another day than that on which the span began.
    let days = [today.pred_opt(), Some(today), today.succ_opt()];
    let spans = days.into_iter().flatten().map(|day| {
        let next = day.succ_opt().filter(|_| hours.is_overnight());
        let last = next.unwrap_or(day);
        (minute(zone, day, hours.from_minute), minute(zone, last, hours.to_minute))
    });
    let inside = spans.filter(|(from, to)| *from <= second && second < *to);
    inside.map(|it| it.1.timestamp()).max()
}

fn minute(zone: &Zone, day: NaiveDate, minute: u16) -> Second {
    let time = NaiveTime::from_num_seconds_from_midnight_opt(u32::from(minute) * 60, 0);
    first(zone, day.and_time(time.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Second {
        Second(text.parse::<DateTime<chrono::Utc>>().unwrap().timestamp())
    }

    fn wall(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_is_due_when_the_clock_first_shows_it_or_a_later_one() {
        let cases = [
            // Zone, what the clock shall show, when it does.
            ("Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T00:59:59Z"),
            ("Europe/Berlin", "2026-03-29T02:00:00", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", "2026-03-29T03:00:00", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
            ("Europe/Berlin", "2026-10-25T03:00:00", "2026-10-25T02:00:00Z"),
            ("Australia/Lord_Howe", "2026-10-04T02:10:00", "2026-10-03T15:30:00Z"),
            // Samoa had no 30 December 2011.
            ("Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T10:00:00Z"),
            // And Kwajalein no 21 August 1993.
            ("Pacific/Kwajalein", "1993-08-21T12:00:00", "1993-08-21T12:00:00Z"),
        ];
        for (zone, text, at) in cases {
            let zone = Zone::parse(zone).unwrap();
            assert_eq!(first(&zone, wall(text)), instant(at), "{text} {zone}");
        }
    }

    #[test]
    fn what_was_reached_stays_reached_when_the_clock_is_turned_back() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let cases = [
            ("2026-10-25T00:30:00Z", "2026-10-25T02:30:00"),
            ("2026-10-25T00:59:59Z", "2026-10-25T02:59:59"),
            ("2026-10-25T01:00:00Z", "2026-10-25T02:59:59"),
            ("2026-10-25T01:59:59Z", "2026-10-25T02:59:59"),
            ("2026-10-25T02:00:00Z", "2026-10-25T03:00:00"),
            ("2026-03-29T01:00:00Z", "2026-03-29T03:00:00"),
        ];
        for (at, text) in cases {
            assert_eq!(reached(&berlin, instant(at)), wall(text), "{at}");
        }
    }

    mod hours {
        use super::*;

        fn instant(text: &str) -> Timestamp {
            Timestamp(text.parse::<DateTime<chrono::Utc>>().unwrap().timestamp_millis())
        }

        #[track_caller]
        fn check(hours: &str, zone: &str, now: &str, until: Option<&str>) {
            let zone = Zone::parse(zone).unwrap();
            let found = within_until(Hours::parse(hours).unwrap(), &zone, instant(now));
            assert_eq!(found, until.map(instant), "{hours} {zone} {now}");
        }

        #[test]
        fn a_night_ends_in_the_morning() {
            let berlin = "Europe/Berlin";
            check("22:00-7:00", berlin, "2026-11-25T20:59:59Z", None);
            check("22:00-7:00", berlin, "2026-11-25T21:00:00Z", Some("2026-11-26T06:00:00Z"));
            check("22:00-7:00", berlin, "2026-11-26T05:59:59.999Z", Some("2026-11-26T06:00:00Z"));
            check("22:00-7:00", berlin, "2026-11-26T06:00:00Z", None);
            check(
                "12:00-14:00",
                "Asia/Tokyo",
                "2026-11-25T03:30:00Z",
                Some("2026-11-25T05:00:00Z"),
            );
            check("12:00-14:00", "Asia/Tokyo", "2026-11-25T05:00:00Z", None);
            check("8:00-24:00", "UTC", "2026-11-25T23:59:00Z", Some("2026-11-26T00:00:00Z"));
        }

        #[test]
        fn a_turned_clock_moves_the_ends_as_it_moves_slots() {
            let berlin = "Europe/Berlin";
            // The night in which it is one hour shorter, and the one in which it is longer.
            check("22-7", berlin, "2026-03-28T23:00:00Z", Some("2026-03-29T05:00:00Z"));
            check("22-7", berlin, "2026-10-24T23:00:00Z", Some("2026-10-25T06:00:00Z"));
            // There is no 2:30: it ends when the clock jumps over it.
            check("22-2:30", berlin, "2026-03-29T00:59:59Z", Some("2026-03-29T01:00:00Z"));
            check("22-2:30", berlin, "2026-03-29T01:00:00Z", None);
            // There are two: it ends at the first, and does not begin again.
            check("22-2:30", berlin, "2026-10-25T00:29:59Z", Some("2026-10-25T00:30:00Z"));
            check("22-2:30", berlin, "2026-10-25T01:00:00Z", None);
            // Samoa had no 30 December 2011: a span on it has no length.
            check("12-14", "Pacific/Apia", "2011-12-30T10:00:00Z", None);
            check("22-7", "Pacific/Apia", "2011-12-30T10:00:00Z", Some("2011-12-30T17:00:00Z"));
        }
    }
}
