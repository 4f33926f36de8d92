//! Decides about the parts of outgoing messages: when to send, when to try again, when to give up.
//!
//! The unfinished parts of one chat are a lane: one part after the other, in the order in which they
//! were written, across all writers. Lanes are independent.
//!
//! A part goes `ready → claimed → sent | unsent | uncertain | dead`. It is claimed by a commit
//! before a platform is talked to; what a crash leaves claimed may or may not have been seen, and
//! becomes uncertain: it is sent again, marked as a possible repeat, with the same key, so that a
//! platform or client that keeps keys can drop the second copy.
//!
//! What is given up: a part that the platform refused, one that it asked [`TRIES_MAX`] times to wait
//! with, and one that may have been seen [`UNCERTAIN_MAX`] times without an answer. An outage gives
//! nothing up, however long it is.

pub mod by_hand;
pub mod dead_letter;

use std::time::Duration;

use crate::time::{Timestamp, backoff};

/// Names a part; also the idempotency key given to platforms that take one. `o<seq>.<part>` for
/// what an agent wrote, `n<why>.<seq>` for what the host has to say about a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartKey(pub String);

impl PartKey {
    /// The host itself says it; it leaves even while the agent is stopped.
    #[must_use]
    pub fn is_hosts(&self) -> bool {
        self.0.starts_with('n')
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartState {
    Ready,
    /// Committed as being sent.
    Claimed,
    /// The platform has not got it. It waits `since` then, until `retry_at`.
    Unsent {
        retry_at: Timestamp,
        since: Timestamp,
    },
    /// The platform may have got it.
    Uncertain {
        retry_at: Timestamp,
        since: Timestamp,
    },
}

/// An unfinished part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartView {
    pub key: PartKey,
    pub state: PartState,
}

/// The first unfinished part of one session in a chat; the host itself counts as a session too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub state: PartState,
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
    /// Nothing until then.
    Wait(Timestamp),
}

/// How an attempt ended, sorted by what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    Delivered {
        platform_id: String,
    },
    /// The platform or the recipient cannot be reached. Certainly not delivered.
    Unreachable,
    /// The platform wants us to wait. Certainly not delivered.
    Throttled {
        after: Duration,
    },
    /// The platform said no; saying it again will not help.
    Refused {
        why: String,
    },
    /// No answer came, so it may have been delivered.
    Unknown,
}

/// What is written down after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Sent { platform_id: String },
    Unsent { retry_at: Timestamp, counts: bool },
    Uncertain { retry_at: Timestamp },
    Dead { why: String },
}

/// What was tried with a part so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    pub key: PartKey,
    /// Answers of the platform.
    pub tries: u32,
    /// Attempts in a row that nothing answered.
    pub misses: u32,
}

/// Answers of a platform before a part is given up.
pub const TRIES_MAX: u32 = 8;
/// Attempts without an answer before a part is given up: the reader may have it that often already.
pub const UNCERTAIN_MAX: u32 = 6;
const BACKOFF_BASE: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// Parts of one session in a row while others wait in the same chat.
pub const RUN_MAX: u32 = 10;
/// How much of a platform's wish to wait is honoured. Telegram's flood waits reach many hours; one
/// that is longer than a day is taken for a mistake, and asking again once a day harms nobody.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What to do in a lane of which nobody is sending a part. `heads` are in the order in which they were
/// written, which is the order of the chat, but for three cases in which one session must not hold up
/// another: it is stopped, it has a long backlog, or its part may have been seen and waits to be repeated.
#[must_use]
pub fn decide(heads: &[Head], now: Timestamp) -> Option<Effect> {
    if let Some(dead) = heads.iter().position(|it| it.state == PartState::Claimed) {
        return Some(Effect::MarkUncertain(dead));
    }
    let may_leave = heads.iter().enumerate().filter(|it| !it.1.is_kept_back);
    let (mut next, mut behind, mut wait) = (None, None, None);
    for (index, head) in may_leave {
        match (due_at(head.state, now), head.state) {
            // The platform is out of reach, or wants us to wait: so does the whole chat.
            (Some(until), PartState::Unsent { .. }) => return Some(Effect::Wait(until)),
            (Some(until), _) => wait = Some(wait.map_or(until, |it: Timestamp| it.min(until))),
            (None, _) if head.had_run => behind = behind.or(Some(index)),
            (None, _) => next = next.or(Some(index)),
        }
    }
    next.or(behind).map(Effect::Send).or(wait.map(Effect::Wait))
}

/// When a part that waits is due; `None` when it is.
fn due_at(state: PartState, now: Timestamp) -> Option<Timestamp> {
    match state {
        PartState::Ready | PartState::Claimed => None,
        // The wait knows how long it is, so a clock that stepped back is told from a long wait.
        PartState::Unsent { retry_at, since } | PartState::Uncertain { retry_at, since } => {
            let is_due = retry_at.is_due(now, retry_at.since(since));
            (!is_due).then_some(retry_at)
        }
    }
}

