//! The outbox of a session, and what the host itself says about a message.

use std::time::Duration;

use domain::delivery::{PartKey, PartView, Verdict};
use domain::message::Address;
use domain::outgoing::Card;
use domain::task::TaskId;
use domain::time::Timestamp;
use domain::{MessageSeq, OutSeq};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{InboundStore, mourning, quiet};
use crate::StoreError;
use crate::outbox::{self, ClaimedPart, Draft, NewPart, Origin, PartKind, Target};

/// A message that leads to something: where its answers go and how it stands.
pub(super) struct Cause {
    pub(super) seq: MessageSeq,
    /// Where answers to it go.
    pub(super) from: Address,
    /// The chat that it came from.
    pub(super) written_in: Address,
    /// Empty for a task: no platform knows its message.
    pub(super) platform_id: String,
    /// The task that it is of, if no person wrote it.
    pub(super) task: Option<TaskId>,
    /// Somebody stopped the work on it.
    pub(super) is_declined: bool,
    /// The host gave it up and said so.
    pub(super) is_given_up: bool,
}

/// The message that the runner names, or the last one before it: the runner's word decides nothing
/// about where an answer goes.
pub(super) fn cause(tx: &Transaction<'_>, named: MessageSeq) -> rusqlite::Result<Option<Cause>> {
    tx.prepare_cached(
        "SELECT seq, channel, account, chat, thread, iif(task IS NULL, platform_id, ''),
                outcome = 'declined', outcome = 'failed' AND reply IS NULL, task
         FROM messages_in WHERE seq <= ?1 AND kind <> 'context' ORDER BY seq DESC LIMIT 1",
    )?
    .query_row([named.0], read_cause)
    .optional()
}

fn read_cause(row: &Row<'_>) -> rusqlite::Result<Cause> {
    let from = Address {
        channel: row.get(1)?,
        account: row.get(2)?,
        chat: row.get(3)?,
        thread: row.get(4)?,
    };
    let task: Option<String> = row.get(8)?;
    Ok(Cause {
        seq: MessageSeq(row.get(0)?),
        written_in: from.clone(),
        from,
        platform_id: row.get(5)?,
        task: task.and_then(|it| TaskId::parse(&it)),
        is_declined: row.get::<_, Option<bool>>(6)?.unwrap_or(false),
        is_given_up: row.get::<_, Option<bool>>(7)?.unwrap_or(false),
    })
}

/// The chat of the last message up to `before` whose channel is not `mute`. Overheard ones count: they
/// were read there.
pub(super) fn last_chat(
    tx: &Transaction<'_>,
    before: MessageSeq,
    is_mute: impl Fn(&str) -> bool,
) -> rusqlite::Result<Option<Address>> {
    let mut statement = tx.prepare_cached(
        "SELECT channel, account, chat, thread, max(seq) FROM messages_in WHERE seq <= ?1
         GROUP BY channel, account, chat, thread ORDER BY 5 DESC",
    )?;
    let chats = statement.query_map([before.0], |row| {
        Ok(Address {
            channel: row.get(0)?,
            account: row.get(1)?,
            chat: row.get(2)?,
            thread: row.get(3)?,
        })
    })?;
    for chat in chats {
        let chat = chat?;
        if !is_mute(&chat.channel) {
            return Ok(Some(chat));
        }
    }
    Ok(None)
}

/// Adds a part that a message of the agent led to.
pub(super) fn add(
    tx: &Transaction<'_>,
    part: &NewPart,
    out_seq: OutSeq,
    cause: MessageSeq,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let origin = Origin { out_seq: Some(out_seq), cause };
    outbox::add(tx, part, Some(origin), now).map(drop)
}

/// Adds what the host has to say about a message; each `why` once.
pub(super) fn add_notice(
    tx: &Transaction<'_>,
    why: &str,
    about: MessageSeq,
    kind: PartKind,
    text: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let Some(cause) = cause(tx, about)? else {
        return Ok(());
    };
    let text = text.to_owned();
    let line = if kind == PartKind::Interim { None } else { replaceable(tx, &[about])? };
    let content = match line {
        Some(line) => Draft::Edit(Target::Part(line), Card { text, buttons: vec![] }),
        None => Draft::Text(text),
    };
    let part = NewPart {
        key: PartKey(format!("n{why}.{about}")),
        to: cause.from,
        reply_to: cause.platform_id,
        kind,
        content,
    };
    outbox::add(tx, &part, Some(Origin { out_seq: None, cause: about }), now).map(drop)
}

