//! Questions as rows.

use domain::question::{Opt, QuestionId};
use domain::session_key::ChatId;
use domain::time::Timestamp;
use domain::{AgentName, OutSeq, SessionId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Question, QuestionKind, QuestionRow, QuestionState};
use crate::central::agent_name;

pub(super) const QUESTIONS: &str =
    "SELECT id, kind, agent_group, messaging_group, thread, session, out_seq,
     requester, requester_name, text, options, payload, asked_at, expires_at, state, answer,
     answered_by, settled_at IS NOT NULL FROM question";

/// The id of the question that is open already for the same reason.
pub(in crate::central) fn same(
    tx: &Connection,
    it: &Question,
) -> rusqlite::Result<Option<QuestionId>> {
    let id = |row: &Row<'_>| row.get(0).map(QuestionId);
    let chat = it.chat.map(|it| it.0);
    match it.kind {
        QuestionKind::Sender => tx.query_row(
            "SELECT id FROM question WHERE kind = 'sender' AND settled_at IS NULL
                 AND messaging_group IS ?1 AND agent_group IS ?2 AND requester = ?3",
            params![chat, it.agent.as_ref().map(AgentName::as_str), it.requester],
            id,
        ),
        QuestionKind::Chat => tx.query_row(
            "SELECT id FROM question WHERE kind = 'chat' AND settled_at IS NULL
                 AND messaging_group IS ?1",
            params![chat],
            id,
        ),
        QuestionKind::Change | QuestionKind::Agent => tx.query_row(
            "SELECT id FROM question WHERE session = ?1 AND out_seq = ?2",
            params![it.session.map(|it| it.0.0), it.session.map(|it| it.1.0)],
            id,
        ),
    }
    .optional()
}

/// Stores a new question.
pub(in crate::central) fn insert(tx: &Connection, it: &Question) -> rusqlite::Result<QuestionId> {
    let options: Vec<(&str, &str)> =
        it.options.iter().map(|it| (it.label.as_str(), it.value.as_str())).collect();
    let options = serde_json::to_string(&options)
        .map_err(|err| rusqlite::Error::ToSqlConversionFailure(Box::new(err)))?;
    tx.execute(
        "INSERT INTO question (kind, agent_group, messaging_group, thread, session, out_seq,
             requester, requester_name, text, options, payload, asked_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        params![
            it.kind.as_str(),
            it.agent.as_ref().map(AgentName::as_str),
            it.chat.map(|it| it.0),
            it.thread,
            it.session.map(|it| it.0.0),
            it.session.map(|it| it.1.0),
            it.requester,
            it.requester_name,
            it.text,
            options,
            it.payload,
            it.asked_at.0,
            it.expires_at.0
        ],
    )?;
    Ok(QuestionId(tx.last_insert_rowid()))
}

pub(super) fn question_row(row: &Row<'_>) -> rusqlite::Result<QuestionRow> {
    let kind: String = row.get(1)?;
    let session: (Option<i64>, Option<i64>) = (row.get(5)?, row.get(6)?);
    let options: String = row.get(10)?;
    let options: Vec<(String, String)> = serde_json::from_str(&options).unwrap_or_default();
    let agent: Option<String> = row.get(2)?;
    let state: String = row.get(14)?;
    Ok(QuestionRow {
        id: QuestionId(row.get(0)?),
        question: Question {
            kind: QuestionKind::parse(&kind).unwrap_or(QuestionKind::Agent),
            agent: agent.map(|_| agent_name(row, 2)).transpose()?,
            chat: row.get::<_, Option<i64>>(3)?.map(ChatId),
            thread: row.get(4)?,
            session: session.0.zip(session.1).map(|it| (SessionId(it.0), OutSeq(it.1))),
            requester: row.get(7)?,
            requester_name: row.get(8)?,
            text: row.get(9)?,
            options: options.into_iter().map(|(label, value)| Opt { label, value }).collect(),
            payload: row.get(11)?,
            asked_at: Timestamp(row.get(12)?),
            expires_at: Timestamp(row.get(13)?),
        },
        state: match state.as_str() {
            "answered" => QuestionState::Answered {
                value: row.get::<_, Option<String>>(15)?.unwrap_or_default(),
                by: row.get::<_, Option<String>>(16)?.unwrap_or_default(),
            },
            "expired" => QuestionState::Expired,
            _ => QuestionState::Open,
        },
        settled: row.get(17)?,
        cards: Vec::new(),
    })
}
