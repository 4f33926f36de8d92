//! Wirings: which agents a chat reaches, when, and in which conversation. And destinations: chats that an
//! agent may write to, by names of its own.

use domain::admission::{Ignored, Scope};
use domain::engage::{Engage, trigger_of};
use domain::naming::destination_name;
use domain::session_key::SessionMode;

use crate::central::prelude::*;
use crate::row::{Columns, FromRow, enum_column, row, statements};

/// A chat reaches an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wiring {
    pub chat: ChatId,
    pub agent: AgentName,
    pub engage: Engage,
    pub scope: Scope,
    pub ignored: Ignored,
    pub session_mode: SessionMode,
    /// The higher one is asked first.
    pub priority: i64,
}

enum_column!(Scope, Ignored, SessionMode);

impl FromRow for Engage {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (word, pattern): (String, String) = columns.next()?;
        let unknown = || columns.bad(format!("`{word}` is none of the known words"));
        Self::parse(&word, Some(&pattern)).ok_or_else(unknown)
    }
}

row!(Wiring { chat, agent, engage, scope, ignored, session_mode, priority });

impl Wiring {
    /// What is sensible where nobody said otherwise: everything in a chat with one person; in a
    /// group what mentions the agent, from people that it knows, and the rest for background. Threads of
    /// a group are conversations of different people, so each has a session of its own; in a direct
    /// chat they share one.
    pub fn usual(chat: ChatId, agent: AgentName, is_group: bool) -> Self {
        let (engage, scope, ignored, session_mode) = if is_group {
            (Engage::Mention, Scope::Known, Ignored::Accumulate, SessionMode::PerThread)
        } else {
            (Engage::Pattern(".".into()), Scope::All, Ignored::Drop, SessionMode::Shared)
        };
        Self { chat, agent, engage, scope, ignored, session_mode, priority: 0 }
    }
}

/// A wiring, with what its agent answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wired {
    pub wiring: Wiring,
    pub trigger: String,
}

impl FromRow for Wired {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (wiring, trigger): (Wiring, Option<String>) = columns.next()?;
        Ok(Self { trigger: trigger_of(&wiring.agent, trigger.as_deref()), wiring })
    }
}

const WIRINGS: &str = "SELECT w.messaging_group, w.agent_group, w.engage, w.pattern, w.scope,
            w.ignored, w.session_mode, w.priority, a.trigger
     FROM wiring w JOIN agent_group a ON a.name = w.agent_group AND a.removed_at IS NULL";

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

statements! {
    /// The agents that a chat reaches, the highest priority first, then by name.
    pub fn wirings_of(chat: ChatId) -> Vec<Wired> = list("read the wirings of a chat",
        &format!("{WIRINGS} WHERE w.messaging_group = ?1 ORDER BY w.priority DESC, w.agent_group"),
        [chat.0]);
    /// Every wiring of agents that are there, by chat, as [`Self::wirings_of`] orders them.
    pub fn wirings() -> Vec<Wired> = list("list the wirings",
        &format!("{WIRINGS} ORDER BY w.messaging_group, w.priority DESC, w.agent_group"), []);
    /// Remembers that an agent was engaged here. Nothing happens when the wiring is gone.
    pub fn touch_engaged(chat: ChatId, agent: &AgentName, thread: Option<&str>, now: Timestamp)
        -> () = execute("remember an engagement",
        "INSERT INTO engaged (messaging_group, agent_group, thread, last_at)
            SELECT messaging_group, agent_group, ?3, ?4 FROM wiring
            WHERE messaging_group = ?1 AND agent_group = ?2
            ON CONFLICT DO UPDATE SET last_at = excluded.last_at",
        params![chat.0, agent.as_str(), thread.unwrap_or_default(), now.0]);
    /// When an agent was last engaged in a chat, or in a thread of it.
    pub fn engaged_at(chat: ChatId, agent: &AgentName, thread: Option<&str>) -> Option<Timestamp> =
        one("read an engagement",
        "SELECT last_at FROM engaged
            WHERE messaging_group = ?1 AND agent_group = ?2 AND thread = ?3",
        params![chat.0, agent.as_str(), thread.unwrap_or_default()]);
    /// Every destination, by agent and name.
    pub fn destinations() -> Vec<DestinationRow> = list("list the destinations",
        &format!("{DESTINATIONS} ORDER BY d.agent_group, d.name"), []);
    pub fn destinations_of(agent: &AgentName) -> Vec<DestinationRow> = list("list the destinations",
        &format!("{DESTINATIONS} WHERE d.agent_group = ?1 ORDER BY d.name"), [agent.as_str()]);
    /// The chat that an agent means by a name.
    pub fn destination(agent: &AgentName, name: &str) -> Option<DestinationRow> =
        one("read a destination",
        &format!("{DESTINATIONS} WHERE d.agent_group = ?1 AND d.name = ?2"),
        [agent.as_str(), name]);
    /// `false` when the agent has no such name.
    pub fn remove_destination(agent: &AgentName, name: &str) -> bool =
        changes("remove a destination",
        "DELETE FROM destination WHERE agent_group = ?1 AND name = ?2", [agent.as_str(), name]);
    fn insert_destination(agent: &AgentName, name: &str, chat: ChatId, by_wiring: bool) -> bool =
        changes("add a destination",
        "INSERT INTO destination (agent_group, name, messaging_group, by_wiring)
            VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        params![agent.as_str(), name, chat.0, by_wiring]);
}

