//! The host's reading eye on an outbound database.
//!
//! The agent could have written anything into that file, so nothing here may hurt the host: it is
//! opened read-only (a rollback journal could name any file of the host for deletion, so recovery
//! is left to the runner), no link is followed, no memory is mapped, nothing in its schema runs,
//! and every count and length is bounded. A file that asks for a write-ahead log is refused,
//! because the log's index is shared memory that its writer could cut off under the reader.

mod history;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use domain::cost::Cost;
use domain::message::{Attempt, Claim, Form, Outbound, Outcome};
use domain::time::Timestamp;
use domain::waits::WaitClass;
use domain::{Incarnation, MessageSeq, OutSeq};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, Row};

use crate::StoreError;
use crate::open::{cache_little, open_read_only};
use crate::outbox::PartKind;
use crate::runner::VERSION;

/// Messages taken over in one commit; the rest follow in the next.
const MESSAGES_MAX: i64 = 64;
/// The longest text of one message; an answer of a model is far below it.
const TEXT_BYTES_MAX: i32 = 4 * 1024 * 1024;
/// `read and write version` 1: a rollback journal (<https://sqlite.org/fileformat.html>, 1.3.3).
const ROLLBACK_MODE: [u8; 2] = [1, 1];
/// Options of a question that are read; more are an error of the agent's.
const OPTIONS_MAX: usize = 20;
/// `O_NOFOLLOW` and `O_NONBLOCK`: neither a link nor a pipe may stand in for the file.
const OPEN_FLAGS: i32 = 0o400_000 | 0o4_000;

/// What the runner wrote that the host has not taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) messages: Vec<(Outbound, PartKind)>,
    pub(crate) finished: Vec<Claim>,
    pub(crate) open_claims: Vec<Claim>,
    pub(crate) waits: Vec<Waits>,
    /// What the runner keeps for the next incarnation, by name.
    pub(crate) state: BTreeMap<String, String>,
    /// All messages that there are; otherwise the rest follows.
    pub(crate) is_whole: bool,
}

/// A turn that the runner ended with a wait for the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waits {
    /// The runner's number of it.
    pub(crate) id: i64,
    pub(crate) message: MessageSeq,
    pub(crate) class: WaitClass,
    pub(crate) until: Option<Timestamp>,
}

impl News {
    pub(crate) fn is_news(&self) -> bool {
        !self.messages.is_empty() || !self.finished.is_empty() || !self.waits.is_empty()
    }
}

#[derive(Debug)]
pub(crate) struct OutboundReader {
    path: PathBuf,
    conn: Option<Connection>,
}

