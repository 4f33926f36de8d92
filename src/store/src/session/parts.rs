//! The outbox of a session, and what the host itself says about a message.

use std::path::Path;
use std::time::Duration;

use domain::MessageSeq;
use domain::delivery::{PartKey, PartView, Verdict};
use domain::message::Address;
use domain::outgoing::Card;
use domain::task::TaskId;
use domain::texts::asides;
use domain::time::Timestamp;
use rusqlite::params;

use super::{Scope, SessionRows, dead_letters, quiet, tasks};
use crate::Result;
use crate::central::accounts::owners_elsewhere;
use crate::outbox::{self, ClaimedPart, Draft, NewPart, PartKind, Target};
use crate::reasons::OVERTAKEN;
use crate::row::{is_there, list, one, only, read, row, run};

/// The age of a line whose reader still looks at it.
const IN_PLACE_MAX: Duration = Duration::from_secs(20);
/// Messages that a search for another chat looks back.
const LOOK_BACK: i64 = 500;
/// Parts of a session that may wait to be sent, before what its agent says by the way is left out.
const OPEN_PARTS_MAX: i64 = 500;
/// The same for answers, of which an honest runner writes one for each message.
const OPEN_ANSWERS_MAX: i64 = 2_000;

/// A message that leads to something: where its answers go and how it stands.
pub(super) struct Cause {
    pub(super) seq: MessageSeq,
    /// Where answers to it go.
    pub(super) from: Address,
    /// The chat that it came from.
    pub(super) written_in: Address,
    /// Empty for a task: no platform knows its message.
    pub(super) platform_id: String,
    /// Said above the answers, where their readers do not know of the message.
    pub(super) about: Option<String>,
    /// The task that it is of, if no person wrote it.
    pub(super) task: Option<TaskId>,
    /// Somebody stopped the work on it.
    pub(super) is_declined: bool,
    /// The host gave it up and said so.
    pub(super) is_given_up: bool,
}

/// The message that the runner names, or the last one before it: the runner's word decides nothing
/// about where an answer goes.
pub(super) fn cause(tx: Scope<'_>, named: MessageSeq) -> rusqlite::Result<Option<Cause>> {
    let sql = "SELECT seq, channel, account, chat, thread, channel, account, chat, thread,
                   iif(task IS NULL, platform_id, ''), task,
                   outcome IS 'declined', outcome IS 'failed' AND reply IS NULL
               FROM message WHERE session = ?1 AND seq <= ?2 AND kind <> 'context'
               ORDER BY seq DESC LIMIT 1";
    one(&tx, sql, [tx.session, named.0])
}

// At first its answers go where it was written.
row!(Cause { seq, from, written_in, platform_id, task, is_declined, is_given_up; about });

/// Whether so much waits to be sent that the agent may say no more of this kind.
pub(super) fn is_full(tx: Scope<'_>, kind: PartKind) -> rusqlite::Result<bool> {
    let max = if kind == PartKind::Interim { OPEN_PARTS_MAX } else { OPEN_ANSWERS_MAX };
    let sql = "SELECT count(*) FROM (SELECT 1 FROM part WHERE session = ?1
                   AND state NOT IN ('sent', 'dead') LIMIT ?2)";
    Ok(max <= only::<i64>(&tx, sql, [tx.session, max])?)
}

