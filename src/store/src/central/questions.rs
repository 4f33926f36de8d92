//! Questions that wait for a person: who may come in, what may be changed, what agents ask. Where
//! they were asked, the messages that wait for their answer, and the host's own notices, which
//! are committed together with the change that they tell.

mod rows;

use domain::OutSeq;
use domain::admission::Why;
use domain::approval::{ChatChoice, asked_by, first_options};
use domain::delivery::PartKey;
use domain::history::EventKind;
use domain::message::Incoming;
use domain::question::{Opt, QuestionId};
use domain::texts::approval::{Matter, share};
use domain::words;
use rusqlite::Params;
use strum::{EnumString, IntoStaticStr, VariantArray};

use self::rows::QUESTIONS;
pub use self::rows::{CARD_KEY, ReplyContext};
pub(super) use self::rows::{insert, same};
use crate::central::prelude::*;
use crate::outbox::NewPart;
use crate::row::{row, run, statements};

#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum QuestionKind {
    /// May this unknown user talk to this agent?
    Sender,
    /// May this chat be connected?
    Chat,
    /// May an agent change this?
    Change,
    /// Something that an agent asks.
    Agent,
}

words!(QuestionKind);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub kind: QuestionKind,
    pub agent: Option<AgentName>,
    /// Where it came up.
    pub chat: Option<ChatId>,
    pub thread: Option<String>,
    /// Who waits for the answer, and with which message it asked.
    pub session: Option<(SessionId, OutSeq)>,
    /// `channel:id` of who led to it.
    pub requester: String,
    pub requester_name: String,
    pub text: String,
    pub options: Vec<Opt>,
    /// The change that was asked for.
    pub payload: String,
    pub asked_at: Timestamp,
    pub expires_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuestionState {
    Open,
    Answered { value: String, by: String },
    Expired,
}

/// Changes of one agent that may wait for an admin at a time, whatever conversations they come from:
/// each is a card in the admin's chat.
pub(super) const CHANGES_OPEN_MAX: i64 = 20;

/// Where a question was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardRow {
    pub person: Option<PersonId>,
    pub to: Address,
    pub part: PartKey,
    pub asked_at: Timestamp,
    /// It could not be delivered.
    pub lost: bool,
}

row!(CardRow { person, to, part, asked_at, lost });

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionRow {
    pub id: QuestionId,
    pub question: Question,
    pub state: QuestionState,
    pub settled: bool,
    /// In the order in which people were asked.
    pub cards: Vec<CardRow>,
}

row!(QuestionRow { id, question, state, settled; cards });

impl QuestionRow {
    /// The options of its first card.
    pub fn shown_options(&self) -> &[Opt] {
        let options = &self.question.options;
        match self.question.kind {
            QuestionKind::Sender | QuestionKind::Chat => first_options(options),
            QuestionKind::Change | QuestionKind::Agent => options,
        }
    }

    /// What it decides.
    pub fn matter(&self) -> Matter<'_> {
        let question = &self.question;
        let (name, handle) = (&question.requester_name, &question.requester);
        let who = if name.is_empty() { handle } else { name };
        match (question.kind, &question.agent, question.chat) {
            (QuestionKind::Sender, Some(agent), _) => Matter::Sender { who, handle, agent },
            (QuestionKind::Chat, _, Some(chat)) => Matter::Chat { who, handle, chat },
            (QuestionKind::Agent, _, _) => Matter::Question,
            (QuestionKind::Change | QuestionKind::Sender | QuestionKind::Chat, _, _) => {
                Matter::Change
            }
        }
    }

    /// What is asked once more before this option is taken, which shares an agent; `None` for all
    /// others. `title` is that of the chat.
    pub fn share_text(&self, title: &str, option: usize) -> Option<String> {
        let question = &self.question;
        let (agent, title) = match question.kind {
            QuestionKind::Sender => (question.agent.clone()?, ""),
            QuestionKind::Chat => match ChatChoice::parse(&question.options.get(option)?.value)? {
                ChatChoice::Connect(agent) => (agent, title),
                ChatChoice::New(_) | ChatChoice::Refuse => return None,
            },
            QuestionKind::Change | QuestionKind::Agent => return None,
        };
        asked_by(&question.options, option)?;
        let names = [title, &question.requester_name, &question.requester];
        let with = names.into_iter().find(|it| !it.is_empty()).unwrap_or_default();
        Some(share(&agent, with, &question.text))
    }
}

/// What became of a question that was to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    New(QuestionId),
    /// The same is being asked already; the message waits with it, if there is room.
    Joined(QuestionId),
    /// People are asked about too many already; of an access request, the message was counted.
    Full,
}

statements! {
    /// Questions whose messages are to be routed.
    pub fn due_questions() -> Vec<QuestionId> = list("list the messages that are due",
        "SELECT DISTINCT question FROM pending_message WHERE is_due = 1 ORDER BY question", []);
    /// The messages that wait for a question, in their order.
    pub fn pending_messages(id: QuestionId) -> Vec<Incoming> = list("read the messages that wait",
        "SELECT message FROM pending_message WHERE question = ?1 ORDER BY ordinal", [id.0]);
    /// The changes that wait of the agent that asks, whichever agent they are about.
    fn open_changes(question: &Question) -> i64 = only("count the changes",
        "SELECT count(*) FROM session me JOIN session s ON s.agent_group = me.agent_group
            JOIN question q ON q.session = s.id
            WHERE me.id = ?1 AND q.kind = 'change' AND q.settled_at IS NULL",
        [question.session.map(|it| it.0.0)]);
}

