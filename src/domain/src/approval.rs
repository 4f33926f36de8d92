//! Whom to ask for a decision, and what becomes of a question that nobody answers.
//!
//! Invariants (checked in `tests`)
//! - At most one more person is asked at a time, and nobody twice.
//! - After a question has expired, nobody is asked.
//! - The requester always hears the result, also when nobody can be asked.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::AgentName;
use crate::people::{PersonId, Role};
use crate::question::Opt;
use crate::time::Timestamp;

/// How long an approver has before the next one is asked too.
pub const ESCALATE_AFTER: Duration = Duration::from_secs(10 * 60);
pub const APPROVAL_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
pub const QUESTION_LIFE: Duration = Duration::from_secs(5 * 60);
pub const QUESTION_LIFE_MAX: Duration = APPROVAL_LIFE;
/// The shortest; people have to read it first.
pub const QUESTION_LIFE_MIN: Duration = Duration::from_secs(10);

/// How long an agent's question stays open. `wish` is what the agent asked for.
pub fn question_life(wish: Option<Duration>) -> Duration {
    wish.unwrap_or(QUESTION_LIFE).clamp(QUESTION_LIFE_MIN, QUESTION_LIFE_MAX)
}

/// One grant of one person, seen through one channel.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    Asked,
    Denied,
    Expired,
    /// There is nobody to ask, or nobody can be reached.
    NobodyReachable,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenView {
    /// Those who may decide are asked in person; else it was put into the conversation when it was opened.
    pub in_person: bool,
    pub opened_at: Timestamp,
    /// [`APPROVAL_LIFE`], or what [`question_life`] said when it was opened.
    pub life: Duration,
    pub asked: Vec<AskedOne>,
    /// As [`approvers`] orders them now.
    pub approvers: Vec<Approver>,
    pub told_nobody: bool,
}

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
    Expire,
    /// Nobody was and nobody can be asked. Tell the requester, once; the question stays open, so
    /// that it is asked when somebody can be reached after all.
    TellNobody,
}

