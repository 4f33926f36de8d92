//! Reads the outbound database, which the agent could have written anything into.
//!
//! Nothing in it may hurt the host or another session: only a private copy of its bytes is opened
//! ([`private`]), and only with the schema that is expected ([`checked`]), and every count and
//! length is bounded. What is wrong with the file as a whole is a [`Mailbox`] and no error, since the
//! session goes on without it; what is wrong with a row concerns that row ([`rows`]).

mod checked;
mod private;
mod rows;

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::message::{Claim, FileText, Form, Outbound};
use domain::session::Mailbox;
use domain::time::Timestamp;
use domain::trace::Tool;
use domain::waits::WaitClass;
use domain::{Incarnation, MessageSeq, OutSeq};
use rusqlite::Connection;

use self::checked::{broken, broken_text, limit_steps};
use self::private::{Found, Stamp};
use self::rows::{NAME_BYTES_MAX, WORD_BYTES_MAX, bounded};
use crate::open::integrity;
use crate::outbox::PartKind;
use crate::row::{list, list_as, read, row};
use crate::runner::TOOL_NAME_CHARS_MAX;

/// Messages and waits imported in one commit; the rest follow in the next.
const MESSAGES_MAX: usize = 64;
/// Bytes of message texts imported in one commit.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// More than all messages of one look have: each has one claim per incarnation that began it.
const CLAIMS_MAX: usize = 1_024;
/// How far a number may lie beyond the last one: a cursor that was led to the end of all numbers would
/// miss every later message.
const GAP_MAX: i64 = 1_000_000;
/// A larger copy is not kept for the next look.
const KEPT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Claims and tools of one message that are read; more are an error of the agent's.
const HISTORY_MAX: i64 = 1_000;
/// Looks in a row that find the file locked; minutes, if nothing else causes them.
const LOCKED_MAX: u32 = 200;

/// Rows of the runner that the host has not imported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unimported {
    pub(crate) messages: Vec<(Outbound, PartKind)>,
    pub(crate) finished: Vec<Claim>,
    pub(crate) open_claims: Vec<Claim>,
    pub(crate) waits: Vec<Waits>,
    /// What the runner keeps for the next incarnation, by name.
    pub(crate) state: BTreeMap<String, String>,
    /// What was found in the files of the messages that are finished.
    pub(crate) file_texts: BTreeMap<MessageSeq, Vec<FileText>>,
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

impl Unimported {
    /// Whether there is anything to import.
    pub fn is_news(&self) -> bool {
        !self.messages.is_empty() || !self.finished.is_empty() || !self.waits.is_empty()
    }

    /// The messages that are files, with their paths as the agent names them.
    pub(crate) fn files(&self) -> Vec<(OutSeq, String)> {
        let files = |(message, _): &(Outbound, PartKind)| match &message.form {
            Form::File(names) => names.iter().map(|it| (message.seq, it.clone())).collect(),
            Form::Text
            | Form::Edit(_)
            | Form::Reaction(_)
            | Form::Question { .. }
            | Form::Admin => {
                vec![]
            }
        };
        self.messages.iter().flat_map(files).collect()
    }
}

impl Unimported {
    /// Texts that may be better read as a file, since they have more bytes than this.
    pub(crate) fn texts_over(&self, bytes: usize) -> Vec<(OutSeq, String)> {
        let messages = self.messages.iter().map(|it| &it.0);
        let long = messages.filter(|it| it.form == Form::Text && bytes < it.text.len());
        long.map(|it| (it.seq, it.text.clone())).collect()
    }
}

/// How far the outbound mailbox was imported, and what an import is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImportState {
    /// The last message and the last wait that were imported.
    pub(crate) message: OutSeq,
    pub(crate) wait: i64,
    /// Claims up to this incarnation do not count, since somebody stopped it,
    pub(crate) stopped_incarnation: Incarnation,
    /// nor do those beyond the last one that was launched.
    pub(crate) launched: Incarnation,
    /// The messages without an outcome, oldest first; claims before them do not matter.
    pub(crate) waiting: Vec<MessageSeq>,
}

row!(ImportState { message, wait, stopped_incarnation, launched; waiting });

impl ImportState {
    /// Nothing that the last incarnation ended counts: a user stopped it.
    pub(crate) fn is_silenced(&self) -> bool {
        Incarnation(0) < self.stopped_incarnation && self.launched <= self.stopped_incarnation
    }

