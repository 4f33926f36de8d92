//! The host's handle on a session, for its tasks: rows and mailboxes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex};

use domain::SessionId;
use domain::message::Address;
use domain::outgoing::{Caps, CapsBook};
use domain::plain::chain;
use domain::task::TaskId;
use domain::time::Timestamp;
use tokio::time::Instant;

use super::attachments::{FILE_TEXT_MIN, copy_all, write_all};
use super::{ImportReport, SessionRows, Snapshot};
use crate::beneath::{open_beneath, remove_tree};
use crate::db::{lock, on_disk};
use crate::layout::{Layout, OUTBOUND, SessionLayout};
use crate::mailbox::{InboundBox, MailboxContent};
use crate::outbound::{OutboundReader, Unimported};
use crate::{CentralStore, Db, Gate, Result, StoreError};

/// What is kept of each damaged file, in bytes: enough to find out what happened, and little beside the
/// disk limit of an agent, which does not count it.
const KEPT_MAX: u64 = 32 << 20;

/// Both mailboxes of a session, from the host's side.
#[derive(Debug)]
pub(crate) struct Mailboxes {
    pub(super) inbound: InboundBox,
    pub(super) outbound: OutboundReader,
    pub(super) paths: SessionLayout,
}

impl Mailboxes {
    pub(super) fn new(paths: SessionLayout) -> Self {
        let inbound = InboundBox::new(paths.inbound());
        let outbound = OutboundReader::new(paths.outbound_dir());
        Self { inbound, outbound, paths }
    }

    pub(super) fn quarantine(&mut self) -> Result<()> {
        *self = Self::new(self.paths.clone());
        move_away(&self.paths)
            .map_err(|source| StoreError::Quarantine { path: self.paths.outbound(), source })
    }
}

/// What an import reads from outside of the session.
#[derive(Clone, Debug)]
pub struct SessionContext {
    pub caps: Arc<dyn CapsBook>,
    /// Chats that the agent may write to, by name.
    pub destinations: BTreeMap<String, Address>,
    /// Chats of people who want to be left alone right now, without threads.
    pub quiet: Vec<Address>,
    /// Tasks whose answer is kept back if it says that there is nothing to say.
    pub heartbeats: BTreeSet<TaskId>,
}

/// Of channels that nobody knows.
impl Default for SessionContext {
    fn default() -> Self {
        Self {
            caps: Arc::new(BTreeMap::<String, Caps>::new()),
            destinations: BTreeMap::new(),
            quiet: Vec::new(),
            heartbeats: BTreeSet::new(),
        }
    }
}

impl SessionContext {
    pub(super) fn caps_of(&self, to: &Address) -> Caps {
        self.caps.of(to)
    }

    pub(super) fn is_quiet(&self, to: &Address) -> bool {
        self.quiet.iter().any(|it| *it == Address { thread: None, ..to.clone() })
    }
}

/// Whether somebody reads the mailbox of the runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Runs,
    /// If it was launched: a call to the engine is under way, or the engine does not answer.
    MayRun,
    Gone,
}

/// A session for tasks of the host. Clones share the mailboxes.
#[derive(Clone, Debug)]
pub struct SessionDb {
    central: Db<CentralStore>,
    mailboxes: Arc<Mutex<Mailboxes>>,
    gate: Arc<dyn Gate>,
    session: SessionId,
}

impl SessionDb {
    /// No IO happens here.
    pub fn new(
        central: Db<CentralStore>,
        gate: Arc<dyn Gate>,
        layout: &Layout,
        session: SessionId,
    ) -> Self {
        let mailboxes = Arc::new(Mutex::new(Mailboxes::new(layout.session(session))));
        Self { central, mailboxes, gate, session }
    }

    pub async fn read<R: Send + 'static>(
        &self,
        f: impl FnOnce(&SessionRows<'_>) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let session = self.session;
        self.central.read(move |central| f(&central.rows(session))).await
    }

    /// Changes rows of the session: one durable write named `op`.
    pub async fn write<R: Send + 'static>(
        &self,
        op: &'static str,
        f: impl FnOnce(&SessionRows<'_>) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let session = self.session;
        self.central.write(op, move |central| f(&central.rows(session))).await
    }

    /// Reads all that is true about the session. Where a runner may read it, the mailbox is brought up
    /// to date; returns whether it had to be. Otherwise it is closed, so that open files are counted by
    /// containers, which are limited, and not by sessions.
    pub async fn look(&self, reader: Reader) -> Result<(Snapshot, bool)> {
        let (session, mailboxes) = (self.session, Arc::clone(&self.mailboxes));
        let read = move |central: &mut CentralStore| {
            let rows = central.rows(session);
            rows.at_one_moment(|| {
                let snapshot = rows.snapshot()?;
                let is_read = match reader {
                    Reader::Runs => true,
                    Reader::MayRun => snapshot.launches.open.is_some(),
                    Reader::Gone => false,
                };
                Ok((snapshot, if is_read { Some(rows.content()?) } else { None }))
            })
        };
        // What an agent wrote may take long to read, so nobody's connection is kept meanwhile.
        let compare = move |(mut snapshot, content): (Snapshot, Option<MailboxContent>)| {
            let mut boxes = lock(&mailboxes);
            if content.is_none() {
                boxes.inbound.close();
            }
            let started = Instant::now();
            snapshot.read_news(boxes.outbound.news(&snapshot.import_state));
            snapshot.read_for = started.elapsed();
            let lacking = content.filter(|it| boxes.inbound.lacks(it));
            Ok((snapshot, lacking))
        };
        let (snapshot, lacking) = self.central.read_then(read, compare).await?;
        let Some(content) = lacking else { return Ok((snapshot, false)) };
        match self.post(|boxes| boxes.inbound.post(content)).await {
            Ok(()) => Ok((snapshot, true)),
            // Who reads it does not let go. The next look tries again, and the session stops a runner
            // that picks nothing up.
            Err(err) if err.is_busy() => {
                tracing::warn!(session = %self.session, "the runner's mailbox is locked");
                Ok((snapshot, false))
            }
            Err(err) => Err(err),
        }
    }

