//! What becomes of one message: an answer, a code, something for agents, or nothing.

use channel::Verdict;
use domain::AgentName;
use domain::admission::{Admission, Ask, Decision, What};
use domain::command::{self, Handler, Permission};
use domain::engage::Engage;
use domain::message::{Admitted, InboundKind, Incoming, refusal};
use domain::people::Access;
use domain::question::Typed;
use domain::session_key::session_key;
use domain::task::FireKey;
use domain::trace::Rule;
use store::{CentralStore, ChatRow, SessionRow, StoreError, Wiring};

use super::knowledge::Knowledge;
use super::{orders, personal, refusals, tasks};
use crate::host::Host;
use crate::reception::{self, Knock};
use crate::router::Taken;

/// How often a message is looked at anew when it was decided meanwhile.
const TRIES_MAX: usize = 4;

/// What is done with an event.
#[derive(Debug)]
pub(super) enum Fate {
    /// Nothing is left to do.
    Done(Verdict),
    Store(Vec<(SessionRow, Taken)>),
}

impl Fate {
    /// What sessions get of it.
    pub(super) fn into_targets(self) -> Vec<(SessionRow, Taken)> {
        match self {
            Self::Done(_) => vec![],
            Self::Store(targets) => targets,
        }
    }
}

/// What becomes of a message that is no command and for which nothing else has to be written: of nearly
/// all of them.
pub(super) fn plain(host: &Host, message: &Incoming, known: &Knowledge) -> Option<Fate> {
    let is_special = message.platform_id.starts_with(FireKey::PREFIX)
        || known.pairing_open
        || known.has_answered
        || known.typed != Typed::Message
        || command::parse(&message.text).is_some()
        || (message.files.is_empty() && refusal(&message.text).is_some());
    let now = host.clock.now();
    let admission = known.admission(message, now);
    let asks = admission.refuse.is_some() || admission.ask.is_some() || admission.dropped.is_some();
    if is_special || asks {
        return None;
    }
    let mut targets = Vec::new();
    for decision in admission.decisions.iter().filter(|it| it.takes()) {
        known.current_chat(message, now)?;
        let row = known.session(decision)?.clone();
        targets.push((row, taken(message, known, decision)));
    }
    Some(if targets.is_empty() { Fate::Done(Verdict::Ignored) } else { Fate::Store(targets) })
}

/// `known` is what was read about the message already, if that still holds.
pub(super) async fn admit(
    host: &Host,
    message: Incoming,
    owner_only: bool,
    mut known: Option<Knowledge>,
) -> Result<Fate, StoreError> {
    // By such an id a session knows that it has the slot of a task already.
    if message.platform_id.starts_with(FireKey::PREFIX) {
        let why = format!("the id of this message begins with `{}`", FireKey::PREFIX);
        return Ok(Fate::Done(Verdict::Refused(why)));
    }
    for _ in 0..TRIES_MAX {
        let known = match known.take() {
            Some(known) => Some(known),
            None => Knowledge::of(host, vec![message.clone()], owner_only).await?.pop(),
        };
        let Some(known) = known else { break };
        if let Some(fate) = try_admit(host, &message, known).await? {
            return Ok(fate);
        }
    }
    let why = "somebody is deciding about this chat just now; send your message again";
    refusals::tell(host, &message, why).await?;
    Ok(Fate::Done(Verdict::Refused(why.into())))
}

/// `None` when what was decided on changed meanwhile.
async fn try_admit(
    host: &Host,
    message: &Incoming,
    known: Knowledge,
) -> Result<Option<Fate>, StoreError> {
    let now = host.clock.now();
    if known.pairing_open && reception::pair(host, message).await? {
        return Ok(Some(Fate::Done(Verdict::Stored)));
    }
    if known.has_answered {
        return Ok(Some(Fate::Done(Verdict::Ignored)));
    }
    match &known.typed {
        Typed::Message => {}
        Typed::Unclear { hint } => {
            reception::ask_which(host, message, hint.clone()).await?;
            return Ok(Some(Fate::Done(Verdict::Stored)));
        }
        &Typed::Answer { id, index } => {
            let (chat, by) = (message.from.clone(), message.sender.clone());
            let with = Some(message.clone());
            if reception::answer(host, reception::Answer { id, index, chat, by, with }).await? {
                return Ok(Some(Fate::Done(Verdict::Ignored)));
            }
        }
    }
    let admission = known.admission(message, now);
    if message.files.is_empty()
        && let Some(why) = refusal(&message.text)
    {
        return refusals::refuse(host, message, &admission, why).await.map(Some);
    }
    follow(host, message, known, admission).await
}

