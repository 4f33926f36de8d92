//! The sending half.

use std::sync::Arc;

use async_trait::async_trait;
use channel::{DeliverError, FetchError, Part, Sink};
use domain::message::Address;
use domain::outgoing::{Card, Content, FileOut};
use reqwest::multipart::{Form, Part as FormPart};
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::AsyncWrite;

use crate::api::{Api, Body, Method};
use crate::cdn::Cdn;
use crate::directory::Directory;
use crate::outgoing::{self, DISCORD_CHARS_MAX, Unfit};
use crate::refusal::Failure;
use crate::wire::{Channel, Emoji, Id, Message};

#[derive(Debug)]
pub(crate) struct DiscordSink {
    api: Api,
    cdn: Cdn,
    directory: Arc<Directory>,
}

impl From<Unfit> for DeliverError {
    fn from(why: Unfit) -> Self {
        Self::Refused(why.into())
    }
}

impl DiscordSink {
    pub(crate) fn new(api: Api, cdn: Cdn, directory: Arc<Directory>) -> Self {
        Self { api, cdn, directory }
    }

    /// Makes a message. Where the one that it replies to is not to be had, it goes without.
    async fn create(
        &self,
        part: &Part,
        text: &str,
        components: Option<Value>,
        file: Option<&FileOut>,
    ) -> Result<String, DeliverError> {
        let channel = channel(&part.to)?;
        let content = outgoing::shown(text, part.repeat)?;
        // In a private chat it is clear what an answer is to.
        let reply_to = Id::parse(&part.reply_to).filter(|_| !self.directory.is_private(channel));
        let mut body = outgoing::message(&part.key, &content, reply_to);
        if let Some(components) = components {
            body["components"] = components;
        }
        match self.post(channel, &body, file).await {
            Err(Failure::Refused(why)) if reply_to.is_some() && why.is_about_reference() => {
                if let Some(body) = body.as_object_mut() {
                    body.remove("message_reference");
                }
                Ok(self.post(channel, &body, file).await?)
            }
            other => Ok(other?),
        }
    }

    async fn post(
        &self,
        channel: Id,
        body: &Value,
        file: Option<&FileOut>,
    ) -> Result<String, Failure> {
        let path = format!("channels/{channel}/messages");
        let body = match file {
            None => Body::Json(body.clone()),
            Some(file) => Body::Form(form(body, file).await?),
        };
        let made: Message = self.api.call(Method::Post, &path, body).await?;
        Ok(made.id.to_string())
    }

    async fn edit(&self, part: &Part, target: &str, card: &Card) -> Result<String, DeliverError> {
        let path = message_path(&part.to, target)?;
        // To replace it once more shows nothing twice.
        let mut body = outgoing::edit(&outgoing::shown(&card.text, false)?);
        body["components"] = outgoing::components(card)?;
        self.api.tell(Method::Patch, &path, Body::Json(body)).await?;
        Ok(target.to_owned())
    }

    async fn react(&self, part: &Part, target: &str, emoji: &str) -> Result<String, DeliverError> {
        let message = message_path(&part.to, target)?;
        let path = |emoji: &str| format!("{message}/reactions/{}/@me", encode(emoji));
        if !emoji.is_empty() {
            self.api.tell(Method::Put, &path(emoji), Body::Empty).await?;
            return Ok(target.to_owned());
        }
        let found: Message = self.api.get(&message).await?;
        for ours in found.reactions.iter().filter(|it| it.me) {
            self.api.tell(Method::Delete, &path(&written(&ours.emoji)), Body::Empty).await?;
        }
        Ok(target.to_owned())
    }
}

#[async_trait]
impl Sink for DiscordSink {
    async fn deliver(&self, part: &Part) -> Result<String, DeliverError> {
        match &part.content {
            Content::Text(text) => self.create(part, text, None, None).await,
            Content::File(file) => {
                // One that is not there now will not be there later.
                let found = tokio::fs::metadata(&file.path).await;
                found.map_err(|err| DeliverError::Refused(err.into()))?;
                self.create(part, &file.caption, None, Some(file)).await
            }
            Content::Card(card) => {
                let components = outgoing::components(card)?;
                self.create(part, &card.text, Some(components), None).await
            }
            Content::Edit { target, card } => self.edit(part, target, card).await,
            Content::Reaction { target, emoji } => self.react(part, target, emoji).await,
        }
    }

    /// It is shown for 10 seconds, or until a message follows.
    async fn working(&self, chat: &Address) {
        if let Ok(channel) = channel(chat) {
            let path = format!("channels/{channel}/typing");
            let _ = self.api.tell(Method::Post, &path, Body::Empty).await;
        }
    }

