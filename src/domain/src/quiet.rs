//! Quiet hours: when somebody wants to be left alone, which parts are held back then, and how they
//! are said together afterwards. When a span of hours begins and ends on the clock of a zone is the
//! matter of the crate `schedule`.
//!
//! Only unsolicited messages are held, and only in the private chat of a user in quiet hours: what
//! answers a message that a person wrote in that chat leaves at any hour, and so does what went wrong.

use std::fmt;

use crate::BadText;
use crate::message::Address;
use crate::outgoing::TextLimit;
use crate::plain::{cut, one_line};
use crate::texts::notices::HELD;

pub const BETWEEN: &str = "\n\n";

const DAY_MINUTES: u16 = 24 * 60;

/// A span of the day, from a time up to and without another one; it may go over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hours {
    /// When it begins, in minutes after midnight; below 1440.
    pub from_minute: u16,
    /// When it ends, likewise. Not after the begin: on the next day.
    pub to_minute: u16,
}

impl Hours {
    /// Reads `22:00-7:00`, `22-7` and `8:30 – 24:00`; no span begins and ends at the same time.
    pub fn parse(text: &str) -> Result<Self, BadText> {
        let wrong = || {
            let text = cut(&one_line(text), 40);
            BadText(format!("`{text}` is no span of the day; write it like `22:00-7:00`"))
        };
        let (from, to) = text.split_once(['-', '–']).ok_or_else(wrong)?;
        let from_minute = minute(from).ok_or_else(wrong)? % DAY_MINUTES;
        let to_minute = minute(to).ok_or_else(wrong)? % DAY_MINUTES;
        if from_minute == to_minute { Err(wrong()) } else { Ok(Self { from_minute, to_minute }) }
    }

    pub fn is_overnight(self) -> bool {
        self.to_minute <= self.from_minute
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        write!(f, "{}-{}", time(self.from_minute), time(self.to_minute))
    }
}

crate::as_text!(Hours);

/// `7`, `7:00`, `07:30`; up to `24:00`.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':').unwrap_or((text.trim(), "00"));
    let number = |it: &str| it.parse::<u16>().ok().filter(|_| it.len() <= 2 && !it.contains('+'));
    let (hours, minutes) = (number(hour)?, number(minute).filter(|_| minute.len() == 2)?);
    let whole = hours * 60 + minutes;
    (minutes < 60 && whole <= DAY_MINUTES).then_some(whole)
}

/// Whether somebody waits for a part that goes to this chat: a user who wrote there what led to it, which
/// is `None` for a task. Threads do not count, since their readers are not asleep.
pub fn is_awaited(from: Option<&Address>, to: &Address) -> bool {
    from.is_some_and(|it| it.is_same_chat(to))
}

/// What is left of a limit for a text that may have to stand under the heading.
pub fn under_heading(limit: TextLimit) -> TextLimit {
    let taken = limit.unit.measure(HELD) + limit.unit.measure(BETWEEN);
    TextLimit { max: limit.max.saturating_sub(taken), ..limit }
}

/// Which parts, in their order, are said in one message each. `texts` has nothing for a part that is
/// no text and goes alone. The first message stands under the heading if it is a text. Gives the
/// number of parts of each message; a text that is too long already goes alone.
pub fn together(texts: &[Option<&str>], limit: TextLimit) -> Vec<usize> {
    let between = limit.unit.measure(BETWEEN);
    let mut messages: Vec<usize> = Vec::new();
    // What is left in the last message; nothing can join a part that is no text.
    let mut room: Option<usize> = None;
    for (at, text) in texts.iter().enumerate() {
        let max = if at == 0 { under_heading(limit).max } else { limit.max };
        let takes = text.map(|it| limit.unit.measure(it));
        let left = takes.zip(room).and_then(|(takes, room)| room.checked_sub(takes + between));
        match messages.last_mut().filter(|_| left.is_some()) {
            Some(count) => *count += 1,
            None => messages.push(1),
        }
        room = left.or(takes.map(|it| max.saturating_sub(it)));
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing::Unit;

    #[test]
    fn hours_are_read_as_people_write_them() {
        for (text, shown) in [
            ("22:00-7:00", "22:00-07:00"),
            (" 22 - 7 ", "22:00-07:00"),
            ("8:30–24:00", "08:30-00:00"),
            ("0:00-6:15", "00:00-06:15"),
        ] {
            let hours = Hours::parse(text).unwrap();
            assert_eq!(hours.to_string(), shown);
            assert_eq!(Hours::parse(shown), Ok(hours));
        }
        for bad in
            ["", "22", "22-", "7-7", "0-24", "25-7", "7:60-8", "7:5-8", "a-b", "-1-5", "1-2-3"]
        {
            assert!(Hours::parse(bad).is_err(), "{bad}");
        }
        let night = Hours::parse("22:30-7:15").unwrap();
        assert_eq!((night.from_minute, night.to_minute), (22 * 60 + 30, 7 * 60 + 15));
        assert!(night.is_overnight());
        assert!(!Hours::parse("8-22").unwrap().is_overnight());
    }

    #[test]
    fn only_a_writer_there_waits() {
        let at = |chat: &str, thread: Option<&str>| Address {
            channel: "telegram".into(),
            account: "main".into(),
            chat: chat.into(),
            thread: thread.map(Into::into),
        };
        assert!(is_awaited(Some(&at("1", None)), &at("1", None)));
        assert!(is_awaited(Some(&at("1", Some("7"))), &at("1", None)));
        assert!(!is_awaited(Some(&at("2", None)), &at("1", None)));
        assert!(!is_awaited(None, &at("1", None)));
    }

    #[test]
    fn what_fits_is_said_together_and_nothing_is_left_out() {
        let limit = TextLimit::chars(60);
        let long = "x".repeat(30);
        let long = Some(long.as_str());
        let counts = |texts: &[Option<&str>]| together(texts, limit);
        assert_eq!(counts(&[]), Vec::<usize>::new());
        assert_eq!(counts(&[Some("a")]), [1]);
        assert_eq!(counts(&[Some("a"), Some("b"), Some("c")]), [3]);
        assert_eq!(counts(&[long, Some("b"), long, Some("c")]), [2, 2]);
        assert_eq!(counts(&[long, long, long]), [1, 1, 1]);
        assert_eq!(counts(&[Some("a"), None, Some("b"), Some("c")]), [1, 1, 2]);
        assert_eq!(counts(&[None, Some("b")]), [1, 1]);
    }

    #[test]
    fn no_message_of_several_is_longer_than_the_limit() {
        let limit = TextLimit { max: 60, unit: Unit::Utf16 };
        let texts: Vec<String> = (0..40).map(|n| "ü".repeat(n * 7 % 38)).collect();
        let some: Vec<Option<&str>> = texts.iter().map(|it| Some(it.as_str())).collect();
        let mut left = &texts[..];
        for (at, count) in together(&some, limit).into_iter().enumerate() {
            let (now, rest) = left.split_at(count);
            let heading = if at == 0 { format!("{HELD}{BETWEEN}") } else { String::new() };
            let message = heading + &now.join(BETWEEN);
            assert!(limit.unit.measure(&message) <= 60, "{message}");
            left = rest;
        }
        assert!(left.is_empty());
    }
}
