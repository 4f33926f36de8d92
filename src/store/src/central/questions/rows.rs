//! Questions as rows.

use domain::AgentName;
use domain::question::{Opt, QuestionId};
use rusqlite::{Connection, params};

use super::{Question, QuestionKind, QuestionState};
use crate::row::{Columns, FromRow, enum_column, json_column, one, row, to_json};

pub(super) const QUESTIONS: &str =
    "SELECT id, kind, agent_group, messaging_group, thread, session, out_seq,
     requester, requester_name, text, options, payload, asked_at, expires_at, state, answer,
     answered_by, settled_at IS NOT NULL FROM question";

/// The id of the question that is open already for the same reason.
pub(in crate::central) fn same(
    tx: &Connection,
    question: &Question,
) -> rusqlite::Result<Option<QuestionId>> {
    let chat = question.chat.map(|it| it.0);
    match question.kind {
        QuestionKind::Sender => one(
            tx,
            "SELECT id FROM question WHERE kind = 'sender' AND settled_at IS NULL
                 AND messaging_group IS ?1 AND agent_group IS ?2 AND requester = ?3",
            params![chat, question.agent.as_ref().map(AgentName::as_str), question.requester],
        ),
        QuestionKind::Chat => one(
            tx,
            "SELECT id FROM question WHERE kind = 'chat' AND settled_at IS NULL
                 AND messaging_group IS ?1",
            [chat],
        ),
        QuestionKind::Change | QuestionKind::Agent => one(
            tx,
            "SELECT id FROM question WHERE session = ?1 AND out_seq = ?2",
            params![question.session.map(|it| it.0.0), question.session.map(|it| it.1.0)],
        ),
    }
}

/// Stores a new question.
pub(in crate::central) fn insert(
    tx: &Connection,
    question: &Question,
) -> rusqlite::Result<QuestionId> {
    tx.execute(
        "INSERT INTO question (kind, agent_group, messaging_group, thread, session, out_seq,
             requester, requester_name, text, options, payload, asked_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        params![
            question.kind.as_str(),
            question.agent.as_ref().map(AgentName::as_str),
            question.chat.map(|it| it.0),
            question.thread,
            question.session.map(|it| it.0.0),
            question.session.map(|it| it.1.0),
            question.requester,
            question.requester_name,
            question.text,
            to_json(&question.options)?,
            question.payload,
            question.asked_at.0,
            question.expires_at.0
        ],
    )?;
    Ok(QuestionId(tx.last_insert_rowid()))
}

enum_column!(QuestionKind);
json_column!(Vec<Opt>);

row!(Question {
    kind,
    agent,
    chat,
    thread,
    session,
    requester,
    requester_name,
    text,
    options,
    payload,
    asked_at,
    expires_at
});

impl FromRow for QuestionState {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (state, value, by): (String, Option<String>, Option<String>) = columns.next()?;
        Ok(match state.as_str() {
            "answered" => {
                Self::Answered { value: value.unwrap_or_default(), by: by.unwrap_or_default() }
            }
            "expired" => Self::Expired,
            _ => Self::Open,
        })
    }
}
