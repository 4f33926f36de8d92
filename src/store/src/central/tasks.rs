//! Tasks, and the slots of theirs that came.
//!
//! Truth is (rule, zone, accounted until). `next_at` follows from these three: [`settle`] is the
//! only place that writes any of them, so that it cannot be wrong alone.

pub(crate) mod ends;
mod fires;

use std::collections::BTreeSet;
use std::error::Error;

use domain::task::failing::Streak;
use domain::task::{FireState, Missed, TaskId, TaskState};
use schedule::{CLOCK_STEP_MAX, Rule, Zone, next_after};

pub use self::fires::{Decided, FireRow, Handover};
use crate::central::prelude::*;
use crate::row::{Columns, FromRow, bad, columns, enum_column, one, row, run, statements};

/// Tasks of one agent that are over and kept. What is made and cancelled without end would make every look
/// at tasks dearer, also for others.
const OVER_MAX: i64 = 200;

/// What is to be done, when, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub agent: AgentName,
    /// Where it runs. `None`: in the session that its chat has when it fires.
    pub session: Option<SessionId>,
    /// Where its answer goes.
    pub chat: ChatId,
    pub thread: Option<String>,
    pub owner: Option<PersonId>,
    /// Who wanted it, as their platform names them.
    pub owner_handle: Option<Handle>,
    pub created_by: String,
    pub prompt: String,
    /// Runs first and decides whether to go on.
    pub script: Option<String>,
    pub rule: Rule,
    pub zone: Zone,
    pub missed: Missed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRow {
    pub id: TaskId,
    pub task: Task,
    pub state: TaskState,
    /// Why it is in this state; may be empty.
    pub reason: String,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
    /// Every slot up to here has fired or was skipped.
    pub accounted_until: Timestamp,
    /// Its next slot, if it is active.
    pub next_at: Option<Timestamp>,
}

const TASKS: &str = "SELECT id, agent_group, session, messaging_group, thread, owner,
     owner_handle, created_by, prompt, script, rule, zone, missed, state, reason, created_at,
     changed_at, accounted_until, next_at FROM task";

enum_column!(FireState, Missed, TaskState);

columns!(Rule => |row, at| row.get::<_, String>(at)?.parse::<Self>().map_err(|err| bad(at, err)));
columns!(Zone => |row, at| Self::parse(&row.get::<_, String>(at)?).map_err(|err| bad(at, err)));
// As a text; an empty one is nobody's.
columns!(Option<Handle> => |row, at| Ok(Handle::parse(&row.get::<_, String>(at)?)));
row! { Task {
    agent, session, chat, thread, owner, owner_handle, created_by, prompt, script, rule, zone, missed
} }
row!(TaskRow { id, task, state, reason, created_at, changed_at, accounted_until, next_at });

/// What is to be different about a task; `None` leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskEdit {
    pub prompt: Option<String>,
    pub script: Option<Option<String>>,
    pub rule: Option<Rule>,
    pub zone: Option<Zone>,
    pub missed: Option<Missed>,
}

statements! {
    /// The task that a request made.
    pub fn task_of_request(key: &str) -> Option<TaskRow> = one("read a task",
        &format!("{TASKS} WHERE request = ?1"), [key]);
    /// How many tasks of an agent are active.
    pub fn active_tasks(agent: &AgentName) -> u64 = only("count the tasks",
        "SELECT count(*) FROM task WHERE agent_group = ?1 AND state = 'active'", [agent.as_str()]);
    /// The heartbeat of an agent, in whatever state it is; each has one at most.
    pub fn heartbeat_of(agent: &AgentName) -> Option<TaskId> = one("find a heartbeat",
        "SELECT id FROM task WHERE agent_group = ?1 AND heartbeat = 1", [agent.as_str()]);
    pub fn task(id: TaskId) -> Option<TaskRow> = one("read a task",
        &format!("{TASKS} WHERE id = ?1"), [id.0]);
    fn maybe_task(id: TaskId) -> Option<MaybeTask> = one("read a task",
        &format!("{TASKS} WHERE id = ?1"), [id.0]);
    fn every_task() -> Vec<MaybeTask> = list("list the tasks", &format!("{TASKS} ORDER BY id"), []);
    /// When the next slot of any task comes that is later than `after`.
    pub fn earliest_slot(after: Timestamp) -> Option<Timestamp> = only("read the next slot",
        EARLIEST, [after.0]);
}

