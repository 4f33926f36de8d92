//! What is in the databases and folders of the sessions.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use channel::Verdict;
use domain::message::Outcome;

use super::super::approver::TYPED;
use super::super::expect::{Class, agents, belongs, class, is_stopped};
use super::super::people::{Chat, Person};
use super::super::plan::{MultiUser, Post, Word};
use super::super::seen::{Seen, Session};
use crate::host::World;
use crate::platform::{FetchFault, SendFault};
use crate::simulation::Fault;

pub(super) fn check(world: &World, multi_user: &MultiUser, seen: &Seen) -> Vec<String> {
    let mut broken = Vec::new();
    for session in &seen.sessions {
        broken.extend(only_what_belongs(multi_user, session));
        broken.extend(files(world, multi_user, session));
        broken.extend(runs_for_nothing(world, session));
        broken.extend(order_of_storing(multi_user, session));
    }
    for post in &multi_user.posts {
        for (agent, _) in agents(multi_user, post.chat) {
            broken.extend(once(multi_user, seen, post, agent));
        }
    }
    let refused = world.platform.verdicts();
    let is_refused = |it: &Verdict| matches!(it, Verdict::Refused(_)) && !multi_user.disk_fills();
    let refused = refused.iter().filter(|it| is_refused(&it.1));
    broken.extend(refused.map(|it| format!("{} was refused: {:?}", it.0, it.1)));
    broken
}

/// Nothing of another chat, thread or agent; nothing of whom nobody let in.
fn only_what_belongs(multi_user: &MultiUser, session: &Session) -> Vec<String> {
    let (row, mut broken) = (&session.row, Vec::new());
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, _) in &session.stored {
        *count.entry(id).or_default() += 1;
        let where_ = format!("{} ({}, {})", row.id, row.agent, row.shares());
        match multi_user.posts.iter().find(|it| it.id == *id) {
            None if id.starts_with(TYPED) => {}
            None => broken.push(format!("{where_} has {id}, which nobody wrote")),
            Some(post) if !belongs(multi_user, post, row) => {
                broken.push(format!("{where_} has {id}, which belongs elsewhere"));
            }
            Some(post) if class(multi_user, post, row.agent.as_str()) == Class::Nowhere => {
                broken.push(format!("{where_} has {id}, which nobody may read"));
            }
            Some(_) => {}
        }
    }
    let twice = count.into_iter().filter(|it| 1 < it.1);
    broken.extend(twice.map(|(id, n)| format!("{} has {id} {n} times", row.id)));
    broken
}

/// Stored where it belongs, with one outcome.
fn once(multi_user: &MultiUser, seen: &Seen, post: &Post, agent: &str) -> Option<String> {
    let of_agent = seen.sessions.iter().filter(|it| it.row.agent.as_str() == agent);
    let session = of_agent.into_iter().find(|it| belongs(multi_user, post, &it.row));
    let stored = session.and_then(|it| it.stored.iter().find(|it| it.0 == post.id));
    let (class, id) = (class(multi_user, post, agent), &post.id);
    let Some(((_, outcome), session)) = stored.zip(session) else {
        let must = matches!(class, Class::Answered | Class::Context);
        return must.then(|| format!("{id} was lost for {agent}"));
    };
    let stopped = is_stopped(multi_user, post, &session.row);
    let good = match (class, outcome) {
        (_, None) | (Class::Nowhere, Some(_)) => false,
        (Class::Context | Class::PerhapsContext, Some(outcome)) => *outcome == Outcome::Silent,
        (Class::Answered | Class::Perhaps, Some(outcome)) => match outcome {
            Outcome::Answered | Outcome::Failed => true,
            Outcome::Declined => stopped,
            Outcome::Silent => false,
        },
    };
    (!good).then(|| format!("{id} ended for {agent} with {outcome:?}, and is {class:?}"))
}

/// A context message starts no container.
fn runs_for_nothing(world: &World, session: &Session) -> Option<String> {
    let silent = session.stored.iter().all(|it| it.1 == Some(Outcome::Silent));
    let start = format!("start {}", session.row.id);
    (silent && world.engine.log().contains(&start))
        .then(|| format!("{} was started for nothing", session.row.id))
}

/// What the same people wrote in the same chat is stored in that order, as far as nobody had to be
/// asked about them.
fn order_of_storing(multi_user: &MultiUser, session: &Session) -> Vec<String> {
    let at = |id: &str| session.stored.iter().position(|it| it.0 == id);
    let asked = |it: &Post| it.chat == Chat::Club || it.upon.is_some();
    let known = |it: &&Post| matches!(it.by, Person::Ann | Person::Zed) && !asked(it);
    let mut broken = Vec::new();
    for chat in Chat::ALL {
        let here = multi_user.posts.iter().filter(|it| it.chat == chat).filter(known);
        let places: Vec<(usize, &str)> =
            here.filter_map(|it| Some((at(&it.id)?, it.id.as_str()))).collect();
        for pair in places.windows(2).filter(|it| it[1].0 < it[0].0) {
            broken.push(format!("{} was stored before {}", pair[1].1, pair[0].1));
        }
    }
    broken
}

/// The files of a session are those that were sent, byte by byte, and none of a message for the agent is missing.
fn files(world: &World, multi_user: &MultiUser, session: &Session) -> Vec<String> {
    let here: Vec<&Post> = multi_user
        .posts
        .iter()
        .filter(|it| matches!(it.word, Word::Files(_)))
        .filter(|it| session.stored.iter().any(|stored| stored.0 == it.id))
        .collect();
    let mut wanted: Vec<Vec<u8>> = here.iter().flat_map(|it| it.files()).collect();
    let mut broken = Vec::new();
    for path in files_below(&world.layout().session(session.row.id).files_in()) {
        let content = fs::read(&path).unwrap();
        match wanted.iter().position(|it| *it == content) {
            Some(at) => drop(wanted.swap_remove(at)),
            None => broken.push(format!("{} is no file that was sent", path.display())),
        }
    }
    let gone = |it: &Fault| matches!(it, Fault::Fetch(FetchFault::Gone));
    let faults = |of: fn(&Fault) -> bool| multi_user.faults.iter().filter(|it| of(&it.1)).count();
    let unreachable = faults(|fault| {
        matches!(
            fault,
            Fault::Fetch(FetchFault::Unreachable)
                | Fault::Disconnect
                | Fault::Send(SendFault::Unreachable)
        )
    });
    let stopped = here.iter().any(|it| is_stopped(multi_user, it, &session.row));
    // Files of context are fetched with a message that shows them, and few.
    let is_context = |post: &&&Post| {
        session.stored.iter().any(|it| it.0 == post.id && it.1 == Some(Outcome::Silent))
    };
    let context: usize = here.iter().filter(is_context).map(|it| it.files().len()).sum();
    let may_lack = context + faults(gone) + usize::from(4 < unreachable) * 9;
    if may_lack < wanted.len() && !stopped {
        broken.push(format!("{} lacks {} files", session.row.id, wanted.len()));
    }
    broken
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).map(|it| it.flatten().collect::<Vec<_>>());
    for entry in entries.unwrap_or_default() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else if !entry.file_name().to_string_lossy().starts_with('.') {
            found.push(path);
        }
    }
    found
}
