//! Quiet hours of a run, and the law that they keep: what a task says meanwhile is not shown before
//! they are over, and what answers somebody is not held.

use std::time::Duration;

use channel::Part;
use domain::message::ChatInfo;
use domain::people::Handle;
use domain::quiet::Hours;
use domain::texts::notices::HELD;
use domain::time::Timestamp;
use schedule::{Zone, within_until};
use store::FireRow;

use super::plan::{Fault, Plan};
use super::tasks::{PlannedTask, central, said};
use crate::host::World;
use crate::platform::{NAME, TestMessage, address, name};
use crate::rng::Rng;

/// The reader of a chat has quiet hours every day for some minutes. A run begins at 22:13 UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiet {
    pub chat: String,
    /// Counted from 22:10; below 40.
    pub from_minute: u64,
    /// Below 600.
    pub minutes: u64,
}

impl Quiet {
    fn hours(&self) -> Hours {
        let from = 22 * 60 + 10 + self.from_minute;
        let to = (from + self.minutes) % (24 * 60);
        let time = |minute: u64| format!("{}:{:02}", minute / 60, minute % 60);
        Hours::parse(&format!("{}-{}", time(from), time(to))).unwrap()
    }

    fn holds(&self, at: Timestamp) -> bool {
        within_until(self.hours(), &Zone::utc(), at).is_some()
    }

    /// They are over, even if the clock is set back a few times.
    pub(super) fn over_within(&self) -> Duration {
        Duration::from_secs(60 * (6 * 60 + self.minutes))
    }
}

/// In the chat of a task, if there is one.
pub(super) fn random(rng: &mut Rng, tasks: &[PlannedTask]) -> Option<Quiet> {
    let chat = tasks.first()?.chat.clone();
    let (from_minute, minutes) = (rng.below(5), 1 + rng.below(15));
    (rng.below(2) == 0).then_some(Quiet { chat, from_minute, minutes })
}

pub(super) fn set_up(world: &World, quiet: Option<&Quiet>) {
    let Some(quiet) = quiet else { return };
    let (mut central, now) = (central(world), world.now());
    let who = TestMessage::new(&quiet.chat, "", "").sender().to_owned();
    let chat = address(&quiet.chat);
    central.ensure_chat(&chat, &ChatInfo::default(), Some(&who), now).unwrap();
    let person = central.add_person(&Handle::new(NAME, &who), "Ann", now).unwrap();
    central.set_person_quiet(person, Some(quiet.hours())).unwrap();
}

/// Every law that was broken about them, in words.
pub(super) fn check(world: &World, plan: &Plan, hostile: Option<&str>) -> Vec<String> {
    let quiet = plan.quiet.as_ref().filter(|it| hostile != Some(&*it.chat));
    let Some(quiet) = quiet else { return vec![] };
    let sent = world.platform.sent_when();
    let heads = |it: &Part| it.content.text().contains(HELD);
    let held = sent.iter().filter(|it| heads(&it.1) && !it.1.reply_to.is_empty());
    let mut broken: Vec<String> =
        held.map(|it| format!("{} was waited for and held", it.1.reply_to)).collect();
    if plan.faults.iter().any(|it| matches!(it.1, Fault::ClockJump(_))) {
        return broken;
    }
    let in_quiet = |(at, part): &&(_, Part)| {
        name(&part.to) == quiet.chat && quiet.holds(world.clock.unmoved(*at))
    };
    let shown: Vec<&Part> = sent.iter().filter(in_quiet).map(|it| &it.1).collect();
    let central = central(world);
    for row in central.tasks(None).unwrap() {
        let fires = central.task_history(row.id, 10_000).unwrap();
        let before = |it: &&FireRow| !quiet.holds(it.fired_at);
        let earlier = fires.iter().filter(before).count();
        let heard: usize = said(&row, shown.iter().copied()).values().sum();
        if earlier < heard {
            broken.push(format!("{} was heard {heard} times in quiet hours", row.id));
        }
    }
    broken
}
