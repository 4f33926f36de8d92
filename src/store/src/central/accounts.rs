//! Accounts of ours on platforms: how far each was read and when it was heard last, what is said about the
//! time when it was not; and sealed secrets, of which only ciphertext is seen here.

use std::collections::BTreeMap;

use domain::continuity::{Gap, TOLD_WITHIN, told};
use domain::outgoing::Caps;
use domain::sealed::SealedRow;

use crate::central::prelude::*;
use crate::outbox::{Draft, NewPart, PartKind};
use crate::row::{is_there, json_column, list, row, statements, to_json};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    pub channel: String,
    pub name: String,
    /// Where the platform is instead of its usual place; the names are the adapter's.
    pub urls: BTreeMap<String, String>,
    pub created_at: Timestamp,
    /// Those that are no secret.
    pub fields: BTreeMap<String, String>,
    /// Who it is on its platform; both are empty until that said so.
    pub me_id: String,
    pub me_name: String,
    /// When somebody gave it fields or addresses last; grows with each time.
    pub renewed_at: Timestamp,
}

impl AccountRow {
    /// One that was given nothing yet.
    pub fn new(channel: &str, name: &str, created_at: Timestamp) -> Self {
        Self {
            channel: channel.to_owned(),
            name: name.to_owned(),
            urls: BTreeMap::new(),
            created_at,
            fields: BTreeMap::new(),
            me_id: String::new(),
            me_name: String::new(),
            renewed_at: created_at,
        }
    }
}

/// Bounds of what one account keeps on its shelf.
const SHELF_KEY_BYTES_MAX: usize = 200;
const SHELF_VALUE_BYTES_MAX: usize = 64 * 1024;
const SHELF_ROWS_MAX: i64 = 10_000;

json_column!(BTreeMap<String, String>);
row!(AccountRow { channel, name, urls, created_at, fields, me_id, me_name, renewed_at });
row!(SealedRow { name, kind, base_url, sealed, created_at });

