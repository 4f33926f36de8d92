//! Runs of tasks, as messages of a session: stored once, and reported to their task with the commit that
//! ends them.

use std::time::Duration;

use domain::MessageSeq;
use domain::cost::Cost;
use domain::message::{Admitted, InboundKind, Incoming, Outcome};
use domain::plain::{cut, one_line};
use domain::task::FireKey;
use domain::task::words::{RESULT_CHARS_MAX, late_mark};
use domain::time::Timestamp;
use rusqlite::params;

use super::body::{Body, Run};
use super::messages::{insert, wake};
use super::{Scope, SessionRows};
use crate::StoreError;
use crate::central::ends;
use crate::row::{self, Columns, FromRow, is_there, one, to_json};

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
            if is_there(&tx, known, [task, slot])? {
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
            let sql = "UPDATE message SET task = ?3, slot = ?4, body = ?5, told = 1, status = 1,
                           line_gone = 1 WHERE session = ?1 AND seq = ?2";
            row::run(&tx, sql, params![tx.session, seq.0, task, slot, to_json(&body)?])?;
            wake(tx)?;
            Ok(true)
        })
    }
}

/// Writes down how a message ended where its task is, if it is a run of one; with what follows for the
/// task.
pub(super) fn report(tx: Scope<'_>, message: MessageSeq, now: Timestamp) -> rusqlite::Result<()> {
    let sql = format!("{RUN_END} AND seq = ?2");
    let Some(end) = one::<TaskEnd>(&tx, &sql, [tx.session, message.0])? else { return Ok(()) };
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

impl FromRow for TaskEnd {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            key: FireKey { task: columns.next()?, slot: columns.next()? },
            outcome: Outcome::parse(&columns.next::<String>()?).unwrap_or(Outcome::Failed),
            result: cut(&one_line(&columns.next::<String>()?), RESULT_CHARS_MAX),
            cost: columns.next::<Option<i64>>()?.and_then(Cost::of_turn),
        })
    }
}

/// Whether a message is a run of a task.
pub(super) fn is_task(tx: Scope<'_>, message: MessageSeq) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM message WHERE session = ?1 AND seq = ?2 AND task IS NOT NULL";
    is_there(&tx, sql, [tx.session, message.0])
}

/// What stands above the answer to this message, if it is a run of a task and late.
pub(super) fn mark(tx: Scope<'_>, message: MessageSeq) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT body, task, slot, wait IS NOT NULL FROM message
               WHERE session = ?1 AND seq = ?2";
    let found: Option<(Body, _, _, bool)> = one(&tx, sql, [tx.session, message.0])?;
    Ok(found.and_then(|(body, task, slot, waited)| late_mark(&body.task_run(task, slot)?, waited)))
}
