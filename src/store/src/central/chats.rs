//! Chats: what platforms say about them, and what was decided about them.

use std::time::Duration;

use domain::admission::Policy;
use domain::message::ChatInfo;

use crate::central::prelude::*;
use crate::row::{enum_column, row, run, statements};

/// How exactly it is known when a chat was active: a write for every message would be too much.
const ACTIVE_STEP: Duration = Duration::from_secs(6 * 3600);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatRow {
    pub id: ChatId,
    /// Without a thread.
    pub address: Address,
    /// Empty where the platform has none.
    pub title: String,
    pub is_group: bool,
    /// Whom to let in that nobody knows.
    pub policy: Policy,
    /// Set when it was decided that the chat is to be left alone.
    pub denied_at: Option<Timestamp>,
    /// How what programs post there is told.
    pub template: Option<String>,
    /// The platform's id of the one other person in it, where there is only one.
    pub peer: Option<String>,
    /// When something was accepted there last, to within some hours.
    pub active_at: Timestamp,
    /// Since when the bot is not in it any more.
    pub left_at: Option<Timestamp>,
}

impl ChatRow {
    /// Whether all that the platform says is stored already, and that the chat is active. Then there
    /// is nothing to write.
    pub fn is_current(&self, info: &ChatInfo, peer: Option<&str>, now: Timestamp) -> bool {
        let active = now.since(self.active_at) < ACTIVE_STEP;
        let titled = info.title.is_empty() || self.title == info.title;
        let peer = peer.filter(|_| !info.is_group);
        let known = peer.is_none() || self.peer.as_deref() == peer;
        active && titled && self.left_at.is_none() && self.is_group == info.is_group && known
    }
}

enum_column!(Policy);

row!(ChatRow {
    id,
    address,
    title,
    is_group,
    policy,
    denied_at,
    template,
    peer,
    active_at,
    left_at
});

const CHATS: &str = "SELECT id, channel, account, chat, NULL, title, is_group, policy, denied_at, template, peer, active_at, left_at FROM messaging_group";

