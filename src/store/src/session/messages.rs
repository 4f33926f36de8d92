//! The inbox of a session: messages from their acceptance to their outcome.

use domain::history::EventKind;
use domain::message::{Address, Admitted, Claim, FileText, InboundKind, Outcome};
use domain::session::{FailReason, QUEUE_MAX, Waiting};
use domain::texts::{self, notices};
use domain::time::Timestamp;
use domain::trouble::Trouble;
use domain::{Incarnation, MessageSeq, SessionId};
use rusqlite::params;
use serde_json::json;

use super::{Scope, SessionRows, attachments, files, launches, parts, tasks};
use crate::Result;
use crate::central::events;
use crate::outbox::{self, Draft, NewPart, PartKind};
use crate::row::{list, one, only, row, run, to_json};

/// Messages that a look reads; a longer queue moves up.
const WAITING_MAX: i64 = 100;
/// The next number within the session that is `?1` of the statement.
pub(super) const NEXT_SEQ: &str =
    "(SELECT coalesce(max(seq), 0) + 2 FROM message WHERE session = ?1)";

row!(Waiting {
    message, received_at, not_before, tries, told, status, chat, fetching, wait, last_chance;
    claim
});

impl SessionRows<'_> {
    /// Stores messages in their order, all in one commit, and sets the session awake. One that is there
    /// already is left as it is, so that a redelivery is harmless; one for which there is no room any more
    /// is refused, and nothing is said of it here.
    pub fn insert(&self, messages: &[Admitted], now: Timestamp) -> Result<Inserted> {
        self.commit("a message", |tx| {
            let mut inserted = Inserted::default();
            for message in messages {
                let Some((seq, oldest)) = insert(tx, message, now)? else { continue };
                if message.kind != InboundKind::Context && is_too_many(tx, seq, oldest)? {
                    let sql = "DELETE FROM message WHERE session = ?1 AND seq = ?2";
                    run(&tx, sql, [tx.session, seq.0])?;
                    inserted.refused += 1;
                } else {
                    inserted.stored += 1;
                }
            }
            if 0 < inserted.stored {
                wake(tx)?;
            }
            Ok(inserted)
        })
    }

    /// The oldest messages without an outcome, each with the last incarnation whose claim was taken
    /// back. Claims are filled in from the outbound mailbox.
    pub(crate) fn waiting(&self) -> Result<Vec<(Waiting, Incarnation)>> {
        let sql =
            "SELECT seq, received_at, not_before, tries, told, status, channel, account, chat,
                       thread, EXISTS (SELECT 1 FROM attachment f WHERE f.session = m.session
                                   AND f.state = 'pending' AND f.message <= m.seq),
                       wait, last_chance, released
                   FROM message m WHERE session = ?1 AND outcome IS NULL ORDER BY seq LIMIT ?2";
        self.list("read the waiting messages", sql, [self.scope.session, WAITING_MAX])
    }

    /// Takes a message out of the hands of `by`, which is gone, until `at`. Its chat is told, once,
    /// of what is worth telling.
    pub fn release(
        &self,
        message: MessageSeq,
        by: Incarnation,
        at: Timestamp,
        agent: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.commit("a release", |tx| {
            let sql = "UPDATE message SET tries = tries + 1, not_before = ?4, released = ?3
                       WHERE session = ?1 AND seq = ?2 AND outcome IS NULL AND released < ?3";
            let released = run(&tx, sql, [tx.session, message.0, by.0, at.0])?;
            let is_told = released == 1 && !tasks::is_task(tx, message)?;
            let trouble = launches::trouble_of(tx, Some(by))?.filter(|_| is_told);
            if let Some(trouble) = trouble.filter(Trouble::is_worth_telling) {
                let text = texts::trouble::interruption(&trouble, agent);
                parts::add_notice(tx, "interrupted", message, PartKind::Interim, &text, now)?;
            }
            Ok(())
        })
    }

    /// Gives a message up; the outcome and the notice that tells its chat are one commit. Of a run of a
    /// task, its task decides what is told.
    pub fn fail(
        &self,
        message: MessageSeq,
        why: FailReason,
        agent: &str,
        now: Timestamp,
    ) -> Result<()> {
        let reason = notices::failure(why);
        self.commit("a failure", |tx| {
            let is_task = conclude(tx, message, (Outcome::Failed, reason.as_str()), None, now)?;
            if is_task == Some(false) {
                let trouble = launches::trouble_of(tx, None)?;
                let text = notices::given_up(why, trouble.as_ref(), agent);
                parts::add_notice(tx, "failed", message, PartKind::Notice, &text, now)?;
            }
            Ok(())
        })
    }

    /// Tells the chats of what waits, once, that the session is out of service and that nothing is lost.
    /// As words of the host: the session says nothing meanwhile.
    pub fn tell_parked(&self, why: &str, now: Timestamp) -> Result<()> {
        self.commit("a notice", |tx| {
            let sql = "SELECT seq, channel, account, chat, thread, platform_id FROM message
                       WHERE session = ?1 AND outcome IS NULL AND told = 0 AND task IS NULL
                       ORDER BY seq LIMIT ?2";
            let unnotified: Vec<(i64, Address, String)> =
                list(&tx, sql, [tx.session, WAITING_MAX])?;
            for (seq, to, reply_to) in unnotified {
                let key = format!("parked.{}.{seq}", SessionId(tx.session));
                let text = Draft::Text(notices::parked(why));
                let part = NewPart::new(key, to, PartKind::Notice, text).replying_to(reply_to);
                outbox::add(Scope::host(&tx), &part, None, now)?;
                let sql = "UPDATE message SET told = 1 WHERE session = ?1 AND seq = ?2";
                run(&tx, sql, [tx.session, seq])?;
            }
            Ok(())
        })
    }

    /// Lets the session sleep, unless it has something to do after all. Whether it sleeps.
    pub fn fall_asleep(&self) -> Result<bool> {
        let sql = "UPDATE session SET awake = 0 WHERE id = ?1 AND NOT EXISTS
                       (SELECT 1 FROM message WHERE session = ?1 AND outcome IS NULL)
                     AND NOT EXISTS (SELECT 1 FROM part
                       WHERE session = ?1 AND state NOT IN ('sent', 'dead'))
                     AND NOT EXISTS (SELECT 1 FROM attachment
                       WHERE session = ?1 AND state = 'pending')
                     AND NOT EXISTS (SELECT 1 FROM request
                       WHERE session = ?1 AND state = 'open')";
        Ok(self.run("asleep", sql, [self.scope.session])? == 1)
    }

    /// Whether something waits, all of it from the sender `channel:id`.
    pub fn is_all_of(&self, sender: &str) -> Result<bool> {
        let sql = "SELECT coalesce(min(sender_id = ?2), 0) FROM message
                   WHERE session = ?1 AND outcome IS NULL";
        self.only("read whose messages wait", sql, params![self.scope.session, sender])
    }

    /// The state of the session, for a user who asks in its chat.
    pub fn counts(&self) -> Result<Counts> {
        let sql = "SELECT (SELECT count(*) FROM message WHERE session = ?1 AND outcome IS NULL),
                          (SELECT count(*) FROM part
                           WHERE session = ?1 AND state NOT IN ('sent', 'dead')),
                          EXISTS (SELECT 1 FROM launch WHERE session = ?1 AND ended_at IS NULL)";
        self.only("count what waits", sql, [self.scope.session])
    }
}

