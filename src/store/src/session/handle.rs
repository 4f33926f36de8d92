//! The host's handles on a session: one for tasks, one for a thread of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::SessionId;
use domain::session::Mailbox;
use domain::time::Timestamp;
use tokio::time::Instant;

use super::outgoing_attachments::copy_all;
use super::{ImportReport, ImportState, SessionContext, SessionRows, Snapshot, quarantine};
use crate::layout::{Layout, SessionLayout};
use crate::mailbox::{InboundBox, MailboxContent};
use crate::outbound::{OutboundReader, Unimported};
use crate::{CentralStore, Db, Gate, StoreError};

/// Both mailboxes of a session, from the host's side.
#[derive(Debug)]
pub(crate) struct Mailboxes {
    pub(super) inbound: InboundBox,
    outbound: OutboundReader,
    pub(super) paths: SessionLayout,
}

impl Mailboxes {
    fn new(paths: SessionLayout) -> Self {
        let inbound = InboundBox::new(paths.inbound());
        let outbound = OutboundReader::new(paths.outbound_dir());
        Self { inbound, outbound, paths }
    }

    /// What the runner wrote that counts and is not imported.
    pub(super) fn news(&mut self, import_state: &ImportState) -> Result<Unimported, Mailbox> {
        self.outbound.news(&import_state.cursor).map(|it| import_state.sift(it))
    }

    pub(super) fn quarantine(&mut self) -> Result<(), StoreError> {
        *self = Self::new(self.paths.clone());
        quarantine::move_away(&self.paths)
            .map_err(|source| StoreError::Quarantine { path: self.paths.outbound(), source })
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
    mailboxes: Db<Mailboxes>,
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
        let paths = layout.session(session);
        let mailboxes = Db::new(gate, move || Ok(Mailboxes::new(paths.clone())));
        Self { central, mailboxes, session }
    }

    /// Reads rows of the session.
    ///
    /// # Errors
    /// When the database fails. So for every method below.
    pub async fn read<R: Send + 'static>(
        &self,
        f: impl FnOnce(&SessionRows<'_>) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let session = self.session;
        self.central.read(move |central| f(&central.rows(session))).await
    }

    /// Changes rows of the session: one durable write named `op`.
    pub async fn write<R: Send + 'static>(
        &self,
        op: &'static str,
        f: impl FnOnce(&SessionRows<'_>) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let session = self.session;
        self.central.write(op, move |central| f(&central.rows(session))).await
    }

    /// Reads all that is true about the session. Where a runner may read it, the mailbox is brought up
    /// to date; returns whether it had to be. Otherwise it is closed, so that open files are counted by
    /// containers, which are limited, and not by sessions.
    pub async fn look(&self, reader: Reader) -> Result<(Snapshot, bool), StoreError> {
        let (session, mailboxes) = (self.session, self.mailboxes.clone());
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
            mailboxes.peek_here(|boxes| {
                if content.is_none() {
                    boxes.inbound.close();
                }
                let started = Instant::now();
                snapshot.read_news(boxes.news(&snapshot.import_state));
                snapshot.read_for = started.elapsed();
                let lacking = content.filter(|it| boxes.inbound.lacks(it));
                Ok((snapshot, lacking))
            })
        };
        let (snapshot, lacking) = self.central.read_then(read, compare).await?;
        let Some(content) = lacking else { return Ok((snapshot, false)) };
        let post = move |boxes: &mut Mailboxes| boxes.inbound.post(content);
        match self.mailboxes.lend("a post", post).await {
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
    pub async fn renew(&self) -> Result<(), StoreError> {
        let content = self.read(|rows| rows.content()).await?;
        let renew = move |boxes: &mut Mailboxes| {
            boxes.inbound.remove()?;
            boxes.inbound.post(content)
        };
        self.mailboxes.lend("a post", renew).await
    }

    /// Moves what the runner wrote to where no container sees it, in place of what was moved there
    /// before. The container must be gone. Notes that its last incarnation left it damaged, so that who
    /// waits is told. Doing it again does no harm.
    pub async fn quarantine(&self) -> Result<(), StoreError> {
        self.write("a quarantine", |rows| rows.note_damage()).await?;
        self.mailboxes.peek(Mailboxes::quarantine).await
    }

    /// Imports what a look found new, in one commit. What it needs to know from outside of the
    /// session is read in it, so that what is taken from an agent is gone at once.
    pub async fn import(
        &self,
        news: Unimported,
        context: impl FnOnce(&CentralStore) -> Result<SessionContext, StoreError> + Send + 'static,
        now: Timestamp,
    ) -> Result<ImportReport, StoreError> {
        let files = match news.files() {
            files if files.is_empty() => BTreeMap::new(),
            // To where the agent cannot write, before anything is written down of them.
            files => self.mailboxes.peek(move |boxes| copy_all(&boxes.paths, &files)).await?,
        };
        let session = self.session;
        let import = move |central: &mut CentralStore| {
            let context = context(central)?;
            central.rows(session).import(news, &files, &context, now)
        };
        self.central.write("a reply", import).await
    }
}

/// A session for a thread of its own: checks of a copy, and tests; see `testing.rs`.
#[derive(Debug)]
pub struct SessionStore {
    pub(super) central: CentralStore,
    pub(super) mailboxes: Mailboxes,
    pub(super) session: SessionId,
}

impl SessionStore {
    /// Opens the central database. The mailboxes may not exist yet.
    ///
    /// # Errors
    /// When it cannot be opened, is damaged, or was written by a newer version.
    pub fn open(layout: &Layout, session: SessionId) -> Result<Self, StoreError> {
        let central = CentralStore::open(&layout.central())?;
        Ok(Self { central, mailboxes: Mailboxes::new(layout.session(session)), session })
    }

    pub fn rows(&self) -> SessionRows<'_> {
        self.central.rows(self.session)
    }

    /// Reads all that is true about the session.
    pub fn snapshot(&mut self) -> Result<Snapshot, StoreError> {
        let mut snapshot = self.rows().snapshot()?;
        let news = self.mailboxes.news(&snapshot.import_state);
        snapshot.read_news(news);
        Ok(snapshot)
    }
}

/// What is wrong with the outbound mailbox of a session; one line per problem. No session depends on it.
pub fn outbound_problems(paths: &SessionLayout) -> Vec<String> {
    OutboundReader::new(paths.outbound_dir()).integrity()
}
