//! What the agent asks of the host: kept until it is passed on, and then until it is answered.
//!
//! A runner that ends in mid-turn retries its messages, and the model may ask for the same
//! once more. That is known by the turn, the words, and which one of several in the same words it is:
//! the third of this attempt repeats the third before it, if there is one. What an attempt asks for
//! twice is asked for twice.

use std::time::Duration;

use domain::message::{Address, Form, Outbound};
use domain::time::Timestamp;
use domain::{MessageSeq, OutSeq};
use rusqlite::params;

use super::{Scope, SessionRows};
use crate::Result;
use crate::row::{Columns, FromRow, only, row, run, to_json};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub seq: OutSeq,
    /// Where it came up, and who led to it.
    pub from: Address,
    /// A [`domain::people::Handle`] as text.
    pub sender_id: String,
    pub sender_name: String,
    /// The message that led to it, as far as the agent is to be believed, and the platform's id of it.
    pub cause_seq: MessageSeq,
    pub cause: String,
    /// That message has no outcome yet.
    pub is_cause_open: bool,
    pub what: Asked,
    pub text: String,
    pub asked_at: Timestamp,
    /// The request of an earlier attempt at the turn that this one repeats, if it was not refused.
    pub repeats: Option<OutSeq>,
    /// Whether it is known which attempt asks; otherwise equal words for one message are one request.
    pub is_counted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Question { options: Vec<String>, timeout: Duration },
    Admin,
}

/// Requests of one session that may be open at a time, so that one import keeps no more; an agent that
/// asks for more is told so. Cards of all its sessions: `CHANGES_OPEN_MAX` in `central/questions.rs`.
const OPEN_MAX: i64 = 20;
/// Bytes of what is asked. The longest command is shorter, and so is a question that can be shown.
const TEXT_BYTES_MAX: usize = 32_000;
/// Bytes of an answer. As many as are posted at a time lie in the mailbox and in memory.
const ANSWER_BYTES_MAX: usize = 32 << 10;
/// Follows an answer that was cut.
const CUT: &str = "\n(The answer is longer than this; its rest is left out. Ask for less at a time, such as one \
    task or one chat.)";
/// Answered ones of a session that are kept, and bytes of theirs; nobody counts on older ones.
const ANSWERED_MAX: i64 = 1_000;
const ANSWERED_BYTES_MAX: i64 = 8 << 20;
/// Follows the answer to what was carried out before.
const DONE_ONCE: &str =
    "\n(An earlier attempt at this message had that done; it was not done a second time.)";

/// Keeps a request. One that is there already is left as it is.
pub(super) fn insert(
    tx: Scope<'_>,
    message: &Outbound,
    cause: MessageSeq,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let (form, options, timeout) = match &message.form {
        Form::Question { options, timeout } => ("question", options.clone(), *timeout),
        Form::Admin => ("admin", vec![], Duration::ZERO),
        Form::Text | Form::File(_) | Form::Edit(_) | Form::Reaction(_) => return Ok(()),
    };
    let sql =
        "SELECT count(*) FROM request WHERE session = ?1 AND state <> 'answered' AND seq <> ?2";
    let refusal = if OPEN_MAX <= only::<i64>(&tx, sql, [tx.session, message.seq.0])? {
        Some("too many of your questions are open; wait for their answers first")
    } else if TEXT_BYTES_MAX < message.text.len() {
        Some("that is too long; say less, or ask for it in several steps")
    } else {
        None
    };
    // The disk keeps no words that nobody is to read.
    let (text, options) = match refusal {
        Some(_) => ("", Vec::new()),
        None => (message.text.as_str(), options),
    };
    let options = to_json(&options)?;
    let timeout = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
    let sql = "INSERT INTO request (session, seq, cause, form, text, options, timeout_ms, asked_at,
                   turn, incarnation, attempt)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING";
    let (turn, by) = message.attempt.map(|it| (it.turn.0, it.incarnation.0)).unzip();
    let (seq, attempt) = (message.seq.0, message.attempt.map(|it| it.number));
    let values =
        params![tx.session, seq, cause.0, form, text, options, timeout, now.0, turn, by, attempt];
    run(&tx, sql, values)?;
    if let Some(why) = refusal {
        answer(tx, message.seq, false, why)?;
    }
    let sql = "DELETE FROM request WHERE session = ?1 AND seq IN
                   (SELECT seq FROM (SELECT seq, row_number() OVER newest AS place,
                        sum(octet_length(text) + octet_length(answer)) OVER newest AS bytes
                        FROM request WHERE session = ?1 AND state = 'answered'
                        WINDOW newest AS (ORDER BY seq DESC))
                    WHERE ?2 < place OR ?3 < bytes)";
    run(&tx, sql, [tx.session, ANSWERED_MAX, ANSWERED_BYTES_MAX]).map(drop)
}