impl CentralStore {
    /// Stores a task. It counts from `now`; one that never comes is done at once.
    pub fn add_task(&mut self, task: &Task, now: Timestamp) -> Result<TaskId> {
        self.add_task_once(task, None, now)
    }

    /// Stores the task that the request `key` asks for; the one that it made before, if it did.
    pub fn add_task_once(
        &mut self,
        task: &Task,
        key: Option<&str>,
        now: Timestamp,
    ) -> Result<TaskId> {
        self.change("a task", |central| {
            let known = "SELECT id FROM task WHERE request = ?1";
            match one(&central.conn, known, [key])? {
                Some(id) => Ok(id),
                None => central.insert_task(task, key, now),
            }
        })
    }

    /// Adds a row; it counts from `now`.
    fn insert_task(&self, task: &Task, request: Option<&str>, now: Timestamp) -> Result<TaskId> {
        let Task { chat, thread, created_by, prompt, script, .. } = task;
        let (session, owner) = (task.session.map(|it| it.0), task.owner.map(|it| it.0));
        let handle = task.owner_handle.as_ref().map(ToString::to_string).unwrap_or_default();
        let (agent, rule, zone) = (task.agent.as_str(), task.rule.to_string(), task.zone.name());
        let missed = task.missed.to_string();
        let sql = "INSERT INTO task (agent_group, session, messaging_group, thread, owner,
                 owner_handle, created_by, prompt, script, rule, zone, missed, state,
                 created_at, changed_at, accounted_until, request)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 'done', ?13, ?13, ?13, ?14)
             RETURNING id";
        let values = params![
            agent, session, chat.0, thread, owner, handle, created_by, prompt, script, rule, zone,
            missed, now.0, request
        ];
        let id = self.only("add a task", sql, values)?;
        settle(&self.conn, id, task, now)?;
        let sql = "DELETE FROM task WHERE id IN
                       (SELECT id FROM task WHERE agent_group = ?1 AND state IN ('done', 'cancelled')
                            AND NOT EXISTS (SELECT 1 FROM fire f WHERE f.task = task.id
                                AND f.state IN ('fired', 'running'))
                        ORDER BY changed_at DESC, id DESC LIMIT -1 OFFSET ?2)";
        self.run("drop tasks that are over", sql, params![agent, OVER_MAX])?;
        Ok(id)
    }

    /// Makes a task of an agent its heartbeat, instead of another one. Fails when it is none of theirs.
    pub fn set_heartbeat(&mut self, agent: &AgentName, task: TaskId) -> Result<()> {
        self.change("a heartbeat", |central| {
            let tx = &central.conn;
            let old = "UPDATE task SET heartbeat = 0 WHERE agent_group = ?1 AND heartbeat = 1";
            tx.execute(old, [agent.as_str()])?;
            let new = "UPDATE task SET heartbeat = 1 WHERE id = ?1 AND agent_group = ?2";
            match tx.execute(new, params![task.0, agent.as_str()])? {
                1 => Ok(()),
                _ => Err(rusqlite::Error::QueryReturnedNoRows.into()),
            }
        })
    }

    /// All tasks that are heartbeats.
    pub fn heartbeats(&self) -> Result<BTreeSet<TaskId>> {
        let sql = "SELECT id FROM task WHERE heartbeat = 1";
        Ok(self.list("list the heartbeats", sql, [])?.into_iter().collect())
    }

    /// Tasks, those of one agent or all, in the order in which they were made.
    /// Those that this program cannot read are left out; see [`Self::unreadable_tasks`].
    pub fn tasks(&self, agent: Option<&AgentName>) -> Result<Vec<TaskRow>> {
        let sql = format!("{TASKS} WHERE agent_group = ?1 ORDER BY id");
        let rows: Vec<MaybeTask> = match agent {
            Some(agent) => self.list("list the tasks", &sql, [agent.as_str()])?,
            None => self.every_task()?,
        };
        Ok(rows.into_iter().flatten().collect())
    }

    /// Puts a task into another state, if it may go there from the one that it is in. A task that
    /// is resumed counts from `now`: what came in between is skipped.
    pub fn set_task_state(
        &mut self,
        id: TaskId,
        state: TaskState,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool> {
        self.change("the state of a task", |central| {
            let tx = &central.conn;
            let Some(row) = read(tx, id)?.filter(|it| it.state.may_become(state)) else {
                return Ok(false);
            };
            let sql = "UPDATE task SET state = iif(?2 = 'active', 'done', ?2), next_at = NULL,
                           reason = ?3, changed_at = ?4
                       WHERE id = ?1";
            tx.execute(sql, params![id.0, state.as_str(), reason, now.0])?;
            if state == TaskState::Active {
                settle(tx, id, &row.task, row.accounted_until.max(now))?;
            }
            Ok(true)
        })
    }

    /// Changes a task; `None` when there is none, or when it was cancelled. With another rule or
    /// zone it counts from `now`, and one that was done may begin again.
    pub fn edit_task(
        &mut self,
        id: TaskId,
        edit: &TaskEdit,
        now: Timestamp,
    ) -> Result<Option<TaskRow>> {
        self.change("a change of a task", |central| {
            let tx = &central.conn;
            let Some(row) = read(tx, id)?.filter(|it| it.state != TaskState::Cancelled) else {
                return Ok(None);
            };
            let (mut task, edit) = (row.task, edit.clone());
            task.prompt = edit.prompt.unwrap_or(task.prompt);
            task.script = edit.script.unwrap_or(task.script);
            task.missed = edit.missed.unwrap_or(task.missed);
            let has_other_times = edit.rule.is_some() || edit.zone.is_some();
            task.rule = edit.rule.unwrap_or(task.rule);
            task.zone = edit.zone.unwrap_or(task.zone);
            let (rule, zone, missed) =
                (task.rule.to_string(), task.zone.name(), task.missed.to_string());
            let sql = "UPDATE task SET prompt = ?2, script = ?3, missed = ?4, rule = ?5, zone = ?6,
                           changed_at = ?7
                       WHERE id = ?1";
            let values = params![id.0, task.prompt, task.script, missed, rule, zone, now.0];
            tx.execute(sql, values)?;
            if has_other_times {
                settle(tx, id, &task, now)?;
            }
            Ok(read(tx, id)?)
        })
    }

    /// Active tasks with a slot up to `now`, the longest due first, and those that a clock which ran
    /// far ahead has accounted for too early; each with how it did lately. Costs what it finds, not what
    /// there is.
    ///
    /// Tasks of a stopped agent wait, and so do those with [`OPEN_MAX`] slots that have not ended: for
    /// them it is as if the host slept, and afterwards their policy decides.
    pub fn due_tasks(&self, now: Timestamp, limit: u32) -> Result<Vec<(TaskRow, Streak)>> {
        let mut due = Vec::new();
        for (sql, than) in [(due_sql(), now), (ahead_sql(), now + CLOCK_STEP_MAX)] {
            let found = self.list("read the due tasks", &sql, params![than.0, limit, OPEN_MAX])?;
            for row in found.into_iter().flat_map(MaybeTask::ok) {
                let streak = ends::streak(&self.conn, &row);
                due.push((row, streak.map_err(StoreError::query("read how a task did"))?));
            }
        }
        Ok(due)
    }

    /// Tasks that this program cannot read: of a newer program, or of a damaged row.
    pub fn unreadable_tasks(&self) -> Result<Vec<UnreadableTask>> {
        Ok(self.every_task()?.into_iter().filter_map(MaybeTask::err).collect())
    }

    /// Cancels a task that this program cannot read. `false` when it can read it, or there is none.
    pub fn cancel_unreadable(&mut self, id: TaskId, reason: &str, now: Timestamp) -> Result<bool> {
        self.change("the state of a task", |central| {
            let Some(Err(_)) = central.maybe_task(id)? else { return Ok(false) };
            let sql = "UPDATE task SET state = 'cancelled', next_at = NULL, reason = ?2,
                           changed_at = ?3 WHERE id = ?1";
            Ok(central.conn.execute(sql, params![id.0, reason, now.0])? == 1)
        })
    }
}

