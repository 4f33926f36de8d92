//! One session: its rows in the central database, and the two mailboxes that it shares with its runner.
//!
//! The rows decide; [`SessionRows`] reads and writes them, each write in one commit: after an error nothing
//! of it is stored. The mailboxes carry what waits to the runner, and what it wrote from there. Either
//! file can go at any time: the host posts again what has no outcome, and the runner does it again.

mod attachments;
mod changes;
mod dead_letters;
mod files;
mod handle;
mod import;
mod launches;
mod messages;
mod parts;
mod post;
mod pruning;
mod quiet;
mod requests;
mod stops;
mod tasks;
#[cfg(any(test, feature = "testing"))]
mod testing;
mod waits;

use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;

use domain::session::{Launches, Mailbox, Waiting};
use domain::time::Timestamp;
use domain::{Incarnation, MessageSeq, OutSeq, SessionId};
use rusqlite::{Connection, Params};

pub use self::attachments::{Fetched, PendingFile};
pub use self::changes::Trace;
pub use self::dead_letters::NOTICE_KEY;
pub(crate) use self::dead_letters::{order_part, record as record_dead};
pub use self::handle::{Reader, SessionContext, SessionDb, outbound_problems};
pub use self::import::ImportReport;
pub use self::messages::{Counts, Inserted};
pub(crate) use self::parts::{claim_part, conclude_part};
pub use self::requests::{Asked, Request};
use self::stops::STOP_STATE;
pub use self::stops::{StopOrder, StopState};
pub use self::tasks::{TaskEnd, TaskMessage};
#[cfg(any(test, feature = "testing"))]
pub use self::testing::SessionStore;

use crate::outbound::{ImportState, Unimported};
use crate::row::{FromRow, queries};
use crate::step::atomically;
use crate::{Result, StoreError};

/// The rows of one session in the central database; those of session 0 are the host's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    conn: &'a Connection,
    pub(crate) session: i64,
}

impl<'a> Scope<'a> {
    pub(crate) fn of(conn: &'a Connection, session: SessionId) -> Self {
        Self { conn, session: session.0 }
    }

    /// What the host says outside of any session.
    pub(crate) fn host(conn: &'a Connection) -> Self {
        Self { conn, session: 0 }
    }
}

impl Deref for Scope<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.conn
    }
}

#[derive(Debug)]
pub struct SessionRows<'a> {
    pub(crate) scope: Scope<'a>,
    /// The session's own folder, below which its files are kept.
    pub(crate) root: PathBuf,
}

/// What is true about a session, read in one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What the runner wrote that is not imported, and how long reading its mailbox took.
    pub news: Unimported,
    pub read_for: Duration,
    /// Whether the outbound mailbox can be read; nothing is known of it otherwise.
    pub mailbox: Mailbox,
    pub waiting: Vec<Waiting>,
    /// Parts wait to be delivered, or are held for quiet hours.
    pub undelivered: bool,
    pub launches: Launches,
    /// The next file to fetch, and from when on.
    pub file: Option<(Timestamp, PendingFile)>,
    /// The oldest request of the agent that nobody was told of.
    pub request: Option<OutSeq>,
    pub stopped_incarnation: Incarnation,
    /// How far the last stop of the agent was carried out.
    pub stop_state: StopState,
    /// The agent asked for something and has no answer yet.
    pub asking: bool,
    /// By message, the last incarnation whose claim was taken back.
    released: Vec<Incarnation>,
    import_state: ImportState,
}

impl Snapshot {
    /// Adds what the outbound mailbox says. One that cannot be read is part of what is true.
    fn read_news(&mut self, news: Result<Unimported, Mailbox>) {
        self.news = news.unwrap_or_else(|mailbox| {
            self.mailbox = mailbox;
            Unimported::default()
        });
        let open_claims = &self.news.open_claims;
        for (waiting, released) in self.waiting.iter_mut().zip(&self.released) {
            let claim = open_claims.iter().find(|claim| claim.message == waiting.message);
            waiting.claim = claim.map(|claim| claim.incarnation).filter(|by| released < by);
        }
    }
}

impl SessionRows<'_> {
    /// All but what the outbound mailbox says.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        self.at_one_moment(|| {
            let (waiting, released): (Vec<Waiting>, Vec<Incarnation>) =
                self.waiting()?.into_iter().unzip();
            let import_state =
                self.import_state_of(waiting.iter().map(|it| it.message).collect())?;
            let of = [self.scope.session];
            let parts =
                "SELECT 1 FROM part WHERE session = ?1 AND state NOT IN ('sent', 'dead') LIMIT 1";
            let requests = "SELECT min(iif(state = 'open', seq, NULL)), count(*) > 0 FROM request
                            WHERE session = ?1 AND state <> 'answered'";
            let (request, asking) = self.only("read the requests", requests, of)?;
            Ok(Snapshot {
                news: Unimported::default(),
                read_for: Duration::ZERO,
                mailbox: Mailbox::Sound,
                waiting,
                undelivered: self.is_there("read the open parts", parts, of)?,
                launches: self.launches()?,
                file: self.next_file()?,
                request,
                stopped_incarnation: import_state.stopped_incarnation,
                stop_state: self.only("read the stops", STOP_STATE, of)?,
                asking,
                released,
                import_state,
            })
        })
    }

    pub(crate) fn import_state(&self) -> Result<ImportState> {
        let waiting = self.waiting()?.into_iter().map(|it| it.0.message).collect();
        self.import_state_of(waiting)
    }

    fn import_state_of(&self, waiting: Vec<MessageSeq>) -> Result<ImportState> {
        let sql = "SELECT imported_seq, imported_wait, stopped_incarnation,
                       coalesce((SELECT max(incarnation) FROM launch
                                 WHERE launch.session = session.id), 0)
                   FROM session WHERE id = ?1";
        let op = "read how far a session was imported";
        Ok(ImportState { waiting, ..self.only(op, sql, [self.scope.session])? })
    }

    /// Reads several things as they are at one moment.
    pub(crate) fn at_one_moment<R>(&self, read: impl FnOnce() -> Result<R>) -> Result<R> {
        if !self.scope.is_autocommit() {
            return read();
        }
        // Nothing is written in it, so that its end has nothing to undo.
        let moment = self.scope.unchecked_transaction();
        let _moment = moment.map_err(StoreError::query("read a session"))?;
        read()
    }

    fn commit<R>(
        &self,
        op: &'static str,
        f: impl FnOnce(Scope<'_>) -> rusqlite::Result<R>,
    ) -> Result<R> {
        atomically(self.scope.conn, |_| f(self.scope)).map_err(StoreError::query(op))
    }
}

queries!(SessionRows<'_>, scope);

#[cfg(test)]
mod tests;