/// How many of some messages were stored, and for how many there is no room any more. The rest was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inserted {
    pub stored: usize,
    pub refused: usize,
}

/// How many messages wait, how many parts are not sent, and whether a container runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub waiting: usize,
    pub unsent: usize,
    pub has_container: bool,
}

row!(Counts { waiting, unsent, has_container });

/// Writes the outcome of a message down, and with it that of the run of a task; whether it is one. `None`
/// where it has ended before. `reply` is the runner's message that answers it, or the message whose notice
/// says that it was stopped.
pub(super) fn conclude(
    tx: Scope<'_>,
    message: MessageSeq,
    (outcome, reason): (Outcome, &str),
    reply: Option<i64>,
    now: Timestamp,
) -> rusqlite::Result<Option<bool>> {
    let sql = "UPDATE message SET outcome = ?3, reason = ?4, ended_at = ?5, reply = ?6
               WHERE session = ?1 AND seq = ?2 AND outcome IS NULL";
    let how = params![tx.session, message.0, outcome.as_str(), reason, now.0, reply];
    if run(&tx, sql, how)? == 0 {
        return Ok(None);
    }
    tasks::report(tx, message, now).map(Some)
}

/// Ends a message as its claim says: how, and whether it is a run of a task. `None` where it has ended
/// before.
pub(super) fn end(
    tx: Scope<'_>,
    claim: &Claim,
    now: Timestamp,
) -> rusqlite::Result<Option<(Outcome, bool)>> {
    let Some((outcome, reason)) = &claim.outcome else { return Ok(None) };
    // Only a task may end in silence; a user hears at least that there is nothing to hear. The
    // container's word that it answered is not enough.
    let says_nothing = *outcome == Outcome::Silent || !is_answered(tx, claim)?;
    let is_mute = says_nothing && !tasks::is_task(tx, claim.message)?;
    let end = if is_mute {
        (Outcome::Failed, "the agent said nothing")
    } else {
        (*outcome, reason.as_str())
    };
    let reply = claim.reply.map(|it| it.0);
    let Some(is_task) = conclude(tx, claim.message, end, reply, now)? else { return Ok(None) };
    if let Some(cost) = claim.cost {
        let about = (Some(tx.session), Some(claim.message.0));
        events::add(&tx, EventKind::Cost, about, "", &json!({ "micros": cost.micros() }), now)?;
    }
    if is_mute {
        let text = notices::SAID_NOTHING;
        parts::add_notice(tx, "mute", claim.message, PartKind::Notice, text, now)?;
    }
    let sql = "UPDATE launch SET answered = answered + 1 WHERE session = ?1 AND incarnation = ?2";
    run(&tx, sql, [tx.session, claim.incarnation.0])?;
    Ok(Some((end.0, is_task)))
}