pub fn decide(view: &OpenView, now: Timestamp) -> Option<Effect> {
    // Twice the life: a clock that stepped back a little does not end what was just opened.
    if (view.opened_at + view.life).is_due(now, view.life.saturating_mul(2)) {
        return Some(Effect::Expire);
    }
    if !view.in_person || next_at(view).is_some_and(|at| !at.is_due(now, ESCALATE_AFTER)) {
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

pub fn next_look(view: &OpenView) -> Timestamp {
    let end = view.opened_at + view.life;
    let more = view.in_person && next(view).is_some();
    next_at(view).filter(|_| more).map_or(end, |at| at.min(end))
}

// Unknown users write as they like, so there are limits for each of them and for each account, and none that
// one of them could use up for everybody.

/// Open requests of one account about one agent, or about no agent yet.
const ACCOUNT_OPEN_MAX: u32 = 20;
/// Requests of one account within [`SPAN`]; more cards nobody reads.
pub const ACCOUNT_SPAN_MAX: u32 = 10;
/// Open requests that came up in one chat, which is one group full of unknown users.
const CHAT_OPEN_MAX: u32 = 5;
/// Open requests of one unknown user, who may be in many groups.
const REQUESTER_OPEN_MAX: u32 = 3;
pub const SPAN: Duration = Duration::from_secs(60 * 60);
/// Unknown users beyond the limits who are told so, of one account and within [`SPAN`].
pub const TOLD_MAX: u32 = 50;

/// How long the first user whom nobody was asked about waits for others before the owner is told.
const GATHER: Duration = Duration::from_secs(10 * 60);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestLoad {
    pub account_open: u32,
    pub account_span: u32,
    pub chat_open: u32,
    pub requester_open: u32,
}

impl RequestLoad {
    pub fn has_room(&self) -> bool {
        self.account_open < ACCOUNT_OPEN_MAX
            && self.account_span < ACCOUNT_SPAN_MAX
            && self.chat_open < CHAT_OPEN_MAX
            && self.requester_open < REQUESTER_OPEN_MAX
    }
}

/// When the owner is told: `oldest` is the first user whom nobody was asked about.
pub fn unasked_due_at(oldest: Timestamp, last_told: Option<Timestamp>) -> Timestamp {
    let gathered = oldest + GATHER;
    last_told.map_or(gathered, |it| gathered.max(it + SPAN))
}

// What the cards about unknown users and chats offer: the safest first. Sharing an agent takes two steps, since everyone
// who talks to an agent can read what it remembers. The options of a question are stored in one list: those that its card
// shows, then those that only a second card offers, which asks whether an agent is really to be shared.

pub const ALLOW: &str = "allow";
pub const REFUSE: &str = "refuse";
/// A card offers no more agents; the others can be connected with the command line.
const AGENTS_MAX: usize = 8;
/// Stands before the value that a second card asks about.
const ASK: &str = "ask:";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatChoice {
    Connect(AgentName),
    New(AgentName),
    Refuse,
}

impl ChatChoice {
    /// The value of the option; a `:` is in no agent's name.
    pub fn value(&self) -> String {
        match self {
            Self::Connect(agent) => format!("connect:{agent}"),
            Self::New(agent) => format!("new:{agent}"),
            Self::Refuse => REFUSE.to_owned(),
        }
    }

    pub fn parse(value: &str) -> Option<Self> {
        match value.split_once(':') {
            Some(("connect", agent)) => AgentName::parse(agent).ok().map(Self::Connect),
            Some(("new", agent)) => AgentName::parse(agent).ok().map(Self::New),
            Some(_) => None,
            None => (value == REFUSE).then_some(Self::Refuse),
        }
    }
}

pub fn chat_options(agents: &[AgentName], new_name: &AgentName) -> Vec<Opt> {
    let shared = || agents.iter().take(AGENTS_MAX);
    let value = |it: &AgentName| ChatChoice::Connect(it.clone()).value();
    let new = ChatChoice::New(new_name.clone()).value();
    let mut options =
        vec![Opt::new(format!("New agent `{new_name}`"), new), Opt::new("Refuse", REFUSE)];
    let first = |it: &AgentName| Opt::new(format!("Share {it}…"), format!("{ASK}{}", value(it)));
    options.extend(shared().map(first));
    options.extend(shared().map(|it| Opt::new(format!("Yes, share {it}"), value(it))));
    options
}

pub fn sender_options() -> Vec<Opt> {
    vec![
        Opt::new("Refuse", REFUSE),
        Opt::new("Allow…", format!("{ASK}{ALLOW}")),
        Opt::new("Yes, allow", ALLOW),
    ]
}

pub fn consent_options() -> Vec<Opt> {
    vec![Opt::new("Allow", ALLOW), Opt::new("Refuse", REFUSE)]
}

pub fn first_options(options: &[Opt]) -> &[Opt] {
    let is_second = |it: &Opt| options.iter().any(|ask| asks_about(ask) == Some(&it.value));
    let first = options.iter().position(is_second).unwrap_or(options.len());
    &options[..first]
}

/// The place of the option that a second card asks about, where this one only asks for that card.
pub fn second_option(options: &[Opt], index: usize) -> Option<usize> {
    let wanted = asks_about(options.get(index)?)?;
    options.iter().position(|it| it.value == wanted)
}

/// The option of the first card that leads to this one; `None` where it is on the first card.
pub fn asked_by(options: &[Opt], index: usize) -> Option<usize> {
    let value = &options.get(index)?.value;
    options.iter().position(|ask| asks_about(ask) == Some(value))
}

/// With their places: those that share nothing, then the one that was asked for.
pub fn second_options(options: &[Opt], wanted: usize) -> Vec<(usize, &Opt)> {
    let first = first_options(options).len();
    let is_offered = |(index, option): &(usize, &Opt)| {
        *index == wanted || (*index < first && asks_about(option).is_none())
    };
    options.iter().enumerate().filter(is_offered).collect()
}

fn asks_about(option: &Opt) -> Option<&str> {
    option.value.strip_prefix(ASK)
}
