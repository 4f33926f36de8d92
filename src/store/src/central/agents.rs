//! Agent groups, and the stops of one or all that hold. A removal keeps the row and all files, so that
//! adding the name again undoes it.

use domain::agent::{AdminScope, AgentGroup, Provider, Resources};
use domain::history::EventKind;
use domain::stop::{Scope, Stop, Stops};
use serde_json::json;

use super::{Wiring, events};
use crate::central::prelude::*;
use crate::row::{enum_column, row, statements};

enum_column!(AdminScope, Provider);

row!(Resources { memory_mib, cpu_milli, pids, disk_gib });

row!(Stop { id, at, by, why });
row!(AgentGroup {
    name,
    number,
    provider,
    model,
    image,
    resources,
    trigger,
    admin_scope,
    transcribe
});

const AGENTS: &str =
    "SELECT name, number, provider, model, image, memory_mib, cpu_milli, pids, disk_gib,
            trigger, admin_scope, transcribe
     FROM agent_group WHERE removed_at IS NULL";

statements! {
    /// Every agent that was not removed, by name.
    pub fn agents() -> Vec<AgentGroup> = list("list the agents",
        &format!("{AGENTS} ORDER BY name"), []);
    pub fn agent(name: &AgentName) -> Option<AgentGroup> = one("read an agent",
        &format!("{AGENTS} AND name = ?1"), [name.as_str()]);
    /// Every name that was ever an agent's: a removed one would come back with its memory.
    pub fn agent_names_taken() -> Vec<AgentName> = list("list the agents' names",
        "SELECT name FROM agent_group ORDER BY name", []);
    /// What kept the containers of an agent from starting may be mended: the next start is tried at once.
    pub fn forgive_launches(name: &AgentName) -> () = execute("forgive bad starts",
        "UPDATE launch SET bad = 0 WHERE bad = 1
            AND session IN (SELECT id FROM session WHERE agent_group = ?1)", [name.as_str()]);
    /// Takes an agent out of service. `false` when there is none of that name.
    pub fn remove_agent(name: &AgentName, now: Timestamp) -> bool = changes("remove an agent",
        "UPDATE agent_group SET removed_at = ?2 WHERE name = ?1 AND removed_at IS NULL",
        params![name.as_str(), now.0]);
    /// Whether the order in this message was carried out already.
    pub fn was_processed(from: &Address, message: &str) -> bool = is_there("read the orders",
        "SELECT 1 FROM processed_command
            WHERE channel = ?1 AND account = ?2 AND chat = ?3 AND message = ?4",
        params![from.channel, from.account, from.chat, message]);
    /// Notes that the order in this message was carried out. Doing it again changes nothing.
    pub fn record_processed(from: &Address, message: &str, now: Timestamp) -> () =
        execute("note an order",
        "INSERT INTO processed_command VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        params![from.channel, from.account, from.chat, message, now.0]);
}

impl CentralStore {
    /// Adds an agent, or brings a removed one back as it was. `false` when it is there already.
    pub fn add_agent(&self, agent: &AgentGroup) -> Result<bool> {
        let sql =
            "INSERT INTO agent_group (name, provider, model, image, memory_mib, cpu_milli, pids,
                                      trigger, admin_scope, disk_gib, transcribe, number)
                   SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, coalesce(max(number) + 1, 0)
                   FROM agent_group WHERE true
                   ON CONFLICT (name) DO UPDATE SET removed_at = NULL WHERE removed_at IS NOT NULL";
        self.write_agent("add an agent", sql, agent)
    }

    /// Adds an agent for a chat and wires it. `false` when the name is taken; then nothing was
    /// changed.
    pub fn add_wired_agent(&mut self, agent: &AgentGroup, wiring: &Wiring) -> Result<bool> {
        self.change("add an agent for a chat", |central| {
            if central.agent_names_taken()?.contains(&agent.name) {
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
                          cpu_milli = ?6, pids = ?7, trigger = ?8, admin_scope = ?9, disk_gib = ?10,
                          transcribe = ?11
                   WHERE name = ?1 AND removed_at IS NULL";
        let is_known = self.write_agent("change an agent", sql, agent)?;
        self.forgive_launches(&agent.name).map(|()| is_known)
    }

    /// Runs a statement with all that an agent is; whether it changed a row.
    fn write_agent(&self, op: &'static str, sql: &str, agent: &AgentGroup) -> Result<bool> {
        let AgentGroup { name, provider, model, image, resources, trigger, .. } = agent;
        let (admin_scope, transcribe) = (agent.admin_scope, &agent.transcribe);
        let (provider, scope) = (provider.map(Provider::as_str), admin_scope.as_str());
        let Resources { memory_mib, cpu_milli, pids, disk_gib } = resources;
        let name = name.as_str();
        let values = params![
            name, provider, model, image, memory_mib, cpu_milli, pids, trigger, scope, disk_gib,
            transcribe
        ];
        Ok(self.run(op, sql, values)? == 1)
    }

    /// Every stop that holds.
    pub fn stops(&self) -> Result<Stops> {
        let sql =
            "SELECT agent_group, id, at, by, why FROM stop WHERE resumed_at IS NULL ORDER BY id";
        let rows: Vec<(Option<AgentName>, Stop)> = self.list("read the stops", sql, [])?;
        let mut stops = Stops::default();
        for (agent, stop) in rows {
            match agent {
                Some(agent) => drop(stops.agents.insert(agent, stop)),
                None => stops.all = Some(stop),
            }
        }
        Ok(stops)
    }

    /// Stops an agent or all. One that holds already stays as it is.
    pub fn stop(&mut self, scope: &Scope, by: &str, why: &str, now: Timestamp) -> Result<()> {
        let agent = scope.agent().map(AgentName::as_str);
        let sql = "INSERT INTO stop (agent_group, by, why, at, last)
                   SELECT ?1, ?2, ?3, ?4, coalesce(max(id), 0) FROM message
                   WHERE true ON CONFLICT DO NOTHING";
        self.change("write a stop down", |central| {
            if central.conn.execute(sql, params![agent, by, why, now.0])? == 1 {
                let detail = json!({ "agent": agent, "why": why });
                events::add(&central.conn, EventKind::Stop, (None, None), by, &detail, now)?;
            }
            Ok(())
        })
    }

    /// Ends the stop of an agent or of all; other stops go on. `false` when there was none.
    pub fn resume(&mut self, scope: &Scope, by: &str, now: Timestamp) -> Result<bool> {
        let agent = scope.agent().map(AgentName::as_str);
        let sql = "UPDATE stop SET resumed_at = ?2
                   WHERE resumed_at IS NULL AND coalesce(agent_group, '') = coalesce(?1, '')";
        self.change("end a stop", |central| {
            let has_resumed = central.conn.execute(sql, params![agent, now.0])? != 0;
            if has_resumed {
                let detail = json!({ "agent": agent });
                events::add(&central.conn, EventKind::Resume, (None, None), by, &detail, now)?;
            }
            Ok(has_resumed)
        })
    }

    /// Ends the stop of all and that of every single agent. `false` when there was none.
    pub fn resume_all(&mut self, by: &str, now: Timestamp) -> Result<bool> {
        let mut any = self.resume(&Scope::All, by, now)?;
        for agent in self.stops()?.agents.into_keys() {
            any |= self.resume(&Scope::Agent(agent), by, now)?;
        }
        Ok(any)
    }
}
