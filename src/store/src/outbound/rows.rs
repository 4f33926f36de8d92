//! Reads single rows of an outbound database. The agent could have written anything into them, so each
//! value is measured before it is read, and one that makes no sense spoils nothing but its row.

use std::collections::BTreeMap;

use domain::cost::Cost;
use domain::message::{Attempt, Claim, FILES_MAX, FileText, Form, Outbound, Outcome};
use domain::trace::Tool;
use domain::waits::WaitClass;
use domain::{Incarnation, MessageSeq, OutSeq};
use rusqlite::{Connection, Params, Row};

use super::Waits;
use crate::outbox::PartKind;
use crate::row::{Columns, FromRow, Json, enum_column, json_column, list_as};
use crate::runner::TOOL_NAME_CHARS_MAX;

/// The longest text of one message; an answer of a model is far below it.
pub(super) const TEXT_BYTES_MAX: usize = 1_000_000;
/// Of a question with its options: at most 20, of 80 characters each.
const FORM_BYTES_MAX: usize = 16 * 1024;
pub(super) const NAME_BYTES_MAX: usize = 4 * 1024;
pub(super) const WORD_BYTES_MAX: usize = 64;
/// Options of a question that are read; more are an error of the agent's.
const OPTIONS_MAX: usize = 20;
/// Of one message with files, as JSON: twice what the runner keeps, since each character may be escaped.
const FILE_TEXTS_BYTES_MAX: usize = 128 * 1024;
/// Messages with files that are read at once, and files of each.
const FILE_TEXTS_MAX: usize = 64;
/// Values of the runner's that are kept.
const STATE_MAX: usize = 16;
/// What is said in place of a message that cannot be read.
const LEFT_OUT: &str = "(A message of mine is damaged or too long, so it was left out.)";
const NO_OUTCOME: &str = "what became of it cannot be read";

/// A column that reads as an empty blob if it holds more bytes. Its size stands in the row's header, so
/// that a long one is not even loaded.
pub(super) fn bounded(column: &str, max: usize) -> String {
    format!("iif(octet_length({column}) > {max}, x'', {column}) AS {column}")
}

enum_column!(Outcome, WaitClass);

json_column!(Form);

/// What a message is read from.
pub(super) fn message_columns() -> String {
    let bounded = [
        bounded("text", TEXT_BYTES_MAX),
        bounded("kind", WORD_BYTES_MAX),
        bounded("form", FORM_BYTES_MAX),
        bounded("destination", NAME_BYTES_MAX),
    ];
    format!("seq, in_reply_to, turn, incarnation, attempt, {}", bounded.join(", "))
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

/// What was found in the files of messages that are finished; what is no list of texts or too long is left
/// out.
pub(super) fn file_texts(
    conn: &Connection,
    finished: &[Claim],
) -> rusqlite::Result<BTreeMap<MessageSeq, Vec<FileText>>> {
    let sql = format!(
        "SELECT message, texts FROM file_texts
         WHERE message = ?1 AND octet_length(texts) <= {FILE_TEXTS_BYTES_MAX}"
    );
    let mut found = BTreeMap::new();
    for claim in finished.iter().take(FILE_TEXTS_MAX) {
        for (message, Json(mut texts)) in
            readable::<(_, Json<Vec<_>>)>(conn, &sql, [claim.message.0])?
        {
            texts.truncate(FILE_TEXTS_MAX);
            found.insert(message, texts);
        }
    }
    Ok(found)
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
        let seq = columns.named("seq")?;
        Ok(message(columns, seq).unwrap_or_else(|_| {
            let message = Outbound {
                seq,
                in_reply_to: columns.named("in_reply_to").unwrap_or(MessageSeq(0)),
                text: LEFT_OUT.to_owned(),
                form: Form::Text,
                destination: None,
                attempt: None,
            };
            (message, columns.named("kind").unwrap_or(PartKind::Interim))
        }))
    }
}

fn message(columns: &Columns<'_>, seq: OutSeq) -> rusqlite::Result<(Outbound, PartKind)> {
    let number: Option<i64> = columns.named("attempt")?;
    let number = u32::try_from(number.unwrap_or(0)).unwrap_or(u32::MAX);
    let turn: Option<MessageSeq> = columns.named("turn")?;
    let incarnation: Option<Incarnation> = columns.named("incarnation")?;
    let attempt = |(turn, incarnation)| Attempt { turn, incarnation, number };
    let message = Outbound {
        seq,
        in_reply_to: columns.named("in_reply_to")?,
        attempt: turn.zip(incarnation).map(attempt),
        form: form(columns)?,
        text: columns.named("text")?,
        destination: columns.named("destination")?,
    };
    Ok((message, columns.named("kind")?))
}

fn form(columns: &Columns<'_>) -> rusqlite::Result<Form> {
    let mut form = columns.named("form")?;
    if let Form::File(names) = &mut form {
        if names.iter().any(|it| NAME_BYTES_MAX < it.len()) {
            return Err(columns.bad("the name of a file is too long"));
        }
        // Of more none is sent; one stays to say so.
        names.truncate(FILES_MAX + 1);
        names.shrink_to_fit();
    }
    if let Form::Question { options, .. } = &mut form {
        // Many of them are read before most are dropped, and their room is given back.
        options.truncate(OPTIONS_MAX);
        options.shrink_to_fit();
    }
    Ok(form)
}

/// `None` for a row that is about no message. An outcome that cannot be read is a failure, so that its
/// message does not wait for ever.
pub(super) fn claim(columns: &mut Columns<'_>) -> rusqlite::Result<Option<Claim>> {
    let about: rusqlite::Result<(MessageSeq, Incarnation)> = columns.next();
    let Ok((message, incarnation)) = about else { return Ok(None) };
    let outcome = match columns.named::<Option<Outcome>>("outcome") {
        Ok(outcome) => outcome.map(|it| (it, columns.named("reason").unwrap_or_default())),
        Err(_) => Some((Outcome::Failed, NO_OUTCOME.to_owned())),
    };
    Ok(Some(Claim {
        message,
        incarnation,
        reply: columns.named("reply").ok(),
        cost: columns.named("cost").ok().and_then(Cost::of_turn),
        outcome,
    }))
}

/// One that makes no sense is about a message that there is not, so that the next ones are reached.
impl FromRow for Waits {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: columns.named("id")?,
            message: columns.named("message").unwrap_or(MessageSeq(0)),
            until: columns.named("until").ok(),
            class: columns.named("class").unwrap_or(WaitClass::Network),
        })
    }
}

impl FromRow for Tool {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let name: String = columns.next()?;
        let plain = |it: char| if it.is_control() { '?' } else { it };
        Ok(Self {
            name: name.chars().map(plain).take(TOOL_NAME_CHARS_MAX).collect(),
            started_at: columns.next()?,
            end: columns.next()?,
        })
    }
}
