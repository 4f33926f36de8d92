//! From "accepted" to "delivered" through a real container with the demo agent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Incarnation, SessionId};
use sandbox::docker::{DockerOptions, DockerSandbox};
use sandbox::{Mounts, Sandbox, Spec};

use crate::process::provided;
use crate::rig::{Rig, incoming};
use crate::{floor, median, scheduling, spread};

const USER: (u32, u32) = (1000, 1000);

pub(crate) async fn run() {
    let image = provided("NANOCLAW_TEST_IMAGE");
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (install, root) = ("bench".into(), dir.path().into());
    let options = DockerOptions { install, user: USER, root, socket: None };
    let engine = Arc::new(DockerSandbox::new(options));
    let mut rig = Rig::start(dir.path(), Arc::clone(&engine) as _, &image, Some(USER)).await;
    warm(&mut rig).await;
    scheduling::punctual(&mut rig, "warm").await;
    cold(&mut rig, &engine, dir.path(), &image).await;
    rig.stop().await;
    for session in engine.list().await.unwrap() {
        engine.stop(session).await.unwrap();
    }
}

async fn warm(rig: &mut Rig) {
    let _ = trip(rig, "warm", 0).await;
    let other = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut bare = floor::commits_of_a_round_trip(other.path());
    let (mut times, mut floors) = (Vec::new(), Vec::new());
    for n in 1..=100 {
        // Wake-ups of a session are paced (`actors/src/session/wakeups.rs`); people write slower. The floor
        // takes turns with it, as often, since a disk at rest is slower than one at work.
        tokio::time::sleep(Duration::from_millis(75)).await;
        floors.push(bare());
        tokio::time::sleep(Duration::from_millis(75)).await;
        times.push(trip(rig, "warm", n).await);
    }
    let ratio = median(&mut times).as_secs_f64() / median(&mut floors).as_secs_f64();
    println!("warm round trip: {}", spread(&mut times));
    println!("  floor, the same six commits bare: {}; ratio {ratio:.2}", spread(&mut floors));
}

/// Accepted to delivered.
async fn trip(rig: &mut Rig, chat: &str, n: usize) -> Duration {
    rig.post.send(incoming(chat, n)).unwrap();
    rig.settled.recv().await.unwrap();
    let accepted = Instant::now();
    rig.delivered.recv().await.unwrap();
    accepted.elapsed()
}

async fn cold(rig: &mut Rig, engine: &DockerSandbox, dir: &std::path::Path, image: &str) {
    let (mut times, mut floors) = (Vec::new(), Vec::new());
    for n in 0..10 {
        times.push(trip(rig, &format!("cold{n}"), 0).await);
        floors.push(bare_start(engine, dir, image, n).await);
    }
    let ratio = median(&mut times).as_secs_f64() / median(&mut floors).as_secs_f64();
    println!("cold round trip: {}", spread(&mut times));
    println!("  floor, a bare container start: {}; ratio {ratio:.2}", spread(&mut floors));
}

/// The same container, created and started with nothing to talk to.
async fn bare_start(
    engine: &DockerSandbox,
    dir: &std::path::Path,
    image: &str,
    n: i64,
) -> Duration {
    let session = SessionId(1_000_000 + n);
    let folder = |name: &str| {
        let path = dir.join(format!("bare-{n}-{name}"));
        std::fs::create_dir_all(&path).unwrap();
        path
    };
    let mounts = Mounts {
        inbound: folder("in"),
        outbound: folder("out"),
        files: folder("in/files"),
        workspace: folder("workspace"),
        home: folder("home"),
        link: folder("link"),
    };
    let spec = Spec {
        job: sandbox::Job::Run,
        agent_number: 0,
        agent: domain::AgentName::parse("bare").unwrap(),
        session,
        incarnation: Incarnation(1),
        image: image.into(),
        resources: domain::agent::Resources::default(),
        mounts,
        env: std::collections::BTreeMap::new(),
        fingerprint: "bare".into(),
    };
    let started = Instant::now();
    engine.start(&spec).await.unwrap();
    let took = started.elapsed();
    engine.stop(session).await.unwrap();
    took
}