    async fn draft(&self, chat: &Address, target: &str, text: &str) {
        if let Ok(path) = message_path(chat, target) {
            let body = outgoing::edit(&clipped(text));
            let _ = self.api.tell(Method::Patch, &path, Body::Json(body)).await;
        }
    }

    async fn fetch(
        &self,
        source: &str,
        bytes_max: u64,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<(), FetchError> {
        self.cdn.fetch(source, bytes_max, into).await
    }

    async fn open_direct(&self, handle: &str) -> Result<String, DeliverError> {
        let Some(person) = Id::parse(handle) else {
            return Err(DeliverError::Refused("a person's id on discord is a number".into()));
        };
        let body = Body::Json(json!({ "recipient_id": person.to_string() }));
        let chat: Channel = self.api.call(Method::Post, "users/@me/channels", body).await?;
        self.directory.opened(chat.id);
        Ok(chat.id.to_string())
    }
}

/// The channel that stands for a chat or a thread in it.
fn channel(to: &Address) -> Result<Id, DeliverError> {
    let id = to.thread.as_deref().unwrap_or(&to.chat);
    Id::parse(id).ok_or_else(|| DeliverError::Refused("this is not a chat of discord".into()))
}

fn message_path(to: &Address, target: &str) -> Result<String, DeliverError> {
    let channel = channel(to)?;
    let unknown = || DeliverError::Refused("this is not a message of discord".into());
    let message = Id::parse(target).ok_or_else(unknown)?;
    Ok(format!("channels/{channel}/messages/{message}"))
}

/// <https://discord.com/developers/docs/reference#uploading-files>
async fn form(body: &Value, file: &FileOut) -> Result<Form, Failure> {
    let gone = |err: std::io::Error| Failure::Unreachable(err.into());
    let content = File::open(&file.path).await.map_err(gone)?;
    let length = content.metadata().await.map_err(gone)?.len();
    let name: String = file.name.replace(char::is_control, "_");
    let mut body = body.clone();
    body["attachments"] = json!([{ "id": 0, "filename": name }]);
    let part = FormPart::stream_with_length(content, length).file_name(name);
    // A type that is none is left out; Discord looks at the name.
    let mime = file.mime.parse::<reqwest::header::HeaderValue>();
    let mut headers = reqwest::header::HeaderMap::new();
    headers.extend(mime.ok().map(|it| (reqwest::header::CONTENT_TYPE, it)));
    // Names as browsers write them, not percent-encoded.
    let form = Form::new().percent_encode_noop().text("payload_json", body.to_string());
    Ok(form.part("files[0]", part.headers(headers)))
}

/// How an emoji is named in a path
/// (<https://discord.com/developers/docs/resources/message#create-reaction>).
fn written(emoji: &Emoji) -> String {
    let name = emoji.name.as_deref().unwrap_or_default();
    emoji.id.map_or_else(|| name.to_owned(), |id| format!("{name}:{id}"))
}

fn encode(emoji: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    emoji.bytes().map(encoded).collect()
}

/// As much of an unfinished text as fits.
fn clipped(text: &str) -> String {
    if text.chars().count() <= DISCORD_CHARS_MAX {
        return text.to_owned();
    }
    let head = text.chars().take(DISCORD_CHARS_MAX - 1);
    head.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_are_written_as_a_path_takes_them() {
        assert_eq!(encode("👍"), "%F0%9F%91%8D");
        let custom = Emoji { id: Some(Id(5)), name: Some("wave".into()) };
        assert_eq!(encode(&written(&custom)), "wave%3A5");
        assert_eq!(encode("a/../b?c"), "a%2F%2E%2E%2Fb%3Fc");
    }

    #[test]
    fn nothing_but_numbers_gets_into_a_path() {
        let to = |chat: &str| Address { chat: chat.into(), ..Address::default() };
        assert!(matches!(channel(&to("1/../2")), Err(DeliverError::Refused(_))));
        assert!(matches!(message_path(&to("1"), "@me"), Err(DeliverError::Refused(_))));
        assert_eq!(message_path(&to("1"), "2").unwrap(), "channels/1/messages/2");
    }

    #[test]
    fn an_unfinished_text_that_is_too_long_shows_that_it_goes_on() {
        assert_eq!(clipped("short"), "short");
        let long = clipped(&"é".repeat(3_000));
        assert_eq!(long.chars().count(), DISCORD_CHARS_MAX);
        assert!(long.ends_with('…'));
    }
}
