//! The signature covers the body alone: not the hook, the kind of event, or the id of the delivery. So
//! a reader of one signed request could send its body as often as they like, to any hook, under
//! ever new ids. A body counts once: the same one is taken again only for the same hook, event and id.
//!
//! Each body that was taken is a line of a file in the run directory, so that a restart forgets none. A
//! file that cannot be read or written costs only that.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::plain::chain;
use domain::time::Timestamp;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tracing::warn;

use crate::signature::{hex, unhex};

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
pub(crate) struct Replays {
    seen: Mutex<Seen>,
    file: PathBuf,
}

#[derive(Debug, Default)]
struct Seen {
    /// The latest last.
    bodies: VecDeque<Body>,
    /// When each hook's burst is free again as a whole.
    free_at: HashMap<String, Instant>,
}

/// A body that is being taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    at: Timestamp,
    hash: Hash,
    /// The hash of its hook, event and id.
    taken_as: Hash,
    is_new: bool,
}

impl Replays {
    /// With what the file tells of the time before; it is rewritten without what is old.
    pub(crate) fn open(file: &Path, now: Timestamp) -> Self {
        let replays = Self { file: file.into(), ..Self::default() };
        let text = fs::read_to_string(file).unwrap_or_default();
        let mut seen = replays.lock();
        let mut kept = String::new();
        for body in text.lines().filter_map(Body::parse).filter(|it| now.since(it.at) < WINDOW) {
            kept += &body.line();
            seen.bodies.push_back(body);
        }
        drop(seen);
        replays.warn(fs::write(file, kept));
        replays
    }

    /// It was taken: also after a restart.
    pub(crate) fn keep(&self, body: Body) {
        let mut seen = self.lock();
        // The first of two that came at once may have failed and been forgotten.
        let is_unknown = seen.find(&body.hash).is_none();
        if is_unknown {
            seen.bodies.push_back(body);
        }
        drop(seen);
        if body.is_new || is_unknown {
            let file = OpenOptions::new().create(true).append(true).open(&self.file);
            self.warn(file.and_then(|mut it| it.write_all(body.line().as_bytes())));
        }
    }

    fn warn(&self, done: io::Result<()>) {
        if let Err(err) = done {
            warn!(why = chain(&err), file = ?self.file, "a restart will forget which bodies were taken");
        }
    }

    /// Notes a body, which came as `parts`: hook, event and id. `None` when it was taken as another
    /// event.
    pub(crate) fn note(&self, body: &[u8], parts: [&str; 3], now: Timestamp) -> Option<Body> {
        let taken_as = digest(&parts.map(str::as_bytes));
        let body = Body { at: now, hash: digest(&[body]), taken_as, is_new: true };
        let mut seen = self.lock();
        seen.forget_old(now);
        match seen.find(&body.hash) {
            Some(before) => (before.taken_as == taken_as).then_some(Body { is_new: false, ..body }),
            None => {
                seen.bodies.push_back(body);
                Some(body)
            }
        }
    }

    /// It was not taken after all, so that it may come as another event.
    pub(crate) fn forget(&self, body: Body) {
        if body.is_new {
            self.lock().bodies.retain(|it| it.hash != body.hash);
        }
    }

