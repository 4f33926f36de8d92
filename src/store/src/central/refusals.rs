//! Tells senders why a message of theirs goes nowhere: a part of the host like any other, so that it
//! is sent once, waits for its platform, and stops where a stop holds.

use std::time::Duration;

use domain::message::Incoming;
use domain::time::Timestamp;
use rusqlite::{Connection, params};

use super::CentralStore;
use crate::StoreError;
use crate::outbox::{self, Draft, NewPart, PartKind};
use crate::row::is_there;
use crate::session::Scope;

/// The shortest time between two refusals that one sender gets in one chat.
const REFUSAL_EVERY: Duration = Duration::from_secs(60);

impl CentralStore {
    /// Tells the sender of a message why it goes nowhere; once for each message, and at most once a
    /// minute for each sender and chat. Returns whether they are told.
    ///
    /// # Errors
    /// When the database fails.
    pub fn add_refusal(
        &mut self,
        message: &Incoming,
        why: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change("a refusal", |tx| add(tx, message, why, now))
    }
}

/// As [`CentralStore::add_refusal`], within the commit of the caller.
pub(super) fn add(
    tx: &Connection,
    message: &Incoming,
    why: &str,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let (from, sender) = (&message.from, &message.body.sender.id);
    let pieces = [&from.channel, &from.account, &from.chat, sender].map(|it| piece(it));
    let of_sender = format!("refused.{}.", pieces.join("."));
    let sql = "SELECT 1 FROM part WHERE session = 0 AND ?1 <= key AND key < ?2 AND ?3 < created_at
                   AND created_at <= ?4";
    let last = format!("{of_sender}\u{10ffff}");
    if is_there(tx, sql, params![of_sender, last, (now - REFUSAL_EVERY).0, now.0])? {
        return Ok(false);
    }
    let key = format!("{of_sender}{}", piece(&message.platform_id));
    let part = NewPart::new(key, from.clone(), PartKind::Notice, Draft::Text(why.to_owned()));
    let part = part.replying_to(message.platform_id.clone());
    outbox::add(Scope::host(tx), &part, None, now)
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
            body: Body::new(Author { id: sender.into(), name: String::new() }, ""),
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