/// Where the answers to a message of a channel that takes none go instead: to the conversation's last
/// other chat. Context messages count: they were read there. A chat that was denied or disconnected since
/// hears nothing. While nobody wrote elsewhere, to the chat that is wired into the conversation and was
/// active last, or else to an owner, with a word on what is answered; and if there is none, nowhere else,
/// so that it is refused.
pub(super) fn redirect(
    tx: Scope<'_>,
    cause: &mut Cause,
    is_mute: impl Fn(&Address) -> bool,
) -> rusqlite::Result<()> {
    if !is_mute(&cause.from) {
        return Ok(());
    }
    let sql =
        "SELECT channel, account, chat, thread FROM message i WHERE session = ?1 AND seq <= ?2
               AND NOT EXISTS (SELECT 1 FROM messaging_group m
                   WHERE (m.channel, m.account, m.chat) = (i.channel, i.account, i.chat)
                   AND (m.denied_at IS NOT NULL OR m.left_at IS NOT NULL OR NOT EXISTS
                        (SELECT 1 FROM wiring w JOIN session s ON s.agent_group = w.agent_group
                         WHERE s.id = ?1 AND w.messaging_group = m.id)))
               ORDER BY seq DESC LIMIT ?3";
    let mut statement = tx.prepare_cached(sql)?;
    let mut written = statement.query_map([tx.session, cause.seq.0, LOOK_BACK], read::<Address>)?;
    let mut next = written.find(|it| !it.as_ref().is_ok_and(&is_mute)).transpose()?;
    if next.is_none() {
        let sql = "SELECT m.channel, m.account, m.chat, NULL FROM session s
                   JOIN wiring w ON w.agent_group = s.agent_group AND w.session_mode = 'agent-shared'
                   JOIN messaging_group m ON m.id = w.messaging_group
                       AND m.denied_at IS NULL AND m.left_at IS NULL
                   WHERE s.id = ?1 AND s.messaging_group IS NULL ORDER BY m.active_at DESC";
        let wired: Vec<Address> = list(&tx, sql, [tx.session])?;
        let owners = owners_elsewhere(&tx, &cause.from.channel, &cause.from.account)?;
        next = wired.into_iter().chain(owners.into_iter().map(|it| it.1)).find(|it| !is_mute(it));
        let about = || asides::about_event(&cause.from.channel, &cause.from.chat);
        cause.about = next.as_ref().map(|_| about());
    }
    if let Some(from) = next {
        cause.from = from;
        cause.platform_id.clear();
    }
    Ok(())
}

/// Adds what the host has to say about a message; each `why` once.
pub(super) fn add_notice(
    tx: Scope<'_>,
    why: &str,
    about: MessageSeq,
    kind: PartKind,
    text: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let lines = if kind == PartKind::Interim { &[][..] } else { &[about] };
    add_own(tx, (format!("n{why}.{about}"), about), (kind, text), lines, now)
}

/// Adds what the host says about a message, in the place of one of the lines of these messages.
pub(super) fn add_own(
    tx: Scope<'_>,
    (key, about): (String, MessageSeq),
    (kind, text): (PartKind, &str),
    lines: &[MessageSeq],
    now: Timestamp,
) -> rusqlite::Result<()> {
    let Some(cause) = cause(tx, about)? else { return Ok(()) };
    let (text, line) = (text.to_owned(), replaceable(tx, lines, now)?);
    let content = match line.clone().filter(|it| it.in_place) {
        Some(line) => Draft::Edit(Target::Part(line.key), Card { text, buttons: vec![] }),
        None => Draft::Text(text),
    };
    let part = NewPart::new(key, cause.from, kind, content).replying_to(cause.platform_id);
    outbox::add(tx, &part, Some((about, None)), now)?;
    match line.filter(|it| !it.in_place) {
        Some(line) => outbox::remove_line(tx, &line.key, now),
        None => Ok(()),
    }
}

/// A line that says that work goes on, for what ends that.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) key: PartKey,
    /// It is replaced where it is, which tells nobody; else a message follows, and the line goes away.
    pub(super) in_place: bool,
}

row!(Line { key, in_place });

/// The key of the line that says that a message is being worked on. Statements that join by it write it out.
pub(super) fn status_key(message: MessageSeq) -> PartKey {
    PartKey(format!("s{message}"))
}