impl CentralStore {
    /// Wires a chat to an agent, or changes how. A chat that was to be left alone no longer is, and
    /// the agent gets a name for it to write to. Fails when chat or agent is not there.
    pub fn set_wiring(&mut self, wiring: &Wiring) -> Result<()> {
        let sql =
            "INSERT INTO wiring (messaging_group, agent_group, engage, pattern, scope, ignored,
                                       session_mode, priority)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                   ON CONFLICT DO UPDATE SET engage = excluded.engage, pattern = excluded.pattern,
                       scope = excluded.scope, ignored = excluded.ignored,
                       session_mode = excluded.session_mode, priority = excluded.priority";
        let Wiring { chat, agent, engage, scope, ignored, session_mode, priority } = wiring;
        let (pattern, engage) = (engage.pattern().unwrap_or("."), engage.as_str());
        let (scope, ignored, mode) = (scope.as_str(), ignored.as_str(), session_mode.as_str());
        self.change("wire a chat", |central| {
            let name = agent.as_str();
            let values = params![chat.0, name, engage, pattern, scope, ignored, mode, priority];
            central.conn.execute(sql, values)?;
            central.set_denied(*chat, None)?;
            central.name_wired(agent, *chat)
        })
    }

    /// `false` when they were not wired. Sessions, and what they hold, stay.
    pub fn unwire(&mut self, chat: ChatId, agent: &AgentName) -> Result<bool> {
        self.change("unwire a chat", |central| {
            let tx = &central.conn;
            let sql = "DELETE FROM destination
                       WHERE messaging_group = ?1 AND agent_group = ?2 AND by_wiring = 1";
            tx.execute(sql, params![chat.0, agent.as_str()])?;
            let sql = "DELETE FROM wiring WHERE messaging_group = ?1 AND agent_group = ?2";
            Ok(tx.execute(sql, params![chat.0, agent.as_str()])? == 1)
        })
    }

    /// Lets an agent write to a chat under a name. `false` when it has that name for a chat already.
    pub fn add_destination(&self, agent: &AgentName, name: &str, chat: ChatId) -> Result<bool> {
        self.insert_destination(agent, name, chat, false)
    }

    /// Gives an agent a name for a chat that it is wired to, unless it has one.
    pub(super) fn name_wired(&self, agent: &AgentName, chat: ChatId) -> Result<()> {
        let named = self.destinations_of(agent)?;
        if named.iter().any(|it| it.chat == chat) {
            return Ok(());
        }
        let row = self.chat_by_id(chat)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let taken: Vec<String> = named.into_iter().map(|it| it.name).collect();
        let name = destination_name(&row.title, &row.address.channel, &taken);
        self.insert_destination(agent, &name, chat, true).map(drop)
    }
}