    /// Counts an event of a hook. `Err` with the time to wait when it brings too many. Bodies that were
    /// seen are counted apart: who caught one and sends it again keeps no new event out.
    pub(crate) fn pace(&self, hook: &str, body: &Body) -> Result<(), Duration> {
        let hook = if body.is_new { hook.to_owned() } else { format!("{hook} again") };
        let mut seen = self.lock();
        let now = Instant::now();
        if HOOKS_MAX <= seen.free_at.len() {
            seen.free_at.retain(|_, at| now < *at);
        }
        let free_at = seen.free_at.get(&hook).copied().filter(|it| now < *it).unwrap_or(now);
        let next = free_at + ONE_EVERY;
        let over = next.duration_since(now).saturating_sub(ONE_EVERY * BURST);
        if !over.is_zero() {
            return Err(over);
        }
        seen.free_at.insert(hook, next);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn find(&self, hash: &Hash) -> Option<Body> {
        self.bodies.iter().rev().find(|it| it.hash == *hash).copied()
    }

    fn forget_old(&mut self, now: Timestamp) {
        while let Some(oldest) = self.bodies.front()
            && (WINDOW <= now.since(oldest.at) || BODIES_MAX <= self.bodies.len())
        {
            self.bodies.pop_front();
        }
    }
}

impl Body {
    fn line(&self) -> String {
        format!("{} {} {}\n", self.at.0, hex(&self.hash), hex(&self.taken_as))
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let at = Timestamp(words.next()?.parse().ok()?);
        let mut hash = || -> Option<Hash> { unhex(words.next()?.as_bytes())?.try_into().ok() };
        Some(Self { at, hash: hash()?, taken_as: hash()?, is_new: false })
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

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    #[test]
    fn a_body_is_one_event_until_it_is_forgotten() {
        let replays = Replays::default();
        let body = replays.note(b"x", ["house", "push", "d-1"], NOW).unwrap();
        assert!(replays.note(b"x", ["house", "push", "d-1"], NOW).is_some(), "sent again");
        for other in [["house", "push", "d-2"], ["other", "push", "d-1"], ["house", "", "d-1"]] {
            assert_eq!(replays.note(b"x", other, NOW), None, "{other:?}");
        }
        assert!(replays.note(b"y", ["other", "push", "d-1"], NOW).is_some());
        replays.forget(body);
        assert!(replays.note(b"x", ["other", "push", "d-1"], NOW).is_some());
        assert!(replays.note(b"x", ["house", "push", "d-9"], NOW + WINDOW).is_some());
    }

    #[test]
    fn the_memory_is_bounded() {
        let replays = Replays::default();
        for n in 0..BODIES_MAX + 100 {
            replays.note(&n.to_be_bytes(), ["house", "", "d"], NOW).unwrap();
        }
        let seen = replays.lock();
        assert_eq!(seen.bodies.len(), BODIES_MAX);
    }

    #[test]
    fn a_restart_forgets_no_body_and_a_damaged_file_is_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("seen");
        let again = ["house", "push", "d-2"];
        let replays = Replays::open(&file, NOW);
        replays.keep(replays.note(b"x", ["house", "push", "d-1"], NOW).unwrap());
        replays.note(b"not taken", ["house", "push", "d-1"], NOW).unwrap();
        for _ in 0..2 {
            let replays = Replays::open(&file, NOW);
            assert_eq!(replays.note(b"x", again, NOW), None);
            assert!(replays.note(b"not taken", again, NOW).is_some());
        }
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("nonsense\n{text}1 2")).unwrap();
        assert_eq!(Replays::open(&file, NOW).note(b"x", again, NOW), None);
        assert!(Replays::open(&file, NOW + WINDOW).note(b"x", again, NOW + WINDOW).is_some());
        assert_eq!(fs::read_to_string(&file).unwrap(), "");
    }

    #[tokio::test(start_paused = true)]
    async fn a_hook_has_a_pace_and_another_has_its_own() {
        let replays = Replays::default();
        let note =
            |body: &[u8], event: &str| replays.note(body, ["house", "push", event], NOW).unwrap();
        let caught = note(b"caught", "d-1");
        assert!(replays.pace("house", &caught).is_ok());
        // Sent again, by its sender or by somebody who caught it, it keeps no new one out.
        while replays.pace("house", &note(b"caught", "d-1")).is_ok() {}
        for at in 1..BURST {
            let event = at.to_string();
            assert_eq!(replays.pace("house", &note(event.as_bytes(), &event)), Ok(()));
        }
        let new = note(b"new", "d-2");
        assert_eq!(replays.pace("house", &new), Err(ONE_EVERY));
        assert_eq!(replays.pace("other", &new), Ok(()));
        tokio::time::advance(ONE_EVERY).await;
        assert_eq!(replays.pace("house", &new), Ok(()));
        assert!(replays.pace("house", &new).is_err());
    }
}
