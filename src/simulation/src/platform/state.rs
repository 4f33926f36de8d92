//! What the platform in memory knows, and what an action does to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use channel::{Caps, Event, Part, Verdict};
use domain::message::{Address, Attachment, ChatInfo, Incoming, Quote};
use domain::outgoing::{Button, Card, Content, FileOut, Pace, Rate};
use tokio::time::Instant;

use super::{FetchFault, SendFault, TestMessage, address};
use crate::crash::Crash;
use crate::mutation::Mutation;

/// A message of the bot as people see it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// As `deliver` returned it; empty for a refusal that a sender was told.
    pub id: String,
    pub to: Address,
    pub text: String,
    /// Name and content.
    pub files: Vec<(String, Vec<u8>)>,
    pub buttons: Vec<Button>,
    pub reactions: Vec<String>,
    pub edits: usize,
    pub is_silent: bool,
    pub notifies: Option<String>,
}

impl Shown {
    fn new(to: &Address, text: &str) -> Self {
        Self {
            id: String::new(),
            to: to.clone(),
            text: text.into(),
            files: vec![],
            buttons: vec![],
            reactions: vec![],
            edits: 0,
            is_silent: false,
            notifies: None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// In the order in which they happened; a cursor counts them. `None` is garbage.
    pub(super) events: Vec<Option<Event>>,
    pub(super) verdicts: Vec<(String, Verdict)>,
    pub(super) sent: Vec<Part>,
    /// When each of them took effect.
    pub(super) sent_at: Vec<Instant>,
    pub(super) shown: Vec<Shown>,
    pub(super) reactions: Vec<(String, String)>,
    pub(super) typing: usize,
    pub(super) answered: Vec<(String, Option<String>)>,
    pub(super) commands: Vec<String>,
    pub(super) connected_at: Vec<Instant>,
    /// All that was asked of it, and in which chat.
    taken: Vec<(Instant, Address)>,
    pub(super) over_pace: Vec<String>,
    pub(super) send_faults: Vec<SendFault>,
    pub(super) fetch_faults: Vec<FetchFault>,
    /// Who takes no private chats.
    pub(super) closed: Vec<String>,
    /// Who a platform gives no answer about.
    pub(super) hanging: Vec<String>,
    /// The chat in which nothing takes effect and nothing is answered.
    pub(super) hanging_chat: Option<String>,
    pub(super) connections_broken: usize,
    /// The next batch begins with the oldest event again.
    pub(super) redelivers: bool,
    /// The next batch has its chats in another order.
    pub(super) reorders: bool,
    /// Events that were handed out.
    pub(super) handed_out: usize,
    /// Kept back by a platform that is broken on purpose.
    pub(super) kept_back: Option<Part>,
    pub(super) connections_made: usize,
    /// Connections with a number up to this one hear nothing.
    pub(super) silent_below: usize,
    pub(super) is_away: bool,
    pub(super) forgets: bool,
    /// Each account is told of its own events alone.
    pub(super) separated: bool,
    /// The account whose credential is not taken.
    pub(super) revoked: Option<String>,
    pub(super) crash: Option<Arc<Crash>>,
    files: BTreeMap<String, Vec<u8>>,
    chats: BTreeMap<String, ChatInfo>,
    /// By person.
    directs: BTreeMap<String, String>,
}

impl State {
    pub(super) fn breaks(&self, what: Mutation) -> bool {
        let env = self.crash.as_ref().and_then(|it| it.env());
        env.is_some_and(|it| it.breaks(what))
    }

    /// How long the next part takes, if that is wrong with it.
    pub(super) fn slow_send(&mut self) -> Option<Duration> {
        let Some(SendFault::Takes(slow)) = self.send_faults.first().copied() else { return None };
        self.send_faults.remove(0);
        Some(slow)
    }

    /// Counts something that the host asks for, and notes where that is more than the pace allows. A new
    /// connection may be of a host that knows nothing of its predecessor, and has half of all at hand; and
    /// what takes its time on the way may come together.
    pub(super) fn count(&mut self, to: &Address, pace: &Pace) {
        let now = Instant::now();
        self.taken.push((now, Address { thread: None, ..to.clone() }));
        let is_group = self.chat(&to.chat).is_group;
        let of_chat = if is_group { pace.group } else { pace.direct };
        for (what, rate) in [(Some(to), of_chat), (None, pace.account)] {
            let Some(Rate { count, per }) = rate else { continue };
            let is_new = |at: &Instant| now.duration_since(*at) < per;
            let is_of = |it: &Address| what.is_none_or(|to| it.is_same_chat(to));
            let taken = self.taken.iter().filter(|it| is_new(&it.0) && is_of(&it.1)).count();
            let lives = self.connected_at.iter().filter(|it| is_new(it)).count();
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            if count + count / 10 + lives * count / 2 < taken {
                let chat = what.map_or("the account", |it| &it.chat);
                self.over_pace.push(format!("{chat} took {taken} within {} s", per.as_secs()));
            }
        }
    }

    pub(super) fn note(&self, what: impl std::fmt::Display) {
        if let Some(env) = self.crash.as_ref().and_then(|it| it.env()) {
            env.note(what);
        }
    }

    /// `mentions`: the platform says when the bot is meant.
    pub(super) fn write(&mut self, test_message: TestMessage, mentions: bool) {
        if self.forgets && self.is_away {
            return;
        }
        let TestMessage { mut message, reply_to, contents } = test_message;
        for (file, content) in message.files.iter().zip(contents) {
            self.files.insert(file.source.clone(), content);
        }
        if let Some(id) = reply_to {
            message.mentioned |= self.shown.iter().any(|it| it.id == id);
            message.body.quote = self.quote(&id);
            let quoted = self.posted(&id).map(|it| it.files.clone()).unwrap_or_default();
            message.files.extend(quoted.into_iter().map(|it| Attachment { is_quoted: true, ..it }));
        }
        message.mentioned &= mentions;
        let chat = message.from.chat.clone();
        if !message.body.chat.is_group {
            self.directs.insert(message.body.sender.id.clone(), chat.clone());
        }
        self.chats.insert(chat, message.body.chat.clone());
        self.events.push(Some(Event::Message(message)));
    }

    fn quote(&self, id: &str) -> Option<Quote> {
        let quote = |sender: &str, text: &str, is_ours| {
            Some(Quote { sender: sender.into(), text: text.into(), id: id.into(), is_ours })
        };
        if let Some(ours) = self.shown.iter().find(|it| it.id == id) {
            return quote("the bot", &ours.text, true);
        }
        let body = &self.posted(id)?.body;
        quote(&body.sender.name, &body.text, false)
    }

    fn posted(&self, id: &str) -> Option<&Incoming> {
        let mut messages = self.events.iter().filter_map(|event| match event {
            Some(Event::Message(message)) => Some(message),
            Some(
                Event::Click(_)
                | Event::Moved { .. }
                | Event::Reachable { .. }
                | Event::Left(_)
                | Event::Renamed { .. }
                | Event::Undelivered { .. },
            )
            | None => None,
        });
        messages.find(|it| it.platform_id == id)
    }

    pub(super) fn chat(&self, chat: &str) -> ChatInfo {
        self.chats.get(chat).cloned().unwrap_or_default()
    }

    pub(super) fn know_group(&mut self, chat: &str, title: &str) {
        self.chats.insert(chat.into(), ChatInfo { title: title.into(), is_group: true });
    }

    pub(super) fn move_chat(&mut self, from: &str, to: &str) {
        let info = self.chats.remove(from).unwrap_or_default();
        self.chats.insert(to.into(), info);
        self.events.push(Some(Event::Moved { from: address(from), to: address(to) }));
    }

    /// The private chat with somebody; there is one as soon as it is asked for.
    pub(super) fn direct(&self, person: &str) -> String {
        self.directs.get(person).cloned().unwrap_or_else(|| format!("dm-{person}"))
    }

    pub(super) fn file(&self, source: &str) -> Option<Vec<u8>> {
        self.files.get(source).cloned()
    }

    /// At a terminal (`waits`) the answer of the protocol shows a refusal; elsewhere the host does.
    pub(super) fn settle(&mut self, id: String, from: &Address, verdict: &Verdict, waits: bool) {
        match verdict {
            Verdict::Refused(why) if waits => self.shown.push(Shown::new(from, why)),
            Verdict::Stored | Verdict::Ignored | Verdict::Refused(_) => {}
        }
        self.verdicts.push((id, verdict.clone()));
    }

    /// Lets a part take effect; returns its id, or why the platform does not take it. `files` are
    /// what lies at the paths of its files.
    pub(super) fn show(
        &mut self,
        caps: &Caps,
        part: &Part,
        files: Vec<Option<Vec<u8>>>,
    ) -> Result<String, &'static str> {
        if caps.text.max < caps.text.unit.measure(part.content.text()) {
            return Err("the text is too long");
        }
        let id = match &part.content {
            Content::Text(text) => self.append(part, text, |_| ()),
            Content::Card(_) if !caps.buttons => return Err("there are no buttons here"),
            Content::Card(card) => {
                self.append(part, &card.text, |it| it.buttons.clone_from(&card.buttons))
            }
            Content::File(out) => self.files(caps, part, std::slice::from_ref(out), files)?,
            Content::Album(all) if caps.album_max < all.len() => return Err("too many files"),
            Content::Album(all) => self.files(caps, part, all, files)?,
            Content::Delete { .. } if !caps.deletes => {
                return Err("nothing can be taken away here");
            }
            Content::Delete { target } => {
                let at = self.shown.iter().position(|it| it.id == *target);
                self.shown.remove(at.ok_or("it is not there")?);
                target.clone()
            }
            Content::Edit { .. } if !caps.edits => return Err("nothing can be edited here"),
            Content::Edit { target, card } => self.edit(target, card)?,
            Content::Reaction { .. } if !caps.reactions => return Err("there are no reactions"),
            Content::Reaction { target, emoji } => self.react(target, emoji)?,
        };
        self.sent.push(part.clone());
        self.sent_at.push(Instant::now());
        Ok(id)
    }

    fn files(
        &mut self,
        caps: &Caps,
        part: &Part,
        all: &[FileOut],
        contents: Vec<Option<Vec<u8>>>,
    ) -> Result<String, &'static str> {
        let mut files = Vec::new();
        for (file, content) in all.iter().zip(contents) {
            let content = content.ok_or("the file cannot be read")?;
            if caps.file_bytes_max < u64::try_from(content.len()).unwrap_or(u64::MAX) {
                return Err("the file is too large");
            }
            files.push((file.name.clone(), content));
        }
        Ok(self.append(part, part.content.text(), |it| it.files = files))
    }

