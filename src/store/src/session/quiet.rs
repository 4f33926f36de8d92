//! Parts that nobody waits for, held while their reader wants to be left alone, and said together
//! afterwards.
//!
//! A held part is written down like any other and is not sent. When the quiet hours are over, one
//! commit releases all that was held for a chat and says which parts share a message; from then on
//! these go the same way as their first one, state for state, and a crash finds them so. The rest
//! of the outbox sees only that first one.

use domain::delivery::{PartKey, Verdict};
use domain::message::Address;
use domain::outgoing::TextLimit;
use domain::quiet::{BETWEEN, together};
use domain::texts::notices::HELD;
use domain::time::Timestamp;
use rusqlite::params;

use super::{Scope, SessionRows};
use crate::Result;
use crate::outbox::{self, ClaimedPart};
use crate::reasons::STOPPED;
use crate::row::{is_there, list, one, run};

impl SessionRows<'_> {
    /// Releases all that is held for a chat, in its order, texts together as far as one message of
    /// this platform takes them. Doing it again changes nothing.
    pub fn end_quiet(&self, chat: &Address, limit: TextLimit, now: Timestamp) -> Result<()> {
        let sql = "SELECT thread FROM part WHERE session = ?1 AND quiet = 'held' AND channel = ?2
                       AND account = ?3 AND chat = ?4 GROUP BY thread ORDER BY min(id)";
        self.commit("the end of quiet hours", |tx| {
            let of = params![tx.session, chat.channel, chat.account, chat.chat];
            // Threads are read apart from each other.
            for thread in list::<Option<String>>(&tx, sql, of)? {
                release(tx, &Address { thread, ..chat.clone() }, limit, now)?;
            }
            Ok(())
        })
    }
}

fn release(tx: Scope<'_>, to: &Address, limit: TextLimit, now: Timestamp) -> rusqlite::Result<()> {
    let sql = "SELECT key, iif(form = 'text', text, NULL) FROM part
               WHERE session = ?1 AND quiet = 'held' AND state = 'ready' AND channel = ?2
                   AND account = ?3 AND chat = ?4 AND thread IS ?5 ORDER BY id";
    let of = params![tx.session, to.channel, to.account, to.chat, to.thread];
    let held: Vec<(String, Option<String>)> = list(&tx, sql, of)?;
    let texts: Vec<Option<&str>> = held.iter().map(|it| it.1.as_deref()).collect();
    let mut left = &held[..];
    let mut word = "first";
    for count in together(&texts, limit) {
        let (message, rest) = left.split_at(count);
        let leader = message.first().map(|it| &it.0);
        for (at, (key, _)) in message.iter().enumerate() {
            let sql = "UPDATE part SET quiet = ?3, said_with = ?4, changed_at = ?5
                       WHERE session = ?1 AND key = ?2";
            let with = leader.filter(|_| 0 < at);
            run(&tx, sql, params![tx.session, key, word, with, now.0])?;
            word = "released";
        }
        left = rest;
    }
    // What was given up meanwhile is held no longer either.
    let sql = "UPDATE part SET quiet = 'released'
               WHERE session = ?1 AND quiet = 'held' AND channel = ?2 AND account = ?3
                   AND chat = ?4 AND thread IS ?5";
    run(&tx, sql, of).map(drop)
}

/// Holds a part back that was just added.
pub(super) fn hold(tx: Scope<'_>, key: &PartKey) -> rusqlite::Result<()> {
    let sql = "UPDATE part SET quiet = 'held'
               WHERE session = ?1 AND key = ?2 AND state = 'ready'";
    run(&tx, sql, params![tx.session, key.0]).map(drop)
}

/// Whether a part was ever held: what changes such a message would change what others say in it.
pub(super) fn was_held(tx: Scope<'_>, key: &PartKey) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM part WHERE session = ?1 AND key = ?2 AND quiet IS NOT NULL";
    is_there(&tx, sql, params![tx.session, key.0])
}

/// Puts what is said with a part into it, under the heading if it is the first; with the same commit
/// that claims it.
pub(super) fn join(tx: Scope<'_>, part: &mut ClaimedPart, now: Timestamp) -> rusqlite::Result<()> {
    let key = part.host_key.part.clone();
    let sql = "SELECT quiet = 'first' FROM part
               WHERE session = ?1 AND key = ?2 AND quiet IS NOT NULL";
    let Some(first) = one::<bool>(&tx, sql, params![tx.session, key.0])? else { return Ok(()) };
    let texts: Vec<String> = followers(tx, &key)?.into_iter().map(|it| it.1).collect();
    let sql = "UPDATE part SET state = 'claimed', changed_at = ?3, claimed_at = ?3
               WHERE session = ?1 AND said_with = ?2 AND state NOT IN ('sent', 'dead')";
    run(&tx, sql, params![tx.session, key.0, now.0])?;
    part.join(first.then_some(HELD), &texts, BETWEEN);
    Ok(())
}

/// Writes the end of an attempt down for what was said with a part too. If that part is given up,
/// each of the others goes on alone: what is wrong with one need not be wrong with all.
pub(super) fn conclude(
    tx: Scope<'_>,
    leader: &PartKey,
    verdict: &Verdict,
    now: Timestamp,
) -> rusqlite::Result<()> {
    if let Verdict::Dead { .. } = verdict {
        return scatter(tx, leader);
    }
    for (key, _) in followers(tx, leader)? {
        outbox::conclude(tx, &key, verdict, now)?;
    }
    Ok(())
}

/// Sends parts alone that shared a message with one that is given up or retried by hand.
pub(super) fn scatter(tx: Scope<'_>, leader: &PartKey) -> rusqlite::Result<()> {
    let sql = "UPDATE part SET said_with = NULL, retry_at = 0,
                   state = iif(reason = ?3, 'dead', iif(was_uncertain, 'uncertain', 'ready'))
               WHERE session = ?1 AND said_with = ?2 AND state NOT IN ('sent', 'dead')";
    run(&tx, sql, params![tx.session, leader.0, STOPPED]).map(drop)
}

/// What is said with a part and has not come to its end, in its order, with its text.
fn followers(tx: Scope<'_>, leader: &PartKey) -> rusqlite::Result<Vec<(PartKey, String)>> {
    let sql = "SELECT key, text FROM part
               WHERE session = ?1 AND said_with = ?2 AND state NOT IN ('sent', 'dead') ORDER BY id";
    list(&tx, sql, params![tx.session, leader.0])
}
