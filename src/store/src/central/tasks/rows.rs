//! Tasks as rows, and the one statement that says when they come next.

use domain::SessionId;
use domain::people::{Handle, PersonId};
use domain::session_key::ChatId;
use domain::task::{Missed, TaskId, TaskState};
use domain::time::Timestamp;
use rusqlite::{Connection, Row, params};
use schedule::{Rule, Zone, next_after};

use super::{Task, TaskRow};
use crate::central::{agent_name, strange, word};

pub(super) const TASKS: &str = "SELECT id, agent_group, session, messaging_group, thread, owner,
     owner_handle, created_by, prompt, script, rule, zone, missed, state, reason, created_at,
     changed_at, accounted_until, next_at FROM task";

/// From what the next slot follows.
pub(super) struct When<'a> {
    pub(super) rule: &'a Rule,
    pub(super) zone: &'a Zone,
    pub(super) accounted_until: Timestamp,
}

/// Writes down what follows from a rule: the next slot, or that there is none any more. A task that
/// is paused or failing stays so; whoever resumes it writes `done` first, which says "by the rule".
pub(super) fn settle(tx: &Connection, id: TaskId, when: &When<'_>) -> rusqlite::Result<()> {
    let next = next_after(when.rule, when.zone, when.accounted_until);
    tx.prepare_cached(
        "UPDATE task SET accounted_until = ?2,
             next_at = iif(state IN ('active', 'done'), ?3, NULL),
             state = CASE WHEN state NOT IN ('active', 'done') THEN state
                          WHEN ?3 IS NULL THEN 'done' ELSE 'active' END
         WHERE id = ?1",
    )?
    .execute(params![id.0, when.accounted_until.0, next.map(|it| it.0)])
    .map(drop)
}

pub(super) fn task_row(row: &Row<'_>) -> rusqlite::Result<TaskRow> {
    let handle: String = row.get(6)?;
    let rule: String = row.get(10)?;
    let zone: String = row.get(11)?;
    Ok(TaskRow {
        id: TaskId(row.get(0)?),
        task: Task {
            agent: agent_name(row, 1)?,
            session: row.get::<_, Option<i64>>(2)?.map(SessionId),
            chat: ChatId(row.get(3)?),
            thread: row.get(4)?,
            owner: row.get::<_, Option<i64>>(5)?.map(PersonId),
            owner_handle: Handle::parse(&handle),
            created_by: row.get(7)?,
            prompt: row.get(8)?,
            script: row.get(9)?,
            rule: rule.parse::<Rule>().map_err(|err| strange(10, err))?,
            zone: Zone::parse(&zone).map_err(|err| strange(11, err))?,
            missed: word(row, 12, Missed::parse)?,
        },
        state: word(row, 13, TaskState::parse)?,
        reason: row.get(14)?,
        created_at: Timestamp(row.get(15)?),
        changed_at: Timestamp(row.get(16)?),
        accounted_until: Timestamp(row.get(17)?),
        next_at: row.get::<_, Option<i64>>(18)?.map(Timestamp),
    })
}
