//! Lanes: the unfinished parts of one chat, in the order in which they were written, across all
//! writers. The channel of the chat claims the head of each lane, sends it, and concludes it.
//!
//! Invariants
//! - A part is claimed by a commit before a platform is talked to.
//! - Lanes are independent: what is wrong with one part holds up its own chat alone.
//! - The parts of one session in a chat leave in their order; see [`domain::delivery`] for those of others.

use std::path::PathBuf;

use domain::delivery::by_hand::{HostKey, Order};
use domain::delivery::{LEFT_WAIT_MAX, PartView, Verdict};

use crate::central::prelude::*;
use crate::outbox::{ClaimedPart, Ordered};
use crate::reasons::LEFT;
use crate::row::{list, row, statements};
use crate::session::{self, Scope, SessionRows};

/// Longer waits were asked for by a platform.
const BACKOFF_MAX_MS: i64 = 60_000;
/// Parts that are given up in one commit because the bot is not in their chats.
const LEFT_MAX: i64 = 200;

/// The first unfinished part of one session in a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneHead {
    pub chat: String,
    /// The session that it belongs to, and its agent; `None` for a part of the host.
    pub of: Option<(SessionId, AgentName)>,
    pub part: PartView,
    /// Several people can be in the chat.
    pub in_group: bool,
}

impl LaneHead {
    pub fn key(&self) -> HostKey {
        HostKey { session: self.of.as_ref().map(|it| it.0), part: self.part.key.clone() }
    }
}

// No agent is that of the host.
row!(LaneHead { of, chat, part, in_group });

statements! {
    /// The chats of an account for which something is held until their reader wants to hear of it, by
    /// session.
    pub fn held_chats(channel: &str, account: &str) -> Vec<(SessionId, Address)> =
        list("read what is held",
        "SELECT session, channel, account, chat, NULL FROM part INDEXED BY part_held
            WHERE channel = ?1 AND account = ?2 AND quiet = 'held'
                AND state NOT IN ('sent', 'dead') GROUP BY chat, session ORDER BY min(id)",
        [channel, account]);
    /// A chat can be reached again: what waits for it waits no longer, unless its platform asked for a
    /// long wait.
    pub fn parts_reachable(chat: &Address) -> () = execute("a reachable chat",
        "UPDATE part INDEXED BY part_chat SET retry_at = 0
            WHERE channel = ?1 AND account = ?2 AND chat = ?3 AND state NOT IN ('sent', 'dead')
              AND state IN ('unsent', 'uncertain') AND retry_at - changed_at <= ?4",
        params![chat.channel, chat.account, chat.chat, BACKOFF_MAX_MS]);
}

