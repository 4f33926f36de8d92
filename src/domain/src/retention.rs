//! How long things are kept. What is unfinished is kept for ever; this is about the rest.
//!
//! The rule has two ages: for what people said and were sent, and for what only the program needs:
//! launches, settled requests and questions, and files of messages. The runner goes by [`MACHINERY`].

use std::time::Duration;

use crate::BadText;
use crate::task::{parse_span, span};
use crate::time::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Ids of messages protect from redelivery. Telegram delivers for 24 hours, Discord is read back for
/// longer after an outage; this is longer than either.
pub const MESSAGES_MIN: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// What the agent's commands and answers of people may refer to.
pub const MACHINERY_MIN: Duration = DAY;
/// As good as for ever, and no sum of it overflows.
pub const AGE_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
pub const MACHINERY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Rows that one pass removes of each kind, so that nobody waits long for the lock.
pub const BATCH: u32 = 500;
/// Launches that are kept in any case: the last ones decide whether a session is parked.
pub const LAUNCHES_KEPT: u32 = 32;

const AWAKE_EVERY: Duration = DAY;
const ASLEEP_EVERY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub messages: Duration,
    pub machinery: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { messages: Duration::from_secs(365 * 24 * 60 * 60), machinery: MACHINERY }
    }
}

/// Reads `30d`, `52w` or `2y`; a year has 365 days.
pub fn parse_age(text: &str) -> Result<Duration, BadText> {
    let wrong = || BadText(format!("`{text}` is no age; write it as 365d, 52w or 2y"));
    let text_of_days = Some(text.trim()).filter(|it| it.ends_with(['d', 'w', 'y']));
    text_of_days.and_then(parse_span).ok_or_else(wrong)
}

impl Retention {
    /// Refuses what would be kept for so short that the program would miss it, or beyond [`AGE_MAX`].
    pub fn checked(self) -> Result<Self, BadText> {
        for (what, age, least) in [
            ("messages", self.messages, MESSAGES_MIN),
            ("machinery", self.machinery, MACHINERY_MIN),
        ] {
            if age < least {
                return Err(BadText(format!("{what} must be kept for at least {}", span(least))));
            }
            if AGE_MAX < age {
                return Err(BadText(format!("at most {} can be kept", span(AGE_MAX))));
            }
        }
        Ok(self)
    }

    pub fn to_setting(self) -> String {
        format!("{} {}", span(self.messages), span(self.machinery))
    }

    /// Reads a setting; what cannot be read is the usual rule.
    pub fn from_setting(text: Option<&str>) -> Self {
        let read = |text: &str| {
            let (messages, machinery) = text.split_once(' ')?;
            let rule =
                Self { messages: parse_age(messages).ok()?, machinery: parse_age(machinery).ok()? };
            rule.checked().ok()
        };
        text.and_then(read).unwrap_or_default()
    }

    pub fn cutoffs(self, now: Timestamp) -> Cutoffs {
        // What belongs to a message cannot outlive it.
        let machinery = self.machinery.min(self.messages);
        Cutoffs { messages: now - self.messages, machinery: now - machinery }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutoffs {
    pub messages: Timestamp,
    pub machinery: Timestamp,
}

/// Sessions that were pruned before these instants are due: `(awake, asleep)`.
pub fn due_before(now: Timestamp) -> (Timestamp, Timestamp) {
    (now - AWAKE_EVERY, now - ASLEEP_EVERY)
}

/// Whether what was pruned at `last` is due again; one ahead is of before the clock stepped back.
pub fn is_due(last: Timestamp, now: Timestamp) -> bool {
    (last + AWAKE_EVERY).is_due(now, AWAKE_EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_and_shown() {
        for (text, days) in [("30d", 30), ("52w", 364), (" 2y ", 730), ("1d", 1)] {
            assert_eq!(parse_age(text), Ok(DAY * days), "{text}");
        }
        for bad in ["", "d", "30", "30h", "-1d", "1.5y", "é", "99999999999d"] {
            assert!(parse_age(bad).is_err(), "{bad}");
        }
        assert_eq!(
            parse_age(" 5x").unwrap_err().to_string(),
            "` 5x` is no age; write it as 365d, 52w or 2y"
        );
    }

    #[test]
    fn no_rule_forgets_ids_that_may_be_delivered_again() {
        let rule = |messages, machinery| {
            Retention { messages: DAY * messages, machinery: DAY * machinery }.checked()
        };
        assert!(rule(30, 1).is_ok() && rule(365, 365).is_ok());
        let refused = rule(29, 30).unwrap_err().to_string();
        assert_eq!(refused, "messages must be kept for at least 30d");
        assert!(rule(365, 0).is_err() && rule(40_000, 30).is_err());
    }

    #[test]
    fn a_setting_survives_its_text_and_nonsense_is_the_usual_rule() {
        let rule = Retention { messages: DAY * 90, machinery: DAY * 7 };
        assert_eq!(Retention::from_setting(Some(&rule.to_setting())), rule);
        for text in [None, Some(""), Some("x y"), Some("1d 1d"), Some("365d")] {
            assert_eq!(Retention::from_setting(text), Retention::default(), "{text:?}");
        }
    }

    #[test]
    fn machinery_never_outlives_its_messages() {
        let now = Timestamp(1_700_000_000_000);
        let rule = Retention { messages: DAY * 40, machinery: DAY * 400 };
        let cutoffs = rule.cutoffs(now);
        assert_eq!(cutoffs.messages, cutoffs.machinery);
        assert!(now.since(cutoffs.messages) == DAY * 40);
    }

    #[test]
    fn a_clock_that_steps_does_not_put_off_pruning() {
        let now = Timestamp(1_700_000_000_000);
        assert!(!is_due(now - DAY / 2, now));
        assert!(is_due(now - DAY, now) && is_due(now + DAY * 300, now));
    }
}
