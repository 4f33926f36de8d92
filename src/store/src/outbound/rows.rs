//! Reads single rows of an outbound database. The agent could have written anything into them, so each
//! value is measured before it is read, and one that makes no sense spoils nothing but its row.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::cost::Cost;
use domain::message::{Attempt, Claim, Form, Outbound, Outcome};
use domain::time::Timestamp;
use domain::waits::WaitClass;
use domain::{Incarnation, MessageSeq, OutSeq};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::Waits;
use crate::outbox::PartKind;

/// The longest text of one message; an answer of a model is far below it.
pub(super) const TEXT_BYTES_MAX: usize = 1_000_000;
const OPTIONS_BYTES_MAX: usize = 64 * 1024;
const NAME_BYTES_MAX: usize = 4 * 1024;
const WORD_BYTES_MAX: usize = 64;
/// Options of a question that are read; more are an error of the agent's.
const OPTIONS_MAX: usize = 20;
/// Values of the runner's that are kept.
const STATE_MAX: usize = 16;
/// What is said in place of a message that cannot be read.
const LEFT_OUT: &str = "(A message of mine is damaged or too long, so it was left out.)";
const NO_OUTCOME: &str = "what became of it cannot be read";

/// A column that reads as an empty blob if it holds more bytes. Its size stands in the row's header, so
/// that a long one is not even loaded.
pub(super) fn bounded(column: &str, max: usize) -> String {
    format!("iif(octet_length({column}) > {max}, x'', {column})")
}

/// What [`message`] reads.
pub(super) fn message_columns() -> String {
    let (text, kind) = (bounded("text", TEXT_BYTES_MAX), bounded("kind", WORD_BYTES_MAX));
    let form = bounded("form", WORD_BYTES_MAX);
    let (destination, file) =
        (bounded("destination", NAME_BYTES_MAX), bounded("file", NAME_BYTES_MAX));
    let options = bounded("options", OPTIONS_BYTES_MAX);
    format!(
        "seq, in_reply_to, {text}, {kind}, {form}, {destination}, target, {file}, {options},
         timeout_ms, turn, incarnation, attempt"
    )
}

/// What [`claim`] reads.
pub(super) fn claim_columns() -> String {
    let (outcome, reason) = (bounded("outcome", WORD_BYTES_MAX), bounded("reason", NAME_BYTES_MAX));
    format!("message, incarnation, reply, cost, {outcome}, {reason}")
}

/// What the runner keeps for the next incarnation; what is no text or too long is left out.
pub(super) fn state(conn: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    conn.prepare_cached(&format!(
        "SELECT key, value FROM session_state
         WHERE typeof(key) = 'text' AND octet_length(key) <= {WORD_BYTES_MAX}
           AND typeof(value) = 'text' AND octet_length(value) <= {NAME_BYTES_MAX}
         ORDER BY key LIMIT {STATE_MAX}"
    ))?
    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
    // Text that is no UTF-8 is left out too.
    .filter(|row| !matches!(row, Err(rusqlite::Error::FromSqlConversionFailure(..))))
    .collect()
}

/// What [`wait`] reads.
pub(super) fn wait_columns() -> String {
    format!("id, message, until, {}", bounded("class", WORD_BYTES_MAX))
}

/// How many bytes of texts a row has.
pub(super) fn bytes(row: &Row<'_>) -> rusqlite::Result<usize> {
    let count = row.as_ref().column_count();
    (0..count).try_fold(0, |sum: usize, index| {
        Ok(match row.get_ref(index)? {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => sum + bytes.len(),
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => sum,
        })
    })
}

/// A message that makes no sense is replaced by one that says so.
pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<(Outbound, PartKind)> {
    let seq = OutSeq(row.get(0)?);
    if let Ok(message) = readable(row, seq) {
        return Ok(message);
    }
    let kind = word(row, 3).ok().and_then(|it| PartKind::parse(&it)).unwrap_or(PartKind::Interim);
    let message = Outbound {
        seq,
        in_reply_to: MessageSeq(number(row, 1).ok().flatten().unwrap_or(0)),
        text: LEFT_OUT.to_owned(),
        form: Form::Text,
        destination: None,
        attempt: None,
    };
    Ok((message, kind))
}

/// A value that is not what its column holds.
struct Senseless;

