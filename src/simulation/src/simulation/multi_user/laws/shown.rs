//! What people see.

use std::collections::BTreeMap;

use channel::Part;
use domain::message::Outcome;

use super::super::approver::TYPED;
use super::super::expect::{Class, Code, agents, belongs, class, code, has_stop, is_stopped};
use super::super::plan::{MultiUser, PLAZA, Post, Word};
use super::super::seen::{Seen, Session, answers};

pub(super) fn check(multi_user: &MultiUser, seen: &Seen) -> Vec<String> {
    let mut broken = repeats(&seen.sent);
    for session in &seen.sessions {
        for (id, outcome) in &session.stored {
            broken.extend(answered(multi_user, seen, session, (id, *outcome)));
        }
        broken.extend(order(multi_user, seen, session));
        broken.extend(places(multi_user, seen, session));
        broken.extend(unfinished(multi_user, seen, session));
    }
    for post in &multi_user.posts {
        broken.extend(unnamed(multi_user, seen, post));
        broken.extend(paired(multi_user, seen, post));
    }
    broken
}

/// One visible answer of each agent, and it is the right one.
fn answered(
    multi_user: &MultiUser,
    seen: &Seen,
    session: &Session,
    (id, outcome): (&str, Option<Outcome>),
) -> Vec<String> {
    let (prefix, row) = (session.prefix(), &session.row);
    let of = |it: &Part| it.last && it.key.starts_with(&prefix) && answers(it, id);
    let mut keys = seen.keys(of);
    // An answer that was with its platform when a stop came arrives beside the notice about the stop.
    if outcome == Some(Outcome::Answered) && 1 < keys.len() {
        keys.retain(|it| !it.contains(".nstopped-"));
    }
    let post = multi_user.posts.iter().find(|it| it.id == id);
    // A number is typed when its card was seen, which may be before any order to stop.
    let stopped = match post {
        Some(post) => is_stopped(multi_user, post, row),
        None => id.starts_with(TYPED) && has_stop(multi_user, 0, row),
    };
    let mut broken = Vec::new();
    match (keys.len(), outcome) {
        (0, Some(Outcome::Silent) | None) | (1, Some(Outcome::Answered | Outcome::Failed)) => {}
        (0 | 1, _) if stopped => {}
        (n, _) => {
            let agent = &row.agent;
            broken.push(format!("{id} got {n} answers of {agent} ({outcome:?}): {keys:?}"));
        }
    }
    let mut sent = seen.sent.iter().filter(|it| of(it) && keys.contains(&it.key.as_str()));
    let text = sent.next().map(|it| it.content.text().to_owned());
    // What a stop cancelled before it was sent has the notice about the stop as its answer.
    let text = text.filter(|it| !(stopped && it.starts_with("I was stopped by")));
    if let (Some(post), Some(text), Some(Outcome::Answered)) = (post, text, outcome) {
        broken.extend(right(multi_user, post, &text).map(|why| format!("{id}: {why}: {text:?}")));
        if post.word == Word::Send && !stopped && !could_not_store(multi_user, post, &text) {
            broken.extend(sent_on(multi_user, seen, post, &prefix));
        }
    }
    broken
}

/// Why an answer is none to that message.
fn right(multi_user: &MultiUser, post: &Post, text: &str) -> Option<&'static str> {
    let files = || {
        let sizes = post.files().into_iter().map(|it| format!(": {} bytes, sha256", it.len()));
        let lacks = sizes.filter(|it| !text.contains(it)).count();
        let faults =
            multi_user.faults.iter().any(|it| matches!(it.1, crate::simulation::Fault::Fetch(_)));
        // An answer to several messages tells of the files of all of them.
        lacks == 0 || (faults && lacks <= text.matches("could not be fetched").count())
    };
    let good = match post.word {
        Word::Say => text.contains(&post.text().split_off(post.text().len() - post.id.len())),
        Word::Report => text.contains("I sent your report"),
        Word::Wait(secs) => text.contains(&format!("I waited {secs} seconds")),
        Word::Draft(_) => text.contains(&post.id),
        Word::Files(_) => files(),
        Word::Ask => text.contains("you chose") || text.contains("nobody answered in time"),
        Word::Admin(_) => text.contains("it says") || text.contains("it refuses"),
        Word::Send => text.contains("I sent it to"),
        Word::Context => text.contains("context message"),
        Word::Stop => text.contains("top"),
        Word::Status => text.contains("in progress"),
        Word::Code(_) => text.contains("you said"),
    };
    (!good && !could_not_store(multi_user, post, text)).then_some("that is no answer to it")
}

/// What a tool says on a full disk.
fn could_not_store(multi_user: &MultiUser, post: &Post, text: &str) -> bool {
    let uses_tool = matches!(post.word, Word::Report | Word::Ask | Word::Admin(_) | Word::Send);
    uses_tool && multi_user.disk_fills() && text.contains("could not be stored")
}

/// What went to another chat by its name is there; once, if no turn was done again.
fn sent_on(multi_user: &MultiUser, seen: &Seen, post: &Post, prefix: &str) -> Option<String> {
    let note = format!("note {}", post.id);
    let there = |it: &Part| it.to.chat == PLAZA.1.name() && it.content.text() == note;
    match seen.keys(|it| there(it) && it.key.starts_with(prefix)).len() {
        0 => Some(format!("{} was not passed on", post.id)),
        1 => None,
        n => (!multi_user.runners_die()).then(|| format!("{} was passed on {n} times", post.id)),
    }
}

