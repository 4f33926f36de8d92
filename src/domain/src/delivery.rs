//! Decides about the parts of outgoing messages: when to send, when to try again, when to give up.
//!
//! A part goes `ready → claimed → sent | unsent | uncertain | dead`. It is claimed by a commit
//! before a platform is talked to; what a crash leaves claimed may or may not have been seen, and
//! becomes uncertain: it is sent again, marked as a possible repeat, with the same key, so that a
//! platform or client that keeps keys can drop the second copy.

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
    /// The platform has not got it.
    Unsent {
        retry_at: Timestamp,
    },
    /// The platform may have got it.
    Uncertain {
        retry_at: Timestamp,
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
            PartState::Unsent { retry_at } | PartState::Uncertain { retry_at } => Some(retry_at),
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

/// Answers of a platform before a part is given up.
pub const TRIES_MAX: u32 = 8;
const BACKOFF_BASE: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// Which parts to act on. Parts of different chats are independent.
#[must_use]
pub fn decide(heads: &[PartView], now: Timestamp) -> Vec<Effect> {
    heads
        .iter()
        .filter(|it| !it.in_flight)
        .filter_map(|it| match it.state {
            PartState::Ready => Some(Effect::Send(it.key.clone())),
            PartState::Claimed => Some(Effect::Doubt(it.key.clone())),
            PartState::Unsent { retry_at } | PartState::Uncertain { retry_at } => {
                retry_at.is_due(now, BACKOFF_MAX).then(|| Effect::Send(it.key.clone()))
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

/// What follows from an attempt. `tries` counts earlier answers of the platform; an outage does not
/// count, so that a night without network gives nothing up.
#[must_use]
pub fn conclude(attempt: Attempt, tries: u32, now: Timestamp) -> Verdict {
    let later = now + backoff(BACKOFF_BASE, BACKOFF_MAX, tries + 1);
    match attempt {
        Attempt::Delivered { platform_id } => Verdict::Sent { platform_id },
        Attempt::Unreachable => Verdict::Unsent { retry_at: later, counts: false },
        Attempt::Throttled { .. } if TRIES_MAX <= tries + 1 => {
            Verdict::Dead { why: "the platform kept asking to wait".into() }
        }
        Attempt::Throttled { after } => {
            Verdict::Unsent { retry_at: later.max(now + after.min(BACKOFF_MAX)), counts: true }
        }
        Attempt::Refused { why } => Verdict::Dead { why },
        Attempt::Unknown => Verdict::Uncertain { retry_at: later },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

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
        let later = NOW + Duration::from_secs(5);
        check(PartState::Ready, Some(Effect::Send(key.clone())));
        check(PartState::Claimed, Some(Effect::Doubt(key.clone())));
        check(PartState::Unsent { retry_at: NOW }, Some(Effect::Send(key.clone())));
        check(PartState::Unsent { retry_at: later }, None);
        check(PartState::Uncertain { retry_at: NOW }, Some(Effect::Send(key)));
        check(PartState::Uncertain { retry_at: later }, None);
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
        for tries in 0..100 {
            let out = conclude(Attempt::Unreachable, tries, NOW);
            assert!(matches!(out, Verdict::Unsent { counts: false, .. }));
        }
        let throttled = || Attempt::Throttled { after: Duration::from_secs(3) };
        let waits = Verdict::Unsent { retry_at: NOW + Duration::from_secs(3), counts: true };
        assert_eq!(conclude(throttled(), 0, NOW), waits);
        assert!(matches!(conclude(throttled(), TRIES_MAX - 1, NOW), Verdict::Dead { .. }));
    }

    #[test]
    fn silence_of_the_platform_is_not_taken_for_a_no() {
        assert!(matches!(conclude(Attempt::Unknown, 0, NOW), Verdict::Uncertain { .. }));
    }
}
