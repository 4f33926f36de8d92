//! Which tasks are heartbeats: at most one for each agent.

use std::collections::BTreeSet;

use domain::AgentName;
use domain::task::TaskId;
use rusqlite::params;

use crate::StoreError;
use crate::central::CentralStore;

impl CentralStore {
    /// The heartbeat of an agent, in whatever state it is.
    ///
    /// # Errors
    /// When the database fails; so for every method below.
    pub fn heartbeat_of(&self, agent: &AgentName) -> Result<Option<TaskId>, StoreError> {
        let sql = "SELECT id FROM task WHERE agent_group = ?1 AND heartbeat = 1";
        self.one("find a heartbeat", sql, [agent.as_str()])
    }

    /// Makes a task of an agent its heartbeat, instead of another one. Fails when it is none of theirs.
    pub fn set_heartbeat(&mut self, agent: &AgentName, task: TaskId) -> Result<(), StoreError> {
        self.change("a heartbeat", |tx| {
            let old = "UPDATE task SET heartbeat = 0 WHERE agent_group = ?1 AND heartbeat = 1";
            tx.execute(old, [agent.as_str()])?;
            let new = "UPDATE task SET heartbeat = 1 WHERE id = ?1 AND agent_group = ?2";
            match tx.execute(new, params![task.0, agent.as_str()])? {
                1 => Ok(()),
                _ => Err(rusqlite::Error::QueryReturnedNoRows),
            }
        })
    }

    /// All tasks that are heartbeats.
    pub fn heartbeats(&self) -> Result<BTreeSet<TaskId>, StoreError> {
        let sql = "SELECT id FROM task WHERE heartbeat = 1";
        Ok(self.list("list the heartbeats", sql, [])?.into_iter().collect())
    }
}
