//! Laws about stops and about containers: once a stop was ordered nothing of those whom it stopped is
//! shown and nothing of them is started until somebody lets them go on, and nothing of them runs once it
//! was acknowledged; what was set aside says nothing more; and no more containers run at an instant than
//! may.

use std::time::Duration;

use channel::Part;
use domain::message::Outcome;
use tokio::time::Instant;

use super::laws::answers;
use super::plan::{Fault, Plan, Post};
use crate::crash::JITTER_MS;
use crate::host::World;

/// The order that stops everybody, and the one that lets them go on.
pub(super) const STOP: &str = "x-stop";
pub(super) const RESUME: &str = "x-resume";

/// The write before which the gate closes.
const ORDER: &str = "before a stop order";
/// What passed the gate before it closed takes effect within the time that one call takes.
const PASSED: Duration = Duration::from_millis(JITTER_MS);
/// What was on its way to the platform when the stop was acknowledged.
const ON_ITS_WAY: Duration = Duration::from_millis(100);
/// How long a container may run whose start was under way, or that outlived the host.
const RUNS_ON: Duration = Duration::from_secs(5);
/// How long an engine that is back, or was slow, may keep what it was told to kill.
const ENGINE_BACK: Duration = Duration::from_secs(65);

/// Every law that was broken about them, in words.
pub(super) fn check(
    world: &World,
    plan: &Plan,
    started: Instant,
    outcomes: &[(String, Option<Outcome>)],
) -> Vec<String> {
    let sent = world.platform.sent_when();
    let mut broken = Vec::new();
    if let Some((from, until)) = stopped(plan, started, &sent) {
        let closed = world.env.last(ORDER, from).unwrap_or(from) + PASSED;
        let shown = |it: &&(Instant, Part)| closed < it.0 && it.0 < until;
        let of_agent = sent.iter().filter(shown).filter(|it| is_agents(&it.1.key));
        broken.extend(of_agent.map(|it| format!("{} was shown while all is stopped", it.1.key)));
        let runs = world.engine.timeline().runs().into_iter();
        let begun = runs.filter(|it| closed < it.asked && it.asked < until);
        broken.extend(begun.map(|it| format!("{} was started while all is stopped", it.session)));
        broken.extend(ran_on(world, plan, started, (from, until)));
    }
    let declined = outcomes.iter().filter(|it| it.1 == Some(Outcome::Declined));
    for (id, _) in declined {
        broken.extend(said_more(plan, &sent, id));
    }
    let most = world.engine.timeline().most();
    if world.containers_max < most {
        broken.push(format!("{most} containers ran at once, of {} at most", world.containers_max));
    }
    broken
}

/// What an agent wrote, and the line that shows that it works: `s1.o5.0`, `s1.s4`.
fn is_agents(key: &str) -> bool {
    let own = key.split_once('.').filter(|it| it.0 != "host").map(|it| it.1);
    own.is_some_and(|it| it.starts_with(['o', 's']))
}

/// From the acknowledgement until the resume was written, if it was written later.
fn stopped(plan: &Plan, started: Instant, sent: &[(Instant, Part)]) -> Option<(Instant, Instant)> {
    let resume = plan.posts.iter().find(|it| it.id == RESUME)?;
    let tells = |(_, part): &&(Instant, Part)| {
        let text = part.content.text();
        // One that could not be carried out says so.
        answers(part, STOP) && text.contains("is stopped") && !text.contains("But:")
    };
    let acknowledged = sent.iter().find(tells)?.0;
    let until = started + resume.at;
    (acknowledged < until).then_some((acknowledged, until))
}

/// Containers that ran while all was stopped.
fn ran_on(
    world: &World,
    plan: &Plan,
    started: Instant,
    (from, until): (Instant, Instant),
) -> Vec<String> {
    let timeline = world.engine.timeline();
    let lives = timeline.lives().into_iter().map(|it| it + RUNS_ON);
    let of_engine =
        |it: &Fault| matches!(it, Fault::EngineBack | Fault::EngineDown | Fault::SlowEngine);
    let faults = plan.faults.iter().filter(|it| of_engine(&it.1));
    let faults = faults.map(|it| started + it.0 + ENGINE_BACK);
    // What interfered last before each instant moves the time from which nothing may run.
    let excuses: Vec<Instant> = lives.chain(faults).collect();
    let runs = timeline.runs().into_iter().filter_map(|run| {
        let begins = run.from.max(from);
        let ends = run.until.unwrap_or(until).min(until);
        let is_excused = excuses.iter().any(|over| begins < *over && ends <= *over);
        (begins + RUNS_ON < ends && !is_excused).then_some((run.session, ends - begins))
    });
    runs.map(|(id, long)| format!("{id} ran for {long:?} while all is stopped")).collect()
}

/// What a person set aside says nothing more once that was told. Which stop set it aside is not known,
/// so the last one counts that could have.
fn said_more(plan: &Plan, sent: &[(Instant, Part)], id: &str) -> Option<String> {
    let post = plan.posts.iter().find(|it| it.id == id)?;
    let stops = |it: &&Post| it.id == STOP || (it.chat == post.chat && it.text == "/stop");
    let told = |stop: &Post| {
        let tells = |it: &&(Instant, Part)| answers(&it.1, &stop.id) && !is_agents(&it.1.key);
        sent.iter().find(tells).map(|it| it.0)
    };
    let told: Option<Vec<Instant>> = plan.posts.iter().filter(stops).map(told).collect();
    let last = told?.into_iter().max()? + ON_ITS_WAY;
    let more = |it: &&(Instant, Part)| last < it.0 && answers(&it.1, id) && is_agents(&it.1.key);
    let more = sent.iter().find(more)?;
    Some(format!("{} answers {id}, which was set aside", more.1.key))
}
