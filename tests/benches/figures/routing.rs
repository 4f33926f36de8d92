//! Messages of many groups and people through the whole decision: who writes, what they may, which
//! agent is meant, which conversation it belongs to; stored before they are acknowledged.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use channel::Caps;
use domain::AgentName;
use domain::agent::DEFAULT_AGENT;
use domain::message::{ChatInfo, Incoming};
use domain::outgoing::TextLimit;
use domain::people::Handle;
use domain::time::{Clock, SystemClock};
use harness::engine::FakeEngine;
use harness::env::SimulationEnv;
use store::layout::Layout;
use store::{CentralStore, Wiring};

use crate::floor::{Bare, per_second};
use crate::rig::{CHANNEL, Rig, incoming};

const MESSAGES: usize = 10_000;
const CHATS: usize = 1_000;

pub(crate) async fn run() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut bare = Bare::new(dir.path());
    // The engine is down, so that only routing and storing are measured.
    let engine = FakeEngine::new(Arc::new(SystemClock), true, SimulationEnv::without_trace());
    engine.set_reachable(false);
    let caps = Caps::plain(TextLimit::chars(4_000));
    let mut rig = Rig::start_with(dir.path(), engine, "none", None, caps).await;
    connect(dir.path());
    // Conversations exist before the clock runs.
    for chat in 0..CHATS {
        rig.post.send(message(chat, 1_000_000)).unwrap();
        rig.settled.recv().await.unwrap();
    }
    let mut took = Duration::ZERO;
    for round in 0..MESSAGES / CHATS {
        bare.store(200).await;
        let started = Instant::now();
        for chat in 0..CHATS {
            rig.post.send(message(chat, round * CHATS + chat)).unwrap();
        }
        let mut left = CHATS;
        while 0 < left {
            left -= rig.settled.recv().await.unwrap();
        }
        took += started.elapsed();
    }
    let (rate, floor) = (per_second(MESSAGES, took), bare.per_second());
    println!(
        "routed: {MESSAGES} messages over {CHATS} groups, half of them context: {rate:.0}/s; bare \
         commits {floor:.0}/s; ratio {:.2}",
        rate / floor
    );
    rig.stop().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// A member writes in a group; every other message is meant for the agent.
fn message(chat: usize, n: usize) -> Incoming {
    let mut message = incoming(&format!("g{chat}"), n);
    if n.is_multiple_of(2) {
        message.body.text.insert_str(0, "@andy ");
    }
    message.body.chat = ChatInfo { title: format!("Group {chat}"), is_group: true };
    message
}

fn connect(home: &Path) {
    let mut central = CentralStore::open(&Layout::new(home).central()).unwrap();
    let (andy, now) = (AgentName::parse(DEFAULT_AGENT).unwrap(), SystemClock.now());
    let ann = central.add_person(&Handle::new(CHANNEL, "ann"), "Ann", now).unwrap();
    central.add_member(ann, &andy).unwrap();
    for chat in 0..CHATS {
        let first = message(chat, 0);
        let row = central.ensure_chat(&first.from, &first.body.chat, None, now).unwrap();
        central.set_wiring(&Wiring::usual(row.id, andy.clone(), true)).unwrap();
    }
}
