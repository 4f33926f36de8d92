//! Parts of all sessions and of the host, as they stand.

use domain::delivery::by_hand::{HostKey, Standing};
use domain::message::Address;
use domain::trace::{Sent, chat_name};

use super::Reading;
use crate::StoreError;
use crate::outbox::session_id;
use crate::reasons::{DROPPED_BY_HAND, OVERTAKEN, STOPPED};
use crate::row::{Columns, FromRow, list};

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
            "state = 'dead' AND unreported IS NOT NULL
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
    /// Empty for a part of the host.
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
            "SELECT * FROM (SELECT p.channel, p.account, p.chat, p.thread, coalesce(g.title, ''),
                 coalesce(s.agent_group, ''), cause,
                 iif(file IS NULL, text, coalesce(file ->> 'name', '') || ' ' || text),
                 p.session, key, kind, form, state, quiet IS 'held', tries, misses, was_uncertain,
                 retry_at, p.created_at, claimed_at, changed_at, coalesce(platform_id, ''),
                 coalesce(reason, ''), p.id AS place
             FROM part p LEFT JOIN session s ON s.id = p.session
             LEFT JOIN messaging_group g
                 ON g.channel = p.channel AND g.account = p.account AND g.chat = p.chat
             WHERE {which} ORDER BY p.id DESC LIMIT {PARTS_MAX}) ORDER BY place"
        );
        list(&self.central.conn, &sql, params).map_err(StoreError::query("read the parts"))
    }
}

impl FromRow for PartRow {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (to, title): (Address, String) = columns.next()?;
        Ok(Self {
            agent: columns.next()?,
            cause: columns.next()?,
            text: columns.next()?,
            sent: Sent {
                key: HostKey { session: session_id(columns.next()?), part: columns.next()? },
                kind: columns.next()?,
                form: columns.next()?,
                chat: chat_name(&title, &to.chat, &to.channel, to.thread.as_deref()),
                standing: Standing::parse(&columns.next::<String>()?).unwrap_or(Standing::Dead),
                held: columns.next()?,
                tries: columns.next()?,
                misses: columns.next()?,
                was_uncertain: columns.next()?,
                retry_at: columns.next()?,
                created_at: columns.next()?,
                claimed_at: columns.next()?,
                changed_at: columns.next()?,
                platform_id: columns.next()?,
                reason: columns.next()?,
            },
            to,
            title,
        })
    }
}
