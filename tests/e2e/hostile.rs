//! An agent whose runner is an enemy, in a real container. Whatever it writes, swaps, locks and floods:
//! the host stays up and small, everybody else is answered within their usual time, and a sender to
//! the enemy hears something.

mod meter;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use sandbox::engine::Engine;
use sandbox::image::{Context, build_context};
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::meter::{Meter, median, timed};
use crate::rig::{Rig, provided};

const IMAGE: &str = "nanoclaw-e2e-test:hostile";
/// Messages to the enemy, all at once: what the containers that work on each do, one after the other
/// (`runner.py`). Each has a chat, and so a session, of its own.
const ATTACKS: [&str; 6] = [
    "link large flood",
    "swap tables rows",
    "deep garbage views",
    "spam sparse leave",
    "files options shout",
    "locks logs large",
];
/// Questions to a host that has nothing else to do, and at least so many under attack.
const CALM_ASKS: usize = 12;
/// What the log says where an attack reached the host: without it the enemy did nothing.
const TRACE: &str = "what the container wrote is damaged";
/// What the host may grow by, in KiB.
const GROWTH_MAX: u64 = 50 * 1024;
/// How much longer than usual an answer may take: in the middle, and at worst.
const RATIO_MAX: u32 = 5;
const SLACK: Duration = Duration::from_millis(250);
const SLACK_AT_WORST: Duration = Duration::from_secs(4);
/// Files that the host may hold open beyond those of before: connections of its pools.
const FILES_MORE: usize = 12;

/// Orders to the enemy whose answer is awaited.
type Attack = JoinSet<(&'static str, Output)>;

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "figures, for who looks why it failed")]
async fn an_enemy_in_a_container_costs_nobody_else_anything() {
    let rig = Rig::start().await;
    let image = build_image().await;
    add_enemy(&rig, &image);
    let usual = median(&ask_during(&rig, Attack::new()).await);
    let meter = Meter::start(rig.status()["pid"].as_u64().unwrap());
    let took = ask_during(&rig, attack(&rig)).await;

    let worst = *took.iter().max().unwrap();
    let grown = meter.peak().saturating_sub(meter.before());
    println!("usual {usual:?}, under attack {:?}, at worst {worst:?}", median(&took));
    println!("grown by {grown} KiB from {} KiB; {} answers", meter.before(), took.len());
    let log = rig.log();
    assert!(!log.contains("panicked"), "{log}");
    assert!(log.contains(TRACE), "no attack left {TRACE:?}\n{log}");
    assert!(!log.contains("Traceback"), "an attack failed for a fault of its own\n{log}");
    assert_eq!(rig.status()["pid"].as_u64(), Some(meter.pid()), "{log}");
    assert!(median(&took) <= usual * RATIO_MAX + SLACK, "{took:?}\n{log}");
    assert!(worst <= usual * RATIO_MAX + SLACK_AT_WORST, "{took:?}\n{log}");
    assert!(grown <= GROWTH_MAX, "the host grew by {grown} KiB\n{log}");
    meter.until_files_within(FILES_MORE).await;
    check_tools(&rig);
}

/// The image under test with another program in the place of the runner. The engine keeps it for the next
/// run.
async fn build_image() -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = source.join("../migrations/outbound/0001_start.sql");
    let lines = format!(
        "FROM {}\nCOPY schema /usr/local/share/outbound.sql\nCOPY runner {}\n",
        provided("NANOCLAW_TEST_IMAGE"),
        domain::inside::RUNNER
    );
    let context = Context::new(&lines)
        .add("schema", &schema)
        .add("runner", &source.join("e2e/hostile/runner.py"));
    let (engine, args) = (Engine::new(None), HashMap::new());
    build_context(&engine, context, IMAGE, &args, "none", &mut |_| ()).await.unwrap();
    IMAGE.to_owned()
}

fn add_enemy(rig: &Rig, image: &str) {
    let limits = ["--cpus", "0.3", "--memory", "256", "--disk", "4"];
    for args in [
        &["agents", "add", "mallory"][..],
        &[&["agents", "set", "mallory", "--image", image][..], &limits].concat(),
    ] {
        let out = rig.run(args);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
}

fn attack(rig: &Rig) -> Attack {
    let mut attack = Attack::new();
    for order in ATTACKS {
        let chat = rig.say_to(Some("mallory"), &order.replace(' ', "-"), order);
        attack.spawn(async move { (order, chat.output().await) });
    }
    attack
}

/// Andy answers again and again, in a chat of his own, until every chat of the enemy was told something.
async fn ask_during(rig: &Rig, mut attack: Attack) -> Vec<Duration> {
    let mut times = Vec::new();
    while times.len() < CALM_ASKS || !attack.is_empty() {
        let word = format!("calm-{}", times.len());
        let (took, answer) = timed(rig.ask("calm", &word)).await;
        assert!(answer.contains(&word), "{answer}");
        times.push(took);
        while let Some(told) = attack.try_join_next() {
            let (order, told) = told.unwrap();
            assert!(!told.stdout.is_empty(), "{order}: silence; {told:?}\n{}", rig.log());
        }
        sleep(Duration::from_millis(100)).await;
    }
    times
}

/// What people look at and keep works afterwards, whatever lies about.
fn check_tools(rig: &Rig) {
    let doctor = rig.run(&["doctor", "--json"]);
    let doctor: serde_json::Value = serde_json::from_slice(&doctor.stdout).unwrap();
    for part in ["engine", "host", "chat", "link"] {
        let mut checks = doctor["checks"].as_array().unwrap().iter();
        let check = checks.find(|it| it["name"] == part);
        assert_eq!(check.map(|it| &it["state"]), Some(&"ok".into()), "{part}: {doctor:#}");
    }
    let file: PathBuf = rig.layout().home().join("backup.tar");
    let file = file.to_str().unwrap();
    for args in [["backup", "create", file], ["backup", "verify", file]] {
        let out = rig.run(&args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    }
}