impl CentralStore {
    /// Opens a question, unless the same one was asked before.
    pub fn ask(&mut self, question: &Question) -> Result<Put> {
        let is_change = question.kind == QuestionKind::Change;
        self.change("a question", |central| match same(&central.conn, question)? {
            Some(id) => Ok(Put::Joined(id)),
            None if is_change && CHANGES_OPEN_MAX <= central.open_changes(question)? => {
                Ok(Put::Full)
            }
            None => Ok(Put::New(insert(&central.conn, question)?)),
        })
    }

    /// Questions that are open, or answered and not settled yet, oldest first.
    pub fn unsettled(&self) -> Result<Vec<QuestionRow>> {
        self.with_cards("WHERE settled_at IS NULL ORDER BY asked_at, id", [])
    }

    /// The last hundred questions, open ones first.
    pub fn questions(&self) -> Result<Vec<QuestionRow>> {
        self.with_cards("ORDER BY settled_at IS NOT NULL, asked_at DESC, id LIMIT 100", [])
    }

    pub fn question(&self, id: QuestionId) -> Result<Option<QuestionRow>> {
        Ok(self.with_cards("WHERE id = ?1", [id.0])?.pop())
    }

    /// Records an answer; `with` is the platform's id of the message, if it was one. `false` when the
    /// question is not open any more.
    pub fn answer_question(
        &mut self,
        id: QuestionId,
        value: &str,
        by: &str,
        with: Option<&str>,
        now: Timestamp,
    ) -> Result<bool> {
        self.change("an answer", |central| {
            let tx = &central.conn;
            let sql = "UPDATE question SET state = 'answered', answer = ?2, answered_by = ?3,
                           answered_with = ?4
                       WHERE id = ?1 AND state = 'open'";
            if run(tx, sql, params![id.0, value, by, with])? == 0 {
                return Ok(false);
            }
            let sql = "INSERT INTO event (at, kind, item, by, detail)
                       SELECT ?2, ?3, id, answered_by, json_object('answer', answer,
                           'question', kind, 'agent', agent_group, 'from', requester,
                           'chat', CAST(messaging_group AS TEXT), 'change', payload)
                       FROM question WHERE id = ?1";
            run(tx, sql, params![id.0, now.0, EventKind::Answer.as_str()])?;
            Ok(true)
        })
    }

    /// The messages of a question were routed. While they waited they counted as dropped, and do no more: for
    /// what this question was about, since another one may be asked about them by now.
    pub fn messages_routed(&mut self, id: QuestionId) -> Result<()> {
        self.change("messages that were routed", |central| {
            let sql = "SELECT message FROM pending_message WHERE question = ?1 AND is_due = 1";
            let routed: Vec<Incoming> = central.list("read the messages that wait", sql, [id.0])?;
            for Incoming { from, body, .. } in routed {
                let sql = "UPDATE dropped SET count = count - 1 WHERE channel = ?1 AND account = ?2
                               AND chat = ?3 AND sender = ?4
                               AND reason = (SELECT iif(kind = 'chat', ?5, ?6) FROM question
                                             WHERE id = ?7)";
                let [connected, asked] = [Why::ChatNotConnected, Why::UnknownAsk].map(Why::as_str);
                let Address { channel, account, chat, .. } = from;
                let of = params![channel, account, chat, body.sender.id, connected, asked, id.0];
                run(&central.conn, sql, of)?;
                let sql = "DELETE FROM dropped WHERE channel = ?1 AND account = ?2 AND chat = ?3
                               AND sender = ?4 AND count < 1";
                run(&central.conn, sql, [&channel, &account, &chat, &body.sender.id])?;
            }
            let sql = "UPDATE pending_message SET is_due = 0 WHERE question = ?1";
            run(&central.conn, sql, [id.0]).map(drop).map_err(Into::into)
        })
    }

    /// Ends a question, which expires if nobody answered it; what is said about it is committed with
    /// it. Where the users it is about were let in (`is_approved`), the messages that waited are due.
    pub fn settle_question(
        &mut self,
        id: QuestionId,
        is_approved: bool,
        say: &[NewPart],
        now: Timestamp,
    ) -> Result<()> {
        self.change("the end of a question", |central| {
            for part in say {
                central.say(part, now)?;
            }
            let tx = &central.conn;
            let sql = "UPDATE question SET settled_at = ?2,
                           state = iif(state = 'open', 'expired', state)
                       WHERE id = ?1 AND settled_at IS NULL";
            run(tx, sql, [id.0, now.0])?;
            let sql = "UPDATE pending_message SET is_due = ?2 WHERE question = ?1";
            run(tx, sql, params![id.0, is_approved])?;
            Ok(())
        })
    }

    /// Questions, each with its cards.
    fn with_cards(&self, filter: &str, params: impl Params) -> Result<Vec<QuestionRow>> {
        let cards = "SELECT person, channel, account, chat, thread, part, asked_at,
                            EXISTS (SELECT 1 FROM part d WHERE d.session = 0
                                        AND d.key = question_card.part AND d.state = 'dead')
                     FROM question_card WHERE question = ?1 ORDER BY ordinal";
        let mut rows: Vec<QuestionRow> =
            self.list("read the questions", &format!("{QUESTIONS} {filter}"), params)?;
        for row in &mut rows {
            row.cards = self.list("read the cards", cards, [row.id.0])?;
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests;
