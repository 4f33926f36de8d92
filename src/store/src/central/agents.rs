//! Agent groups. A removal keeps the row and all files, so that adding the name again undoes it.

use domain::AgentName;
use domain::agent::{AdminScope, AgentGroup, Provider, Resources};
use domain::time::Timestamp;
use rusqlite::params;

use super::{CentralStore, Wiring};
use crate::Result;
use crate::row::{enum_column, is_there, row};

enum_column!(AdminScope, Provider);

row!(Resources { memory_mib, cpu_milli, pids, disk_gib });

row!(AgentGroup { name, number, provider, model, image, resources, trigger, admin_scope });

const AGENTS: &str =
    "SELECT name, number, provider, model, image, memory_mib, cpu_milli, pids, disk_gib,
            trigger, admin_scope
     FROM agent_group WHERE removed_at IS NULL";

impl CentralStore {
    /// Every agent that was not removed, by name.
    pub fn agents(&self) -> Result<Vec<AgentGroup>> {
        self.list("list the agents", &format!("{AGENTS} ORDER BY name"), [])
    }

    pub fn agent(&self, name: &AgentName) -> Result<Option<AgentGroup>> {
        self.one("read an agent", &format!("{AGENTS} AND name = ?1"), [name.as_str()])
    }

    /// Every name that was ever an agent's: a removed one would come back with its memory.
    pub fn agent_names_taken(&self) -> Result<Vec<AgentName>> {
        let sql = "SELECT name FROM agent_group ORDER BY name";
        self.list("list the agents' names", sql, [])
    }

    /// Adds an agent, or brings a removed one back as it was. `false` when it is there already.
    pub fn add_agent(&self, agent: &AgentGroup) -> Result<bool> {
        let sql =
            "INSERT INTO agent_group (name, provider, model, image, memory_mib, cpu_milli, pids,
                                            trigger, admin_scope, disk_gib, number)
                   SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, coalesce(max(number) + 1, 0)
                   FROM agent_group WHERE true
                   ON CONFLICT (name) DO UPDATE SET removed_at = NULL WHERE removed_at IS NOT NULL";
        self.write_agent("add an agent", sql, agent)
    }

    /// Adds an agent for a chat and wires it. `false` when the name is taken; then nothing was
    /// changed.
    pub fn add_wired_agent(&mut self, agent: &AgentGroup, wiring: &Wiring) -> Result<bool> {
        self.change("add an agent for a chat", |central| {
            let sql = "SELECT 1 FROM agent_group WHERE name = ?1";
            if is_there(&central.conn, sql, [agent.name.as_str()])? {
                return Ok(false);
            }
            central.add_agent(agent)?;
            central.set_wiring(wiring)?;
            Ok(true)
        })
    }

    /// Replaces the settings of an agent. `false` when there is none of that name.
    pub fn set_agent(&self, agent: &AgentGroup) -> Result<bool> {
        let sql = "UPDATE agent_group SET provider = ?2, model = ?3, image = ?4, memory_mib = ?5,
                          cpu_milli = ?6, pids = ?7, trigger = ?8, admin_scope = ?9, disk_gib = ?10
                   WHERE name = ?1 AND removed_at IS NULL";
        let is_there = self.write_agent("change an agent", sql, agent)?;
        self.forgive_launches(&agent.name).map(|()| is_there)
    }

    /// What kept the containers of an agent from starting may be mended: the next start is tried at once.
    pub fn forgive_launches(&self, name: &AgentName) -> Result<()> {
        let sql = "UPDATE launch SET bad = 0 WHERE bad = 1
                   AND session IN (SELECT id FROM session WHERE agent_group = ?1)";
        self.run("forgive bad starts", sql, [name.as_str()]).map(drop)
    }

    /// Takes an agent out of service. `false` when there is none of that name.
    pub fn remove_agent(&self, name: &AgentName, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE agent_group SET removed_at = ?2 WHERE name = ?1 AND removed_at IS NULL";
        Ok(self.run("remove an agent", sql, params![name.as_str(), now.0])? == 1)
    }

    /// Runs a statement with all that an agent is; whether it changed a row.
    fn write_agent(&self, op: &'static str, sql: &str, agent: &AgentGroup) -> Result<bool> {
        let AgentGroup { name, provider, model, image, resources, trigger, admin_scope, .. } =
            agent;
        let (provider, scope) = (provider.map(Provider::as_str), admin_scope.as_str());
        let Resources { memory_mib, cpu_milli, pids, disk_gib } = resources;
        let name = name.as_str();
        let values = params![
            name, provider, model, image, memory_mib, cpu_milli, pids, trigger, scope, disk_gib
        ];
        Ok(self.run(op, sql, values)? == 1)
    }
}