statements! {
    /// What is known of a chat; a thread in the address is not looked at.
    pub fn chat(at: &Address) -> Option<ChatRow> = one("read a chat",
        &format!("{CHATS} WHERE channel = ?1 AND account = ?2 AND chat = ?3"),
        [&at.channel, &at.account, &at.chat]);
    pub fn chat_by_id(id: ChatId) -> Option<ChatRow> = one("read a chat",
        &format!("{CHATS} WHERE id = ?1"), [id.0]);
    /// Every chat that was ever heard of, in that order.
    pub fn chats() -> Vec<ChatRow> = list("list the chats", &format!("{CHATS} ORDER BY id"), []);
    /// The chat in which nobody but this person reads, if there is one that can be written to.
    pub fn direct_chat(channel: &str, peer: &str) -> Option<ChatRow> = one("find a direct chat",
        &format!("{CHATS} WHERE channel = ?1 AND peer = ?2 AND is_group = 0 AND left_at IS NULL
            ORDER BY id LIMIT 1"),
        [channel, peer]);
    /// The bot is in a chat no more, or again. What waits to be sent there waits meanwhile, and nothing is
    /// announced there.
    pub fn set_left(at: &Address, since: Option<Timestamp>) -> () = execute("note who left a chat",
        "UPDATE messaging_group SET left_at = ?4 WHERE channel = ?1 AND account = ?2 AND chat = ?3",
        params![at.channel, at.account, at.chat, since.map(|it| it.0)]);
    pub fn rename_chat(at: &Address, title: &str) -> () = execute("rename a chat",
        "UPDATE messaging_group SET title = ?4 WHERE channel = ?1 AND account = ?2 AND chat = ?3",
        params![at.channel, at.account, at.chat, title]);
    /// `false` when there is no such chat.
    pub fn set_policy(id: ChatId, policy: Policy) -> bool = changes("set the policy of a chat",
        "UPDATE messaging_group SET policy = ?2 WHERE id = ?1", params![id.0, policy.as_str()]);
    /// `false` when there is no such chat.
    pub fn set_template(id: ChatId, template: Option<&str>) -> bool =
        changes("set the template of a chat",
        "UPDATE messaging_group SET template = ?2 WHERE id = ?1", params![id.0, template]);
    /// Leaves a chat alone from then on, or no longer. `false` when there is no such chat.
    pub fn set_denied(id: ChatId, since: Option<Timestamp>) -> bool =
        changes("set whether a chat is denied",
        "UPDATE messaging_group SET denied_at = iif(?2 IS NULL, NULL, coalesce(denied_at, ?2))
            WHERE id = ?1", params![id.0, since.map(|it| it.0)]);
}

impl CentralStore {
    /// The chat as it is known now; stores what is new about it. Only reads when nothing is.
    pub fn ensure_chat(
        &mut self,
        at: &Address,
        info: &ChatInfo,
        peer: Option<&str>,
        now: Timestamp,
    ) -> Result<ChatRow> {
        if let Some(row) = self.chat(at)?
            && row.is_current(info, peer, now)
        {
            return Ok(row);
        }
        let sql =
            "INSERT INTO messaging_group (channel, account, chat, title, is_group, peer, active_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (channel, account, chat) DO UPDATE SET
                 title = CASE excluded.title WHEN '' THEN title ELSE excluded.title END,
                 is_group = excluded.is_group,
                 active_at = excluded.active_at, left_at = NULL,
                 peer = iif(excluded.is_group, NULL, coalesce(excluded.peer, peer))";
        let (ChatInfo { title, is_group }, Address { channel, account, chat, .. }) = (info, at);
        let peer = peer.filter(|_| !is_group);
        self.change("store a chat", |central| {
            let values = params![channel, account, chat, title, is_group, peer, now.0];
            run(&central.conn, sql, values)?;
            Ok(central.chat(at)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?)
        })
    }

    /// Follows a platform that gave a chat another id. Whatever is still to be sent there goes along.
    /// Where both ids were known, wirings, sessions and destinations go over to the new one as far as
    /// it has none of its own. Returns the chat that goes on; `None` when the old id is not known here,
    /// or no longer.
    pub fn move_chat(&mut self, from: &Address, to: &Address) -> Result<Option<ChatId>> {
        self.change("move a chat", |central| {
            let Some(old) = central.chat(from)? else { return Ok(None) };
            let (tx, new) = (&central.conn, central.chat(to)?);
            match &new {
                Some(new) if new.id == old.id => return Ok(Some(old.id)),
                Some(new) => merge(tx, &old, new)?,
                None => {
                    let sql = "UPDATE messaging_group SET channel = ?2, account = ?3, chat = ?4
                               WHERE id = ?1";
                    tx.execute(sql, params![old.id.0, to.channel, to.account, to.chat])?;
                }
            }
            redirect(tx, from, to)?;
            Ok(Some(new.map_or(old.id, |it| it.id)))
        })
    }
}

/// Gives what hangs on one chat to another, as far as that has nothing of the kind. What cannot go
/// over stays where it is, and with it the old chat, so that nothing is lost.
fn merge(conn: &Connection, old: &ChatRow, new: &ChatRow) -> rusqlite::Result<()> {
    let ids = params![old.id.0, new.id.0];
    conn.execute("DELETE FROM engaged WHERE messaging_group = ?1", [old.id.0])?;
    for sql in [
        "UPDATE OR IGNORE wiring SET messaging_group = ?2 WHERE messaging_group = ?1",
        "UPDATE OR IGNORE session SET messaging_group = ?2 WHERE messaging_group = ?1",
        "UPDATE OR IGNORE question SET messaging_group = ?2 WHERE messaging_group = ?1",
        "UPDATE destination SET messaging_group = ?2 WHERE messaging_group = ?1",
        "UPDATE task SET messaging_group = ?2 WHERE messaging_group = ?1",
        "UPDATE pairing SET used_in = ?2 WHERE used_in = ?1",
    ] {
        conn.execute(sql, ids)?;
    }
    conn.execute("DELETE FROM wiring WHERE messaging_group = ?1", [old.id.0])?;
    // What was decided about the old one holds for the new one, the stricter way.
    let sql = "UPDATE messaging_group SET
             policy = CASE WHEN 'strict' IN (policy, ?2) THEN 'strict'
                           WHEN 'ask' IN (policy, ?2) THEN 'ask' ELSE 'public' END,
             denied_at = coalesce(denied_at, ?3),
             title = CASE title WHEN '' THEN ?4 ELSE title END
         WHERE id = ?1";
    let denied_at = old.denied_at.map(|it| it.0);
    conn.execute(sql, params![new.id.0, old.policy.as_str(), denied_at, old.title])?;
    let sql = "DELETE FROM messaging_group WHERE id = ?1
                   AND NOT EXISTS (SELECT 1 FROM session WHERE messaging_group = ?1)
                   AND NOT EXISTS (SELECT 1 FROM question WHERE messaging_group = ?1)";
    conn.execute(sql, [old.id.0]).map(drop)
}

/// Sends what waits for the old address to the new one.
fn redirect(conn: &Connection, from: &Address, to: &Address) -> rusqlite::Result<()> {
    let key = params![from.channel, from.account, from.chat, to.channel, to.account, to.chat];
    for sql in [
        "UPDATE part SET channel = ?4, account = ?5, chat = ?6
         WHERE channel = ?1 AND account = ?2 AND chat = ?3 AND state NOT IN ('sent', 'dead')",
        "UPDATE OR IGNORE message SET channel = ?4, account = ?5, chat = ?6
         WHERE channel = ?1 AND account = ?2 AND chat = ?3 AND outcome IS NULL",
        "UPDATE question_card SET channel = ?4, account = ?5, chat = ?6
         WHERE channel = ?1 AND account = ?2 AND chat = ?3",
    ] {
        conn.execute(sql, key)?;
    }
    Ok(())
}
