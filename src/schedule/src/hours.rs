//! Spans of the day on the clock of a zone. A span begins when the clock first shows its begin or a
//! later time, and ends likewise, as slots do.

use chrono::{NaiveDate, NaiveTime};
use domain::quiet::Hours;
use domain::time::Timestamp;

use crate::wall::{Second, first, shown};
use crate::zone::Zone;

/// When the span ends in which `now` lies; `None` outside of it.
pub fn within_until(hours: Hours, zone: &Zone, now: Timestamp) -> Option<Timestamp> {
    let second = Second::at_or_before(now);
    let today = shown(zone, second).date();
    // A clock that was turned far may show another day than that on which the span began.
    let days = [today.pred_opt(), Some(today), today.succ_opt()];
    let spans = days.into_iter().flatten().map(|day| {
        let next = day.succ_opt().filter(|_| hours.is_overnight());
        let last = next.unwrap_or(day);
        (at(zone, day, hours.from_minute), at(zone, last, hours.to_minute))
    });
    let inside = spans.filter(|(from, to)| *from <= second && second < *to);
    inside.map(|it| it.1.timestamp()).max()
}

fn at(zone: &Zone, day: NaiveDate, minute: u16) -> Second {
    let time = NaiveTime::from_num_seconds_from_midnight_opt(u32::from(minute) * 60, 0);
    first(zone, day.and_time(time.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Timestamp {
        Timestamp(text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_millis())
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
        check("12:00-14:00", "Asia/Tokyo", "2026-11-25T03:30:00Z", Some("2026-11-25T05:00:00Z"));
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