    /// Drops what does not count, and what is known already, however often it is read.
    pub(crate) fn sift(&self, news: &mut Unimported) {
        if self.is_silenced() {
            news.finished.clear();
            news.open_claims.clear();
        }
        news.finished.retain(|it| self.waiting.contains(&it.message));
        news.messages.retain(|(message, _)| self.message < message.seq);
        news.waits.retain(|wait| self.wait < wait.id);
    }
}

/// Who took a message and when, and which tools were used.
pub(crate) type History = (Vec<(Incarnation, Timestamp)>, Vec<Tool>);

#[derive(Debug)]
pub(crate) struct OutboundReader {
    folder: PathBuf,
    kept: Option<Copy>,
    locked: u32,
}

/// A private copy of the database, as it was then.
#[derive(Debug)]
struct Copy {
    stamp: Stamp,
    conn: Connection,
}

impl OutboundReader {
    /// `folder` is where the runner makes its database.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, kept: None, locked: 0 }
    }

    /// A file that does not exist yet has no news.
    pub(crate) fn news(&mut self, known: &ImportState) -> Result<Unimported, Mailbox> {
        self.read(|conn| {
            let (messages, is_all) = messages(conn, known.message)?;
            let mut news = Unimported { messages, ..Unimported::default() };
            if let Some(&from) = known.waiting.first() {
                let unheard = stopped_answers(conn, from, known)?;
                news.messages.retain(|(message, _)| !unheard.contains(&message.seq));
                let claims = claims(conn, from, known)?;
                (news.finished, news.open_claims) =
                    claims.into_iter().partition(|it| it.outcome.is_some());
            }
            if !is_all {
                // What ended them may be among those that follow.
                news.finished.clear();
            }
            news.waits = waits(conn, known.wait)?;
            news.state = rows::state(conn)?;
            known.sift(&mut news);
            news.file_texts = rows::file_texts(conn, &news.finished)?;
            Ok(news)
        })
    }

    /// What is wrong with the file; one line per problem.
    pub(crate) fn integrity(&mut self) -> Vec<String> {
        let checked = self.read(|conn| {
            limit_steps(conn, checked::CHECK_STEPS_MAX);
            integrity(conn)
        });
        match checked {
            Ok(problems) => problems,
            Err(Mailbox::Damaged(why)) => vec![why],
            // Its writer recovers it at its next start, or is just at work.
            Err(Mailbox::NeedsRunner | Mailbox::Busy | Mailbox::Sound) => vec![],
        }
    }

    /// What the program in a container says about a message. Nothing of it is trusted: rows that make no
    /// sense are left out, and names are cut and cleaned before anybody sees them.
    pub(crate) fn history(&mut self, of: MessageSeq) -> Result<History, Mailbox> {
        self.read(|conn| {
            let claims = "SELECT incarnation, claimed_at FROM claims WHERE message = ?1
                          ORDER BY incarnation LIMIT ?2";
            let name = bounded("name", TOOL_NAME_CHARS_MAX * 4);
            let tools = format!(
                "SELECT {name}, started_at, ended_at, ok FROM tool_calls WHERE message = ?1
                 ORDER BY id LIMIT ?2"
            );
            let of = [of.0, HISTORY_MAX];
            Ok((rows::readable(conn, claims, of)?, rows::readable(conn, &tools, of)?))
        })
    }

    /// Reads a copy of the file as it is now; nothing, as long as the runner has not made it.
    fn read<R: Default>(
        &mut self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<R>,
    ) -> Result<R, Mailbox> {
        let Some(copy) = self.copy()? else { return Ok(R::default()) };
        limit_steps(&copy.conn, checked::LOOK_STEPS_MAX);
        let out = read(&copy.conn).map_err(broken);
        if out.is_ok() && copy.stamp.bytes <= KEPT_BYTES_MAX {
            self.kept = Some(copy);
        }
        out
    }

    fn copy(&mut self) -> Result<Option<Copy>, Mailbox> {
        let kept = self.kept.take();
        let found = private::look(&self.folder, kept.as_ref().map(|it| &it.stamp))?;
        self.locked = if matches!(found, Found::Locked) { self.locked + 1 } else { 0 };
        match found {
            Found::Nothing => Ok(None),
            Found::Same => Ok(kept),
            Found::Copied(stamp, copied) => {
                let opened = checked::open(&copied)?;
                Ok(opened.map(|conn| Copy { stamp, conn }))
            }
            Found::Locked if LOCKED_MAX < self.locked => {
                self.locked = 0;
                Err(broken_text("it is locked all the time"))
            }
            Found::Locked => Err(Mailbox::Busy),
        }
    }
}

