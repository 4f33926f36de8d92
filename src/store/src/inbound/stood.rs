//! Stopping on disk: sets aside what is in work, voids what is not sent, says what had gone out.
//!
//! Invariants
//! - A part of the agent that was not handed to a platform before the commit never is.
//! - What a stopped incarnation wrote and the host had not taken over is dropped, whatever it names
//!   as its cause.

use domain::message::Address;
use domain::stop::{StopId, Toll};
use domain::time::Timestamp;
use domain::{MessageSeq, notice};
use rusqlite::{Row, Transaction, params};

use super::{InboundStore, parts};
use crate::StoreError;
use crate::outbox::PartKind;

/// Parts that the agent wrote, and the line that shows that it works.
const OF_AGENT: &str = "(out_seq IS NOT NULL OR key LIKE 's%')";

/// How far the session carried a stop out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stood {
    pub stop: StopId,
    /// Chats were told of it up to this message.
    pub told: MessageSeq,
    pub toll: Toll,
}

/// Who stopped the agent, for its chats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub stop: StopId,
    pub by: String,
    pub agent: String,
}

/// What is in work for one chat.
pub(super) struct Work {
    chat: Address,
    /// The last message there.
    last: MessageSeq,
    toll: Toll,
}

impl InboundStore {
    /// How far the last stop was carried out here.
    pub fn stood(&self) -> Result<Stood, StoreError> {
        self.conn
            .prepare_cached(
                "SELECT stop, told, aside, voided, sent_here, sent_elsewhere, uncertain FROM stood",
            )
            .and_then(|mut it| it.query_row([], stood))
            .map_err(StoreError::query("read the stops"))
    }

    /// Carries a stop out, once, and tells each chat that writes meanwhile, once. `in_work` says
    /// that a container may have begun with what waits; else that is kept.
    ///
    /// # Errors
    /// When the database fails; then nothing has changed.
    pub(crate) fn stand_still(
        &mut self,
        order: &Order,
        in_work: bool,
        now: Timestamp,
    ) -> Result<Toll, StoreError> {
        self.commit("a stop", |tx| {
            let before = tx.query_row(
                "SELECT stop, told, aside, voided, sent_here, sent_elsewhere, uncertain FROM stood",
                [],
                stood,
            )?;
            let mut toll = before.toll;
            if before.stop < order.stop {
                let ended = end_work(tx, if in_work { i64::MAX } else { 0 }, now)?;
                toll = total(&ended);
                for work in ended {
                    let text = notice::frozen(&order.by, &work.toll);
                    let why = format!("stopped{}", order.stop.0);
                    parts::add_notice(tx, &why, work.last, PartKind::Notice, &text, now)?;
                }
            }
            let told = tell_waiting(tx, order, now)?;
            tx.execute(
                "UPDATE stood SET stop = ?1, told = ?2, aside = ?3, voided = ?4, sent_here = ?5,
                        sent_elsewhere = ?6, uncertain = ?7",
                params![
                    order.stop.0,
                    told.0,
                    toll.aside,
                    toll.voided,
                    toll.sent_here,
                    toll.sent_elsewhere,
                    toll.uncertain
                ],
            )?;
            Ok(toll)
        })
    }

    /// The last message that waits; 0 when none does.
    pub(crate) fn last_waiting(&self) -> Result<MessageSeq, StoreError> {
        self.conn
            .prepare_cached(LAST_WAITING)
            .and_then(|mut it| it.query_row([], |row| row.get(0).map(MessageSeq)))
            .map_err(StoreError::query("read the waiting messages"))
    }
}

/// Ends all work: sets aside the messages before `before`, voids what is not sent, lets what ran say
/// nothing more. Returns what it found, by chat.
pub(super) fn end_work(
    tx: &Transaction<'_>,
    before: i64,
    now: Timestamp,
) -> rusqlite::Result<Vec<Work>> {
    let found = work(tx, before)?;
    tx.execute(
        "UPDATE messages_in SET outcome = 'declined', reason = 'stopped', ended_at = ?2
         WHERE outcome IS NULL AND seq < ?1",
        [before, now.0],
    )?;
    // What is with a platform right now cannot be called back; it ends there, however it ends.
    tx.execute(
        &format!(
            "UPDATE deliveries SET state = iif(state = 'claimed', state, 'dead'),
                    reason = 'stopped', changed_at = ?1
             WHERE state NOT IN ('sent', 'dead') AND {OF_AGENT}"
        ),
        [now.0],
    )?;
    tx.execute(
        "UPDATE requests SET state = 'answered', ok = 0, answer = 'stopped'
         WHERE state <> 'answered'",
        [],
    )?;
    tx.execute(
        "UPDATE halted SET incarnation = (SELECT coalesce(max(incarnation), 0) FROM launches)",
        [],
    )?;
    Ok(found)
}

