//! Which of the files that came in are fetched, and from where.

use std::time::Duration;

use domain::MessageSeq;
use domain::message::{Address, Admitted, InboundKind};
use domain::people::Access;
use domain::texts::asides::{NOT_FETCHED, TOO_MANY_BYTES};
use domain::time::Timestamp;
use rusqlite::params;

use super::post::context_range;
use super::{PendingFile, Scope, SessionRows};
use crate::Result;
use crate::row::{only, run};

/// Files of context messages that are fetched for a message that shows them, the newest, and their bytes; one
/// of unknown size counts as all of them.
const CONTEXT_FILES_MAX: i64 = 4;
const CONTEXT_BYTES_MAX: i64 = 16 * 1024 * 1024;
/// Bytes that somebody without a role may have fetched for a session within an hour.
const UNKNOWN_BYTES_MAX: i64 = 64 * 1024 * 1024;
const UNKNOWN_SPAN: Duration = Duration::from_secs(60 * 60);

/// Why the next file of a message is not fetched, at least for now.
pub(super) fn reason(
    tx: Scope<'_>,
    (admitted, sender): (&Admitted, &str),
    now: Timestamp,
) -> rusqlite::Result<Option<&'static str>> {
    if admitted.kind == InboundKind::Context {
        return Ok(Some(NOT_FETCHED));
    }
    if admitted.rule.as_ref().is_none_or(|it| it.detail != Access::Unknown.as_str()) {
        return Ok(None);
    }
    let sql = "SELECT coalesce(sum(coalesce(f.bytes, ?4)), 0) FROM attachment f
               JOIN message m ON m.session = f.session AND m.seq = f.message
               WHERE f.session = ?1 AND f.state <> 'failed' AND m.sender_id = ?2
                   AND ?3 < m.received_at";
    let lately = params![tx.session, sender, (now - UNKNOWN_SPAN).0, CONTEXT_BYTES_MAX];
    let bytes: i64 = only(&tx, sql, lately)?;
    Ok((UNKNOWN_BYTES_MAX <= bytes).then_some(TOO_MANY_BYTES))
}

/// The newest files of what is shown with a message for the agent are to be fetched.
pub(super) fn request_context(tx: Scope<'_>, message: MessageSeq) -> rusqlite::Result<()> {
    let (since, before) = context_range(tx, message)?;
    let sql = "UPDATE attachment SET state = 'pending', reason = NULL
               WHERE session = ?1 AND state = 'failed' AND reason = ?4 AND (message, ordinal) IN
                   (SELECT message, ordinal FROM
                       (SELECT message, ordinal, sum(coalesce(bytes, ?6)) OVER
                               (ORDER BY message DESC, ordinal ROWS UNBOUNDED PRECEDING) AS total
                        FROM (SELECT message, ordinal, bytes FROM attachment
                              WHERE session = ?1 AND ?2 < message AND message < ?3
                              ORDER BY message DESC, ordinal LIMIT ?5))
                    WHERE total <= ?6)";
    let limits = (CONTEXT_FILES_MAX, CONTEXT_BYTES_MAX);
    run(&tx, sql, params![tx.session, since, before, NOT_FETCHED, limits.0, limits.1]).map(drop)
}

impl SessionRows<'_> {
    /// The path of a file that came from the same source into the same chat.
    pub fn same_file(&self, file: &PendingFile) -> Result<Option<String>> {
        let sql = "SELECT f.path FROM attachment f
                   JOIN message m ON m.session = f.session AND m.seq = f.message
                   WHERE f.session = ?1 AND f.state = 'here' AND f.source = ?2
                       AND m.channel = ?3 AND m.account = ?4 AND m.chat = ?5 LIMIT 1";
        let Address { channel, account, chat, .. } = &file.from;
        let source = &file.attachment.source;
        self.one("find a file", sql, params![self.scope.session, source, channel, account, chat])
    }
}
