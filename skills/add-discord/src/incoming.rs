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
use crate::outgoing::{KIND_COMMAND, KIND_COMPONENT, command};
use crate::wire::{Id, doer, list, name, text};

/// What a person wrote, and the same in reply to a message
/// (<https://discord.com/developers/docs/resources/message#message-object-message-types>).
const SAID: [u64; 2] = [0, 19];

impl Directory {
    /// `None` for what nobody said: notices of Discord, other bots, this one.
    pub(crate) fn message(&self, message: &Value) -> Option<Incoming> {
        let (id, author) = (Id::of(&message["id"])?, &message["author"]);
        let is_said = SAID.contains(&message["type"].as_u64().unwrap_or_default());
        let is_person = author["bot"] != true && author["system"] != true;
        if !is_said || !is_person || !message["webhook_id"].is_null() {
            return None;
        }
        let mut said = self.heard(message, sender(author)?, id.to_string())?;
        let replied = message.get("referenced_message").filter(|it| it.is_object());
        let quoted = replied.into_iter().flat_map(files);
        let quoted = quoted.map(|it| Attachment { is_quoted: true, ..it });
        said.files = files(message).chain(quoted).collect();
        said.mentioned = self.is_meant(message);
        said.body.quote = replied.map(|it| self.quote(it));
        said.body.sent_at = Some(Timestamp(id.millis()));
        // Discord hides who wrote it.
        let is_forward = list(&message["message_snapshots"]).next().is_some();
        said.body.forwarded_from = is_forward.then(|| "somebody".to_owned());
        said.body.text = self.text(message);
        said.body.unread = unread(message, &said.body.text).map(str::to_owned);
        Some(said)
    }

    /// `None` where its author changed nothing: of what Discord adds it tells less than the whole, or no time.
    pub(crate) fn edited(&self, message: &Value) -> Option<Incoming> {
        let edited = message["edited_timestamp"].as_str()?;
        let mut incoming = self.message(message)?;
        let of = std::mem::take(&mut incoming.platform_id);
        // The same for whatever Discord adds to the message afterwards.
        incoming.platform_id = format!("{of}+{edited}");
        incoming.body.change = Some(Change::Edited { of });
        incoming.body.sent_at = None;
        Some(incoming)
    }

    /// One message, or several that a moderator removed at once. Discord does not say who did it.
    pub(crate) fn deleted(&self, deleted: &Value, is_news: impl Fn(&Id) -> bool) -> Vec<Incoming> {
        let gone = |id: Id| {
            let mut gone = self.heard(deleted, Author::default(), format!("{id}+deleted"))?;
            gone.body.change = Some(Change::Deleted { of: id.to_string() });
            Some(gone)
        };
        let ids = [&deleted["id"]].into_iter().chain(list(&deleted["ids"]));
        ids.filter_map(Id::of).filter(is_news).filter_map(gone).collect()
    }

    /// `None` for those of bots. `stamp` tells apart those that are the same.
    pub(crate) fn reaction(&self, reaction: &Value, added: bool, stamp: &str) -> Option<Incoming> {
        // There is no member in private, and where a reaction is taken back.
        let (id, user) = (reaction["user_id"].as_str()?, doer(reaction));
        if id == self.bot || user["bot"] == true {
            return None;
        }
        let known = || self.people.get(id).cloned().unwrap_or_default();
        let name = if user.is_null() { known() } else { name(user).to_owned() };
        let to = Id::of(&reaction["message_id"])?.to_string();
        let mut heard = self.heard(reaction, Author::new(id, name), format!("{to}+{stamp}"))?;
        let emoji = text(&reaction["emoji"]["name"]);
        let is_own = !reaction["emoji"]["id"].is_null();
        let emoji = if is_own { format!(":{emoji}:") } else { emoji.to_owned() };
        heard.body.change = Some(Change::Reacted { to, emoji, added });
        Some(heard)
    }

    /// A press of a button of ours, or a command as if it was written; `None` for anything else.
    pub(crate) fn interaction(&self, interaction: &Value) -> Option<Event> {
        let id = Id::of(&interaction["id"])?;
        let mut heard = self.heard(interaction, sender(doer(interaction))?, id.to_string())?;
        let field = |it: &str| text(&interaction[it]);
        match interaction["type"].as_u64()? {
            KIND_COMMAND => {
                (heard.body.text, heard.mentioned) = (command(interaction), true);
                heard.body.sent_at = Some(Timestamp(id.millis()));
                Some(Event::Message(heard))
            }
            KIND_COMPONENT => Some(Event::Click(Click {
                from: heard.from,
                chat: heard.body.chat,
                platform_id: heard.platform_id,
                sender: heard.body.sender,
                data: interaction["data"]["custom_id"]
                    .as_str()
                    .filter(|it| !it.is_empty())?
                    .to_owned(),
                press: format!("{}/{}", field("application_id"), field("token")),
            })),
            _ => None,
        }
    }

    /// Where something was said or done, and what is true of everything that this person does there.
    fn heard(&self, event: &Value, sender: Author, platform_id: String) -> Option<Incoming> {
        let channel = Id::of(&event["channel_id"])?;
        let (from, title) = self.place(channel);
        let is_group = !event["guild_id"].is_null();
        let title = if is_group { title } else { sender.name.clone() };
        let thread = from.thread.is_some().then(|| Thread {
            title: self.channel_name(channel).unwrap_or_default().to_owned(),
            root: self.roots.get(&channel).cloned().unwrap_or_default(),
        });
        let body = Body { chat: ChatInfo { title, is_group }, thread, ..Body::new(sender, "") };
        Some(Incoming { from, platform_id, body, ..Incoming::default() })
    }

