//! Runs of tasks, as messages of a session: stored once, and reported to their task with the commit that
//! ends them.

use std::time::Duration;

use domain::MessageSeq;
use domain::cost::Cost;
use domain::message::{Admitted, InboundKind, Incoming, Outcome};
use domain::plain::{cut, one_line};
use domain::task::words::{RESULT_CHARS_MAX, late_mark};
use domain::task::{FireKey, TaskId};
use domain::time::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

use super::body::{Body, Run};
use super::messages::{insert, wake};
use super::{Scope, SessionRows};
use crate::StoreError;
use crate::central::ends;

/// Why a run that a user stopped has no result.
const SET_ASIDE: &str = "it was stopped";

/// A slot of a task, as a message to its agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskMessage {
    pub key: FireKey,
    /// The slot as people there write it.
    pub due: String,
    pub late_by: Duration,
    /// How many slots before it were skipped because nobody was there.
    pub missed: u32,
    pub script: Option<String>,
    /// Where the answer goes, for whom, and what is to be done. Its platform id is not looked at.
    pub message: Incoming,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskEnd {
    pub key: FireKey,
    pub outcome: Outcome,
    /// The beginning of the answer, or why there is none.
    pub result: String,
    /// Of its turn, where the runner knows.
    pub cost: Option<Cost>,
}

impl SessionRows<'_> {
    /// Stores the message of a slot and sets the session awake; `false` when it is there already. Nobody
    /// is told that it waits or is worked on: nobody asked.
    ///
    /// # Errors
    /// When the database fails.
    pub fn insert_task(&self, run: &TaskMessage, now: Timestamp) -> Result<bool, StoreError> {
        let message = Incoming { platform_id: run.key.to_string(), ..run.message.clone() };
        let admitted = Admitted { message, kind: InboundKind::Chat, rule: None };
        self.commit("a task's message", |tx| {
            let (task, slot) = (run.key.task.0, run.key.slot.0);
            let known = "SELECT 1 FROM message WHERE task = ?1 AND slot = ?2";
            if tx.prepare_cached(known)?.exists([task, slot])? {
                return Ok(false);
            }
            let Some(seq) = insert(tx, &admitted, now)? else { return Ok(false) };
            let body = Body {
                run: Some(Run {
                    due: run.due.clone(),
                    late_by_ms: u64::try_from(run.late_by.as_millis()).unwrap_or(u64::MAX),
                    missed: run.missed,
                    script: run.script.clone(),
                }),
                ..Body::of(&admitted)
            };
            tx.prepare_cached(
                "UPDATE message SET task = ?3, slot = ?4, body = ?5, told = 1, status = 1,
                        line_gone = 1 WHERE session = ?1 AND seq = ?2",
            )?
            .execute(params![tx.session, seq.0, task, slot, body.to_json()?])?;
            wake(tx)?;
            Ok(true)
        })
    }
}

/// Writes down how a message ended where its task is, if it is a run of one; with what follows for the
/// task.
pub(super) fn report(tx: Scope<'_>, message: MessageSeq, now: Timestamp) -> rusqlite::Result<()> {
    let sql = format!("{RUN_END} AND seq = ?2");
    let end = tx.prepare_cached(&sql)?.query_row([tx.session, message.0], task_end).optional()?;
    let Some(end) = end else { return Ok(()) };
    if end.outcome == Outcome::Declined {
        return ends::excuse(&tx, end.key, SET_ASIDE, now).map(drop);
    }
    let ok = end.outcome != Outcome::Failed;
    ends::record(&tx, end.key, ok, &end.result, now).map(drop)
}

/// A run of a task that has ended, with the beginning of its answer, or why there is none.
pub(super) const RUN_END: &str = "SELECT task, slot, outcome,
        coalesce((SELECT text FROM part p WHERE p.session = m.session AND p.out_seq = m.reply
                      AND m.outcome = 'answered' ORDER BY id LIMIT 1), reason, ''),
        (SELECT sum(detail ->> 'micros') FROM event
         WHERE kind = 'cost' AND scope = m.session AND item = m.seq)
    FROM message m WHERE session = ?1 AND task IS NOT NULL AND outcome IS NOT NULL";

pub(super) fn task_end(row: &Row<'_>) -> rusqlite::Result<TaskEnd> {
    let outcome: String = row.get(2)?;
    let said: String = row.get(3)?;
    Ok(TaskEnd {
        key: FireKey { task: TaskId(row.get(0)?), slot: Timestamp(row.get(1)?) },
        outcome: Outcome::parse(&outcome).unwrap_or(Outcome::Failed),
        result: cut(&one_line(&said), RESULT_CHARS_MAX),
        cost: row.get::<_, Option<i64>>(4)?.and_then(Cost::of_turn),
    })
}

/// Whether a message is a run of a task.
pub(super) fn is_task(tx: Scope<'_>, message: MessageSeq) -> rusqlite::Result<bool> {
    tx.prepare_cached("SELECT 1 FROM message WHERE session = ?1 AND seq = ?2 AND task IS NOT NULL")?
        .exists([tx.session, message.0])
}

/// What stands above the answer to this message, if it is a run of a task and late.
pub(super) fn mark(tx: Scope<'_>, message: MessageSeq) -> rusqlite::Result<Option<String>> {
    let found = tx
        .prepare_cached(
            "SELECT body, task, slot, wait IS NOT NULL FROM message
             WHERE session = ?1 AND seq = ?2",
        )?
        .query_row([tx.session, message.0], |row| {
            let errand = Body::read(row, 0)?.errand(row.get(1)?, row.get(2)?);
            Ok((errand, row.get::<_, bool>(3)?))
        })
        .optional()?;
    Ok(found.and_then(|(errand, waited)| late_mark(&errand?, waited)))
}
