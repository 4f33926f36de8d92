//! Decides what becomes of a message: which agents handle it, which store it as context, whether
//! somebody has to be asked first.
//!
//! Invariants (checked in `tests`)
//! - A user without access never reaches an agent in a chat that is not public, and nothing of what
//!   they write is stored there, not even as background.
//! - What one agent does depends neither on whom another one admits nor on its settings; only on
//!   what the others are called.
//! - Background never makes an agent act.

mod settings;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::AgentName;
use crate::agent::AgentGroup;
use crate::engage::{By, Engage, EngageView, Engagement, engages, says_trigger, trigger_of};
use crate::people::{Access, Handle, Standing, access};
use crate::time::Timestamp;

pub use settings::{Ignored, Policy, Scope};

/// Everything the decision may look at.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionView<'a> {
    pub chat: ChatView,
    pub sender: SenderView<'a>,
    pub message: MessageView<'a>,
    /// The agents that the chat is wired to, in any order, each once.
    pub wirings: &'a [WiringView<'a>],
    /// Every agent there is.
    pub agents: &'a [AgentGroup],
    pub now: Timestamp,
}

#[derive(Clone, Copy, Debug)]
pub struct ChatView {
    pub is_group: bool,
    pub policy: Policy,
    /// An owner refused it. Wiring it by hand takes that back.
    pub denied: bool,
    /// Only the owner of this host can write on the channel (the terminal).
    pub owner_only: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct SenderView<'a> {
    /// `None` when the platform does not say who wrote; such a sender is unknown and cannot be
    /// asked about.
    pub handle: Option<&'a Handle>,
    pub standing: Option<&'a Standing>,
    /// The agents that an admin refused them here.
    pub denied_by: &'a [AgentName],
}

#[derive(Clone, Copy, Debug)]
pub struct MessageView<'a> {
    pub text: &'a str,
    pub mentioned: bool,
    pub in_thread: bool,
    /// The agent that was asked for by name; only looked at where `owner_only` holds.
    pub to_agent: Option<&'a str>,
}

#[derive(Clone, Copy, Debug)]
pub struct WiringView<'a> {
    pub agent: &'a AgentName,
    pub trigger: &'a str,
    pub engage: &'a Engage,
    pub scope: Scope,
    pub ignored: Ignored,
    /// Higher ones come first; it has no other effect.
    pub priority: i64,
    /// When the agent was last engaged in exactly this chat and thread.
    pub sticky_since: Option<Timestamp>,
}

/// What becomes of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// For each wiring, highest priority first.
    pub decisions: Vec<AgentDecision>,
    /// Connect the chat to this agent first; `decisions` has what it then does.
    pub wire: Option<AgentName>,
    /// Somebody has to decide before the message gets any further; it is let in after a yes by
    /// deciding again. At most one question for a message, and the caller asks none that is open.
    pub ask: Option<Ask>,
    /// Tell the sender this.
    pub refuse: Option<String>,
    /// Count it among what was not let in. Never holds what was written.
    pub dropped: Option<Why>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentDecision {
    pub agent: AgentName,
    pub decision: Decision,
}

impl AgentDecision {
    /// The agent gets the message.
    #[must_use]
    pub fn takes(&self) -> bool {
        matches!(self.decision, Decision::Engage(_) | Decision::Accumulate)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    Engage(By),
    /// Store it without waking the agent, and without making the conversation sticky.
    Accumulate,
    Ignore(Why),
}

/// Who decides, and about what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Whether the sender may talk to this agent.
    Sender { agent: AgentName },
    /// Which agent the chat belongs to.
    Chat,
}

/// Why a message did not get to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Why {
    /// It calls for nobody.
    NotCalled,
    ChatNotConnected,
    ChatDenied,
    /// An unknown user, in a chat that ignores them.
    UnknownStrict,
    /// An unknown user, in a chat that asks about them.
    UnknownAsk,
    /// An unknown user, in a public chat, for an agent that takes known people only.
    UnknownScope,
    SenderDenied,
    /// An unknown user, and people are asked about too many others.
    TooManyRequests,
}

crate::words!(Why);

/// Told at the terminal, where somebody waits.
const CLOSED: &str = "this chat is closed; `nanoclaw chats list` names it, and \
     `nanoclaw chats set CHAT --undeny` opens it again";

/// The whole policy; pure and total.
#[must_use]
pub fn admit(view: &AdmissionView<'_>) -> Admission {
    let asked = match asked(view) {
        Ok(asked) => asked,
        Err(why) => return Admission { refuse: Some(why), ..Admission::default() },
    };
    if view.chat.owner_only && view.chat.denied {
        return Admission { refuse: Some(CLOSED.into()), ..Admission::default() };
    }
    if view.wirings.is_empty() {
        return if view.chat.owner_only { wire(view, asked) } else { unwired(view) };
    }
    let mut wirings: Vec<&WiringView<'_>> = view.wirings.iter().collect();
    wirings.sort_by_key(|it| (Reverse(it.priority), it.agent));
    let decisions: Vec<AgentDecision> = wirings
        .into_iter()
        .map(|wiring| AgentDecision {
            agent: wiring.agent.clone(),
            decision: decide(view, wiring, asked.as_ref()),
        })
        .collect();
    let ask = decisions.iter().find(|it| it.decision == Decision::Ignore(Why::UnknownAsk));
    Admission {
        ask: ask
            .filter(|_| view.sender.handle.is_some())
            .map(|it| Ask::Sender { agent: it.agent.clone() }),
        dropped: dropped(&decisions),
        decisions,
        ..Admission::default()
    }
}

