//! Commands that the host answers, and stopping on disk: sets aside what is in work, voids what is not
//! sent, says what had gone out.
//!
//! Invariants
//! - A part of the agent that was not handed to a platform before the commit never is.
//! - What a stopped incarnation wrote and the host had not imported is dropped, whatever it names
//!   as its cause.

use domain::MessageSeq;
use domain::message::{Address, Admitted, InboundKind, Incoming, Outcome};
use domain::stop::{StopId, StopReport};
use domain::texts;
use domain::time::Timestamp;
use rusqlite::params;

use super::messages::{conclude, insert, wake};
use super::{Scope, SessionRows, parts};
use crate::Result;
use crate::outbox::PartKind;
use crate::reasons::STOPPED;
use crate::row::{json_column, list, only, row, run, to_json};

/// Parts that the agent wrote, and the line that shows that it works.
const OF_AGENT: &str = "(out_seq IS NOT NULL OR key LIKE 's%')";

/// How far the session carried a stop out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopState {
    pub stop: StopId,
    /// Every chat that waits was told of it.
    pub told: bool,
    pub stop_report: StopReport,
}

json_column!(StopReport);

row!(StopState { stop, told, stop_report });

/// Who stopped the agent, for its chats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopOrder {
    pub stop: StopId,
    pub by: String,
    /// Whom `nanoclaw agents resume` has to name.
    pub agent: String,
}

/// What is in work for one chat.
struct Work {
    chat: Address,
    /// The last message there.
    last: MessageSeq,
    /// Messages without an outcome.
    open: Vec<MessageSeq>,
    stop_report: StopReport,
}

impl SessionRows<'_> {
    /// Stores a command together with the host's answer to it. Doing it again changes nothing.
    pub fn answer_command(&self, message: &Incoming, answer: &str, now: Timestamp) -> Result<()> {
        self.commit("a command", |tx| {
            let Some(seq) = insert_command(tx, message, now)? else { return Ok(()) };
            parts::add_notice(tx, "command", seq, PartKind::Answer, answer, now)
        })
    }

    /// Stops what is being worked on: sets all waiting messages aside, takes back what is not sent
    /// yet, and lets the running incarnation say nothing more. `answer` makes the text from what
    /// that came to. Doing it again changes nothing.
    pub fn cancel_turn(
        &self,
        message: &Incoming,
        answer: impl FnOnce(&StopReport) -> String,
        now: Timestamp,
    ) -> Result<()> {
        self.commit("a stop", |tx| {
            let Some(seq) = insert_command(tx, message, now)? else { return Ok(()) };
            let ended = end_work(tx, seq.0, Some((&message.from, seq)), now)?;
            let elsewhere = ended.iter().filter(|it| it.last != seq);
            tell(tx, elsewhere, &format!("stopped-{seq}"), &message.body.sender.name, now)?;
            let text = answer(&total(&ended));
            parts::add_notice(tx, "command", seq, PartKind::Notice, &text, now)
        })
    }

    /// Carries out that the agent is stopped, once, and tells each chat that writes meanwhile, once.
    pub fn apply_stop(&self, order: &StopOrder, now: Timestamp) -> Result<StopReport> {
        // What waits is kept, unless a container may have begun with it: with which message only its
        // word says, and that is not trusted.
        let in_work = self.launches()?.open.is_some();
        self.commit("a stop", |tx| {
            let stop_state: StopState = only(&tx, STOP_STATE, [tx.session])?;
            let mut stop_report = stop_state.stop_report;
            if stop_state.stop < order.stop {
                let before = if in_work { seq_after(tx, order.stop)? } else { 0 };
                let ended = end_work(tx, before, None, now)?;
                stop_report = total(&ended);
                tell(tx, &ended, &format!("stopped{}", order.stop.0), &order.by, now)?;
            }
            tell_waiting(tx, order, now)?;
            let sql = "UPDATE session SET stop = ?2, stop_report = ?3, stop_told =
                           (SELECT coalesce(max(seq), 0) FROM message
                            WHERE session = ?1 AND outcome IS NULL)
                       WHERE id = ?1";
            run(&tx, sql, params![tx.session, order.stop.0, to_json(&stop_report)?])?;
            Ok(stop_report)
        })
    }
}

/// Stores a command, which the host answers; `None` when it is there already.
fn insert_command(
    tx: Scope<'_>,
    message: &Incoming,
    now: Timestamp,
) -> rusqlite::Result<Option<MessageSeq>> {
    let admitted = Admitted { message: message.clone(), kind: InboundKind::Command, rule: None };
    let Some((seq, _)) = insert(tx, &admitted, now)? else { return Ok(None) };
    conclude(tx, seq, (Outcome::Answered, "by the host"), None, now)?;
    wake(tx)?;
    Ok(Some(seq))
}

/// The number after the last message that was accepted before the stop. What came later is kept.
fn seq_after(tx: Scope<'_>, stop: StopId) -> rusqlite::Result<i64> {
    let sql = "SELECT 1 + coalesce(max(m.seq), 0) FROM stop s
               LEFT JOIN message m ON m.session = ?1 AND m.id <= s.last WHERE s.id = ?2";
    only(&tx, sql, [tx.session, stop.0])
}

