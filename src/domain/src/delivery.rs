//! Decides about the parts of outgoing messages: when to send, when to try again, when to give up.
//!
//! The unfinished parts of one chat are a lane: one after the other, in the order in which they were
//! written, across all writers. Each is claimed by a commit before a platform is talked to; what a crash
//! leaves claimed may have been seen, and is sent again, marked as a possible repeat, with the same key.
//!
//! Given up are a part that the platform refused, one that it asked [`TRIES_MAX`] times to wait with, and
//! one that may have been seen [`UNCERTAIN_MAX`] times. An outage gives nothing up, however long it is.

pub mod by_hand;
pub mod dead_letter;

use std::time::Duration;

use self::by_hand::Standing;
use crate::time::{Timestamp, backoff, jittered};

/// Names a part; also the idempotency key given to platforms that take one. `o<seq>.<part>` for
/// what an agent wrote, `n<why>.<seq>` for what the host has to say about a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartKey(pub String);

impl PartKey {
    /// The host itself says it; it leaves even while the agent is stopped.
    pub fn is_hosts(&self) -> bool {
        self.0.starts_with('n')
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartView {
    pub key: PartKey,
    pub standing: Standing,
    /// It waits `since` then, until this.
    pub retry_at: Timestamp,
    pub since: Timestamp,
}

/// The first unfinished part of one session in a chat; the host itself counts as a session too.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    pub part: &'a PartView,
    /// A stop keeps its session back.
    pub is_kept_back: bool,
    /// The last [`RUN_MAX`] parts of the chat were of its session.
    pub had_run: bool,
}

/// What to do in a lane; a number is the place of a head in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Claim it, then hand it to the platform.
    Send(usize),
    /// A predecessor of this process claimed it and did not live to see the end: it is uncertain now.
    MarkUncertain(usize),
    Wait(Timestamp),
}

/// How an attempt ended, sorted by what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    Delivered(String),
    /// Certainly not delivered.
    Unreachable,
    /// The platform wants us to wait, with all chats if `everywhere`. Certainly not delivered.
    Throttled {
        after: Duration,
        everywhere: bool,
    },
    /// The platform said no; saying it again will not help.
    Refused(String),
    /// No answer came, so it may have been delivered.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Sent {
        platform_id: String,
    },
    Unsent {
        retry_at: Timestamp,
        counts: bool,
    },
    Uncertain {
        retry_at: Timestamp,
    },
    /// It goes as a message of its own, and the line that it was to replace is taken away.
    Apart,
    Dead {
        why: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    pub key: PartKey,
    /// Answers of the platform.
    pub tries: u32,
    /// Attempts in a row that nothing answered.
    pub misses: u32,
    /// It was to take the place of the line that says that work goes on.
    pub replaces_line: bool,
}

/// Answers of a platform before a part is given up.
pub const TRIES_MAX: u32 = 8;
/// Attempts without an answer before a part is given up: the reader may have it that often already.
pub const UNCERTAIN_MAX: u32 = 6;
/// How long a part waits for a chat that the bot left. Who lets it in again after a holiday hears what came meanwhile.
pub const LEFT_WAIT_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// An answer waits so long for its edit: new messages have a budget of their own.
const EDIT_WAIT_MAX: Duration = Duration::from_secs(3);
const BACKOFF_BASE: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// Parts of one session in a row while others wait in the same chat.
pub const RUN_MAX: u32 = 10;
/// How much of a platform's wish to wait is honoured. Telegram's flood waits reach many hours; one
/// that is longer than a day is taken for a mistake, and asking again once a day harms nobody.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a platform may take for a part: `base`, and more for its files by a slow line's `rate` of
/// bytes per second.
pub fn deadline(base: Duration, bytes: u64, rate: u64) -> Duration {
    base + Duration::from_secs(bytes / rate.max(1))
}