/// What follows from an attempt. Only answers of the platform use up tries; an outage does not
/// count, so that a night without network gives nothing up. A wait that the platform asks for is
/// never shortened by the spread, only prolonged.
#[must_use]
pub fn conclude(outcome: DeliveryOutcome, tried: &Tried, now: Timestamp) -> Verdict {
    let unanswered = || now + wait(&tried.key, tried.misses + 1);
    match outcome {
        DeliveryOutcome::Delivered { platform_id } => Verdict::Sent { platform_id },
        DeliveryOutcome::Unreachable => Verdict::Unsent { retry_at: unanswered(), counts: false },
        DeliveryOutcome::Throttled { .. } if TRIES_MAX <= tried.tries + 1 => {
            Verdict::Dead { why: "the platform kept asking to wait".into() }
        }
        DeliveryOutcome::Throttled { after } => {
            let own = wait(&tried.key, tried.tries + 1);
            Verdict::Unsent { retry_at: now + own.max(after.min(RETRY_AFTER_MAX)), counts: true }
        }
        DeliveryOutcome::Refused { why } => Verdict::Dead { why },
        DeliveryOutcome::Unknown => Verdict::Uncertain { retry_at: unanswered() },
    }
}

/// Why a part that may have been seen this often is not sent again.
#[must_use]
pub fn exhausted(uncertain_attempts: u32) -> Option<String> {
    let why =
        format!("no answer came {uncertain_attempts} times; it may have been shown each time");
    (UNCERTAIN_MAX <= uncertain_attempts).then_some(why)
}

/// A back-off that differs from part to part, so that what failed together does not come back
/// together: three quarters to the whole of it. By the key and not at random, so that a run can be
/// played again.
fn wait(key: &PartKey, failures: u32) -> Duration {
    /// FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>.
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let bytes = key.0.bytes().chain(failures.to_le_bytes());
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    let part = 768 + u32::try_from((hash >> 32) % 257).unwrap_or(0);
    backoff(BACKOFF_BASE, BACKOFF_MAX, failures) * part / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn tried(tries: u32, misses: u32) -> Tried {
        Tried { key: PartKey("o1.0".into()), tries, misses }
    }

    fn head(state: PartState) -> Head {
        Head { state, is_kept_back: false, had_run: false }
    }

    fn check(heads: &[Head], want: impl Into<Option<Effect>>) {
        assert_eq!(decide(heads, NOW), want.into(), "{heads:?}");
    }

    #[test]
    fn a_part_is_sent_when_it_is_due_and_uncertain_when_its_sender_died() {
        let (earlier, later) = (Timestamp(NOW.0 - 9), NOW + Duration::from_secs(5));
        check(&[head(PartState::Ready)], Effect::Send(0));
        check(&[head(PartState::Claimed)], Effect::MarkUncertain(0));
        check(&[head(PartState::Unsent { retry_at: NOW, since: earlier })], Effect::Send(0));
        check(&[head(PartState::Unsent { retry_at: later, since: earlier })], Effect::Wait(later));
        check(&[head(PartState::Uncertain { retry_at: NOW, since: earlier })], Effect::Send(0));
        check(&[head(PartState::Uncertain { retry_at: later, since: NOW })], Effect::Wait(later));
        check(&[], None);
    }

    #[test]
    fn a_day_is_waited_for_and_a_clock_that_stepped_back_is_not() {
        let unsent = |since: Timestamp, wait| PartState::Unsent { retry_at: since + wait, since };
        check(&[head(unsent(NOW, DAY))], Effect::Wait(NOW + DAY));
        // Set an hour ahead of what the clock says now, for a second.
        let ahead = NOW + Duration::from_secs(3600);
        check(&[head(unsent(ahead, Duration::from_secs(1)))], Effect::Send(0));
    }

    #[test]
    fn one_session_does_not_hold_up_another_in_the_same_chat() {
        let (ready, later) = (head(PartState::Ready), NOW + Duration::from_secs(5));
        check(&[ready, ready], Effect::Send(0));
        let stopped = Head { is_kept_back: true, ..ready };
        check(&[stopped, ready], Effect::Send(1));
        check(&[stopped], None);
        check(&[Head { state: PartState::Claimed, ..stopped }, ready], Effect::MarkUncertain(0));
        let had_run = Head { had_run: true, ..ready };
        check(&[had_run, ready], Effect::Send(1));
        check(&[had_run, stopped], Effect::Send(0));
        let uncertain = head(PartState::Uncertain { retry_at: later, since: NOW });
        check(&[uncertain, ready], Effect::Send(1));
        check(&[uncertain, stopped], Effect::Wait(later));
    }

    #[test]
    fn a_platform_that_wants_us_to_wait_holds_up_the_whole_chat() {
        let (ready, later) = (head(PartState::Ready), NOW + Duration::from_secs(5));
        let unsent = head(PartState::Unsent { retry_at: later, since: NOW });
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
        let throttled = |after| DeliveryOutcome::Throttled { after };
        for after in [3, 3600, 24 * 3600].map(Duration::from_secs) {
            let waits = Verdict::Unsent { retry_at: NOW + after, counts: true };
            assert_eq!(conclude(throttled(after), &tried(0, 0), NOW), waits);
        }
        let capped = Verdict::Unsent { retry_at: NOW + RETRY_AFTER_MAX, counts: true };
        assert_eq!(conclude(throttled(9 * DAY), &tried(0, 0), NOW), capped);
        let last = conclude(throttled(DAY), &tried(TRIES_MAX - 1, 0), NOW);
        assert!(matches!(last, Verdict::Dead { .. }));
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
                assert!(full * 3 / 4 <= own && own <= full, "{key:?} {failures} {own:?}");
                assert_eq!(own, wait(&key, failures), "the same each time");
            }
            seen.insert(wait(&key, 7));
        }
        assert!(100 < seen.len(), "{}", seen.len());
    }
}
