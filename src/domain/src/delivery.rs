//! Decides about the parts of outgoing messages: when to send, when to try again, when to give up.
//!
//! A part goes `ready → claimed → sent | unsent | uncertain | dead`. It is claimed by a commit
//! before a platform is talked to; what a crash leaves claimed may or may not have been seen, and
//! becomes uncertain: it is sent again, marked as a possible repeat, with the same key, so that a
//! platform or client that keeps keys can drop the second copy.
//!
//! What is given up: a part that the platform refused, one that it asked [`TRIES_MAX`] times to wait
//! with, and one that may have been seen [`DOUBTS_MAX`] times without an answer. An outage gives
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

/// The oldest unfinished part of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartView {
    pub key: PartKey,
    pub state: PartState,
    /// This process is sending it right now.
    pub in_flight: bool,
}

impl PartView {
    /// When a part that waits is to be looked at again.
    #[must_use]
    pub fn retry_at(&self) -> Option<Timestamp> {
        match self.state {
            PartState::Unsent { retry_at, .. } | PartState::Uncertain { retry_at, .. } => {
                Some(retry_at)
            }
            PartState::Ready | PartState::Claimed => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Claim it, then hand it to the channel.
    Send(PartKey),
    /// A predecessor of this process claimed it and did not live to see the end.
    Doubt(PartKey),
}

/// How an attempt ended, sorted by what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
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
pub const DOUBTS_MAX: u32 = 6;
const BACKOFF_BASE: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// How much of a platform's wish to wait is honoured. Telegram's flood waits reach many hours; one
/// that is longer than a day is taken for a mistake, and asking again once a day harms nobody.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Which parts to act on. Parts of different chats are independent.
#[must_use]
pub fn decide(heads: &[PartView], now: Timestamp) -> Vec<Effect> {
    heads
        .iter()
        .filter(|it| !it.in_flight)
        .filter_map(|it| match it.state {
            PartState::Ready => Some(Effect::Send(it.key.clone())),
            PartState::Claimed => Some(Effect::Doubt(it.key.clone())),
            // The wait knows how long it is, so a clock that stepped back is told from a long wait.
            PartState::Unsent { retry_at, since } | PartState::Uncertain { retry_at, since } => {
                let due = retry_at.is_due(now, retry_at.since(since));
                due.then(|| Effect::Send(it.key.clone()))
            }
        })
        .collect()
}

/// Which parts to act on while the agent is stopped: only what the host itself says is sent.
#[must_use]
pub fn decide_still(heads: &[PartView], now: Timestamp) -> Vec<Effect> {
    let mut todo = decide(heads, now);
    todo.retain(|it| match it {
        Effect::Send(key) => key.is_hosts(),
        Effect::Doubt(_) => true,
    });
    todo
}

/// What follows from an attempt. Only answers of the platform use up tries; an outage does not
/// count, so that a night without network gives nothing up. A wait that the platform asks for is
/// never shortened by the spread, only prolonged.
#[must_use]
pub fn conclude(attempt: Attempt, tried: &Tried, now: Timestamp) -> Verdict {
    let unanswered = || now + wait(&tried.key, tried.misses + 1);
    match attempt {
        Attempt::Delivered { platform_id } => Verdict::Sent { platform_id },
        Attempt::Unreachable => Verdict::Unsent { retry_at: unanswered(), counts: false },
        Attempt::Throttled { .. } if TRIES_MAX <= tried.tries + 1 => {
            Verdict::Dead { why: "the platform kept asking to wait".into() }
        }
        Attempt::Throttled { after } => {
            let own = wait(&tried.key, tried.tries + 1);
            Verdict::Unsent { retry_at: now + own.max(after.min(RETRY_AFTER_MAX)), counts: true }
        }
        Attempt::Refused { why } => Verdict::Dead { why },
        Attempt::Unknown => Verdict::Uncertain { retry_at: unanswered() },
    }
}

/// Why a part that may have been seen this often is not sent again.
#[must_use]
pub fn exhausted(doubts: u32) -> Option<String> {
    let why = format!("no answer came {doubts} times; it may have been shown each time");
    (DOUBTS_MAX <= doubts).then_some(why)
}

/// A back-off that differs from part to part, so that what failed together does not come back
/// together: three quarters to the whole of it. By the key and not by dice, so that a run can be
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

    fn view(state: PartState, in_flight: bool) -> PartView {
        PartView { key: PartKey("o1.0".into()), state, in_flight }
    }

    fn check(state: PartState, want: Option<Effect>) {
        assert_eq!(decide(&[view(state, false)], NOW), Vec::from_iter(want), "{state:?}");
        assert_eq!(decide(&[view(state, true)], NOW), [], "in flight: {state:?}");
    }

    #[test]
    fn a_part_is_sent_when_it_is_due_and_doubted_when_its_sender_died() {
        let key = PartKey("o1.0".into());
        let (earlier, later) = (Timestamp(NOW.0 - 9), NOW + Duration::from_secs(5));
        let send = || Some(Effect::Send(key.clone()));
        check(PartState::Ready, send());
        check(PartState::Claimed, Some(Effect::Doubt(key.clone())));
        check(PartState::Unsent { retry_at: NOW, since: earlier }, send());
        check(PartState::Unsent { retry_at: later, since: earlier }, None);
        check(PartState::Uncertain { retry_at: NOW, since: earlier }, send());
        check(PartState::Uncertain { retry_at: later, since: NOW }, None);
    }

    #[test]
    fn a_day_is_waited_for_and_a_clock_that_stepped_back_is_not() {
        let unsent = |since: Timestamp, wait| PartState::Unsent { retry_at: since + wait, since };
        check(unsent(NOW, DAY), None);
        // Set an hour ahead of what the clock says now, for a second.
        let ahead = NOW + Duration::from_secs(3600);
        check(unsent(ahead, Duration::from_secs(1)), Some(Effect::Send(PartKey("o1.0".into()))));
    }

    #[test]
    fn of_a_stopped_agent_nothing_leaves_but_what_the_host_says() {
        let head =
            |key: &str, state| PartView { key: PartKey(key.into()), state, in_flight: false };
        for key in ["o1.0", "s2"] {
            assert_eq!(decide_still(&[head(key, PartState::Ready)], NOW), [], "{key}");
        }
        let doubt = Effect::Doubt(PartKey("o1.0".into()));
        assert_eq!(decide_still(&[head("o1.0", PartState::Claimed)], NOW), [doubt]);
        let send = Effect::Send(PartKey("nkept1.2".into()));
        assert_eq!(decide_still(&[head("nkept1.2", PartState::Ready)], NOW), [send]);
    }

    #[test]
    fn only_answers_of_the_platform_use_up_tries() {
        for misses in 0..100 {
            let out = conclude(Attempt::Unreachable, &tried(TRIES_MAX, misses), NOW);
            assert!(matches!(out, Verdict::Unsent { counts: false, .. }));
        }
        let throttled = |after| Attempt::Throttled { after };
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
            conclude(Attempt::Unknown, &tried(0, 99), NOW),
            Verdict::Uncertain { .. }
        ));
        assert_eq!(exhausted(DOUBTS_MAX - 1), None);
        assert!(exhausted(DOUBTS_MAX).is_some_and(|why| why.contains("6 times")));
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
