//! Agent groups. A removal keeps the row and all files, so that adding the name again undoes it.

use domain::AgentName;
use domain::agent::{AgentGroup, Provider, Resources};
use domain::time::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

use super::{CentralStore, agent_name};
use crate::StoreError;

const AGENTS: &str = "SELECT name, provider, model, image, memory_mib, cpu_milli, pids
     FROM agent_group WHERE removed_at IS NULL";

impl CentralStore {
    /// Every agent that was not removed, by name.
    pub fn agents(&self) -> Result<Vec<AgentGroup>, StoreError> {
        let read = || -> rusqlite::Result<Vec<AgentGroup>> {
            self.conn
                .prepare_cached(&format!("{AGENTS} ORDER BY name"))?
                .query_map([], agent_group)?
                .collect()
        };
        read().map_err(StoreError::query("list the agents"))
    }

    pub fn agent(&self, name: &AgentName) -> Result<Option<AgentGroup>, StoreError> {
        self.conn
            .prepare_cached(&format!("{AGENTS} AND name = ?1"))
            .and_then(|mut it| it.query_row([name.as_str()], agent_group).optional())
            .map_err(StoreError::query("read an agent"))
    }

    /// Adds an agent, or brings a removed one back as it was. `false` when it is there already.
    pub fn add_agent(&self, agent: &AgentGroup, now: Timestamp) -> Result<bool, StoreError> {
        let limits = agent.resources;
        self.conn
            .execute(
                "INSERT INTO agent_group
                     (name, provider, model, image, memory_mib, cpu_milli, pids, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT DO UPDATE SET removed_at = NULL WHERE removed_at IS NOT NULL",
                params![
                    agent.name.as_str(),
                    agent.provider.map(Provider::as_str),
                    agent.model,
                    agent.image,
                    limits.memory_mib,
                    limits.cpu_milli,
                    limits.pids,
                    now.0
                ],
            )
            .map(|changed| changed == 1)
            .map_err(StoreError::query("add an agent"))
    }

    /// Replaces the settings of an agent. `false` when there is none of that name.
    pub fn set_agent(&self, agent: &AgentGroup) -> Result<bool, StoreError> {
        let limits = agent.resources;
        self.conn
            .execute(
                "UPDATE agent_group SET provider = ?2, model = ?3, image = ?4, memory_mib = ?5,
                        cpu_milli = ?6, pids = ?7
                 WHERE name = ?1 AND removed_at IS NULL",
                params![
                    agent.name.as_str(),
                    agent.provider.map(Provider::as_str),
                    agent.model,
                    agent.image,
                    limits.memory_mib,
                    limits.cpu_milli,
                    limits.pids
                ],
            )
            .map(|changed| changed == 1)
            .map_err(StoreError::query("change an agent"))
    }

    /// Takes an agent out of service. `false` when there is none of that name.
    pub fn remove_agent(&self, name: &AgentName, now: Timestamp) -> Result<bool, StoreError> {
        self.conn
            .execute(
                "UPDATE agent_group SET removed_at = ?2 WHERE name = ?1 AND removed_at IS NULL",
                params![name.as_str(), now.0],
            )
            .map(|changed| changed == 1)
            .map_err(StoreError::query("remove an agent"))
    }
}

fn agent_group(row: &Row<'_>) -> rusqlite::Result<AgentGroup> {
    let provider: Option<String> = row.get(1)?;
    Ok(AgentGroup {
        name: agent_name(row, 0)?,
        provider: provider.as_deref().and_then(Provider::parse),
        model: row.get(2)?,
        image: row.get(3)?,
        resources: Resources { memory_mib: row.get(4)?, cpu_milli: row.get(5)?, pids: row.get(6)? },
    })
}
