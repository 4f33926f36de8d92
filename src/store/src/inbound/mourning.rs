//! Parts of a session that were given up, not by an order to stop: its agent is told with the same
//! commit, and that the owner of the host is still to be told is written down with it too.

use domain::MessageSeq;
use domain::delivery::by_hand::Order;
use domain::delivery::{PartKey, dead_letter};
use domain::message::Address;
use domain::time::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{InboundStore, quiet};
use crate::StoreError;
use crate::outbox::by_hand::{self, Ordered};

/// Parts told of in one commit; the rest follow in the next.
const LETTERS_MAX: i64 = 200;

/// A part that was given up and that the owner of the host is still to be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    pub key: PartKey,
    pub to: Address,
    pub why: String,
    pub died_at: Timestamp,
    /// The message that it answers, where that came from the same chat: its sender is told too.
    pub answers: Option<AnsweredMessage>,
}

/// A message whose answer was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredMessage {
    pub message: MessageSeq,
    pub platform_id: String,
}

struct Dead {
    number: Option<i64>,
    cause: i64,
    form: String,
    interim: bool,
    to: Address,
    why: String,
    doubted: bool,
}

/// Writes down what follows from the end of a part, if it is dead now. Once: whoever revives a part
/// makes it a new one here.
pub(super) fn mourn(tx: &Transaction<'_>, key: &PartKey, now: Timestamp) -> rusqlite::Result<()> {
    let dead = tx
        .prepare_cached(
            "SELECT out_seq, cause, form, kind = 'interim', channel, account, chat, thread,
                    coalesce(reason, ''), doubted
             FROM deliveries WHERE key = ?1 AND state = 'dead' AND untold IS NULL",
        )?
        .query_row([&key.0], |row| {
            Ok(Dead {
                number: row.get(0)?,
                cause: row.get(1)?,
                form: row.get(2)?,
                interim: row.get(3)?,
                to: Address {
                    channel: row.get(4)?,
                    account: row.get(5)?,
                    chat: row.get(6)?,
                    thread: row.get(7)?,
                },
                why: row.get(8)?,
                doubted: row.get(9)?,
            })
        })
        .optional()?;
    let Some(dead) = dead else {
        return Ok(());
    };
    // Nobody misses an emoji, or the host's own line that work goes on.
    let matters = dead.form != "reaction" && !(dead.number.is_none() && dead.interim);
    tx.prepare_cached("UPDATE deliveries SET untold = ?2 WHERE key = ?1")?
        .execute(params![key.0, matters])?;
    match dead.number {
        Some(number) if matters => tell_agent(tx, key, &dead, number, now),
        Some(_) | None => Ok(()),
    }
}

/// The agent reads it before its next message, as it reads what it overhears.
fn tell_agent(
    tx: &Transaction<'_>,
    key: &PartKey,
    dead: &Dead,
    number: i64,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let title: Option<String> = tx
        .prepare_cached(
            "SELECT chat_title FROM messages_in
             WHERE channel = ?1 AND account = ?2 AND chat = ?3 AND chat_title <> ''
             ORDER BY seq DESC LIMIT 1",
        )?
        .query_row([&dead.to.channel, &dead.to.account, &dead.to.chat], |row| row.get(0))
        .optional()?;
    let chat = match title {
        Some(title) => format!("\"{title}\""),
        None => format!("chat {} on {}", dead.to.chat, dead.to.channel),
    };
    let text = dead_letter::for_agent(number, &chat, &dead.why, dead.doubted);
    // In the chat that led to it, where the agent looks next.
    tx.prepare_cached(
        "INSERT INTO messages_in (seq, channel, account, chat, thread, platform_id, sender_id,
             sender_name, text, received_at, not_before, kind, is_group, chat_title, outcome,
             reason, ended_at, rule, rule_detail)
         SELECT (SELECT coalesce(max(seq), 0) + 2 FROM messages_in), channel, account, chat, thread,
             ?2, 'host', ?3, ?4, ?5, ?5, 'context', is_group, chat_title, 'silent',
             'from the host', ?5, 'undelivered', ?6
         FROM messages_in WHERE seq = ?1
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        dead.cause,
        format!("dead.{}.{}", key.0, now.0),
        dead_letter::SENDER,
        text,
        now.0,
        key.0
    ])
    .map(drop)
}

impl InboundStore {
    /// Whether [`Self::lost`] has anything to say.
    pub(crate) fn has_lost(&self) -> Result<bool, StoreError> {
        self.connection()
            .prepare_cached("SELECT 1 FROM deliveries WHERE untold = 1 LIMIT 1")
            .and_then(|mut it| it.exists([]))
            .map_err(StoreError::query("read the dead letters"))
    }

    /// Parts that were given up and that the owner of the host is still to be told of, oldest first.
    ///
    /// # Errors
    /// When the database fails. So for every method below.
    pub fn lost(&self) -> Result<Vec<Lost>, StoreError> {
        let read = || -> rusqlite::Result<Vec<Lost>> {
            self.connection()
                .prepare_cached(
                    "SELECT d.key, d.channel, d.account, d.chat, d.thread, coalesce(d.reason, ''),
                            d.changed_at, m.seq, m.platform_id
                     FROM deliveries d LEFT JOIN messages_in m
                       ON m.seq = d.cause AND m.channel = d.channel AND m.account = d.account
                          AND m.chat = d.chat
                     WHERE d.untold = 1 ORDER BY d.id LIMIT ?1",
                )?
                .query_map([LETTERS_MAX], |row| {
                    Ok(Lost {
                        key: PartKey(row.get(0)?),
                        to: Address {
                            channel: row.get(1)?,
                            account: row.get(2)?,
                            chat: row.get(3)?,
                            thread: row.get(4)?,
                        },
                        why: row.get(5)?,
                        died_at: Timestamp(row.get(6)?),
                        answers: match row.get::<_, Option<i64>>(7)? {
                            Some(seq) => Some(AnsweredMessage {
                                message: MessageSeq(seq),
                                platform_id: row.get(8)?,
                            }),
                            None => None,
                        },
                    })
                })?
                .collect()
        };
        read().map_err(StoreError::query("read the dead letters"))
    }

    /// The owner of the host will be told of these.
    pub fn passed_on(&mut self, lost: &[Lost]) -> Result<(), StoreError> {
        self.commit("the dead letters", |tx| {
            let mut update = tx.prepare_cached(
                "UPDATE deliveries SET untold = 0 WHERE key = ?1 AND untold = 1 AND changed_at = ?2",
            )?;
            for it in lost {
                update.execute(params![it.key.0, it.died_at.0])?;
            }
            Ok(())
        })
    }

    /// Does to parts what a person says; one answer for each.
    pub fn order(
        &mut self,
        keys: &[PartKey],
        order: Order,
        now: Timestamp,
    ) -> Result<Vec<Ordered>, StoreError> {
        self.commit("an order", |tx| {
            let order = |key: &PartKey| {
                let ordered = by_hand::order(tx, key, order, now)?;
                if ordered.is_ok() {
                    quiet::scatter(tx, key)?;
                }
                Ok(ordered)
            };
            keys.iter().map(order).collect()
        })
    }
}
