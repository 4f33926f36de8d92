//! Settles questions. What the answer decides, what the agent that asked is told, and the ends of the
//! cards are one commit, so that no step is done twice or without the others. Messages that waited are
//! routed after it.

use std::sync::Arc;

use channel::Verdict;
use domain::approval::{ALLOW, ChatChoice, News};
use domain::people::{Handle, access};
use domain::plain::chain;
use domain::question::QuestionId;
use domain::time::Timestamp;
use domain::{OutSeq, SessionId};
use store::{
    CentralStore, NewPart, PartKind, Question, QuestionKind, QuestionRow, QuestionState,
    SessionRow, StoreError,
};
use tokio::time::sleep;
use tracing::{info, warn};

use super::asking::{news, place_of};
use super::closing::closing_parts;
use super::requests::carry_out;
use super::{ApprovalMessage, ApprovalState, SOON, wiring};
use crate::host::Host;
use crate::router::RouterMessage;
use crate::sessions::SessionsMessage;
use crate::sweep::SweepMessage;

/// Who decided what somebody did at the command line instead of answering.
const BY_COMMAND: &str = "the command line";

impl ApprovalState {
    /// Ends a question with its answer, if it has one. `overtaken` is one that it has by what was done
    /// meanwhile, unless somebody was faster.
    pub(super) async fn settle(
        &self,
        id: QuestionId,
        overtaken: Option<String>,
    ) -> Result<(), StoreError> {
        let (host, now) = (Arc::clone(&self.host), self.now());
        let settle = move |central: &mut CentralStore| {
            if let Some(value) = overtaken {
                central.answer_question(id, &value, BY_COMMAND, None, now)?;
            }
            match central.question(id)?.filter(|it| !it.settled) {
                Some(row) => settle(&host, central, &row, now),
                None => Ok(None),
            }
        };
        let session = self.host.central.write("the end of a question", settle).await?;
        info!(question = %id, "settled");
        if let Some(row) = session {
            // Agents, chats and accounts may be others now.
            self.host.peers.sweep.cast(SweepMessage::Now);
            self.host.peers.sessions.cast(SessionsMessage::woken(row, None));
        }
        Ok(())
    }

    /// Has messages routed that waited for questions which are settled.
    pub(super) async fn route_due(&mut self) -> Result<(), StoreError> {
        let due = self.host.central.read(|central| central.due_questions()).await?;
        if !due.is_empty() && Arc::strong_count(&self.replaying) == 1 {
            let (host, myself) = (Arc::clone(&self.host), self.myself.clone());
            let replaying = Arc::clone(&self.replaying);
            self.calls.spawn(async move {
                replay(&host, due).await;
                drop(replaying);
                let _ = myself.cast(ApprovalMessage::Look);
            });
        }
        Ok(())
    }
}

/// An answer that a question has by what was done meanwhile by other means.
pub(super) fn overtaken(
    central: &CentralStore,
    question: &Question,
) -> Result<Option<String>, StoreError> {
    match (question.kind, question.chat, &question.agent) {
        (QuestionKind::Chat, Some(chat), _) => {
            let first = central.wirings_of(chat)?.into_iter().next();
            Ok(first.map(|it| ChatChoice::Connect(it.wiring.agent).value()))
        }
        (QuestionKind::Sender, _, Some(agent)) => {
            let handle = Handle::parse(&question.requester);
            let known = handle.map(|it| central.standing(&it)).transpose()?.flatten();
            let is_known = access(known.as_ref().map(|it| &it.1), agent).is_known();
            Ok(is_known.then(|| ALLOW.to_owned()))
        }
        (_, _, _) => Ok(None),
    }
}

/// Returns the session that waits for the answer. Part of one write.
fn settle(
    host: &Host,
    central: &mut CentralStore,
    row: &QuestionRow,
    now: Timestamp,
) -> Result<Option<SessionRow>, StoreError> {
    let (value, by) = match &row.state {
        QuestionState::Answered { value, by } => (Some(value.as_str()), by.as_str()),
        QuestionState::Expired | QuestionState::Open => (None, ""),
    };
    let (mut is_let_in, mut failed, mut session, mut say) = (false, None, None, Vec::new());
    if let Some((id, seq)) = row.question.session {
        let (ok, text) = settle_request(central, row, (id, seq), value, now)?;
        central.rows(id).answer(seq, ok, &text)?;
        failed = (!ok && value == Some(ALLOW)).then_some(text);
        session = central.session(id)?;
    } else {
        match settle_access(central, &row.question, value, now)? {
            // A user who was let in hears from the agent itself.
            None => is_let_in = true,
            Some(news) => say.extend(tell_requester(central, row, news)?),
        }
    }
    say.extend(closing_parts(host, central, row, (value, by), failed.as_deref())?);
    central.settle_question(row.id, is_let_in, &say, now)?;
    Ok(session)
}

