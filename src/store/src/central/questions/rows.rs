//! Questions as rows, and their cards: where a question was shown, and the code that a typed answer names
//! it by.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};

use domain::delivery::PartKey;
use domain::question::{CardCode, JUST_CLOSED, Opt, QuestionId};

use super::{Question, QuestionKind, QuestionRow, QuestionState};
use crate::central::prelude::*;
use crate::outbox::NewPart;
use crate::row::{Columns, FromRow, enum_column, json_column, one, row, to_json};

/// The setting with the secret that codes are made from: an agent that knew the code of somebody
/// else's card could have a person type it.
pub const CARD_KEY: &str = "card_key";

/// What a message may be besides one for agents, or was taken for when it was delivered before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplyContext {
    /// Cards in its chat are open, or were until [`JUST_CLOSED`] ago.
    pub has_cards: bool,
    /// It was an answer, or its writer was asked which card it is for.
    pub has_answered: bool,
    /// A pairing code is open, or it was one.
    pub has_pairing: bool,
}

row!(ReplyContext { has_cards, has_answered, has_pairing });

impl CentralStore {
    /// The place of the option that a second card asks about.
    pub fn second_of(&self, id: QuestionId) -> Result<Option<usize>> {
        let sql = "SELECT second FROM question WHERE id = ?1 AND second IS NOT NULL";
        self.one("read a second card", sql, [id.0])
    }

    /// The code of a question, the same on each of its cards. It is computed and not stored, so it
    /// holds as long as the setting does.
    pub fn card_code(&self, id: QuestionId) -> Result<CardCode> {
        let key = match self.setting(CARD_KEY)? {
            Some(key) => key,
            None => {
                let random = RandomState::new().hash_one(id.0);
                self.settle_setting(CARD_KEY, &format!("{random:016x}"))?
            }
        };
        let mut hasher = DefaultHasher::new();
        (key, id.0).hash(&mut hasher);
        Ok(CardCode::from_random(hasher.finish()))
    }

    /// Questions that were put in this chat and are open, or closed after `since`; the newest
    /// first.
    pub fn questions_in(&self, chat: &Address, since: Timestamp) -> Result<Vec<QuestionRow>> {
        let filter = "WHERE id IN (SELECT question FROM question_card
                          WHERE channel = ?1 AND account = ?2 AND chat = ?3)
                        AND (settled_at IS NULL OR ?4 <= settled_at)
                      ORDER BY asked_at DESC, id";
        let values = params![chat.channel, chat.account, chat.chat, since.0];
        self.with_cards(filter, values)
    }

    /// Puts an open question to somebody: the card and its sending are one commit.
    pub fn put(
        &mut self,
        id: QuestionId,
        person: Option<PersonId>,
        part: &NewPart,
        now: Timestamp,
    ) -> Result<()> {
        self.change("a card", |central| {
            if central.say(part, now)? {
                let Address { channel, account, chat, thread } = &part.to;
                let (person, key) = (person.map(|it| it.0), &part.key.0);
                let sql = "INSERT INTO question_card
                           SELECT ?1, (SELECT count(*) FROM question_card WHERE question = ?1),
                                  ?2, ?3, ?4, ?5, ?6, ?7, ?8";
                let values = params![id.0, person, channel, account, chat, thread, key, now.0];
                central.conn.execute(sql, values)?;
            }
            Ok(())
        })
    }

    /// Puts the second card, which asks whether an agent is really to be shared: the place of that
    /// option, and the card's sending, are one commit.
    pub fn put_second(
        &mut self,
        id: QuestionId,
        option: usize,
        part: &NewPart,
        now: Timestamp,
    ) -> Result<()> {
        self.change("a second card", |central| {
            central.say(part, now)?;
            let sql = "UPDATE question SET second = ?2 WHERE id = ?1";
            let option = i64::try_from(option).unwrap_or(i64::MAX);
            central.conn.execute(sql, params![id.0, option])?;
            Ok(())
        })
    }

    /// What a message of a chat may be an answer to, in one statement: each message costs this. `keys` are
    /// those of the parts that answer it if it names no card, and if it is a code.
    pub fn reply_context(
        &self,
        chat: &Address,
        message: &str,
        keys: &[PartKey; 2],
        now: Timestamp,
    ) -> Result<ReplyContext> {
        let sql = "SELECT count(*) FILTER (WHERE q.settled_at IS NULL OR ?5 <= q.settled_at) > 0,
                    count(*) FILTER (WHERE q.answered_with = ?4) > 0
                        OR EXISTS (SELECT 1 FROM part WHERE session = 0 AND key = ?6),
                    EXISTS (SELECT 1 FROM part WHERE session = 0 AND key = ?7)
                        OR EXISTS (SELECT 1 FROM pairing WHERE closed_at IS NULL
                                       AND created_at <= ?8 AND ?8 < expires_at)
             FROM question_card c JOIN question q ON q.id = c.question
             WHERE c.channel = ?1 AND c.account = ?2 AND c.chat = ?3";
        let Address { channel, account, chat, .. } = chat;
        let (since, [which, pair]) = (now - JUST_CLOSED, keys);
        let values = params![channel, account, chat, message, since.0, which.0, pair.0, now.0];
        self.only("read what a message may answer", sql, values)
    }
}

