//! Parts that were given up anywhere on this host, until the owner was told and after.

use domain::delivery::by_hand::HostKey;
use domain::message::Address;
use domain::time::Timestamp;

use super::CentralStore;
use crate::StoreError;
use crate::outbox::{self, NewPart};
use crate::row::{Columns, FromRow};

/// A part that was given up and that the owner was not told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterRow {
    pub id: i64,
    /// Across the host.
    pub key: String,
    /// Empty where the host wrote it.
    pub agent: String,
    pub to: Address,
    pub why: String,
}

impl FromRow for DeadLetterRow {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (id, session, part, agent, to, why) = columns.next()?;
        let key = HostKey { session: outbox::session_id(session), part }.to_string();
        Ok(Self { id, key, agent, to, why })
    }
}

/// What the owner was not told of yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreportedDeadLetters {
    pub count: usize,
    /// When the first of them was given up, and the last.
    pub oldest: Timestamp,
    pub newest_at: Timestamp,
    /// When the owner was told of others.
    pub last_told: Option<Timestamp>,
    /// The newest ones, the newest first.
    pub newest: Vec<DeadLetterRow>,
}

/// When the owner was last told of dead letters.
const TOLD_AT: &str = "dead_letters_told_at";

impl CentralStore {
    /// What the owner was not told of; at most `newest_max` of them in full.
    ///
    /// # Errors
    /// When the database fails. So for every method below.
    pub fn unreported_dead_letters(
        &self,
        newest_max: usize,
    ) -> Result<Option<UnreportedDeadLetters>, StoreError> {
        const OP: &str = "read the dead letters";
        let sql =
            "SELECT count(*), min(changed_at), max(changed_at) FROM part WHERE unreported = 1";
        let (count, Some(oldest), Some(newest_at)) = self.only(OP, sql, [])? else {
            return Ok(None);
        };
        let last_told = self.setting(TOLD_AT)?.and_then(|it| it.parse().ok()).map(Timestamp);
        let newest = self.list(
            OP,
            "SELECT p.id, p.session, p.key, coalesce(s.agent_group, ''),
                    p.channel, p.account, p.chat, NULL, coalesce(p.reason, '')
             FROM part p LEFT JOIN session s ON s.id = p.session
             WHERE p.unreported = 1 ORDER BY p.changed_at DESC, p.id DESC LIMIT ?1",
            [i64::try_from(newest_max).unwrap_or(i64::MAX)],
        )?;
        Ok(Some(UnreportedDeadLetters { count, oldest, newest_at, last_told, newest }))
    }

    /// Tells the owner of all that died up to then; the message and that they were told are one commit.
    pub fn report_dead_letters(
        &mut self,
        part: &NewPart,
        up_to: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const OP: &str = "tell of dead letters";
        self.whole(OP, |central| {
            central.say(part, now)?;
            central.set_setting(TOLD_AT, &now.0.to_string())?;
            let sql = "UPDATE part SET unreported = 0 WHERE unreported = 1 AND changed_at <= ?1";
            central.run(OP, sql, [up_to.0]).map(drop)
        })
    }
}