/// A row that this program cannot read must not keep the others from firing.
type MaybeTask = Result<TaskRow, UnreadableTask>;

impl FromRow for MaybeTask {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        match columns.next() {
            Err(err) if is_unreadable(&err) => {
                let id: TaskId = columns.named("id")?;
                let agent = columns.named("agent_group")?;
                let is_active = columns.named::<Option<Timestamp>>("next_at")?.is_some();
                let why = err.source().map_or_else(|| err.to_string(), ToString::to_string);
                tracing::warn!(task = %id, why, "a task cannot be read, so it doesn't fire");
                Ok(Err(UnreadableTask { id, agent, is_active, why }))
            }
            other => other.map(Ok),
        }
    }
}

fn is_unreadable(err: &rusqlite::Error) -> bool {
    matches!(
        err,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
    )
}

/// A row that this program makes no task of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableTask {
    pub id: TaskId,
    pub agent: String,
    /// It would have fired.
    pub is_active: bool,
    pub why: String,
}

/// So many slots of a task may wait for their end; more would pile up behind something that is stuck.
pub(super) const OPEN_MAX: u32 = 3;

const EARLIEST: &str = "SELECT min(next_at) FROM task WHERE next_at > ?1";

/// Stays out of the way of a stop, and of what is not done yet: [`OPEN_MAX`] is the third parameter.
const MAY_FIRE: &str = "NOT EXISTS (SELECT 1 FROM stop WHERE resumed_at IS NULL
          AND (stop.agent_group IS NULL OR stop.agent_group = task.agent_group))
     AND (SELECT count(*) FROM fire
          WHERE fire.task = task.id AND fire.state IN ('fired', 'running')) < ?3";