impl OutboundReader {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, conn: None }
    }

    /// Messages after `after`, waits after `waits_after`, and claims on messages from `waiting_from`
    /// on. Claims of incarnations up to `halted` do not count: somebody stopped them. A file that does
    /// not exist yet has no news.
    pub(crate) fn news(
        &mut self,
        after: OutSeq,
        waits_after: i64,
        waiting_from: Option<MessageSeq>,
        halted: Incarnation,
    ) -> Result<News, StoreError> {
        let path = self.path.clone();
        self.open()?;
        let Some(conn) = &self.conn else {
            return Ok(News::default());
        };
        let read = || -> rusqlite::Result<News> {
            // All as it is at one moment, and the file locked once.
            let _moment = conn.unchecked_transaction()?;
            let mut news = News { messages: messages(conn, after)?, ..News::default() };
            if let Some(from) = waiting_from {
                let claims = claims(conn, from, halted)?;
                (news.finished, news.open_claims) =
                    claims.into_iter().partition(|it| it.outcome.is_some());
            }
            news.waits = waits(conn, waits_after)?;
            news.state = state(conn)?;
            news.is_whole = i64::try_from(news.messages.len()).is_ok_and(|it| it < MESSAGES_MAX);
            Ok(news)
        };
        read().map_err(|err| {
            self.conn = None;
            classify(err).at(&path)
        })
    }

    pub(crate) fn integrity(&mut self) -> Result<Vec<String>, StoreError> {
        match self.open()? {
            Some(conn) => crate::open::integrity(conn),
            None => Ok(vec![]),
        }
    }

    /// `None` as long as the runner has not made the file and its schema.
    fn open(&mut self) -> Result<Option<&Connection>, StoreError> {
        if !self.is_readable()? {
            self.conn = None;
            return Ok(None);
        }
        if self.conn.is_none() {
            let conn = open_read_only(&self.path, false).map_err(StoreError::open(&self.path))?;
            conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, TEXT_BYTES_MAX)
                .map_err(StoreError::open(&self.path))?;
            let version: i64 = conn
                .pragma_query_value(None, "user_version", |row| row.get(0))
                .map_err(|err| classify(err).at(&self.path))?;
            cache_little(&conn).map_err(|err| classify(err).at(&self.path))?;
            // A session that sleeps may still have an older one.
            match usize::try_from(version) {
                Ok(0) => return Ok(None),
                Ok(known) if known <= VERSION => self.conn = Some(conn),
                Ok(_) | Err(_) => return Err(StoreError::Newer { path: self.path.clone() }),
            }
        }
        Ok(self.conn.as_ref())
    }

    /// Looks at the file before SQLite does.
    fn is_readable(&self) -> Result<bool, StoreError> {
        let corrupt = || StoreError::Corrupt {
            path: self.path.clone(),
            source: rusqlite::Error::InvalidPath(self.path.clone()),
        };
        let opened = File::options().read(true).custom_flags(OPEN_FLAGS).open(&self.path);
        let mut file = match opened {
            Ok(file) => file,
            Err(err) if err.kind() == ErrorKind::NotFound => return Ok(false),
            Err(_) => return Err(corrupt()),
        };
        if !file.metadata().is_ok_and(|it| it.is_file()) {
            return Err(corrupt());
        }
        let mut header = [0; 20];
        match file.read_exact(&mut header) {
            Ok(()) if header[18..20] == ROLLBACK_MODE => Ok(true),
            Ok(()) => Err(corrupt()),
            // Just created: its first page is not there yet.
            Err(err) if err.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(_) => Err(corrupt()),
        }
    }
}

fn classify(err: rusqlite::Error) -> StoreError {
    // A journal that must be rolled back first; a reader may not do that.
    let hot = matches!(
        err.sqlite_error().map(|it| it.extended_code),
        Some(rusqlite::ffi::SQLITE_READONLY_ROLLBACK | rusqlite::ffi::SQLITE_READONLY_RECOVERY)
    );
    if hot || err.sqlite_error_code() == Some(ErrorCode::ReadOnly) {
        return StoreError::NeedsWriter;
    }
    StoreError::query("read the outbound database")(err)
}

