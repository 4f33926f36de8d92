//! The real adapters in a whole host that is stopped around taking messages in. Whatever the platform
//! had been told by then, every message is answered, and an answer that comes twice says so.

use std::time::Duration;

use harness::conformance::{Double, TestChat};
use harness::crash::Crash;
use harness::discord::FakeDiscord;
use harness::telegram::FakeTelegram;
use tokio::time::{Instant, sleep};

use crate::ann::{PATIENCE, answers, is_marked, says, world};

const LOOK_EVERY: Duration = Duration::from_millis(5);
/// The first one is answered before anything goes wrong: what is written before a host has ever
/// stored how far it read is not promised.
const MESSAGES: usize = 4;

/// Where the host is stopped: the name of the point, and how many of its kind there are.
const POINTS: [(&str, u64); 3] =
    [("a message", 3), ("the claim of a part", 1), ("the end of a part", 2)];

/// Ann and her private chat with the bot. She outlives the host.
struct Ann<'a> {
    double: &'a dyn Double,
    direct: TestChat,
    posted: usize,
    /// Where the host is stopped, for a test that fails.
    point: String,
}

impl Ann<'_> {
    /// Writes up to this many messages, the last one when the first of them were answered, and waits
    /// for all answers.
    async fn write(&mut self, count: usize) {
        self.double.ready().await;
        while self.posted < count {
            if self.posted + 1 == count {
                self.until(count / 2).await;
            }
            says(self.double, &self.direct, self.posted).await;
            self.posted += 1;
        }
        self.until(count).await;
    }

    async fn until(&self, answered: usize) {
        let since = Instant::now();
        loop {
            let visible = self.double.visible().await;
            let missing: Vec<_> =
                (0..answered).filter(|n| answers(&visible, *n).next().is_none()).collect();
            if missing.is_empty() {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "{}: no answer to {missing:?}", self.point);
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Stops the host at a point while messages come in, starts it again from its files, and once more
/// for what would come again. Returns whether the point was reached.
async fn stop_at(double: &dyn Double, name: &str, nth: u64) -> bool {
    let world = world(double);
    let (direct, point) = (double.places().direct, format!("{name} {nth}"));
    let mut ann = Ann { double, direct, posted: 0, point };
    let host = world.start(Crash::never()).await;
    ann.write(1).await;
    host.shut_down().await;
    let crash = Crash::at_name(name, nth);
    let host = world.start(crash.clone()).await;
    let struck = tokio::select! {
        biased;
        () = crash.struck() => true,
        () = ann.write(MESSAGES) => false,
    };
    host.kill().await;
    let host = world.start(Crash::never()).await;
    ann.write(MESSAGES).await;
    host.shut_down().await;
    let host = world.start(Crash::never()).await;
    // Whatever is delivered again comes before this one.
    ann.write(MESSAGES + 1).await;
    host.shut_down().await;
    let outcomes = world.all_outcomes();
    assert_eq!(outcomes.len(), MESSAGES + 1, "{name} {nth}: {outcomes:?}");
    let visible = double.visible().await;
    for n in 0..=MESSAGES {
        let unmarked = answers(&visible, n).filter(|it| !is_marked(it)).count();
        assert!(unmarked <= 1, "{name} {nth}: {n} got {visible:?}");
    }
    struck
}

async fn stop_everywhere<D: Double>(make: impl AsyncFn() -> D) {
    for (name, count) in POINTS {
        for nth in 1..=count {
            for side in ["before", "after"] {
                let struck = stop_at(&make().await, &format!("{side} {name}"), nth).await;
                assert!(struck || 1 < nth, "{side} {name} was never reached");
            }
        }
    }
}

#[tokio::test]
async fn telegram_delivers_again_what_was_not_stored_and_nothing_twice() {
    stop_everywhere(FakeTelegram::start).await;
}

#[tokio::test]
async fn discord_catches_up_with_what_was_not_stored_and_nothing_twice() {
    stop_everywhere(FakeDiscord::start).await;
}
