//! Parts that were given up anywhere on this host, until the owner was told and after.

use domain::SessionId;
use domain::delivery::by_hand::Order;
use domain::delivery::{PartKey, dead_letter};
use domain::message::Address;
use domain::time::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{CentralStore, address};
use crate::StoreError;
use crate::inbound::{AnsweredMessage, Lost};
use crate::outbox::by_hand::{self, Ordered};
use crate::outbox::{self, Draft, NewPart, PartKind};

/// What the owner is told about dead letters is named so; its own end is told to nobody.
pub const NOTICE_KEY: &str = "dead.";
/// What senders are told about answers that were given up is named so.
const UNDELIVERED_KEY: &str = "undelivered.";
/// Dead letters that are kept to be looked up.
const KEPT_MAX: i64 = 1_000;

/// A part that was given up and that the owner was not told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterRow {
    pub id: i64,
    /// Across the host.
    pub key: String,
    /// Empty where the host wrote it.
    pub agent: String,
    pub to: Address,
    pub why: String,
}

/// What the owner was not told of yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    pub count: usize,
    /// When the first of them was given up.
    pub oldest: Timestamp,
    /// When the owner was told of others.
    pub last_told: Option<Timestamp>,
    /// The newest ones, the newest first.
    pub newest: Vec<DeadLetterRow>,
}

impl CentralStore {
    /// Keeps what a session gave up, to be told; each once.
    ///
    /// # Errors
    /// When the database fails. So for every method below.
    pub fn keep_lost(
        &mut self,
        session: SessionId,
        agent: &str,
        lost: &[Lost],
    ) -> Result<(), StoreError> {
        self.change("keep a dead letter", |tx| {
            for it in lost {
                let key = format!("{session}.{}", it.key.0);
                add(tx, &key, agent, it)?;
                tell_sender(tx, session, &key, it)?;
            }
            Ok(())
        })
    }

    /// What the owner was not told of; at most `newest_max` of them in full.
    pub fn untold(&self, newest_max: usize) -> Result<Option<Untold>, StoreError> {
        const OP: &str = "read the dead letters";
        let sql = "SELECT count(*), min(died_at), (SELECT max(told_at) FROM dead_letter)
                   FROM dead_letter WHERE told_at IS NULL";
        let seen: Option<(i64, Option<i64>, Option<i64>)> =
            self.one(OP, sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let Some((count, Some(oldest), last_told)) = seen else {
            return Ok(None);
        };
        let newest = self.list(
            OP,
            "SELECT channel, account, chat, id, key, agent, why FROM dead_letter
             WHERE told_at IS NULL ORDER BY id DESC LIMIT ?1",
            [i64::try_from(newest_max).unwrap_or(i64::MAX)],
            |row| {
                Ok(DeadLetterRow {
                    to: address(row, 0)?,
                    id: row.get(3)?,
                    key: row.get(4)?,
                    agent: row.get(5)?,
                    why: row.get(6)?,
                })
            },
        )?;
        Ok(Some(Untold {
            count: usize::try_from(count).unwrap_or(0),
            oldest: Timestamp(oldest),
            last_told: last_told.map(Timestamp),
            newest,
        }))
    }

    /// Tells the owner of all up to that one; the message and that they were told are one commit.
    pub fn tell_lost(
        &mut self,
        part: &NewPart,
        up_to: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change("tell of dead letters", |tx| {
            outbox::add(tx, part, None, now)?;
            tx.execute(
                "UPDATE dead_letter SET told_at = ?2 WHERE told_at IS NULL AND id <= ?1",
                [up_to, now.0],
            )?;
            tx.execute("DELETE FROM dead_letter WHERE id <= ?1 - ?2", [up_to, KEPT_MAX])
        })
        .map(drop)
    }

    /// Does to parts of the host what a person says; one answer for each.
    pub fn order_parts(
        &mut self,
        keys: &[PartKey],
        order: Order,
        now: Timestamp,
    ) -> Result<Vec<Ordered>, StoreError> {
        self.change("an order", |tx| {
            keys.iter().map(|key| by_hand::order(tx, key, order, now)).collect()
        })
    }
}

/// Tells whoever waits for an answer that was given up, in a plain text; once for each message.
fn tell_sender(
    tx: &Transaction<'_>,
    session: SessionId,
    key: &str,
    lost: &Lost,
) -> rusqlite::Result<()> {
    let Some(AnsweredMessage { message, platform_id }) = &lost.answers else {
        return Ok(());
    };
    let part = NewPart {
        key: PartKey(format!("{UNDELIVERED_KEY}{session}.{message}")),
        to: lost.to.clone(),
        reply_to: platform_id.clone(),
        kind: PartKind::Notice,
        content: Draft::Text(dead_letter::for_sender(key, &lost.why)),
    };
    outbox::add(tx, &part, None, lost.died_at).map(drop)
}

fn add(tx: &Transaction<'_>, key: &str, agent: &str, lost: &Lost) -> rusqlite::Result<()> {
    let to = &lost.to;
    tx.execute(
        "INSERT INTO dead_letter (key, agent, channel, account, chat, why, died_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        params![key, agent, to.channel, to.account, to.chat, lost.why, lost.died_at.0],
    )
    .map(drop)
}

/// Keeps a part of the host's own that is dead now, to be told. What tells of dead letters is not
/// told of: the owner hears of the answer anyway.
pub(super) fn mourn(tx: &Transaction<'_>, key: &PartKey) -> rusqlite::Result<()> {
    if key.0.starts_with(NOTICE_KEY) || key.0.starts_with(UNDELIVERED_KEY) {
        return Ok(());
    }
    let lost = tx
        .prepare_cached(
            "SELECT channel, account, chat, coalesce(reason, ''), changed_at FROM deliveries
             WHERE key = ?1 AND state = 'dead' AND untold IS NULL",
        )?
        .query_row([&key.0], |row| {
            let (why, died_at) = (row.get(3)?, Timestamp(row.get(4)?));
            Ok(Lost { key: key.clone(), to: address(row, 0)?, why, died_at, answers: None })
        })
        .optional()?;
    let Some(lost) = lost else {
        return Ok(());
    };
    tx.prepare_cached("UPDATE deliveries SET untold = 0 WHERE key = ?1")?.execute([&key.0])?;
    add(tx, &format!("host.{}", key.0), "", &lost)
}
