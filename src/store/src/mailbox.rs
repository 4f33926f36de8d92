//! The mailbox from the host to a session's runner: what it holds, and the host's hand on it.
//!
//! Invariants
//! - It holds a copy of what the central database says, and nothing else: it may go at any time.
//! - Only the host writes it. The runner opens it read-only, and opens it again when it was replaced.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use domain::inbound::Inbound;
use domain::time::Timestamp;
use domain::waits::ProviderWait;
use domain::{Incarnation, MessageSeq, OutSeq};
use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::open::{Journal, cache_little, open};
use crate::row::{Json, json_column, list, one, row, run};
use crate::step::atomically;
use crate::{Result, StoreError};

const START: &str = include_str!("../../../migrations/inbound/0001_start.sql");

static MIGRATIONS: LazyLock<Migrations<'_>> = LazyLock::new(|| Migrations::new(vec![M::up(START)]));

/// How long a post waits for the runner to stop reading. Longer is a fault of the runner's, and the next
/// look tries again.
const BUSY_MAX: Duration = Duration::from_millis(500);

/// A message that waits for the runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) message: Inbound,
    pub(crate) not_before: Timestamp,
    /// Its files are here, and those of the messages before it.
    pub(crate) is_complete: bool,
    pub(crate) wait: Option<ProviderWait>,
}

/// A chat that the agent may write to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    pub name: String,
    pub title: String,
    pub channel: String,
}

row!(Destination { name, title, channel });

/// What else the runner has to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunnerFacts {
    /// The incarnation that the host launched last, and the last one that a user stopped.
    pub(crate) newest: Incarnation,
    pub(crate) stopped_incarnation: Incarnation,
    /// How far the outbound mailbox was imported.
    pub(crate) imported_seq: OutSeq,
    pub(crate) imported_wait: i64,
    /// Messages below this one all have their outcome.
    pub(crate) waiting_from: MessageSeq,
    /// Numbers of messages that the agent may name, context messages among them.
    pub(crate) known: Vec<MessageSeq>,
    pub(crate) destinations: Vec<Destination>,
    /// What the last incarnation kept.
    pub(crate) state: BTreeMap<String, String>,
    /// The command of the agent that turns speech into text.
    pub(crate) transcribe: Option<String>,
}

json_column!(Item);
// As the central database has them.
row!(RunnerFacts {
    newest, stopped_incarnation, imported_seq, imported_wait, state, waiting_from, transcribe;
    known, destinations
});

/// Kinds of entries. Of facts there is one entry, [`RunnerFacts`].
pub(crate) const MESSAGE: &str = "message";
pub(crate) const ANSWER: &str = "answer";
pub(crate) const FACTS: (&str, i64) = ("facts", 0);

