//! Boots a copy of a data directory with doubles of everything outside, and checks that it comes to
//! rest, answers a message, and keeps the laws. What a verified backup may claim.
//!
//! The copy is changed by that and thrown away by the caller: all agents play the demo, and nothing
//! of it reaches a platform, since no adapter of theirs is there.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use domain::plain::chain;
use domain::time::{Clock, SystemClock};
use store::layout::Layout;
use store::{CentralStore, SessionStore, StoreError};
use tokio::time::sleep;

use crate::clock::TestClock;
use crate::crash::Crash;
use crate::engine::FakeEngine;
use crate::env::SimulationEnv;
use crate::minimal::{MinimalHost, on_paused_clock, shut_down};
use crate::platform::FakePlatform;

/// Simulated. Longer than every back-off in a row.
const REST_WITHIN: Duration = Duration::from_secs(2 * 60 * 60);
const LOOK_EVERY: Duration = Duration::from_secs(2);
const CANARY: &str = "nanoclaw-verify-canary";

/// Boots the copy; says what it did. Blocks, on a thread and a clock of its own.
///
/// # Errors
/// What went wrong, in words: it did not come to rest, or a law was broken.
pub fn boot(layout: &Layout) -> Result<String, String> {
    let layout = layout.clone();
    let run = move || on_paused_clock(run(layout));
    thread::Builder::new()
        .name("verify".into())
        .spawn(run)
        .map_err(|err| err.to_string())?
        .join()
        .map_err(|_panic| "the copy made the program panic".to_owned())?
}

async fn run(layout: Layout) -> Result<String, String> {
    let clock = Arc::new(TestClock::default());
    // What lies in the copy is from now, and not from the clock's own year.
    clock.jump(SystemClock.now().0 - clock.now().0);
    let engine =
        FakeEngine::new(Arc::clone(&clock) as Arc<dyn Clock>, true, SimulationEnv::without_trace());
    let platform = FakePlatform::new();
    let registration = platform.registration(Crash::never());
    let minimal = MinimalHost { layout, clock, engine, registration, containers_max: 50 };
    minimal.install().map_err(|err| chain(&err))?;
    // Agents that somebody stopped answer nothing, in the copy no less.
    CentralStore::open(&minimal.layout.central())
        .and_then(|mut it| it.resume_all("verify", minimal.clock.now()))
        .map_err(|err| chain(&err))?;
    let (_host, root) = minimal.start().await;
    platform.post(CANARY, CANARY, "hello");
    let mut waited = Duration::ZERO;
    let seen = loop {
        sleep(LOOK_EVERY).await;
        waited += LOOK_EVERY;
        let seen = look(&minimal.layout).map_err(|err| chain(&err))?;
        let answered = platform.sent().iter().any(|it| it.last && it.reply_to == CANARY);
        if answered && seen.unfinished == 0 {
            break seen;
        }
        if REST_WITHIN < waited {
            return Err(format!(
                "it did not come to rest: {} messages without an outcome, canary answered: {answered}",
                seen.unfinished
            ));
        }
    };
    shut_down(&root).await;
    let mut keys = HashSet::new();
    for part in platform.sent().iter().filter(|it| !it.repeat) {
        if !keys.insert(part.key.clone()) {
            return Err(format!("{} was shown twice without saying so", part.key));
        }
    }
    Ok(format!(
        "a copy was booted with doubles of everything outside: {} sessions came to rest, {} \
         messages have exactly one outcome, and a new message was answered",
        seen.sessions, seen.messages
    ))
}

struct Seen {
    sessions: usize,
    messages: usize,
    unfinished: usize,
}

fn look(layout: &Layout) -> Result<Seen, StoreError> {
    let sessions = CentralStore::open(&layout.central())?.sessions()?;
    let mut seen = Seen { sessions: sessions.len(), messages: 0, unfinished: 0 };
    for row in sessions {
        let mut store = SessionStore::open(layout, row.id)?;
        seen.messages += store.rows().outcomes()?.len();
        // A file cannot be fetched here: its platform is not there.
        let waiting = store.snapshot()?.waiting;
        seen.unfinished += waiting.iter().filter(|it| !it.fetching).count();
    }
    Ok(seen)
}
