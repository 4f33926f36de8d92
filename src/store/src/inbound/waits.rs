//! Messages that wait: for the provider, until their deadline, and what their chats are told of it.

use domain::message::Address;
use domain::session::DEADLINE;
use domain::time::Timestamp;
use domain::waits::{self, ProviderWait, WaitClass};
use domain::{MessageSeq, notice};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{InboundStore, parts, tasks};
use crate::StoreError;
use crate::outbound::Waits;
use crate::outbox::PartKind;

const COLUMNS: &str = "waits_for, wait_since, wait_until, wait_count, wait_known, told_of, \
    told_until, received_at, last_chance, channel, account, chat, thread, seq";

/// What is known of a message that waits.
struct Known {
    seq: MessageSeq,
    wait: Option<ProviderWait>,
    told: Option<(WaitClass, Timestamp)>,
    /// Until when it is kept.
    deadline: Timestamp,
    from: Address,
}

/// Reads a wait from five columns in a row, of which this is the first.
pub(crate) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<ProviderWait>> {
    let class: Option<String> = row.get(first)?;
    let Some(class) = class.as_deref().and_then(WaitClass::parse) else {
        return Ok(None);
    };
    Ok(Some(ProviderWait {
        class,
        since: Timestamp(row.get(first + 1)?),
        until: Timestamp(row.get(first + 2)?),
        count: row.get(first + 3)?,
        known: row.get(first + 4)?,
    }))
}

fn known(row: &Row<'_>) -> rusqlite::Result<Known> {
    let told_of: Option<String> = row.get(5)?;
    let told_until: Option<i64> = row.get(6)?;
    let received_at = Timestamp(row.get(7)?);
    let last_chance: Option<i64> = row.get(8)?;
    Ok(Known {
        wait: read(row, 0)?,
        told: told_of.as_deref().and_then(WaitClass::parse).zip(told_until.map(Timestamp)),
        deadline: last_chance.map_or(received_at + DEADLINE, Timestamp),
        from: Address {
            channel: row.get(9)?,
            account: row.get(10)?,
            chat: row.get(11)?,
            thread: row.get(12)?,
        },
        seq: MessageSeq(row.get(13)?),
    })
}

/// Takes over what the runner said of a turn that has to wait. The runner is not trusted: only a
/// message without an outcome can wait, and not for longer than a wait may last.
pub(super) fn take(tx: &Transaction<'_>, wait: &Waits, now: Timestamp) -> rusqlite::Result<()> {
    let sql = "UPDATE taken_over SET wait = ?1 WHERE wait < ?1";
    tx.prepare_cached(sql)?.execute([wait.id])?;
    let sql = format!("SELECT {COLUMNS} FROM messages_in WHERE seq = ?1 AND outcome IS NULL");
    let found = tx.prepare_cached(&sql)?.query_row([wait.message.0], known).optional()?;
    let Some(message) = found else {
        return Ok(());
    };
    let next = waits::next(message.wait.as_ref(), wait.class, wait.until, now);
    tx.prepare_cached(
        "UPDATE messages_in SET waits_for = ?2, wait_since = ?3, wait_until = ?4, wait_count = ?5,
                wait_known = ?6 WHERE seq = ?1",
    )?
    .execute(params![
        message.seq.0,
        next.class.as_str(),
        next.since.0,
        next.until.0,
        next.count,
        next.known
    ])?;
    // Nobody waits for a task; its answer says that it is late.
    if !tasks::is_task(tx, message.seq)? && waits::is_worth_telling(message.told, &next) {
        tell_chat(tx, &message.from, Some(&next))?;
        let text = waits::notice(&next, message.deadline, now);
        parts::add_wait(tx, wait.id, message.seq, &text, now)?;
    }
    parts::give_up_lines(tx)
}

/// Everybody who waits in a chat was told, of this wait if there is one.
fn tell_chat(
    tx: &Transaction<'_>,
    chat: &Address,
    of: Option<&ProviderWait>,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE messages_in SET told = 1, told_of = coalesce(?5, told_of),
                told_until = coalesce(?6, told_until)
         WHERE outcome IS NULL AND channel = ?1 AND account = ?2 AND chat = ?3 AND thread IS ?4",
    )?
    .execute(params![
        chat.channel,
        chat.account,
        chat.chat,
        chat.thread,
        of.map(|it| it.class.as_str()),
        of.map(|it| it.until.0)
    ])
    .map(drop)
}

impl InboundStore {
    /// Tells the chat of a message, once, that it has to wait, and what for; one notice speaks for
    /// all that wait in that chat.
    ///
    /// # Errors
    /// When the database fails; so for every method below.
    pub fn tell(&mut self, message: MessageSeq, now: Timestamp) -> Result<(), StoreError> {
        self.commit("a notice", |tx| {
            let sql = format!(
                "SELECT {COLUMNS} FROM messages_in
                 WHERE seq = ?1 AND outcome IS NULL AND told = 0"
            );
            let untold = tx.prepare_cached(&sql)?.query_row([message.0], known).optional()?;
            let Some(untold) = untold else {
                return Ok(());
            };
            let sql = format!(
                "SELECT {COLUMNS} FROM messages_in WHERE outcome IS NULL ORDER BY seq LIMIT 1"
            );
            let first = tx.prepare_cached(&sql)?.query_row([], known)?;
            let wait = first.wait.filter(|it| !it.is_over(now));
            tell_chat(tx, &untold.from, wait.as_ref())?;
            let text = match &wait {
                Some(wait) => waits::notice(wait, untold.deadline, now),
                None => notice::WAITS.to_owned(),
            };
            // A message that has to wait is not at its end.
            parts::add_notice(tx, "waits", message, PartKind::Interim, &text, now)
        })
    }

    /// A late message has until then, and waits for nothing any more.
    pub fn last_chance(
        &mut self,
        message: MessageSeq,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.commit("a last chance", |tx| {
            tx.execute(
                "UPDATE messages_in SET last_chance = ?2, not_before = min(not_before, ?3),
                        wait_until = min(wait_until, ?3)
                 WHERE seq = ?1 AND outcome IS NULL AND last_chance IS NULL",
                params![message.0, until.0, now.0],
            )
        })
        .map(drop)
    }

    /// The last wait of the runner that was taken over.
    pub(crate) fn last_wait(&self) -> Result<i64, StoreError> {
        self.conn
            .prepare_cached("SELECT wait FROM taken_over")
            .and_then(|mut it| it.query_row([], |row| row.get(0)))
            .map_err(StoreError::query("read the last wait"))
    }

    /// Whether something that the agent asked for has no answer yet.
    pub(crate) fn is_asking(&self) -> Result<bool, StoreError> {
        self.conn
            .prepare_cached("SELECT 1 FROM requests WHERE state <> 'answered' LIMIT 1")
            .and_then(|mut it| it.exists([]))
            .map_err(StoreError::query("read the requests"))
    }
}