/// The line that says that one of these messages is being worked on, for what takes its place. One
/// that was not sent yet is not sent any more.
///
/// An edit rings nobody up. So what ends the work is an edit only where its reader has the line before
/// them: between two alone, if it is young and nothing came after it.
pub(super) fn replaceable(
    tx: Scope<'_>,
    messages: &[MessageSeq],
    now: Timestamp,
) -> rusqlite::Result<Option<Line>> {
    let mut found = None;
    for message in messages {
        let key = status_key(*message);
        let sql = "UPDATE part SET state = 'dead', unreported = 0, reason = ?3
                   WHERE session = ?1 AND key = ?2 AND state IN ('ready', 'unsent')";
        run(&tx, sql, params![tx.session, key.0, OVERTAKEN])?;
        let sql = "SELECT p.key, p.created_at > ?4
                       AND NOT EXISTS (SELECT 1 FROM messaging_group g WHERE g.channel = p.channel
                           AND g.account = p.account AND g.chat = p.chat AND g.is_group = 1)
                       AND NOT EXISTS (SELECT 1 FROM message m WHERE m.session = ?1 AND m.seq > ?3
                           AND m.received_at > p.created_at AND m.channel = p.channel
                           AND m.account = p.account AND m.chat = p.chat)
                       AND NOT EXISTS (SELECT 1 FROM part l WHERE l.session = ?1 AND l.cause = p.cause
                           AND l.id > p.id AND l.form IN ('text', 'file', 'card')
                           AND l.state <> 'dead' AND l.channel = p.channel
                           AND l.account = p.account AND l.chat = p.chat)
                   FROM part p WHERE p.session = ?1 AND p.key = ?2 AND p.state <> 'dead'
                       AND NOT EXISTS (SELECT 1 FROM message m WHERE m.session = ?1 AND m.seq = ?3
                                           AND m.line_gone = 1)";
        let young = (now - IN_PLACE_MAX).0;
        let line = one(&tx, sql, params![tx.session, key.0, message.0, young])?;
        found = found.or(line);
    }
    Ok(found)
}

/// Commits, with the caller's transaction, that a part is being sent. `None` when it is finished
/// already, or cannot be sent; `root` is the folder of its files.
pub(crate) fn claim_part(
    tx: Scope<'_>,
    root: &Path,
    key: &PartKey,
    now: Timestamp,
) -> rusqlite::Result<Option<ClaimedPart>> {
    let Some(mut part) = outbox::claim(tx, root, key, now)? else {
        dead_letters::record(tx, key, now)?;
        let sql = "SELECT 1 FROM part WHERE session = ?1 AND key = ?2 AND state = 'dead'";
        if is_there(&tx, sql, params![tx.session, key.0])? {
            quiet::scatter(tx, key)?;
        }
        return Ok(None);
    };
    part.set_also(answered_too(tx, key)?);
    quiet::join(tx, &mut part, now)?;
    Ok(Some(part))
}

/// Writes down how an attempt ended. Returns the copies of files that are sent or given up by that, within
/// the folder of their session.
pub(crate) fn conclude_part(
    tx: Scope<'_>,
    key: &PartKey,
    verdict: &Verdict,
    now: Timestamp,
) -> rusqlite::Result<Vec<String>> {
    outbox::conclude(tx, key, verdict, now)?;
    quiet::conclude(tx, key, verdict, now)?;
    if let Verdict::Dead { .. } = verdict {
        dead_letters::record(tx, key, now)?;
    }
    let sql = "SELECT f.value ->> '$.path' FROM part p JOIN json_each(p.file) f
               WHERE p.session = ?1 AND p.key = ?2 AND p.state IN ('sent', 'dead')";
    list(&tx, sql, params![tx.session, key.0])
}

