//! Outgoing parts and their states. [`ClaimedPart`] is minted here and nowhere else: whoever talks
//! to a platform must hold one, and holding one means that the claim is committed.

use domain::delivery::{PartKey, PartState, PartView, Verdict};
use domain::message::Address;
use domain::time::Timestamp;
use domain::{MessageSeq, OutSeq};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::InboundStore;
use crate::StoreError;

/// What a part is to its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// More follows.
    Interim,
    /// The last part of an answer.
    Answer,
    /// The host or the runner has something to say about a message; ends it too.
    Notice,
}

impl PartKind {
    const ALL: [Self; 3] = [Self::Interim, Self::Answer, Self::Notice];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interim => "interim",
            Self::Answer => "answer",
            Self::Notice => "notice",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// A part whose sending is committed. Cannot be made outside this module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedPart {
    key: PartKey,
    to: Address,
    text: String,
    kind: PartKind,
    reply_to: String,
    also: Vec<String>,
    repeat: bool,
    tries: u32,
}

impl ClaimedPart {
    #[must_use]
    pub fn key(&self) -> &PartKey {
        &self.key
    }

    #[must_use]
    pub fn to(&self) -> &Address {
        &self.to
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn kind(&self) -> PartKind {
        self.kind
    }

    /// The platform's id of the message that led to this part.
    #[must_use]
    pub fn reply_to(&self) -> &str {
        &self.reply_to
    }

    /// The platform's ids of the other messages that this part answers.
    #[must_use]
    pub fn also(&self) -> &[String] {
        &self.also
    }

    /// The recipient may have seen it already.
    #[must_use]
    pub fn is_repeat(&self) -> bool {
        self.repeat
    }

    /// Earlier answers of the platform.
    #[must_use]
    pub fn tries(&self) -> u32 {
        self.tries
    }
}

pub(super) struct NewPart<'a> {
    pub(super) key: PartKey,
    pub(super) out_seq: Option<OutSeq>,
    pub(super) cause: MessageSeq,
    pub(super) kind: PartKind,
    pub(super) text: &'a str,
}

pub(super) fn add(
    tx: &Transaction<'_>,
    part: &NewPart<'_>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO deliveries (key, out_seq, cause, kind, text, state, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, 'ready', ?6) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        part.key.0,
        part.out_seq.map(|it| it.0),
        part.cause.0,
        part.kind.as_str(),
        part.text,
        now.0
    ])
    .map(drop)
}

pub(super) fn add_notice(
    tx: &Transaction<'_>,
    why: &str,
    cause: MessageSeq,
    text: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let key = PartKey(format!("n{why}.{cause}"));
    // A message that has to wait is not at its end.
    let kind = if why == "waits" { PartKind::Interim } else { PartKind::Notice };
    add(tx, &NewPart { key, out_seq: None, cause, kind, text }, now)
}

impl InboundStore {
    /// The oldest unfinished part of each chat.
    pub(crate) fn open_parts(&self) -> Result<Vec<PartView>, StoreError> {
        let read = || -> rusqlite::Result<Vec<PartView>> {
            self.conn
                .prepare_cached(
                    "SELECT d.key, d.state, d.retry_at, min(d.id) FROM deliveries d
                     JOIN messages_in m ON m.seq = d.cause
                     WHERE d.state NOT IN ('sent', 'dead')
                     GROUP BY m.channel, m.account, m.chat ORDER BY 4",
                )?
                .query_map([], part_view)?
                .collect()
        };
        read().map_err(StoreError::query("read the open parts"))
    }

    /// Commits that a part is being sent. `None` when it is finished already.
    ///
    /// # Errors
    /// When the database fails; then it must not be sent. So for every method below.
    pub fn claim_part(
        &mut self,
        key: &PartKey,
        now: Timestamp,
    ) -> Result<Option<ClaimedPart>, StoreError> {
        self.commit("the claim of a part", |tx| {
            let mut part = tx
                .prepare_cached(
                    "SELECT d.key, d.text, d.kind, d.doubted, d.tries, m.channel, m.account, m.chat,
                            m.thread, m.platform_id
                     FROM deliveries d JOIN messages_in m ON m.seq = d.cause
                     WHERE d.key = ?1 AND d.state IN ('ready', 'unsent', 'uncertain')",
                )?
                .query_row([&key.0], claimed_part)
                .optional()?;
            if let Some(part) = &mut part {
                part.also = answered_too(tx, key)?;
                tx.prepare_cached(
                    "UPDATE deliveries SET state = 'claimed', changed_at = ?2 WHERE key = ?1",
                )?
                .execute(params![key.0, now.0])?;
            }
            Ok(part)
        })
    }

