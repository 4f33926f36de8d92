//! Whether a connection is alive, and what is said about the time when there was none.
//!
//! Silence is measured by the clock that does not jump; when the last sign came is kept by the wall clock,
//! since only that means something after a restart.

use std::time::Duration;

use serde::Deserialize;

use crate::texts::notices;
use crate::time::Timestamp;

/// A silence of so many times the longest normal one is a dead connection.
const DEAD_FACTOR: u32 = 3;
/// The last sign of life is stored at most this often.
pub const KEEP_EVERY: Duration = Duration::from_secs(60);
/// A gap shorter than this is nothing: a restart takes less than a minute, and after a crash the
/// stored sign of life is another one old.
pub const GAP_MIN: Duration = Duration::from_secs(60 + KEEP_EVERY.as_secs());
/// Chats in which nothing was accepted for longer are not told about a gap.
pub const TOLD_WITHIN: Duration = Duration::from_secs(7 * 24 * 3600);
/// The wall clock went on so much further than the steady one: the machine was asleep. More than
/// what time servers correct at once.
const ASLEEP_MIN: Duration = Duration::from_secs(30);

/// What became of the events between two connections, as the adapter knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gap {
    /// Nothing was missed: the platform kept it, and it is read from the cursor on.
    None,
    /// So many messages were looked up afterwards, and nothing is missing.
    Backfilled(usize),
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineView {
    pub connected: bool,
    /// The longest silence that is normal; `None` where there is no platform that could be silent.
    pub alive_every: Option<Duration>,
    pub silent_for: Duration,
    pub storing: bool,
    /// How much further the wall clock went since the last look than the steady one.
    pub slept: Duration,
    /// Since when the stored sign of life is out of date; `None` while the gap before is open.
    pub kept_ago: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEffect {
    Rest,
    Keep,
    ReplaceSilent,
    /// The machine was asleep, and no connection lasts that long: reconnect at once.
    ReplaceAfterSleep,
}

pub fn decide(view: &LineView) -> LineEffect {
    let is_keeping_due = view.kept_ago.is_some_and(|it| KEEP_EVERY <= it);
    let can_be_dead = view.connected && !view.storing;
    let is_dead = |every: Duration| every.saturating_mul(DEAD_FACTOR) <= view.silent_for;
    match view.alive_every {
        Some(_) if was_asleep(view.slept) => LineEffect::ReplaceAfterSleep,
        Some(every) if can_be_dead && is_dead(every) => LineEffect::ReplaceSilent,
        Some(_) | None if view.connected && is_keeping_due => LineEffect::Keep,
        Some(_) | None => LineEffect::Rest,
    }
}

pub fn is_quiet(silent_for: Duration, alive_every: Option<Duration>) -> bool {
    alive_every.is_some_and(|it| it < silent_for)
}

pub fn was_asleep(slept: Duration) -> bool {
    ASLEEP_MIN <= slept
}

/// What to say about a gap, if anything. `from` is the last sign of life before it, if there was one.
pub fn told(gap: Gap, from: Option<Timestamp>, until: Timestamp) -> Option<String> {
    let from = from?;
    match gap {
        Gap::None | Gap::Backfilled(_) => None,
        Gap::Unknown if until.since(from) < GAP_MIN => None,
        Gap::Unknown => Some(notices::missed(from, until)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const OPEN: LineView = LineView {
        connected: true,
        alive_every: Some(Duration::from_secs(45)),
        silent_for: Duration::ZERO,
        storing: false,
        slept: Duration::ZERO,
        kept_ago: Some(Duration::ZERO),
    };

    #[test]
    fn what_to_do_about_a_connection() {
        use LineEffect::{Keep, ReplaceAfterSleep, ReplaceSilent, Rest};
        let silent = |secs| LineView { silent_for: secs * SECOND, ..OPEN };
        let kept = |secs| LineView { kept_ago: Some(secs * SECOND), ..OPEN };
        let slept = |secs| LineView { slept: secs * SECOND, ..OPEN };
        let local = |it: LineView| LineView { alive_every: None, ..it };
        let away = |it: LineView| LineView { connected: false, ..it };
        for (view, wanted) in [
            (OPEN, Rest),
            (kept(59), Rest),
            (kept(60), Keep),
            (silent(134), Rest),
            (silent(135), ReplaceSilent),
            (LineView { storing: true, ..silent(1_000) }, Rest),
            (away(silent(1_000)), Rest),
            (away(kept(1_000)), Rest),
            (LineView { kept_ago: None, ..OPEN }, Rest),
            (slept(29), Rest),
            (slept(30), ReplaceAfterSleep),
            // Before the sign of life of after the sleep can be stored over that of before.
            (LineView { kept_ago: Some(90 * SECOND), ..slept(30) }, ReplaceAfterSleep),
            (away(slept(30)), ReplaceAfterSleep),
            (local(slept(1_000)), Rest),
            (local(silent(1_000)), Rest),
            (local(kept(60)), Keep),
        ] {
            assert_eq!(decide(&view), wanted, "{view:?}");
        }
    }

    #[test]
    fn only_a_gap_that_is_long_and_may_have_lost_something_is_told() {
        let (from, hour) = (Some(Timestamp(0)), Timestamp(3_600_000));
        assert!(told(Gap::Unknown, from, hour).is_some());
        assert_eq!(told(Gap::None, from, hour), None);
        assert_eq!(told(Gap::Backfilled(3), from, hour), None);
        assert_eq!(told(Gap::Unknown, None, hour), None);
        assert_eq!(told(Gap::Unknown, from, Timestamp(119_999)), None);
        assert!(told(Gap::Unknown, from, Timestamp(120_000)).is_some());
        assert_eq!(told(Gap::Unknown, Some(hour), Timestamp(0)), None, "the clock was set back");
    }

    #[test]
    fn half_a_minute_between_two_looks_is_sleep() {
        assert!(!was_asleep(29 * SECOND) && was_asleep(30 * SECOND));
    }

    #[test]
    fn a_silence_is_quiet_when_it_is_longer_than_normal() {
        let every = 30 * SECOND;
        assert!(!is_quiet(30 * SECOND, Some(every)) && is_quiet(31 * SECOND, Some(every)));
        assert!(!is_quiet(1_000 * SECOND, None));
    }
}
