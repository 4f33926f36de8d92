//! How long everything about a session may take.

use std::time::Duration;

use super::{BACKOFF_MAX, DEADLINE};

/// Messages of one session that wait for their answers; its chats are told that it takes no more. Each
/// waits for [`DEADLINE`] at most, and no person has so many.
pub const QUEUE_MAX: i64 = 5_000;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest silence of a container that has a message in hand.
    pub silence_max: Duration,
    /// Longest time that a running container may leave a message unclaimed.
    pub deaf_max: Duration,
    /// How often a turn is looked at when no notification comes.
    pub poll_every: Duration,
    /// Incarnations that may die with a message in hand before it is given up.
    pub tries_max: u32,
    /// Bad launches in a row before the session is parked.
    pub launches_max: u32,
    /// How long a parked session refuses work before it tries again.
    pub park_for: Duration,
    pub backoff_base: Duration,
    pub backoff_max: Duration,
    /// A container without work is stopped after this.
    pub idle_max: Duration,
    /// An actor without work and container ends after this.
    pub rest_after: Duration,
    /// A sender is told that things take time after this.
    pub tell_after: Duration,
    /// A chat is shown that the work on a message goes on after this.
    pub status_after: Duration,
    /// A message reaches its end within this time of its receipt,
    pub deadline: Duration,
    /// or, since a clock may have been set forward, this long after it was seen to be late.
    pub last_chance: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            silence_max: Duration::from_secs(30 * 60),
            deaf_max: Duration::from_secs(60),
            poll_every: Duration::from_secs(5),
            tries_max: 3,
            launches_max: 5,
            park_for: Duration::from_secs(10 * 60),
            backoff_base: Duration::from_secs(1),
            backoff_max: BACKOFF_MAX,
            idle_max: crate::agent::IDLE_MAX,
            rest_after: Duration::from_secs(60),
            tell_after: Duration::from_secs(30),
            status_after: Duration::from_secs(15),
            deadline: DEADLINE,
            last_chance: Duration::from_secs(60 * 60),
        }
    }
}
