//! How often something may come, and whether it came before. Both are bounded in memory.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::lock;
use crate::signature::TOLERANCE;

/// Keys whose pace is remembered; while there are so many, no other one has any.
const KEYS_MAX: usize = 1_024;
/// Signed requests that are remembered, for as long as one of them may be sent again.
const SEEN_MAX: usize = 8_192;
const SEEN_FOR: Duration = TOLERANCE.saturating_mul(2);

/// A bucket of tokens for each key.
#[derive(Debug)]
pub(crate) struct Pace<K = std::net::IpAddr> {
    burst: u32,
    one_every: Duration,
    /// When each key's burst is free again as a whole.
    free_at: Mutex<HashMap<K, Instant>>,
}

impl<K: Hash + Eq> Pace<K> {
    pub(crate) fn new(burst: u32, one_every: Duration) -> Self {
        Self { burst, one_every, free_at: Mutex::default() }
    }

    /// Counts one. `Err` with the time to wait when there are too many.
    pub(crate) fn count(&self, key: K) -> Result<(), Duration> {
        let (mut free_at, now) = (lock(&self.free_at), Instant::now());
        if KEYS_MAX <= free_at.len() {
            free_at.retain(|_, at| now < *at);
        }
        if KEYS_MAX <= free_at.len() && !free_at.contains_key(&key) {
            return Err(self.one_every);
        }
        let free = free_at.get(&key).copied().filter(|it| now < *it).unwrap_or(now);
        let next = free + self.one_every;
        let over = next.duration_since(now).saturating_sub(self.one_every * self.burst);
        if !over.is_zero() {
            return Err(over);
        }
        free_at.insert(key, next);
        Ok(())
    }

    /// One that was counted does not count after all.
    pub(crate) fn give_back(&self, key: &K) {
        if let Some(at) = lock(&self.free_at).get_mut(key) {
            *at = at.checked_sub(self.one_every).unwrap_or(*at);
        }
    }

    /// Whether one more would be too many.
    pub(crate) fn is_over(&self, key: &K) -> bool {
        let now = Instant::now();
        let free = lock(&self.free_at).get(key).copied();
        free.is_some_and(|it| self.one_every * self.burst < it.duration_since(now) + self.one_every)
    }
}

impl Pace {
    /// Of an address from which no right signature came.
    pub(super) fn strangers() -> Self {
        Self::new(20, Duration::from_secs(5))
    }
}

/// Signed requests that were taken.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<VecDeque<(Instant, String)>>);

impl Seen {
    /// `false` when it is there already.
    pub(super) fn note(&self, digest: &str) -> bool {
        let mut seen = lock(&self.0);
        while seen.front().is_some_and(|it| SEEN_FOR <= it.0.elapsed()) || SEEN_MAX <= seen.len() {
            seen.pop_front();
        }
        let is_new = seen.iter().all(|it| it.1 != digest);
        if is_new {
            seen.push_back((Instant::now(), digest.to_owned()));
        }
        is_new
    }

    /// It was not taken after all.
    pub(super) fn forget(&self, digest: &str) {
        lock(&self.0).retain(|it| it.1 != digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_has_a_pace_and_another_has_its_own() {
        let pace = Pace::new(3, Duration::from_secs(1));
        for _ in 0..3 {
            assert!(!pace.is_over(&"house"));
            assert_eq!(pace.count("house"), Ok(()));
        }
        assert!(pace.is_over(&"house"));
        assert_eq!(pace.count("house"), Err(Duration::from_secs(1)));
        assert_eq!(pace.count("other"), Ok(()));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!pace.is_over(&"house"));
        assert_eq!(pace.count("house"), Ok(()));
        assert!(pace.count("house").is_err());
        pace.give_back(&"house");
        assert_eq!(pace.count("house"), Ok(()));
        assert!(pace.count("house").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_seen_is_known_for_a_while_and_the_memory_is_bounded() {
        let seen = Seen::default();
        assert!(seen.note("a") && !seen.note("a"));
        seen.forget("a");
        assert!(seen.note("a"));
        tokio::time::advance(SEEN_FOR).await;
        assert!(seen.note("a"));
        for n in 0..SEEN_MAX + 100 {
            assert!(seen.note(&n.to_string()));
        }
        assert_eq!(lock(&seen.0).len(), SEEN_MAX);
    }

    #[test]
    fn an_endless_number_of_keys_is_not_remembered() {
        let pace = Pace::new(1, Duration::from_secs(60));
        for n in 0..KEYS_MAX * 2 {
            assert_eq!(pace.count(n).is_ok(), n < KEYS_MAX);
        }
        assert_eq!(lock(&pace.free_at).len(), KEYS_MAX);
    }
}