/// Answers a request and those that repeat it.
fn answer(tx: Scope<'_>, seq: OutSeq, ok: bool, text: &str) -> rusqlite::Result<()> {
    let kept = &text[..text.floor_char_boundary(ANSWER_BYTES_MAX)];
    let text = if kept.len() < text.len() { format!("{kept}{CUT}") } else { text.to_owned() };
    let sql = "UPDATE request SET state = 'answered', ok = ?3,
                   answer = ?4 || iif(?3 AND repeats IS ?2, ?5, '')
               WHERE session = ?1 AND state <> 'answered' AND seq IN (VALUES (?2) UNION ALL
                   SELECT seq FROM request WHERE session = ?1 AND repeats = ?2)";
    run(&tx, sql, params![tx.session, seq.0, ok, text, DONE_ONCE]).map(drop)
}

impl SessionRows<'_> {
    pub fn request(&self, seq: OutSeq) -> Result<Request> {
        const OP: &str = "read a request";
        let sql = "SELECT r.seq, m.channel, m.account, m.chat, m.thread,
                       iif(m.body ->> '$.sender.kind' = 'shared', '', m.sender_id),
                       coalesce(m.body ->> '$.sender.name', ''), m.seq, m.platform_id,
                       m.outcome IS NULL, r.form, r.options, r.timeout_ms, r.text, r.asked_at,
                       r.turn IS NOT NULL
                   FROM request r JOIN message m ON m.session = r.session AND m.seq = r.cause
                   WHERE r.session = ?1 AND r.seq = ?2";
        let request: Request = self.only(OP, sql, [self.scope.session, seq.0])?;
        // What it repeats: of those in the same words that earlier attempts at the turn made and
        // that were not refused, the one with the same place among its like.
        let sql = "WITH me AS (SELECT * FROM request WHERE session = ?1 AND seq = ?2),
                        alike AS (SELECT r.* FROM request r, me
                                  WHERE r.session = me.session AND r.turn = me.turn
                                      AND r.form = me.form AND r.text = me.text AND r.seq <= me.seq)
                   SELECT a.seq FROM alike a, me
                   WHERE (a.incarnation, a.attempt) < (me.incarnation, me.attempt)
                     AND a.repeats IS NULL AND a.ok IS NOT 0
                   ORDER BY a.seq LIMIT 1
                   OFFSET (SELECT count(*) - 1 FROM alike b, me
                           WHERE (b.incarnation, b.attempt) = (me.incarnation, me.attempt)
                             AND b.ok IS NOT 0)";
        let repeats = self.one(OP, sql, [self.scope.session, seq.0])?;
        Ok(Request { repeats, ..request })
    }

    /// Somebody else keeps the request now and will bring its answer.
    pub fn request_forwarded(&self, seq: OutSeq) -> Result<()> {
        let sql = "UPDATE request SET state = 'forwarded'
                   WHERE session = ?1 AND seq = ?2 AND state = 'open'";
        self.run("a request", sql, [self.scope.session, seq.0]).map(drop)
    }

    /// It is not carried out again: it has the answer of the one that it repeats, now or as soon as that
    /// has one.
    pub fn repeated(&self, seq: OutSeq, first: OutSeq) -> Result<()> {
        let sql =
            "UPDATE request SET repeats = ?3, state = iif(f.ok IS NULL, 'forwarded', 'answered'),
                       ok = f.ok, answer = f.answer || iif(f.ok, ?4, '')
                   FROM (SELECT max(ok) AS ok, max(answer) AS answer FROM request
                         WHERE session = ?1 AND seq = ?3) f
                   WHERE session = ?1 AND seq = ?2 AND state = 'open'";
        let values = params![self.scope.session, seq.0, first.0, DONE_ONCE];
        self.run("a repeated request", sql, values).map(drop)
    }

    pub fn answer_of(&self, seq: OutSeq) -> Result<Option<(bool, String)>> {
        let sql = "SELECT ok, answer FROM request
                   WHERE session = ?1 AND seq = ?2 AND state = 'answered'";
        self.one("read an answer", sql, [self.scope.session, seq.0])
    }

    /// Stores the answer for the runner; the first one counts.
    pub fn answer(&self, seq: OutSeq, ok: bool, text: &str) -> Result<()> {
        self.commit("an answer", |tx| answer(tx, seq, ok, text))
    }
}

row!(Request {
    seq, from, sender_id, sender_name, cause_seq, cause, is_cause_open, what, text, asked_at,
    is_counted;
    repeats
});

impl FromRow for Asked {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (form, options, timeout): (String, String, i64) = columns.next()?;
        if form != "question" {
            return Ok(Self::Admin);
        }
        let timeout = Duration::from_millis(u64::try_from(timeout).unwrap_or(0));
        Ok(Self::Question { options: serde_json::from_str(&options).unwrap_or_default(), timeout })
    }
}
