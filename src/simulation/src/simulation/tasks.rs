//! Tasks of a run: set up before the host's first life, and the law that they keep. Every slot fires
//! once or is covered by a skipped one; every fire ends, and its answer is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use channel::Part;
use domain::AgentName;
use domain::agent::{AgentGroup, DEFAULT_AGENT};
use domain::message::{ChatInfo, Outcome};
use domain::task::{FireState, Missed};
use domain::time::Timestamp;
use schedule::{Rule, Zone, latest_at_or_before, slots};
use store::{CentralStore, FireRow, Task, TaskRow, Wiring};

use crate::host::World;
use crate::platform::{address, name};
use crate::rng::Rng;

/// A task that is there from the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTask {
    pub chat: String,
    /// Its first slot after the start.
    pub first: Duration,
    /// How far its slots are apart; `None` has one.
    pub period: Option<Duration>,
    pub missed: Missed,
    pub prompt: String,
}

/// Some tasks; the same dice give the same.
pub(super) fn random(rng: &mut Rng) -> Vec<PlannedTask> {
    let count = rng.below(4);
    (0..count)
        .map(|n| PlannedTask {
            chat: ["a", "b", "c"][usize::try_from(rng.below(3)).unwrap()].into(),
            first: Duration::from_secs(1 + rng.below(20)),
            period: (rng.below(2) == 0).then(|| Duration::from_secs(60 * (20 + rng.below(100)))),
            missed: match rng.below(3) {
                0 => Missed::Latest,
                1 => Missed::All(3),
                _ => Missed::Skip(Duration::from_secs(60)),
            },
            prompt: format!("task number {n}"),
        })
        .collect()
}

pub(super) fn central(world: &World) -> CentralStore {
    CentralStore::open(&world.layout().central()).unwrap()
}

pub(super) fn set_up(world: &World, tasks: &[PlannedTask]) {
    if tasks.is_empty() {
        return;
    }
    let (mut central, now) = (central(world), world.now());
    let agent = AgentName::parse(DEFAULT_AGENT).unwrap();
    central.add_agent(&AgentGroup::new(agent.clone())).unwrap();
    for planned in tasks {
        let at = address(&planned.chat);
        let chat = match central.chat(&at).unwrap() {
            Some(row) => row,
            None => central.ensure_chat(&at, &ChatInfo::default(), None, now).unwrap(),
        };
        central.set_wiring(&Wiring::usual(chat.id, agent.clone(), chat.is_group)).unwrap();
        let first = now + planned.first;
        let rule = match planned.period {
            None => Rule::Once(first),
            Some(period) => {
                let millis = i64::try_from(period.as_millis()).unwrap();
                Rule::Every { period, from: Timestamp(first.0 - millis) }
            }
        };
        let task = Task {
            agent: agent.clone(),
            session: None,
            chat: chat.id,
            thread: None,
            owner: None,
            owner_handle: None,
            created_by: "test".into(),
            prompt: planned.prompt.clone(),
            script: None,
            rule,
            zone: Zone::utc(),
            missed: planned.missed,
        };
        central.add_task(&task, now).unwrap();
    }
}

/// Whether nothing is due or open.
pub(super) fn is_at_rest(world: &World, tasks: &[PlannedTask]) -> bool {
    if tasks.is_empty() {
        return true;
    }
    let (central, now) = (central(world), world.now());
    let all = central.tasks(None).unwrap();
    all.iter().all(|it| it.next_at.is_none_or(|next| now < next))
        && central.handovers().unwrap().is_empty()
        && all.iter().all(|task| {
            let fires = central.task_history(task.id, 500).unwrap();
            fires.iter().all(|it| it.state != FireState::Running)
        })
}

/// Every law that tasks broke, in words. What those of a hostile chat say is their runner's.
pub(super) fn check(
    world: &World,
    tasks: &[PlannedTask],
    outcomes: &[(String, Option<Outcome>)],
    hostile: Option<&str>,
) -> Vec<String> {
    if tasks.is_empty() {
        return vec![];
    }
    let central = central(world);
    let sent = world.platform.sent();
    let mut broken = Vec::new();
    for row in central.tasks(None).unwrap() {
        let fires = central.task_history(row.id, 10_000).unwrap();
        broken.extend(uncovered(&row, &fires, row.created_at));
        for fire in fires.iter().filter(|it| it.state != FireState::Skipped) {
            let key = fire.key.to_string();
            let stored = outcomes.iter().filter(|it| it.0 == key).count();
            if stored != 1 {
                broken.push(format!("{key} is stored {stored} times"));
            }
            if fire.ended_at.is_none() {
                broken.push(format!("{key} has no end"));
            }
        }
        let chat = central.chat_by_id(row.task.chat).unwrap().unwrap();
        if hostile != Some(&*name(&chat.address)) {
            broken.extend(unheard(&row, &fires, &sent));
        }
    }
    broken
}

/// Slots since `from` that neither fired nor were skipped.
pub fn uncovered(row: &TaskRow, fires: &[FireRow], from: Timestamp) -> Vec<String> {
    let (rule, zone) = (&row.task.rule, &row.task.zone);
    let mut covered: BTreeSet<Timestamp> = BTreeSet::new();
    for fire in fires {
        let mut slot = Some(fire.key.slot);
        for _ in 0..fire.skipped.max(1) {
            let Some(at) = slot else { break };
            covered.insert(at);
            slot = latest_at_or_before(rule, zone, Timestamp(0), Timestamp(at.0 - 1));
        }
    }
    let end = Timestamp(row.accounted_until.0 + 1);
    slots(rule, zone, Timestamp(from.0 + 1), end)
        .filter(|it| !covered.contains(it))
        .map(|it| format!("{} has nothing to show for its slot {}", row.id, it.0))
        .collect()
}

/// How often each message says what a task has to say; several times if it was held for a while.
pub(super) fn said<'a>(
    row: &TaskRow,
    sent: impl Iterator<Item = &'a Part>,
) -> BTreeMap<&'a str, usize> {
    let text = format!("Reminder: {}", row.task.prompt);
    let times = |it: &Part| it.content.text().lines().filter(|line| line.ends_with(&text)).count();
    sent.map(|it| (it.key.as_str(), times(it))).filter(|it| 0 < it.1).collect()
}

/// Each slot that went well was heard once, in the chat of its task.
fn unheard(row: &TaskRow, fires: &[FireRow], sent: &[Part]) -> Vec<String> {
    let said = said(row, sent.iter());
    let heard: usize = said.values().sum();
    let well = fires.iter().filter(|it| it.state == FireState::Ok).count();
    let mut broken = Vec::new();
    // A stop holds back what has not left yet, and says so.
    let held_back =
        |it: &Part| it.key.contains(".nstopped") || it.content.text().contains("topped");
    if well < heard || (heard < well && !sent.iter().any(held_back)) {
        broken.push(format!("{} went well {well} times and was heard {heard} times", row.id));
    }
    let replies = |it: &&Part| said.contains_key(it.key.as_str()) && !it.reply_to.is_empty();
    let repeats = sent.iter().filter(replies).count();
    if repeats != 0 {
        broken.push(format!("{} answers a message that no platform knows", row.id));
    }
    broken
}