/// The agent that was asked for by name, or why that cannot be.
fn asked(view: &AdmissionView<'_>) -> Result<Option<AgentName>, String> {
    let Some(text) = view.message.to_agent.filter(|_| view.chat.owner_only) else {
        return Ok(None);
    };
    let name = AgentName::parse(text).ok().filter(|it| view.agents.iter().any(|a| a.name == *it));
    let Some(name) = name else {
        let all = names(view.agents.iter().map(|it| &it.name));
        return Err(format!("there is no agent `{text}`; there is {all}"));
    };
    let wired = || view.wirings.iter().map(|it| it.agent);
    if wired().next().is_none() || wired().any(|it| *it == name) {
        return Ok(Some(name));
    }
    Err(format!("this chat belongs to {}, not to `{name}`", names(wired())))
}

fn names<'a>(agents: impl Iterator<Item = &'a AgentName>) -> String {
    let quoted: Vec<String> = agents.map(|it| format!("`{it}`")).collect();
    if quoted.is_empty() { "none".into() } else { quoted.join(", ") }
}

/// A chat of the owner needs nobody's consent: it belongs to the agent that was asked for, or the
/// default one.
fn wire(view: &AdmissionView<'_>, asked: Option<AgentName>) -> Admission {
    let default = view.agents.iter().find(|it| it.name.as_str() == crate::agent::DEFAULT_AGENT);
    let default = default.or(view.agents.first()).map(|it| it.name.clone());
    let by = if asked.is_some() { By::Trigger } else { By::Direct };
    let Some(agent) = asked.or(default) else {
        let why = "there is no agent yet; add one with `nanoclaw agents add NAME`";
        return Admission { refuse: Some(why.into()), ..Admission::default() };
    };
    Admission {
        decisions: vec![AgentDecision { agent: agent.clone(), decision: Decision::Engage(by) }],
        wire: Some(agent),
        ..Admission::default()
    }
}

/// A chat that belongs to no agent: what is not meant for the bot leaves no trace.
fn unwired(view: &AdmissionView<'_>) -> Admission {
    let message = &view.message;
    let called = || {
        let mut triggers = view.agents.iter().map(|it| trigger_of(&it.name, it.trigger.as_deref()));
        triggers.any(|it| says_trigger(message.text, &it))
    };
    if view.chat.is_group && !message.mentioned && !called() {
        return Admission::default();
    }
    let (ask, why) = match view.chat.denied {
        true => (None, Why::ChatDenied),
        false => (Some(Ask::Chat), Why::ChatNotConnected),
    };
    Admission { ask, dropped: Some(why), ..Admission::default() }
}

fn decide(
    view: &AdmissionView<'_>,
    wiring: &WiringView<'_>,
    asked: Option<&AgentName>,
) -> Decision {
    let engagement = match asked {
        Some(name) if name == wiring.agent => Engagement::Engaged { by: By::Trigger },
        Some(_) => Engagement::NotEngaged,
        None => engages(&engage_view(view, wiring, &others(view, wiring))),
    };
    let allowed = gate(view, wiring);
    match (engagement, allowed) {
        (Engagement::Engaged { by }, Ok(())) => Decision::Engage(by),
        (Engagement::Engaged { .. }, Err(why)) => Decision::Ignore(why),
        // Untrusted content is not even background.
        (Engagement::NotEngaged, Ok(())) if wiring.ignored == Ignored::Accumulate => {
            Decision::Accumulate
        }
        (Engagement::NotEngaged, _) => Decision::Ignore(Why::NotCalled),
    }
}

fn others<'a>(view: &AdmissionView<'a>, wiring: &WiringView<'_>) -> Vec<&'a str> {
    view.wirings.iter().filter(|it| it.agent != wiring.agent).map(|it| it.trigger).collect()
}

fn engage_view<'a>(
    view: &AdmissionView<'a>,
    wiring: &WiringView<'a>,
    other_triggers: &'a [&'a str],
) -> EngageView<'a> {
    EngageView {
        engage: wiring.engage,
        is_group: view.chat.is_group,
        mentioned: view.message.mentioned,
        text: view.message.text,
        trigger: wiring.trigger,
        other_triggers,
        sticky_since: wiring.sticky_since,
        in_thread: view.message.in_thread,
        now: view.now,
    }
}

/// Whether the sender may reach the agent here. A denial holds until access is granted.
fn gate(view: &AdmissionView<'_>, wiring: &WiringView<'_>) -> Result<(), Why> {
    if view.chat.owner_only {
        return Ok(());
    }
    if view.chat.denied {
        return Err(Why::ChatDenied);
    }
    let identified = view.sender.standing.filter(|_| view.sender.handle.is_some());
    if access(identified, wiring.agent) != Access::Unknown {
        return Ok(());
    }
    if view.sender.denied_by.contains(wiring.agent) {
        return Err(Why::SenderDenied);
    }
    match (view.chat.policy, wiring.scope) {
        (Policy::Strict, _) => Err(Why::UnknownStrict),
        (Policy::Ask, _) => Err(Why::UnknownAsk),
        (Policy::Public, Scope::Known) => Err(Why::UnknownScope),
        (Policy::Public, Scope::All) => Ok(()),
    }
}

/// A refusal is counted even where another agent took the message; that nobody was called, only
/// where nobody kept it.
fn dropped(decisions: &[AgentDecision]) -> Option<Why> {
    let whys = || {
        decisions.iter().filter_map(|decided| match decided.decision {
            Decision::Ignore(why) => Some(why),
            Decision::Engage(_) | Decision::Accumulate => None,
        })
    };
    let refused = whys().find(|&why| why != Why::NotCalled);
    refused.or_else(|| whys().next().filter(|_| whys().count() == decisions.len()))
}