/// Lets in who asked, or the chat that they wrote in, or remembers the refusal. Returns what the
/// requester is told if nobody was let in.
fn settle_access(
    central: &mut CentralStore,
    question: &Question,
    value: Option<&str>,
    now: Timestamp,
) -> Result<Option<News>, StoreError> {
    let Some(value) = value else { return Ok(Some(News::Expired)) };
    let (name, requester) = (&question.requester_name, Handle::parse(&question.requester));
    let agent = match (&question.agent, question.chat, &requester) {
        (Some(agent), _, Some(_)) if value == ALLOW => Some(agent.clone()),
        (Some(agent), _, Some(handle)) => {
            return central.deny(handle, name, agent).map(|()| Some(News::Denied));
        }
        (None, Some(chat), _) => match ChatChoice::parse(value) {
            Some(choice @ (ChatChoice::Connect(_) | ChatChoice::New(_))) => {
                wiring::wire(central, chat, &choice)?
            }
            Some(ChatChoice::Refuse) | None => {
                return central.set_denied(chat, Some(now)).map(|_| Some(News::Denied));
            }
        },
        (_, _, _) => return Ok(Some(News::Expired)),
    };
    if let (Some(agent), Some(handle)) = (agent, requester) {
        let person = central.add_person(&handle, name, now)?;
        central.add_member(person, &agent)?;
    }
    Ok(None)
}

/// What the agent is told, and whether it got what it asked for.
fn settle_request(
    central: &mut CentralStore,
    row: &QuestionRow,
    (session, seq): (SessionId, OutSeq),
    value: Option<&str>,
    now: Timestamp,
) -> Result<(bool, String), StoreError> {
    let refused = |why: &str| Ok((false, why.to_owned()));
    match (row.question.kind == QuestionKind::Agent, value) {
        (true, Some(value)) => Ok((true, value.to_owned())),
        (true, None) => refused("nobody answered in time"),
        (false, Some(ALLOW)) => match central.rows(session).answer_of(seq)? {
            // A stop was faster.
            Some(answer) => Ok(answer),
            None => carry_out(central, session, &row.question.payload, now),
        },
        (false, Some(_)) => refused("it was refused"),
        (false, None) => refused("nobody allowed it in time, or nobody can be asked"),
    }
}

/// Tells the requester the result.
fn tell_requester(
    central: &CentralStore,
    row: &QuestionRow,
    result: News,
) -> Result<Option<NewPart>, StoreError> {
    let Some(to) = place_of(central, &row.question)? else { return Ok(None) };
    let last = central.pending_messages(row.id)?.pop();
    let content = news(row.question.kind, result);
    let part = NewPart::new(format!("q{}.told", row.id), to, PartKind::Notice, content);
    Ok(Some(part.replying_to(last.map(|it| it.platform_id).unwrap_or_default())))
}

/// Routes the messages that waited for each of these questions, as if they came now. They are stored
/// once, whatever happens.
async fn replay(host: &Host, due: Vec<QuestionId>) {
    let mut all_routed = true;
    for id in due {
        all_routed &= replay_one(host, id).await.unwrap_or_else(|err| {
            warn!(question = %id, why = chain(&err), "messages that were let in wait");
            false
        });
    }
    if !all_routed {
        sleep(SOON).await;
    }
}

/// `false` when one of the messages could not be stored; its sender was told that it waits.
async fn replay_one(host: &Host, id: QuestionId) -> Result<bool, StoreError> {
    let pending = host.central.read(move |central| central.pending_messages(id)).await?;
    let events: Vec<_> = pending.into_iter().map(channel::Event::Message).collect();
    let ask = |reply| RouterMessage::Route { events, owner_only: false, cursor: None, reply };
    let routed = host.peers.router.call(ask).await;
    let refused = |it: &Verdict| matches!(it, Verdict::Refused(_));
    if routed.is_none_or(|it| it.verdicts.iter().any(refused)) {
        return Ok(false);
    }
    let note = move |central: &mut CentralStore| central.messages_routed(id);
    host.central.write("routed messages", note).await.map(|()| true)
}