pub(super) fn total(all: &[Work]) -> Toll {
    all.iter().fold(Toll::default(), |sum, it| Toll {
        aside: sum.aside + it.toll.aside,
        voided: sum.voided + it.toll.voided,
        sent_here: sum.sent_here + it.toll.sent_here,
        sent_elsewhere: sum.sent_elsewhere + it.toll.sent_elsewhere,
        uncertain: sum.uncertain + it.toll.uncertain,
    })
}

fn work(tx: &Transaction<'_>, before: i64) -> rusqlite::Result<Vec<Work>> {
    let mut all: Vec<Work> = Vec::new();
    let mut statement = tx.prepare_cached(&format!(
        "SELECT seq, channel, account, chat, thread, outcome IS NULL AND seq < ?1 FROM messages_in
         WHERE (outcome IS NULL AND seq < ?1) OR seq IN
             (SELECT cause FROM deliveries WHERE state NOT IN ('sent', 'dead') AND {OF_AGENT})
         ORDER BY seq"
    ))?;
    let mut rows = statement.query([before])?;
    while let Some(row) = rows.next()? {
        let chat = address(row)?;
        let last = MessageSeq(row.get(0)?);
        let at = all.iter().position(|it| it.chat == chat);
        let at = at.unwrap_or_else(|| {
            all.push(Work { chat: chat.clone(), last, toll: Toll::default() });
            all.len() - 1
        });
        let found = &mut all[at];
        found.last = last;
        found.toll.aside += usize::from(row.get::<_, bool>(5)?);
        count_parts(tx, last, &chat, &mut found.toll)?;
    }
    Ok(all)
}

fn count_parts(
    tx: &Transaction<'_>,
    cause: MessageSeq,
    chat: &Address,
    toll: &mut Toll,
) -> rusqlite::Result<()> {
    let mut statement = tx.prepare_cached(
        "SELECT state, channel = ?2 AND account = ?3 AND chat = ?4, count(*) FROM deliveries
         WHERE cause = ?1 AND out_seq IS NOT NULL GROUP BY 1, 2",
    )?;
    let mut rows = statement.query(params![cause.0, chat.channel, chat.account, chat.chat])?;
    while let Some(row) = rows.next()? {
        let (state, here, count): (String, bool, usize) = (row.get(0)?, row.get(1)?, row.get(2)?);
        match (state.as_str(), here) {
            ("ready" | "unsent", _) => toll.voided += count,
            ("claimed" | "uncertain", _) => toll.uncertain += count,
            ("sent", true) => toll.sent_here += count,
            ("sent", false) => toll.sent_elsewhere += count,
            _ => {}
        }
    }
    Ok(())
}

/// Tells each chat that writes to a stopped agent, once. Returns up to which message that is done.
fn tell_waiting(
    tx: &Transaction<'_>,
    order: &Order,
    now: Timestamp,
) -> rusqlite::Result<MessageSeq> {
    let mut statement = tx.prepare_cached(
        "SELECT max(seq), channel, account, chat, thread FROM messages_in m
         WHERE outcome IS NULL AND task IS NULL AND NOT EXISTS (
             SELECT 1 FROM deliveries d WHERE d.key LIKE ?1 AND d.channel = m.channel
                 AND d.account = m.account AND d.chat = m.chat AND d.thread IS m.thread)
         GROUP BY channel, account, chat, thread",
    )?;
    let why = format!("kept{}", order.stop.0);
    let untold = statement
        .query_map([format!("n{why}.%")], |row| row.get(0).map(MessageSeq))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let text = notice::kept(&order.by, &order.agent);
    for message in untold {
        // A message that has to wait is not at its end.
        parts::add_notice(tx, &why, message, PartKind::Interim, &text, now)?;
    }
    tx.query_row(LAST_WAITING, [], |row| row.get(0).map(MessageSeq))
}

fn address(row: &Row<'_>) -> rusqlite::Result<Address> {
    Ok(Address {
        channel: row.get(1)?,
        account: row.get(2)?,
        chat: row.get(3)?,
        thread: row.get(4)?,
    })
}

const LAST_WAITING: &str = "SELECT coalesce(max(seq), 0) FROM messages_in WHERE outcome IS NULL";

fn stood(row: &Row<'_>) -> rusqlite::Result<Stood> {
    Ok(Stood {
        stop: StopId(row.get(0)?),
        told: MessageSeq(row.get(1)?),
        toll: Toll {
            aside: row.get(2)?,
            voided: row.get(3)?,
            sent_here: row.get(4)?,
            sent_elsewhere: row.get(5)?,
            uncertain: row.get(6)?,
        },
    })
}
