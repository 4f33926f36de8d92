//! Sessions: one conversation with one agent, named by what it shares.

use domain::session_key::SessionKey;

use crate::central::prelude::*;
use crate::row::{row, statements};

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

statements! {
    /// The session of a key, if there is one already.
    pub fn session_of(key: &SessionKey) -> Option<SessionRow> = one("find a session",
        &format!("{SESSIONS} WHERE s.agent_group = ?1
            AND coalesce(s.messaging_group, 0) = coalesce(?2, 0)
            AND coalesce(s.thread, '') = coalesce(?3, '')"),
        params![key.agent.as_str(), key.chat.map(|it| it.0), key.thread]);
    pub fn session(id: SessionId) -> Option<SessionRow> = one("read a session",
        &format!("{SESSIONS} WHERE s.id = ?1"), [id.0]);
    /// The session, if it may have something to do.
    pub fn awake_session(id: SessionId) -> Option<SessionRow> = one("read a session",
        &format!("{SESSIONS} WHERE s.id = ?1 AND s.awake = 1"), [id.0]);
    pub fn session_count() -> u64 = only("count the sessions", "SELECT count(*) FROM session", []);
    /// A session's old rows are gone as of `now`.
    pub fn set_pruned(id: SessionId, now: Timestamp) -> () = execute("note a pruning",
        "UPDATE session SET pruned_at = ?2 WHERE id = ?1", params![id.0, now.0]);
    /// Sessions that may have something to do. Costs what it finds, not what there is.
    pub fn awake() -> Vec<SessionRow> = list("list the sessions",
        &format!("{SESSIONS} WHERE s.awake = 1 ORDER BY s.id"), []);
    pub fn sessions() -> Vec<SessionRow> = list("list the sessions",
        &format!("{SESSIONS} ORDER BY s.id"), []);
    /// The sessions of one chat and of its threads; not those that all chats of an agent share.
    pub fn sessions_in_chat(chat: ChatId) -> Vec<SessionRow> = list("list the sessions",
        &format!("{SESSIONS} WHERE s.messaging_group = ?1 ORDER BY s.id"), [chat.0]);
}

impl CentralStore {
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
}
