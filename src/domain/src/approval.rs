//! Whom to ask for a decision, and what becomes of a question that nobody answers.
//!
//! Invariants (checked in `tests`)
//! - At most one more person is asked at a time, and nobody twice.
//! - After a question has expired, nobody is asked.
//! - The requester always hears the result, also when nobody can be asked.

mod choice;
mod load;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::AgentName;
use crate::people::{PersonId, Role};
use crate::time::Timestamp;

pub use choice::{
    ALLOW, ChatChoice, REFUSE, asked_by, chat_options, consent_options, first_options,
    second_option, second_options, sender_options,
};
pub use load::{ACCOUNT_SPAN_MAX, RequestLoad, SPAN, TOLD_MAX, unasked_due_at};

/// How long an approver has before the next one is asked too.
pub const ESCALATE_AFTER: Duration = Duration::from_secs(10 * 60);
/// How long an approval stays open.
pub const APPROVAL_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long an agent's question stays open when it does not say.
pub const QUESTION_LIFE: Duration = Duration::from_secs(5 * 60);
/// The longest that an agent's question stays open.
pub const QUESTION_LIFE_MAX: Duration = APPROVAL_LIFE;
/// The shortest; people have to read it first.
pub const QUESTION_LIFE_MIN: Duration = Duration::from_secs(10);

/// How long an agent's question stays open. `wish` is what the agent asked for.
pub fn question_life(wish: Option<Duration>) -> Duration {
    wish.unwrap_or(QUESTION_LIFE).clamp(QUESTION_LIFE_MIN, QUESTION_LIFE_MAX)
}

/// One grant of one person, seen through one channel. A person with several of either is in the
/// list several times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub person: PersonId,
    pub role: Role,
    /// The order in which roles were granted.
    pub order: i64,
    /// Where they would be asked.
    pub channel: String,
    /// A direct chat with them is known or can be opened there.
    pub reachable: bool,
}

/// Somebody to ask, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Approver {
    pub person: PersonId,
    pub channel: String,
}

/// Who can be asked about an agent, nobody twice, in this order: its own admins, those of the host,
/// owners. Among equals, those on the channel where the matter came up, then those who have the role
/// longest. Without an agent (a chat that belongs to none yet) only the latter two.
pub fn approvers(
    candidates: &[Candidate],
    agent: Option<&AgentName>,
    channel: &str,
) -> Vec<Approver> {
    let mut able: Vec<(u8, &Candidate)> =
        candidates.iter().filter_map(|it| Some((tier(&it.role, agent)?, it))).collect();
    able.sort_by_key(|(tier, who)| {
        (*tier, who.channel != channel, who.order, who.person, who.channel.clone())
    });
    let mut seen = BTreeSet::new();
    able.iter()
        .filter(|(_, who)| who.reachable && seen.insert(who.person))
        .map(|(_, who)| Approver { person: who.person, channel: who.channel.clone() })
        .collect()
}

fn tier(role: &Role, agent: Option<&AgentName>) -> Option<u8> {
    match role {
        Role::Admin { of: Some(of) } => (Some(of) == agent).then_some(0),
        Role::Admin { of: None } => Some(1),
        Role::Owner => Some(2),
    }
}

/// What kind of answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Somebody who may decide, asked in person.
    Approval,
    /// The user in the conversation; the question was asked there when it was opened.
    Question,
}

/// How far a request for access got, for the requester.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    Asked,
    Denied,
    Expired,
    /// There is nobody to ask, or nobody can be reached.
    NobodyReachable,
}

/// A question that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenView {
    pub kind: Kind,
    pub opened_at: Timestamp,
    /// [`APPROVAL_LIFE`], or what [`question_life`] said when it was opened.
    pub life: Duration,
    /// Those who were asked so far.
    pub asked: Vec<AskedOne>,
    /// As [`approvers`] orders them now.
    pub approvers: Vec<Approver>,
    /// The requester was told that nobody can be asked.
    pub told_nobody: bool,
}

/// Somebody who was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedOne {
    pub person: PersonId,
    pub at: Timestamp,
    /// The card could not be delivered, so there is no point in waiting for them.
    pub lost: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Record that they are asked, and send them the card, in one commit.
    Ask(Approver),
    /// Settle it without an answer.
    Expire,
    /// Nobody was and nobody can be asked. Tell the requester, once; the question stays open, so
    /// that it is asked when somebody can be reached after all.
    TellNobody,
}

/// What a question needs next, if anything. Pure and total.
pub fn decide(view: &OpenView, now: Timestamp) -> Option<Effect> {
    // Twice the life: a clock that stepped back a little does not end what was just opened.
    if (view.opened_at + view.life).is_due(now, view.life.saturating_mul(2)) {
        return Some(Effect::Expire);
    }
    match view.kind {
        Kind::Question => None,
        Kind::Approval => escalate(view, now),
    }
}

fn escalate(view: &OpenView, now: Timestamp) -> Option<Effect> {
    if next_at(view).is_some_and(|at| !at.is_due(now, ESCALATE_AFTER)) {
        return None;
    }
    let reached = view.asked.iter().any(|it| !it.lost);
    match next(view) {
        Some(approver) => Some(Effect::Ask(approver.clone())),
        None => (!reached && !view.told_nobody).then_some(Effect::TellNobody),
    }
}

fn next(view: &OpenView) -> Option<&Approver> {
    view.approvers.iter().find(|it| view.asked.iter().all(|asked| asked.person != it.person))
}

/// When those who were asked had their time; `None` when nobody has to be waited for.
fn next_at(view: &OpenView) -> Option<Timestamp> {
    let waited_for = view.asked.iter().filter(|it| !it.lost);
    waited_for.map(|it| it.at + ESCALATE_AFTER).max()
}

/// When to look at a question again if nothing happens until then.
pub fn next_look(view: &OpenView) -> Timestamp {
    let end = view.opened_at + view.life;
    let more = view.kind == Kind::Approval && next(view).is_some();
    next_at(view).filter(|_| more).map_or(end, |at| at.min(end))
}
