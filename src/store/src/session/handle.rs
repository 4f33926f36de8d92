//! The host's handles on a session: one for tasks, one for a thread of its own.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use domain::agent::AgentGroup;
use domain::delivery::by_hand::HostKey;
use domain::delivery::{PartKey, Verdict};
use domain::message::{Address, ChatInfo, Form};
use domain::session::Mailbox;
use domain::time::Timestamp;
use domain::{AgentName, OutSeq, SessionId};

use super::import::Copied;
use super::{Absorbed, Imported, SessionRows, Snapshot, Surroundings, quarantine, takeout};
use crate::layout::{Layout, SessionLayout};
use crate::mailbox::{InboundBox, MailboxContent};
use crate::outbound::{News, OutboundReader};
use crate::outbox::ClaimedPart;
use crate::{CentralStore, Db, Gate, StoreError};

/// Both mailboxes of a session, from the host's side.
#[derive(Debug)]
pub(crate) struct Mailboxes {
    inbound: InboundBox,
    outbound: OutboundReader,
    paths: SessionLayout,
}

/// What the runner wrote, with copies of its files.
type Read = (News, BTreeMap<OutSeq, Copied>);

impl Mailboxes {
    fn new(paths: SessionLayout) -> Self {
        let inbound = InboundBox::new(paths.inbound());
        let outbound = OutboundReader::new(paths.outbound_dir());
        Self { inbound, outbound, paths }
    }

    fn news(&mut self, imported: &Imported) -> Result<News, Mailbox> {
        self.outbound.news(&imported.known())
    }

    /// Files are copied to where the agent cannot write, before anything is written down of them. A
    /// mailbox that cannot be read holds nothing.
    fn read(&mut self, imported: &Imported) -> Result<Read, StoreError> {
        let news = self.news(imported).unwrap_or_default();
        let mut names = Vec::new();
        for (message, _) in &news.messages {
            if let Form::File(name) = &message.form {
                names.push((message.seq, name.as_str()));
            }
        }
        let files = takeout::copy_all(&self.paths, &names)?;
        Ok((news, files))
    }

    pub(super) fn quarantine(&mut self) -> Result<(), StoreError> {
        self.outbound = OutboundReader::new(self.paths.outbound_dir());
        quarantine::move_away(&self.paths)
            .map_err(|source| StoreError::Quarantine { path: self.paths.outbound(), source })
    }
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
    #[must_use]
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
    pub async fn look(&self, is_read: bool) -> Result<(Snapshot, bool), StoreError> {
        let (mut snapshot, content) = self
            .read(move |rows| {
                rows.at_one_moment(|| {
                    let content = if is_read { Some(rows.content()?) } else { None };
                    Ok((rows.snapshot()?, content))
                })
            })
            .await?;
        let imported = snapshot.imported.clone();
        let (news, lacking) = self
            .mailboxes
            .peek(move |boxes| {
                if !is_read {
                    boxes.inbound.close();
                }
                let lacking = content.filter(|it| boxes.inbound.lacks(it));
                Ok((boxes.news(&imported), lacking))
            })
            .await?;
        snapshot.read_news(news);
        let Some(content) = lacking else {
            return Ok((snapshot, false));
        };
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
        let renew = move |boxes: &mut Mailboxes| renew(boxes, content);
        self.mailboxes.lend("a post", renew).await
    }

    /// Moves what the runner wrote to where no container sees it, in place of what was moved there
    /// before. The container must be gone. Notes that its last incarnation left it damaged, so that who
    /// waits is told. Doing it again does no harm.
    pub async fn quarantine(&self) -> Result<(), StoreError> {
        self.write("a quarantine", |rows| rows.note_damage()).await?;
        self.mailboxes.peek(Mailboxes::quarantine).await
    }

    /// Imports what the runner wrote, in one commit.
    pub async fn import(
        &self,
        around: Surroundings,
        now: Timestamp,
    ) -> Result<Absorbed, StoreError> {
        let imported = self.read(|rows| rows.imported()).await?;
        let (news, files) = self.mailboxes.peek(move |boxes| boxes.read(&imported)).await?;
        self.write("a reply", move |rows| rows.import(news, &files, &around, now)).await
    }
}

fn renew(boxes: &mut Mailboxes, content: MailboxContent) -> Result<(), StoreError> {
    boxes.inbound.remove()?;
    boxes.inbound.post(content)
}

/// A session for a thread of its own: the command line and tests.
#[derive(Debug)]
pub struct SessionStore {
    central: CentralStore,
    mailboxes: Mailboxes,
    session: SessionId,
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

