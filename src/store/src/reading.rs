//! Looks at the central database and at what runners wrote, without changing any, for people who ask
//! what became of something. Works beside a running host and without one. Here the parts of all sessions
//! and of the host, as they stand.

mod trace;

use domain::delivery::by_hand::HostKey;
use domain::message::Address;
use domain::texts::chat_name;
use domain::trace::Sent;

pub use self::trace::{Found, Naming};
use crate::reasons::{DROPPED_BY_HAND, OVERTAKEN, STOPPED};
use crate::row::{Columns, FromRow, row};
use crate::{CentralStore, Result};

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

impl CentralStore {
    /// Parts of all sessions and of the host, in the order in which they were written.
    pub fn parts(&self, filter: PartFilter) -> Result<Vec<PartRow>> {
        self.select_parts(&filter.sql(), &[])
    }

    /// One part; `None` when there is none.
    pub fn part(&self, key: &HostKey) -> Result<Option<PartRow>> {
        let session = key.session.map_or(0, |it| it.0);
        Ok(self.select_parts("p.session = ?1 AND key = ?2", &[&session, &key.part.0])?.pop())
    }

    fn select_parts(&self, which: &str, params: &[&dyn rusqlite::ToSql]) -> Result<Vec<PartRow>> {
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
        self.list("read the parts", &sql, params)
    }
}

// Its chat is named by its address.
row!(Sent {
    key, kind, form, standing, held, tries, misses, was_uncertain, retry_at, created_at, claimed_at,
    changed_at, platform_id, reason;
    chat
});

impl FromRow for PartRow {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (to, title, agent, cause, text, sent): (Address, String, _, _, _, Sent) =
            columns.next()?;
        let chat = chat_name(&title, &to.chat, &to.channel, to.thread.as_deref());
        Ok(Self { sent: Sent { chat, ..sent }, to, title, agent, cause, text })
    }
}

#[cfg(test)]
mod tests;
