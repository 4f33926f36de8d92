//! What people wrote and pressed, in the words of no platform. Pure.

use std::sync::LazyLock;

use channel::Event;
use domain::message::{
    Address, Attachment, Author, Body, Change, ChatInfo, Click, FileKind, Incoming, Quote, Thread,
};
use domain::time::Timestamp;
use regex::{Captures, Regex};
use serde_json::Value;

use crate::NAME;
use crate::directory::Directory;
use crate::wire::{
    self, Deleted, Id, Interaction, KIND_COMMAND, KIND_DEFAULT, KIND_REPLY, Message, Reaction, User,
};

/// For whom events are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) account: &'a str,
    /// The bot's user id.
    pub(crate) bot: &'a str,
    pub(crate) directory: &'a Directory,
}

impl Reader<'_> {
    /// `None` for what nobody said: notices of Discord, other bots, this one.
    pub(crate) fn message(&self, message: &Message) -> Option<Incoming> {
        let said = matches!(message.kind, KIND_DEFAULT | KIND_REPLY);
        let author = &message.author;
        if !said || author.bot || author.system || message.webhook_id.is_some() {
            return None;
        }
        let (from, about) = self.body(message.channel_id, message.guild_id, sender(author));
        let replied = message.referenced_message.as_deref();
        let quoted =
            replied.into_iter().flat_map(files).map(|it| Attachment { is_quoted: true, ..it });
        let text = self.text(message);
        let is_forward = !message.message_snapshots.is_empty();
        let body = Body {
            quote: replied.map(|it| self.quote(it)),
            sent_at: Some(Timestamp(message.id.millis())),
            // Discord hides who wrote it.
            forwarded_from: is_forward.then(|| "somebody".to_owned()),
            unread: unread(message, &text).map(str::to_owned),
            text,
            ..about
        };
        Some(Incoming {
            from,
            platform_id: message.id.to_string(),
            body,
            mentioned: self.is_meant(message),
            files: files(message).chain(quoted).collect(),
            to_agent: None,
        })
    }

    /// `None` where its author changed nothing.
    pub(crate) fn edited(&self, message: &Message) -> Option<Incoming> {
        let edited = message.edited_timestamp.as_ref()?;
        let mut incoming = self.message(message)?;
        let of = std::mem::take(&mut incoming.platform_id);
        // The same for whatever Discord adds to the message afterwards.
        incoming.platform_id = format!("{of}+{edited}");
        incoming.body.change = Some(Change::Edited { of });
        incoming.body.sent_at = None;
        Some(incoming)
    }

    /// Discord does not say who did it.
    pub(crate) fn deleted(
        &self,
        deleted: &Deleted,
        is_news: impl Fn(&Id) -> bool,
    ) -> Vec<Incoming> {
        let (from, about) = self.body(deleted.channel_id, deleted.guild_id, Author::default());
        let gone = |id: &Id| Incoming {
            from: from.clone(),
            platform_id: format!("{id}+deleted"),
            body: Body { change: Some(Change::Deleted { of: id.to_string() }), ..about.clone() },
            ..Incoming::default()
        };
        let ids = deleted.id.iter().chain(&deleted.ids).filter(|it| is_news(it));
        ids.map(gone).collect()
    }

    /// `None` for those of bots. `stamp` tells apart those that are the same.
    pub(crate) fn reaction(
        &self,
        reaction: &Reaction,
        added: bool,
        stamp: &str,
    ) -> Option<Incoming> {
        let user = reaction.member.as_ref().map(|it| &it.user);
        if reaction.user_id == self.bot || user.is_some_and(|it| it.bot) {
            return None;
        }
        let known = || self.directory.people.get(&reaction.user_id).cloned().unwrap_or_default();
        let name = user.map_or_else(known, |it| it.name().to_owned());
        let name = Author::new(reaction.user_id.clone(), name);
        let (from, about) = self.body(reaction.channel_id, reaction.guild_id, name);
        let emoji = reaction.emoji["name"].as_str().unwrap_or_default();
        let is_own = !reaction.emoji["id"].is_null();
        let emoji = if is_own { format!(":{emoji}:") } else { emoji.to_owned() };
        let to = reaction.message_id.to_string();
        Some(Incoming {
            from,
            platform_id: format!("{to}+{stamp}"),
            body: Body { change: Some(Change::Reacted { to, emoji, added }), ..about },
            ..Incoming::default()
        })
    }

    /// A press of a button of ours, or a command as if it was written; `None` for anything else.
    pub(crate) fn interaction(&self, interaction: &Interaction) -> Option<Event> {
        let who = interaction.member.as_ref().map(|it| &it.user).or(interaction.user.as_ref())?;
        let platform_id = interaction.id.to_string();
        let (from, about) = self.body(interaction.channel_id, interaction.guild_id, sender(who));
        if interaction.kind == KIND_COMMAND {
            let sent_at = Some(Timestamp(interaction.id.millis()));
            let body = Body { text: interaction.command(), sent_at, ..about };
            let said = Incoming { from, platform_id, body, mentioned: true, ..Incoming::default() };
            return Some(Event::Message(said));
        }
        let data = interaction.data.as_ref()?["custom_id"].as_str().filter(|it| !it.is_empty())?;
        Some(Event::Click(Click {
            from,
            chat: about.chat,
            platform_id,
            sender: about.sender,
            data: data.to_owned(),
            press: format!("{}/{}", interaction.application_id, interaction.token.0),
        }))
    }

    /// Where something was said, and what is true of everything that this person says there.
    fn body(&self, channel: Id, server: Option<Id>, sender: Author) -> (Address, Body) {
        let (from, title) = self.place(channel);
        let is_group = server.is_some();
        let title = if is_group { title } else { sender.name.clone() };
        let thread = from.thread.is_some().then(|| Thread {
            title: self.directory.channel_name(channel).unwrap_or_default().to_owned(),
            root: self.directory.roots.get(&channel).cloned().unwrap_or_default(),
        });
        (from, Body { chat: ChatInfo { title, is_group }, thread, ..Body::new(sender, "") })
    }

    fn quote(&self, message: &Message) -> Quote {
        Quote {
            sender: message.author.name().into(),
            text: self.text(message),
            id: message.id.to_string(),
            is_ours: message.author.id == self.bot,
        }
    }

    /// An address, and what its chat is called.
    pub(crate) fn place(&self, channel: Id) -> (Address, String) {
        let (chat, thread) = self.directory.find(channel);
        let address = Address {
            channel: NAME.into(),
            account: self.account.into(),
            chat: chat.to_string(),
            thread: thread.map(|it| it.to_string()),
        };
        (address, self.directory.title(chat))
    }

    /// Mentioned as a user or by the role that Discord made for it, or replied to. A mention of
    /// everybody means everybody.
    fn is_meant(&self, message: &Message) -> bool {
        let replied = message.referenced_message.as_deref();
        message.mentions.iter().any(|it| it.id == self.bot)
            || message.mention_roles.iter().any(|it| self.directory.own_roles.contains(it))
            || replied.is_some_and(|it| it.author.id == self.bot)
    }

    pub(crate) fn text(&self, message: &Message) -> String {
        let content = self.readable(&message.content, &message.mentions);
        let forwarded = message.message_snapshots.iter();
        let forwarded = forwarded.map(|it| self.readable(&it.message.content, &message.mentions));
        let stickers = message.sticker_items.iter().filter_map(|it| it["name"].as_str());
        let stickers = stickers.map(|it| format!("[sticker: {it}]"));
        let parts = std::iter::once(content).chain(forwarded).chain(stickers);
        let parts = parts.chain(message.poll.as_ref().map(poll));
        parts.filter(|it| !it.is_empty()).collect::<Vec<_>>().join("\n")
    }

    /// Names in place of ids; without the mentions of the bot that it begins with.
    fn readable(&self, content: &str, mentions: &[User]) -> String {
        let mut rest = content.trim();
        // The pattern never changes, and the tests read texts with it.
        let Ok(marks) = &*MARKS else { return rest.to_owned() };
        while let Some(mark) = marks.captures(rest)
            && rest.starts_with(&mark[0])
            && self.is_bot(&mark)
        {
            rest = rest[mark[0].len()..].trim_start();
        }
        let name =
            |mark: &Captures<'_>| self.name(mark, mentions).unwrap_or_else(|| mark[0].to_owned());
        marks.replace_all(rest, name).into_owned()
    }

    fn is_bot(&self, mark: &Captures<'_>) -> bool {
        match &mark[1] {
            "@" | "@!" => &mark[3] == self.bot,
            "@&" => Id::parse(&mark[3]).is_some_and(|it| self.directory.own_roles.contains(&it)),
            _ => false,
        }
    }

    fn name(&self, mark: &Captures<'_>, mentions: &[User]) -> Option<String> {
        let id = &mark[3];
        match &mark[1] {
            "@" | "@!" => Some(format!("@{}", mentions.iter().find(|it| it.id == id)?.name())),
            "#" => Some(format!("#{}", self.directory.channel_name(Id::parse(id)?)?)),
            "@&" => None,
            _ => Some(format!(":{}:", &mark[2])),
        }
    }
}

