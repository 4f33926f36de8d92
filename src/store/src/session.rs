//! The host's view of one session: its own inbound database and the runner's outbound one.

mod quarantine;
mod takeout;

use domain::message::{Address, Claim, Form};
use domain::session::{Launches, Mailbox, Waiting};
use domain::stop::Toll;
use domain::time::Timestamp;
use domain::{Incarnation, MessageSeq, OutSeq};
use rusqlite::Connection;

use crate::StoreError;
use crate::inbound::{Absorbed, InboundStore, Order, PendingFile, Stood, Surroundings};
use crate::layout::SessionLayout;
use crate::open::Journal;
use crate::outbound::{Known, News, OutboundReader};

/// What is true about a session on disk, read in one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub news: bool,
    /// Whether the outbound database can be read; nothing is known of it otherwise.
    pub mailbox: Mailbox,
    pub waiting: Vec<Waiting>,
    pub parts: Vec<domain::delivery::PartView>,
    pub launches: Launches,
    /// The next file to fetch, and from when on.
    pub file: Option<(Timestamp, PendingFile)>,
    /// The oldest request of the agent that nobody was told of.
    pub request: Option<OutSeq>,
    /// The last incarnation that a person stopped.
    pub halted: Incarnation,
    /// How far the last stop of the agent was carried out.
    pub stood: Stood,
    /// The last message that waits; 0 when none does.
    pub last_waiting: MessageSeq,
    /// The agent asked for something and has no answer yet.
    pub asking: bool,
    /// Parts were given up that the owner of the host is still to be told of.
    pub lost: bool,
    /// Slots of tasks have ended that the central database is still to hear of.
    pub task_ends: bool,
    /// Chats for which something is held until their reader wants to hear of it.
    pub held: Vec<Address>,
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
        let outbound = OutboundReader::new(paths.outbound_dir());
        Ok(Self { inbound, outbound, paths: paths.clone() })
    }

    /// # Errors
    /// When the inbound database fails. An outbound one that cannot be read is part of what is true.
    pub fn snapshot(&mut self) -> Result<Snapshot, StoreError> {
        let Self { inbound, outbound, .. } = self;
        inbound.at_one_moment(|| {
            let mut waiting = inbound.waiting()?;
            let (news, mailbox) = match news(inbound, outbound, &waiting)? {
                Ok(news) => (news, Mailbox::Sound),
                Err(mailbox) => (News::default(), mailbox),
            };
            for it in &mut waiting {
                let claim = news.open_claims.iter().find(|claim| claim.message == it.0.message);
                it.0.claim = claim.map(|claim| claim.incarnation).filter(|&by| it.1 < by);
            }
            Ok(Snapshot {
                news: news.is_news(),
                mailbox,
                waiting: waiting.into_iter().map(|it| it.0).collect(),
                parts: inbound.open_parts()?,
                launches: inbound.launches()?,
                file: inbound.next_file()?,
                request: inbound.open_request()?,
                halted: inbound.halted()?,
                stood: inbound.stood()?,
                last_waiting: inbound.last_waiting()?,
                asking: inbound.is_asking()?,
                lost: inbound.has_lost()?,
                task_ends: inbound.has_task_ends()?,
                held: inbound.held_chats()?,
            })
        })
    }

    /// Takes over what the runner wrote: new messages become parts that their platforms can show,
    /// requests are kept, finished claims become outcomes; all in one commit. Files are copied
    /// before, to where the agent cannot write.
    ///
    /// # Errors
    /// When the inbound database fails. Nothing is taken over then, and nothing either from an outbound
    /// one that cannot be read.
    pub fn absorb(
        &mut self,
        around: &Surroundings,
        now: Timestamp,
    ) -> Result<Absorbed, StoreError> {
        let Ok(news) = self.news()? else {
            return Ok(Absorbed::default());
        };
        let mut names = Vec::new();
        for (message, _) in &news.messages {
            if let Form::File(name) = &message.form {
                names.push((message.seq, name.as_str()));
            }
        }
        let files = takeout::copy_all(&self.paths, &names)?;
        self.inbound.absorb(&news, &files, around, now)
    }

    fn news(&mut self) -> Result<Result<News, Mailbox>, StoreError> {
        let Self { inbound, outbound, .. } = self;
        inbound.at_one_moment(|| news(inbound, outbound, &inbound.waiting()?))
    }

    /// Carries out that the agent is stopped. Doing it again changes nothing.
    ///
    /// # Errors
    /// When a database fails; then nothing has changed.
    pub fn stand_still(&mut self, order: &Order, now: Timestamp) -> Result<Toll, StoreError> {
        // Which message a container had begun with only its word says, and that is not trusted.
        let in_work = match self.inbound.launches()?.open {
            Some(_) => true,
            None => self.news()?.map_or(true, |it| it.is_news()),
        };
        self.inbound.stand_still(order, in_work, now)
    }

    /// SQLite's own check of the inbound database; one line per problem.
    ///
    /// # Errors
    /// When the check could not even run.
    pub fn integrity(&mut self) -> Result<Vec<String>, StoreError> {
        integrity(self.inbound.connection())
    }

    /// What is wrong with the outbound database. No session depends on it.
    pub fn outbound_problems(&mut self) -> Vec<String> {
        self.outbound.integrity()
    }
}

/// What the runner wrote that the host has not taken over.
fn news(
    inbound: &InboundStore,
    outbound: &mut OutboundReader,
    waiting: &[(Waiting, Incarnation)],
) -> Result<Result<News, Mailbox>, StoreError> {
    let known = Known {
        message: inbound.last_out_seq()?,
        wait: inbound.last_wait()?,
        waiting_from: waiting.first().map(|it| it.0.message),
        halted: inbound.halted()?,
        launched: inbound.launches()?.last.unwrap_or(Incarnation(0)),
    };
    let mut news = match outbound.news(&known) {
        Ok(news) => news,
        Err(mailbox) => return Ok(Err(mailbox)),
    };
    if inbound.is_silenced()? {
        news.finished.clear();
        news.open_claims.clear();
    }
    // What has its end already is no news, however often it is read.
    let waits = |claim: &Claim| waiting.iter().any(|it| it.0.message == claim.message);
    news.finished.retain(waits);
    Ok(Ok(news))
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
#[cfg(target_os = "linux")]
mod hostile;
#[cfg(test)]
mod quiet;
#[cfg(test)]
mod stops;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod waits;