    fn append(&mut self, part: &Part, text: &str, with: impl FnOnce(&mut Shown)) -> String {
        let before = self.sent.iter().filter(|it| it.key == part.key).count();
        let mark = if part.repeat { "(perhaps a second time) " } else { "" };
        let mut shown = Shown::new(&part.to, &format!("{mark}{text}"));
        with(&mut shown);
        (shown.is_silent, shown.notifies) = (part.silent, part.notify.clone());
        shown.id = match before {
            0 => format!("p-{}", part.key),
            n => format!("p-{}-{n}", part.key),
        };
        let id = shown.id.clone();
        self.shown.push(shown);
        id
    }

    fn edit(&mut self, target: &str, card: &Card) -> Result<String, &'static str> {
        let shown = self.shown.iter_mut().find(|it| it.id == target);
        let shown = shown.ok_or("there is no such message to edit")?;
        shown.text.clone_from(&card.text);
        shown.buttons.clone_from(&card.buttons);
        shown.edits += 1;
        Ok(target.into())
    }

    fn react(&mut self, target: &str, emoji: &str) -> Result<String, &'static str> {
        if let Some(ours) = self.shown.iter_mut().find(|it| it.id == target) {
            ours.reactions =
                Some(emoji).filter(|it| !it.is_empty()).map(Into::into).into_iter().collect();
            return Ok(target.into());
        }
        self.quote(target).ok_or("there is no such message to react to")?;
        self.reactions.retain(|it| it.0 != target);
        if !emoji.is_empty() {
            self.reactions.push((target.into(), emoji.into()));
        }
        Ok(target.into())
    }

    pub(super) fn draft(&mut self, target: &str, text: &str) {
        if let Some(shown) = self.shown.iter_mut().find(|it| it.id == target) {
            shown.text = text.into();
        }
    }
}
