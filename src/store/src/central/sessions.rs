//! Sessions: one conversation with one agent, named by what it shares.

use domain::message::Address;
use domain::session_key::{ChatId, SessionKey};
use domain::time::Timestamp;
use domain::{AgentName, SessionId};
use rusqlite::params;

use super::CentralStore;
use crate::Result;
use crate::row::row;

/// One session and what it shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    pub id: SessionId,
    pub agent: AgentName,
    /// Without a thread. `None` when all chats that are wired so share it.
    pub chat: Option<Address>,
    /// `None` when all threads share it, and for what is in no thread.
    pub thread: Option<String>,
}

impl SessionRow {
    /// In words, what has this conversation in common.
    pub fn shares(&self) -> String {
        match (&self.chat, &self.thread) {
            (None, _) => "all chats that share it".to_owned(),
            (Some(chat), None) => format!("{}:{}", chat.channel, chat.chat),
            (Some(chat), Some(thread)) => format!("{}:{}/{thread}", chat.channel, chat.chat),
        }
    }
}

row!(SessionRow { id, agent, thread, chat });

const SESSIONS: &str = "SELECT s.id, s.agent_group, s.thread, m.channel, m.account, m.chat, NULL
     FROM session s LEFT JOIN messaging_group m ON m.id = s.messaging_group";

const BY_KEY: &str = "WHERE s.agent_group = ?1 AND coalesce(s.messaging_group, 0) = coalesce(?2, 0)
       AND coalesce(s.thread, '') = coalesce(?3, '')";

impl CentralStore {
    /// The session of a key, if there is one already.
    pub fn session_of(&self, key: &SessionKey) -> Result<Option<SessionRow>> {
        let id = key.chat.map(|it| it.0);
        let key = params![key.agent.as_str(), id, key.thread];
        self.one("find a session", &format!("{SESSIONS} {BY_KEY}"), key)
    }

    /// The session of a key, made if there is none; unique, so that a race makes one.
    pub fn session_for(&mut self, key: &SessionKey, now: Timestamp) -> Result<SessionRow> {
        if let Some(row) = self.session_of(key)? {
            return Ok(row);
        }
        let chat = key.chat.map(|it| it.0);
        let sql = "INSERT INTO session (agent_group, messaging_group, thread, pruned_at)
                   VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        self.run("create a session", sql, params![key.agent.as_str(), chat, key.thread, now.0])?;
        Ok(self.session_of(key)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?)
    }

    pub fn session(&self, id: SessionId) -> Result<Option<SessionRow>> {
        self.one("read a session", &format!("{SESSIONS} WHERE s.id = ?1"), [id.0])
    }

    /// Sessions that may have something to do. Costs what it finds, not what there is.
    pub fn awake(&self) -> Result<Vec<SessionRow>> {
        self.session_rows("WHERE s.awake = 1", [])
    }

    /// The session, if it may have something to do.
    pub fn awake_session(&self, id: SessionId) -> Result<Option<SessionRow>> {
        self.one("read a session", &format!("{SESSIONS} WHERE s.id = ?1 AND s.awake = 1"), [id.0])
    }

    pub fn session_count(&self) -> Result<u64> {
        self.only("count the sessions", "SELECT count(*) FROM session", [])
    }

    pub fn sessions(&self) -> Result<Vec<SessionRow>> {
        self.session_rows("", [])
    }

    /// The sessions of one chat and of its threads; not those that all chats of an agent share.
    pub fn sessions_in_chat(&self, chat: ChatId) -> Result<Vec<SessionRow>> {
        self.session_rows("WHERE s.messaging_group = ?1", [chat.0])
    }

    /// A session to prune, the one that waited longest: one that is awake before one that sleeps, if
    /// they were last pruned before these instants. Costs what is due, not what there is.
    pub fn due_for_pruning(
        &self,
        awake_before: Timestamp,
        asleep_before: Timestamp,
    ) -> Result<Option<SessionRow>> {
        // By name: without statistics the planner takes either for both.
        let oldest = |index: &str, before: Timestamp| {
            let sql = format!(
                "{SESSIONS} WHERE s.id = (SELECT id FROM session INDEXED BY {index}
                     AND pruned_at < ?1 ORDER BY pruned_at LIMIT 1)"
            );
            self.one("find what to prune", &sql, [before.0])
        };
        match oldest("session_awake_pruned WHERE awake = 1", awake_before)? {
            Some(row) => Ok(Some(row)),
            None => oldest("session_pruned WHERE true", asleep_before),
        }
    }

    /// A session's old rows are gone as of `now`.
    pub fn set_pruned(&self, id: SessionId, now: Timestamp) -> Result<()> {
        let sql = "UPDATE session SET pruned_at = ?2 WHERE id = ?1";
        self.run("note a pruning", sql, params![id.0, now.0]).map(drop)
    }

    fn session_rows(&self, filter: &str, params: impl rusqlite::Params) -> Result<Vec<SessionRow>> {
        let sql = format!("{SESSIONS} {filter} ORDER BY s.id");
        self.list("list the sessions", &sql, params)
    }
}
