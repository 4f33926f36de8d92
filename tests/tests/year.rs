//! A year of tasks on the paused clock: the whole host, with restarts, sleeps and clocks that step back
//! in between. The test sleeps through the time between two slots, or it would take an hour. At its
//! end every slot of every rule has one fire, or is covered by a skipped one.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::AgentName;
use domain::agent::{AgentGroup, DEFAULT_AGENT};
use domain::task::{FireState, Missed, TaskId};
use domain::time::Timestamp;
use harness::crash::Crash;
use harness::host::{TestHost, World};
use harness::platform::address;
use harness::rng::Rng;
use harness::simulation::tasks::uncovered;
use schedule::Zone;
use store::{CentralStore, FireRow, Task};

const DAY: i64 = 24 * 3_600_000;
/// The machine wakes up this many milliseconds before a slot.
const SHORTLY: i64 = 8_000;
/// Often enough that no history of a task is forgotten unread.
const CHECK_EVERY: i64 = 10 * DAY;

/// Rule, zone, what is done about missed slots, what it says.
const TASKS: [(&str, &str, &str, &str); 9] = [
    ("0 9 * * 1-3", "Europe/Berlin", "latest", "stand-up"),
    ("30 2 */2 * *", "America/New_York", "all 3", "backup"),
    ("0 0 1 * *", "Asia/Kathmandu", "all 24", "rent"),
    ("15 14 */3 * *", "Australia/Lord_Howe", "skip 10m", "stretch"),
    ("0 12 29 2 *", "UTC", "latest", "leap day"),
    ("every 60h from 2023-11-15T00:00:00Z", "UTC", "latest", "plants"),
    ("at 2024-03-31T01:30:00Z", "Europe/London", "skip 1d", "clocks"),
    ("0 22 * * 7", "America/Santiago", "latest", "week"),
    ("every 14d at 02:30 from 2023-11-26", "Europe/Berlin", "latest", "bins"),
];

fn central(world: &World) -> CentralStore {
    CentralStore::open(&world.layout().central()).unwrap()
}

fn add_all(world: &World) -> Vec<TaskId> {
    let (mut central, now) = (central(world), world.now());
    let agent = AgentName::parse(DEFAULT_AGENT).unwrap();
    central.add_agent(&AgentGroup::new(agent.clone())).unwrap();
    let mut ids = Vec::new();
    for (index, (rule, zone, missed, prompt)) in TASKS.iter().enumerate() {
        let at = address(if index % 2 == 0 { "a" } else { "b" });
        central.wire(&at, &agent, now).unwrap();
        let task = Task {
            agent: agent.clone(),
            session: None,
            chat: central.chat(&at).unwrap().unwrap().id,
            thread: None,
            owner: None,
            owner_handle: None,
            created_by: "test".into(),
            prompt: (*prompt).into(),
            script: None,
            rule: rule.parse().unwrap(),
            zone: Zone::parse(zone).unwrap(),
            missed: Missed::parse(missed).unwrap(),
        };
        ids.push(central.add_task(&task, now).unwrap());
    }
    ids
}

/// What became of each slot so far. A slot that has fired never fires again.
#[derive(Default)]
struct Seen(BTreeMap<(TaskId, Timestamp), FireRow>);

impl Seen {
    fn read(&mut self, world: &World, ids: &[TaskId]) {
        let central = central(world);
        for fire in ids.iter().flat_map(|it| central.task_history(*it, 1_000).unwrap()) {
            let key = (fire.key.task, fire.key.slot);
            if let Some(before) = self.0.insert(key, fire.clone())
                && before.state != FireState::Skipped
            {
                assert_eq!(before.fired_at, fire.fired_at, "{fire:?} fired twice");
            }
        }
    }

    fn of(&self, id: TaskId) -> Vec<FireRow> {
        self.0.values().filter(|it| it.key.task == id).cloned().collect()
    }
}

fn minutes(rng: &mut Rng, below: u64) -> i64 {
    i64::try_from(60_000 * rng.below(below)).unwrap()
}

/// Something that happens to the machine; most of the time it only sleeps until shortly before the next
/// slot. What the host is afterwards.
async fn happen(world: &World, host: TestHost, rng: &mut Rng) -> TestHost {
    match rng.below(20) {
        0 => {
            host.kill().await;
            world.clock.jump(minutes(rng, 4_000));
            return world.start(Crash::never()).await;
        }
        1 => world.clock.jump(minutes(rng, 4_000)),
        2 => world.clock.jump(-minutes(rng, 55)),
        3 => world.clock.jump(-minutes(rng, 600)),
        _ => {
            let next = central(world).earliest_slot(world.now()).unwrap().unwrap();
            world.clock.jump((next.0 - world.now().0 - SHORTLY).max(0));
        }
    }
    host
}

#[tokio::test(start_paused = true)]
async fn a_year_leaves_no_slot_unaccounted_for() {
    let mut world = World::new();
    // A timer does not notice that the machine slept; a tick does.
    world.policy.sweep_period = Duration::from_secs(4);
    // Containers that wait for more cost polls.
    world.policy.session.idle_max = Duration::from_secs(1);
    world.policy.session.rest_after = Duration::from_secs(1);
    let ids = add_all(&world);
    let begun = world.now();
    let mut rng = Rng::new(2026);
    let mut seen = Seen::default();
    let mut host = world.start(Crash::never()).await;
    let mut checked = begun;
    while world.now().0 < begun.0 + 366 * DAY {
        host = happen(&world, host, &mut rng).await;
        world.pass(Duration::from_secs(14)).await;
        if checked.0 + CHECK_EVERY < world.now().0 {
            checked = world.now();
            seen.read(&world, &ids);
        }
    }
    // The last slots come to their end.
    world.pass(Duration::from_secs(600)).await;
    seen.read(&world, &ids);
    let store = central(&world);
    let mut fired = 0;
    for id in &ids {
        let (row, fires) = (store.task(*id).unwrap().unwrap(), seen.of(*id));
        assert_eq!(uncovered(&row, &fires, begun), [""; 0], "{}", row.task.rule);
        for fire in &fires {
            assert!(
                matches!(fire.state, FireState::Ok | FireState::Skipped),
                "{} {fire:?}",
                row.task.rule
            );
        }
        let well = fires.iter().filter(|it| it.state == FireState::Ok).count();
        let sent = world.platform.sent();
        let text = format!("Reminder: {}", row.task.prompt);
        let heard = sent.iter().filter(|it| !it.repeat && it.content.text().ends_with(&text));
        assert_eq!(heard.count(), well, "{}", row.task.rule);
        fired += well;
    }
    assert!(300 < fired, "{fired}");
    drop(host);
}
