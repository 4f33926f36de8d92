//! Imports what the runner wrote: replies become parts, requests are kept, claims become
//! outcomes, all in one commit.
//!
//! The agent could have written anything, so the runner's word decides neither where something goes
//! nor whether it may: an answer goes where its message came from, another chat only by a name that
//! was granted.

use std::collections::BTreeMap;

use domain::delivery::PartKey;
use domain::message::{Address, Claim, Form, Outbound, Outcome};
use domain::outgoing::{Caps, Card, FileOut, TextLimit};
use domain::quiet::{is_awaited, under_heading};
use domain::task::says_nothing;
use domain::texts::asides;
use domain::time::Timestamp;
use domain::{MessageSeq, OutSeq};
use rusqlite::params;

use super::attachments::Copied;
use super::messages::{end, keep_file_texts};
use super::parts::{self, Cause, Line};
use super::{Scope, SessionContext, SessionRows, quiet, requests, tasks, waits};
use crate::Result;
use crate::outbound::Unimported;
use crate::outbox::{self, Draft, NewPart, PartKind, Target};
use crate::row::{one, run, to_json};

/// An answer that takes more parts goes out as a file, below its beginning.
const PARTS_MAX: usize = 8;
/// Bytes of one text that is sent in parts.
const TEXT_MAX: usize = 128 * 1024;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    pub ended: Vec<(MessageSeq, Outcome)>,
    /// One of them was a slot of a task.
    pub has_ended_task: bool,
}