/// A part is seen once, or its repeats say that they are.
fn repeats(sent: &[Part]) -> Vec<String> {
    let mut unmarked: BTreeMap<&str, usize> = BTreeMap::new();
    for part in sent.iter().filter(|it| !it.repeat) {
        *unmarked.entry(&part.key).or_default() += 1;
    }
    let twice = unmarked.into_iter().filter(|it| 1 < it.1);
    twice.map(|(key, n)| format!("{key} was shown {n} times without saying so")).collect()
}

/// Within a chat and a conversation, answers come in the order in which messages were stored.
fn order(multi_user: &MultiUser, seen: &Seen, session: &Session) -> Vec<String> {
    let prefix = session.prefix();
    let first = |id: &str| {
        let mut sent = seen.sent.iter();
        // The notice about a stop comes at once, whatever waits.
        let is_answer = |it: &Part| it.last && !it.key.contains(".nstopped-") && answers(it, id);
        sent.position(|it| is_answer(it) && it.key.starts_with(&prefix))
    };
    let post = |id: &str| multi_user.posts.iter().find(|it| it.id == id);
    let stored: Vec<&Post> = session.stored.iter().filter_map(|it| post(&it.0)).collect();
    let mut broken = Vec::new();
    for (index, early) in stored.iter().enumerate().filter(|it| !it.1.is_command()) {
        let here = |it: &&&Post| it.chat == early.chat && !it.is_command();
        for late in stored[index + 1..].iter().filter(here) {
            if let (Some(a), Some(b)) = (first(&early.id), first(&late.id))
                && b < a
            {
                broken.push(format!("{} was answered before {}", late.id, early.id));
            }
        }
    }
    broken
}

/// What an agent says goes where its message came from, or to the chat that it may name. An answer to
/// several messages goes where each of them came from.
fn places(multi_user: &MultiUser, seen: &Seen, session: &Session) -> Vec<String> {
    let prefix = session.prefix();
    let mut broken = Vec::new();
    for part in seen.sent.iter().filter(|it| it.key.starts_with(&prefix)) {
        let led = multi_user.posts.iter().find(|it| it.id == part.reply_to);
        let right = match led {
            Some(post) => is_in(post, part),
            None if part.reply_to.is_empty() => part.to.chat == PLAZA.1.name(),
            None => true,
        };
        let mut also = multi_user.posts.iter().filter(|it| part.also.contains(&it.id));
        if !right || also.any(|it| !is_in(it, part)) {
            broken.push(format!("{} went to {:?}", part.key, part.to));
        }
        if let Some(post) = led
            && !belongs(multi_user, post, &session.row)
        {
            broken.push(format!("{} answers {} of another conversation", part.key, post.id));
        }
    }
    broken
}

fn is_in(post: &Post, part: &Part) -> bool {
    part.to.chat == post.chat.name() && part.to.thread.as_deref() == post.thread
}

/// No line is left that says that work goes on.
fn unfinished(multi_user: &MultiUser, seen: &Seen, session: &Session) -> Vec<String> {
    let begins = format!("p-{}", session.prefix());
    let stopped = |id: &str| {
        let post = multi_user.posts.iter().find(|it| it.id == id);
        post.is_some_and(|it| is_stopped(multi_user, it, &session.row))
    };
    let any_stopped = session.stored.iter().any(|it| stopped(&it.0));
    // Of what was shown twice the first one stays: nobody knows its id.
    let is_last = |id: &str| {
        let key = id.trim_start_matches("p-").split('-').next().unwrap_or_default();
        let again = seen.sent.iter().filter(|it| it.key == key).count().saturating_sub(1);
        id == if again == 0 { format!("p-{key}") } else { format!("p-{key}-{again}") }
    };
    let left = seen.shown.iter().filter(|it| it.id.starts_with(&begins) && is_last(&it.id));
    let left =
        left.filter(|it| !any_stopped && (it.text.contains('⏳') || it.text.ends_with(" …")));
    left.map(|it| format!("{} still says {:?}", it.id, it.text)).collect()
}

/// No answer names what was written by people whom nobody let in.
fn unnamed(multi_user: &MultiUser, seen: &Seen, post: &Post) -> Vec<String> {
    let mut broken = Vec::new();
    let read = agents(multi_user, post.chat)
        .into_iter()
        .any(|it| class(multi_user, post, it.0) != Class::Nowhere);
    if read {
        return broken;
    }
    for part in seen.sent.iter().filter(|it| !it.key.starts_with("host.")) {
        if part.content.text().contains(&post.id) || answers(part, &post.id) {
            broken.push(format!("{} names {}, which nobody may read", part.key, post.id));
        }
    }
    broken
}

/// A code is answered once, by the host.
fn paired(multi_user: &MultiUser, seen: &Seen, post: &Post) -> Option<String> {
    let word = match code(multi_user, post)? {
        Code::Pairs => "Paired",
        Code::Wrong => "not the code",
        Code::Ordinary => return None,
    };
    let keys = seen.keys(|it| it.last && answers(it, &post.id));
    let said = seen.sent.iter().any(|it| answers(it, &post.id) && it.content.text().contains(word));
    (keys.len() != 1 || !said).then(|| format!("the code {} was answered by {keys:?}", post.id))
}
