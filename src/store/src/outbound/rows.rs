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
use rusqlite::{Connection, Params, Row};

use super::Waits;
use crate::outbox::PartKind;
use crate::row::{Column, Columns, FromRow, enum_column, list_as, row};

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

/// A message as it was found.
pub(super) struct Written {
    seq: OutSeq,
    in_reply_to: Sense<MessageSeq>,
    text: Sense<String>,
    kind: Sense<PartKind>,
    form: Sense<String>,
    destination: Sense<String>,
    target: Sense<i64>,
    file: Sense<String>,
    options: Sense<String>,
    timeout_ms: Sense<i64>,
    turn: Sense<MessageSeq>,
    incarnation: Sense<Incarnation>,
    attempt: Sense<i64>,
}

row!(Written {
    seq,
    in_reply_to,
    text,
    kind,
    form,
    destination,
    target,
    file,
    options,
    timeout_ms,
    turn,
    incarnation,
    attempt
});

/// What [`claim`] reads.
pub(super) fn claim_columns() -> String {
    let (outcome, reason) = (bounded("outcome", WORD_BYTES_MAX), bounded("reason", NAME_BYTES_MAX));
    format!("message, incarnation, reply, cost, {outcome}, {reason}")
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

/// What [`Waits`] are read from.
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
pub(super) fn message(written: Written) -> (Outbound, PartKind) {
    let (seq, in_reply_to, kind) = (written.seq, written.in_reply_to, written.kind);
    written.sense().unwrap_or_else(|Senseless| {
        let message = Outbound {
            seq,
            in_reply_to: in_reply_to.ok().flatten().unwrap_or(MessageSeq(0)),
            text: LEFT_OUT.to_owned(),
            form: Form::Text,
            destination: None,
            attempt: None,
        };
        (message, kind.ok().flatten().unwrap_or(PartKind::Interim))
    })
}

impl Written {
    fn sense(self) -> Result<(Outbound, PartKind), Senseless> {
        let kind = self.kind?.ok_or(Senseless)?;
        let message = Outbound {
            seq: self.seq,
            in_reply_to: self.in_reply_to?.ok_or(Senseless)?,
            attempt: self.attempt()?,
            form: self.form()?,
            text: self.text?.ok_or(Senseless)?,
            destination: self.destination?,
        };
        Ok((message, kind))
    }

    fn form(&self) -> Result<Form, Senseless> {
        let word = |it: &Sense<String>| it.clone()?.ok_or(Senseless);
        let target = || self.target.map(Option::unwrap_or_default);
        Ok(match word(&self.form)?.as_str() {
            "text" => Form::Text,
            "file" => Form::File(word(&self.file)?),
            "edit" => Form::Edit(target()?),
            "reaction" => Form::Reaction(target()?),
            "admin" => Form::Admin,
            "question" => {
                let options: Option<Vec<String>> =
                    self.options.clone()?.and_then(|it| serde_json::from_str(&it).ok());
                let mut options = options.unwrap_or_default();
                options.truncate(OPTIONS_MAX);
                let timeout = u64::try_from(self.timeout_ms?.unwrap_or(0)).unwrap_or(0);
                Form::Question { options, timeout: Duration::from_millis(timeout) }
            }
            _ => return Err(Senseless),
        })
    }

    fn attempt(&self) -> Result<Option<Attempt>, Senseless> {
        let (turn, incarnation) = (self.turn?, self.incarnation?);
        let number = u32::try_from(self.attempt?.unwrap_or(0)).unwrap_or(u32::MAX);
        Ok(turn.zip(incarnation).map(|(turn, incarnation)| Attempt { turn, incarnation, number }))
    }
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
