//! What people wrote and pressed, in the words of no platform. Pure.

use channel::Event;
use domain::message::{
    Address, Attachment, Author, Body, ChatInfo, Click, FileKind, Incoming, Quote,
};
use domain::time::Timestamp;

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
        let quote = |it: &Message| Quote { sender: it.author.name().into(), text: self.text(it) };
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
        let data = press.data.as_ref().filter(|it| !it.custom_id.is_empty())?;
        let (from, title) = self.place(press.channel_id);
        let is_group = press.guild_id.is_some();
        let title = if is_group { title } else { who.name().to_owned() };
        Some(Event::Click(Click {
            from,
            chat: ChatInfo { title, is_group },
            platform_id: press.id.to_string(),
            sender: sender(who),
            data: data.custom_id.clone(),
        }))
    }

    /// An address, and what its chat is called.
    fn place(&self, channel: Id) -> (Address, String) {
        let at = self.directory.find(channel);
        let address = Address {
            channel: NAME.into(),
            account: self.account.into(),
            chat: at.chat.to_string(),
            thread: at.thread.map(|it| it.to_string()),
        };
        (address, at.title)
    }

    /// Mentioned as a user or by the role that Discord made for it, or replied to. A mention of
    /// everybody means everybody.
    fn is_meant(&self, message: &Message) -> bool {
        let replied = message.referenced_message.as_deref();
        message.mentions.iter().any(|it| it.id == self.bot)
            || message.mention_roles.iter().any(|it| self.directory.is_own_role(*it))
            || replied.is_some_and(|it| it.author.id == self.bot)
    }

    fn text(&self, message: &Message) -> String {
        let content = self.readable(&message.content, &message.mentions);
        let forwarded = message.message_snapshots.iter().map(|snapshot| {
            let content = self.readable(&snapshot.message.content, &message.mentions);
            format!("[forwarded] {content}").trim_end().to_owned()
        });
        let stickers = message.sticker_items.iter().map(|it| format!("[sticker: {}]", it.name));
        let parts = std::iter::once(content).chain(forwarded).chain(stickers);
        parts.filter(|it| !it.is_empty()).collect::<Vec<_>>().join("\n")
    }

    /// Names in place of ids; without the mentions of the bot that it begins with.
    fn readable(&self, content: &str, mentions: &[User]) -> String {
        let mut rest = content.trim();
        while let Some((mark, after)) = mark(rest)
            && self.is_bot(&mark)
        {
            rest = after.trim_start();
        }
        let mut text = String::with_capacity(rest.len());
        while let Some(at) = rest.find('<') {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            match mark(rest).and_then(|(mark, after)| Some((self.name(&mark, mentions)?, after))) {
                Some((name, after)) => {
                    text.push_str(&name);
                    rest = after;
                }
                None => {
                    text.push('<');
                    rest = &rest[1..];
                }
            }
        }
        text.push_str(rest);
        text
    }

    fn is_bot(&self, mark: &Mark<'_>) -> bool {
        match mark {
            Mark::User(id) => *id == self.bot,
            Mark::Role(id) => Id::parse(id).is_some_and(|it| self.directory.is_own_role(it)),
            Mark::Channel(_) | Mark::Emoji(_) => false,
        }
    }

    fn name(&self, mark: &Mark<'_>, mentions: &[User]) -> Option<String> {
        match mark {
            Mark::User(id) => {
                let user = mentions.iter().find(|it| it.id == *id)?;
                Some(format!("@{}", user.name()))
            }
            Mark::Channel(id) => {
                let name = self.directory.channel_name(Id::parse(id)?)?;
                Some(format!("#{name}"))
            }
            Mark::Emoji(name) => Some(format!(":{name}:")),
            Mark::Role(_) => None,
        }
    }
}

/// What stands between `<` and `>`
/// (<https://discord.com/developers/docs/reference#message-formatting>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark<'a> {
    User(&'a str),
    Role(&'a str),
    Channel(&'a str),
    Emoji(&'a str),
}

/// The mark that a text begins with, and what follows it.
fn mark(text: &str) -> Option<(Mark<'_>, &str)> {
    let (inner, after) = text.strip_prefix('<')?.split_once('>')?;
    let mark = if let Some(id) = inner.strip_prefix("@&") {
        Mark::Role(id)
    } else if let Some(id) = inner.strip_prefix("@!").or_else(|| inner.strip_prefix('@')) {
        Mark::User(id)
    } else if let Some(id) = inner.strip_prefix('#') {
        Mark::Channel(id)
    } else {
        let (name, id) =
            inner.strip_prefix("a:").or_else(|| inner.strip_prefix(':'))?.split_once(':')?;
        Id::parse(id)?;
        Mark::Emoji(name)
    };
    Some((mark, after))
}

fn sender(user: &User) -> Author {
    Author { id: user.id.clone(), name: user.name().into() }
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
    Attachment { kind, name: file_name(file), mime, bytes: file.size, source: file.url.clone() }
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
