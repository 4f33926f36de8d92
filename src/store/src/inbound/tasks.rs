//! Messages that tasks send to a session, and how they ended.

use std::time::Duration;

use domain::MessageSeq;
use domain::cost::Cost;
use domain::message::{Admitted, InboundKind, Incoming, Outcome};
use domain::plain::{cut, one_line};
use domain::task::words::{RESULT_CHARS_MAX, late_mark};
use domain::task::{Errand, FireKey, TaskId};
use domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{InboundStore, insert};
use crate::StoreError;

/// A slot of a task, as a message to its agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskMessage {
    pub key: FireKey,
    /// The slot as people there write it.
    pub due: String,
    pub late_by: Duration,
    /// How many slots before it were let pass because nobody was there.
    pub missed: u32,
    pub script: Option<String>,
    /// Where the answer goes, for whom, and what is to be done. Its platform id is not looked at.
    pub message: Incoming,
}

/// How the message of a slot ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskEnd {
    pub message: MessageSeq,
    pub key: FireKey,
    pub outcome: Outcome,
    /// An excerpt of the answer, or why there is none.
    pub result: String,
    pub cost: Option<Cost>,
}

/// Ended, and the central database does not know it yet.
const UNREPORTED: &str = "task IS NOT NULL AND reported = 0 AND outcome IS NOT NULL";

/// What [`errand`] reads.
pub(crate) const ERRAND: &str = "task, slot, coalesce(slot_local, ''), late_by, missed, script";

impl InboundStore {
    /// Stores the message of a slot; `false` when it is there already. Nobody is told that it waits or
    /// is worked on: nobody asked.
    ///
    /// # Errors
    /// When the database fails; so for every method below.
    pub fn insert_task(&mut self, it: &TaskMessage, now: Timestamp) -> Result<bool, StoreError> {
        let message = Incoming { platform_id: it.key.to_string(), ..it.message.clone() };
        let admitted = Admitted { message, kind: InboundKind::Chat, rule: None };
        self.commit("a task's message", |tx| {
            let (task, slot) = (it.key.task.to_string(), it.key.slot.0);
            let known = "SELECT 1 FROM messages_in WHERE task = ?1 AND slot = ?2";
            if tx.prepare_cached(known)?.exists(params![task, slot])? {
                return Ok(false);
            }
            let Some(seq) = insert(tx, &admitted, now)? else { return Ok(false) };
            let late_by = i64::try_from(it.late_by.as_millis()).unwrap_or(i64::MAX);
            tx.execute(
                "UPDATE messages_in SET task = ?2, slot = ?3, late_by = ?4, script = ?5,
                        slot_local = ?6, missed = ?7, told = 1, status = 1, line_gone = 1
                 WHERE seq = ?1",
                params![seq.0, task, slot, late_by, it.script, it.due, it.missed],
            )?;
            Ok(true)
        })
    }

    /// Whether [`Self::task_ends`] has anything to say.
    pub(crate) fn has_task_ends(&self) -> Result<bool, StoreError> {
        let sql = format!("SELECT 1 FROM messages_in WHERE {UNREPORTED} LIMIT 1");
        self.conn
            .prepare_cached(&sql)
            .and_then(|mut it| it.exists([]))
            .map_err(StoreError::query("read the ends of tasks"))
    }

    /// The oldest slots that have ended and that the central database is still to hear of.
    pub fn task_ends(&self) -> Result<Vec<TaskEnd>, StoreError> {
        let read = || -> rusqlite::Result<Vec<TaskEnd>> {
            let sql = format!(
                "SELECT seq, task, slot, outcome, coalesce(reason, ''),
                        (SELECT text FROM deliveries d WHERE d.out_seq = messages_in.reply
                         ORDER BY id LIMIT 1),
                        cost
                 FROM messages_in WHERE {UNREPORTED} ORDER BY seq LIMIT 50"
            );
            self.conn.prepare_cached(&sql)?.query_map([], task_end)?.collect()
        };
        read().map_err(StoreError::query("read the ends of tasks"))
    }

    /// The central database knows how these ended.
    pub fn reported(&mut self, ends: &[TaskEnd]) -> Result<(), StoreError> {
        self.commit("reported ends", |tx| {
            let sql = "UPDATE messages_in SET reported = 1 WHERE seq = ?1";
            let mut report = tx.prepare_cached(sql)?;
            ends.iter().try_for_each(|it| report.execute([it.message.0]).map(drop))
        })
    }
}

fn task_end(row: &Row<'_>) -> rusqlite::Result<TaskEnd> {
    let (task, outcome): (String, String) = (row.get(1)?, row.get(3)?);
    let (reason, answer): (String, Option<String>) = (row.get(4)?, row.get(5)?);
    let outcome = Outcome::parse(&outcome).unwrap_or(Outcome::Failed);
    let said = answer.filter(|_| outcome == Outcome::Answered).unwrap_or(reason);
    Ok(TaskEnd {
        message: MessageSeq(row.get(0)?),
        key: FireKey {
            task: TaskId::parse(&task).unwrap_or(TaskId(0)),
            slot: Timestamp(row.get(2)?),
        },
        outcome,
        result: cut(&one_line(&said), RESULT_CHARS_MAX),
        cost: row.get::<_, Option<i64>>(6)?.and_then(Cost::of_turn),
    })
}

/// The task behind a message, from [`ERRAND`], of which this is the first column.
pub(crate) fn errand(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Errand>> {
    let task: Option<String> = row.get(first)?;
    let Some(task) = task.as_deref().and_then(TaskId::parse) else { return Ok(None) };
    let late_by: Option<i64> = row.get(first + 3)?;
    let late_by = u64::try_from(late_by.unwrap_or(0)).unwrap_or(0);
    Ok(Some(Errand {
        key: FireKey { task, slot: Timestamp(row.get(first + 1)?) },
        due: row.get(first + 2)?,
        late_by: Duration::from_millis(late_by),
        missed: row.get(first + 4)?,
        script: row.get(first + 5)?,
        found: None,
    }))
}

/// Whether a task sent this message.
pub(super) fn is_task(conn: &Connection, message: MessageSeq) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM messages_in WHERE seq = ?1 AND task IS NOT NULL")?
        .exists([message.0])
}

/// What stands above the answer to this message, if a task sent it and it is late.
pub(super) fn mark(tx: &Transaction<'_>, message: MessageSeq) -> rusqlite::Result<Option<String>> {
    let sql = format!("SELECT {ERRAND}, waits_for IS NOT NULL FROM messages_in WHERE seq = ?1");
    let found = tx
        .prepare_cached(&sql)?
        .query_row([message.0], |row| Ok((errand(row, 0)?, row.get::<_, bool>(6)?)))
        .optional()?;
    Ok(found.and_then(|(errand, waited)| late_mark(&errand?, waited)))
}
