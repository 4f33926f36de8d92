//! What becomes of one message: an answer, a code, something for agents, or nothing.

use std::sync::Arc;

use channel::Verdict;
use domain::admission::{Admission, AgentDecision, Decision};
use domain::command::{self, Command};
use domain::message::{Admitted, InboundKind, Incoming, refusal};
use domain::people::Access;
use domain::question::Typed;
use domain::session_key::ChatId;
use domain::task::FireKey;
use domain::texts;
use domain::trace::Rule;
use store::{CentralStore, Put, SessionRow, StoreError};

use super::admission_snapshot::{AdmissionSnapshot, Viewpoint};
use super::{orders, personal, refusals, tasks};
use crate::approvals;
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
    /// What its channel hears. `is_refused` when a session has no room for it any more; where another one
    /// stored it, it is stored once, however often it comes.
    pub(super) fn verdict(&self, is_refused: bool) -> Verdict {
        match self {
            Self::Done(verdict) => verdict.clone(),
            Self::Store(_) if is_refused => Verdict::Refused(texts::notices::queue_full()),
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
        let why = texts::access::reserved_id(FireKey::PREFIX);
        return Ok(Routing::Done(Verdict::Refused(why)));
    }
    for _ in 0..TRIES_MAX {
        if let Some(routing) = try_admit(host, &message, owner_only).await? {
            return Ok(routing);
        }
    }
    refusals::tell(host, &message, texts::access::UNDECIDED).await?;
    Ok(Routing::Done(Verdict::Refused(texts::access::UNDECIDED.into())))
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
        Typed::Unclear(hint) => {
            approvals::ask_which(host, message, hint.clone()).await?;
            return Ok(Some(Routing::Done(Verdict::Stored)));
        }
        &Typed::Answer(id, index) => {
            let (chat, by) = (message.from.clone(), message.body.sender.clone());
            let with = Some(message.clone());
            if approvals::answer(host, approvals::Answer { id, index, chat, by, with }).await? {
                return Ok(Some(Routing::Done(Verdict::Ignored)));
            }
        }
    }
    let admission = snapshot.admission(message, now);
    if message.files.is_empty()
        && let Some(why) = refusal(&message.body.text)
    {
        if !admission.decisions.iter().any(|it| matches!(it.decision, Decision::Engage(_))) {
            return Ok(Some(Routing::Done(Verdict::Ignored)));
        }
        refusals::tell(host, message, &why).await?;
        return Ok(Some(Routing::Done(Verdict::Refused(why))));
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
        let peer = snapshot.peer(message);
        match approvals::request_access(host, message, peer, ask, &snapshot.agents).await? {
            Some(Put::New(_) | Put::Joined(_)) => waits = true,
            // Counted with the refusal.
            Some(Put::Full) => dropped = None,
            None => return Ok(None),
        }
    }
    if let Some(why) = dropped {
        let (from, sender) = (message.from.clone(), message.body.sender.clone());
        let now = host.clock.now();
        let record = move |it: &mut CentralStore| it.record_drop(&from, &sender, why.as_str(), now);
        host.central.write("a dropped message", record).await?;
    }
    if taking.is_empty() {
        let verdict = if waits { Verdict::Stored } else { Verdict::Ignored };
        return Ok(Some(Routing::Done(verdict)));
    }
    let mut targets = Vec::with_capacity(taking.len());
    for decision in taking {
        let (chat, row) = session(host, message, &snapshot, decision).await?;
        let command = session_command(host, message, &snapshot, decision, (chat, &row)).await?;
        targets.push((row, command));
    }
    Ok(Some(Routing::Store(targets)))
}

/// The chat, and the session that takes the message for an agent; made, and the chat connected, where
/// that is new.
async fn session(
    host: &Host,
    message: &Incoming,
    snapshot: &Arc<AdmissionSnapshot>,
    decision: &AgentDecision,
) -> Result<(ChatId, SessionRow), StoreError> {
    let now = host.clock.now();
    if let Some(found) = snapshot.session(message, decision, now) {
        return Ok(found);
    }
    let (snapshot, message, decision) = (Arc::clone(snapshot), message.clone(), decision.clone());
    let put = move |it: &mut CentralStore| snapshot.put_session(it, &message, &decision, now);
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

/// How the session is to take what is not for the host.
pub(super) fn admitted(
    message: &Incoming,
    snapshot: &AdmissionSnapshot,
    decision: &AgentDecision,
) -> SessionCommand {
    let kind = match command_in(message, decision) {
        Some(_) => InboundKind::Command,
        None if decision.decision == Decision::Accumulate => InboundKind::Context,
        None => InboundKind::Chat,
    };
    let rule = rule(decision, snapshot.access(&decision.agent));
    SessionCommand::Message(Admitted { message: message.clone(), kind, rule })
}

fn command_in(message: &Incoming, decision: &AgentDecision) -> Option<Command> {
    command::parse(&message.body.text).filter(|_| decision.decision != Decision::Accumulate)
}

/// How the session is to take the message, after the host did what it was told.
async fn session_command(
    host: &Host,
    message: &Incoming,
    snapshot: &AdmissionSnapshot,
    decision: &AgentDecision,
    (chat, row): (ChatId, &SessionRow),
) -> Result<SessionCommand, StoreError> {
    let Some(command) = command_in(message, decision) else {
        return Ok(admitted(message, snapshot, decision));
    };
    let (access, is_direct) = (snapshot.access(&decision.agent), !message.body.chat.is_group);
    let reply = |text: String| SessionCommand::Reply(message.clone(), text);
    if let Some(need) = command.lacks(access, is_direct) {
        return Ok(reply(texts::commands::denied(command, need)));
    }
    let person = snapshot.person();
    match command {
        Command::Stop => orders::stop(host, message).await,
        Command::Panic => orders::panic(host, message).await.map(reply),
        Command::Resume => orders::resume(host, message, &decision.agent, access).await.map(reply),
        Command::Tasks => tasks::execute(host, message, snapshot, (chat, row)).await.map(reply),
        Command::Timezone => {
            personal::set(host, message, person, command, personal::zone).await.map(reply)
        }
        Command::Quiet => {
            personal::set(host, message, person, command, personal::quiet).await.map(reply)
        }
        Command::Status => Ok(SessionCommand::Status(message.clone())),
        Command::Help => Ok(reply(texts::commands::help(access, is_direct))),
        Command::New | Command::Compact | Command::Context | Command::Cost => {
            Ok(admitted(message, snapshot, decision))
        }
    }
}
