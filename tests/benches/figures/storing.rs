//! Messages per second from a platform into sessions, durable before they are acknowledged.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::time::SystemClock;
use harness::engine::FakeEngine;
use harness::env::SimulationEnv;

use crate::floor::{Bare, per_second};
use crate::rig::{Rig, incoming};

/// All of them are fewer than one session takes.
const ROUNDS: usize = 10;
const MESSAGES_A_ROUND: usize = 400;

pub(crate) async fn run() {
    for sessions in [1, 200] {
        for one_by_one in [true, false] {
            measure(sessions, one_by_one).await;
        }
    }
}

async fn measure(sessions: usize, one_by_one: bool) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut bare = Bare::new(dir.path());
    // The engine is down, so that only storing is measured.
    let engine = FakeEngine::new(Arc::new(SystemClock), true, SimulationEnv::without_trace());
    engine.set_reachable(false);
    let mut rig = Rig::start(dir.path(), engine, "none", None).await;
    // Sessions exist before the clock runs.
    for chat in 0..sessions {
        rig.post.send(incoming(&format!("c{chat}"), 1_000_000)).unwrap();
        rig.settled.recv().await.unwrap();
    }
    let mut took = Duration::ZERO;
    for round in 0..ROUNDS {
        bare.store(200).await;
        let started = Instant::now();
        let mut left = MESSAGES_A_ROUND;
        for n in 0..MESSAGES_A_ROUND {
            let n = round * MESSAGES_A_ROUND + n;
            rig.post.send(incoming(&format!("c{}", n % sessions), n)).unwrap();
            if one_by_one {
                left -= rig.settled.recv().await.unwrap();
            }
        }
        while 0 < left {
            left -= rig.settled.recv().await.unwrap();
        }
        took += started.elapsed();
    }
    let (rate, floor) = (per_second(ROUNDS * MESSAGES_A_ROUND, took), bare.per_second());
    let how = if one_by_one { "each after the last was acknowledged" } else { "as they come" };
    println!(
        "stored: {sessions} session(s), {how}: {rate:.0} messages/s; bare commits {floor:.0}/s; ratio {:.2}",
        rate / floor
    );
    rig.stop().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
}
