//! Which tasks are heartbeats: at most one for each agent.

use std::collections::BTreeSet;

use domain::AgentName;
use domain::task::TaskId;
use rusqlite::params;

use super::CentralStore;
use crate::StoreError;

impl CentralStore {
    /// The heartbeat of an agent, in whatever state it is.
    ///
    /// # Errors
    /// When the database fails; so for every method below.
    pub fn heartbeat_of(&self, agent: &AgentName) -> Result<Option<TaskId>, StoreError> {
        let sql = "SELECT task FROM heartbeat WHERE agent_group = ?1";
        self.one("find a heartbeat", sql, [agent.as_str()], |row| row.get(0).map(TaskId))
    }

    /// Makes a task of an agent its heartbeat, instead of another one.
    pub fn set_heartbeat(&mut self, agent: &AgentName, task: TaskId) -> Result<(), StoreError> {
        self.change("a heartbeat", |tx| {
            tx.execute(
                "INSERT INTO heartbeat (task, agent_group) VALUES (?1, ?2)
                 ON CONFLICT (agent_group) DO UPDATE SET task = excluded.task",
                params![task.0, agent.as_str()],
            )
            .map(drop)
        })
    }

    /// All tasks that are heartbeats.
    pub fn heartbeats(&self) -> Result<BTreeSet<TaskId>, StoreError> {
        let rows = self.list("list the heartbeats", "SELECT task FROM heartbeat", [], |row| {
            row.get(0).map(TaskId)
        })?;
        Ok(rows.into_iter().collect())
    }
}
