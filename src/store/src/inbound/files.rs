//! Files that came with messages: fetched one after another, then shown to the agent by their path.

use domain::MessageSeq;
use domain::message::{Address, Attachment, FileKind};
use domain::time::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::InboundStore;
use crate::StoreError;

/// A file that is still at its platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingFile {
    pub message: MessageSeq,
    pub ordinal: u32,
    /// The chat that it came in.
    pub from: Address,
    pub attachment: Attachment,
    pub tries: u32,
}

/// How a try to fetch a file ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It lies at this path within the folder of the database, and is of this type.
    Here {
        path: String,
        name: String,
        mime: String,
        bytes: u64,
    },
    Later {
        at: Timestamp,
    },
    Failed {
        why: String,
    },
}

pub(super) fn insert(
    tx: &Transaction<'_>,
    message: MessageSeq,
    files: &[Attachment],
) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO files_in (message, ordinal, kind, name, mime, bytes, source)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (ordinal, file) in (0_i64..).zip(files) {
        let bytes = file.bytes.and_then(|it| i64::try_from(it).ok());
        let kind = file.kind.as_str();
        insert.execute(params![
            message.0,
            ordinal,
            kind,
            file.name,
            file.mime,
            bytes,
            file.source
        ])?;
    }
    Ok(())
}

impl InboundStore {
    /// The next file to fetch, whenever it may be tried: `(when, which)`.
    pub(crate) fn next_file(&self) -> Result<Option<(Timestamp, PendingFile)>, StoreError> {
        self.conn
            .prepare_cached(
                "SELECT f.retry_at, f.message, f.ordinal, f.kind, f.name, f.mime, f.bytes, f.source,
                        f.tries, m.channel, m.account, m.chat, m.thread
                 FROM files_in f JOIN messages_in m ON m.seq = f.message
                 WHERE f.state = 'pending' ORDER BY f.retry_at, f.message, f.ordinal LIMIT 1",
            )
            .and_then(|mut it| it.query_row([], pending).optional())
            .map_err(StoreError::query("read the files to fetch"))
    }

    /// Writes down how a try ended.
    ///
    /// # Errors
    /// When the database fails.
    pub fn fetched(&mut self, file: &PendingFile, how: &Fetched) -> Result<(), StoreError> {
        let key = (file.message.0, file.ordinal);
        self.commit("a file", |tx| match how {
            Fetched::Here { path, name, mime, bytes } => tx.execute(
                "UPDATE files_in SET state = 'here', path = ?3, name = ?4, mime = ?5, bytes = ?6
                     WHERE message = ?1 AND ordinal = ?2 AND state = 'pending'",
                params![key.0, key.1, path, name, mime, i64::try_from(*bytes).ok()],
            ),
            Fetched::Later { at } => tx.execute(
                "UPDATE files_in SET tries = tries + 1, retry_at = ?3
                     WHERE message = ?1 AND ordinal = ?2 AND state = 'pending'",
                params![key.0, key.1, at.0],
            ),
            Fetched::Failed { why } => tx.execute(
                "UPDATE files_in SET state = 'failed', reason = ?3
                     WHERE message = ?1 AND ordinal = ?2 AND state = 'pending'",
                params![key.0, key.1, why],
            ),
        })
        .map(drop)
    }
}

fn pending(row: &Row<'_>) -> rusqlite::Result<(Timestamp, PendingFile)> {
    let kind: String = row.get(3)?;
    let bytes: Option<i64> = row.get(6)?;
    let file = PendingFile {
        message: MessageSeq(row.get(1)?),
        ordinal: row.get(2)?,
        from: Address {
            channel: row.get(9)?,
            account: row.get(10)?,
            chat: row.get(11)?,
            thread: row.get(12)?,
        },
        attachment: Attachment {
            kind: FileKind::parse(&kind).unwrap_or(FileKind::Document),
            name: row.get(4)?,
            mime: row.get(5)?,
            bytes: bytes.and_then(|it| u64::try_from(it).ok()),
            source: row.get(7)?,
        },
        tries: row.get(8)?,
    };
    Ok((Timestamp(row.get(0)?), file))
}
