//! Stops that hold: of one agent, or of all.

use domain::AgentName;
use domain::history::EventKind;
use domain::message::Address;
use domain::stop::{Scope, Stop, Stops};
use domain::time::Timestamp;
use rusqlite::params;
use serde_json::json;

use super::CentralStore;
use crate::Result;
use crate::row::row;

row!(Stop { id, at, by, why });

impl CentralStore {
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
                central.record(EventKind::Stop, None, by, &detail, now)?;
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
                central.record(EventKind::Resume, None, by, &detail, now)?;
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

    /// Whether the order in this message was carried out already.
    pub fn was_processed(&self, from: &Address, message: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM processed_command
                   WHERE channel = ?1 AND account = ?2 AND chat = ?3 AND message = ?4";
        let values = params![from.channel, from.account, from.chat, message];
        self.is_there("read the orders", sql, values)
    }

    /// Notes that the order in this message was carried out. Doing it again changes nothing.
    pub fn record_processed(&self, from: &Address, message: &str, now: Timestamp) -> Result<()> {
        let sql =
            "INSERT INTO processed_command VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
        let values = params![from.channel, from.account, from.chat, message, now.0];
        self.run("note an order", sql, values).map(drop)
    }
}