    fn quote(&self, message: &Value) -> Quote {
        Quote {
            sender: name(&message["author"]).into(),
            text: self.text(message),
            id: text(&message["id"]).to_owned(),
            is_ours: message["author"]["id"] == self.bot,
        }
    }

    /// An address, and what its chat is called.
    pub(crate) fn place(&self, channel: Id) -> (Address, String) {
        let (chat, thread) = self.find(channel);
        let address = Address {
            channel: NAME.into(),
            account: self.account.clone(),
            chat: chat.to_string(),
            thread: thread.map(|it| it.to_string()),
        };
        (address, self.title(chat))
    }

    /// Mentioned as a user or by the role that Discord made for it, or replied to. A mention of everybody means
    /// everybody.
    fn is_meant(&self, message: &Value) -> bool {
        let is_own_role = |it: &Value| Id::of(it).is_some_and(|it| self.own_roles.contains(&it));
        list(&message["mentions"]).any(|it| it["id"] == self.bot)
            || list(&message["mention_roles"]).any(is_own_role)
            || message["referenced_message"]["author"]["id"] == self.bot
    }

    pub(crate) fn text(&self, message: &Value) -> String {
        let content = |it: &Value| self.readable(text(&it["content"]), &message["mentions"]);
        let forwarded = list(&message["message_snapshots"]).map(|it| content(&it["message"]));
        let stickers = list(&message["sticker_items"]).filter_map(|it| it["name"].as_str());
        let stickers = stickers.map(|it| format!("[sticker: {it}]"));
        let poll = message.get("poll").filter(|it| it.is_object()).map(poll);
        let parts = std::iter::once(content(message)).chain(forwarded).chain(stickers).chain(poll);
        parts.filter(|it| !it.is_empty()).collect::<Vec<_>>().join("\n")
    }

    /// Names in place of ids; without the mentions of the bot that it begins with.
    fn readable(&self, content: &str, mentions: &Value) -> String {
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
            "@" | "@!" => mark[3] == *self.bot,
            "@&" => Id::parse(&mark[3]).is_some_and(|it| self.own_roles.contains(&it)),
            _ => false,
        }
    }

    fn name(&self, mark: &Captures<'_>, mentions: &Value) -> Option<String> {
        let id = &mark[3];
        match &mark[1] {
            "@" | "@!" => Some(format!("@{}", name(list(mentions).find(|it| it["id"] == id)?))),
            "#" => Some(format!("#{}", self.channel_name(Id::parse(id)?)?)),
            "@&" => None,
            _ => Some(format!(":{}:", &mark[2])),
        }
    }
}

/// Mentions and emoji (<https://discord.com/developers/docs/reference#message-formatting>): what it is, the name of
/// an emoji, the id.
static MARKS: LazyLock<Result<Regex, regex::Error>> =
    LazyLock::new(|| Regex::new(r"<(@[!&]?|#|a?:([^:>]*):)([0-9]+)>"));

fn sender(user: &Value) -> Option<Author> {
    Some(Author::new(user["id"].as_str()?, name(user)))
}

/// <https://discord.com/developers/docs/resources/poll#poll-object>
fn poll(poll: &Value) -> String {
    let answers = list(&poll["answers"]).map(|it| text(&it["poll_media"]["text"]));
    let answers: Vec<_> = answers.collect();
    format!("[poll: {} {}]", text(&poll["question"]["text"]), answers.join(" / "))
}

/// What a message has that is neither a text nor a file.
fn unread(message: &Value, text: &str) -> Option<&'static str> {
    if !message["activity"].is_null() {
        return Some("an invitation to an activity");
    }
    let is_empty = text.is_empty() && files(message).next().is_none();
    is_empty.then_some("something that only Discord's own app shows")
}

fn files(message: &Value) -> impl Iterator<Item = Attachment> {
    let forwarded = list(&message["message_snapshots"]);
    let forwarded = forwarded.flat_map(|it| list(&it["message"]["attachments"]));
    list(&message["attachments"]).chain(forwarded).map(file)
}

fn file(file: &Value) -> Attachment {
    let mime = text(&file["content_type"]);
    // Only voice messages have one.
    let is_voice = mime.starts_with("audio/") && !file["waveform"].is_null();
    Attachment {
        kind: if is_voice { FileKind::Voice } else { FileKind::of(mime) },
        name: file_name(file),
        mime: mime.to_owned(),
        bytes: file["size"].as_u64(),
        source: text(&file["url"]).to_owned(),
        is_quoted: false,
    }
}

/// Discord replaces all but plain characters in a name, and keeps what it was, without the extension, as the title.
fn file_name(file: &Value) -> String {
    let name = text(&file["filename"]);
    match (file["title"].as_str(), name.rsplit_once('.')) {
        (Some(title), Some((_, extension))) => format!("{title}.{extension}"),
        (title, _) => title.unwrap_or(name).to_owned(),
    }
}

#[cfg(test)]
mod tests;