/// Ends all work: sets aside the messages before `before`, voids what is not sent, lets what ran say
/// nothing more. Returns what it found, by chat. Each cancelled message points to the one whose notice
/// speaks for it: the order itself in its own chat, in another chat the last message there.
fn end_work(
    tx: Scope<'_>,
    before: i64,
    order: Option<(&Address, MessageSeq)>,
    now: Timestamp,
) -> rusqlite::Result<Vec<Work>> {
    let mut found = work(tx, before)?;
    for work in &mut found {
        work.last = order.filter(|it| *it.0 == work.chat).map_or(work.last, |it| it.1);
        for message in &work.open {
            let cancelled = (Outcome::Declined, STOPPED);
            conclude(tx, *message, cancelled, Some(work.last.0), now)?;
        }
    }
    // What is with a platform right now cannot be called back; it ends there, however it ends.
    let sql = format!(
        "UPDATE part SET state = iif(state = 'claimed', state, 'dead'),
                reason = '{STOPPED}', changed_at = ?2
         WHERE session = ?1 AND state NOT IN ('sent', 'dead') AND {OF_AGENT}"
    );
    run(&tx, &sql, [tx.session, now.0])?;
    let sql = "UPDATE request SET state = 'answered', ok = 0, answer = ?2
               WHERE session = ?1 AND state <> 'answered'";
    run(&tx, sql, params![tx.session, STOPPED])?;
    stop_launches(tx)?;
    Ok(found)
}

/// Nothing that was launched so far has a say any more.
pub(super) fn stop_launches(tx: Scope<'_>) -> rusqlite::Result<()> {
    let sql = "UPDATE session SET stopped_incarnation =
                   (SELECT coalesce(max(incarnation), 0) FROM launch WHERE session = ?1)
               WHERE id = ?1";
    run(&tx, sql, [tx.session]).map(drop)
}

/// Tells the chats whose work was ended.
fn tell<'a>(
    tx: Scope<'_>,
    ended: impl IntoIterator<Item = &'a Work>,
    why: &str,
    by: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    ended.into_iter().try_for_each(|work| {
        let text = texts::stop::frozen(by, &work.stop_report);
        parts::add_notice(tx, why, work.last, PartKind::Notice, &text, now)
    })
}

fn total(all: &[Work]) -> StopReport {
    all.iter().map(|it| it.stop_report).sum()
}

fn work(tx: Scope<'_>, before: i64) -> rusqlite::Result<Vec<Work>> {
    let mut all: Vec<Work> = Vec::new();
    let sql = format!(
        "SELECT m.seq, m.channel, m.account, m.chat, m.thread, m.outcome IS NULL AND m.seq < ?2,
             count(*) FILTER (WHERE p.state IN ('ready', 'unsent')),
             count(*) FILTER (WHERE p.state IN ('claimed', 'uncertain')),
             count(*) FILTER (WHERE p.state = 'sent'
                 AND (p.channel, p.account, p.chat) = (m.channel, m.account, m.chat)),
             count(*) FILTER (WHERE p.state = 'sent'
                 AND (p.channel, p.account, p.chat) <> (m.channel, m.account, m.chat))
         FROM message m
         LEFT JOIN part p ON p.session = ?1 AND p.cause = m.seq AND p.out_seq IS NOT NULL
         WHERE m.session = ?1 AND m.seq IN
             (SELECT seq FROM message WHERE session = ?1 AND outcome IS NULL AND seq < ?2
              UNION ALL
              SELECT cause FROM part
              WHERE session = ?1 AND state NOT IN ('sent', 'dead') AND {OF_AGENT})
         GROUP BY m.seq ORDER BY m.seq"
    );
    type Found = (MessageSeq, Address, bool, (usize, usize), (usize, usize));
    let found: Vec<Found> = list(&tx, &sql, [tx.session, before])?;
    for (last, chat, is_open, (voided, uncertain), (sent_here, sent_elsewhere)) in found {
        let aside = usize::from(is_open);
        let report = StopReport { aside, voided, sent_here, sent_elsewhere, uncertain };
        let at = all.iter().position(|it| it.chat == chat).unwrap_or(all.len());
        if at == all.len() {
            all.push(Work { chat, last, open: Vec::new(), stop_report: StopReport::default() });
        }
        let work = &mut all[at];
        work.last = last;
        work.open.extend(is_open.then_some(last));
        work.stop_report = [work.stop_report, report].into_iter().sum();
    }
    Ok(all)
}

/// Tells each chat that writes to a stopped agent, once.
fn tell_waiting(tx: Scope<'_>, order: &StopOrder, now: Timestamp) -> rusqlite::Result<()> {
    // The keys of these notices are a range of the index; `/` follows `.`.
    let sql = "SELECT max(seq), channel, account, chat, thread FROM message m
               WHERE session = ?1 AND outcome IS NULL AND task IS NULL AND NOT EXISTS (
                   SELECT 1 FROM part p WHERE p.session = ?1 AND p.key >= ?2 AND p.key < ?3
                       AND p.channel = m.channel AND p.account = m.account AND p.chat = m.chat
                       AND p.thread IS m.thread)
               GROUP BY channel, account, chat, thread";
    let why = format!("kept{}", order.stop.0);
    let unnotified: Vec<MessageSeq> =
        list(&tx, sql, params![tx.session, format!("n{why}."), format!("n{why}/")])?;
    let text = texts::stop::kept(&order.by, &order.agent);
    // A message that has to wait is not at its end.
    let tell = |it| parts::add_notice(tx, &why, it, PartKind::Interim, &text, now);
    unnotified.into_iter().try_for_each(tell)?;
    // Every chat that waits knows it now, also after the agent is resumed.
    let sql = "UPDATE message SET told = 1 WHERE session = ?1 AND outcome IS NULL AND told = 0";
    run(&tx, sql, [tx.session]).map(drop)
}

/// How far the last stop was carried out in a session.
pub(super) const STOP_STATE: &str = "SELECT stop,
        (SELECT coalesce(max(seq), 0) FROM message WHERE session = ?1 AND outcome IS NULL) <= stop_told,
        stop_report
    FROM session WHERE id = ?1";
