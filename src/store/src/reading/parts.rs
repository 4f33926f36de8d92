//! Parts of all sessions and of the host, as they stand.

use domain::SessionId;
use domain::delivery::PartKey;
use domain::delivery::by_hand::{HostKey, Standing};
use domain::message::Address;
use domain::time::Timestamp;
use domain::trace::{Sent, chat_name};
use rusqlite::Row;

use super::Reading;
use crate::StoreError;
use crate::central::full_address;
use crate::reasons::{DROPPED_BY_HAND, OVERTAKEN, STOPPED};

/// Parts that are read at most; the newest ones.
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
    fn sql(self) -> String {
        let dead = format!(
            "state = 'dead' AND untold IS NOT NULL
             AND coalesce(reason, '') NOT IN ('{STOPPED}', '{DROPPED_BY_HAND}', '{OVERTAKEN}')"
        );
        match self {
            Self::Unsent => format!("state NOT IN ('sent', 'dead') OR ({dead})"),
            Self::Dead => dead,
            Self::All => "1".to_owned(),
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
    /// Parts of all sessions and of the host, in the order in which they were written.
    ///
    /// # Errors
    /// When a database fails. So for every method below.
    pub fn parts(&self, filter: PartFilter) -> Result<Vec<PartRow>, StoreError> {
        self.select(&filter.sql(), &[])
    }

    /// One part; `None` when there is none.
    pub fn part(&self, key: &HostKey) -> Result<Option<PartRow>, StoreError> {
        let session = key.session.map_or(0, |it| it.0);
        let found = self.select("p.session = ?1 AND key = ?2", &[&session, &key.part.0])?;
        Ok(found.into_iter().next())
    }

    pub(super) fn select(
        &self,
        which: &str,
        params: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<PartRow>, StoreError> {
        let sql = format!(
            "SELECT * FROM (SELECT p.id, key, p.channel, p.account, p.chat, p.thread, kind, form,
                 iif(file IS NULL, text, coalesce(file ->> 'name', '') || ' ' || text), state,
                 tries, retry_at, doubted, coalesce(platform_id, ''), coalesce(reason, ''),
                 changed_at, cause, p.created_at, claimed_at, misses, quiet IS 'held',
                 p.session, coalesce(s.agent_group, ''), coalesce(g.title, '')
             FROM part p LEFT JOIN session s ON s.id = p.session
             LEFT JOIN messaging_group g
                 ON g.channel = p.channel AND g.account = p.account AND g.chat = p.chat
             WHERE {which} ORDER BY p.id DESC LIMIT {PARTS_MAX}) ORDER BY 1"
        );
        let read = || -> rusqlite::Result<Vec<PartRow>> {
            self.central.conn.prepare(&sql)?.query_map(params, part)?.collect()
        };
        read().map_err(StoreError::query("read the parts"))
    }
}

fn part(row: &Row<'_>) -> rusqlite::Result<PartRow> {
    let session: i64 = row.get(21)?;
    let (to, title) = (full_address(row, 2)?, row.get::<_, String>(23)?);
    let (state, instant): (String, _) =
        (row.get(9)?, |at| row.get::<_, Option<i64>>(at).map(|it| it.map(Timestamp)));
    Ok(PartRow {
        sent: Sent {
            key: HostKey {
                session: (session != 0).then_some(SessionId(session)),
                part: PartKey(row.get(1)?),
            },
            kind: row.get(6)?,
            form: row.get(7)?,
            chat: chat_name(&title, &to.chat, &to.channel, to.thread.as_deref()),
            standing: Standing::parse(&state).unwrap_or(Standing::Dead),
            tries: row.get(10)?,
            retry_at: Timestamp(row.get(11)?),
            doubted: row.get(12)?,
            platform_id: row.get(13)?,
            reason: row.get(14)?,
            changed_at: Timestamp(row.get(15)?),
            created_at: instant(17)?,
            claimed_at: instant(18)?,
            misses: row.get(19)?,
            held: row.get(20)?,
        },
        to,
        title,
        agent: row.get(22)?,
        cause: row.get(16)?,
        text: row.get(8)?,
    })
}
