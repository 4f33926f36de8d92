//! What must hold after every run, whatever happened in it.

use std::collections::{HashMap, HashSet};

use channel::{Part, Verdict};
use domain::message::Outcome;
use store::SessionStore;
use tokio::time::Instant;

use super::plan::{Fault, Plan, Post};
use super::{hostile, leftovers, quiet, stops, tasks};
use crate::host::World;
use crate::platform::name;

/// Whether everything that was accepted has ended and everything written was delivered.
pub(super) fn is_at_rest(world: &World, plan: &Plan) -> bool {
    let (sent, turned_away) = (world.platform.sent(), turned_away(world));
    let hostile = hostile::chat(world, plan);
    let is_hostile = |it: &Post| hostile.as_deref() == Some(&*it.chat);
    // Cheap, and mostly enough: no file is opened.
    let met = |post: &Post| {
        turned_away.contains(&post.id)
            || sent.iter().any(|part| (part.last || is_hostile(post)) && answers(part, &post.id))
            || sent
                .iter()
                .any(|part| name(&part.to) == post.chat && part.content.text().contains("topped"))
    };
    if !plan.posts.iter().all(met)
        || world.engine.is_at_work()
        || !tasks::is_at_rest(world, &plan.tasks)
    {
        return false;
    }
    let mut outcomes = Vec::new();
    for session in world.sessions() {
        let mut store = SessionStore::open(&world.layout(), session).unwrap();
        if store.snapshot().map_or(true, |it| it.undelivered) {
            return false;
        }
        outcomes.extend(store.rows().outcomes().unwrap());
    }
    let ended = |id: &str| outcomes.iter().find(|it| it.0 == id).and_then(|it| it.1);
    let is_known =
        |post: &&Post| !turned_away.contains(&post.id) || outcomes.iter().any(|it| it.0 == post.id);
    let mut known = plan.posts.iter().filter(is_known);
    let is_met = |post: &Post| match is_hostile(post) {
        true => hostile::is_told(post, ended(&post.id), &sent),
        false => heard(post, ended(&post.id), &sent).is_none(),
    };
    known.all(is_met) && outcomes.iter().all(|it| it.1.is_some())
}

/// Messages whose senders were told that they could not be stored.
fn turned_away(world: &World) -> HashSet<String> {
    let verdicts = world.platform.verdicts().into_iter();
    verdicts.filter(|it| matches!(it.1, Verdict::Refused(_))).map(|it| it.0).collect()
}

/// Every law that the run broke, in words.
pub(super) fn check(
    world: &World,
    plan: &Plan,
    started: Instant,
    came_to_rest: bool,
) -> Vec<String> {
    let mut broken = Vec::new();
    if !came_to_rest {
        broken.push("it did not come to rest".to_owned());
    }
    let outcomes = world.all_outcomes();
    let sent = world.platform.sent();
    let turned_away = turned_away(world);
    let hostile = hostile::chat(world, plan);
    let hostile = hostile.as_deref();
    let refuses = |fault: &Fault| {
        matches!(fault, Fault::DiskFull(_) | Fault::UncertainCommit(_) | Fault::Reads(..))
    };
    let may_refuse = plan.faults.iter().any(|it| refuses(&it.1));
    for post in &plan.posts {
        let is_refused = turned_away.contains(&post.id);
        let ends: Vec<_> = outcomes.iter().filter(|it| it.0 == post.id).collect();
        match ends[..] {
            [] if is_refused && may_refuse => continue,
            [] => broken.push(format!("{} was lost", post.id)),
            [(_, None)] => broken.push(format!("{} has no outcome", post.id)),
            [(_, Some(_))] => {}
            _ => broken.push(format!("{} is stored {} times", post.id, ends.len())),
        }
        if is_refused && !may_refuse {
            broken.push(format!("{} was refused", post.id));
        }
        let outcome = ends.first().and_then(|it| it.1);
        if hostile != Some(&*post.chat) {
            broken.extend(heard(post, outcome, &sent));
        } else if !hostile::is_told(post, outcome, &sent) {
            broken.push(format!("{} was met with silence", post.id));
        }
    }
    broken.extend(repeats(plan, &sent));
    broken.extend(order(plan, &sent, &turned_away, hostile));
    broken.extend(places(plan, &sent));
    broken.extend(world.platform.over_pace());
    broken.extend(tasks::check(world, &plan.tasks, &outcomes, hostile));
    broken.extend(quiet::check(world, plan, hostile));
    broken.extend(hostile::check(world, plan, &sent));
    broken.extend(stops::check(world, plan, started, &outcomes));
    broken.extend(leftovers::check(world, plan));
    broken
}

