//! What becomes of one message: an answer, a code, something for agents, or nothing.

use std::sync::Arc;

use channel::Verdict;
use domain::AgentName;
use domain::admission::{Admission, AgentDecision, Ask, Decision};
use domain::command::{self, Handler, Permission};
use domain::message::{Admitted, InboundKind, Incoming, refusal};
use domain::people::Access;
use domain::question::Typed;
use domain::task::FireKey;
use domain::trace::Rule;
use store::{CentralStore, ChatRow, SessionRow, StoreError};

use super::admission_snapshot::{AdmissionSnapshot, Viewpoint};
use super::{orders, personal, refusals, tasks};
use crate::approvals::{self, AccessRequest};
use crate::host::Host;
use crate::router::SessionCommand;

/// Rounds for a message whose decision changed meanwhile.
const TRIES_MAX: usize = 4;

/// What is done with an event.
#[derive(Debug)]
pub(super) enum Routing {
    /// Nothing is left to do.
    Done(Verdict),
    Store(Vec<(SessionRow, SessionCommand)>),
}

impl Routing {
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Done(verdict) => verdict.clone(),
            Self::Store(targets) if targets.iter().all(|it| it.1.is_context()) => Verdict::Ignored,
            Self::Store(_) => Verdict::Stored,
        }
    }

    /// What sessions get of it.
    pub(super) fn targets(&self) -> &[(SessionRow, SessionCommand)] {
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
) -> Result<Routing, StoreError> {
    // By such an id a session knows that it has the slot of a task already.
    if message.platform_id.starts_with(FireKey::PREFIX) {
        let why = format!("the id of this message begins with `{}`", FireKey::PREFIX);
        return Ok(Routing::Done(Verdict::Refused(why)));
    }
    for _ in 0..TRIES_MAX {
        if let Some(routing) = try_admit(host, &message, owner_only).await? {
            return Ok(routing);
        }
    }
    let why = "someone is deciding about this chat right now; send your message again";
    refusals::tell(host, &message, why).await?;
    Ok(Routing::Done(Verdict::Refused(why.into())))
}

/// `None` when what was decided on changed meanwhile.
async fn try_admit(
    host: &Host,
    message: &Incoming,
    owner_only: bool,
) -> Result<Option<Routing>, StoreError> {
    let (now, about) = (host.clock.now(), message.clone());
    let view = Viewpoint::new(host, message, owner_only);
    let snapshot = host.central.read(move |it| AdmissionSnapshot::read(it, &about, view)).await?;
    if snapshot.pairing_open && approvals::pair(host, message).await? {
        return Ok(Some(Routing::Done(Verdict::Stored)));
    }
    if snapshot.has_answered {
        return Ok(Some(Routing::Done(Verdict::Ignored)));
    }
    match &snapshot.typed {
        Typed::Message => {}
        Typed::Unclear { hint } => {
            approvals::ask_which(host, message, hint.clone()).await?;
            return Ok(Some(Routing::Done(Verdict::Stored)));
        }
        &Typed::Answer { id, index } => {
            let (chat, by) = (message.from.clone(), message.sender.clone());
            let with = Some(message.clone());
            if approvals::answer(host, approvals::Answer { id, index, chat, by, with }).await? {
                return Ok(Some(Routing::Done(Verdict::Ignored)));
            }
        }
    }
    let admission = snapshot.admission(message, now);
    if message.files.is_empty()
        && let Some(why) = refusal(&message.text)
    {
        return refusals::refuse(host, message, &admission, why).await.map(Some);
    }
    follow(host, message, Arc::new(snapshot), admission).await
}

