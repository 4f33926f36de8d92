//! Chats that an agent may write to, by names of its own.

use domain::AgentName;
use domain::message::Address;
use domain::naming::destination_name;
use domain::session_key::ChatId;
use rusqlite::{Connection, params};

use super::{CentralStore, chats};
use crate::StoreError;
use crate::row::{list, row};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationRow {
    pub agent: AgentName,
    /// What the agent calls it; unique for each agent.
    pub name: String,
    pub chat: ChatId,
    pub address: Address,
    pub title: String,
}

row!(DestinationRow { agent, name, chat, address, title });

const DESTINATIONS: &str = "SELECT d.agent_group, d.name, d.messaging_group, m.channel, m.account,
            m.chat, NULL, m.title
     FROM destination d JOIN messaging_group m ON m.id = d.messaging_group";

impl CentralStore {
    /// Every destination, by agent and name.
    pub fn destinations(&self) -> Result<Vec<DestinationRow>, StoreError> {
        let sql = format!("{DESTINATIONS} ORDER BY d.agent_group, d.name");
        self.list("list the destinations", &sql, [])
    }

    pub fn destinations_of(&self, agent: &AgentName) -> Result<Vec<DestinationRow>, StoreError> {
        let sql = format!("{DESTINATIONS} WHERE d.agent_group = ?1 ORDER BY d.name");
        self.list("list the destinations", &sql, [agent.as_str()])
    }

    /// The chat that an agent means by a name.
    pub fn destination(
        &self,
        agent: &AgentName,
        name: &str,
    ) -> Result<Option<DestinationRow>, StoreError> {
        let sql = format!("{DESTINATIONS} WHERE d.agent_group = ?1 AND d.name = ?2");
        self.one("read a destination", &sql, [agent.as_str(), name])
    }

    /// Lets an agent write to a chat under a name. `false` when it has that name for a chat already.
    pub fn add_destination(
        &self,
        agent: &AgentName,
        name: &str,
        chat: ChatId,
    ) -> Result<bool, StoreError> {
        let added = self.run(
            "add a destination",
            "INSERT INTO destination (agent_group, name, messaging_group, by_wiring)
             VALUES (?1, ?2, ?3, 0) ON CONFLICT DO NOTHING",
            params![agent.as_str(), name, chat.0],
        )?;
        Ok(added == 1)
    }

    /// `false` when the agent has no such name.
    pub fn remove_destination(&self, agent: &AgentName, name: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM destination WHERE agent_group = ?1 AND name = ?2";
        Ok(self.run("remove a destination", sql, [agent.as_str(), name])? == 1)
    }
}

/// Gives an agent a name for a chat that it is wired to, unless it has one.
pub(super) fn add_named(
    conn: &Connection,
    agent: &AgentName,
    chat: ChatId,
) -> rusqlite::Result<()> {
    let names =
        "SELECT name, messaging_group FROM destination WHERE agent_group = ?1 ORDER BY name";
    let names: Vec<(String, ChatId)> = list(conn, names, [agent.as_str()])?;
    if names.iter().any(|it| it.1 == chat) {
        return Ok(());
    }
    let row = chats::by_id(conn, chat)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let taken: Vec<String> = names.into_iter().map(|it| it.0).collect();
    let name = destination_name(&row.title, &row.address.channel, &taken);
    conn.execute(
        "INSERT INTO destination (agent_group, name, messaging_group, by_wiring)
         VALUES (?1, ?2, ?3, 1)",
        params![agent.as_str(), name, chat.0],
    )
    .map(drop)
}
