//! The sending half.

use std::sync::Arc;

use async_trait::async_trait;
use channel::http::{self, Failure};
use channel::{DeliverError, FetchError, Part, Sink, beginning};
use domain::message::Address;
use domain::outgoing::{Button, Card, Content, FileOut, TextLimit};
use reqwest::multipart::Form;
use serde_json::{Value, json};
use tokio::io::AsyncWrite;

use crate::api::{Api, Body, Method};
use crate::cdn::Cdn;
use crate::directory::PrivateChats;
use crate::outgoing::{self, DISCORD_CHARS_MAX};
use crate::refusal::is_about_reference;
use crate::wire::{Channel, Id, Message};

#[derive(Debug)]
pub(crate) struct DiscordSink {
    api: Api,
    cdn: Cdn,
    private: Arc<PrivateChats>,
}

impl DiscordSink {
    pub(crate) fn new(api: Api, cdn: Cdn, private: Arc<PrivateChats>) -> Self {
        Self { api, cdn, private }
    }

    /// Makes a message. Where the one that it replies to is not to be had, it goes without.
    async fn create(
        &self,
        part: &Part,
        buttons: &[Button],
        file: Option<&FileOut>,
    ) -> Result<String, Failure> {
        let channel = channel(&part.to)?;
        let content = outgoing::shown(part.note(), part.content.text())?;
        // In a private chat it is clear what an answer is to.
        let reply_to = Id::parse(&part.reply_to).filter(|_| !self.private.contain(channel));
        let mut body = outgoing::message(&part.key, &content, reply_to);
        body["components"] = outgoing::components(buttons);
        match self.post(channel, &body, file).await {
            Err(Failure::Refused(why)) if reply_to.is_some() && is_about_reference(&why) => {
                if let Some(body) = body.as_object_mut() {
                    body.remove("message_reference");
                }
                self.post(channel, &body, file).await
            }
            made => made,
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

    async fn edit(&self, part: &Part, target: &str, card: &Card) -> Result<(), Failure> {
        let path = message_path(&part.to, target)?;
        // To replace it once more shows nothing twice.
        let mut body = outgoing::edit(&outgoing::shown("", &card.text)?);
        body["components"] = outgoing::components(&card.buttons);
        self.api.tell(Method::Patch, &path, Body::Json(body)).await
    }

    async fn react(&self, part: &Part, target: &str, emoji: &str) -> Result<(), Failure> {
        let message = message_path(&part.to, target)?;
        let path = |emoji: &str| format!("{message}/reactions/{}/@me", encode(emoji));
        if !emoji.is_empty() {
            return self.api.tell(Method::Put, &path(emoji), Body::Empty).await;
        }
        let found: Value = self.api.get(&message).await?;
        let ours =
            found["reactions"].as_array().into_iter().flatten().filter(|it| it["me"] == true);
        let paths: Vec<String> = ours.map(|it| path(&written(&it["emoji"]))).collect();
        for path in paths {
            self.api.tell(Method::Delete, &path, Body::Empty).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Sink for DiscordSink {
    async fn deliver(&self, part: &Part) -> Result<String, DeliverError> {
        let (target, done) = match &part.content {
            Content::Text(_) => return Ok(self.create(part, &[], None).await?),
            Content::File(file) => return Ok(self.create(part, &[], Some(file)).await?),
            Content::Card(card) => return Ok(self.create(part, &card.buttons, None).await?),
            Content::Edit { target, card } => (target, self.edit(part, target, card).await),
            Content::Reaction { target, emoji } => (target, self.react(part, target, emoji).await),
            Content::Album(_) | Content::Delete { .. } => {
                return Err(DeliverError::Refused("this is not shown here".into()));
            }
        };
        done?;
        Ok(target.clone())
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
        let unknown = || Failure::refused("a person's id on discord is a number");
        let person = Id::parse(handle).ok_or_else(unknown)?;
        let body = Body::Json(json!({ "recipient_id": person.to_string() }));
        let chat: Channel = self.api.call(Method::Post, "users/@me/channels", body).await?;
        self.private.opened(chat.id);
        Ok(chat.id.to_string())
    }
}

/// The channel that stands for a chat or a thread in it.
fn channel(to: &Address) -> Result<Id, Failure> {
    let id = to.thread.as_deref().unwrap_or(&to.chat);
    Id::parse(id).ok_or_else(|| Failure::refused("this is not a chat of discord"))
}

fn message_path(to: &Address, target: &str) -> Result<String, Failure> {
    let channel = channel(to)?;
    let unknown = || Failure::refused("this is not a message of discord");
    let message = Id::parse(target).ok_or_else(unknown)?;
    Ok(format!("channels/{channel}/messages/{message}"))
}

/// <https://discord.com/developers/docs/reference#uploading-files>
async fn form(body: &Value, file: &FileOut) -> Result<Form, Failure> {
    let name: String = file.name.replace(char::is_control, "_");
    let mut body = body.clone();
    body["attachments"] = json!([{ "id": 0, "filename": name }]);
    // Names as browsers write them, not percent-encoded.
    let form = Form::new().percent_encode_noop().text("payload_json", body.to_string());
    Ok(form.part("files[0]", http::upload(file, name).await?))
}

/// How an emoji is named in a path
/// (<https://discord.com/developers/docs/resources/message#create-reaction>).
fn written(emoji: &Value) -> String {
    let name = emoji["name"].as_str().unwrap_or_default();
    emoji["id"].as_str().map_or_else(|| name.to_owned(), |id| format!("{name}:{id}"))
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
    let cut = beginning(text, TextLimit::chars(DISCORD_CHARS_MAX - 1));
    if cut.len() < text.len() { format!("{cut}…") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_are_written_as_a_path_takes_them() {
        assert_eq!(encode("👍"), "%F0%9F%91%8D");
        let custom = json!({ "id": "5", "name": "wave" });
        assert_eq!(encode(&written(&custom)), "wave%3A5");
        assert_eq!(encode("a/../b?c"), "a%2F%2E%2E%2Fb%3Fc");
    }

    #[test]
    fn nothing_but_numbers_gets_into_a_path() {
        let to = |chat: &str| Address { chat: chat.into(), ..Address::default() };
        assert!(matches!(channel(&to("1/../2")), Err(Failure::Refused(_))));
        assert!(matches!(message_path(&to("1"), "@me"), Err(Failure::Refused(_))));
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
