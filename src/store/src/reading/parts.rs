//! Parts of all sessions and of the host, as they stand.

use domain::SessionId;
use domain::delivery::PartKey;
use domain::delivery::by_hand::{HostKey, Standing};
use domain::message::Address;
use domain::time::Timestamp;
use domain::trace::{Sent, chat_name};
use rusqlite::{Connection, Row};

use super::Reading;
use crate::StoreError;

/// Parts of one database that are read at most; the newest ones.
const PARTS_MAX: i64 = 1_000;

/// Which parts are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartFilter {
    /// Those that are on their way, and those that were given up and not on purpose.
    Unsent,
    /// Those that were given up and not on purpose.
    Dead,
    All,
}

impl PartFilter {
    fn sql(self, is_current: bool) -> &'static str {
        match (self, is_current) {
            (Self::Unsent, true) => {
                "state NOT IN ('sent', 'dead') OR (state = 'dead' AND untold IS NOT NULL
                 AND coalesce(reason, '') NOT IN ('stopped', 'dropped by hand', 'the answer was there first'))"
            }
            (Self::Unsent, false) => "state NOT IN ('sent', 'dead')",
            (Self::Dead, true) => {
                "state = 'dead' AND untold IS NOT NULL
                 AND coalesce(reason, '') NOT IN ('stopped', 'dropped by hand', 'the answer was there first')"
            }
            (Self::Dead, false) => "state = 'dead' AND reason <> 'stopped'",
            (Self::All, _) => "1",
        }
    }
}

/// A part and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRow {
    pub sent: Sent,
    pub to: Address,
    /// Of the chat, where it has one.
    pub title: String,
    /// Empty where the host says it by itself.
    pub agent: String,
    /// The message that led to it.
    pub cause: Option<i64>,
    /// The name of a file stands for the file.
    pub text: String,
}

impl Reading {
    /// Parts of all sessions and of the host, in the order in which each wrote them.
    ///
    /// # Errors
    /// When a database fails. So for every method below.
    pub fn parts(&self, filter: PartFilter) -> Result<Vec<PartRow>, StoreError> {
        let mut all = Vec::new();
        let mine = filter.sql(true);
        all.extend(self.read(&self.central.conn, None, "", (mine, true), &[])?);
        for session in self.sessions()? {
            if let Some(inbound) = self.inbound(session.id)? {
                let chosen = (filter.sql(inbound.is_current), inbound.is_current);
                let agent = session.agent.as_str();
                all.extend(self.read(&inbound.conn, Some(session.id), agent, chosen, &[])?);
            }
        }
        Ok(all)
    }

    /// One part; `None` when there is none.
    pub fn part(&self, key: &HostKey) -> Result<Option<PartRow>, StoreError> {
        let key_is = "key = ?1";
        let name: &[&dyn rusqlite::ToSql] = &[&key.part.0];
        let found = match key.session {
            None => self.read(&self.central.conn, None, "", (key_is, true), name)?,
            Some(id) => self.parts_of(id, key_is, name)?,
        };
        Ok(found.into_iter().next())
    }

    pub(super) fn parts_of(
        &self,
        id: SessionId,
        which: &str,
        params: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<PartRow>, StoreError> {
        let (Some(row), Some(inbound)) = (self.central.session(id)?, self.inbound(id)?) else {
            return Ok(vec![]);
        };
        let chosen = (which, inbound.is_current);
        self.read(&inbound.conn, Some(id), row.agent.as_str(), chosen, params)
    }

    pub(super) fn host_parts(
        &self,
        which: &str,
        params: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<PartRow>, StoreError> {
        self.read(&self.central.conn, None, "", (which, true), params)
    }

    fn read(
        &self,
        conn: &Connection,
        session: Option<SessionId>,
        agent: &str,
        (which, is_current): (&str, bool),
        params: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<PartRow>, StoreError> {
        let kept = if is_current {
            "created_at, claimed_at, sent_at, misses"
        } else {
            "NULL, NULL, NULL, 0"
        };
        let cause = if session.is_some() { "cause" } else { "NULL" };
        // The host's own words are never held.
        let held = if session.is_some() && is_current { "quiet IS 'held'" } else { "0" };
        let sql = format!(
            "SELECT * FROM (SELECT id, key, channel, account, chat, thread, kind, form,
                 iif(file IS NULL, text, coalesce(file ->> 'name', '') || ' ' || text), state,
                 tries, retry_at, doubted, coalesce(platform_id, ''), coalesce(reason, ''),
                 changed_at, {cause}, {kept}, {held}
             FROM deliveries WHERE {which} ORDER BY id DESC LIMIT {PARTS_MAX}) ORDER BY id"
        );
        let read = || -> rusqlite::Result<Vec<PartRow>> {
            conn.prepare(&sql)?.query_map(params, |row| part(row, session, agent))?.collect()
        };
        let mut found = read().map_err(StoreError::query("read the parts"))?;
        for it in &mut found {
            it.title = self.central.chat(&it.to)?.map(|it| it.title).unwrap_or_default();
            let (to, title) = (&it.to, &it.title);
            it.sent.chat = chat_name(title, &to.chat, &to.channel, to.thread.as_deref());
        }
        Ok(found)
    }
}

fn part(row: &Row<'_>, session: Option<SessionId>, agent: &str) -> rusqlite::Result<PartRow> {
    let (state, instant): (String, _) =
        (row.get(9)?, |at| row.get::<_, Option<i64>>(at).map(|it| it.map(Timestamp)));
    Ok(PartRow {
        sent: Sent {
            key: HostKey { session, part: PartKey(row.get(1)?) },
            kind: row.get(6)?,
            form: row.get(7)?,
            chat: String::new(),
            standing: Standing::parse(&state).unwrap_or(Standing::Dead),
            tries: row.get(10)?,
            retry_at: Timestamp(row.get(11)?),
            doubted: row.get(12)?,
            platform_id: row.get(13)?,
            reason: row.get(14)?,
            changed_at: Timestamp(row.get(15)?),
            created_at: instant(17)?,
            claimed_at: instant(18)?,
            sent_at: instant(19)?,
            misses: row.get(20)?,
            held: row.get(21)?,
        },
        to: Address {
            channel: row.get(2)?,
            account: row.get(3)?,
            chat: row.get(4)?,
            thread: row.get(5)?,
        },
        title: String::new(),
        agent: agent.to_owned(),
        cause: row.get(16)?,
        text: row.get(8)?,
    })
}