pub(super) const QUESTIONS: &str =
    "SELECT id, kind, agent_group, messaging_group, thread, session, out_seq,
     requester, requester_name, text, options, payload, asked_at, expires_at, state, answer,
     answered_by, settled_at IS NOT NULL FROM question";

/// The id of the question that is open already for the same reason.
pub(in crate::central) fn same(tx: &Connection, question: &Question) -> Result<Option<QuestionId>> {
    Ok(match question.kind {
        QuestionKind::Sender | QuestionKind::Chat => {
            let (kind, chat) = (question.kind.as_str(), question.chat.map(|it| it.0));
            let agent = question.agent.as_ref().map(AgentName::as_str);
            let sql = "SELECT id FROM question WHERE settled_at IS NULL AND kind = ?1
                           AND messaging_group IS ?2
                           AND (kind = 'chat' OR (agent_group IS ?3 AND requester = ?4))";
            one(tx, sql, params![kind, chat, agent, question.requester])?
        }
        QuestionKind::Change | QuestionKind::Agent => {
            let (session, seq) = question.session.map(|it| (it.0.0, it.1.0)).unzip();
            one(tx, "SELECT id FROM question WHERE session = ?1 AND out_seq = ?2", [session, seq])?
        }
    })
}

/// Stores a new question.
pub(in crate::central) fn insert(tx: &Connection, question: &Question) -> Result<QuestionId> {
    let Question { thread, requester: by, requester_name: name, text, payload, .. } = question;
    let (kind, agent) = (question.kind.as_str(), question.agent.as_ref().map(AgentName::as_str));
    let (session, seq) = question.session.map(|it| (it.0.0, it.1.0)).unzip();
    let (chat, options) = (question.chat.map(|it| it.0), to_json(&question.options)?);
    let (asked, expires) = (question.asked_at.0, question.expires_at.0);
    let sql = "INSERT INTO question (kind, agent_group, messaging_group, thread, session, out_seq,
             requester, requester_name, text, options, payload, asked_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    let values = params![
        kind, agent, chat, thread, session, seq, by, name, text, options, payload, asked, expires
    ];
    tx.execute(sql, values)?;
    Ok(QuestionId(tx.last_insert_rowid()))
}

enum_column!(QuestionKind);
json_column!(Vec<Opt>);

row! { Question {
    kind, agent, chat, thread, session, requester, requester_name, text, options, payload, asked_at,
    expires_at
} }

impl FromRow for QuestionState {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (state, answer): (String, Option<(String, String)>) = columns.next()?;
        Ok(match (state.as_str(), answer) {
            (_, Some((value, by))) => Self::Answered { value, by },
            ("expired", None) => Self::Expired,
            (_, None) => Self::Open,
        })
    }
}
