//! Parts that were given up anywhere on this host, until the owner was told and after.

use domain::SessionId;
use domain::delivery::PartKey;
use domain::delivery::by_hand::HostKey;
use domain::message::Address;
use domain::time::Timestamp;

use super::{CentralStore, address};
use crate::StoreError;
use crate::outbox::{self, NewPart};
use crate::session::Scope;

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

/// What the owner was not told of yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
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
    pub fn untold(&self, newest_max: usize) -> Result<Option<Untold>, StoreError> {
        const OP: &str = "read the dead letters";
        let sql = "SELECT count(*), min(changed_at), max(changed_at) FROM part WHERE untold = 1";
        let seen: Option<(i64, Option<i64>, Option<i64>)> =
            self.one(OP, sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let Some((count, Some(oldest), Some(newest_at))) = seen else {
            return Ok(None);
        };
        let last_told = self.setting(TOLD_AT)?.and_then(|it| it.parse().ok()).map(Timestamp);
        let newest = self.list(
            OP,
            "SELECT p.channel, p.account, p.chat, p.id, p.session, p.key,
                    coalesce(s.agent_group, ''), coalesce(p.reason, '')
             FROM part p LEFT JOIN session s ON s.id = p.session
             WHERE p.untold = 1 ORDER BY p.changed_at DESC, p.id DESC LIMIT ?1",
            [i64::try_from(newest_max).unwrap_or(i64::MAX)],
            |row| {
                let session: i64 = row.get(4)?;
                let session = (session != 0).then_some(SessionId(session));
                let key = HostKey { session, part: PartKey(row.get(5)?) };
                Ok(DeadLetterRow {
                    to: address(row, 0)?,
                    id: row.get(3)?,
                    key: key.to_string(),
                    agent: row.get(6)?,
                    why: row.get(7)?,
                })
            },
        )?;
        Ok(Some(Untold {
            count: usize::try_from(count).unwrap_or(0),
            oldest: Timestamp(oldest),
            newest_at: Timestamp(newest_at),
            last_told,
            newest,
        }))
    }

    /// Tells the owner of all that died up to then; the message and that they were told are one commit.
    pub fn tell_lost(
        &mut self,
        part: &NewPart,
        up_to: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change("tell of dead letters", |tx| {
            outbox::add(Scope::host(tx), part, None, now)?;
            tx.execute(
                "INSERT INTO setting VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
                [TOLD_AT, &now.0.to_string()],
            )?;
            tx.execute(
                "UPDATE part SET untold = 0 WHERE untold = 1 AND changed_at <= ?1",
                [up_to.0],
            )
        })
        .map(drop)
    }
}