statements! {
    /// Every account, by channel and name.
    pub fn accounts() -> Vec<AccountRow> = list("list the accounts",
        "SELECT channel, name, urls, created_at, fields, me_id, me_name, renewed_at
           FROM account ORDER BY channel, name", []);
    /// `None` when there is none of that name.
    pub fn account(channel: &str, name: &str) -> Option<AccountRow> = one("read an account",
        "SELECT channel, name, urls, created_at, fields, me_id, me_name, renewed_at
           FROM account WHERE channel = ?1 AND name = ?2", [channel, name]);
    /// The accounts of chats for which parts wait, with how many.
    pub fn waiting_parts() -> Vec<(String, String, usize)> = list("count what waits",
        "SELECT channel, account, count(*) FROM part WHERE state NOT IN ('sent', 'dead')
          GROUP BY channel, account ORDER BY channel, account", []);
    /// The secret fields of an account, by their names: what begins with `channel/…/…/`.
    pub fn account_secrets(channel: &str, name: &str) -> Vec<SealedRow> = list("read its secrets",
        "SELECT name, kind, base_url, sealed, created_at FROM secret
          WHERE 'channel/' || ?1 || '/' || ?2 || '/' < name
            AND name < 'channel/' || ?1 || '/' || ?2 || '0' ORDER BY name", [channel, name]);
    /// What its adapter put there; `None` when there is none of that name.
    pub fn on_shelf(channel: &str, account: &str, key: &str) -> Option<String> = one("read a shelf",
        "SELECT value FROM shelf WHERE channel = ?1 AND account = ?2 AND key = ?3",
        [channel, account, key]);
    pub fn secret(name: &str) -> Option<SealedRow> = one("read a secret",
        "SELECT name, kind, base_url, sealed, created_at FROM secret WHERE name = ?1", [name]);
    pub fn secrets() -> Vec<SealedRow> = list("list the secrets",
        "SELECT name, kind, base_url, sealed, created_at FROM secret ORDER BY name", []);
    /// Stores a secret in the place of an earlier one of the same name.
    pub fn put_secret(row: &SealedRow) -> () = execute("store a secret",
        "INSERT OR REPLACE INTO secret VALUES (?1, ?2, ?3, ?4, ?5)",
        params![row.name, row.kind, row.base_url, row.sealed, row.created_at.0]);
    /// `false` when there is none of that name.
    pub fn remove_secret(name: &str) -> bool = changes("remove a secret",
        "DELETE FROM secret WHERE name = ?1", [name]);
    /// How far an account was read since it started over last, and how often it did that.
    pub fn cursor(channel: &str, account: &str) -> Option<(Option<String>, i64)> =
        one("read a cursor",
        "SELECT value, start FROM cursor WHERE channel = ?1 AND account = ?2", [channel, account]);
    /// Stores how far an account was read, unless it started over meanwhile: another one has other cursors.
    pub fn set_cursor(channel: &str, account: &str, value: &str, start: i64) -> () =
        execute("store a cursor",
        "INSERT INTO cursor (channel, account, value) VALUES (?1, ?2, ?3)
            ON CONFLICT DO UPDATE SET value = excluded.value WHERE start = ?4",
        params![channel, account, value, start]);
    /// The last sign of life of an account's platform; `None` when there never was one.
    pub fn heard(channel: &str, account: &str) -> Option<Timestamp> =
        one("read when a platform was heard",
        "SELECT heard_at FROM cursor WHERE channel = ?1 AND account = ?2 AND heard_at IS NOT NULL",
        [channel, account]);
    /// Stores a sign of life, unless a later one is there, and not ahead: one that lies ahead was stored
    /// before the clock was set back.
    pub fn set_heard(channel: &str, account: &str, at: Timestamp, now: Timestamp) -> () =
        execute("a sign of life",
        "INSERT INTO cursor (channel, account, heard_at) VALUES (?1, ?2, ?3)
            ON CONFLICT DO UPDATE SET heard_at = excluded.heard_at
                WHERE heard_at IS NULL OR heard_at < excluded.heard_at OR ?4 < heard_at",
        params![channel, account, at.0, now.0]);
}

impl CentralStore {
    /// Stores an account, or replaces what was given to one that is there; its `renewed_at` grows. Who it is
    /// stays where the new one does not say. Its cursor and shelf are forgotten where it is another account of the
    /// platform now, or nobody ever knew which: events are numbered differently there, and reading some
    /// of them twice does no harm. `false` when it was there.
    ///
    /// # Errors
    /// When another one is the same on its platform: each message would come twice.
    pub fn put_account(&mut self, account: &AccountRow) -> Result<bool> {
        self.change("store an account", |central| {
            let AccountRow { channel, name, .. } = account;
            let known = central.account(channel, name)?;
            central.refuse_twin(channel, name, &account.me_id)?;
            let was = known.as_ref().map_or("", |it| &it.me_id);
            if was.is_empty() || (!account.me_id.is_empty() && was != account.me_id) {
                central.start_over(channel, name)?;
            }
            let (urls, fields) = (to_json(&account.urls)?, to_json(&account.fields)?);
            let sql = "INSERT INTO account VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, '')
                ON CONFLICT DO UPDATE SET urls = excluded.urls, fields = excluded.fields,
                    me_id = iif(excluded.me_id = '', me_id, excluded.me_id),
                    me_name = iif(excluded.me_id = '', me_name, excluded.me_name),
                    renewed_at = max(renewed_at + 1, excluded.renewed_at)";
            let (created_at, renewed_at) = (account.created_at.0, account.renewed_at.0);
            let (id, who) = (&account.me_id, &account.me_name);
            let row = params![channel, name, urls, created_at, fields, id, who, renewed_at];
            central.conn.execute(sql, row)?;
            Ok(known.is_none())
        })
    }

    /// Stores who an account is on its platform, as a connection said. `true` when that is another one than
    /// before: its cursor and shelf are forgotten.
    ///
    /// # Errors
    /// As [`Self::put_account`], which may have been told nothing of who it is.
    pub fn meet_account(&mut self, channel: &str, name: &str, id: &str, who: &str) -> Result<bool> {
        self.change("who an account is", |central| {
            let Some(known) = central.account(channel, name)? else { return Ok(false) };
            central.refuse_twin(channel, name, id)?;
            let is_other = !known.me_id.is_empty() && known.me_id != id;
            if is_other {
                central.start_over(channel, name)?;
            }
            let sql =
                "UPDATE account SET me_id = ?3, me_name = ?4 WHERE channel = ?1 AND name = ?2";
            central.conn.execute(sql, [channel, name, id, who])?;
            Ok(is_other)
        })
    }

    fn refuse_twin(&self, channel: &str, name: &str, id: &str) -> Result<()> {
        let sql = "SELECT name FROM account
            WHERE channel = ?1 AND name <> ?2 AND me_id = ?3 AND ?3 <> ''";
        let twin = self.one("look for the same account", sql, [channel, name, id])?;
        let same = |other| StoreError::SameAccount { channel: channel.to_owned(), other };
        twin.map(same).map_or(Ok(()), Err)
    }

    fn start_over(&self, channel: &str, name: &str) -> Result<()> {
        const OP: &str = "forget a cursor";
        let sql = "INSERT INTO cursor (channel, account, start) VALUES (?1, ?2, 1)
                   ON CONFLICT DO UPDATE SET value = NULL, start = start + 1";
        self.execute(OP, sql, [channel, name])?;
        self.execute(OP, "DELETE FROM shelf WHERE channel = ?1 AND account = ?2", [channel, name])
    }

    /// An account with its secret fields, as they were at one moment.
    pub fn sealed_account(
        &self,
        channel: &str,
        name: &str,
    ) -> Result<Option<(AccountRow, Vec<SealedRow>)>> {
        let begun = self.conn.unchecked_transaction();
        let _moment = begun.map_err(StoreError::query("read an account"))?;
        let Some(account) = self.account(channel, name)? else { return Ok(None) };
        Ok(Some((account, self.account_secrets(channel, name)?)))
    }

    /// Stores a secret field that its platform renewed, unless the account was given others since `renewed_at`
    /// or is gone: then `false`.
    pub fn renew_secret(
        &mut self,
        channel: &str,
        name: &str,
        renewed_at: Timestamp,
        secret: &SealedRow,
    ) -> Result<bool> {
        self.change("renew a secret", |central| {
            let known = central.account(channel, name)?;
            let stands = known.is_some_and(|it| it.renewed_at == renewed_at);
            if stands {
                central.put_secret(secret)?;
            }
            Ok(stands)
        })
    }

    /// Puts a value on the shelf of an account, or takes it away. The inner error says why there is no place
    /// for it.
    pub fn put_on_shelf(
        &mut self,
        channel: &str,
        account: &str,
        key: &str,
        value: Option<&str>,
    ) -> Result<std::result::Result<(), String>> {
        self.change("put on a shelf", |central| {
            let Some(value) = value else {
                let sql = "DELETE FROM shelf WHERE channel = ?1 AND account = ?2 AND key = ?3";
                return Ok(Ok(central.execute("clear a shelf", sql, [channel, account, key])?));
            };
            if SHELF_KEY_BYTES_MAX < key.len() || SHELF_VALUE_BYTES_MAX < value.len() {
                let why = format!(
                    "a key has at most {SHELF_KEY_BYTES_MAX} bytes and a value {SHELF_VALUE_BYTES_MAX}; \
                     these have {} and {}", key.len(), value.len()
                );
                return Ok(Err(why));
            }
            if central.account(channel, account)?.is_none() {
                return Ok(Err(format!("there is no account {channel}/{account}")));
            }
            let sql = "SELECT count(*) FROM shelf
                WHERE channel = ?1 AND account = ?2 AND key <> ?3 HAVING ?4 <= count(*)";
            if is_there(&central.conn, sql, params![channel, account, key, SHELF_ROWS_MAX])? {
                return Ok(Err(format!("it holds {SHELF_ROWS_MAX} values already")));
            }
            let sql = "INSERT OR REPLACE INTO shelf VALUES (?1, ?2, ?3, ?4)";
            Ok(Ok(central.execute("put on a shelf", sql, [channel, account, key, value])?))
        })
    }

    /// Forgets an account, its secrets, its shelf and how far it was read. What came through it stays. `false`
    /// when there is none of that name.
    pub fn remove_account(&mut self, channel: &str, name: &str) -> Result<bool> {
        self.change("remove an account", |central| {
            for secret in central.account_secrets(channel, name)? {
                central.remove_secret(&secret.name)?;
            }
            central.start_over(channel, name)?;
            let tx = &central.conn;
            let sql = "UPDATE cursor SET heard_at = NULL WHERE channel = ?1 AND account = ?2";
            tx.execute(sql, [channel, name])?;
            let sql = "DELETE FROM spool WHERE channel = ?1 AND account = ?2";
            tx.execute(sql, [channel, name])?;
            let sql = "DELETE FROM account WHERE channel = ?1 AND name = ?2";
            Ok(tx.execute(sql, [channel, name])? == 1)
        })
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
                   AND m.left_at IS NULL AND ?3 <= m.active_at
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

    /// What each account can do, as its last connection said. What another version wrote may be unreadable; the
    /// next connection says it again.
    pub fn caps_of_accounts(&self) -> Result<Vec<((String, String), Caps)>> {
        let sql = "SELECT channel, name, caps FROM account WHERE caps <> ''";
        let all: Vec<(String, String, String)> = self.list("read what accounts can do", sql, [])?;
        let read = |(channel, name, caps): (_, _, String)| {
            Some(((channel, name), serde_json::from_str(&caps).ok()?))
        };
        Ok(all.into_iter().filter_map(read).collect())
    }

    pub fn set_caps(&mut self, channel: &str, account: &str, caps: &Caps) -> Result<()> {
        self.change("what an account can do", |central| {
            let sql = "UPDATE account SET caps = ?3 WHERE channel = ?1 AND name = ?2";
            central.conn.execute(sql, params![channel, account, to_json(caps)?])?;
            Ok(())
        })
    }

    /// Whether the platform shows an account every message of its groups, as its last connection said.
    pub fn hears_all(&self, channel: &str, account: &str) -> Result<bool> {
        let sql = "SELECT caps ->> 'hears_all' FROM account
                   WHERE channel = ?1 AND name = ?2 AND caps <> ''";
        Ok(self.one("read what an account hears", sql, [channel, account])?.unwrap_or(true))
    }

    /// Tells the owners elsewhere that an account does not get in; once for each `why` until it was heard again.
    pub fn say_locked_out(
        &mut self,
        channel: &str,
        account: &str,
        (why, text): (&str, &str),
        now: Timestamp,
    ) -> Result<()> {
        let since = self.heard(channel, account)?.map_or(0, |it| it.0);
        self.tell_owners(channel, account, (&format!("{why}.{since}"), text), now)
    }

    /// Tells every owner, in the private chat on another account that they used last, what is the matter with an
    /// account; once for each `key`.
    pub fn tell_owners(
        &mut self,
        channel: &str,
        account: &str,
        (key, text): (&str, &str),
        now: Timestamp,
    ) -> Result<()> {
        self.change("a notice", |central| {
            for (person, to) in owners_elsewhere(&central.conn, channel, account)? {
                let key = format!("{key}.{channel}.{account}.{person}");
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
         WHERE r.role = 'owner' AND m.denied_at IS NULL AND m.left_at IS NULL
           AND NOT (m.channel = ?1 AND m.account = ?2)
         GROUP BY r.person ORDER BY r.person";
    list(conn, sql, [channel, account])
}