    /// Makes the mailbox of a runner that is about to start.
    pub async fn renew(&self) -> Result<()> {
        let content = self.read(|rows| rows.content()).await?;
        self.post(|boxes| {
            boxes.inbound.remove()?;
            boxes.inbound.post(content)
        })
        .await
    }

    /// Changes the inbound mailbox. Nothing is promised to survive a power cut.
    async fn post(
        &self,
        f: impl FnOnce(&mut Mailboxes) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        const OP: &str = "a post";
        self.gate.before(OP).await?;
        let posted = self.with_mailboxes(f).await;
        self.gate.after(OP).await;
        posted
    }

    async fn with_mailboxes<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Mailboxes) -> R + Send + 'static,
    ) -> R {
        let mailboxes = Arc::clone(&self.mailboxes);
        on_disk(&*self.gate, move || f(&mut lock(&mailboxes))).await
    }

    /// Moves what the runner wrote to where no container sees it, in place of what was moved there
    /// before. The container must be gone. Notes that its last incarnation left it damaged, so that who
    /// waits is told. Doing it again does no harm.
    pub async fn quarantine(&self) -> Result<()> {
        self.write("a quarantine", |rows| rows.note_damage()).await?;
        self.with_mailboxes(Mailboxes::quarantine).await
    }

    /// Imports what a look found new, in one commit. What it needs to know from outside of the
    /// session is read in it, so that what is taken from an agent is gone at once.
    pub async fn import(
        &self,
        news: Unimported,
        context: impl FnOnce(&CentralStore) -> Result<SessionContext> + Send + 'static,
        now: Timestamp,
    ) -> Result<ImportReport> {
        let (files, texts) = (news.files(), news.texts_over(FILE_TEXT_MIN));
        let may_be_unused = !texts.is_empty();
        let files = if files.is_empty() && texts.is_empty() {
            BTreeMap::new()
        } else {
            // To where the agent cannot write, before anything is written down of them.
            let copy = move |boxes: &mut Mailboxes| {
                let mut copies = copy_all(&boxes.paths, &files)?;
                write_all(&boxes.paths, &texts, &mut copies).map(|()| copies)
            };
            self.with_mailboxes(copy).await?
        };
        let session = self.session;
        let import = move |central: &mut CentralStore| {
            let context = context(central)?;
            central.rows(session).import(news, &files, &context, now)
        };
        let report = self.central.write("a reply", import).await?;
        if may_be_unused {
            // What it wrote is committed; what stays is found by the next pruning.
            if let Err(err) = self.read(|rows| rows.prune_leftovers()).await {
                tracing::debug!(why = chain(&err), "an unused copy stays for now");
            }
        }
        Ok(report)
    }
}

/// What is wrong with the outbound mailbox of a session; one line per problem. No session depends on it.
pub fn outbound_problems(paths: &SessionLayout) -> Vec<String> {
    OutboundReader::new(paths.outbound_dir()).integrity()
}

/// Sets a damaged outbound database aside, so that the next runner makes a new one.
fn move_away(paths: &SessionLayout) -> io::Result<()> {
    let (from, to) = (paths.outbound_dir(), paths.quarantine());
    match remove_tree(&to) {
        Err(err) if err.kind() != ErrorKind::NotFound => return Err(err),
        _ => fs::create_dir(&to)?,
    }
    // Its owner may have taken the right to change the folder away.
    if let Ok(meta) = fs::metadata(&from) {
        let _ = fs::set_permissions(&from, Permissions::from_mode(meta.mode() | 0o700));
    }
    // A new database must meet neither an old journal nor an old log.
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let name = format!("{OUTBOUND}{suffix}");
        // What cannot be read, or has no room on the disk, is gone: no message depends on it.
        if let Err(err) = keep(&from, &name, &to.join(&name)) {
            tracing::debug!(name, why = chain(&err), "nothing of it is kept");
        }
        remove(&from.join(&name), &from.join(format!("{name}.damaged")))?;
    }
    Ok(())
}

/// Copies the beginning of a plain file. Its own blocks may be more than its length says, and it may be
/// one that the host cannot cut.
fn keep(dir: &Path, name: &str, to: &Path) -> io::Result<()> {
    let file = open_beneath(dir, name)?;
    io::copy(&mut file.take(KEPT_MAX), &mut File::create_new(to)?).map(drop)
}

/// Removes whatever is there; a link is removed, not followed.
fn remove(path: &Path, or_to: &Path) -> io::Result<()> {
    let removed = fs::symlink_metadata(path)
        .and_then(|it| if it.is_dir() { remove_tree(path) } else { fs::remove_file(path) });
    match removed {
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(()),
        // A folder that its owner may not change cannot be emptied, nor leave the folder that it is in.
        Err(err) if err.kind() == ErrorKind::PermissionDenied => fs::rename(path, or_to),
        other => other,
    }
}
