//! Messages that wait for the answer to a question about their sender or chat, kept whole.

use domain::message::Incoming;
use domain::question::QuestionId;
use rusqlite::{Connection, params};

use crate::row::{json_column, list, run, to_json};

json_column!(Incoming);

/// Keeps a message, unless it is kept already or there are `max`.
pub(super) fn add(
    tx: &Connection,
    question: QuestionId,
    message: &Incoming,
    max: i64,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO pending_message (question, ordinal, platform_id, message)
               SELECT ?1, count(*), ?2, ?3 FROM pending_message WHERE question = ?1 HAVING count(*) < ?4
               ON CONFLICT DO NOTHING";
    run(tx, sql, params![question.0, message.platform_id, to_json(message)?, max]).map(drop)
}

pub(super) fn of(conn: &Connection, question: QuestionId) -> rusqlite::Result<Vec<Incoming>> {
    let sql = "SELECT message FROM pending_message WHERE question = ?1 ORDER BY ordinal";
    list(conn, sql, [question.0])
}
