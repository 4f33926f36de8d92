//! What a sweep costs when there is nothing to do.

use std::time::{Duration, Instant};

use domain::AgentName;
use domain::agent::{AgentGroup, DEFAULT_AGENT};
use domain::message::Address;
use domain::time::{Clock, SystemClock, Timestamp};
use harness::engine::FakeEngine;
use harness::env::SimulationEnv;
use std::sync::Arc;

use actors::sessions::SessionsMessage;

use crate::rig::{CHANNEL, Rig};
use crate::spread;

pub(crate) async fn run() {
    for dormant in [100, 10_000] {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        make_sessions(dir.path(), dormant);
        let engine = FakeEngine::new(Arc::new(SystemClock), true, SimulationEnv::without_trace());
        let rig = Rig::start(dir.path(), engine, "none", None).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut times = Vec::new();
        for _ in 0..50 {
            let started = Instant::now();
            // What the sweep does: the supervisor looks at its children and asks the database who
            // else may have something to do.
            rig.host.peers.sessions.cast(SessionsMessage::Sweep);
            let _ = rig
                .host
                .peers
                .sessions
                .call_within(Duration::from_secs(30), SessionsMessage::List)
                .await;
            let found = rig.host.central.read(|central| central.awake()).await.unwrap();
            assert!(found.is_empty());
            times.push(started.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        println!("sweep: {dormant} dormant sessions: {}", spread(&mut times));
        rig.stop().await;
    }
}

/// Known sessions without an actor, as a year of chats leaves them.
pub(crate) fn make_sessions(home: &std::path::Path, count: usize) {
    let mut central = store::CentralStore::open(&home.join("central.db")).unwrap();
    let agent = AgentGroup::new(AgentName::parse(DEFAULT_AGENT).unwrap());
    central.add_agent(&agent).unwrap();
    for n in 0..count {
        let chat = Address {
            channel: CHANNEL.into(),
            account: "local".into(),
            chat: format!("dormant-{n}"),
            thread: None,
        };
        central.wire(&chat, &agent.name, Timestamp(1)).unwrap();
        let id = central.create_session(&chat, &agent.name, Timestamp(1)).unwrap();
        // Else each sweep begins with the pruning of one of them.
        central.set_pruned(id, SystemClock.now()).unwrap();
    }
}