/// Says that a message waits for the provider, in the place of the line that said that it is being
/// worked on. `id` is the runner's number of the wait.
pub(super) fn add_wait(
    tx: &Transaction<'_>,
    id: i64,
    about: MessageSeq,
    text: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let Some(cause) = cause(tx, about)? else {
        return Ok(());
    };
    let waiting: Vec<MessageSeq> = tx
        .prepare_cached("SELECT seq FROM messages_in WHERE outcome IS NULL AND status = 1")?
        .query_map([], |row| row.get(0).map(MessageSeq))?
        .collect::<rusqlite::Result<_>>()?;
    let text = text.to_owned();
    let content = match replaceable(tx, &waiting)? {
        Some(line) => Draft::Edit(Target::Part(line), Card { text, buttons: vec![] }),
        None => Draft::Text(text),
    };
    let part = NewPart {
        key: PartKey(format!("nwait{id}.{about}")),
        to: cause.from,
        reply_to: cause.platform_id,
        kind: PartKind::Interim,
        content,
    };
    outbox::add(tx, &part, Some(Origin { out_seq: None, cause: about }), now).map(drop)
}

/// The lines of what waits for the provider are no place for an answer: it would come unseen, in the
/// place of something old.
pub(super) fn give_up_lines(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let sql = "UPDATE messages_in SET line_gone = 1 WHERE outcome IS NULL AND status = 1";
    tx.prepare_cached(sql)?.execute([]).map(drop)
}

/// The key of the line that says that a message is being worked on.
pub(super) fn status_key(message: MessageSeq) -> PartKey {
    PartKey(format!("s{message}"))
}

/// The line that says that one of these messages is being worked on, for what takes its place. One
/// that was not sent yet is not sent any more.
pub(super) fn replaceable(
    tx: &Transaction<'_>,
    messages: &[MessageSeq],
) -> rusqlite::Result<Option<PartKey>> {
    let mut found = None;
    for message in messages {
        let key = status_key(*message);
        let sql = "UPDATE deliveries SET state = 'dead', untold = 0, reason = 'the answer was there first'
                   WHERE key = ?1 AND state IN ('ready', 'unsent')";
        tx.prepare_cached(sql)?.execute([&key.0])?;
        let sql = "SELECT 1 FROM deliveries WHERE key = ?1 AND state <> 'dead'
                   AND NOT EXISTS (SELECT 1 FROM messages_in WHERE seq = ?2 AND line_gone = 1)";
        if tx.prepare_cached(sql)?.exists(params![key.0, message.0])? {
            found = found.or(Some(key));
        }
    }
    Ok(found)
}