async fn follow(
    host: &Host,
    message: &Incoming,
    snapshot: Arc<AdmissionSnapshot>,
    admission: Admission,
) -> Result<Option<Routing>, StoreError> {
    if let Some(why) = admission.refuse {
        return Ok(Some(Routing::Done(Verdict::Refused(why))));
    }
    let taking: Vec<&AgentDecision> = admission.decisions.iter().filter(|it| it.takes()).collect();
    let (mut waits, mut dropped) = (false, admission.dropped);
    if let Some(ask) = &admission.ask {
        match request_access(host, message, &snapshot, ask).await? {
            AccessRequest::Waits => waits = true,
            // Counted with the refusal.
            AccessRequest::Full => dropped = None,
            AccessRequest::Decided => return Ok(None),
        }
    }
    if let Some(why) = dropped {
        record_drop(host, message, why.as_str()).await?;
    }
    if taking.is_empty() {
        let verdict = if waits { Verdict::Stored } else { Verdict::Ignored };
        return Ok(Some(Routing::Done(verdict)));
    }
    let chat = chat_row(host, message, &snapshot).await?;
    let mut targets = Vec::with_capacity(taking.len());
    for decision in taking {
        let row = session_row(host, message, &snapshot, &chat, decision).await?;
        let command = if let Some(order) = orders::of(message, &snapshot, decision) {
            order.execute(host, message, &decision.agent).await?
        } else if tasks::is_meant(message, decision) {
            tasks::execute(host, message, &snapshot, (&chat, &row)).await?
        } else if let Some(personal_command) = personal::of(message, &snapshot, decision) {
            personal_command.run(host, message).await?
        } else {
            let command = session_command(message, &snapshot, decision);
            if let SessionCommand::Stop(stop) = command {
                orders::stop(host, stop).await?
            } else {
                command
            }
        };
        targets.push((row, command));
    }
    Ok(Some(Routing::Store(targets)))
}

async fn request_access(
    host: &Host,
    message: &Incoming,
    snapshot: &AdmissionSnapshot,
    ask: &Ask,
) -> Result<AccessRequest, StoreError> {
    let peer = snapshot.peer(message);
    match ask {
        Ask::Sender { agent } => {
            approvals::request_sender_access(host, message, peer, agent.clone()).await
        }
        Ask::Chat => {
            let agents: Vec<AgentName> = snapshot.agents.iter().map(|it| it.name.clone()).collect();
            approvals::request_chat_access(host, message, peer, &agents).await
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
    snapshot: &Arc<AdmissionSnapshot>,
) -> Result<ChatRow, StoreError> {
    let now = host.clock.now();
    if let Some(chat) = snapshot.current_chat(message, now) {
        return Ok(chat.clone());
    }
    let (snapshot, message) = (Arc::clone(snapshot), message.clone());
    host.central.write("a chat", move |it| snapshot.put_chat(it, &message, now)).await
}

/// The session that takes the message for an agent; made, and the chat connected, where that is new.
async fn session_row(
    host: &Host,
    message: &Incoming,
    snapshot: &Arc<AdmissionSnapshot>,
    chat: &ChatRow,
    decision: &AgentDecision,
) -> Result<SessionRow, StoreError> {
    if let Some(row) = snapshot.session(decision) {
        return Ok(row.clone());
    }
    let (snapshot, message, now) = (Arc::clone(snapshot), message.clone(), host.clock.now());
    let (chat, decision) = (chat.id, decision.clone());
    let put = move |it: &mut CentralStore| snapshot.put_session(it, &message, chat, &decision, now);
    host.central.write("a session", put).await
}

/// What the decision was, for people who ask why.
fn rule(decision: &AgentDecision, access: Access) -> Option<Rule> {
    let word = match decision.decision {
        Decision::Engage(by) => by.as_str(),
        Decision::Accumulate => "context",
        Decision::Ignore(_) => return None,
    };
    Some(Rule { word: word.to_owned(), detail: access.as_str().to_owned() })
}

/// How the session is to take the message.
pub(super) fn session_command(
    message: &Incoming,
    snapshot: &AdmissionSnapshot,
    decision: &AgentDecision,
) -> SessionCommand {
    let rule = rule(decision, snapshot.access(&decision.agent));
    let plain = |kind| SessionCommand::Message(Admitted { message: message.clone(), kind, rule });
    if decision.decision == Decision::Accumulate {
        return plain(InboundKind::Context);
    }
    let Some(command) = command::parse(&message.text) else { return plain(InboundKind::Chat) };
    let access = snapshot.access(&decision.agent);
    let is_direct = !message.chat.is_group;
    if let Permission::Deny(why) = command::permit(command, access, is_direct) {
        return SessionCommand::Reply(message.clone(), why);
    }
    match (command.handler(), command) {
        (Handler::Runner | Handler::Cli, _) => plain(InboundKind::Command),
        (Handler::Host, command::Command::Stop) => SessionCommand::Stop(message.clone()),
        (Handler::Host, command::Command::Status) => SessionCommand::Status(message.clone()),
        (Handler::Host, _) => {
            SessionCommand::Reply(message.clone(), command::help_text(access, is_direct))
        }
    }
}
