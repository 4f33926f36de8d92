//! Reads single rows of an outbound database. The agent could have written anything into them, so each
//! value is measured before it is read, and one that makes no sense spoils nothing but its row.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::cost::Cost;
use domain::message::{Attempt, Claim, Form, Outbound, Outcome};
use domain::time::Timestamp;
use domain::waits::WaitClass;
use domain::{Incarnation, MessageSeq, OutSeq};
use rusqlite::{Connection, Params, Row};

use super::Waits;
use crate::outbox::PartKind;
use crate::row::{Column, Columns, FromRow, enum_column, list_as};

/// The longest text of one message; an answer of a model is far below it.
pub(super) const TEXT_BYTES_MAX: usize = 1_000_000;
const OPTIONS_BYTES_MAX: usize = 64 * 1024;
pub(super) const NAME_BYTES_MAX: usize = 4 * 1024;
pub(super) const WORD_BYTES_MAX: usize = 64;
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

/// A value that is not what its column holds.
#[derive(Clone, Copy)]
struct Senseless;

/// What a column of the agent's holds. Reading it never fails, so that a value without sense spoils
/// nothing before somebody needs it.
type Sense<T> = Result<Option<T>, Senseless>;

impl<T: Column> Column for Sense<T> {
    fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<Self> {
        Ok(<Option<T> as Column>::read(row, at).map_err(|_| Senseless))
    }
}

enum_column!(Outcome, WaitClass);

/// What a message is read from.
pub(super) fn message_columns() -> String {
    let (text, kind) = (bounded("text", TEXT_BYTES_MAX), bounded("kind", WORD_BYTES_MAX));
    let form = bounded("form", WORD_BYTES_MAX);
    let (destination, file) =
        (bounded("destination", NAME_BYTES_MAX), bounded("file", NAME_BYTES_MAX));
    let options = bounded("options", OPTIONS_BYTES_MAX);
    format!(
        "seq, in_reply_to, {text}, {kind}, {destination}, {form}, target, {file}, {options},
         timeout_ms, turn, incarnation, attempt"
    )
}

/// Every row that makes sense.
pub(super) fn readable<T: FromRow>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
) -> rusqlite::Result<Vec<T>> {
    let all = list_as(conn, sql, params, |columns| Ok(columns.next().ok()))?;
    Ok(all.into_iter().flatten().collect())
}

/// What the runner keeps for the next incarnation; what is no text or too long is left out.
pub(super) fn state(conn: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    let sql = format!(
        "SELECT key, value FROM session_state
         WHERE typeof(key) = 'text' AND octet_length(key) <= {WORD_BYTES_MAX}
           AND typeof(value) = 'text' AND octet_length(value) <= {NAME_BYTES_MAX}
         ORDER BY key LIMIT {STATE_MAX}"
    );
    // Text that is no UTF-8 is left out too.
    Ok(readable(conn, &sql, [])?.into_iter().collect())
}

/// How many bytes of texts a row has.
pub(super) fn bytes(row: &Row<'_>) -> rusqlite::Result<usize> {
    let count = row.as_ref().column_count();
    // What is no text and no blob has no bytes.
    let length = |index| Ok(row.get_ref(index)?.as_bytes().map_or(0, <[u8]>::len));
    (0..count).map(length).sum()
}

/// A message that makes no sense is replaced by one that says so.
impl FromRow for (Outbound, PartKind) {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (seq, in_reply_to): (OutSeq, Sense<MessageSeq>) = columns.next()?;
        let (text, kind): (Sense<String>, Sense<PartKind>) = columns.next()?;
        let destination: Sense<String> = columns.next()?;
        let form = form(columns)?;
        let (turn, incarnation): (Sense<MessageSeq>, Sense<Incarnation>) = columns.next()?;
        let number: Sense<i64> = columns.next()?;
        let read = || -> Result<Self, Senseless> {
            let number = u32::try_from(number?.unwrap_or(0)).unwrap_or(u32::MAX);
            let attempt = |(turn, incarnation)| Attempt { turn, incarnation, number };
            let message = Outbound {
                seq,
                in_reply_to: in_reply_to?.ok_or(Senseless)?,
                attempt: turn?.zip(incarnation?).map(attempt),
                form: form?,
                text: text?.ok_or(Senseless)?,
                destination: destination?,
            };
            Ok((message, kind?.ok_or(Senseless)?))
        };
        Ok(read().unwrap_or_else(|Senseless| {
            let message = Outbound {
                seq,
                in_reply_to: in_reply_to.ok().flatten().unwrap_or(MessageSeq(0)),
                text: LEFT_OUT.to_owned(),
                form: Form::Text,
                destination: None,
                attempt: None,
            };
            (message, kind.ok().flatten().unwrap_or(PartKind::Interim))
        }))
    }
}

fn form(columns: &mut Columns<'_>) -> rusqlite::Result<Result<Form, Senseless>> {
    let (word, target): (Sense<String>, Sense<i64>) = columns.next()?;
    let (file, options): (Sense<String>, Sense<String>) = columns.next()?;
    let timeout_ms: Sense<i64> = columns.next()?;
    let target = target.map(Option::unwrap_or_default);
    let read = || -> Result<Form, Senseless> {
        Ok(match word?.ok_or(Senseless)?.as_str() {
            "text" => Form::Text,
            "file" => Form::File(file?.ok_or(Senseless)?),
            "edit" => Form::Edit(target?),
            "reaction" => Form::Reaction(target?),
            "admin" => Form::Admin,
            "question" => {
                let options: Option<Vec<String>> =
                    options?.and_then(|it| serde_json::from_str(&it).ok());
                let mut options = options.unwrap_or_default();
                options.truncate(OPTIONS_MAX);
                let timeout = u64::try_from(timeout_ms?.unwrap_or(0)).unwrap_or(0);
                Form::Question { options, timeout: Duration::from_millis(timeout) }
            }
            _ => return Err(Senseless),
        })
    };
    Ok(read())
}

/// `None` for a row that is about no message. An outcome that cannot be read is a failure, so that its
/// message does not wait for ever.
pub(super) fn claim(columns: &mut Columns<'_>) -> rusqlite::Result<Option<Claim>> {
    let about: (Sense<MessageSeq>, Sense<Incarnation>) = columns.next()?;
    let (reply, cost): (Sense<OutSeq>, Sense<i64>) = columns.next()?;
    let (outcome, reason): (Sense<Outcome>, Sense<String>) = columns.next()?;
    let (Ok(Some(message)), Ok(Some(incarnation))) = about else { return Ok(None) };
    let outcome = match outcome {
        Ok(outcome) => outcome.map(|it| (it, reason.ok().flatten().unwrap_or_default())),
        Err(Senseless) => Some((Outcome::Failed, NO_OUTCOME.to_owned())),
    };
    Ok(Some(Claim {
        message,
        incarnation,
        reply: reply.ok().flatten(),
        cost: cost.ok().flatten().and_then(Cost::of_turn),
        outcome,
    }))
}

/// One that makes no sense is about a message that there is not, so that the next ones are reached.
impl FromRow for Waits {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let id = columns.next()?;
        let (message, until): (Sense<MessageSeq>, Sense<Timestamp>) = columns.next()?;
        let class: Sense<WaitClass> = columns.next()?;
        Ok(Self {
            id,
            message: message.ok().flatten().unwrap_or(MessageSeq(0)),
            until: until.ok().flatten(),
            class: class.ok().flatten().unwrap_or(WaitClass::Network),
        })
    }
}
