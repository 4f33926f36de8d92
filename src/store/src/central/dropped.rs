//! Messages that reached nobody: counted, without what they said.

use domain::message::{Address, Author};
use domain::time::Timestamp;
use rusqlite::{Connection, params};

use super::CentralStore;
use crate::StoreError;
use crate::row::{only, row, run};

/// Rows that are kept; unknown users decide how many there would be.
const ROWS_MAX: i64 = 5_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedRow {
    pub from: Address,
    pub sender: Author,
    /// One of a few fixed words of the router.
    pub reason: String,
    pub count: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

row!(Author { id, name });

row!(DroppedRow { from, sender, reason, count, first_at, last_at });

impl CentralStore {
    /// Counts a message that reached nobody. Tells whether it is the first of this sender in this
    /// chat for this reason.
    pub fn record_drop(
        &mut self,
        from: &Address,
        sender: &Author,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change("count a dropped message", |tx| count(tx, from, sender, reason, now))
            .map(|count| count == 1)
    }

    /// Every count, the latest first.
    pub fn dropped(&self) -> Result<Vec<DroppedRow>, StoreError> {
        self.list(
            "list the dropped messages",
            "SELECT channel, account, chat, NULL, sender, sender_name, reason, count,
                    first_at, last_at
             FROM dropped ORDER BY last_at DESC, channel, account, chat, sender, reason",
            [],
        )
    }

    /// Forgets the counts of one chat, or all; returns how many rows there were.
    pub fn clear_dropped(&self, of: Option<&Address>) -> Result<usize, StoreError> {
        const OP: &str = "clear the dropped messages";
        match of {
            None => self.run(OP, "DELETE FROM dropped", []),
            Some(of) => self.run(
                OP,
                "DELETE FROM dropped WHERE channel = ?1 AND account = ?2 AND chat = ?3",
                [&of.channel, &of.account, &of.chat],
            ),
        }
    }
}

/// How often this sender's messages reached nobody in this chat for this reason, with this one.
pub(super) fn count(
    tx: &Connection,
    from: &Address,
    sender: &Author,
    reason: &str,
    now: Timestamp,
) -> rusqlite::Result<i64> {
    let count = only(
        tx,
        "INSERT INTO dropped (channel, account, chat, sender, sender_name, reason,
                              count, first_at, last_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?7)
         ON CONFLICT DO UPDATE SET count = count + 1, last_at = excluded.last_at,
             sender_name = excluded.sender_name
         RETURNING count",
        params![from.channel, from.account, from.chat, sender.id, sender.name, reason, now.0],
    )?;
    if count == 1 {
        run(
            tx,
            "DELETE FROM dropped WHERE (channel, account, chat, sender, reason) IN (
                 SELECT channel, account, chat, sender, reason FROM dropped
                 ORDER BY last_at DESC LIMIT -1 OFFSET ?1)",
            [ROWS_MAX],
        )?;
    }
    Ok(count)
}