statements! {
    /// Parts that wait for chats that the bot left, and wait no longer: the host's lines that work goes on, emoji
    /// and deletions at once, all else after [`LEFT_WAIT_MAX`].
    pub fn left_behind(now: Timestamp) -> Vec<HostKey> = list("find parts for chats that were left",
        "SELECT p.session, p.key FROM messaging_group g JOIN part p INDEXED BY part_chat
             ON (p.channel, p.account, p.chat) = (g.channel, g.account, g.chat)
         WHERE g.left_at IS NOT NULL AND p.state NOT IN ('sent', 'dead') AND p.state <> 'claimed'
             AND p.said_with IS NULL
             AND (max(g.left_at, p.created_at) <= ?1 OR p.form IN ('reaction', 'delete')
                 OR (p.kind = 'interim' AND p.out_seq IS NULL AND p.cause IS NOT NULL))
         ORDER BY p.id LIMIT ?2", params![(now - LEFT_WAIT_MAX).0, LEFT_MAX]);
}

impl CentralStore {
    /// Gives up what waits no longer for chats that the bot left; returns the copies of files that nobody needs any more.
    pub fn give_up_left(&mut self, now: Timestamp) -> Result<Vec<PathBuf>> {
        let dead = |key| (key, Verdict::Dead { why: LEFT.to_owned() });
        let ended: Vec<_> = self.left_behind(now)?.into_iter().map(dead).collect();
        self.conclude_parts(&ended, now)
    }

    /// The first unfinished part of each session in each chat of an account, or in one chat, in the order
    /// in which they were written. What is held for quiet hours is in no lane.
    pub fn lane_heads(
        &self,
        channel: &str,
        account: &str,
        chat: Option<&str>,
    ) -> Result<Vec<LaneHead>> {
        const OP: &str = "read the lanes";
        let sql = |which: &str| {
            format!(
                "SELECT p.session, s.agent_group, p.chat, p.key, p.state, p.retry_at, p.changed_at,
                     EXISTS (SELECT 1 FROM messaging_group g WHERE g.channel = p.channel
                         AND g.account = p.account AND g.chat = p.chat AND g.is_group = 1)
                 FROM (SELECT min(id) AS first FROM part INDEXED BY part_chat
                       WHERE channel = ?1 AND account = ?2 {which}
                           AND state NOT IN ('sent', 'dead') AND quiet IS NOT 'held'
                           AND NOT EXISTS (SELECT 1 FROM messaging_group g WHERE g.left_at IS NOT NULL
                               AND g.channel = part.channel AND g.account = part.account
                               AND g.chat = part.chat)
                       GROUP BY chat, session)
                 JOIN part p ON p.id = first LEFT JOIN session s ON s.id = p.session ORDER BY p.id"
            )
        };
        match chat {
            None => self.list(OP, &sql(""), [channel, account]),
            Some(chat) => self.list(OP, &sql("AND chat = ?3"), [channel, account, chat]),
        }
    }

    /// Commits that parts are being sent. `None` for one that is finished already, or cannot be sent.
    pub fn claim_parts(
        &mut self,
        keys: &[HostKey],
        now: Timestamp,
    ) -> Result<Vec<Option<ClaimedPart>>> {
        self.change_unannounced("the claim of a part", |central| {
            let claim = |key: &HostKey| -> Result<_> {
                let (scope, root) = central.scope(key.session);
                Ok(session::claim_part(scope, &root, &key.part, now)?)
            };
            keys.iter().map(claim).collect()
        })
    }

    /// Writes down how attempts ended. Returns the copies of files that nobody needs any more, to be
    /// removed after the commit; one that is left behind is found by the next pruning.
    pub fn conclude_parts(
        &mut self,
        ended: &[(HostKey, Verdict)],
        now: Timestamp,
    ) -> Result<Vec<PathBuf>> {
        self.change_unannounced("the end of a part", |central| {
            let mut copies = Vec::new();
            for (key, verdict) in ended {
                let (scope, root) = central.scope(key.session);
                let sent = session::conclude_part(scope, &key.part, verdict, now)?;
                copies.extend(sent.iter().map(|path| root.join(path)));
            }
            Ok(copies)
        })
    }

    /// The platform says that a message of ours did not arrive after all: the part is given up. One that is
    /// not known, or was given up before, changes nothing.
    pub fn undelivered(&mut self, at: &Address, id: &str, why: &str, now: Timestamp) -> Result<()> {
        self.change("a message that did not arrive", |central| {
            let sql = "UPDATE part SET state = 'dead', retry_at = 0, reason = ?5, changed_at = ?6
                       WHERE platform_id = ?1 AND channel = ?2 AND account = ?3 AND chat = ?4
                           AND state = 'sent' RETURNING session, key";
            let Address { channel, account, chat, .. } = at;
            let values = params![id, channel, account, chat, why, now.0];
            for key in list::<HostKey>(&central.conn, sql, values)? {
                session::record_dead(central.scope(key.session).0, &key.part, now)?;
            }
            Ok(())
        })
    }

    /// Does to parts what is said at the host; one answer for each.
    pub fn order_parts(
        &mut self,
        keys: &[HostKey],
        order: Order,
        now: Timestamp,
    ) -> Result<Vec<Ordered>> {
        self.change("an order", |central| {
            let order = |key: &HostKey| -> Result<_> {
                let scope = central.scope(key.session).0;
                let ordered = session::order_part(scope, &key.part, order, now)?;
                if ordered.is_ok() {
                    let line = format!("outbox {} {key}", order.as_str());
                    central.record_change(&line, "host", now)?;
                }
                Ok(ordered)
            };
            keys.iter().map(order).collect()
        })
    }

    /// The rows of a session or of the host, and where the files of that lie; the host itself has none.
    fn scope(&self, session: Option<SessionId>) -> (Scope<'_>, PathBuf) {
        match session {
            None => (Scope::host(&self.conn), PathBuf::new()),
            Some(id) => {
                let SessionRows { scope, root } = self.rows(id);
                (scope, root)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::delivery::PartKey;
    use domain::delivery::by_hand::Standing;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::{Db, Draft, NewPart, NoGate, PartKind};

    const NOW: Timestamp = Timestamp(1_000);

    fn part(key: &str, chat: &str) -> NewPart {
        let to =
            Address { channel: "c".into(), account: "a".into(), chat: chat.into(), thread: None };
        let (reply_to, content) = (String::new(), Draft::Text(key.into()));
        NewPart { key: PartKey(key.into()), to, reply_to, kind: PartKind::Notice, content }
    }

    fn hosts(key: &str) -> HostKey {
        HostKey { session: None, part: PartKey(key.into()) }
    }

    fn central() -> (tempfile::TempDir, CentralStore) {
        let dir = tempfile::tempdir().unwrap();
        let central = CentralStore::open(&dir.path().join("central.db")).unwrap();
        (dir, central)
    }

    #[test]
    fn a_lane_shows_its_first_part_until_that_is_finished() {
        let (_dir, mut central) = central();
        for (key, chat) in [("x", "one"), ("y", "one"), ("z", "two")] {
            central.say(&part(key, chat), NOW).unwrap();
        }
        let heads = |central: &CentralStore, chat| {
            let heads = central.lane_heads("c", "a", chat).unwrap().into_iter();
            heads.map(|it| (it.key().to_string(), it.part.standing)).collect::<Vec<_>>()
        };
        let ready = |key: &str| (format!("host.{key}"), Standing::Ready);
        assert_eq!(heads(&central, None), [ready("x"), ready("z")]);
        assert_eq!(heads(&central, Some("two")), [ready("z")]);
        assert_eq!(central.lane_heads("c", "b", None).unwrap(), [], "another account");
        let claimed = central.claim_parts(&[hosts("x"), hosts("nothing")], NOW).unwrap();
        assert!(claimed[0].is_some() && claimed[1].is_none());
        assert_eq!(heads(&central, Some("one")), [("host.x".into(), Standing::Claimed)]);
        let sent = Verdict::Sent { platform_id: "p".into() };
        central.conclude_parts(&[(hosts("x"), sent)], NOW).unwrap();
        assert_eq!(heads(&central, Some("one")), [ready("y")]);
    }

    #[test]
    fn what_waits_for_a_chat_that_was_left_is_given_up_after_a_week_and_emoji_at_once() {
        let (_dir, mut central) = central();
        let at = |chat: &str| part("", chat).to;
        for chat in ["left", "other"] {
            central.ensure_chat(&at(chat), &Default::default(), None, NOW).unwrap();
        }
        central.say(&part("old", "left"), NOW).unwrap();
        central.say(&part("other", "other"), NOW).unwrap();
        let emoji = Draft::Reaction(crate::Target::Platform("7".into()), "x".into());
        central.say(&NewPart { content: emoji, ..part("emoji", "left") }, NOW).unwrap();
        central.set_left(&at("left"), Some(NOW)).unwrap();
        let young = NOW + LEFT_WAIT_MAX / 2;
        central.say(&part("young", "left"), young).unwrap();
        assert_eq!(central.left_behind(NOW).unwrap(), [hosts("emoji")]);
        central.give_up_left(NOW).unwrap();
        assert_eq!(central.left_behind(young).unwrap(), []);
        central.give_up_left(NOW + LEFT_WAIT_MAX).unwrap();
        let state = |key: &str| {
            let sql = "SELECT state, coalesce(reason, '') FROM part WHERE key = ?1";
            crate::row::only::<(String, String)>(&central.conn, sql, [key]).unwrap()
        };
        for key in ["emoji", "old"] {
            assert_eq!(state(key), ("dead".to_owned(), LEFT.to_owned()));
        }
        for key in ["young", "other"] {
            assert_eq!(state(key).0, "ready");
        }
        assert_eq!(central.unreported_dead_letters(9).unwrap().unwrap().count, 2);
    }

    #[tokio::test]
    async fn each_commit_that_changes_the_outbox_is_announced_but_the_channels_own() {
        let dir = tempfile::tempdir().unwrap();
        let (path, told) = (dir.path().join("central.db"), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&told);
        let announce: crate::Announce = Arc::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let db = Db::new(Arc::new(NoGate), move || {
            Ok(CentralStore::open(&path)?.announcing(Arc::clone(&announce)))
        });
        db.write("a setting", |it: &mut CentralStore| it.set_setting("a", "b")).await.unwrap();
        assert_eq!(told.load(Ordering::SeqCst), 0);
        db.write("a notice", |it| it.say(&part("x", "one"), NOW)).await.unwrap();
        assert_eq!(told.load(Ordering::SeqCst), 1);
        db.write("a claim", |it| it.claim_parts(&[hosts("x")], NOW)).await.unwrap();
        assert_eq!(told.load(Ordering::SeqCst), 1);
        let dead = || vec![(hosts("x"), Verdict::Dead { why: "no".into() })];
        db.write("an end", move |it| it.conclude_parts(&dead(), NOW)).await.unwrap();
        assert_eq!(told.load(Ordering::SeqCst), 1);
        let retry = |it: &mut CentralStore| it.order_parts(&[hosts("x")], Order::Retry, NOW);
        db.write("an order", retry).await.unwrap();
        assert_eq!(told.load(Ordering::SeqCst), 2);
    }
}
