//! Reads the outbound database, which the agent could have written anything into.
//!
//! Nothing in it may hurt the host or another session: only a private copy of its bytes is opened
//! ([`private`]), and only with the schema that is expected ([`checked`]), and every count and
//! length is bounded. What is wrong with the file as a whole is a [`Mailbox`] and no error, since the
//! session goes on without it; what is wrong with a row concerns that row ([`rows`]).

mod checked;
mod history;
mod private;
mod rows;

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::message::{Claim, Form, Outbound};
use domain::session::Mailbox;
use domain::time::Timestamp;
use domain::waits::WaitClass;
use domain::{Incarnation, MessageSeq, OutSeq};
use rusqlite::Connection;

use self::checked::{broken, broken_text, limit_steps};
use self::private::{Found, Stamp};
use self::rows::{NAME_BYTES_MAX, WORD_BYTES_MAX, bounded};
use crate::outbox::PartKind;
use crate::row::{list, list_as, read};

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
        let file = |(message, _): &(Outbound, PartKind)| {
            let Form::File(name) = &message.form else { return None };
            Some((message.seq, name.clone()))
        };
        self.messages.iter().filter_map(file).collect()
    }
}

/// What the host knows already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ImportCursor {
    /// The last message and the last wait that were imported.
    pub(crate) message: OutSeq,
    pub(crate) wait: i64,
    /// The oldest message without an outcome; claims before it do not matter.
    pub(crate) waiting_from: Option<MessageSeq>,
    /// Claims up to this incarnation do not count, since somebody stopped it,
    pub(crate) stopped_incarnation: Incarnation,
    /// nor do those beyond the last one that was launched.
    pub(crate) launched: Incarnation,
}

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
    pub(crate) fn news(&mut self, known: &ImportCursor) -> Result<Unimported, Mailbox> {
        self.read(|conn| {
            let (messages, is_all) = messages(conn, known.message)?;
            let mut news = Unimported { messages, ..Unimported::default() };
            if let Some(from) = known.waiting_from {
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
            news.state = rows::state(conn).map_err(broken)?;
            Ok(news)
        })
    }

    /// What is wrong with the file; one line per problem.
    pub(crate) fn integrity(&mut self) -> Vec<String> {
        let checked = self.read(|conn| {
            limit_steps(conn, checked::CHECK_STEPS_MAX);
            crate::open::integrity(conn).map_err(|err| broken_text(&err.to_string()))
        });
        match checked {
            Ok(problems) => problems,
            Err(Mailbox::Damaged(why)) => vec![why],
            // Its writer recovers it at its next start, or is just at work.
            Err(Mailbox::NeedsRunner | Mailbox::Busy | Mailbox::Sound) => vec![],
        }
    }

    /// Reads a copy of the file as it is now; nothing, as long as the runner has not made it.
    fn read<R: Default>(
        &mut self,
        read: impl FnOnce(&Connection) -> Result<R, Mailbox>,
    ) -> Result<R, Mailbox> {
        let Some(copy) = self.copy()? else { return Ok(R::default()) };
        limit_steps(&copy.conn, checked::LOOK_STEPS_MAX);
        let out = read(&copy.conn);
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
) -> Result<(Vec<(Outbound, PartKind)>, bool), Mailbox> {
    let columns = rows::message_columns();
    let sql = format!(
        "SELECT {columns} FROM messages_out WHERE seq > ?1 ORDER BY seq LIMIT {MESSAGES_MAX}"
    );
    let mut statement = conn.prepare_cached(&sql).map_err(broken)?;
    let mut found = statement.query([after.0]).map_err(broken)?;
    let (mut messages, mut bytes, mut last) = (Vec::new(), 0, after.0);
    while let Some(row) = found.next().map_err(broken)? {
        bytes += rows::bytes(row).map_err(broken)?;
        if BYTES_MAX < bytes {
            return Ok((messages, false));
        }
        let message: (Outbound, PartKind) = read(row).map_err(broken)?;
        last = in_order(last, message.0.seq.0)?;
        messages.push(message);
    }
    let is_all = messages.len() < MESSAGES_MAX;
    Ok((messages, is_all))
}

/// Numbers rise, and not by leaps.
fn in_order(last: i64, next: i64) -> Result<i64, Mailbox> {
    if last < next && next - last <= GAP_MAX {
        return Ok(next);
    }
    Err(broken_text(&format!("number {next} cannot follow number {last}")))
}

fn claims(
    conn: &Connection,
    from: MessageSeq,
    known: &ImportCursor,
) -> Result<Vec<Claim>, Mailbox> {
    let (outcome, reason) = (bounded("outcome", WORD_BYTES_MAX), bounded("reason", NAME_BYTES_MAX));
    let sql = format!(
        "SELECT message, incarnation, reply, cost, {outcome}, {reason} FROM claims
         WHERE message >= ?1 AND incarnation > ?2 AND incarnation <= ?3
         ORDER BY message, incarnation LIMIT {CLAIMS_MAX}"
    );
    let range = [from.0, known.stopped_incarnation.0, known.launched.0];
    let found = list_as(conn, &sql, range, rows::claim).map_err(broken)?;
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
    known: &ImportCursor,
) -> Result<Vec<OutSeq>, Mailbox> {
    let sql = format!(
        "SELECT reply FROM claims WHERE message >= ?1 AND incarnation <= ?2 AND reply > ?3
         LIMIT {CLAIMS_MAX}"
    );
    let of = [from.0, known.stopped_incarnation.0, known.message.0];
    rows::readable(conn, &sql, of).map_err(broken)
}

fn waits(conn: &Connection, after: i64) -> Result<Vec<Waits>, Mailbox> {
    let class = bounded("class", WORD_BYTES_MAX);
    let sql = format!(
        "SELECT id, message, until, {class} FROM waits WHERE id > ?1 ORDER BY id LIMIT {MESSAGES_MAX}"
    );
    let waits: Vec<Waits> = list(conn, &sql, [after]).map_err(broken)?;
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
