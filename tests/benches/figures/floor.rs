//! The least that a round trip and a stored message cost on this disk.

use std::path::Path;
use std::time::{Duration, Instant};

use domain::message::{Admitted, InboundKind, Outcome};
use domain::time::Timestamp;
use domain::{MessageSeq, SessionId};
use store::layout::Layout;
use store::{RunnerStore, SessionContext, SessionStore, TurnEnd};

use crate::rig::incoming;

fn admitted(index: usize) -> Admitted {
    Admitted { message: incoming("floor", index), kind: InboundKind::Chat, rule: None }
}

/// The commits of one answered message, back to back on one thread, with nothing in between: store, claim,
/// answer, import, claim the part, conclude it. Each call makes those of another message.
pub(crate) fn commits_of_a_round_trip(dir: &Path) -> impl FnMut() -> Duration + Send {
    let layout = Layout::new(dir);
    let paths = layout.session(SessionId(1));
    let mut host = SessionStore::create(&layout, Timestamp(1)).unwrap();
    let incarnation = host.posting().launch(Timestamp(1)).unwrap();
    let mut runner =
        RunnerStore::open(&paths.inbound_dir(), &paths.outbound_dir(), incarnation).unwrap();
    let mut index = 0;
    move || {
        let (now, message) = (Timestamp(1), admitted(index));
        let started = Instant::now();
        host.posting().insert(&[message], now).unwrap();
        let seq = MessageSeq(2 * i64::try_from(index).unwrap() + 2);
        runner.claim(&[seq], now).unwrap();
        let end = TurnEnd {
            messages: vec![seq],
            outcome: Outcome::Answered,
            reason: String::new(),
            text: Some("answer".into()),
            cost: None,
        };
        runner.end_turn(&end, &[], now).unwrap();
        host.import(&SessionContext::default(), now).unwrap();
        let key = host.rows().open_parts().unwrap()[0].key.clone();
        host.claim_part(&key, now).unwrap().unwrap();
        let sent = domain::delivery::Verdict::Sent { platform_id: "p".into() };
        host.conclude(&key, &sent, now).unwrap();
        index += 1;
        started.elapsed()
    }
}

/// A store of its own, beside what is measured. A disk's time for one commit varies by a factor of four
/// within a run, so both take turns, and the ratio compares what the same seconds allowed.
pub(crate) struct Bare {
    store: Option<SessionStore>,
    stored: usize,
    took: Duration,
}

impl Bare {
    pub(crate) fn new(dir: &Path) -> Self {
        let layout = Layout::new(dir.join("stored"));
        std::fs::create_dir_all(layout.home()).unwrap();
        let store = SessionStore::create(&layout, Timestamp(1)).unwrap();
        Self { store: Some(store), stored: 0, took: Duration::ZERO }
    }

    /// Stores messages one by one, each its own commit, on one thread.
    pub(crate) async fn store(&mut self, n: usize) {
        let store = self.store.take().unwrap();
        let range = self.stored..self.stored + n;
        let work = move || {
            let started = Instant::now();
            for index in range {
                store.rows().insert(&[admitted(index)], Timestamp(1)).unwrap();
            }
            (store, started.elapsed())
        };
        let (store, took) = tokio::task::spawn_blocking(work).await.unwrap();
        self.store = Some(store);
        self.stored += n;
        self.took += took;
    }

    pub(crate) fn per_second(&self) -> f64 {
        per_second(self.stored, self.took)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn per_second(n: usize, took: Duration) -> f64 {
    n as f64 / took.as_secs_f64()
}