impl SessionRows<'_> {
    /// The unfinished parts; what is held does not count, nor what is said with another.
    pub fn open_parts(&self) -> Result<Vec<PartView>> {
        let sql = "SELECT key, state, retry_at, changed_at FROM part
                   WHERE session = ?1 AND state NOT IN ('sent', 'dead') AND quiet IS NOT 'held'
                       AND said_with IS NULL ORDER BY id";
        self.list("read the open parts", sql, [self.scope.session])
    }

    /// Shows in the chat of a message that is being worked on for `after`, once, that this takes a
    /// while. Nobody waits for what a task does, so nothing is shown of it.
    pub fn show_status(
        &self,
        message: MessageSeq,
        after: Duration,
        text: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.commit("a status line", |tx| {
            let sql = "UPDATE message SET status = 1 WHERE session = ?1 AND seq = ?2
                           AND status = 0 AND outcome IS NULL AND received_at <= ?3";
            let is_new = run(&tx, sql, [tx.session, message.0, (now - after).0])? == 1;
            if !is_new || tasks::is_task(tx, message)? {
                return Ok(());
            }
            let key = (status_key(message).0, message);
            add_own(tx, key, (PartKind::Interim, text), &[], now)
        })
    }

    /// Where a message without an outcome came from.
    pub fn chat_of(&self, message: MessageSeq) -> Result<Option<Address>> {
        let sql = "SELECT channel, account, chat, thread FROM message
                   WHERE session = ?1 AND seq = ?2 AND outcome IS NULL";
        self.one("find a chat", sql, [self.scope.session, message.0])
    }

    /// The status line of the message that is being worked on: since when that is, where it is, and
    /// the platform's id.
    pub fn shown_status(&self) -> Result<Option<(Timestamp, Address, String)>> {
        let sql = "SELECT l.received_at, p.channel, p.account, p.chat, p.thread, p.platform_id
                   FROM (SELECT seq, received_at FROM message WHERE session = ?1
                             AND outcome IS NULL AND status = 1 AND line_gone = 0
                         ORDER BY seq LIMIT 1) l
                   JOIN part p ON p.session = ?1 AND p.key = 's' || l.seq AND p.state = 'sent'
                       AND p.platform_id IS NOT NULL";
        self.one("find a status line", sql, [self.scope.session])
    }

    /// The status line that a draft of this message may use: its own, else that of an unfinished message of
    /// the same address, which may be answered together with it; an answer replaces one line only. `None`
    /// within while the line is on its way, else its chat and the platform's id.
    pub fn draft_line(&self, message: MessageSeq) -> Result<Option<Option<(Address, String)>>> {
        let sql = "SELECT p.channel, p.account, p.chat, p.thread, p.platform_id
                   FROM message m JOIN message l ON l.session = m.session
                       AND (l.channel, l.account, l.chat) = (m.channel, m.account, m.chat)
                       AND l.thread IS m.thread
                   LEFT JOIN part p ON p.session = l.session AND p.key = 's' || l.seq
                       AND p.state = 'sent' AND p.platform_id IS NOT NULL
                   WHERE m.session = ?1 AND m.seq = ?2
                     AND l.outcome IS NULL AND l.status = 1 AND l.line_gone = 0
                   ORDER BY l.seq <> m.seq, l.seq LIMIT 1";
        let found: Option<(Option<Address>, Option<String>)> =
            self.one("find a status line", sql, [self.scope.session, message.0])?;
        Ok(found.map(|(to, id)| to.zip(id)))
    }
}

/// Other messages that the part answers, by their platform ids: those of the address that it goes to. The
/// `+` has them found by their reply and sorted then, and not sought among all messages of the session.
fn answered_too(tx: Scope<'_>, key: &PartKey) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT m.platform_id FROM part p
               JOIN message m ON m.session = p.session AND m.seq <> p.cause
                   AND m.reply = coalesce(p.out_seq, p.cause)
                   AND (p.out_seq IS NOT NULL OR m.outcome = 'declined')
                   AND m.channel = p.channel AND m.account = p.account AND m.chat = p.chat
                   AND m.thread IS p.thread
               WHERE p.session = ?1 AND p.key = ?2 ORDER BY +m.seq";
    list(&tx, sql, params![tx.session, key.0])
}
