//! Files that came with messages: fetched one after another, then shown to the agent by their path.

use domain::MessageSeq;
use domain::message::{Address, Attachment, FileKind};
use domain::time::Timestamp;
use rusqlite::params;

use super::{Scope, SessionRows};
use crate::StoreError;
use crate::row::{enum_column, row, run};

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

row!(PendingFile { message, ordinal, from, attachment, tries });

enum_column!(FileKind);
row!(Attachment { kind, name, mime, bytes, source });

/// How a try to fetch a file ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It lies at this path within the folder of the mailboxes, and is of this type.
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
    tx: Scope<'_>,
    message: MessageSeq,
    files: &[Attachment],
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO attachment (session, message, ordinal, kind, name, mime, bytes, source)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    for (ordinal, file) in (0_i64..).zip(files) {
        let bytes = file.bytes.and_then(|it| i64::try_from(it).ok());
        let (kind, of) = (file.kind.as_str(), (tx.session, message.0));
        let said = (&file.name, &file.mime, &file.source);
        run(&tx, sql, params![of.0, of.1, ordinal, kind, said.0, said.1, bytes, said.2])?;
    }
    Ok(())
}

impl SessionRows<'_> {
    /// The next file to fetch, whenever it may be tried: `(when, which)`.
    pub(crate) fn next_file(&self) -> Result<Option<(Timestamp, PendingFile)>, StoreError> {
        let sql = "SELECT f.retry_at, f.message, f.ordinal, m.channel, m.account, m.chat, m.thread,
                          f.kind, f.name, f.mime, f.bytes, f.source, f.tries
                   FROM attachment f
                   JOIN message m ON m.session = f.session AND m.seq = f.message
                   WHERE f.session = ?1 AND f.state = 'pending'
                   ORDER BY f.retry_at, f.message, f.ordinal LIMIT 1";
        self.one("read the files to fetch", sql, [self.scope.session])
    }

    /// Writes down how a try ended.
    pub fn fetched(&self, file: &PendingFile, how: &Fetched) -> Result<(), StoreError> {
        const OP: &str = "a file";
        let key = (self.scope.session, file.message.0, file.ordinal);
        match how {
            Fetched::Here { path, name, mime, bytes } => self.run(
                OP,
                "UPDATE attachment SET state = 'here', path = ?4, name = ?5, mime = ?6, bytes = ?7
                 WHERE session = ?1 AND message = ?2 AND ordinal = ?3 AND state = 'pending'",
                params![key.0, key.1, key.2, path, name, mime, i64::try_from(*bytes).ok()],
            ),
            Fetched::Later { at } => self.run(
                OP,
                "UPDATE attachment SET tries = tries + 1, retry_at = ?4
                 WHERE session = ?1 AND message = ?2 AND ordinal = ?3 AND state = 'pending'",
                params![key.0, key.1, key.2, at.0],
            ),
            Fetched::Failed { why } => self.run(
                OP,
                "UPDATE attachment SET state = 'failed', reason = ?4
                 WHERE session = ?1 AND message = ?2 AND ordinal = ?3 AND state = 'pending'",
                params![key.0, key.1, key.2, why],
            ),
        }
        .map(drop)
    }
}