async fn follow(
    host: &Host,
    message: &Incoming,
    known: Knowledge,
    admission: Admission,
) -> Result<Option<Fate>, StoreError> {
    if let Some(why) = admission.refuse {
        return Ok(Some(Fate::Done(Verdict::Refused(why))));
    }
    let taking: Vec<&Decision> = admission.decisions.iter().filter(|it| it.takes()).collect();
    let (mut waits, mut dropped) = (false, admission.dropped);
    if let Some(ask) = &admission.ask {
        match knock(host, message, &known, ask).await? {
            Knock::Waits => waits = true,
            // Counted with the refusal.
            Knock::Full => dropped = None,
            Knock::Decided => return Ok(None),
        }
    }
    if let Some(why) = dropped {
        record_drop(host, message, why.as_str()).await?;
    }
    if taking.is_empty() {
        let verdict = if waits { Verdict::Stored } else { Verdict::Ignored };
        return Ok(Some(Fate::Done(verdict)));
    }
    let chat = ensure_chat(host, message, &known).await?;
    let mut targets = Vec::with_capacity(taking.len());
    for decision in taking {
        let row = session(host, message, &known, &chat, decision).await?;
        let taken = if let Some(order) = orders::of(message, &known, decision) {
            order.obey(host, message, &decision.agent).await?
        } else if tasks::is_meant(message, decision) {
            tasks::obey(host, message, &known, (&chat, &row)).await?
        } else if let Some(wish) = personal::of(message, &known, decision) {
            wish.grant(host, message).await?
        } else {
            let taken = taken(message, &known, decision);
            if let Taken::Stop(stop) = taken { orders::stop(host, stop).await? } else { taken }
        };
        targets.push((row, taken));
    }
    Ok(Some(Fate::Store(targets)))
}

async fn knock(
    host: &Host,
    message: &Incoming,
    known: &Knowledge,
    ask: &Ask,
) -> Result<Knock, StoreError> {
    let peer = known.peer(message);
    match ask {
        Ask::Sender { agent } => reception::knock_sender(host, message, peer, agent.clone()).await,
        Ask::Chat => {
            let agents: Vec<AgentName> = known.agents.iter().map(|it| it.name.clone()).collect();
            reception::knock_chat(host, message, peer, &agents).await
        }
    }
}

async fn record_drop(host: &Host, message: &Incoming, why: &'static str) -> Result<(), StoreError> {
    let (from, sender, now) = (message.from.clone(), message.sender.clone(), host.clock.now());
    let record = move |it: &mut CentralStore| it.record_drop(&from, &sender, why, now);
    host.central.write("a dropped message", record).await.map(drop)
}

/// The row of the chat, with what the platform says of it now.
async fn ensure_chat(
    host: &Host,
    message: &Incoming,
    known: &Knowledge,
) -> Result<ChatRow, StoreError> {
    let (peer, now) = (known.peer(message), host.clock.now());
    if let Some(chat) = known.current_chat(message, now) {
        return Ok(chat.clone());
    }
    let (at, info) = (message.from.clone(), message.chat.clone());
    let ensure = move |it: &mut CentralStore| it.ensure_chat(&at, &info, peer.as_deref(), now);
    host.central.write("a chat", ensure).await
}

/// The session that takes the message for an agent; made, and the chat connected, where that is new.
async fn session(
    host: &Host,
    message: &Incoming,
    known: &Knowledge,
    chat: &ChatRow,
    decision: &Decision,
) -> Result<SessionRow, StoreError> {
    if let Some(row) = known.session(decision) {
        return Ok(row.clone());
    }
    let agent = &decision.agent;
    let at = known.wired.iter().position(|it| it.wiring.agent == *agent);
    let wiring = match at {
        Some(at) => known.wired[at].wiring.clone(),
        None => Wiring::usual(chat.id, agent.clone(), message.chat.is_group),
    };
    let sticky = is_made_sticky(&wiring, decision);
    let found = at.and_then(|at| known.sessions[at].clone());
    let (thread, now, is_new) = (message.from.thread.clone(), host.clock.now(), at.is_none());
    host.central
        .write("a session", move |central| {
            if is_new {
                central.set_wiring(&wiring)?;
            }
            if sticky {
                central.touch_engaged(wiring.chat, &wiring.agent, thread.as_deref(), now)?;
            }
            let key =
                session_key(wiring.session_mode, &wiring.agent, wiring.chat, thread.as_deref());
            match found {
                Some(row) => Ok(row),
                None => central.session_for(&key, now),
            }
        })
        .await
}

/// What was only overheard makes no conversation sticky.
pub(super) fn is_made_sticky(wiring: &Wiring, decision: &Decision) -> bool {
    wiring.engage == Engage::MentionSticky && matches!(decision.what, What::Engage(_))
}

/// What the decision was, for people who ask why.
fn rule(decision: &Decision, access: Access) -> Option<Rule> {
    let word = match decision.what {
        What::Engage(by) => by.as_str(),
        What::Accumulate => "overheard",
        What::Ignore(_) => return None,
    };
    Some(Rule { word: word.to_owned(), detail: access.as_str().to_owned() })
}

/// How the session is to take the message.
fn taken(message: &Incoming, known: &Knowledge, decision: &Decision) -> Taken {
    let rule = rule(decision, known.access(&decision.agent));
    let plain = |kind| Taken::Message(Admitted { message: message.clone(), kind, rule });
    if decision.what == What::Accumulate {
        return plain(InboundKind::Context);
    }
    let Some(command) = command::parse(&message.text) else {
        return plain(InboundKind::Chat);
    };
    let access = known.access(&decision.agent);
    let is_direct = !message.chat.is_group;
    if let Permission::Deny(why) = command::permit(command, access, is_direct) {
        return Taken::Reply(message.clone(), why);
    }
    match (command.handler(), command) {
        (Handler::Runner | Handler::Cli, _) => plain(InboundKind::Command),
        (Handler::Host, command::Command::Stop) => Taken::Stop(message.clone()),
        (Handler::Host, command::Command::Status) => Taken::Status(message.clone()),
        (Handler::Host, _) => Taken::Reply(message.clone(), command::help_text(access, is_direct)),
    }
}