    #[must_use]
    pub fn rows(&self) -> SessionRows<'_> {
        self.central.rows(self.session)
    }

    /// The same for changes: when it is dropped, the mailbox of the runner is brought up to date.
    pub fn posting(&mut self) -> Posting<'_> {
        let rows = self.central.rows(self.session);
        Posting { rows, mailbox: &mut self.mailboxes.inbound }
    }

    /// Makes the folders and the first session of a new home: what tests and benchmarks begin with.
    ///
    /// # Errors
    /// When a folder cannot be made, or the database fails.
    pub fn create(layout: &Layout, now: Timestamp) -> Result<Self, StoreError> {
        let session = SessionId(1);
        let paths = layout.session(session);
        let make = |folder: &Path| {
            std::fs::create_dir_all(folder).map_err(|err| {
                StoreError::open(folder)(rusqlite::Error::ToSqlConversionFailure(Box::new(err)))
            })
        };
        make(layout.home())?;
        // The database first: a new one gives nobody the number of a folder.
        let mut store = Self::open(layout, session)?;
        for folder in [paths.inbound_dir(), paths.outbound_dir(), paths.home()] {
            make(&folder)?;
        }
        let agent = AgentName::parse("andy").map_err(|_| StoreError::Lost { op: "an agent" })?;
        store.central.add_agent(&AgentGroup::new(agent.clone()))?;
        let chat = Address {
            channel: "cli".to_owned(),
            account: "local".to_owned(),
            chat: "c".to_owned(),
            thread: None,
        };
        store.central.ensure_chat(&chat, &ChatInfo::default(), None, now)?;
        store.central.create_session(&chat, &agent, now)?;
        store.post()?;
        Ok(store)
    }

    /// The central database.
    pub fn central(&mut self) -> &mut CentralStore {
        &mut self.central
    }

    /// Brings the mailbox of the runner up to date.
    ///
    /// # Errors
    /// When a database fails. So for every method below.
    pub fn post(&mut self) -> Result<(), StoreError> {
        let content = self.rows().content()?;
        if self.mailboxes.inbound.lacks(&content) {
            self.mailboxes.inbound.post(content)?;
        }
        Ok(())
    }

    /// Reads all that is true about the session.
    pub fn snapshot(&mut self) -> Result<Snapshot, StoreError> {
        let mut snapshot = self.rows().snapshot()?;
        let news = self.mailboxes.news(&snapshot.imported);
        snapshot.read_news(news);
        Ok(snapshot)
    }

    /// Imports what the runner wrote, in one commit, and brings its mailbox up to date.
    pub fn import(
        &mut self,
        around: &Surroundings,
        now: Timestamp,
    ) -> Result<Absorbed, StoreError> {
        let imported = self.rows().imported()?;
        let (news, files) = self.mailboxes.read(&imported)?;
        let absorbed = self.rows().import(news, &files, around, now)?;
        self.post()?;
        Ok(absorbed)
    }

    /// See [`CentralStore::claim_parts`].
    pub fn claim_part(
        &mut self,
        key: &PartKey,
        now: Timestamp,
    ) -> Result<Option<ClaimedPart>, StoreError> {
        let key = HostKey { session: Some(self.session), part: key.clone() };
        Ok(self.central.claim_parts(&[key], now)?.into_iter().next().flatten())
    }

    /// See [`CentralStore::conclude_parts`].
    pub fn conclude(
        &mut self,
        key: &PartKey,
        verdict: &Verdict,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = HostKey { session: Some(self.session), part: key.clone() };
        for copy in self.central.conclude_parts(&[(key, verdict.clone())], now)? {
            let _ = std::fs::remove_file(copy);
        }
        Ok(())
    }

    /// The folder of the session.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.mailboxes.paths.root()
    }

    /// What the runner wrote that was not imported.
    #[cfg(test)]
    pub(super) fn news(&mut self) -> Result<News, Mailbox> {
        match self.rows().imported() {
            Ok(imported) => self.mailboxes.news(&imported),
            Err(err) => Err(Mailbox::Damaged(err.to_string())),
        }
    }

    /// See [`SessionDb::quarantine`].
    pub fn quarantine(&mut self) -> Result<(), StoreError> {
        self.rows().note_damage()?;
        self.mailboxes.quarantine()
    }
}

/// What is wrong with the outbound mailbox of a session; one line per problem. No session depends on it.
#[must_use]
pub fn outbound_problems(paths: &SessionLayout) -> Vec<String> {
    OutboundReader::new(paths.outbound_dir()).integrity()
}

/// See [`SessionStore::posting`].
#[derive(Debug)]
pub struct Posting<'a> {
    rows: SessionRows<'a>,
    mailbox: &'a mut InboundBox,
}

impl<'a> Deref for Posting<'a> {
    type Target = SessionRows<'a>;

    fn deref(&self) -> &SessionRows<'a> {
        &self.rows
    }
}

impl Drop for Posting<'_> {
    fn drop(&mut self) {
        let Ok(content) = self.rows.content() else { return };
        if self.mailbox.lacks(&content)
            && let Err(err) = self.mailbox.post(content)
        {
            tracing::debug!(error = &err as &dyn std::error::Error, "posted by the next start");
        }
    }
}
