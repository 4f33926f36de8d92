//! Runs of tasks, as messages of a session: stored once, and reported to their task with the commit that
//! ends them.

use domain::MessageSeq;
use domain::message::{Admitted, InboundKind, Incoming, Outcome};
use domain::plain::{cut, one_line};
use domain::task::{FireKey, TaskRun};
use domain::texts::tasks::late_mark;
use domain::time::Timestamp;
use rusqlite::params;

use super::messages::{insert, wake};
use super::{Scope, SessionRows};
use crate::Result;
use crate::central::ends;
use crate::row::{Columns, FromRow, is_there, one, run, to_json};

/// Characters of an answer that are remembered.
const RESULT_CHARS_MAX: usize = 200;
/// Why a run that a user stopped has no result.
const SET_ASIDE: &str = "it was stopped";

/// A slot of a task, as a message to its agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskMessage {
    pub run: TaskRun,
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
}

impl SessionRows<'_> {
    /// Stores the message of a slot and sets the session awake; `false` when it is there already. Nobody
    /// is told that it waits or is worked on: nobody asked.
    pub fn insert_task(&self, task: &TaskMessage, now: Timestamp) -> Result<bool> {
        let key = task.run.key;
        let message = Incoming { platform_id: key.to_string(), ..task.message.clone() };
        let admitted = Admitted { message, kind: InboundKind::Chat, rule: None };
        self.commit("a task's message", |tx| {
            let known = "SELECT 1 FROM message WHERE task = ?1 AND slot = ?2";
            if is_there(&tx, known, [key.task.0, key.slot.0])? {
                return Ok(false);
            }
            let Some((seq, _)) = insert(tx, &admitted, now)? else { return Ok(false) };
            let sql = "UPDATE message SET task = ?3, slot = ?4, run = ?5, told = 1, status = 1,
                           line_gone = 1 WHERE session = ?1 AND seq = ?2";
            let task_run = to_json(&task.run)?;
            run(&tx, sql, params![tx.session, seq.0, key.task.0, key.slot.0, task_run])?;
            wake(tx)?;
            Ok(true)
        })
    }
}

/// Writes down how a message ended where its task is, with what follows for the task; whether it is a run
/// of one.
pub(super) fn report(tx: Scope<'_>, message: MessageSeq, now: Timestamp) -> rusqlite::Result<bool> {
    let sql = format!("{RUN_END} AND seq = ?2");
    let Some(end) = one::<TaskEnd>(&tx, &sql, [tx.session, message.0])? else { return Ok(false) };
    let result = if end.outcome == Outcome::Declined { SET_ASIDE } else { end.result.as_str() };
    ends::record(&tx, end.key, end.outcome, result, now).map(|_| true)
}

/// A run of a task that has ended, with the beginning of its answer, or why there is none.
pub(super) const RUN_END: &str = "SELECT task, slot, outcome,
        coalesce((SELECT text FROM part p WHERE p.session = m.session AND p.out_seq = m.reply
                      AND m.outcome = 'answered' ORDER BY id LIMIT 1), reason, '')
    FROM message m WHERE session = ?1 AND task IS NOT NULL AND outcome IS NOT NULL";

impl FromRow for TaskEnd {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (key, outcome, text): (_, _, String) = columns.next()?;
        Ok(Self { key, outcome, result: cut(&one_line(&text), RESULT_CHARS_MAX) })
    }
}

/// Whether a message is a run of a task.
pub(super) fn is_task(tx: Scope<'_>, message: MessageSeq) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM message WHERE session = ?1 AND seq = ?2 AND task IS NOT NULL";
    is_there(&tx, sql, [tx.session, message.0])
}

/// What stands above the answer to this message, if it is a run of a task and late.
pub(super) fn mark(tx: Scope<'_>, message: MessageSeq) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT run, wait IS NOT NULL FROM message
               WHERE session = ?1 AND seq = ?2 AND run IS NOT NULL";
    let found: Option<(TaskRun, bool)> = one(&tx, sql, [tx.session, message.0])?;
    Ok(found.and_then(|(task_run, waited)| late_mark(&task_run, waited)))
}
