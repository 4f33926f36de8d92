//! What must become of each message, from the plan alone.

use domain::session_key::SessionMode;
use store::SessionRow;

use super::people::{ANDY, Chat, HUB, Person};
use super::plan::{ANN_CODE, ApproverDecision, Called, FAY_CODE, MultiUser, Post, Subject, Word};

/// What an agent does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Answered,
    /// One or the other: answered, or stored nowhere.
    Perhaps,
    /// Kept as background, and nothing else.
    Context,
    PerhapsContext,
    Nowhere,
}

/// What somebody is to an agent in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Known,
    /// Somebody has to be asked, who allows it or does not.
    Asked(bool),
    Denied,
}

/// What becomes of six digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Pairs,
    Wrong,
    /// No code is open any more, so it is a message like any other.
    Ordinary,
}

/// The agents that a chat reaches in the end.
pub(super) fn agents(multi_user: &MultiUser, chat: Chat) -> Vec<(&'static str, SessionMode)> {
    match chat {
        Chat::Ann | Chat::Fay => vec![(ANDY, SessionMode::Shared)],
        Chat::Family | Chat::Hall | Chat::Yard => chat.wired().to_vec(),
        Chat::Eve | Chat::Gus | Chat::Club => {
            let chosen = multi_user.decided(Subject::Chat(chat)).and_then(|it| it.split_once(':'));
            let mode = if chat.is_group() { SessionMode::PerThread } else { SessionMode::Shared };
            chosen.map(|it| (it.1, mode)).into_iter().collect()
        }
    }
}

pub(super) fn class(multi_user: &MultiUser, post: &Post, agent: &str) -> Class {
    let known_here = agents(multi_user, post.chat).iter().any(|it| it.0 == agent);
    if !known_here || matches!(code(multi_user, post), Some(Code::Pairs | Code::Wrong)) {
        return Class::Nowhere;
    }
    match (accepted(multi_user, post, agent), multi_user.turned_away.contains(&post.id)) {
        (Class::Answered, true) => Class::Perhaps,
        (Class::Context, true) => Class::PerhapsContext,
        (class, _) => class,
    }
}

/// The same for one that could be stored.
fn accepted(multi_user: &MultiUser, post: &Post, agent: &str) -> Class {
    match (calls(post, agent), access(multi_user, post.by, agent, post.chat)) {
        (true, Access::Known) => Class::Answered,
        (true, Access::Asked(true)) if waits_for_andy(multi_user, post, agent) => Class::Perhaps,
        (true, Access::Asked(true)) => Class::Answered,
        (false, Access::Known) if !post.chat.wired().is_empty() => Class::Context,
        (false, Access::Known | Access::Asked(true)) => Class::PerhapsContext,
        (_, Access::Asked(false) | Access::Denied) => Class::Nowhere,
    }
}

fn calls(post: &Post, agent: &str) -> bool {
    match post.called {
        _ if !post.chat.is_group() || post.is_command() => true,
        Called::Nobody => false,
        Called::All => true,
        Called::One(one) => one == agent,
    }
}

/// Where a message is for two agents that do not know its sender, the question about one comes
/// first, and a no ends the matter.
fn waits_for_andy(multi_user: &MultiUser, post: &Post, agent: &str) -> bool {
    let both = post.chat == Chat::Hall && calls(post, ANDY);
    let allowed = access(multi_user, post.by, ANDY, post.chat) == Access::Asked(true);
    agent == HUB && both && !allowed
}

fn access(multi_user: &MultiUser, person: Person, agent: &str, chat: Chat) -> Access {
    let is_known = matches!(person, Person::Ann | Person::Zed)
        || (person == Person::Zoe && agent == HUB)
        || (person == Person::Fay && agent == ANDY);
    if is_known || requester(multi_user, chat) == Some(person) {
        return Access::Known;
    }
    if person == Person::Eve && agent == ANDY {
        return Access::Denied;
    }
    let asked =
        |it: &Subject| matches!(it, Subject::Sender(who, to) if *who == person && *to == agent);
    let about = |it: &&ApproverDecision| asked(&it.about);
    let decision = multi_user.decisions.iter().find(about);
    Access::Asked(decision.and_then(|it| it.value) == Some(domain::approval::ALLOW))
}

/// Who brought a chat that nobody connected; they are let in with it.
pub(super) fn requester(multi_user: &MultiUser, chat: Chat) -> Option<Person> {
    if !chat.wired().is_empty() || matches!(chat, Chat::Ann | Chat::Fay) {
        return None;
    }
    let asks_for_access = |post: &&Post| {
        post.chat == chat
            && (!chat.is_group() || post.called != Called::Nobody || post.is_command())
            && !matches!(code(multi_user, post), Some(Code::Pairs | Code::Wrong))
    };
    multi_user.posts.iter().find(asks_for_access).map(|it| it.by)
}

/// `None` for what is no code.
pub(super) fn code(multi_user: &MultiUser, post: &Post) -> Option<Code> {
    let mut open = open_codes(multi_user);
    for posted in &multi_user.posts {
        let Word::Code(code) = posted.word else { continue };
        let fate = if open.contains(&code) {
            Code::Pairs
        } else if open.is_empty() {
            Code::Ordinary
        } else {
            Code::Wrong
        };
        if posted.id == post.id {
            return Some(fate);
        }
        open.retain(|it| *it != code);
    }
    None
}

/// Those that are open at the start.
pub(super) fn open_codes(multi_user: &MultiUser) -> Vec<&'static str> {
    let fay =
        multi_user.posts.iter().any(|it| it.word == Word::Code(FAY_CODE) && it.by == Person::Fay);
    let ann = (!multi_user.ann_is_owner).then_some(ANN_CODE);
    ann.into_iter().chain(fay.then_some(FAY_CODE)).collect()
}

/// Whether a session is the one that a message belongs to for its agent.
pub(super) fn belongs(multi_user: &MultiUser, post: &Post, row: &SessionRow) -> bool {
    let found = agents(multi_user, post.chat).into_iter().find(|it| it.0 == row.agent.as_str());
    let Some((_, mode)) = found else { return false };
    let chat = row.chat.as_ref().map(|it| it.chat.as_str());
    let thread = row.thread.as_deref();
    match mode {
        SessionMode::Shared => chat == Some(post.chat.name()) && thread.is_none(),
        SessionMode::PerThread => chat == Some(post.chat.name()) && thread == post.thread,
        SessionMode::AgentShared => chat.is_none() && thread.is_none(),
    }
}

/// Whether somebody said `/stop` in the conversation of a message after it was written.
pub(super) fn is_stopped(multi_user: &MultiUser, post: &Post, row: &SessionRow) -> bool {
    // What waits for a decision may be written before any order to stop.
    let at = multi_user.posts.iter().position(|it| it.id == post.id && it.upon.is_none());
    has_stop(multi_user, at.map_or(0, |at| at + 1), row)
}

/// Whether one of the posts from number `first` stops that conversation.
pub(super) fn has_stop(multi_user: &MultiUser, first: usize, row: &SessionRow) -> bool {
    let after = multi_user.posts.iter().skip(first);
    let mut stops = after.filter(|it| it.word == Word::Stop && belongs(multi_user, it, row));
    stops.any(|it| class(multi_user, it, row.agent.as_str()) != Class::Nowhere)
}
