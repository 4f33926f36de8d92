//! Imports what the runner wrote: replies become parts, requests are kept, claims become
//! outcomes, all in one commit.
//!
//! The agent could have written anything, so the runner's word decides neither where something goes
//! nor whether it may: an answer goes where its message came from, another chat only by a name that
//! was granted.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::delivery::PartKey;
use domain::history::EventKind;
use domain::message::{Address, Claim, Form, Outbound, Outcome};
use domain::outgoing::{Card, FileOut, TextLimit};
use domain::quiet::{is_awaited, under_heading};
use domain::split::split_text;
use domain::task::{TaskId, says_nothing};
use domain::texts::{asides, notices};
use domain::time::Timestamp;
use domain::{MessageSeq, OutSeq};
use rusqlite::params;
use serde_json::json;

use super::messages::conclude;
use super::parts::{self, Cause};
use super::{Scope, SessionContext, SessionRows, requests, tasks, waits};
use crate::StoreError;
use crate::central::events;
use crate::outbound::Unimported;
use crate::outbox::{self, Draft, NewPart, PartKind, Target};
use crate::row::{one, only, run, to_json};

/// Parts of a session that may wait to be sent, before what its agent says by the way is left out.
const OPEN_PARTS_MAX: i64 = 500;
/// The same for answers, of which an honest runner writes one for each message.
const OPEN_ANSWERS_MAX: i64 = 2_000;
/// Bytes of one text; a book needs a file.
const TEXT_MAX: usize = 128 * 1024;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    pub ended: Vec<(MessageSeq, Outcome)>,
    /// One of them was a slot of a task.
    pub has_ended_task: bool,
}

/// A file of a message, copied to where only the host writes, with its size in bytes; or why it cannot
/// be sent.
pub(crate) type Copied = Result<(FileOut, u64), String>;

impl SessionRows<'_> {
    pub(crate) fn import(
        &self,
        mut news: Unimported,
        files: &BTreeMap<OutSeq, Copied>,
        context: &SessionContext,
        now: Timestamp,
    ) -> Result<ImportReport, StoreError> {
        // Read again, in the caller's transaction: a stop may have come since the mailbox was read.
        let before = self.import_state()?;
        self.commit("a reply", |tx| {
            let silenced = before.is_silenced();
            before.sift(&mut news);
            for (message, kind) in &news.messages {
                let (kind, finished) = (*kind, &news.finished[..]);
                if !silenced {
                    MessageImport { tx, context, now, message, kind, finished }.take(files)?;
                }
            }
            if let Some((last, _)) = news.messages.last() {
                let sql = "UPDATE session SET imported_seq = ?2 WHERE id = ?1";
                run(&tx, sql, [tx.session, last.seq.0])?;
            }
            if !silenced && !news.state.is_empty() {
                // A copy of what the runner keeps, so that its mailbox can be lost.
                let sql = "UPDATE session SET runner_state = ?2
                           WHERE id = ?1 AND runner_state <> ?2";
                run(&tx, sql, params![tx.session, to_json(&news.state)?])?;
            }
            let mut report = ImportReport::default();
            for claim in &news.finished {
                if let Some((outcome, is_task)) = end(tx, claim, now)? {
                    report.has_ended_task |= is_task;
                    report.ended.push((claim.message, outcome));
                }
            }
            waits::take_all(tx, &news.waits, now)?;
            Ok(report)
        })
    }
}

struct MessageImport<'a> {
    tx: Scope<'a>,
    context: &'a SessionContext,
    now: Timestamp,
    message: &'a Outbound,
    kind: PartKind,
    /// Claims that end with this import.
    finished: &'a [Claim],
}

