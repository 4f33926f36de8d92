//! The laws of a multi-user plan hold wherever the program is stopped: who is let in, what is decided, who
//! hears what.

use std::ops::Range;
use std::time::Duration;

use domain::AgentName;
use domain::message::{Author, ChatInfo};
use domain::people::{Handle, Role};
use harness::crash::Crash;
use harness::host::World;
use harness::platform::{FakePlatform, NAME, TestMessage, address};
use harness::rng::seeds;
use harness::simulation::Report;
use harness::simulation::multi_user::{MultiUser, run};
use store::{CentralStore, Wiring};

/// Random runs; CI time decides. `NANOCLAW_SEEDS=5000..9000` runs others.
const SEEDS: Range<u64> = 0..60;

#[track_caller]
fn check(what: &str, multi_user: &MultiUser) -> Report {
    let report = run(multi_user);
    let broken = report.violations.join("\n  ");
    let trace = report.trace.join("\n  ");
    assert!(report.violations.is_empty(), "{what}\n  {broken}\n{multi_user:#?}\n{trace}");
    report
}

/// Stops the host at every point of a plan, one run for each.
fn stop_everywhere(what: &str, multi_user: &MultiUser) {
    let undisturbed = check(what, multi_user);
    let (points, mut lives) = (undisturbed.host_points, 0);
    assert!(100 < points && undisturbed.lives == 1, "{points} points");
    for point in 1..=points {
        let multi_user = MultiUser { host_crashes: vec![point], ..multi_user.clone() };
        lives += check(&format!("{what}: stopped at point {point}"), &multi_user).lives;
    }
    eprintln!("{what}: {points} crash points, {points} runs, {lives} lives, 0 violations");
}

#[test]
fn the_host_may_stop_everywhere_while_people_come() {
    stop_everywhere("newcomers", &MultiUser::newcomers());
}

#[test]
fn the_host_may_stop_everywhere_while_numbers_are_typed() {
    stop_everywhere("typed", &MultiUser::typed());
}

#[test]
fn the_host_may_stop_everywhere_while_agents_work() {
    stop_everywhere("work", &MultiUser::work());
}

#[test]
fn random_multi_user_plans_with_random_faults_keep_the_laws() {
    let (mut points, mut lives) = (0, 0);
    let seeds = seeds(SEEDS);
    for seed in seeds.clone() {
        let report = check(&format!("seed {seed}"), &MultiUser::random(seed));
        points += report.host_points + report.runner_points;
        lives += report.lives;
    }
    let count = seeds.end - seeds.start;
    eprintln!(
        "{count} multi-user plans, {lives} lives, {points} crash points passed, 0 violations"
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_that_waited_is_not_lost_when_the_disk_is_full_just_then() {
    let world = World::on(FakePlatform::public());
    let host = world.start(Crash::never()).await;
    let mut central = CentralStore::open(&world.layout().central()).unwrap();
    let info = ChatInfo { title: "Family".into(), is_group: true };
    let chat = central.ensure_chat(&address("g"), &info, None, world.now()).unwrap().id;
    let andy = AgentName::parse("andy").unwrap();
    central.set_wiring(&Wiring::usual(chat, andy, true)).unwrap();
    let ann = central.add_person(&Handle::new(NAME, "ann"), "Ann", world.now()).unwrap();
    central.grant(ann, &Role::Owner).unwrap();
    let access_request =
        TestMessage::new("g", "m1", "please m1").by("bob", "Bob").in_group("Family");
    world.platform.write(access_request.mention());
    world.pass(Duration::from_secs(5)).await;
    let ann = Author::new("ann", "Ann");
    for label in ["Allow…", "Yes, allow"] {
        let shown = world.platform.shown();
        let card = shown.iter().find(|it| !it.buttons.is_empty()).unwrap();
        let button = card.buttons.iter().find(|it| it.label == label).unwrap();
        host.crash.disk_full_at("a message");
        world.platform.click(&card.id, &button.data, ann.clone());
        world.pass(Duration::from_secs(60)).await;
    }
    let heard = world.platform.texts("g").join("\n");
    assert!(heard.contains("please m1"), "{heard}");
}
