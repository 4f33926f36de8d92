//! Decides what becomes of a message: which agents handle it, which store it as context, whether
//! somebody has to be asked first.
//!
//! Invariants (checked in `tests`)
//! - A user without access never reaches an agent in a chat that is not public, and nothing of what
//!   they write is stored there, not even as background.
//! - What one agent does depends neither on whom another one admits nor on its settings; only on
//!   what the others are called.
//! - Background never makes an agent act, and a change only where its text calls for the agent.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use crate::AgentName;
use crate::agent::{AgentGroup, DEFAULT_AGENT};
use crate::engage::{By, Engage, engages, says_trigger, trigger_of};
use crate::people::{Access, Handle, Standing, access};
use crate::texts::{access as texts, list};
use crate::time::Timestamp;

#[derive(Clone, Copy, Debug)]
pub struct AdmissionView<'a> {
    pub chat: ChatView,
    /// `None` when the platform does not say; then they are unknown and cannot be asked about.
    pub handle: Option<&'a Handle>,
    pub standing: Option<&'a Standing>,
    pub denied_by: &'a [AgentName],
    pub text: &'a str,
    pub mentioned: bool,
    /// It says what became of a message that was there before, see [`crate::change`].
    pub is_change: bool,
    pub in_thread: bool,
    /// The agent that was asked for by name; only looked at where `owner_only` holds.
    pub to_agent: Option<&'a str>,
    pub wirings: &'a [WiringView<'a>],
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

crate::words! {
    /// What a chat does with people whom an agent does not know: ignores them, asks an admin, lets them in.
    pub enum Policy {
        Strict,
        Ask,
        Public,
    }

    /// Whose messages a wiring takes, on top of what the chat's [`Policy`] says.
    pub enum Scope {
        All,
        /// Only of people with access to the agent, even in a public chat.
        Known,
    }

    /// What a wiring does with messages that do not call for its agent.
    pub enum Ignored {
        Drop,
        /// Kept, and shown to the agent along with the next message that does.
        Accumulate,
    }

    pub enum Why {
        NotCalled,
        ChatNotConnected,
        ChatDenied,
        UnknownStrict,
        UnknownAsk,
        /// An unknown user, in a public chat, for an agent that takes known people only.
        UnknownScope,
        SenderDenied,
        /// An unknown user, and people are asked about too many others.
        TooManyRequests,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// For each wiring, highest priority first; in a new chat of the owner for the agent to connect it to.
    pub decisions: Vec<AgentDecision>,
    /// Somebody has to decide before the message gets any further; it is let in after a yes by
    /// deciding again. At most one question for a message, and the caller asks none that is open.
    pub ask: Option<Ask>,
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    Sender { agent: AgentName },
    Chat,
}

/// The whole policy; pure and total.
pub fn admit(view: &AdmissionView<'_>) -> Admission {
    judge(view).unwrap_or_else(|why| Admission { refuse: Some(why), ..Admission::default() })
}

fn judge(view: &AdmissionView<'_>) -> Result<Admission, String> {
    let asked = asked(view)?;
    if view.chat.owner_only && view.chat.denied {
        return Err(texts::CLOSED.into());
    }
    if view.wirings.is_empty() && view.is_change {
        return Ok(Admission::default());
    }
    if view.wirings.is_empty() {
        return if view.chat.owner_only { first(view, asked) } else { Ok(unwired(view)) };
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
    let ask = ask.filter(|_| view.handle.is_some());
    let ask = ask.map(|it| Ask::Sender { agent: it.agent.clone() });
    Ok(Admission { ask, dropped: dropped(&decisions), decisions, refuse: None })
}

fn asked(view: &AdmissionView<'_>) -> Result<Option<AgentName>, String> {
    let Some(text) = view.to_agent.filter(|_| view.chat.owner_only) else {
        return Ok(None);
    };
    let name = AgentName::parse(text).ok().filter(|it| view.agents.iter().any(|a| a.name == *it));
    let Some(name) = name else {
        let known = names(view.agents.iter().map(|it| &it.name));
        return Err(format!("there is no agent `{text}`; there is {known}"));
    };
    let wired = || view.wirings.iter().map(|it| it.agent);
    if wired().next().is_none() || wired().any(|it| *it == name) {
        return Ok(Some(name));
    }
    Err(format!("this chat belongs to {}, not to `{name}`", names(wired())))
}

fn names<'a>(agents: impl Iterator<Item = &'a AgentName>) -> String {
    let quoted: Vec<String> = agents.map(|it| format!("`{it}`")).collect();
    if quoted.is_empty() { "none".into() } else { list(&quoted) }
}

/// A new chat of the owner needs nobody's consent.
fn first(view: &AdmissionView<'_>, asked: Option<AgentName>) -> Result<Admission, String> {
    let by = if asked.is_some() { By::Trigger } else { By::Direct };
    let default = view.agents.iter().find(|it| it.name.as_str() == DEFAULT_AGENT);
    let default = default.or(view.agents.first()).map(|it| it.name.clone());
    let agent = asked
        .or(default)
        .ok_or("there is no agent yet; add one with `nanoclaw agents add NAME`")?;
    let decisions = vec![AgentDecision { agent, decision: Decision::Engage(by) }];
    Ok(Admission { decisions, ..Admission::default() })
}

/// A chat that belongs to no agent: what is not meant for the bot leaves no trace.
fn unwired(view: &AdmissionView<'_>) -> Admission {
    let called = || {
        let mut triggers = view.agents.iter().map(|it| trigger_of(&it.name, it.trigger.as_deref()));
        triggers.any(|it| says_trigger(view.text, &it))
    };
    if view.chat.is_group && !view.mentioned && !called() {
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
    let by = match asked {
        Some(name) => (name == wiring.agent).then_some(By::Trigger),
        None => engages(view, wiring),
    };
    if view.is_change && !matches!(by, Some(By::Trigger | By::Mention)) {
        // Whom it concerns knows the message already.
        return match gate(view, wiring) {
            Ok(()) => Decision::Accumulate,
            Err(_) => Decision::Ignore(Why::NotCalled),
        };
    }
    match (by, gate(view, wiring)) {
        (Some(by), Ok(())) => Decision::Engage(by),
        (Some(_), Err(why)) => Decision::Ignore(why),
        // Untrusted content is not even background.
        (None, Ok(())) if wiring.ignored == Ignored::Accumulate => Decision::Accumulate,
        (None, _) => Decision::Ignore(Why::NotCalled),
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
    let identified = view.standing.filter(|_| view.handle.is_some());
    if access(identified, wiring.agent) != Access::Unknown {
        return Ok(());
    }
    if view.denied_by.contains(wiring.agent) {
        return Err(Why::SenderDenied);
    }
    match (view.chat.policy, wiring.scope) {
        (Policy::Strict, _) => Err(Why::UnknownStrict),
        (Policy::Ask, _) => Err(Why::UnknownAsk),
        (Policy::Public, Scope::Known) => Err(Why::UnknownScope),
        (Policy::Public, Scope::All) => Ok(()),
    }
}

/// A refusal counts even where another agent took it; that nobody was called, only where nobody did.
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
