//! How often something may come, with a bound on the memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::lock;

/// Keys whose pace is remembered; while there are so many, no other one has any.
const KEYS_MAX: usize = 1_024;
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

    #[test]
    fn an_endless_number_of_keys_is_not_remembered() {
        let pace = Pace::new(1, Duration::from_secs(60));
        for n in 0..KEYS_MAX * 2 {
            assert_eq!(pace.count(n).is_ok(), n < KEYS_MAX);
        }
        assert_eq!(lock(&pace.free_at).len(), KEYS_MAX);
    }
}