/// What to do in a lane of which nobody is sending a part. `heads` are in the order in which they were
/// written, which is the order of the chat, but for three cases in which one session must not hold up
/// another: it is stopped, it has a long backlog, or its part may have been seen and waits to be repeated.
pub fn decide(heads: &[Head<'_>], now: Timestamp) -> Option<Effect> {
    if let Some(dead) = heads.iter().position(|it| it.part.standing == Standing::Claimed) {
        return Some(Effect::MarkUncertain(dead));
    }
    let may_leave = heads.iter().enumerate().filter(|it| !it.1.is_kept_back);
    let (mut next, mut behind, mut wait) = (None, None, None);
    for (index, head) in may_leave {
        let until = head.part.retry_at;
        if is_due(head.part, now) {
            let place = if head.had_run { &mut behind } else { &mut next };
            *place = place.or(Some(index));
        } else if head.part.standing == Standing::Unsent {
            // The platform is out of reach, or wants us to wait: so does the whole chat.
            return Some(Effect::Wait(until));
        } else {
            wait = Some(wait.map_or(until, |it: Timestamp| it.min(until)));
        }
    }
    next.or(behind).map(Effect::Send).or(wait.map(Effect::Wait))
}

fn is_due(part: &PartView, now: Timestamp) -> bool {
    // The wait knows how long it is, so a clock that stepped back is told from a long wait.
    part.standing == Standing::Ready || part.retry_at.is_due(now, part.retry_at.since(part.since))
}

/// What follows from an attempt. Only answers of the platform about this part use up tries. A wait that the
/// platform asks for is never shortened by the spread, only prolonged.
pub fn conclude(outcome: DeliveryOutcome, tried: &Tried, now: Timestamp) -> Verdict {
    let unanswered = || now + wait(&tried.key, tried.misses + 1);
    match outcome {
        DeliveryOutcome::Delivered(platform_id) => Verdict::Sent { platform_id },
        DeliveryOutcome::Unreachable => Verdict::Unsent { retry_at: unanswered(), counts: false },
        DeliveryOutcome::Throttled { after, everywhere: false }
            if tried.replaces_line && EDIT_WAIT_MAX < after =>
        {
            Verdict::Apart
        }
        DeliveryOutcome::Throttled { everywhere: false, .. } if TRIES_MAX <= tried.tries + 1 => {
            Verdict::Dead { why: "the platform kept asking to wait".into() }
        }
        DeliveryOutcome::Throttled { after, everywhere } => {
            let failures = if everywhere { tried.misses } else { tried.tries };
            let own = wait(&tried.key, failures + 1);
            let retry_at = now + own.max(after.min(RETRY_AFTER_MAX));
            Verdict::Unsent { retry_at, counts: !everywhere }
        }
        DeliveryOutcome::Refused(why) => Verdict::Dead { why },
        DeliveryOutcome::Unknown => Verdict::Uncertain { retry_at: unanswered() },
    }
}

/// Why a part that may have been seen this often is not sent again.
pub fn exhausted(uncertain_attempts: u32) -> Option<String> {
    let why =
        || format!("no answer came {uncertain_attempts} times; it may have been shown each time");
    (UNCERTAIN_MAX <= uncertain_attempts).then(why)
}

/// A back-off that differs, so that what failed together does not come back together.
fn wait(key: &PartKey, failures: u32) -> Duration {
    jittered(backoff(BACKOFF_BASE, BACKOFF_MAX, failures), (key, failures))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn tried(tries: u32, misses: u32) -> Tried {
        Tried { key: PartKey("o1.0".into()), tries, misses, replaces_line: false }
    }

    /// Of a part that was changed at `since` and waits until `retry_at`.
    fn part(standing: Standing, since: Timestamp, retry_at: Timestamp) -> PartView {
        PartView { key: PartKey("o1.0".into()), standing, retry_at, since }
    }

    fn head(part: &PartView) -> Head<'_> {
        Head { part, is_kept_back: false, had_run: false }
    }

    fn check(heads: &[Head<'_>], want: impl Into<Option<Effect>>) {
        assert_eq!(decide(heads, NOW), want.into(), "{heads:?}");
    }

    #[test]
    fn a_part_is_sent_when_it_is_due_and_uncertain_when_its_sender_died() {
        use Standing::{Claimed, Ready, Uncertain, Unsent};
        let (earlier, later) = (Timestamp(NOW.0 - 9), NOW + Duration::from_secs(5));
        for (standing, retry_at, effect) in [
            (Ready, Timestamp(0), Effect::Send(0)),
            (Claimed, Timestamp(0), Effect::MarkUncertain(0)),
            (Unsent, NOW, Effect::Send(0)),
            (Unsent, later, Effect::Wait(later)),
            (Uncertain, NOW, Effect::Send(0)),
            (Uncertain, later, Effect::Wait(later)),
        ] {
            check(&[head(&part(standing, earlier, retry_at))], effect);
        }
        check(&[], None);
    }

    #[test]
    fn a_day_is_waited_for_and_a_clock_that_stepped_back_is_not() {
        let unsent = |since: Timestamp, wait| part(Standing::Unsent, since, since + wait);
        check(&[head(&unsent(NOW, DAY))], Effect::Wait(NOW + DAY));
        // Set an hour ahead of what the clock says now, for a second.
        let ahead = NOW + Duration::from_secs(3600);
        check(&[head(&unsent(ahead, Duration::from_secs(1)))], Effect::Send(0));
    }

    #[test]
    fn one_session_does_not_hold_up_another_in_the_same_chat() {
        let (ready, later) = (part(Standing::Ready, NOW, NOW), NOW + Duration::from_secs(5));
        let claimed = part(Standing::Claimed, NOW, NOW);
        let uncertain = part(Standing::Uncertain, NOW, later);
        let (ready, claimed, uncertain) = (head(&ready), head(&claimed), head(&uncertain));
        check(&[ready, ready], Effect::Send(0));
        let stopped = Head { is_kept_back: true, ..ready };
        check(&[stopped, ready], Effect::Send(1));
        check(&[stopped], None);
        check(&[Head { is_kept_back: true, ..claimed }, ready], Effect::MarkUncertain(0));
        let had_run = Head { had_run: true, ..ready };
        check(&[had_run, ready], Effect::Send(1));
        check(&[had_run, stopped], Effect::Send(0));
        check(&[uncertain, ready], Effect::Send(1));
        check(&[uncertain, stopped], Effect::Wait(later));
    }

    #[test]
    fn a_platform_that_wants_us_to_wait_holds_up_the_whole_chat() {
        let (ready, later) = (part(Standing::Ready, NOW, NOW), NOW + Duration::from_secs(5));
        let unsent = part(Standing::Unsent, NOW, later);
        let (ready, unsent) = (head(&ready), head(&unsent));
        check(&[unsent, ready], Effect::Wait(later));
        check(&[ready, unsent], Effect::Wait(later));
        check(&[Head { is_kept_back: true, ..unsent }, ready], Effect::Send(1));
    }

    #[test]
    fn only_answers_of_the_platform_use_up_tries() {
        for misses in 0..100 {
            let out = conclude(DeliveryOutcome::Unreachable, &tried(TRIES_MAX, misses), NOW);
            assert!(matches!(out, Verdict::Unsent { counts: false, .. }));
        }
        let throttled = |after| DeliveryOutcome::Throttled { after, everywhere: false };
        for after in [3, 3600, 24 * 3600].map(Duration::from_secs) {
            let waits = Verdict::Unsent { retry_at: NOW + after, counts: true };
            assert_eq!(conclude(throttled(after), &tried(0, 0), NOW), waits);
        }
        let capped = Verdict::Unsent { retry_at: NOW + RETRY_AFTER_MAX, counts: true };
        assert_eq!(conclude(throttled(9 * DAY), &tried(0, 0), NOW), capped);
        let last = conclude(throttled(DAY), &tried(TRIES_MAX - 1, 0), NOW);
        assert!(matches!(last, Verdict::Dead { .. }));
        let everywhere = DeliveryOutcome::Throttled { after: DAY, everywhere: true };
        let waits = Verdict::Unsent { retry_at: NOW + DAY, counts: false };
        assert_eq!(conclude(everywhere, &tried(TRIES_MAX - 1, 0), NOW), waits, "not its own fault");
    }

    #[test]
    fn an_answer_does_not_wait_long_for_the_line_that_it_was_to_replace() {
        let answer = Tried { replaces_line: true, ..tried(0, 0) };
        let end = |secs, everywhere, tried: &Tried| {
            let after = Duration::from_secs(secs);
            conclude(DeliveryOutcome::Throttled { after, everywhere }, tried, NOW)
        };
        assert_eq!(end(30, false, &answer), Verdict::Apart);
        for waits in [end(3, false, &answer), end(30, true, &answer), end(30, false, &tried(0, 0))]
        {
            assert!(matches!(waits, Verdict::Unsent { .. }), "{waits:?}");
        }
    }

    #[test]
    fn silence_of_the_platform_is_not_taken_for_a_no_until_it_lasts() {
        assert!(matches!(
            conclude(DeliveryOutcome::Unknown, &tried(0, 99), NOW),
            Verdict::Uncertain { .. }
        ));
        assert_eq!(exhausted(UNCERTAIN_MAX - 1), None);
        assert!(exhausted(UNCERTAIN_MAX).is_some_and(|why| why.contains("6 times")));
    }

    #[test]
    fn waits_grow_within_their_bounds_and_differ_from_part_to_part() {
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..200 {
            let key = PartKey(format!("o{n}.0"));
            for failures in 1..12 {
                let (full, own) =
                    (backoff(BACKOFF_BASE, BACKOFF_MAX, failures), wait(&key, failures));
                assert!(full / 2 <= own && own <= full, "{key:?} {failures} {own:?}");
                assert_eq!(own, wait(&key, failures), "the same each time");
            }
            seen.insert(wait(&key, 7));
        }
        assert!(100 < seen.len(), "{}", seen.len());
    }
}
