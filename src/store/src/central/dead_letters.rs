//! Parts that were given up anywhere on this host, until the owner was told and after.

use domain::delivery::by_hand::HostKey;
use domain::delivery::dead_letter::DeadLetter;
use domain::texts::chat_name;
use domain::time::Timestamp;

use super::CentralStore;
use crate::StoreError;
use crate::outbox::NewPart;
use crate::row::{Columns, FromRow};

impl FromRow for DeadLetter {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (key, agent, why): (HostKey, _, _) = columns.next()?;
        let (channel, chat, title): (String, String, String) = columns.next()?;
        let chat = chat_name(&title, &chat, &channel, None);
        Ok(Self { key: key.to_string(), agent, chat, why })
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
    /// The newest ones, the newest first, each with the number of its row.
    pub newest: Vec<(i64, DeadLetter)>,
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
            "SELECT p.id, p.session, p.key, coalesce(s.agent_group, ''), coalesce(p.reason, ''),
                    p.channel, p.chat, coalesce(g.title, '')
             FROM part p LEFT JOIN session s ON s.id = p.session
             LEFT JOIN messaging_group g
                 ON g.channel = p.channel AND g.account = p.account AND g.chat = p.chat
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
