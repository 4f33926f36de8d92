//! The signature covers the body alone: not the hook, the kind of event, or the id of the delivery. So
//! whoever has seen one signed request could send its body as often as they like, to any hook, under
//! ever new ids. A body counts once: the same one is taken again only for the same hook, event and id.
//!
//! What was taken before a restart is not remembered here; the host knows it by its hook and id.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// How long a body is remembered.
const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
/// Bodies that are remembered, the latest ones: about a megabyte.
const BODIES_MAX: usize = 8_192;
/// Events that one hook may bring at once, and the time in which one more is free again.
const BURST: u32 = 60;
const ONE_EVERY: Duration = Duration::from_secs(1);
/// Hooks whose pace is remembered; others have their burst free.
const HOOKS_MAX: usize = 1_024;

type Hash = [u8; 32];

#[derive(Debug, Default)]
pub(crate) struct Replays(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// What each body was taken as.
    bodies: HashMap<Hash, Hash>,
    order: VecDeque<(Instant, Hash)>,
    /// When each hook's burst is free again as a whole.
    free_at: HashMap<String, Instant>,
}

/// A body that is being taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    hash: Hash,
    is_new: bool,
}

impl Replays {
    /// Notes a body, which came as `parts`: hook, event and id. `None` when it was taken as another
    /// event.
    pub(crate) fn note(&self, body: &[u8], parts: [&str; 3]) -> Option<Body> {
        let mut seen = self.lock();
        let now = Instant::now();
        while seen
            .order
            .front()
            .is_some_and(|it| WINDOW <= now.duration_since(it.0) || BODIES_MAX <= seen.order.len())
        {
            if let Some((_, old)) = seen.order.pop_front() {
                seen.bodies.remove(&old);
            }
        }
        let (hash, taken_as) = (digest(&[body]), digest(&parts.map(str::as_bytes)));
        match seen.bodies.get(&hash) {
            Some(before) => (*before == taken_as).then_some(Body { hash, is_new: false }),
            None => {
                seen.bodies.insert(hash, taken_as);
                seen.order.push_back((now, hash));
                Some(Body { hash, is_new: true })
            }
        }
    }

    /// It was not taken after all, so that it may come as another event.
    pub(crate) fn forget(&self, body: Body) {
        if body.is_new {
            let mut seen = self.lock();
            seen.bodies.remove(&body.hash);
            seen.order.retain(|it| it.1 != body.hash);
        }
    }

    /// Counts an event of a hook. `Err` with the time to wait when it brings too many.
    pub(crate) fn pace(&self, hook: &str) -> Result<(), Duration> {
        let mut seen = self.lock();
        let now = Instant::now();
        if HOOKS_MAX <= seen.free_at.len() {
            seen.free_at.retain(|_, at| now < *at);
        }
        let free_at = seen.free_at.get(hook).copied().filter(|it| now < *it).unwrap_or(now);
        let next = free_at + ONE_EVERY;
        let over = next.duration_since(now).saturating_sub(ONE_EVERY * BURST);
        if !over.is_zero() {
            return Err(over);
        }
        seen.free_at.insert(hook.to_owned(), next);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(parts: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_is_one_event_until_it_is_forgotten() {
        let replays = Replays::default();
        let body = replays.note(b"x", ["house", "push", "d-1"]).unwrap();
        assert!(replays.note(b"x", ["house", "push", "d-1"]).is_some(), "sent again");
        for other in [["house", "push", "d-2"], ["other", "push", "d-1"], ["house", "", "d-1"]] {
            assert_eq!(replays.note(b"x", other), None, "{other:?}");
        }
        assert!(replays.note(b"y", ["other", "push", "d-1"]).is_some());
        replays.forget(body);
        assert!(replays.note(b"x", ["other", "push", "d-1"]).is_some());
        tokio::time::advance(WINDOW).await;
        assert!(replays.note(b"x", ["house", "push", "d-9"]).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_memory_is_bounded() {
        let replays = Replays::default();
        for n in 0..BODIES_MAX + 100 {
            replays.note(&n.to_be_bytes(), ["house", "", "d"]).unwrap();
        }
        let seen = replays.lock();
        assert!(seen.order.len() <= BODIES_MAX && seen.bodies.len() == seen.order.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_hook_has_a_pace_and_another_has_its_own() {
        let replays = Replays::default();
        for _ in 0..BURST {
            assert_eq!(replays.pace("house"), Ok(()));
        }
        assert_eq!(replays.pace("house"), Err(ONE_EVERY));
        assert_eq!(replays.pace("other"), Ok(()));
        tokio::time::advance(ONE_EVERY).await;
        assert_eq!(replays.pace("house"), Ok(()));
        assert!(replays.pace("house").is_err());
    }
}
