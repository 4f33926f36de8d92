//! Parts on their way to platforms: the one place that can mint a [`ClaimedPart`], which is the only
//! thing that can be sent.
//!
//! A session keeps the parts that its agent wrote, the central database those that the host says by
//! itself; both tables, `deliveries`, have these columns, so both run through the statements here.
//! A session's has two more that say what led to a part.

pub(crate) mod by_hand;
mod columns;

use std::path::Path;

use domain::delivery::{PartKey, PartState, PartView, Tried, Verdict, exhausted};
use domain::message::Address;
use domain::outgoing::{Card, Content, FileOut};
use domain::time::Timestamp;
use domain::{MessageSeq, OutSeq};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use self::columns::{Columns, Raw};

/// Longer waits were asked for by a platform.
const BACKOFF_MAX_MS: i64 = 60_000;

/// How final a part is for the messages that it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// More follows.
    Interim,
    Answer,
    /// What the host has to say when no answer comes.
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
    content: Content,
    kind: PartKind,
    reply_to: String,
    also: Vec<String>,
    repeat: bool,
    tries: u32,
    misses: u32,
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
    pub fn content(&self) -> &Content {
        &self.content
    }

    #[must_use]
    pub fn kind(&self) -> PartKind {
        self.kind
    }

    /// The platform's id of the message that led to this part; empty when none did.
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

    /// What was tried with it before.
    #[must_use]
    pub fn tried(&self) -> Tried {
        Tried { key: self.key.clone(), tries: self.tries, misses: self.misses }
    }

    pub(crate) fn set_also(&mut self, also: Vec<String>) {
        self.also = also;
    }

    /// Says more texts in the same message, behind its own and under a heading if there is one.
    /// What is no text stays as it is.
    pub(crate) fn join(&mut self, heading: Option<&str>, more: &[String], between: &str) {
        if let Content::Text(text) = &mut self.content {
            let all = heading.into_iter().chain([text.as_str()]);
            *text = all.chain(more.iter().map(String::as_str)).collect::<Vec<_>>().join(between);
        }
    }
}

/// A message of ours or of somebody else that a part changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// What this part became on its platform.
    Part(PartKey),
    /// What has this id there.
    Platform(String),
}

/// What a new part consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Draft {
    Text(String),
    Card(Card),
    File(FileOut),
    Edit(Target, Card),
    Reaction(Target, String),
}

/// What led to a part of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) out_seq: Option<OutSeq>,
    pub(crate) cause: MessageSeq,
}

/// A part that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPart {
    pub key: PartKey,
    pub to: Address,
    pub reply_to: String,
    pub kind: PartKind,
    pub content: Draft,
}

/// Adds a part; one with that key that is there already is left as it is. Returns whether it is new.
pub(crate) fn add(
    tx: &Transaction<'_>,
    part: &NewPart,
    origin: Option<Origin>,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let columns = Columns::of(&part.content)?;
    let (more, values) = match origin {
        // What answers a message whose answer may be known already is a repetition, perhaps.
        Some(_) => (
            ", out_seq, cause, doubted",
            ", ?14, ?15, coalesce((SELECT m.doubted FROM messages_in m WHERE m.seq = ?15), 0)",
        ),
        None => ("", ""),
    };
    let sql = format!(
        "INSERT INTO deliveries (key, channel, account, chat, thread, reply_to, kind, form, text,
             target, file, buttons, state, changed_at, created_at{more})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 'ready', ?13, ?13{values})
         ON CONFLICT DO NOTHING"
    );
    let to = &part.to;
    let mut statement = tx.prepare_cached(&sql)?;
    let mut bind =
        |index: usize, value: &dyn rusqlite::ToSql| statement.raw_bind_parameter(index, value);
    bind(1, &part.key.0)?;
    bind(2, &to.channel)?;
    bind(3, &to.account)?;
    bind(4, &to.chat)?;
    bind(5, &to.thread)?;
    bind(6, &part.reply_to)?;
    bind(7, &part.kind.as_str())?;
    bind(8, &columns.form)?;
    bind(9, &columns.text)?;
    bind(10, &columns.target)?;
    bind(11, &columns.file)?;
    bind(12, &columns.buttons)?;
    bind(13, &now.0)?;
    if let Some(origin) = origin {
        bind(14, &origin.out_seq.map(|it| it.0))?;
        bind(15, &origin.cause.0)?;
    }
    Ok(statement.raw_execute()? == 1)
}

/// The oldest unfinished part of each chat, of those of which a condition is true.
pub(crate) fn open_parts(conn: &Connection, which: &str) -> rusqlite::Result<Vec<PartView>> {
    conn.prepare_cached(&format!(
        "SELECT key, state, retry_at, min(id), changed_at FROM deliveries
         WHERE state NOT IN ('sent', 'dead') AND {which}
         GROUP BY channel, account, chat ORDER BY 4"
    ))?
    .query_map([], part_view)?
    .collect()
}

fn part_view(row: &Row<'_>) -> rusqlite::Result<PartView> {
    let state: String = row.get(1)?;
    let (retry_at, since) = (Timestamp(row.get(2)?), Timestamp(row.get(4)?));
    let state = match state.as_str() {
        "claimed" => PartState::Claimed,
        "unsent" => PartState::Unsent { retry_at, since },
        "uncertain" => PartState::Uncertain { retry_at, since },
        _ => PartState::Ready,
    };
    Ok(PartView { key: PartKey(row.get(0)?), state, in_flight: false })
}

