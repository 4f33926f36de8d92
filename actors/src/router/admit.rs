//! What becomes of one message: an answer, a code, something for agents, or nothing.

use std::sync::Arc;

use channel::Verdict;
use domain::AgentName;
use domain::admission::{Admission, Ask, Decision, What};
use domain::command::{self, Handler, Permission};
use domain::message::{Admitted, InboundKind, Incoming, refusal};
use domain::people::Access;
use domain::question::Typed;
use domain::task::FireKey;
use domain::trace::Rule;
use store::{CentralStore, ChatRow, SessionRow, StoreError};

use super::knowledge::{Knowledge, Viewpoint};
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
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Done(verdict) => verdict.clone(),
            Self::Store(targets) if targets.iter().all(|it| it.1.is_context()) => Verdict::Ignored,
            Self::Store(_) => Verdict::Stored,
        }
    }

    /// What sessions get of it.
    pub(super) fn targets(&self) -> &[(SessionRow, Taken)] {
        match self {
            Self::Done(_) => &[],
            Self::Store(targets) => targets,
        }
    }
}

pub(super) async fn admit(
    host: &Host,
    message: Incoming,
    owner_only: bool,
) -> Result<Fate, StoreError> {
    // By such an id a session knows that it has the slot of a task already.
    if message.platform_id.starts_with(FireKey::PREFIX) {
        let why = format!("the id of this message begins with `{}`", FireKey::PREFIX);
        return Ok(Fate::Done(Verdict::Refused(why)));
    }
    for _ in 0..TRIES_MAX {
        if let Some(fate) = try_admit(host, &message, owner_only).await? {
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
    owner_only: bool,
) -> Result<Option<Fate>, StoreError> {
    let (now, about) = (host.clock.now(), message.clone());
    let view = Viewpoint::new(host, message, owner_only);
    let known = host.central.read(move |it| Knowledge::read(it, &about, view)).await?;
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
    follow(host, message, Arc::new(known), admission).await
}

async fn follow(
    host: &Host,
    message: &Incoming,
    known: Arc<Knowledge>,
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
    let chat = chat_row(host, message, &known).await?;
    let mut targets = Vec::with_capacity(taking.len());
    for decision in taking {
        let row = session_row(host, message, &known, &chat, decision).await?;
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
async fn chat_row(
    host: &Host,
    message: &Incoming,
    known: &Arc<Knowledge>,
) -> Result<ChatRow, StoreError> {
    let now = host.clock.now();
    if let Some(chat) = known.current_chat(message, now) {
        return Ok(chat.clone());
    }
    let (known, message) = (Arc::clone(known), message.clone());
    host.central.write("a chat", move |it| known.put_chat(it, &message, now)).await
}

/// The session that takes the message for an agent; made, and the chat connected, where that is new.
async fn session_row(
    host: &Host,
    message: &Incoming,
    known: &Arc<Knowledge>,
    chat: &ChatRow,
    decision: &Decision,
) -> Result<SessionRow, StoreError> {
    if let Some(row) = known.session(decision) {
        return Ok(row.clone());
    }
    let (known, message, now) = (Arc::clone(known), message.clone(), host.clock.now());
    let (chat, decision) = (chat.id, decision.clone());
    let put = move |it: &mut CentralStore| known.put_session(it, &message, chat, &decision, now);
    host.central.write("a session", put).await
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
pub(super) fn taken(message: &Incoming, known: &Knowledge, decision: &Decision) -> Taken {
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