fn messages(conn: &Connection, after: OutSeq) -> rusqlite::Result<Vec<(Outbound, PartKind)>> {
    conn.prepare_cached(
        "SELECT seq, in_reply_to, text, kind, form, destination, target, file, options, timeout_ms,
                turn, incarnation, attempt
         FROM messages_out WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?
    .query_map([after.0, MESSAGES_MAX], |row| {
        let kind: String = row.get(3)?;
        let message = Outbound {
            seq: OutSeq(row.get(0)?),
            in_reply_to: MessageSeq(row.get(1)?),
            text: row.get(2)?,
            form: form(row)?,
            destination: row.get(5)?,
            attempt: attempt(row, 10)?,
        };
        Ok((message, PartKind::parse(&kind).unwrap_or(PartKind::Interim)))
    })?
    .collect()
}

/// The attempt in three columns, of which this is the first.
pub(crate) fn attempt(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Attempt>> {
    let turn: Option<i64> = row.get(first)?;
    let incarnation: Option<i64> = row.get(first + 1)?;
    let number: Option<i64> = row.get(first + 2)?;
    let number = u32::try_from(number.unwrap_or(0)).unwrap_or(u32::MAX);
    Ok(turn.zip(incarnation).map(|(turn, incarnation)| Attempt {
        turn: MessageSeq(turn),
        incarnation: Incarnation(incarnation),
        number,
    }))
}

fn form(row: &Row<'_>) -> rusqlite::Result<Form> {
    let form: String = row.get(4)?;
    let target = || row.get::<_, Option<i64>>(6).map(Option::unwrap_or_default);
    Ok(match form.as_str() {
        "file" => Form::File(row.get::<_, Option<String>>(7)?.unwrap_or_default()),
        "edit" => Form::Edit(target()?),
        "reaction" => Form::Reaction(target()?),
        "admin" => Form::Admin,
        "question" => {
            let options: Option<String> = row.get(8)?;
            let mut options: Vec<String> =
                options.and_then(|it| serde_json::from_str(&it).ok()).unwrap_or_default();
            options.truncate(OPTIONS_MAX);
            let timeout: Option<i64> = row.get(9)?;
            let timeout = u64::try_from(timeout.unwrap_or(0)).unwrap_or(0);
            Form::Question { options, timeout: Duration::from_millis(timeout) }
        }
        _ => Form::Text,
    })
}

fn claims(
    conn: &Connection,
    from: MessageSeq,
    halted: Incarnation,
) -> rusqlite::Result<Vec<Claim>> {
    let mut found: Vec<Claim> = Vec::new();
    let mut statement = conn.prepare_cached(
        "SELECT message, incarnation, outcome, reason, reply, cost FROM claims
         WHERE message >= ?1 AND incarnation > ?2 ORDER BY message, incarnation LIMIT 10000",
    )?;
    for claim in statement.query_map([from.0, halted.0], claim)? {
        let claim = claim?;
        match found.last_mut().filter(|it| it.message == claim.message) {
            // The latest incarnation counts, but an end that was once reached stays.
            Some(last) if last.outcome.is_none() => *last = claim,
            Some(_) => {}
            None => found.push(claim),
        }
    }
    Ok(found)
}

fn waits(conn: &Connection, after: i64) -> rusqlite::Result<Vec<Waits>> {
    conn.prepare_cached(
        "SELECT id, message, class, until FROM waits WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?
    .query_map([after, MESSAGES_MAX], |row| {
        let class: String = row.get(2)?;
        Ok(Waits {
            id: row.get(0)?,
            message: MessageSeq(row.get(1)?),
            class: WaitClass::parse(&class).unwrap_or(WaitClass::Network),
            until: row.get::<_, Option<i64>>(3)?.map(Timestamp),
        })
    })?
    .collect()
}

/// Values that an import keeps of the runner's, and the bytes of one; the conversation's id is far below.
const STATE_MAX: i64 = 16;
const STATE_BYTES_MAX: i64 = 4 * 1024;

fn state(conn: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    conn.prepare_cached(
        "SELECT key, value FROM session_state
         WHERE length(key) <= ?1 AND length(value) <= ?1 ORDER BY key LIMIT ?2",
    )?
    .query_map([STATE_BYTES_MAX, STATE_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
    .collect()
}

fn claim(row: &Row<'_>) -> rusqlite::Result<Claim> {
    let outcome: Option<String> = row.get(2)?;
    let reason: Option<String> = row.get(3)?;
    Ok(Claim {
        message: MessageSeq(row.get(0)?),
        incarnation: Incarnation(row.get(1)?),
        reply: row.get::<_, Option<i64>>(4)?.map(OutSeq),
        cost: row.get::<_, Option<i64>>(5)?.and_then(Cost::of_turn),
        outcome: outcome.and_then(|it| Some((Outcome::parse(&it)?, reason.unwrap_or_default()))),
    })
}
