//! Messages that wait: for the provider, until their deadline, and what their chats are told of it.

use std::collections::BTreeMap;

use domain::MessageSeq;
use domain::message::Address;
use domain::session::DEADLINE;
use domain::texts::{self, notices};
use domain::time::Timestamp;
use domain::waits::{self, ProviderWait, ToldWait};
use rusqlite::params;

use super::{Scope, SessionRows, parts, tasks};
use crate::Result;
use crate::outbound::Waits;
use crate::outbox::PartKind;
use crate::row::{json_column, list, one, only, row, run, to_json};

/// A message without an outcome, as [`StoredWait`].
const STORED: &str =
    "SELECT seq, wait, told_wait, received_at, last_chance, channel, account, chat, thread
     FROM message WHERE session = ?1 AND seq = ?2 AND outcome IS NULL";

/// What is known of a message that waits.
struct StoredWait {
    seq: MessageSeq,
    wait: Option<ProviderWait>,
    told: Option<ToldWait>,
    received_at: Timestamp,
    last_chance: Option<Timestamp>,
    from: Address,
}

row!(StoredWait { seq, wait, told, received_at, last_chance, from });

json_column!(ProviderWait, ToldWait);

impl StoredWait {
    /// Until when it is kept.
    fn deadline(&self) -> Timestamp {
        self.last_chance.unwrap_or(self.received_at + DEADLINE)
    }
}

/// Takes over the waits of one import. Of those of one message the last one counts: an honest runner
/// writes no other before the host knows of it.
pub(super) fn take_all(tx: Scope<'_>, all: &[Waits], now: Timestamp) -> rusqlite::Result<()> {
    let last: BTreeMap<MessageSeq, &Waits> = all.iter().map(|it| (it.message, it)).collect();
    last.into_values().try_for_each(|it| take(tx, it, now))
}

/// Takes over what the runner said of a turn that has to wait. The runner is not trusted: only a
/// message without an outcome can wait, and not for longer than a wait may last.
fn take(tx: Scope<'_>, wait: &Waits, now: Timestamp) -> rusqlite::Result<()> {
    let sql = "UPDATE session SET imported_wait = ?2 WHERE id = ?1 AND imported_wait < ?2";
    run(&tx, sql, [tx.session, wait.id])?;
    let Some(message) = one::<StoredWait>(&tx, STORED, [tx.session, wait.message.0])? else {
        return Ok(());
    };
    let next = waits::next(message.wait.as_ref(), wait.class, wait.until, now);
    let sql = "UPDATE message SET wait = ?3 WHERE session = ?1 AND seq = ?2";
    run(&tx, sql, params![tx.session, message.seq.0, to_json(&next)?])?;
    // Nobody waits for a task; its answer says that it is late.
    if !tasks::is_task(tx, message.seq)? && waits::is_worth_telling(message.told, &next, now) {
        tell_chat(tx, &message.from, Some(&next), now)?;
        let text = texts::waits::notice(&next, message.deadline(), now);
        // In the place of the line that said that it is being worked on.
        let sql = "SELECT seq FROM message WHERE session = ?1 AND outcome IS NULL AND status = 1";
        let lines: Vec<MessageSeq> = list(&tx, sql, [tx.session])?;
        let key = (format!("nwait{}.{}", wait.id, message.seq), message.seq);
        parts::add_own(tx, key, (PartKind::Interim, &text), &lines, now)?;
    }
    // The lines of what waits for the provider are no place for an answer: it would come unseen, in
    // the place of something old.
    let sql = "UPDATE message SET line_gone = 1
               WHERE session = ?1 AND outcome IS NULL AND status = 1";
    run(&tx, sql, [tx.session]).map(drop)
}

/// Everybody who waits in a chat was told, of this wait if there is one.
fn tell_chat(
    tx: Scope<'_>,
    chat: &Address,
    of: Option<&ProviderWait>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let sql = "UPDATE message SET told = 1, told_wait = coalesce(?6, told_wait)
               WHERE session = ?1 AND outcome IS NULL AND channel = ?2 AND account = ?3
                   AND chat = ?4 AND thread IS ?5";
    let told = of.map(|it| to_json(&ToldWait { class: it.class, until: it.until, at: now }));
    let Address { channel, account, chat, thread } = chat;
    let values = params![tx.session, channel, account, chat, thread, told.transpose()?];
    run(&tx, sql, values).map(drop)
}

impl SessionRows<'_> {
    /// Tells the chat of a message, once, that it has to wait, and what for; one notice speaks for
    /// all that wait in that chat.
    pub fn tell(&self, message: MessageSeq, now: Timestamp) -> Result<()> {
        self.commit("a notice", |tx| {
            let sql = format!("{STORED} AND told = 0");
            let Some(unnotified) = one::<StoredWait>(&tx, &sql, [tx.session, message.0])? else {
                return Ok(());
            };
            let sql = "SELECT wait FROM message WHERE session = ?1 AND outcome IS NULL
                       ORDER BY seq LIMIT 1";
            let first: Option<ProviderWait> = only(&tx, sql, [tx.session])?;
            let wait = first.filter(|it| !it.is_over(now));
            tell_chat(tx, &unnotified.from, wait.as_ref(), now)?;
            let text = match &wait {
                Some(wait) => texts::waits::notice(wait, unnotified.deadline(), now),
                None => notices::WAITS.to_owned(),
            };
            // A message that has to wait is not at its end.
            parts::add_notice(tx, "waits", message, PartKind::Interim, &text, now)
        })
    }

    /// A late message has until then, and waits for nothing any more.
    pub fn last_chance(&self, message: MessageSeq, until: Timestamp, now: Timestamp) -> Result<()> {
        let sql = "UPDATE message SET last_chance = ?3, not_before = min(not_before, ?4),
                       wait = json_set(wait, '$.until', min(wait ->> '$.until', ?4))
                   WHERE session = ?1 AND seq = ?2 AND outcome IS NULL AND last_chance IS NULL";
        let values = [self.scope.session, message.0, until.0, now.0];
        self.run("a last chance", sql, values).map(drop)
    }
}