/// Commits, with the caller's transaction, that a part is being sent. `None` when it is finished
/// already, cannot be sent as it is because the message that it changes is not there, or may have been
/// seen too often. Paths of files are taken from `root`.
pub(crate) fn claim(
    tx: &Transaction<'_>,
    root: &Path,
    key: &PartKey,
    now: Timestamp,
) -> rusqlite::Result<Option<ClaimedPart>> {
    let found = tx
        .prepare_cached(
            "SELECT key, channel, account, chat, thread, reply_to, kind, form, text, target, file,
                    buttons, doubted, tries, misses, doubts
             FROM deliveries WHERE key = ?1 AND state IN ('ready', 'unsent', 'uncertain')",
        )?
        .query_row([&key.0], |row| Ok((claimed(row)?, Raw::read(row)?, row.get(15)?)))
        .optional()?;
    let Some((mut part, raw, doubts)) = found else {
        return Ok(None);
    };
    if let Some(why) = exhausted(doubts) {
        bury(tx, key, &Verdict::Dead { why }, now)?;
        return Ok(None);
    }
    let Some(content) = raw.content(tx, root)? else {
        let verdict = Verdict::Dead { why: "the message that it changes was not sent".into() };
        bury(tx, key, &verdict, now)?;
        return Ok(None);
    };
    part.content = content;
    tx.prepare_cached(
        "UPDATE deliveries SET state = 'claimed', changed_at = ?2, claimed_at = ?2 WHERE key = ?1",
    )?
    .execute(params![key.0, now.0])?;
    Ok(Some(part))
}

fn claimed(row: &Row<'_>) -> rusqlite::Result<ClaimedPart> {
    let kind: String = row.get(6)?;
    Ok(ClaimedPart {
        key: PartKey(row.get(0)?),
        to: Address {
            channel: row.get(1)?,
            account: row.get(2)?,
            chat: row.get(3)?,
            thread: row.get(4)?,
        },
        content: Content::Text(String::new()),
        reply_to: row.get(5)?,
        kind: PartKind::parse(&kind).unwrap_or(PartKind::Interim),
        also: Vec::new(),
        repeat: row.get(12)?,
        tries: row.get(13)?,
        misses: row.get(14)?,
    })
}

/// Writes down how an attempt ended.
pub(crate) fn conclude(
    tx: &Transaction<'_>,
    key: &PartKey,
    verdict: &Verdict,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let (state, retry_at, platform_id, counts) = match verdict {
        Verdict::Sent { platform_id } => ("sent", 0, Some(platform_id), 0),
        Verdict::Unsent { retry_at, counts } => ("unsent", retry_at.0, None, i64::from(*counts)),
        Verdict::Uncertain { retry_at } => ("uncertain", retry_at.0, None, 0),
        Verdict::Dead { .. } => return bury(tx, key, verdict, now),
    };
    tx.prepare_cached(
        // What was stopped meanwhile is not tried again.
        "UPDATE deliveries SET state = iif(reason = 'stopped' AND ?2 <> 'sent', 'dead', ?2),
                retry_at = ?3, platform_id = ?4, tries = tries + ?5,
                misses = iif(?2 = 'sent' OR ?5 > 0, 0, misses + 1), changed_at = ?6,
                doubts = doubts + (?2 = 'uncertain'), doubted = doubted OR ?2 = 'uncertain',
                sent_at = iif(?2 = 'sent', ?6, NULL)
         WHERE key = ?1 AND state = 'claimed'",
    )?
    .execute(params![key.0, state, retry_at, platform_id, counts, now.0])
    .map(drop)
}

/// Gives a part up. A new text for a message that is gone becomes a message of its own first: what
/// it says must not be lost with what it would have replaced.
fn bury(
    tx: &Transaction<'_>,
    key: &PartKey,
    verdict: &Verdict,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let Verdict::Dead { why } = verdict else {
        return Ok(());
    };
    let turned = tx
        .prepare_cached(
            "UPDATE deliveries SET form = 'text', target = NULL, buttons = NULL, state = 'ready',
                    retry_at = 0, tries = 0, misses = 0, doubts = 0, reason = ?2, changed_at = ?3
             WHERE key = ?1 AND form = 'edit' AND state NOT IN ('sent', 'dead')
                 AND reason IS NOT 'stopped'",
        )?
        .execute(params![key.0, why, now.0])?;
    if turned == 0 {
        tx.prepare_cached(
            "UPDATE deliveries SET state = 'dead', retry_at = 0, reason = ?2, changed_at = ?3
             WHERE key = ?1 AND state NOT IN ('sent', 'dead')",
        )?
        .execute(params![key.0, why, now.0])?;
    }
    Ok(())
}

/// A chat can be reached again: what waits for it waits no longer, unless its platform asked for a
/// long wait. Returns whether anything did.
pub(crate) fn reachable(tx: &Transaction<'_>, chat: &Address) -> rusqlite::Result<bool> {
    tx.execute(
        "UPDATE deliveries SET retry_at = 0 WHERE state IN ('unsent', 'uncertain')
             AND channel = ?1 AND account = ?2 AND chat = ?3 AND retry_at - changed_at <= ?4",
        params![chat.channel, chat.account, chat.chat, BACKOFF_MAX_MS],
    )
    .map(|changed| changed != 0)
}