/// Keeps what the container found in the files of a message, with the message.
pub(super) fn keep_file_texts(
    tx: Scope<'_>,
    message: MessageSeq,
    texts: &[FileText],
) -> rusqlite::Result<()> {
    let sql = "UPDATE message SET body = json_set(body, '$.file_texts', json(?3))
               WHERE session = ?1 AND seq = ?2";
    run(&tx, sql, params![tx.session, message.0, to_json(&texts)?]).map(drop)
}

/// Whether something stands behind a claim that says so: a part of its reply to this message or a later one
/// of the same chat and thread, or of anything that the agent said about it. What was said about an earlier
/// one was said without knowing of this.
fn is_answered(tx: Scope<'_>, claim: &Claim) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM part p
                              JOIN message c ON c.session = p.session AND c.seq = p.cause
                              JOIN message m ON m.session = p.session AND m.seq = ?3
                                  AND m.channel = c.channel AND m.account = c.account
                                  AND m.chat = c.chat AND m.thread IS c.thread
                                  AND m.seq <= c.seq
                              WHERE p.session = ?1 AND p.out_seq = ?2)
                   OR EXISTS (SELECT 1 FROM part WHERE session = ?1 AND cause = ?3
                                  AND out_seq IS NOT NULL)";
    only(&tx, sql, params![tx.session, claim.reply.map(|it| it.0), claim.message.0])
}

/// The session may have something to do.
pub(super) fn wake(tx: Scope<'_>) -> rusqlite::Result<()> {
    run(&tx, "UPDATE session SET awake = 1 WHERE id = ?1 AND awake = 0", [tx.session]).map(drop)
}

/// Stores one message; its number, and that of the oldest one that waits, which may be this one. `None`
/// when it is there already.
pub(super) fn insert(
    tx: Scope<'_>,
    admitted: &Admitted,
    now: Timestamp,
) -> rusqlite::Result<Option<(MessageSeq, Option<MessageSeq>)>> {
    let message = &admitted.message;
    let is_context = admitted.kind == InboundKind::Context;
    let sql = format!(
        "INSERT INTO message (session, seq, channel, account, chat, thread, platform_id,
             sender_id, received_at, not_before, kind, outcome, reason, ended_at, rule, body)
         VALUES (?1, {NEXT_SEQ}, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, iif(?10, 'silent', NULL),
             iif(?10, 'context', NULL), iif(?10, ?8, NULL), ?11, ?12)
         ON CONFLICT DO NOTHING RETURNING seq,
             (SELECT min(seq) FROM message WHERE session = ?1 AND outcome IS NULL)"
    );
    let (Address { channel, account, chat, thread }, id) = (&message.from, &message.platform_id);
    let (kind, body) = (admitted.kind.as_str(), to_json(&message.body)?);
    let sender = format!("{channel}:{}", message.body.sender.id);
    let rule = admitted.rule.as_ref().map(to_json).transpose()?;
    let values = params![
        tx.session, channel, account, chat, thread, id, sender, now.0, kind, is_context, rule, body
    ];
    let inserted: Option<(MessageSeq, Option<MessageSeq>)> = one(&tx, &sql, values)?;
    if let Some((seq, _)) = inserted {
        attachments::insert(tx, seq, (admitted, &sender), now)?;
        if admitted.kind == InboundKind::Chat {
            files::request_context(tx, seq)?;
        }
    }
    Ok(inserted)
}

/// Whether more wait now than there is room for. What lies between the oldest that waits and the last one
/// is seldom more, and known at once.
fn is_too_many(
    tx: Scope<'_>,
    seq: MessageSeq,
    oldest: Option<MessageSeq>,
) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM message WHERE session = ?1 AND outcome IS NULL";
    Ok(oldest.is_some_and(|it| QUEUE_MAX < (seq.0 - it.0) / 2 + 1)
        && QUEUE_MAX < only::<i64>(&tx, sql, [tx.session])?)
}
