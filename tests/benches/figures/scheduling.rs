//! What a look at the tasks costs, by how many there are.

use std::time::{Duration, Instant};

use domain::AgentName;
use domain::agent::{AgentGroup, DEFAULT_AGENT};
use domain::message::{Address, ChatInfo};
use domain::session_key::ChatId;
use domain::task::Missed;
use domain::time::{Clock, SystemClock, Timestamp};
use schedule::{Rule, Zone, due};
use store::{CentralStore, Decided, Task, TaskRow};

use crate::rig::{Rig, incoming};
use crate::{median, spread};

const STORED: [usize; 2] = [10_000, 100_000];
const DUE: usize = 10;
const ROUNDS: usize = 20;
/// A sweep with so many stored and so few due.
const SWEEP_MAX: Duration = Duration::from_millis(5);
const PUNCTUAL_ROUNDS: usize = 20;
/// What a task may be late while the host is awake.
const PUNCTUAL_MAX: Duration = Duration::from_millis(100);
const DAY: i64 = 24 * 3_600_000;

pub(crate) fn run() {
    let (mut medians, mut swept) = (Vec::new(), Vec::new());
    for count in STORED {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut central = CentralStore::open(&dir.path().join("central.db")).unwrap();
        make_tasks(&mut central, count);
        let (mut looks, mut sweeps) = (Vec::new(), Vec::new());
        for round in 1..=i64::try_from(ROUNDS).unwrap() {
            // Ten come due each day, at its beginning.
            let now = Timestamp(round * DAY);
            let started = Instant::now();
            let found = central.due_tasks(now, 200).unwrap();
            let next = central.earliest_slot(now).unwrap();
            looks.push(started.elapsed());
            assert!(found.len() == DUE && next.is_some());
            let decide = |row: TaskRow| {
                let task = &row.task;
                let plan = due(&task.rule, &task.zone, task.missed, row.accounted_until, now);
                Decided { row, plan, why: None }
            };
            let decided: Vec<Decided> = found.into_iter().map(|it| decide(it.0)).collect();
            let fired = central.fire(&decided, now).unwrap();
            sweeps.push(started.elapsed());
            assert_eq!(fired.len(), DUE);
            // What becomes of them is not what is measured.
            for key in fired {
                central.record_result(key, true, "", now).unwrap();
            }
        }
        println!("scheduling: {count} tasks, {DUE} due: look {}", spread(&mut looks));
        println!("scheduling: {count} tasks, {DUE} due: looked and fired {}", spread(&mut sweeps));
        medians.push(median(&mut looks));
        swept.push(median(&mut sweeps));
    }
    let ratio = medians[1].as_secs_f64() / medians[0].as_secs_f64();
    println!("scheduling: ten times the tasks cost {ratio:.2} times the look");
    assert!(swept[1] < SWEEP_MAX, "{swept:?}");
}

/// From a slot to what is said of it, in a chat whose container runs. The clock has milliseconds.
pub(crate) async fn punctual(rig: &mut Rig, chat: &str) {
    let at = incoming(chat, 0).from;
    let central = &rig.host.central;
    let chat = central.read(move |it| it.chat(&at)).await.unwrap().unwrap().id;
    let (mut fired, mut said) = (Vec::new(), Vec::new());
    for _ in 0..PUNCTUAL_ROUNDS {
        let slot = Timestamp((SystemClock.now().0 / 1_000 + 2) * 1_000);
        let task = task(chat, Rule::Once(slot));
        let add = move |it: &mut CentralStore| it.add_task(&task, SystemClock.now());
        let id = rig.host.central.write("a task", add).await.unwrap();
        rig.host.wake_tasks();
        rig.delivered.recv().await.unwrap();
        said.push(SystemClock.now().since(slot));
        let fires = rig.host.central.read(move |it| it.task_history(id, 1)).await.unwrap();
        fired.push(fires[0].fired_at.since(slot));
    }
    println!("scheduling: fired after its slot: {}", spread(&mut fired));
    println!("scheduling: said after its slot, container running: {}", spread(&mut said));
    assert!(median(&mut fired) < PUNCTUAL_MAX, "{fired:?}");
}

/// Ten that come each day, and the rest once, years from now.
fn make_tasks(central: &mut CentralStore, count: usize) {
    let agent = AgentName::parse(DEFAULT_AGENT).unwrap();
    central.add_agent(&AgentGroup::new(agent)).unwrap();
    let at =
        Address { channel: "cli".into(), account: "local".into(), chat: "a".into(), thread: None };
    let chat = central.ensure_chat(&at, &ChatInfo::default(), None, Timestamp(0)).unwrap().id;
    for n in 0..count {
        let rule = if n < DUE {
            Rule::Every { period: Duration::from_secs(86_400), from: Timestamp(0) }
        } else {
            Rule::Once(Timestamp(10_000 * DAY + i64::try_from(n).unwrap() * 1_000))
        };
        central.add_task(&task(chat, rule), Timestamp(0)).unwrap();
    }
}

fn task(chat: ChatId, rule: Rule) -> Task {
    Task {
        agent: AgentName::parse(DEFAULT_AGENT).unwrap(),
        session: None,
        chat,
        thread: None,
        owner: None,
        owner_handle: None,
        created_by: "bench".into(),
        prompt: "say hello".into(),
        script: None,
        rule,
        zone: Zone::utc(),
        missed: Missed::Latest,
    }
}
