//! What the host itself says: parts of session 0, each sent once per key. With it, why a message of
//! somebody goes nowhere: that too waits for its platform, and stops where a stop holds. And what was given
//! up anywhere on this host, of which the owner is told.

use std::time::Duration;

use domain::delivery::PartKey;
use domain::delivery::by_hand::HostKey;
use domain::delivery::dead_letter::DeadLetter;
use domain::message::Incoming;
use domain::texts::chat_name;

use crate::central::prelude::*;
use crate::outbox::{self, Draft, NewPart, PartKind};
use crate::row::{Columns, FromRow, is_there};
use crate::session::Scope;

/// The shortest time between two refusals that one sender gets in one chat.
const REFUSAL_EVERY: Duration = Duration::from_secs(60);

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
    /// Whether this was said already, or is about to be.
    pub fn has_said(&self, key: &PartKey) -> Result<bool> {
        let sql = "SELECT 1 FROM part WHERE session = 0 AND key = ?1";
        self.is_there("read what was said", sql, [&key.0])
    }

    /// Says something, once per key. Returns whether it is new.
    pub fn say(&mut self, part: &NewPart, now: Timestamp) -> Result<bool> {
        let added = outbox::add(Scope::host(&self.conn), part, None, now);
        added.map_err(StoreError::query("a notice"))
    }

    /// Tells the sender of a message why it goes nowhere; once for each message, and at most once a
    /// minute for each sender and chat. Returns whether they are told.
    pub fn add_refusal(&mut self, message: &Incoming, why: &str, now: Timestamp) -> Result<bool> {
        let (from, sender) = (&message.from, &message.body.sender.id);
        let pieces = [&from.channel, &from.account, &from.chat, sender].map(|it| piece(it));
        let of_sender = format!("refused.{}.", pieces.join("."));
        let sql = "SELECT 1 FROM part WHERE session = 0 AND ?1 <= key AND key < ?2
                       AND ?3 < created_at AND created_at <= ?4";
        let last = format!("{of_sender}\u{10ffff}");
        let key = format!("{of_sender}{}", piece(&message.platform_id));
        let part = NewPart::new(key, from.clone(), PartKind::Notice, Draft::Text(why.to_owned()));
        let part = part.replying_to(message.platform_id.clone());
        self.change("a refusal", |central| {
            let lately = params![of_sender, last, (now - REFUSAL_EVERY).0, now.0];
            Ok(!is_there(&central.conn, sql, lately)? && central.say(&part, now)?)
        })
    }

    /// What the owner was not told of; at most `limit` of them in full.
    pub fn unreported_dead_letters(&self, limit: usize) -> Result<Option<UnreportedDeadLetters>> {
        const OP: &str = "read the dead letters";
        let sql =
            "SELECT count(*), min(changed_at), max(changed_at) FROM part WHERE unreported = 1";
        let (count, Some(oldest), Some(newest_at)) = self.only(OP, sql, [])? else {
            return Ok(None);
        };
        let last_told = self.setting(TOLD_AT)?.and_then(|it| it.parse().ok()).map(Timestamp);
        let sql =
            "SELECT p.id, p.session, p.key, coalesce(s.agent_group, ''), coalesce(p.reason, ''),
                    p.channel, p.chat, coalesce(g.title, '')
             FROM part p LEFT JOIN session s ON s.id = p.session
             LEFT JOIN messaging_group g
                 ON g.channel = p.channel AND g.account = p.account AND g.chat = p.chat
             WHERE p.unreported = 1 ORDER BY p.changed_at DESC, p.id DESC LIMIT ?1";
        let newest = self.list(OP, sql, [limit])?;
        Ok(Some(UnreportedDeadLetters { count, oldest, newest_at, last_told, newest }))
    }

    /// Tells the owner of all that died up to then; the message and that they were told are one commit.
    pub fn report_dead_letters(
        &mut self,
        part: &NewPart,
        up_to: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        self.change("tell of dead letters", |central| {
            central.say(part, now)?;
            central.set_setting(TOLD_AT, &now.0.to_string())?;
            let sql = "UPDATE part SET unreported = 0 WHERE unreported = 1 AND changed_at <= ?1";
            central.conn.execute(sql, [up_to.0])?;
            Ok(())
        })
    }
}

/// A piece of a key: with no dot in it, so that the key of one sender never begins another one's.
fn piece(text: &str) -> String {
    text.replace('%', "%25").replace('.', "%2E")
}

#[cfg(test)]
mod tests {
    use domain::message::{Address, Author, Body};

    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn message(id: &str, sender: &str, chat: &str) -> Incoming {
        Incoming {
            from: Address { channel: "telegram".into(), chat: chat.into(), ..Address::default() },
            platform_id: id.into(),
            body: Body::new(Author::new(sender, String::new()), ""),
            ..Incoming::default()
        }
    }

    #[test]
    fn a_sender_is_told_once_a_minute_in_each_chat_and_once_for_each_message() {
        let dir = tempfile::tempdir().unwrap();
        let mut central = CentralStore::open(&dir.path().join("central.db")).unwrap();
        let mut told = |id: &str, sender: &str, chat: &str, after: u64| {
            let now = NOW + Duration::from_secs(after);
            central.add_refusal(&message(id, sender, chat), "no", now).unwrap()
        };
        assert!(told("m1", "9", "a", 0));
        assert!(!told("m2", "9", "a", 59));
        assert!(told("m3", "9", "b", 59), "another chat");
        assert!(told("m4", "99", "a", 59), "another sender");
        assert!(told("m5", "9", "a", 60));
        assert!(!told("m1", "9", "a", 300), "delivered again");
        assert!(told("m6", "8.5", "a.1", 300) && !told("m7", "8.5", "a.1", 301));
        for (sender, chat) in [("8", "a.1"), ("8", "a"), ("1.8", "a"), ("8%2E5", "a.1")] {
            assert!(told("m8", sender, chat, 301), "{sender} in {chat} is another one");
        }
        let of = message("m1", "9", "a").from;
        let heads = central.lane_heads(&of.channel, &of.account, None).unwrap();
        assert_eq!(heads.len(), 3, "one is next in each chat");
    }
}
