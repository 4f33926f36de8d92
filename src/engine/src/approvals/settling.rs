//! Settles questions. What the answer decides, what the agent that asked is told, and the ends of the
//! cards are one commit, so that no step is done twice or without the others. Messages that waited are
//! routed after it.

use std::sync::Arc;

use channel::Verdict;
use domain::agent::AgentGroup;
use domain::approval::{ALLOW, ChatChoice, News};
use domain::message::{AuthorKind, Incoming};
use domain::naming::agent_name_for;
use domain::outgoing::Card;
use domain::people::{Handle, access};
use domain::plain::chain;
use domain::question::QuestionId;
use domain::session_key::ChatId;
use domain::texts::approval as card;
use domain::time::Timestamp;
use domain::{AgentName, OutSeq, SessionId};
use store::{
    CardRow, CentralStore, Draft, NewPart, PartKind, Question, QuestionKind, QuestionRow,
    QuestionState, SessionRow, Target, Wiring,
};
use tokio::time::sleep;
use tracing::{info, warn};

use super::asking::{news, place_of};
use super::requests::carry_out;
use super::{Approvals, SOON};
use crate::Result;
use crate::host::{Host, Wake};
use crate::router::{self, Routed};

/// Who decided what somebody did at the command line instead of answering.
const BY_COMMAND: &str = "the command line";

impl Approvals {
    /// Ends a question with its answer, if it has one. `overtaken` is one that it has by what was done
    /// meanwhile, unless somebody was faster.
    pub(super) async fn settle(&self, id: QuestionId, overtaken: Option<String>) -> Result<()> {
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
            self.host.wake(Wake::Everything);
            self.host.wake(Wake::Session(row, None));
        }
        Ok(())
    }

    /// Has messages routed that waited for questions which are settled.
    pub(super) async fn route_due(&mut self) -> Result<()> {
        let due = self.host.central.read(|central| central.due_questions()).await?;
        if !due.is_empty() && Arc::strong_count(&self.replaying) == 1 {
            let (host, replaying) = (Arc::clone(&self.host), Arc::clone(&self.replaying));
            self.calls.spawn(async move {
                replay(&host, due).await;
                drop(replaying);
                host.wake_approvals();
            });
        }
        Ok(())
    }
}

