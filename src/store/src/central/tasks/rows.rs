//! Tasks as rows, and the one statement that says when they come next.

use domain::people::Handle;
use domain::task::{FireState, Missed, TaskId, TaskState};
use domain::time::Timestamp;
use rusqlite::{Connection, params};
use schedule::{Rule, Zone, next_after};

use super::{Task, TaskRow};
use crate::row::{Columns, FromRow, enum_column, row, run};

pub(super) const TASKS: &str = "SELECT id, agent_group, session, messaging_group, thread, owner,
     owner_handle, created_by, prompt, script, rule, zone, missed, state, reason, created_at,
     changed_at, accounted_until, next_at FROM task";

enum_column!(FireState, Missed, TaskState);

impl FromRow for Task {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            agent: columns.next()?,
            session: columns.next()?,
            chat: columns.next()?,
            thread: columns.next()?,
            owner: columns.next()?,
            owner_handle: Handle::parse(&columns.next::<String>()?),
            created_by: columns.next()?,
            prompt: columns.next()?,
            script: columns.next()?,
            rule: columns.next::<String>()?.parse::<Rule>().map_err(|err| columns.bad(err))?,
            zone: Zone::parse(&columns.next::<String>()?).map_err(|err| columns.bad(err))?,
            missed: columns.next()?,
        })
    }
}

row!(TaskRow { id, task, state, reason, created_at, changed_at, accounted_until, next_at });

/// Writes down what follows from a rule: the next slot, or that there is none any more. A task that
/// is paused or failing stays so; a resume writes `done` first, which says "by the rule".
pub(super) fn settle(
    tx: &Connection,
    id: TaskId,
    task: &Task,
    accounted_until: Timestamp,
) -> rusqlite::Result<()> {
    let next = next_after(&task.rule, &task.zone, accounted_until);
    let sql = "UPDATE task SET accounted_until = ?2,
                   next_at = iif(state IN ('active', 'done'), ?3, NULL),
                   state = CASE WHEN state NOT IN ('active', 'done') THEN state
                                WHEN ?3 IS NULL THEN 'done' ELSE 'active' END
               WHERE id = ?1";
    run(tx, sql, params![id.0, accounted_until.0, next.map(|it| it.0)]).map(drop)
}