fn readable(row: &Row<'_>, seq: OutSeq) -> Result<(Outbound, PartKind), Senseless> {
    let kind = PartKind::parse(&word(row, 3)?).ok_or(Senseless)?;
    let message = Outbound {
        seq,
        in_reply_to: MessageSeq(number(row, 1)?.ok_or(Senseless)?),
        text: word(row, 2)?,
        form: form(row)?,
        destination: text(row, 5)?,
        attempt: attempt(row)?,
    };
    Ok((message, kind))
}

fn form(row: &Row<'_>) -> Result<Form, Senseless> {
    let target = || number(row, 6).map(Option::unwrap_or_default);
    Ok(match word(row, 4)?.as_str() {
        "text" => Form::Text,
        "file" => Form::File(word(row, 7)?),
        "edit" => Form::Edit(target()?),
        "reaction" => Form::Reaction(target()?),
        "admin" => Form::Admin,
        "question" => {
            let options: Option<Vec<String>> =
                text(row, 8)?.and_then(|it| serde_json::from_str(&it).ok());
            let mut options = options.unwrap_or_default();
            options.truncate(OPTIONS_MAX);
            let timeout = u64::try_from(number(row, 9)?.unwrap_or(0)).unwrap_or(0);
            Form::Question { options, timeout: Duration::from_millis(timeout) }
        }
        _ => return Err(Senseless),
    })
}

fn attempt(row: &Row<'_>) -> Result<Option<Attempt>, Senseless> {
    let (turn, incarnation) = (number(row, 10)?, number(row, 11)?);
    let number = u32::try_from(number(row, 12)?.unwrap_or(0)).unwrap_or(u32::MAX);
    Ok(turn.zip(incarnation).map(|(turn, incarnation)| Attempt {
        turn: MessageSeq(turn),
        incarnation: Incarnation(incarnation),
        number,
    }))
}

/// `None` for a row that is about no message. An outcome that cannot be read is a failure, so that its
/// message does not wait for ever.
pub(super) fn claim(row: &Row<'_>) -> Option<Claim> {
    let outcome = match text(row, 4) {
        Ok(None) => None,
        Ok(Some(outcome)) => Some(Outcome::parse(&outcome).unwrap_or(Outcome::Failed)),
        Err(Senseless) => Some(Outcome::Failed),
    };
    let is_read =
        matches!((text(row, 4), outcome), (Ok(Some(it)), Some(read)) if it == read.as_str());
    let reason = text(row, 5).ok().flatten().unwrap_or_default();
    let reason = if is_read { reason } else { NO_OUTCOME.to_owned() };
    let or_none = |index| number(row, index).ok().flatten();
    Some(Claim {
        message: MessageSeq(or_none(0)?),
        incarnation: Incarnation(or_none(1)?),
        reply: or_none(2).map(OutSeq),
        cost: or_none(3).and_then(Cost::of_turn),
        outcome: outcome.map(|it| (it, reason)),
    })
}

/// One that makes no sense is about a message that there is not, so that the next ones are reached.
pub(super) fn wait(row: &Row<'_>) -> rusqlite::Result<Waits> {
    let class = word(row, 3).ok().and_then(|it| WaitClass::parse(&it));
    Ok(Waits {
        id: row.get(0)?,
        message: MessageSeq(number(row, 1).ok().flatten().unwrap_or(0)),
        until: number(row, 2).ok().flatten().map(Timestamp),
        class: class.unwrap_or(WaitClass::Network),
    })
}

fn text(row: &Row<'_>, index: usize) -> Result<Option<String>, Senseless> {
    match row.get_ref(index) {
        Ok(ValueRef::Null) => Ok(None),
        Ok(ValueRef::Text(bytes)) => {
            String::from_utf8(bytes.to_owned()).map(Some).map_err(|_| Senseless)
        }
        _ => Err(Senseless),
    }
}

/// A text that must be there.
fn word(row: &Row<'_>, index: usize) -> Result<String, Senseless> {
    text(row, index)?.ok_or(Senseless)
}

fn number(row: &Row<'_>, index: usize) -> Result<Option<i64>, Senseless> {
    match row.get_ref(index) {
        Ok(ValueRef::Null) => Ok(None),
        Ok(ValueRef::Integer(number)) => Ok(Some(number)),
        _ => Err(Senseless),
    }
}