    /// Writes down how an attempt ended.
    pub fn conclude(
        &mut self,
        key: &PartKey,
        verdict: &Verdict,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (state, retry_at, platform_id, reason, counts) = match verdict {
            Verdict::Sent { platform_id } => ("sent", 0, Some(platform_id), None, 0),
            Verdict::Unsent { retry_at, counts } => {
                ("unsent", retry_at.0, None, None, i64::from(*counts))
            }
            Verdict::Uncertain { retry_at } => ("uncertain", retry_at.0, None, None, 0),
            Verdict::Dead { why } => ("dead", 0, None, Some(why), 0),
        };
        self.commit("the end of a part", |tx| {
            tx.prepare_cached(
                "UPDATE deliveries SET state = ?2, retry_at = ?3, platform_id = ?4, reason = ?5,
                        tries = tries + ?6, changed_at = ?7,
                        doubted = doubted OR ?2 = 'uncertain'
                 WHERE key = ?1 AND state = 'claimed'",
            )?
            .execute(params![
                key.0,
                state,
                retry_at,
                platform_id,
                reason,
                counts,
                now.0
            ])
        })
        .map(drop)
    }

    /// A part that a predecessor of this process claimed may have been seen.
    pub fn doubt(&mut self, key: &PartKey, now: Timestamp) -> Result<(), StoreError> {
        self.conclude(key, &Verdict::Uncertain { retry_at: now }, now)
    }

    /// A chat can be reached again: what waits for it waits no longer. Returns whether anything did.
    pub fn reachable(&mut self, chat: &Address) -> Result<bool, StoreError> {
        self.commit("a reachable chat", |tx| {
            tx.execute(
                "UPDATE deliveries SET retry_at = 0 WHERE state IN ('unsent', 'uncertain') AND cause IN
                     (SELECT seq FROM messages_in WHERE channel = ?1 AND account = ?2 AND chat = ?3)",
                params![chat.channel, chat.account, chat.chat],
            )
        })
        .map(|changed| changed != 0)
    }
}

fn answered_too(tx: &Transaction<'_>, key: &PartKey) -> rusqlite::Result<Vec<String>> {
    tx.prepare_cached(
        "SELECT m.platform_id FROM deliveries d
         JOIN messages_in m ON m.reply = d.out_seq AND m.seq <> d.cause
         WHERE d.key = ?1 ORDER BY m.seq",
    )?
    .query_map([&key.0], |row| row.get(0))?
    .collect()
}

fn part_view(row: &Row<'_>) -> rusqlite::Result<PartView> {
    let state: String = row.get(1)?;
    let retry_at = Timestamp(row.get(2)?);
    let state = match state.as_str() {
        "claimed" => PartState::Claimed,
        "unsent" => PartState::Unsent { retry_at },
        "uncertain" => PartState::Uncertain { retry_at },
        _ => PartState::Ready,
    };
    Ok(PartView { key: PartKey(row.get(0)?), state, in_flight: false })
}

fn claimed_part(row: &Row<'_>) -> rusqlite::Result<ClaimedPart> {
    let kind: String = row.get(2)?;
    Ok(ClaimedPart {
        key: PartKey(row.get(0)?),
        text: row.get(1)?,
        kind: PartKind::parse(&kind).unwrap_or(PartKind::Interim),
        repeat: row.get(3)?,
        tries: row.get(4)?,
        to: Address {
            channel: row.get(5)?,
            account: row.get(6)?,
            chat: row.get(7)?,
            thread: row.get(8)?,
        },
        reply_to: row.get(9)?,
        also: Vec::new(),
    })
}
