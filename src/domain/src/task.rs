//! Tasks: what an agent is to do at set times, and what became of each time that came. When those
//! times are is the matter of the crate `schedule`.

pub mod failing;
pub mod rights;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::ids::TaskId;
use crate::texts::asides::NOTHING_SAID;
use crate::time::Timestamp;

/// The most missed slots that a task may make up for. More would be a flood after a long sleep.
pub const MADE_UP_MAX: u32 = 24;

pub const NOTHING: &str = "NOTHING";

pub fn says_nothing(answer: &str) -> bool {
    let answer = answer.trim();
    answer == NOTHING_SAID || answer.trim_end_matches('.') == NOTHING || answer.is_empty()
}

/// One slot of one task. Its text names the message that it becomes, so that it is stored once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FireKey {
    pub task: TaskId,
    pub slot: Timestamp,
}

impl FireKey {
    /// What every key begins with. No platform may call a message of its own so.
    pub const PREFIX: &'static str = "task:";

    pub fn parse(text: &str) -> Option<Self> {
        let (task, slot) = text.strip_prefix(Self::PREFIX)?.split_once(':')?;
        Some(Self { task: TaskId::parse(task)?, slot: Timestamp(slot.parse().ok()?) })
    }
}

impl fmt::Display for FireKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}:{}", Self::PREFIX, self.task, self.slot.0)
    }
}

crate::words! {
    pub enum TaskState {
        Active,
        Paused,
        Done,
        Cancelled,
        /// It failed too often; it does not fire until somebody resumes it.
        Failing,
    }

    pub enum FireState {
        /// Written down, not yet with the session.
        Fired,
        Running,
        Ok,
        Failed,
        /// The task's policy skipped it.
        Skipped,
    }
}

impl TaskState {
    /// Whether somebody may put a task that is in this state into another one. That a task is done
    /// is not for anybody to say; what is over stays over.
    pub fn may_become(self, to: Self) -> bool {
        match self {
            Self::Active | Self::Paused | Self::Failing => self != to && to != Self::Done,
            Self::Done | Self::Cancelled => false,
        }
    }
}

/// What is done about slots that came while nobody looked: the machine was off or asleep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Missed {
    /// The latest one fires, late.
    #[default]
    Latest,
    /// The latest ones fire, at most this many, oldest first.
    All(u32),
    /// The latest one fires, unless it is later than this.
    Skip(Duration),
}

impl Missed {
    /// Reads what [`fmt::Display`] writes: `latest`, `all 5`, `skip 10m`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        match text.split_once(' ') {
            None if text == "latest" => Some(Self::Latest),
            Some(("all", max)) => {
                let max: u32 = max.trim().parse().ok()?;
                (1..=MADE_UP_MAX).contains(&max).then_some(Self::All(max))
            }
            Some(("skip", grace)) => parse_span(grace.trim()).map(Self::Skip),
            None | Some(_) => None,
        }
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::All(max) => write!(f, "all {max}"),
            Self::Skip(grace) => write!(f, "skip {}", span(*grace)),
        }
    }
}

crate::as_text!(Missed);

/// What the runner knows of the task that sent a message. Stored as JSON: after the first release a field
/// that is added needs a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRun {
    pub key: FireKey,
    /// Its slot as people there write it.
    pub due: String,
    /// How long after its slot it was handed over.
    pub late_by: Duration,
    pub missed: u32,
    /// Runs first and decides whether the model is asked.
    pub script: Option<String>,
    pub found: Option<String>,
}

impl TaskRun {
    /// Whether it comes so long after its slot that this must be said.
    pub fn is_late(&self) -> bool {
        LATE_AFTER < self.late_by
    }
}

/// A slot handed over this long after its time was missed. More than what a lost timer costs.
const LATE_AFTER: Duration = Duration::from_secs(2 * 60);

/// The units of a span of time in seconds, the largest first; the first two are only read.
const UNITS: [(char, u64); 6] =
    [('y', 365 * 86_400), ('w', 7 * 86_400), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A span as one number and a unit: `90s`, `20m`, `2h`, `3d`. Whole seconds; the rest is dropped.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let fits = UNITS[2..].iter().find(|(_, of)| 0 < seconds && seconds.is_multiple_of(*of));
    let (unit, of) = fits.copied().unwrap_or(('s', 1));
    format!("{}{unit}", seconds / of)
}

/// Reads what [`span`] writes, and weeks and years of 365 days; up to a thousand years.
pub fn parse_span(text: &str) -> Option<Duration> {
    let (unit, of) = UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
    let number = text.strip_suffix(unit)?;
    let digits = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
    let seconds = digits.then(|| number.parse::<u64>().ok()?.checked_mul(of)).flatten()?;
    (seconds <= 1_000 * 366 * 86_400).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for state in TaskState::ALL {
            assert_eq!(TaskState::parse(state.as_str()), Some(state));
        }
        for state in FireState::ALL {
            assert_eq!(FireState::parse(state.as_str()), Some(state));
        }
        assert_eq!(TaskId::parse(&TaskId(7).to_string()), Some(TaskId(7)));
        let key = FireKey { task: TaskId(7), slot: Timestamp(1_764_057_600_000) };
        assert_eq!(key.to_string(), "task:t7:1764057600000");
        assert_eq!(FireKey::parse(&key.to_string()), Some(key));
        assert_eq!(FireKey::parse("task:7:1"), None);
    }

    #[test]
    fn only_exactly_nothing_is_nothing() {
        for text in ["NOTHING", " NOTHING.\n", "", NOTHING_SAID] {
            assert!(says_nothing(text), "{text}");
        }
        for text in ["Nothing new, but the tea is ready", "NOTHING\nexcept this", "nothing"] {
            assert!(!says_nothing(text), "{text}");
        }
    }

    #[test]
    fn what_is_over_stays_over() {
        use TaskState::{Active, Cancelled, Done, Failing, Paused};
        for from in [Done, Cancelled] {
            assert!(TaskState::ALL.iter().all(|to| !from.may_become(*to)));
        }
        for (from, to) in
            [(Active, Paused), (Paused, Active), (Failing, Active), (Paused, Cancelled)]
        {
            assert!(from.may_become(to), "{from:?} {to:?}");
        }
        assert!(!Active.may_become(Active) && !Active.may_become(Done));
    }

    #[test]
    fn policies_read_back() {
        for text in ["latest", "all 1", "all 24", "skip 0s", "skip 90s", "skip 10m", "skip 2d"] {
            assert_eq!(Missed::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "all", "all 0", "all 25", "all -1", "skip", "skip 5", "skip m", "never"] {
            assert_eq!(Missed::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn spans_have_one_unit() {
        let cases =
            [(0, "0s"), (59, "59s"), (60, "1m"), (90, "90s"), (7_200, "2h"), (86_400, "1d")];
        for (seconds, text) in cases {
            assert_eq!(span(Duration::from_secs(seconds)), text);
            assert_eq!(parse_span(text), Some(Duration::from_secs(seconds)));
        }
        assert!(parse_span("366000d").is_some(), "a thousand years");
        assert!(parse_span("366001d").is_none() && parse_span("99999999999999999999d").is_none());
        assert_eq!(parse_span("+5m"), None);
    }
}
