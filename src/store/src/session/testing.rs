//! A session for a thread of its own, without a host: for tests, benchmarks and simulations. Not in the program.

use std::ops::Deref;
use std::path::Path;

use domain::agent::AgentGroup;
use domain::delivery::by_hand::HostKey;
use domain::delivery::{PartKey, Verdict};
use domain::message::{Address, ChatInfo, Outcome};
use domain::plain::chain;
#[cfg(test)]
use domain::session::Mailbox;
use domain::session_key::SessionKey;
use domain::time::Timestamp;
use domain::{AgentName, SessionId};

use super::attachments::{FILE_TEXT_MIN, copy_all, write_all};
use super::handle::Mailboxes;
use super::tasks::{RUN_END, TaskEnd};
use super::{ImportReport, SessionContext, SessionRows, Snapshot};
use crate::layout::Layout;
use crate::mailbox::InboundBox;
#[cfg(test)]
use crate::outbound::Unimported;
use crate::outbox::ClaimedPart;
use crate::{CentralStore, StoreError, Wiring};

impl CentralStore {
    /// Creates the session of an agent in a known chat, if there is none.
    pub fn create_session(
        &mut self,
        chat: &Address,
        agent: &AgentName,
        now: Timestamp,
    ) -> Result<SessionId, StoreError> {
        let unknown =
            || StoreError::query("create a session")(rusqlite::Error::QueryReturnedNoRows);
        let chat = Some(self.chat(chat)?.ok_or_else(unknown)?.id);
        let key = SessionKey { agent: agent.clone(), chat, thread: None };
        Ok(self.session_for(&key, now)?.id)
    }

    /// Wires a direct chat to an agent in the usual way, whatever it was wired like.
    pub fn wire(
        &mut self,
        chat: &Address,
        agent: &AgentName,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = match self.chat(chat)? {
            Some(row) => row,
            None => self.ensure_chat(chat, &ChatInfo::default(), None, now)?,
        };
        self.set_wiring(&Wiring::usual(row.id, agent.clone(), row.is_group))
    }
}

impl SessionRows<'_> {
    /// Every message with its outcome, if it has one, oldest first: `(platform id, outcome)`.
    pub fn outcomes(&self) -> Result<Vec<(String, Option<Outcome>)>, StoreError> {
        let sql = "SELECT platform_id, outcome FROM message WHERE session = ?1 ORDER BY seq";
        self.list("list the outcomes", sql, [self.scope.session])
    }

    /// How runs of tasks ended here, in their order.
    pub fn run_ends(&self) -> Result<Vec<TaskEnd>, StoreError> {
        let sql = format!("{RUN_END} ORDER BY seq");
        self.list("read the ends of runs", &sql, [self.scope.session])
    }

    /// What the turns of these runs cost, in millionths of a dollar, where their runner knew.
    pub fn run_costs(&self) -> Result<Vec<Option<i64>>, StoreError> {
        let sql = "SELECT (SELECT sum(detail ->> 'micros') FROM event
                           WHERE kind = 'cost' AND scope = m.session AND item = m.seq)
                   FROM message m WHERE session = ?1 AND task IS NOT NULL AND outcome IS NOT NULL
                   ORDER BY seq";
        self.list("read the costs of runs", sql, [self.scope.session])
    }
}

/// A session, and both its mailboxes from the host's side.
#[derive(Debug)]
pub struct SessionStore {
    pub(super) central: CentralStore,
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

    pub fn rows(&self) -> SessionRows<'_> {
        self.central.rows(self.session)
    }

    /// Reads all that is true about the session.
    pub fn snapshot(&mut self) -> Result<Snapshot, StoreError> {
        let mut snapshot = self.rows().snapshot()?;
        let news = self.mailboxes.outbound.news(&snapshot.import_state);
        snapshot.read_news(news);
        Ok(snapshot)
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
    pub fn post(&mut self) -> Result<(), StoreError> {
        let content = self.rows().content()?;
        if self.mailboxes.inbound.lacks(&content) {
            self.mailboxes.inbound.post(content)?;
        }
        Ok(())
    }

    /// Imports what the runner wrote, in one commit, and brings its mailbox up to date.
    pub fn import(
        &mut self,
        context: &SessionContext,
        now: Timestamp,
    ) -> Result<ImportReport, StoreError> {
        let import_state = self.rows().import_state()?;
        let news = self.mailboxes.outbound.news(&import_state).unwrap_or_default();
        let mut files = copy_all(&self.mailboxes.paths, &news.files())?;
        write_all(&self.mailboxes.paths, &news.texts_over(FILE_TEXT_MIN), &mut files)?;
        let report = self.rows().import(news, &files, context, now)?;
        self.post()?;
        Ok(report)
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
    pub fn root(&self) -> &Path {
        self.mailboxes.paths.root()
    }

    /// What the runner wrote that was not imported.
    #[cfg(test)]
    pub(super) fn news(&mut self) -> Result<Unimported, Mailbox> {
        match self.rows().import_state() {
            Ok(import_state) => self.mailboxes.outbound.news(&import_state),
            Err(err) => Err(Mailbox::Damaged(err.to_string())),
        }
    }

    /// See [`SessionDb::quarantine`].
    pub fn quarantine(&mut self) -> Result<(), StoreError> {
        self.rows().note_damage()?;
        self.mailboxes.quarantine()
    }
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
            tracing::debug!(why = chain(&err), "posted by the next start");
        }
    }
}
