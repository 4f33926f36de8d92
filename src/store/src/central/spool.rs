//! What senders brought and the host has not accepted yet, in the order in which it came, and which events were
//! accepted lately, so that none is taken twice.

use domain::spool::{Put, Raw, SpoolRow};

use crate::central::prelude::*;
use crate::row::{one, only, row, run, statements};

/// What may wait for one account: rows, and bytes in them.
const SPOOL_ROWS_MAX: i64 = 1_000;
const SPOOL_BYTES_MAX: i64 = 64 * 1024 * 1024;

row!(SpoolRow { number, id, bytes });

statements! {
    /// What waits for an account behind a number, the oldest first.
    pub fn spooled(channel: &str, account: &str, after: i64, limit: i64) -> Vec<SpoolRow> =
        list("read what waits",
        "SELECT number, id, bytes FROM spool
         WHERE channel = ?1 AND account = ?2 AND ?3 < number AND bytes IS NOT NULL
         ORDER BY number LIMIT ?4", params![channel, account, after, limit]);
    /// Forgets what was accepted, up to a number and with it; not which events they were.
    pub fn prune_spool(channel: &str, account: &str, number: i64) -> () =
        execute("forget what was accepted",
        "UPDATE spool SET bytes = NULL
         WHERE channel = ?1 AND account = ?2 AND number <= ?3 AND bytes IS NOT NULL",
        params![channel, account, number]);
}

impl CentralStore {
    pub fn spool(
        &mut self,
        (channel, account): (&str, &str),
        new: &Raw,
        now: Timestamp,
    ) -> Result<Put> {
        self.change("spool a request", |central| {
            let (tx, id) = (&central.conn, new.id.as_str());
            let old = "DELETE FROM spool WHERE channel = ?1 AND account = ?2 AND known_until <= ?3
                       AND bytes IS NULL";
            run(tx, old, params![channel, account, now.0])?;
            let sql = "SELECT sent_as FROM spool WHERE channel = ?1 AND account = ?2 AND id = ?3";
            if let Some(known) = one::<String>(tx, sql, [channel, account, id])? {
                return Ok(Put::Known { is_same: known == new.sent_as });
            }
            if let Some(chat) = new.chat.clone() {
                let sql = "SELECT count(*) FROM spool
                           WHERE channel = ?1 AND account = ?2 AND bytes IS NOT NULL";
                let unread: i64 = only(tx, sql, [channel, account])?;
                let (channel, account) = (channel.to_owned(), account.to_owned());
                let from = Address { channel, account, chat, thread: None };
                if !central.may_wait(&from, unread, now)? {
                    return Ok(Put::Full);
                }
            }
            let sql = "SELECT count(*) < ?3 AND total(length(bytes)) + ?4 <= ?5 FROM spool
                       WHERE channel = ?1 AND account = ?2 AND bytes IS NOT NULL";
            let size = i64::try_from(new.bytes.len()).unwrap_or(i64::MAX);
            let limits = params![channel, account, SPOOL_ROWS_MAX, size, SPOOL_BYTES_MAX];
            if one::<bool>(tx, sql, limits)? != Some(true) {
                return Ok(Put::Full);
            }
            let sql = "INSERT INTO spool (channel, account, id, sent_as, known_until, bytes)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let until = now + new.known_for;
            run(tx, sql, params![channel, account, id, new.sent_as, until.0, new.bytes])?;
            Ok(Put::Stored)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn store() -> (tempfile::TempDir, CentralStore) {
        let dir = tempfile::tempdir().unwrap();
        let central = CentralStore::open(&dir.path().join("central.db")).unwrap();
        (dir, central)
    }

    fn new(id: &str, bytes: usize) -> Raw {
        let (sent_as, bytes) = ("d-1".into(), vec![b'x'; bytes]);
        Raw { id: id.into(), sent_as, known_for: DAY, chat: None, bytes }
    }

    fn put(central: &mut CentralStore, account: &str, raw: &Raw, now: Timestamp) -> Put {
        central.spool(("webhook", account), raw, now).unwrap()
    }

    #[test]
    fn what_waits_is_read_in_order_until_it_is_forgotten_and_stays_known_for_a_while() {
        let (_dir, mut central) = store();
        for id in ["a", "b", "c"] {
            assert_eq!(put(&mut central, "main", &new(id, 1), NOW), Put::Stored);
        }
        assert_eq!(put(&mut central, "other", &new("a", 1), NOW), Put::Stored);
        let read = |central: &CentralStore, after| -> Vec<(i64, String)> {
            let rows = central.spooled("webhook", "main", after, 2).unwrap();
            rows.into_iter().map(|it| (it.number, it.id)).collect()
        };
        let all = read(&central, 0);
        assert_eq!(all.iter().map(|it| it.1.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        central.prune_spool("webhook", "main", all[1].0).unwrap();
        assert_eq!(read(&central, 0), read(&central, all[1].0), "only `c` waits");
        assert_eq!(central.spooled("webhook", "other", 0, 9).unwrap().len(), 1);

        let other = Raw { sent_as: "d-2".into(), ..new("a", 1) };
        assert_eq!(put(&mut central, "main", &new("a", 1), NOW), Put::Known { is_same: true });
        assert_eq!(put(&mut central, "main", &other, NOW), Put::Known { is_same: false });
        // What still waits is known, however old it is.
        let later = NOW + DAY;
        assert_eq!(put(&mut central, "main", &new("c", 1), later), Put::Known { is_same: true });
        assert_eq!(put(&mut central, "main", &other, later), Put::Stored);
        let numbers: Vec<i64> = read(&central, 0).into_iter().map(|it| it.0).collect();
        assert!(all[1].0 < numbers[0] && numbers[0] < numbers[1], "no number is given again");
    }

    #[test]
    fn what_nobody_connected_takes_little() {
        let (_dir, mut central) = store();
        let bring = |central: &mut CentralStore, chat: &str, n: usize| {
            let id = format!("{chat}{n}");
            let raw = Raw { chat: Some(chat.into()), ..new(&id, 1) };
            put(central, "main", &raw, NOW)
        };
        let taken: Vec<_> = (0..25).map(|n| bring(&mut central, "ci", n)).collect();
        assert_eq!(taken.iter().filter(|it| **it == Put::Stored).count(), 20);
        assert_eq!(bring(&mut central, "ci", 3), Put::Known { is_same: true });
        let at = |chat: &str| Address {
            channel: "webhook".into(),
            account: "main".into(),
            chat: chat.into(),
            thread: None,
        };
        central.prune_spool("webhook", "main", i64::MAX).unwrap();
        assert_eq!(bring(&mut central, "ci", 30), Put::Stored);
        // As many chats as an hour has requests for wait for somebody.
        for n in 0..10 {
            let chat = format!("hook{n}");
            let row = central.ensure_chat(&at(&chat), &Default::default(), None, NOW).unwrap();
            let sql =
                "INSERT INTO question (kind, messaging_group, text, options, asked_at, expires_at)
                       VALUES ('chat', ?1, '', '[]', ?2, ?2)";
            central.conn.execute(sql, [row.id.0, NOW.0]).unwrap();
        }
        assert_eq!(bring(&mut central, "one-more", 1), Put::Full);
        assert_eq!(bring(&mut central, "hook1", 1), Put::Stored, "it is asked about");
        let agent = AgentName::parse("andy").unwrap();
        central.add_agent(&domain::agent::AgentGroup::new(agent.clone())).unwrap();
        central.wire(&at("one-more"), &agent, NOW).unwrap();
        assert_eq!(bring(&mut central, "one-more", 1), Put::Stored);
    }

    #[test]
    fn as_much_waits_as_may() {
        let (_dir, mut central) = store();
        for n in 0..SPOOL_ROWS_MAX {
            let stored = put(&mut central, "main", &new(&n.to_string(), 1), NOW);
            assert_eq!(stored, Put::Stored);
        }
        assert_eq!(put(&mut central, "main", &new("more", 1), NOW), Put::Full);
        assert_eq!(put(&mut central, "main", &new("0", 1), NOW), Put::Known { is_same: true });
        assert_eq!(put(&mut central, "other", &new("more", 1), NOW), Put::Stored);
        let half = usize::try_from(SPOOL_BYTES_MAX / 2).unwrap();
        assert_eq!(put(&mut central, "large", &new("a", half), NOW), Put::Stored);
        assert_eq!(put(&mut central, "large", &new("b", half + 1), NOW), Put::Full);
        assert_eq!(put(&mut central, "large", &new("c", half), NOW), Put::Stored);
        let last = central.spooled("webhook", "main", 0, 2_000).unwrap().last().unwrap().number;
        central.prune_spool("webhook", "main", last).unwrap();
        assert_eq!(put(&mut central, "main", &new("more", 1), NOW), Put::Stored);
    }

    #[test]
    fn an_account_that_is_removed_leaves_nothing() {
        let (_dir, mut central) = store();
        put(&mut central, "main", &new("a", 1), NOW);
        central.remove_account("webhook", "main").unwrap();
        assert_eq!(central.spooled("webhook", "main", 0, 9).unwrap(), []);
        assert_eq!(put(&mut central, "main", &new("a", 1), NOW), Put::Stored);
    }
}