/// The next messages, and whether there are no more.
fn messages(
    conn: &Connection,
    after: OutSeq,
) -> rusqlite::Result<(Vec<(Outbound, PartKind)>, bool)> {
    let columns = rows::message_columns();
    let sql = format!(
        "SELECT {columns} FROM messages_out WHERE seq > ?1 ORDER BY seq LIMIT {MESSAGES_MAX}"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut found = statement.query([after.0])?;
    let (mut messages, mut bytes, mut last) = (Vec::new(), 0, after.0);
    while let Some(row) = found.next()? {
        bytes += rows::bytes(row)?;
        if BYTES_MAX < bytes {
            return Ok((messages, false));
        }
        let message: (Outbound, PartKind) = read(row)?;
        last = in_order(last, message.0.seq.0)?;
        messages.push(message);
    }
    let is_all = messages.len() < MESSAGES_MAX;
    Ok((messages, is_all))
}

/// Numbers rise, and not by leaps.
fn in_order(last: i64, next: i64) -> rusqlite::Result<i64> {
    if last < next && next - last <= GAP_MAX {
        return Ok(next);
    }
    let why = format!("number {next} cannot follow number {last}");
    Err(rusqlite::Error::ToSqlConversionFailure(why.into()))
}

fn claims(
    conn: &Connection,
    from: MessageSeq,
    known: &ImportState,
) -> rusqlite::Result<Vec<Claim>> {
    let (outcome, reason) = (bounded("outcome", WORD_BYTES_MAX), bounded("reason", NAME_BYTES_MAX));
    let sql = format!(
        "SELECT message, incarnation, reply, cost, {outcome}, {reason} FROM claims
         WHERE message >= ?1 AND incarnation > ?2 AND incarnation <= ?3
         ORDER BY message, incarnation LIMIT {CLAIMS_MAX}"
    );
    let range = [from.0, known.stopped_incarnation.0, known.launched.0];
    let found = list_as(conn, &sql, range, rows::claim)?;
    let mut claims: Vec<Claim> = Vec::new();
    for claim in found.into_iter().flatten() {
        match claims.last_mut().filter(|it| it.message == claim.message) {
            // The latest incarnation counts, but an end that was once reached stays.
            Some(last) if last.outcome.is_none() => *last = claim,
            Some(_) => {}
            None => claims.push(claim),
        }
    }
    Ok(claims)
}

/// What an incarnation that was stopped answered, until it ended, to messages that wait: its claims count
/// for nothing, so the next one answers.
fn stopped_answers(
    conn: &Connection,
    from: MessageSeq,
    known: &ImportState,
) -> rusqlite::Result<Vec<OutSeq>> {
    let sql = format!(
        "SELECT reply FROM claims WHERE message >= ?1 AND incarnation <= ?2 AND reply > ?3
         LIMIT {CLAIMS_MAX}"
    );
    let of = [from.0, known.stopped_incarnation.0, known.message.0];
    rows::readable(conn, &sql, of)
}

fn waits(conn: &Connection, after: i64) -> rusqlite::Result<Vec<Waits>> {
    let class = bounded("class", WORD_BYTES_MAX);
    let sql = format!(
        "SELECT id, message, until, {class} FROM waits WHERE id > ?1 ORDER BY id LIMIT {MESSAGES_MAX}"
    );
    let waits: Vec<Waits> = list(conn, &sql, [after])?;
    waits.iter().try_fold(after, |last, it| in_order(last, it.id))?;
    Ok(waits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_runner_rise_and_not_by_leaps() {
        for (last, next, fits) in [
            (0, 1, true),
            (3, 3, false),
            (3, 1, false),
            (1, 1 + GAP_MAX, true),
            (1, 2 + GAP_MAX, false),
        ] {
            assert_eq!(in_order(last, next).is_ok(), fits, "{next} after {last}");
        }
    }
}
