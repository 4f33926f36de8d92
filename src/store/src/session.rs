//! The host's view of one session: its own inbound database and the runner's outbound one.

mod takeout;

use std::collections::BTreeMap;

use domain::message::Form;
use domain::session::{Launches, Waiting};
use domain::time::Timestamp;
use domain::{Incarnation, OutSeq};
use rusqlite::Connection;

use crate::StoreError;
use crate::inbound::{Absorbed, InboundStore, PendingFile, Surroundings};
use crate::layout::SessionLayout;
use crate::open::Journal;
use crate::outbound::{News, OutboundReader};

/// What is true about a session on disk, read in one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub news: bool,
    /// The outbound database cannot be read until its writer recovers it.
    pub needs_runner: bool,
    pub waiting: Vec<Waiting>,
    pub parts: Vec<domain::delivery::PartView>,
    pub launches: Launches,
    /// The next file to fetch, and from when on.
    pub file: Option<(Timestamp, PendingFile)>,
    /// The oldest request of the agent that nobody was told of.
    pub request: Option<OutSeq>,
    /// The last incarnation that a person stopped.
    pub halted: Incarnation,
}

/// Both databases of a session, from the host's side.
#[derive(Debug)]
pub struct SessionStore {
    pub inbound: InboundStore,
    outbound: OutboundReader,
    paths: SessionLayout,
}

impl SessionStore {
    /// Opens or creates the inbound database. The outbound one may not exist yet.
    ///
    /// # Errors
    /// When the inbound file cannot be opened, is damaged, or was written by a newer version.
    pub fn open(paths: &SessionLayout, journal: Journal) -> Result<Self, StoreError> {
        let inbound = InboundStore::open(&paths.inbound(), paths.root().to_owned(), journal)?;
        let outbound = OutboundReader::new(paths.outbound());
        Ok(Self { inbound, outbound, paths: paths.clone() })
    }

    /// # Errors
    /// When either database fails, except for an outbound one that waits for recovery.
    pub fn snapshot(&mut self) -> Result<Snapshot, StoreError> {
        let mut waiting = self.inbound.waiting()?;
        let (news, needs_runner) = match self.news(&waiting) {
            Ok(news) => (news, false),
            Err(StoreError::NeedsWriter) => (News::default(), true),
            Err(err) => return Err(err),
        };
        for it in &mut waiting {
            let claim = news.open_claims.iter().find(|claim| claim.message == it.0.message);
            it.0.claim = claim.map(|claim| claim.incarnation).filter(|&by| it.1 < by);
        }
        Ok(Snapshot {
            news: news.is_news(),
            needs_runner,
            waiting: waiting.into_iter().map(|it| it.0).collect(),
            parts: self.inbound.open_parts()?,
            launches: self.inbound.launches()?,
            file: self.inbound.next_file()?,
            request: self.inbound.open_request()?,
            halted: self.inbound.halted()?,
        })
    }

    /// Takes over what the runner wrote: new messages become parts that their platforms can show,
    /// requests are kept, finished claims become outcomes; all in one commit. Files are copied
    /// before, to where the agent cannot write.
    ///
    /// # Errors
    /// When either database fails. Nothing is taken over then.
    pub fn absorb(
        &mut self,
        around: &Surroundings,
        now: Timestamp,
    ) -> Result<Absorbed, StoreError> {
        let waiting = self.inbound.waiting()?;
        let news = self.news(&waiting)?;
        let mut files = BTreeMap::new();
        for (message, _) in &news.messages {
            if let Form::File(name) = &message.form {
                files.insert(message.seq, takeout::copy(&self.paths, message.seq, name));
            }
        }
        self.inbound.absorb(&news, &files, around, now)
    }

    fn news(&mut self, waiting: &[(Waiting, Incarnation)]) -> Result<News, StoreError> {
        let after = self.inbound.last_out_seq()?;
        self.outbound.news(after, waiting.first().map(|it| it.0.message))
    }

    /// SQLite's own check of both files; one line per problem.
    ///
    /// # Errors
    /// When a check could not even run.
    pub fn integrity(&mut self) -> Result<Vec<String>, StoreError> {
        let mut problems = integrity(self.inbound.connection())?;
        problems.extend(self.outbound.integrity()?);
        Ok(problems)
    }
}

/// What SQLite finds wrong with a file.
pub(crate) fn integrity(conn: &Connection) -> Result<Vec<String>, StoreError> {
    let read = || -> rusqlite::Result<Vec<String>> {
        conn.prepare("PRAGMA quick_check(5)")?.query_map([], |row| row.get(0))?.collect()
    };
    let lines = read().map_err(StoreError::query("check a database"))?;
    Ok(lines.into_iter().filter(|it| it != "ok").collect())
}

#[cfg(test)]
mod forms;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod tests;
