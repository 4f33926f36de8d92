//! From an order to stop until no process of the sessions lives and no part can leave, with busy
//! containers.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::AgentName;
use domain::agent::DEFAULT_AGENT;
use domain::stop::Scope;
use engine::stopping;
use sandbox::Sandbox;
use sandbox::docker::{DockerOptions, DockerSandbox};
use tempfile::TempDir;

use crate::process::provided;
use crate::rig::{Rig, incoming};
use crate::{median, spread};

const USER: (u32, u32) = (1000, 1000);
const INSTALL: &str = "bench-stop";
/// As many as one agent may have of ten (`engine::container_slots`).
const BUSY: usize = 8;
const ROUNDS: usize = 5;

pub(crate) async fn run() {
    let (install, root) = (INSTALL.into(), env!("CARGO_TARGET_TMPDIR").into());
    let options = DockerOptions { install, user: USER, root, socket: None };
    let engine = Arc::new(DockerSandbox::new(options));
    let agent = Scope::Agent(AgentName::parse(DEFAULT_AGENT).unwrap());
    let mut floors = Vec::new();
    for _ in 0..ROUNDS {
        // Each on files of its own: what is killed here counts as a crash there.
        let home = home();
        let rig = busy(home.path(), &engine).await;
        rig.stop().await;
        floors.push(bare_kill());
        clean(&engine).await;
    }
    let floor = median(&mut floors).as_secs_f64();
    for (what, scope) in [("stop-agent", agent), ("panic", Scope::All)] {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let home = home();
            let rig = busy(home.path(), &engine).await;
            let ordered = Instant::now();
            let report = stopping::stop(&rig.host, &scope, "the benchmark", "").await;
            assert!(engine.list().await.unwrap().is_empty(), "{report:?}");
            times.push(ordered.elapsed());
            stopping::resume(&rig.host, std::slice::from_ref(&scope), "the benchmark")
                .await
                .unwrap();
            rig.stop().await;
        }
        let ratio = median(&mut times).as_secs_f64() / floor;
        println!("{what}: {BUSY} busy containers: {}; ratio {ratio:.2}", spread(&mut times));
    }
    println!("  floor, `docker kill` of as many: {}", spread(&mut floors));
    let home = home();
    one(home.path(), &engine).await;
}

/// `/stop` in one chat after the other.
async fn one(dir: &Path, engine: &Arc<DockerSandbox>) {
    let mut rig = busy(dir, engine).await;
    let mut times = Vec::new();
    for n in 0..BUSY {
        let ordered = Instant::now();
        say(&rig, n, "/stop");
        rig.settled.recv().await.unwrap();
        // The message is settled when its rows say so; the container is killed after that.
        while engine.list().await.unwrap().len() != BUSY - n - 1 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        times.push(ordered.elapsed());
    }
    println!("/stop: one of {BUSY} busy containers: {}", spread(&mut times));
    rig.stop().await;
    clean(engine).await;
}

fn say(rig: &Rig, chat: usize, text: &str) {
    let nth = usize::try_from(rig.host.clock.now().0).unwrap();
    let mut message = incoming(&format!("busy{chat}"), nth);
    message.body.text = text.into();
    rig.post.send(message).unwrap();
}

fn home() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A host with so many conversations at work.
async fn busy(dir: &Path, engine: &Arc<DockerSandbox>) -> Rig {
    let image = provided("NANOCLAW_TEST_IMAGE");
    let mut rig = Rig::start(dir, Arc::clone(engine) as _, &image, Some(USER)).await;
    for n in 0..BUSY {
        say(&rig, n, "wait 600");
        rig.settled.recv().await.unwrap();
    }
    while engine.list().await.unwrap().len() < BUSY {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Until each has its message in hand.
    tokio::time::sleep(Duration::from_secs(2)).await;
    rig
}

fn bare_kill() -> Duration {
    let label = format!("label=nanoclaw.install={INSTALL}");
    let listed = Command::new("docker").args(["ps", "-q", "--filter", &label]).output().unwrap();
    let ids = String::from_utf8(listed.stdout).unwrap();
    let started = Instant::now();
    let killed = Command::new("docker").arg("kill").args(ids.split_whitespace()).output().unwrap();
    assert!(killed.status.success() && ids.lines().count() == BUSY, "{killed:?}");
    started.elapsed()
}

async fn clean(engine: &DockerSandbox) {
    for session in engine.list().await.unwrap() {
        engine.kill(session).await.unwrap();
    }
}