impl InboundStore {
    /// The oldest unfinished part of each chat; what is held does not count.
    pub(crate) fn open_parts(&self) -> Result<Vec<PartView>, StoreError> {
        outbox::open_parts(&self.conn, "quiet IS NOT 'held'")
            .map_err(StoreError::query("read the open parts"))
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
        let root = self.root.clone();
        self.commit("the claim of a part", |tx| {
            let mut part = outbox::claim(tx, &root, key, now)?;
            match &mut part {
                Some(part) => {
                    part.set_also(answered_too(tx, key)?);
                    quiet::join(tx, part, now)?;
                }
                None => {
                    mourning::mourn(tx, key, now)?;
                    quiet::scatter(tx, key)?;
                }
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
        self.commit("the end of a part", |tx| {
            outbox::conclude(tx, key, verdict, now)?;
            quiet::conclude(tx, key, verdict, now)?;
            match verdict {
                Verdict::Dead { .. } => mourning::mourn(tx, key, now),
                Verdict::Sent { .. } | Verdict::Unsent { .. } | Verdict::Uncertain { .. } => Ok(()),
            }
        })?;
        if matches!(verdict, Verdict::Sent { .. } | Verdict::Dead { .. }) {
            self.drop_copy(key)?;
        }
        Ok(())
    }

    /// Removes the copy of a file that is sent or given up. A stop before it leaves the copy to
    /// [`Self::prune_leftovers`].
    fn drop_copy(&self, key: &PartKey) -> Result<(), StoreError> {
        let sql = "SELECT json_extract(file, '$.path') FROM deliveries
                   WHERE key = ?1 AND state IN ('sent', 'dead') AND file IS NOT NULL";
        let path: Option<String> = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut it| it.query_row([&key.0], |row| row.get(0)).optional())
            .map_err(StoreError::query("find a file that was sent"))?;
        if let Some(path) = path {
            let _ = std::fs::remove_file(self.root.join(path));
        }
        Ok(())
    }

    /// A part that a predecessor of this process claimed may have been seen.
    pub fn doubt(&mut self, key: &PartKey, now: Timestamp) -> Result<(), StoreError> {
        self.conclude(key, &Verdict::Uncertain { retry_at: now }, now)
    }

    /// A chat can be reached again: what waits for it waits no longer. Returns whether anything did.
    pub fn reachable(&mut self, chat: &Address) -> Result<bool, StoreError> {
        self.commit("a reachable chat", |tx| outbox::reachable(tx, chat))
    }

    /// Shows in the chat of a message that is being worked on for `after`, once, that this takes a
    /// while. Nobody waits for what a task does, so nothing is shown of it.
    pub fn show_status(
        &mut self,
        message: MessageSeq,
        after: Duration,
        text: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.commit("a status line", |tx| {
            let Some(cause) = cause(tx, message)?.filter(|it| it.seq == message) else {
                return Ok(());
            };
            let after = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
            let sql = "UPDATE messages_in SET status = 1
                       WHERE seq = ?1 AND status = 0 AND outcome IS NULL AND received_at <= ?2";
            let is_new = tx.execute(sql, [message.0, now.0.saturating_sub(after)])? == 1;
            if is_new && cause.task.is_none() {
                let part = NewPart {
                    key: status_key(message),
                    to: cause.from,
                    reply_to: cause.platform_id,
                    kind: PartKind::Interim,
                    content: Draft::Text(text.to_owned()),
                };
                outbox::add(tx, &part, Some(Origin { out_seq: None, cause: message }), now)?;
            }
            Ok(())
        })
    }

    /// The channel of a message that has no outcome yet.
    pub fn channel_of(&self, message: MessageSeq) -> Result<Option<String>, StoreError> {
        self.conn
            .prepare_cached("SELECT channel FROM messages_in WHERE seq = ?1 AND outcome IS NULL")
            .and_then(|mut it| it.query_row([message.0], |row| row.get(0)).optional())
            .map_err(StoreError::query("find a channel"))
    }

    /// The status line of the message that is being worked on: since when that is, where it is, and
    /// the platform's id.
    pub fn shown_status(&self) -> Result<Option<(Timestamp, Address, String)>, StoreError> {
        let found: Option<(i64, i64)> = self
            .conn
            .prepare_cached(
                "SELECT seq, received_at FROM messages_in
                 WHERE outcome IS NULL AND status = 1 AND line_gone = 0 ORDER BY seq LIMIT 1",
            )
            .and_then(|mut it| it.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional())
            .map_err(StoreError::query("find a status line"))?;
        let Some((seq, since)) = found else {
            return Ok(None);
        };
        let line = self.status_line(MessageSeq(seq))?;
        Ok(line.map(|(to, id)| (Timestamp(since), to, id)))
    }

    /// The unfinished message of the same address whose status line a draft of this one may use: its own,
    /// else one that may be answered together with it. An answer replaces one line only.
    pub fn line_owner(&self, message: MessageSeq) -> Result<Option<MessageSeq>, StoreError> {
        self.conn
            .prepare_cached(
                "SELECT l.seq FROM messages_in m JOIN messages_in l
                     ON (l.channel, l.account, l.chat) = (m.channel, m.account, m.chat)
                     AND l.thread IS m.thread
                 WHERE m.seq = ?1 AND l.outcome IS NULL AND l.status = 1 AND l.line_gone = 0
                 ORDER BY l.seq <> m.seq, l.seq LIMIT 1",
            )
            .and_then(|mut it| {
                it.query_row([message.0], |row| row.get(0).map(MessageSeq)).optional()
            })
            .map_err(StoreError::query("find a status line"))
    }

    /// Where the status line of a message is, once it is there: its chat and the platform's id.
    pub fn status_line(
        &self,
        message: MessageSeq,
    ) -> Result<Option<(Address, String)>, StoreError> {
        self.conn
            .prepare_cached(
                "SELECT channel, account, chat, thread, platform_id FROM deliveries
                 WHERE key = ?1 AND state = 'sent' AND platform_id IS NOT NULL
                   AND NOT EXISTS (SELECT 1 FROM messages_in WHERE seq = ?2 AND line_gone = 1)",
            )
            .and_then(|mut it| {
                it.query_row(params![status_key(message).0, message.0], |row| {
                    let to = Address {
                        channel: row.get(0)?,
                        account: row.get(1)?,
                        chat: row.get(2)?,
                        thread: row.get(3)?,
                    };
                    Ok((to, row.get(4)?))
                })
                .optional()
            })
            .map_err(StoreError::query("find a status line"))
    }
}

/// Other messages that the part answers, by their platform ids: those of the address that it goes to.
fn answered_too(tx: &Transaction<'_>, key: &PartKey) -> rusqlite::Result<Vec<String>> {
    tx.prepare_cached(
        "SELECT m.platform_id FROM deliveries d
         JOIN messages_in m ON m.reply = d.out_seq AND m.seq <> d.cause
             AND (m.channel, m.account, m.chat) = (d.channel, d.account, d.chat)
             AND m.thread IS d.thread
         WHERE d.key = ?1 ORDER BY m.seq",
    )?
    .query_map([&key.0], |row| row.get(0))?
    .collect()
}