/// An answer that a question has by what was done meanwhile by other means.
pub(super) fn overtaken(central: &CentralStore, question: &Question) -> Result<Option<String>> {
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
) -> Result<Option<SessionRow>> {
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
        match settle_access(central, row, value, now)? {
            // A user who was let in hears from the agent itself.
            None => is_let_in = true,
            Some(news) => say.extend(tell_requester(host, central, row, news)?),
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
    row: &QuestionRow,
    value: Option<&str>,
    now: Timestamp,
) -> Result<Option<News>> {
    let question = &row.question;
    let Some(value) = value else { return Ok(Some(News::Expired)) };
    let (name, requester) = (&question.requester_name, Handle::parse(&question.requester));
    let agent = match (&question.agent, question.chat, &requester) {
        (Some(agent), _, Some(_)) if value == ALLOW => Some(agent.clone()),
        (Some(agent), _, Some(handle)) => {
            return central.deny(handle, name, agent).map(|()| Some(News::Denied));
        }
        (None, Some(chat), _) => match ChatChoice::parse(value) {
            Some(choice @ (ChatChoice::Connect(_) | ChatChoice::New(_))) => {
                wire(central, chat, &choice)?
            }
            Some(ChatChoice::Refuse) | None => {
                return central.set_denied(chat, Some(now)).map(|_| Some(News::Denied));
            }
        },
        (_, _, _) => return Ok(Some(News::Expired)),
    };
    // The chat is let in; an account of several people is no member of anything.
    let is_shared = |message: &Incoming| {
        let sender = &message.body.sender;
        sender.kind == AuthorKind::Shared
            && requester.as_ref() == Some(&Handle::new(&message.from.channel, &sender.id))
    };
    if central.pending_messages(row.id)?.iter().any(is_shared) {
        return Ok(None);
    }
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
) -> Result<(bool, String)> {
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

fn tell_requester(
    host: &Host,
    central: &CentralStore,
    row: &QuestionRow,
    result: News,
) -> Result<Option<NewPart>> {
    let to = place_of(central, &row.question)?.filter(|it| !host.caps_of(it).mute);
    let Some(to) = to else { return Ok(None) };
    let last = central.pending_messages(row.id)?.pop();
    let content = news(row.question.kind, result);
    let part = NewPart::new(format!("q{}.told", row.id), to, PartKind::Notice, content);
    Ok(Some(part.replying_to(last.map(|it| it.platform_id).unwrap_or_default())))
}

/// Routes the messages that waited for each of these questions, as if they came now. They are stored
/// once, whatever happens.
async fn replay(host: &Arc<Host>, due: Vec<QuestionId>) {
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
async fn replay_one(host: &Arc<Host>, id: QuestionId) -> Result<bool> {
    let pending = host.central.read(move |central| central.pending_messages(id)).await?;
    let events: Vec<_> = pending.into_iter().map(channel::Event::Message).collect();
    let mut is_refused = false;
    let is_refusal = |it: &Verdict| matches!(it, Verdict::Refused(_));
    let answer = |routed: Routed| is_refused = routed.verdicts.iter().any(is_refusal);
    router::route(host, events, false, None, answer).await;
    if is_refused {
        return Ok(false);
    }
    let note = move |central: &mut CentralStore| central.messages_routed(id);
    host.central.write("routed messages", note).await.map(|()| true)
}

/// Shows in every chat that was asked how it ended, and takes the buttons away. `failed` says why
/// what was allowed could not be done.
fn closing_parts(
    host: &Host,
    central: &CentralStore,
    row: &QuestionRow,
    (value, by): (Option<&str>, &str),
    failed: Option<&str>,
) -> Result<Vec<NewPart>> {
    let by = central.name_of(by)?;
    let end = match (value, failed) {
        (Some(_), Some(why)) => card::not_done(why, &by),
        (Some(value), None) => {
            let chosen = row.question.options.iter().find(|it| it.value == value);
            let label = chosen.map_or(value, |it| &it.label);
            card::decided(&card::result(row.matter(), value, label), &by)
        }
        (None, _) => card::EXPIRED.to_owned(),
    };
    let question = &row.question.text;
    let part = |(n, card): (usize, &CardRow)| {
        let content = if host.caps_of(&card.to).edits {
            let card_text = Card { text: card::closed_card(question, &end), buttons: vec![] };
            Draft::Edit(Target::Part(card.part.clone()), card_text)
        } else {
            Draft::Text(card::closed_notice(question, &end))
        };
        NewPart::new(format!("q{}.{n}.end", row.id), card.to.clone(), PartKind::Interim, content)
    };
    Ok(row.cards.iter().enumerate().filter(|it| !it.1.lost).map(part).collect())
}

/// Wires a chat as somebody chose; returns the agent. One that was to be new is never an agent
/// that others use, or that was removed: by now its name may be taken, and it gets another one.
fn wire(
    central: &mut CentralStore,
    chat: ChatId,
    choice: &ChatChoice,
) -> Result<Option<AgentName>> {
    let Some(found) = central.chat_by_id(chat)? else { return Ok(None) };
    let wired = central.wirings_of(chat)?;
    let agent = match choice {
        ChatChoice::Refuse => return Ok(None),
        ChatChoice::Connect(agent) if wired.iter().any(|it| it.wiring.agent == *agent) => {
            return Ok(Some(agent.clone()));
        }
        ChatChoice::Connect(agent) => agent.clone(),
        // Somebody wired the chat to an agent meanwhile.
        ChatChoice::New(_) if !wired.is_empty() => return Ok(None),
        ChatChoice::New(wanted) => {
            let taken = central.agent_names_taken()?;
            match taken.contains(wanted) {
                true => agent_name_for(wanted.as_str(), &taken),
                false => wanted.clone(),
            }
        }
    };
    // A removed agent of that name would be there again; its name counts as taken above.
    central.add_agent(&AgentGroup::new(agent.clone()))?;
    central.set_wiring(&Wiring::usual(chat, agent.clone(), found.is_group))?;
    Ok(Some(agent))
}
