//! What people wrote and pressed, in the words of no platform. Pure.

use std::sync::LazyLock;

use channel::Event;
use domain::message::{
    Address, Attachment, Author, Body, ChatInfo, Click, FileKind, Incoming, Quote,
};
use domain::time::Timestamp;
use regex::{Captures, Regex};

use crate::NAME;
use crate::directory::Directory;
use crate::wire::{self, Id, Interaction, KIND_DEFAULT, KIND_REPLY, Message, User};

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
    pub(crate) fn message(&self, message: &Message) -> Option<Event> {
        let said = matches!(message.kind, KIND_DEFAULT | KIND_REPLY);
        let author = &message.author;
        if !said || author.bot || author.system || message.webhook_id.is_some() {
            return None;
        }
        let direct = message.guild_id.is_none();
        let (from, title) = self.place(message.channel_id);
        let title = if direct { author.name().to_owned() } else { title };
        let replied = message.referenced_message.as_deref();
        let attachments = message.attachments.iter();
        let forwarded = message.message_snapshots.iter().flat_map(|it| &it.message.attachments);
        let quote = |it: &Message| Quote {
            sender: it.author.name().into(),
            text: self.text(it),
            ..Quote::default()
        };
        Some(Event::Message(Incoming {
            from,
            platform_id: message.id.to_string(),
            body: Body {
                chat: ChatInfo { title, is_group: !direct },
                quote: replied.map(quote),
                sent_at: Some(Timestamp(message.id.millis())),
                ..Body::new(sender(author), self.text(message))
            },
            mentioned: self.is_meant(message),
            files: attachments.chain(forwarded).map(file).collect(),
            to_agent: None,
        }))
    }

    /// `None` for what is not a button of ours.
    pub(crate) fn press(&self, press: &Interaction) -> Option<Event> {
        let who = press.member.as_ref().map(|it| &it.user).or(press.user.as_ref())?;
        let data = press.data.as_ref()?["custom_id"].as_str().filter(|it| !it.is_empty())?;
        let (from, title) = self.place(press.channel_id);
        let is_group = press.guild_id.is_some();
        let title = if is_group { title } else { who.name().to_owned() };
        Some(Event::Click(Click {
            from,
            chat: ChatInfo { title, is_group },
            platform_id: press.id.to_string(),
            press: String::new(),
            sender: sender(who),
            data: data.to_owned(),
        }))
    }

    /// An address, and what its chat is called.
    fn place(&self, channel: Id) -> (Address, String) {
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

    fn text(&self, message: &Message) -> String {
        let content = self.readable(&message.content, &message.mentions);
        let forwarded = message.message_snapshots.iter().map(|snapshot| {
            let content = self.readable(&snapshot.message.content, &message.mentions);
            format!("[forwarded] {content}").trim_end().to_owned()
        });
        let stickers = message.sticker_items.iter().filter_map(|it| it["name"].as_str());
        let stickers = stickers.map(|it| format!("[sticker: {it}]"));
        let parts = std::iter::once(content).chain(forwarded).chain(stickers);
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