/// All that a mailbox holds, as JSON: [`Item`]s and [`Answer`](crate::Answer)s by their numbers, and the facts.
pub(crate) type MailboxContent = BTreeMap<(&'static str, i64), String>;

/// The host's hand on the mailbox of a session.
#[derive(Debug)]
pub(crate) struct InboundBox {
    path: PathBuf,
    posted: Option<Posted>,
}

#[derive(Debug)]
struct Posted {
    conn: Connection,
    /// The file that is written; another one at its path is none of ours.
    inode: u64,
    content: Option<MailboxContent>,
}

impl InboundBox {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, posted: None }
    }

    /// Whether the mailbox does not hold this yet, or is not there.
    pub(crate) fn lacks(&self, content: &MailboxContent) -> bool {
        let Some(posted) = &self.posted else { return true };
        posted.content.as_ref() != Some(content) || inode(&self.path) != Some(posted.inode)
    }

    /// Makes the mailbox hold this. One that is damaged is made again.
    pub(crate) fn post(&mut self, content: MailboxContent) -> Result<()> {
        match self.try_post(&content) {
            Err(
                StoreError::Corrupt { .. }
                | StoreError::Damaged { .. }
                | StoreError::Newer { .. }
                | StoreError::Open { .. },
            ) => {
                self.remove()?;
                self.try_post(&content)?;
            }
            other => other?,
        }
        if let Some(posted) = &mut self.posted {
            posted.content = Some(content);
        }
        Ok(())
    }

    fn try_post(&mut self, content: &MailboxContent) -> Result<()> {
        let kept = self.posted.take().filter(|it| Some(it.inode) == inode(&self.path));
        let posted = kept.map_or_else(|| open_box(&self.path), Ok)?;
        atomically(&posted.conn, |conn| write(conn, posted.content.as_ref(), content))
            .map_err(StoreError::query("post to a mailbox"))?;
        self.posted = Some(posted);
        Ok(())
    }

    /// Lets go of the file, which nobody reads for now: a session without a container holds no file open.
    pub(crate) fn close(&mut self) {
        self.posted = None;
    }

    /// Removes the file, so that the next post makes a new one: before a container starts, since a
    /// power cut may have torn it.
    pub(crate) fn remove(&mut self) -> Result<()> {
        self.posted = None;
        let journal = self.path.with_extension("db-journal");
        for path in [&journal, &self.path] {
            if let Err(err) = fs::remove_file(path)
                && err.kind() != ErrorKind::NotFound
            {
                return Err(StoreError::private(path)(err));
            }
        }
        Ok(())
    }
}

fn open_box(path: &Path) -> Result<Posted> {
    let conn = open(path, Journal::Disposable, &MIGRATIONS, Some(START))?;
    cache_little(&conn).map_err(StoreError::open(path))?;
    conn.busy_timeout(BUSY_MAX).map_err(StoreError::open(path))?;
    let gone = || StoreError::open(path)(rusqlite::Error::InvalidPath(path.to_owned()));
    Ok(Posted { conn, inode: inode(path).ok_or_else(gone)?, content: None })
}

/// Which file lies at a path.
pub(crate) fn inode(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|it| it.ino())
}

/// Changes what differs; everything where it is not known what is there.
fn write(
    conn: &Connection,
    was: Option<&MailboxContent>,
    is: &MailboxContent,
) -> rusqlite::Result<()> {
    if was.is_none() {
        run(conn, "DELETE FROM item", [])?;
    }
    let was = was.unwrap_or(const { &MailboxContent::new() });
    for key in was.keys().filter(|key| !is.contains_key(key)) {
        run(conn, "DELETE FROM item WHERE kind = ?1 AND seq = ?2", *key)?;
    }
    for (key, json) in is.iter().filter(|(key, json)| was.get(key) != Some(json)) {
        run(conn, "INSERT OR REPLACE INTO item VALUES (?1, ?2, ?3)", (key.0, key.1, json))?;
    }
    Ok(())
}

/// An entry, from the connection of the runner.
pub(crate) fn entry<T: DeserializeOwned>(
    conn: &Connection,
    key: (&str, i64),
) -> rusqlite::Result<Option<T>> {
    let found = one(conn, "SELECT json FROM item WHERE kind = ?1 AND seq = ?2", key)?;
    Ok(found.map(|Json(entry)| entry))
}

/// What the runner has to know.
pub(crate) fn facts(conn: &Connection) -> rusqlite::Result<RunnerFacts> {
    entry(conn, FACTS)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// The messages that wait, oldest first.
pub(crate) fn items(conn: &Connection) -> rusqlite::Result<Vec<Item>> {
    list(conn, "SELECT json FROM item WHERE kind = ?1 ORDER BY seq", [MESSAGE])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_of_another_form_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inbound.db");
        let old = "CREATE TABLE message (seq INTEGER PRIMARY KEY, item TEXT) STRICT;
                   PRAGMA user_version = 1";
        Connection::open(&path).unwrap().execute_batch(old).unwrap();
        InboundBox::new(path.clone()).post(MailboxContent::new()).unwrap();
        assert_eq!(items(&Connection::open(&path).unwrap()).unwrap().len(), 0);
    }
}