fn due_sql() -> String {
    format!(
        "{TASKS} WHERE next_at IS NOT NULL AND next_at <= ?1 AND {MAY_FIRE}
         ORDER BY next_at LIMIT ?2"
    )
}

fn ahead_sql() -> String {
    format!(
        "{TASKS} WHERE next_at IS NOT NULL AND accounted_until > ?1 AND {MAY_FIRE}
         ORDER BY accounted_until LIMIT ?2"
    )
}

/// Writes down what follows from a rule: the next slot, or that there is none any more. A task that
/// is paused or failing stays so; a resume writes `done` first, which says "by the rule".
fn settle(tx: &Connection, id: TaskId, task: &Task, accounted_until: Timestamp) -> Result<()> {
    let next = next_after(&task.rule, &task.zone, accounted_until);
    let sql = "UPDATE task SET accounted_until = ?2,
                   next_at = iif(state IN ('active', 'done'), ?3, NULL),
                   state = CASE WHEN state NOT IN ('active', 'done') THEN state
                                WHEN ?3 IS NULL THEN 'done' ELSE 'active' END
               WHERE id = ?1";
    run(tx, sql, params![id.0, accounted_until.0, next.map(|it| it.0)])?;
    Ok(())
}

fn read(tx: &Connection, id: TaskId) -> rusqlite::Result<Option<TaskRow>> {
    one(tx, &format!("{TASKS} WHERE id = ?1"), [id.0])
}

#[cfg(test)]
mod firing_tests;
#[cfg(test)]
mod tests;
