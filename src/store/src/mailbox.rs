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
use rusqlite::{Connection, params};
use rusqlite_migration::{M, Migrations};
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::open::{Journal, cache_little, open};
use crate::row::{Json, json_column, list, only, row, run};
use crate::step::atomically;

static MIGRATIONS: LazyLock<Migrations<'_>> = LazyLock::new(|| {
    Migrations::new(vec![M::up(include_str!("../../../migrations/inbound/0001_start.sql"))])
});

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
}

json_column!(Item);
// As the central database has them.
row!(RunnerFacts {
    newest, stopped_incarnation, imported_seq, imported_wait, state, waiting_from;
    known, destinations
});

/// All that a mailbox holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MailboxContent {
    /// By number, as JSON.
    pub(crate) messages: BTreeMap<i64, String>,
    pub(crate) answers: BTreeMap<i64, (bool, String)>,
    /// One JSON object.
    pub(crate) facts: String,
}

/// The name of the one row of facts.
const FACTS: &str = "facts";

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
    pub(crate) fn post(&mut self, content: MailboxContent) -> Result<(), StoreError> {
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

    fn try_post(&mut self, content: &MailboxContent) -> Result<(), StoreError> {
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
    pub(crate) fn remove(&mut self) -> Result<(), StoreError> {
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

fn open_box(path: &Path) -> Result<Posted, StoreError> {
    let conn = open(path, Journal::Disposable, &MIGRATIONS, None)?;
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
        conn.execute_batch("DELETE FROM message; DELETE FROM answer; DELETE FROM fact")?;
    }
    let none = MailboxContent::default();
    let was = was.unwrap_or(&none);
    for seq in was.messages.keys().filter(|seq| !is.messages.contains_key(seq)) {
        run(conn, "DELETE FROM message WHERE seq = ?1", [seq])?;
    }
    for (seq, item) in is.messages.iter().filter(|(seq, item)| was.messages.get(seq) != Some(item))
    {
        run(conn, "INSERT OR REPLACE INTO message VALUES (?1, ?2)", params![seq, item])?;
    }
    for seq in was.answers.keys().filter(|seq| !is.answers.contains_key(seq)) {
        run(conn, "DELETE FROM answer WHERE seq = ?1", [seq])?;
    }
    for (seq, answer) in is.answers.iter().filter(|it| was.answers.get(it.0) != Some(it.1)) {
        let sql = "INSERT OR REPLACE INTO answer VALUES (?1, ?2, ?3)";
        run(conn, sql, params![seq, answer.0, answer.1])?;
    }
    if was.facts != is.facts {
        run(conn, "INSERT OR REPLACE INTO fact VALUES (?1, ?2)", [FACTS, &is.facts])?;
    }
    Ok(())
}

/// What the runner has to know, from the connection of the runner.
pub(crate) fn facts(conn: &Connection) -> rusqlite::Result<RunnerFacts> {
    let Json(facts) = only(conn, "SELECT value FROM fact WHERE name = ?1", [FACTS])?;
    Ok(facts)
}

/// The messages that wait, oldest first.
pub(crate) fn items(conn: &Connection) -> rusqlite::Result<Vec<Item>> {
    list(conn, "SELECT item FROM message ORDER BY seq", [])
}