impl MessageImport<'_> {
    fn take(&self, files: &BTreeMap<OutSeq, Copied>) -> rusqlite::Result<()> {
        let message = self.message;
        let Some(cause) = parts::cause(self.tx, message.in_reply_to)? else {
            tracing::warn!(seq = message.seq.0, "the agent wrote to nobody; dropped");
            return Ok(());
        };
        let text = &message.text;
        let beats =
            |it: TaskId| self.context.heartbeats.contains(&it) && message.form == Form::Text;
        let why = match cause.task {
            _ if cause.is_declined => "it was stopped",
            _ if cause.is_given_up && self.kind != PartKind::Interim => "it answers too late",
            Some(_) if self.kind == PartKind::Notice => "a task that failed says nothing unasked",
            Some(task) if beats(task) && says_nothing(text) => "a heartbeat had nothing to say",
            Some(_) | None => return self.send(cause, files),
        };
        tracing::info!(seq = message.seq.0, why, "a message of the agent is dropped");
        Ok(())
    }

    fn send(&self, cause: Cause, files: &BTreeMap<OutSeq, Copied>) -> rusqlite::Result<()> {
        let message = self.message;
        let cause = self.heard(cause)?;
        if self.is_full()? {
            let text = asides::TOO_MUCH;
            return parts::add_notice(self.tx, "full", cause.seq, self.kind, text, self.now);
        }
        match &message.form {
            Form::Question { .. } | Form::Admin => {
                requests::insert(self.tx, message, cause.seq, self.now)
            }
            Form::Text => self.text(&cause, &message.text),
            Form::File(_) => self.file(&cause, files.get(&message.seq)),
            Form::Edit(number) => self.edit(&cause, *number),
            Form::Reaction(number) => self.reaction(&cause, *number),
        }
    }

    /// Whether so much waits to be sent that the agent may say no more.
    fn is_full(&self) -> rusqlite::Result<bool> {
        let max = if self.kind == PartKind::Interim { OPEN_PARTS_MAX } else { OPEN_ANSWERS_MAX };
        let sql = "SELECT count(*) FROM (SELECT 1 FROM part WHERE session = ?1
                       AND state NOT IN ('sent', 'dead') LIMIT ?2)";
        Ok(max <= only::<i64>(&self.tx, sql, [self.tx.session, max])?)
    }

    /// What answers a channel that takes nothing goes to the conversation's last other chat; while
    /// nobody wrote in one, to a chat that is wired into it, or else to an owner, with a word on what
    /// it answers. If there is none, it goes where it must be refused.
    fn heard(&self, cause: Cause) -> rusqlite::Result<Cause> {
        let is_mute = |chat: &Address| self.context.caps_of(chat).mute;
        if !is_mute(&cause.from) {
            return Ok(cause);
        }
        if let Some(from) = parts::last_chat(self.tx, cause.seq, is_mute)? {
            return Ok(Cause { from, platform_id: String::new(), ..cause });
        }
        let next = parts::next_chat(self.tx, &cause.from, is_mute)?;
        let Some(from) = next else { return Ok(cause) };
        let Address { channel, chat, .. } = &cause.from;
        let about = asides::about_event(channel, chat);
        Ok(Cause { from, about: Some(about), platform_id: String::new(), ..cause })
    }

    /// Where it goes; what is said to a name that was not granted goes nowhere, and the chat that it
    /// came from is told.
    fn address(&self, cause: &Cause) -> Result<(Address, String), String> {
        let Some(name) = &self.message.destination else {
            return Ok((cause.from.clone(), cause.platform_id.clone()));
        };
        let granted = self.context.destinations.get(name).map(|it| (it.clone(), String::new()));
        granted.ok_or_else(|| asides::not_allowed(name))
    }

    /// A line on the event that is answered, where the chat did not ask; above all that is said of it.
    fn about(&self, cause: &Cause) -> String {
        let about = cause.about.as_ref().filter(|_| self.message.destination.is_none());
        about.map(|it| format!("{it}\n")).unwrap_or_default()
    }

    fn text(&self, cause: &Cause, text: &str) -> rusqlite::Result<()> {
        let (to, reply_to, text) = match self.address(cause) {
            Ok((to, reply_to)) => (to, reply_to, cut(text).into_owned()),
            Err(why) => (cause.from.clone(), cause.platform_id.clone(), why),
        };
        // The host says it, whatever the model makes of it.
        let is_run = self.kind == PartKind::Answer && cause.task.is_some();
        let mark = if is_run { tasks::mark(self.tx, cause.seq)? } else { None };
        let text = mark.map_or(text.clone(), |it| format!("{it}\n{text}"));
        let about = self.about(cause);
        let limit = self.context.caps_of(&to).text;
        let held = self.is_held(cause, &to);
        let TextLimit { max, unit } = if held { under_heading(limit) } else { limit };
        let max = max.saturating_sub(unit.measure(&about));
        let texts = split_text(&text, TextLimit { max, unit });
        let last = texts.len() - 1;
        let status = if held { None } else { self.status_line(cause)? };
        for (index, text) in texts.into_iter().enumerate() {
            let text = format!("{about}{text}");
            // Only the last part says that the message is complete.
            let kind = if index == last { self.kind } else { PartKind::Interim };
            let content = match &status {
                Some(line) if index == 0 => {
                    Draft::Edit(Target::Part(line.clone()), Card { text, buttons: vec![] })
                }
                _ => Draft::Text(text),
            };
            self.add(index, cause, (to.clone(), reply_to.clone()), kind, content)?;
        }
        Ok(())
    }

    /// Whether it waits until its reader wants to hear of it. What went wrong does not.
    fn is_held(&self, cause: &Cause, to: &Address) -> bool {
        let led = cause.task.is_none().then_some(&cause.written_in);
        self.kind != PartKind::Notice && !is_awaited(led, to) && self.context.is_quiet(to)
    }

    /// The line that says that work goes on, which the answer to it replaces.
    fn status_line(&self, cause: &Cause) -> rusqlite::Result<Option<PartKey>> {
        if self.kind == PartKind::Interim || self.message.destination.is_some() {
            return Ok(None);
        }
        let covered = self.finished.iter().filter(|it| it.reply == Some(self.message.seq));
        let messages: Vec<MessageSeq> = covered.map(|it| it.message).chain([cause.seq]).collect();
        parts::replaceable(self.tx, &messages)
    }

    fn file(&self, cause: &Cause, copied: Option<&Copied>) -> rusqlite::Result<()> {
        let to = match self.address(cause) {
            Ok(to) => to,
            Err(why) => return self.text(cause, &why),
        };
        let limit = self.context.caps_of(&to.0).file_bytes_max;
        let why = match copied {
            None => "it is not there".to_owned(),
            Some(Err(why)) => why.clone(),
            Some(Ok(_)) if limit == 0 => "this chat takes no files".to_owned(),
            Some(Ok((_, bytes))) if limit < *bytes => {
                format!("it is larger than the {} MiB that this chat takes", limit >> 20)
            }
            Some(Ok((file, _))) => {
                let caption = format!("{}{}", self.about(cause), self.message.text);
                let content = Draft::File(FileOut { caption, ..file.clone() });
                return self.add(0, cause, to, self.kind, content);
            }
        };
        let text = format!("{}\n{}", self.message.text, asides::no_file(&why));
        self.text(cause, text.trim_start())
    }

    /// A new text for an own message; where messages cannot be changed, it follows as another one.
    fn edit(&self, cause: &Cause, number: i64) -> rusqlite::Result<()> {
        let key = PartKey(format!("o{number}.0"));
        // A message that several parts share has no text of its own, and the word on an event stays.
        let is_fixed = cause.about.is_some() || super::quiet::was_held(self.tx, &key)?;
        let Some(to) = self.sent_to(&key, cause)?.filter(|_| !is_fixed) else {
            return self.text(cause, &self.message.text);
        };
        let caps = self.context.caps_of(&to);
        let text = cut(&self.message.text);
        for (index, text) in split_text(&text, caps.text).into_iter().enumerate() {
            let content = if index == 0 && caps.edits {
                Draft::Edit(Target::Part(key.clone()), Card { text, buttons: vec![] })
            } else {
                Draft::Text(text)
            };
            self.add(index, cause, (to.clone(), String::new()), self.kind, content)?;
        }
        Ok(())
    }

    fn reaction(&self, cause: &Cause, number: i64) -> rusqlite::Result<()> {
        let found = if number % 2 == 0 {
            let named = parts::cause(self.tx, MessageSeq(number))?;
            let exact = named.filter(|it| it.seq == MessageSeq(number) && it.task.is_none());
            exact.map(|it| (it.from, Target::Platform(it.platform_id)))
        } else {
            let key = PartKey(format!("o{number}.0"));
            self.sent_to(&key, cause)?.map(|to| (to, Target::Part(key)))
        };
        let Some((to, target)) = found.filter(|it| self.context.caps_of(&it.0).reactions) else {
            tracing::info!(seq = self.message.seq.0, "no reaction can be put there; dropped");
            return Ok(());
        };
        let content = Draft::Reaction(target, self.message.text.clone());
        self.add(0, cause, (to, String::new()), PartKind::Interim, content)
    }

    /// Where a part of the agent's went, if it may still write there.
    fn sent_to(&self, key: &PartKey, cause: &Cause) -> rusqlite::Result<Option<Address>> {
        let sql = "SELECT channel, account, chat, thread,
                EXISTS (SELECT 1 FROM message m WHERE m.session = p.session
                    AND m.channel = p.channel AND m.account = p.account AND m.chat = p.chat)
             FROM part p WHERE session = ?1 AND key = ?2";
        let found: Option<(Address, bool)> = one(&self.tx, sql, params![self.tx.session, key.0])?;
        let may_write = |to: &Address, is_own: bool| {
            let granted = || self.context.destinations.values().any(|it| it.is_same_chat(to));
            is_own || cause.from.is_same_chat(to) || granted()
        };
        Ok(found.filter(|it| may_write(&it.0, it.1)).map(|it| it.0))
    }

    fn add(
        &self,
        index: usize,
        cause: &Cause,
        (to, reply_to): (Address, String),
        kind: PartKind,
        content: Draft,
    ) -> rusqlite::Result<()> {
        let key = PartKey(format!("o{}.{index}", self.message.seq));
        let held = self.is_held(cause, &to);
        let part = NewPart { key, to, reply_to, kind, content };
        let origin = (cause.seq, Some(self.message.seq));
        outbox::add(self.tx, &part, Some(origin), self.now)?;
        if held { super::quiet::hold(self.tx, &part.key) } else { Ok(()) }
    }
}

/// Ends a message as its claim says: how, and whether it is a run of a task. `None` where it has ended
/// before.
fn end(tx: Scope<'_>, claim: &Claim, now: Timestamp) -> rusqlite::Result<Option<(Outcome, bool)>> {
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

/// The text as far as it can be sent.
fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= TEXT_MAX {
        return Cow::Borrowed(text);
    }
    let end = (0..=TEXT_MAX).rev().find(|it| text.is_char_boundary(*it)).unwrap_or(0);
    Cow::Owned(format!("{}…\n{}", &text[..end], asides::TOO_LONG))
}