/// Mentions and emoji (<https://discord.com/developers/docs/reference#message-formatting>): what it is,
/// the name of an emoji, the id.
static MARKS: LazyLock<Result<Regex, regex::Error>> =
    LazyLock::new(|| Regex::new(r"<(@[!&]?|#|a?:([^:>]*):)([0-9]+)>"));

fn sender(user: &User) -> Author {
    Author::new(user.id.clone(), user.name())
}

/// <https://discord.com/developers/docs/resources/poll#poll-object>
fn poll(poll: &Value) -> String {
    let text = |it: &Value| it["text"].as_str().unwrap_or_default().to_owned();
    let answers = poll["answers"].as_array().into_iter().flatten();
    let answers: Vec<_> = answers.map(|it| text(&it["poll_media"])).collect();
    format!("[poll: {} {}]", text(&poll["question"]), answers.join(" / "))
}

/// What a message has that is neither a text nor a file.
fn unread(message: &Message, text: &str) -> Option<&'static str> {
    match message.activity {
        Some(_) => Some("an invitation to an activity"),
        None => (text.is_empty() && files(message).next().is_none())
            .then_some("something that only Discord's own app shows"),
    }
}

fn files(message: &Message) -> impl Iterator<Item = Attachment> {
    let forwarded = message.message_snapshots.iter().flat_map(|it| &it.message.attachments);
    message.attachments.iter().chain(forwarded).map(file)
}

fn file(file: &wire::Attachment) -> Attachment {
    let mime = file.content_type.clone().unwrap_or_default();
    let kind = match mime.split('/').next() {
        Some("image") => FileKind::Image,
        Some("audio") if file.waveform.is_some() => FileKind::Voice,
        Some("audio") => FileKind::Audio,
        Some("video") => FileKind::Video,
        Some(_) | None => FileKind::Document,
    };
    Attachment {
        kind,
        name: file_name(file),
        mime,
        bytes: file.size,
        source: file.url.clone(),
        is_quoted: false,
    }
}

fn file_name(file: &wire::Attachment) -> String {
    match (&file.title, file.filename.rsplit_once('.')) {
        (Some(title), Some((_, extension))) => format!("{title}.{extension}"),
        (Some(title), None) => title.clone(),
        (None, _) => file.filename.clone(),
    }
}

#[cfg(test)]
mod tests;
