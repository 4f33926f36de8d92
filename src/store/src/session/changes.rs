//! Messages that are changed after they were stored: who knows them, and what is put in their place.

use domain::message::{Address, Body, Incoming};
use domain::{AgentName, MessageSeq, SessionId};
use rusqlite::params;

use super::SessionRows;
use crate::row::{row, run, to_json};
use crate::{CentralStore, Result};

/// A message that is changed, as one session knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    pub session: SessionId,
    pub agent: AgentName,
    /// `None` of one of ours.
    pub seq: Option<MessageSeq>,
    /// `channel:id`; empty of one of ours.
    pub handle: String,
    pub name: String,
    pub text: String,
    /// It was for the agent.
    pub was_called: bool,
    /// No runner can have read it, and none can read it before this commit.
    pub is_unseen: bool,
}

row!(Trace { session, agent, seq, handle, name, text, was_called, is_unseen });

impl CentralStore {
    /// Every session that has the message with this id of a chat, or said it in a chat of its own: what it said
    /// elsewhere, others answer for.
    pub fn traces(&self, at: &Address, id: &str) -> Result<Vec<Trace>> {
        // A context message is read with the next one for the agent. A runner that is started later than
        // this commit reads what this commit wrote.
        let sql = "SELECT m.session, s.agent_group, m.seq, m.sender_id,
                       coalesce(m.body ->> '$.sender.name', ''), coalesce(m.body ->> '$.text', ''),
                       m.kind <> 'context',
                       CASE m.kind WHEN 'context' THEN NOT EXISTS
                               (SELECT 1 FROM message l WHERE l.session = m.session
                                    AND l.seq > m.seq AND l.kind = 'chat')
                           ELSE m.kind = 'chat' AND m.outcome IS NULL AND m.tries = 0 AND m.released = 0 AND NOT EXISTS
                               (SELECT 1 FROM launch WHERE session = m.session AND ended_at IS NULL)
                       END
                   FROM message m JOIN session s ON s.id = m.session
                   WHERE m.platform_id = ?1 AND m.channel = ?2 AND m.account = ?3 AND m.chat = ?4
                   UNION ALL
                   SELECT p.session, s.agent_group, NULL, '', '', p.text, 1, 0
                   FROM part p JOIN session s ON s.id = p.session
                   JOIN messaging_group g ON g.channel = ?2 AND g.account = ?3 AND g.chat = ?4
                   LEFT JOIN wiring w ON w.messaging_group = g.id AND w.agent_group = s.agent_group
                   WHERE p.platform_id = ?1 AND p.channel = ?2 AND p.account = ?3 AND p.chat = ?4
                       AND p.state = 'sent' AND p.form <> 'reaction' AND (s.messaging_group = g.id
                           OR (s.messaging_group IS NULL AND w.session_mode = 'agent-shared'))
                   ORDER BY 1, 3";
        let Address { channel, account, chat, .. } = at;
        self.list("find a changed message", sql, [id, channel, account, chat])
    }
}

impl SessionRows<'_> {
    /// A message reads otherwise.
    pub fn replace_text(&self, message: MessageSeq, text: &str) -> Result<()> {
        let sql = "UPDATE message SET body = json_set(body, '$.text', ?3)
                   WHERE session = ?1 AND seq = ?2";
        self.run("an edit", sql, params![self.scope.session, message.0, text]).map(drop)
    }

    /// Nothing is left of a message but what `body` says, and none of its files. Their folder goes first, so
    /// that a stop in between leaves none that no row knows of.
    pub fn take_away(&self, message: MessageSeq, body: &Body) -> Result<()> {
        self.remove_files(message.0)?;
        self.commit("a deletion", |tx| {
            let (key, body) = ([tx.session, message.0], to_json(body)?);
            run(&tx, "DELETE FROM attachment WHERE session = ?1 AND message = ?2", key)?;
            let sql = "UPDATE message SET body = ?3 WHERE session = ?1 AND seq = ?2";
            run(&tx, sql, params![tx.session, message.0, body])?;
            Ok(())
        })
    }

    /// Puts a reaction in the place of the last one of the same sender to the same message, if nobody was shown
    /// that yet. Whether there was one.
    pub fn replace_reaction(&self, message: &Incoming, to: &str) -> Result<bool> {
        let sql = "UPDATE message SET platform_id = ?3, body = ?4
                   WHERE session = ?1 AND kind = 'context' AND sender_id = ?2
                       AND body ->> '$.change.reacted.to' = ?5 AND ?6 = chat
                       AND seq > coalesce((SELECT max(seq) FROM message
                                           WHERE session = ?1 AND kind = 'chat'), 0)";
        let (from, id, body) = (&message.from, &message.platform_id, to_json(&message.body)?);
        let sender = format!("{}:{}", from.channel, message.body.sender.id);
        let values = params![self.scope.session, sender, id, body, to, from.chat];
        Ok(self.run("a reaction", sql, values)? != 0)
    }

    /// A context message gives its platform's id up: the same message comes again, for the agent.
    pub fn set_aside(&self, message: MessageSeq) -> Result<()> {
        let sql = "UPDATE message SET platform_id = platform_id || '#' || seq
                   WHERE session = ?1 AND seq = ?2 AND kind = 'context'";
        self.run("an edit", sql, [self.scope.session, message.0]).map(drop)
    }
}