pub(super) fn answers(part: &Part, id: &str) -> bool {
    part.reply_to == id || part.also.iter().any(|it| it == id)
}

/// Met with an answer: at least one, and by distinct answers at most one. What somebody stopped gets
/// none of its own; that it was stopped is said in its chat.
fn heard(post: &Post, outcome: Option<Outcome>, sent: &[Part]) -> Option<String> {
    let id = &post.id;
    let ends = |it: &&Part| it.last && answers(it, id) && !tells_of_stop(it);
    let mut keys: Vec<&str> = sent.iter().filter(ends).map(|it| it.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    match keys.len() {
        0 if outcome.is_some_and(|it| stop_told(&post.chat, it, sent)) => None,
        0 => Some(format!("{id} was met with silence")),
        1 => None,
        n => Some(format!("{id} got {n} different answers: {keys:?}")),
    }
}

/// Tells of a stop; the answer may be yet to come, or on its way already.
fn tells_of_stop(part: &Part) -> bool {
    part.key.contains(".nstopped")
}

/// A stop says what it set aside, and how much of what was answered it held back.
pub(super) fn stop_told(chat: &str, outcome: Outcome, sent: &[Part]) -> bool {
    let words: &[&str] = match outcome {
        Outcome::Declined => &["message cancelled", "messages cancelled"],
        Outcome::Answered | Outcome::Failed | Outcome::Silent => {
            &["pending answer", "may still arrive"]
        }
    };
    let tells = |text: &str| text.contains("topped") && words.iter().any(|it| text.contains(it));
    sent.iter().any(|it| name(&it.to) == chat && tells(it.content.text()))
}

/// A part is seen once, or its repeats say that they are; and there are no more of them than things
/// went wrong that could have hidden it.
fn repeats(plan: &Plan, sent: &[Part]) -> Vec<String> {
    let times = |(_, fault): &(_, Fault)| {
        let (Fault::UncertainCommit(n) | Fault::Reads(_, n)) = *fault else { return 1 };
        usize::try_from(n).unwrap_or(1)
    };
    let excuses = plan.faults.iter().map(times).sum::<usize>() + plan.host_crashes.len();
    let mut shown: HashMap<&str, usize> = HashMap::new();
    sent.iter().for_each(|it| *shown.entry(&it.key).or_default() += 1);
    let too_often = shown.into_iter().filter(|it| 1 + excuses < it.1);
    let mut broken: Vec<String> = too_often
        .map(|(key, n)| format!("{key} was shown {n} times, for {excuses} faults"))
        .collect();
    let mut unmarked: HashMap<&str, usize> = HashMap::new();
    for part in sent.iter().filter(|it| !it.repeat) {
        *unmarked.entry(&part.key).or_default() += 1;
    }
    let twice = unmarked.into_iter().filter(|it| 1 < it.1);
    broken.extend(twice.map(|(key, n)| format!("{key} was shown {n} times without saying so")));
    broken
}

/// An answer goes to the chat of its message.
fn places(plan: &Plan, sent: &[Part]) -> Vec<String> {
    let strays = |post: &Post| {
        let stray = |it: &&Part| answers(it, &post.id) && name(&it.to) != post.chat;
        let found = sent.iter().find(stray);
        found.map(|it| format!("{} was answered in {}", post.id, name(&it.to)))
    };
    plan.posts.iter().filter_map(strays).collect()
}

/// Within a chat, answers come in the order of their messages, but for those that were to be sent again.
fn order(
    plan: &Plan,
    sent: &[Part],
    turned_away: &HashSet<String>,
    hostile: Option<&str>,
) -> Vec<String> {
    let first_answer =
        |id: &str| sent.iter().position(|it| it.last && answers(it, id) && !tells_of_stop(it));
    let mut broken = Vec::new();
    let counts = |it: &&Post| !turned_away.contains(&it.id) && hostile != Some(&*it.chat);
    let posts: Vec<&Post> = plan.posts.iter().filter(counts).collect();
    for (index, early) in posts.iter().enumerate() {
        for late in posts[index + 1..].iter().filter(|it| it.chat == early.chat) {
            if let (Some(a), Some(b)) = (first_answer(&early.id), first_answer(&late.id))
                && b < a
            {
                broken.push(format!("{} was answered before {}", late.id, early.id));
            }
        }
    }
    broken
}
