//! When platforms were heard last, and what is said about the time when they were not.

use domain::continuity::{Gap, TOLD_WITHIN, told};
use domain::message::Address;
use domain::time::Timestamp;
use rusqlite::{Connection, params};

use super::CentralStore;
use crate::Result;
use crate::outbox::{Draft, NewPart, PartKind};
use crate::row::list;

impl CentralStore {
    /// The last sign of life of an account's platform; `None` when there never was one.
    pub fn heard(&self, channel: &str, account: &str) -> Result<Option<Timestamp>> {
        let sql = "SELECT heard_at FROM cursor WHERE channel = ?1 AND account = ?2";
        let key = [channel, account];
        Ok(self.one("read when a platform was heard", sql, key)?.flatten())
    }

    /// Stores a sign of life, unless a later one is there.
    pub fn set_heard(
        &mut self,
        channel: &str,
        account: &str,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        // One that lies ahead was stored before the clock was set back.
        let sql = "INSERT INTO cursor (channel, account, heard_at) VALUES (?1, ?2, ?3)
                   ON CONFLICT DO UPDATE SET heard_at = excluded.heard_at
                       WHERE heard_at IS NULL OR heard_at < excluded.heard_at OR ?4 < heard_at";
        self.run("a sign of life", sql, params![channel, account, at.0, now.0]).map(drop)
    }

    /// Ends the gap that began with the stored sign of life. What there is to say about it goes to
    /// each chat of the account that is wired, not left alone and was active lately, in the same
    /// commit. Returns the beginning of the gap, if anybody is told.
    pub fn close_gap(
        &mut self,
        channel: &str,
        account: &str,
        gap: Gap,
        now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        self.change("a gap", |central| {
            let from = central.heard(channel, account)?;
            let said = told(gap, from, now);
            central.set_heard(channel, account, now, now)?;
            let (Some(text), Some(from)) = (said, from) else { return Ok(None) };
            let sql = "SELECT m.id, m.channel, m.account, m.chat, NULL FROM messaging_group m
                 WHERE m.channel = ?1 AND m.account = ?2 AND m.denied_at IS NULL
                   AND ?3 <= m.active_at
                   AND EXISTS (SELECT 1 FROM wiring w
                               JOIN agent_group a ON a.name = w.agent_group AND a.removed_at IS NULL
                               WHERE w.messaging_group = m.id)
                 ORDER BY m.id";
            let active = params![channel, account, (now - TOLD_WITHIN).0];
            for (id, to) in list::<(i64, Address)>(&central.conn, sql, active)? {
                let key = format!("gap.{channel}.{account}.{}.{id}", from.0);
                let part = NewPart::new(key, to, PartKind::Notice, Draft::Text(text.clone()));
                central.say(&part, now)?;
            }
            Ok(Some(from))
        })
    }

    /// Tells every owner, in the private chat on another account that they used last, that an account
    /// does not get in; once until it was heard again.
    pub fn say_locked_out(
        &mut self,
        channel: &str,
        account: &str,
        text: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.change("a notice", |central| {
            let since = central.heard(channel, account)?.map_or(0, |it| it.0);
            for (person, to) in owners_elsewhere(&central.conn, channel, account)? {
                let key = format!("locked-out.{channel}.{account}.{since}.{person}");
                let part = NewPart::new(key, to, PartKind::Notice, Draft::Text(text.to_owned()));
                central.say(&part, now)?;
            }
            Ok(())
        })
    }
}

/// The private chat that each owner used last, on another account.
pub(crate) fn owners_elsewhere(
    conn: &Connection,
    channel: &str,
    account: &str,
) -> rusqlite::Result<Vec<(i64, Address)>> {
    // Beside max(), SQLite takes the other columns from the row that has it.
    let sql = "SELECT r.person, m.channel, m.account, m.chat, NULL, max(m.active_at)
         FROM role r JOIN handle h ON h.person = r.person
         JOIN messaging_group m ON m.channel = h.channel AND m.peer = h.id AND m.is_group = 0
         WHERE r.role = 'owner' AND m.denied_at IS NULL
           AND NOT (m.channel = ?1 AND m.account = ?2)
         GROUP BY r.person ORDER BY r.person";
    list(conn, sql, [channel, account])
}