impl SessionRows<'_> {
    pub(crate) fn import(
        &self,
        mut news: Unimported,
        files: &BTreeMap<OutSeq, Vec<Copied>>,
        context: &SessionContext,
        now: Timestamp,
    ) -> Result<ImportReport> {
        // Read again, in the caller's transaction: a stop may have come since the mailbox was read.
        let before = self.import_state()?;
        self.commit("a reply", |tx| {
            let silenced = before.is_silenced();
            before.sift(&mut news);
            for (message, kind) in news.messages.iter().filter(|_| !silenced) {
                let seq = message.seq.0;
                let Some(cause) = parts::cause(tx, message.in_reply_to)? else {
                    tracing::warn!(seq, "the agent wrote to nobody; dropped");
                    continue;
                };
                let (kind, finished) = (*kind, &news.finished[..]);
                let import = MessageImport { tx, context, now, message, kind, finished, cause };
                match import.refusal() {
                    Some(why) => tracing::info!(seq, why, "a message of the agent is dropped"),
                    None => import.send(files.get(&message.seq).map_or(&[], Vec::as_slice))?,
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
                    if let Some(texts) = news.file_texts.get(&claim.message) {
                        keep_file_texts(tx, claim.message, texts)?;
                    }
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
    cause: Cause,
}

/// Where a part goes, and the platform's id of the message that it replies to.
type Reply = (Address, String);

impl MessageImport<'_> {
    /// Why nobody hears of it.
    fn refusal(&self) -> Option<&'static str> {
        let (cause, kind, message) = (&self.cause, self.kind, self.message);
        let is_beat = cause.task.is_some_and(|it| self.context.heartbeats.contains(&it));
        let says_nothing = message.form == Form::Text && says_nothing(&message.text);
        let reasons = [
            (cause.is_declined, "it was stopped"),
            (cause.is_given_up && kind != PartKind::Interim, "it answers too late"),
            (
                cause.task.is_some() && kind == PartKind::Notice,
                "a task that failed says nothing unasked",
            ),
            (is_beat && says_nothing, "a heartbeat had nothing to say"),
        ];
        reasons.into_iter().find_map(|(is_so, why)| is_so.then_some(why))
    }

    fn send(mut self, files: &[Copied]) -> rusqlite::Result<()> {
        let is_mute = |chat: &Address| self.context.caps_of(chat).mute;
        parts::redirect(self.tx, &mut self.cause, is_mute)?;
        let (tx, message, cause) = (self.tx, self.message, self.cause.seq);
        if parts::is_full(tx, self.kind)? {
            return parts::add_notice(tx, "full", cause, self.kind, asides::TOO_MUCH, self.now);
        }
        match &message.form {
            Form::Question { .. } | Form::Admin => requests::insert(tx, message, cause, self.now),
            Form::Text => self.text(&message.text, files.first()),
            Form::File(_) => self.files(files),
            Form::Edit(number) => self.edit(*number),
            Form::Reaction(number) => self.reaction(*number),
        }
    }

    fn reply(&self) -> Reply {
        (self.cause.from.clone(), self.cause.platform_id.clone())
    }

    /// Where it goes. Where that was not granted, it goes nowhere, and the chat that it came from is told.
    fn address(&self) -> Result<Reply, String> {
        let Some(name) = &self.message.destination else { return Ok(self.reply()) };
        let granted = self.context.destinations.get(name).map(|it| (it.clone(), String::new()));
        granted.ok_or_else(|| asides::not_allowed(name))
    }

    /// A line on the event that is answered, where the chat did not ask; above all that is said of it.
    fn about(&self) -> String {
        let about = self.cause.about.as_ref().filter(|_| self.message.destination.is_none());
        about.map_or(String::new(), |it| format!("{it}\n"))
    }

    /// `whole` is the text in a file, where it is long enough for one.
    fn text(&self, text: &str, whole: Option<&Copied>) -> rusqlite::Result<()> {
        let (to, text, whole) = match self.address() {
            Ok(to) => (to, cut(text), whole),
            Err(why) => (self.reply(), why, None),
        };
        // The host says it, whatever the model makes of it.
        let is_answer = self.kind == PartKind::Answer;
        let mark = if is_answer { tasks::mark(self.tx, self.cause.seq)? } else { None };
        let text = mark.into_iter().chain([text]).collect::<Vec<_>>().join("\n");
        let caps = self.context.caps_of(&to.0);
        if self.is_held(&to.0) {
            let caps = Caps { text: under_heading(caps.text), ..caps };
            return self.add_texts(&text, to, Parts { whole, ..Parts::of(caps) });
        }
        let line = self.status_line()?;
        let in_place = line.as_ref().filter(|it| it.in_place).map(|it| it.key.clone());
        self.add_texts(&text, to, Parts { whole, replaced: in_place, ..Parts::of(caps) })?;
        match line.filter(|it| !it.in_place) {
            Some(line) => outbox::remove_line(self.tx, &line.key, self.now),
            None => Ok(()),
        }
    }

    /// Whether it waits until its reader wants to hear of it. What went wrong does not.
    fn is_held(&self, to: &Address) -> bool {
        let led = self.cause.task.is_none().then_some(&self.cause.written_in);
        self.kind != PartKind::Notice && !is_awaited(led, to) && self.context.is_quiet(to)
    }

    /// The line that says that work goes on, which the answer to it ends.
    fn status_line(&self) -> rusqlite::Result<Option<Line>> {
        if self.kind == PartKind::Interim || self.message.destination.is_some() {
            return Ok(None);
        }
        let covered = self.finished.iter().filter(|it| it.reply == Some(self.message.seq));
        let covered = covered.map(|it| it.message);
        let covered: Vec<_> = covered.chain([self.cause.seq]).collect();
        parts::replaceable(self.tx, &covered, self.now)
    }

    /// As many of its files as can be sent, as few messages as show them. A text that is no caption there,
    /// and what is wrong with the others, follow: each part is one call of the platform.
    fn files(&self, copied: &[Copied]) -> rusqlite::Result<()> {
        // Where it may not go, that is all that is said.
        let Ok(to) = self.address() else { return self.text("", None) };
        let caps = self.context.caps_of(&to.0);
        let (mut files, mut text) = (Vec::new(), self.message.text.clone());
        let mut wrong = Vec::new();
        for copied in copied {
            match sendable(copied, caps.file_bytes_max) {
                Ok(file) => files.push(file.clone()),
                Err(why) => wrong.push(asides::no_file(&why)),
            }
        }
        wrong.dedup();
        if !wrong.is_empty() {
            text = format!("{text}\n{}", wrong.join("\n")).trim_start().to_owned();
        }
        let caption = format!("{}{text}", self.about());
        let Some(first) = files.first_mut() else { return self.text(&text, None) };
        let follows = caps.caption_max < markdown::measure(&caption, caps.dialect, caps.text.unit);
        if !follows {
            first.caption = caption;
        }
        let mut messages = files.chunks(caps.album_max.max(1)).enumerate().peekable();
        let mut count = 0;
        while let Some((index, files)) = messages.next() {
            let is_last = messages.peek().is_none() && !follows;
            let kind = if is_last { self.kind } else { PartKind::Interim };
            self.add(index, to.clone(), kind, Draft::Files(files.to_vec()))?;
            count = index + 1;
        }
        if !follows {
            return Ok(());
        }
        self.add_texts(&cut(&text), to, Parts { first: count, ..Parts::of(caps) })
    }

    /// A new text for an own message; where messages cannot be changed, it follows as another one.
    fn edit(&self, number: i64) -> rusqlite::Result<()> {
        let (key, text) = (PartKey(format!("o{number}.0")), &self.message.text);
        // A message that several parts share has no text of its own, and the word on an event stays.
        let is_fixed = self.cause.about.is_some() || quiet::was_held(self.tx, &key)?;
        let Some(to) = self.sent_to(&key)?.filter(|_| !is_fixed) else {
            return self.text(text, None);
        };
        let caps = self.context.caps_of(&to);
        let replaced = caps.edits.then_some(key);
        self.add_texts(&cut(text), (to, String::new()), Parts { replaced, ..Parts::of(caps) })
    }

    fn reaction(&self, number: i64) -> rusqlite::Result<()> {
        let found = if number % 2 == 0 {
            let named = parts::cause(self.tx, MessageSeq(number))?;
            let exact = named.filter(|it| it.seq == MessageSeq(number) && it.task.is_none());
            exact.map(|it| (it.from, Target::Platform(it.platform_id)))
        } else {
            let key = PartKey(format!("o{number}.0"));
            self.sent_to(&key)?.map(|to| (to, Target::Part(key)))
        };
        let Some((to, target)) = found.filter(|it| self.context.caps_of(&it.0).reactions) else {
            tracing::info!(seq = self.message.seq.0, "no reaction can be put there; dropped");
            return Ok(());
        };
        let content = Draft::Reaction(target, self.message.text.clone());
        self.add(0, (to, String::new()), PartKind::Interim, content)
    }

    /// Where a part of the agent's went, if it may still write there.
    fn sent_to(&self, key: &PartKey) -> rusqlite::Result<Option<Address>> {
        let sql = "SELECT channel, account, chat, thread,
                EXISTS (SELECT 1 FROM message m WHERE m.session = p.session
                    AND m.channel = p.channel AND m.account = p.account AND m.chat = p.chat)
             FROM part p WHERE session = ?1 AND key = ?2";
        let found: Option<(Address, bool)> = one(&self.tx, sql, params![self.tx.session, key.0])?;
        let granted = [&self.cause.from].into_iter().chain(self.context.destinations.values());
        let may_write =
            |(to, is_own): &(Address, bool)| *is_own || { granted }.any(|it| it.is_same_chat(to));
        Ok(found.filter(may_write).map(|it| it.0))
    }

    /// Adds a text in as many parts as it takes; where these are too many, its beginning and the whole.
    fn add_texts(&self, text: &str, to: Reply, parts: Parts<'_>) -> rusqlite::Result<()> {
        let Parts { first, caps, replaced, whole } = parts;
        let (about, mut target) = (self.about(), replaced.map(Target::Part));
        let room = |taken: &str| {
            let taken = markdown::measure(taken, caps.dialect, caps.text.unit);
            TextLimit { max: caps.text.max.saturating_sub(taken), ..caps.text }
        };
        // With the line break behind it.
        let limit = if about.is_empty() { caps.text } else { room(&format!("{about}x")) };
        let mut texts = markdown::split(text, caps.dialect, limit);
        let takes = |it: &&(FileOut, u64)| it.1 <= caps.file_bytes_max;
        let whole = whole.and_then(|it| it.as_ref().ok()).filter(takes);
        let whole = whole.filter(|_| PARTS_MAX < texts.len()).map(|it| it.0.clone());
        if whole.is_some() {
            let limit = room(&format!("{about}\n\nx\n\n{}", asides::IN_A_FILE));
            let first = markdown::beginning(text, caps.dialect, limit);
            texts = vec![format!("{first}\n\n{}", asides::IN_A_FILE)];
        }
        let texts = texts.into_iter().map(|text| {
            let text = format!("{about}{text}");
            match target.take() {
                Some(target) => Draft::Edit(target, Card { text, buttons: vec![] }),
                None => Draft::Text(text),
            }
        });
        let mut contents =
            texts.chain(whole.map(|it| Draft::Files(vec![it]))).enumerate().peekable();
        while let Some((index, content)) = contents.next() {
            // Only the last part says that the message is complete.
            let kind = if contents.peek().is_none() { self.kind } else { PartKind::Interim };
            self.add(first + index, to.clone(), kind, content)?;
        }
        Ok(())
    }

    fn add(
        &self,
        index: usize,
        (to, reply_to): Reply,
        kind: PartKind,
        content: Draft,
    ) -> rusqlite::Result<()> {
        let key = PartKey(format!("o{}.{index}", self.message.seq));
        let held = self.is_held(&to);
        let part = NewPart { key, to, reply_to, kind, content };
        let origin = (self.cause.seq, Some(self.message.seq));
        outbox::add(self.tx, &part, Some(origin), self.now)?;
        if held { quiet::hold(self.tx, &part.key) } else { Ok(()) }
    }
}

/// Why a chat that takes files of this size does not get it.
fn sendable(copied: &Copied, bytes_max: u64) -> Result<&FileOut, String> {
    match copied {
        Err(why) => Err(why.clone()),
        Ok(_) if bytes_max == 0 => Err("this chat takes no files".to_owned()),
        Ok((_, bytes)) if bytes_max < *bytes => {
            Err(format!("it is larger than the {} MiB that this chat takes", bytes_max >> 20))
        }
        Ok((file, _)) => Ok(file),
    }
}

/// How a text becomes parts.
struct Parts<'a> {
    /// The number of the first.
    first: usize,
    caps: Caps,
    /// The first goes in its place.
    replaced: Option<PartKey>,
    /// All of the text, in a file.
    whole: Option<&'a Copied>,
}

impl Parts<'_> {
    fn of(caps: Caps) -> Self {
        Self { first: 0, caps, replaced: None, whole: None }
    }
}

/// The text as far as it can be sent.
fn cut(text: &str) -> String {
    let kept = &text[..text.floor_char_boundary(TEXT_MAX)];
    if kept.len() < text.len() {
        format!("{kept}…\n{}", asides::TOO_LONG)
    } else {
        text.to_owned()
    }
}
