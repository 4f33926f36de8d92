//! Messages per second from a platform into sessions, durable before they are acknowledged.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::time::SystemClock;
use harness::engine::FakeEngine;

use crate::floor;
use crate::rig::{Rig, incoming};

const MESSAGES: usize = 5_000;

pub(crate) async fn run() {
    for (sessions, batch) in [(1, 1), (1, 50), (200, 1), (200, 50)] {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let floor = floor::stored_per_second(dir.path(), 2_000).await;
        // The engine is down, so that only storing is measured.
        let engine = FakeEngine::new(Arc::new(SystemClock), true);
        engine.set_reachable(false);
        let mut rig = Rig::start(dir.path(), engine, "none", None).await;
        // Sessions exist before the clock runs.
        for chat in 0..sessions {
            rig.post.send(vec![incoming(&format!("c{chat}"), 1_000_000)]).unwrap();
            rig.settled.recv().await.unwrap();
        }
        let started = Instant::now();
        let mut left = MESSAGES;
        for first in (0..MESSAGES).step_by(batch) {
            let count = batch.min(MESSAGES - first);
            let message = |n: usize| incoming(&format!("c{}", n % sessions), n);
            rig.post.send((first..first + count).map(message).collect()).unwrap();
            // One batch at a time, as a platform that is polled.
            left -= rig.settled.recv().await.unwrap();
        }
        assert_eq!(left, 0);
        let rate = floor::per_second(MESSAGES, started.elapsed());
        println!(
            "stored: {sessions} session(s), {batch} per poll: {rate:.0} messages/s; bare commits {floor:.0}/s; ratio {:.2}",
            rate / floor
        );
        rig.stop().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
