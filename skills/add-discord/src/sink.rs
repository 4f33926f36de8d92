//! The sending half.

use std::sync::Arc;

use async_trait::async_trait;
use channel::http::{self, Failure, HostedFiles};
use channel::{CommandInfo, DeliverError, FetchError, Part, Pulse, Sink, Writer, beginning};
use domain::message::Address;
use domain::outgoing::{Card, Content, FileOut, TextLimit};
use domain::plain::chain;
use reqwest::multipart::Form;
use serde_json::{Value, json};
use tracing::debug;

use crate::api::{Api, Body, Method};
use crate::directory::Doings;
use crate::outgoing::{self, DISCORD_CHARS_MAX};
use crate::refusal::{UNKNOWN_MESSAGE, is_about_reference, is_thread_gone};
use crate::wire::{Id, list, text};

#[derive(Debug)]
pub(crate) struct DiscordSink {
    pub(crate) api: Api,
    pub(crate) cdn: HostedFiles,
    pub(crate) doings: Arc<Doings>,
    /// Whose commands are in the menu.
    pub(crate) application: Id,
    pub(crate) pulse: Pulse,
}

impl DiscordSink {
    /// Makes a message. Where the one that it replies to is not to be had, it goes without; where its thread is
    /// closed or gone, into the channel that the thread was in, if that has no other readers.
    async fn create(&self, part: &Part) -> Result<String, Failure> {
        let (channel, files) = (channel(&part.to)?, part.content.files());
        let content = outgoing::shown(part.note(), part.content.text())?;
        // In a private chat it is clear what an answer is to.
        let reply_to = Id::parse(&part.reply_to).filter(|_| part.in_group);
        let mut body = outgoing::message(part, &content, reply_to);
        body["components"] = outgoing::components(part.content.buttons());
        let made = self.post(channel, &body, files).await;
        let Err(Failure::Refused(why)) = &made else { return made };
        let is_public = || self.doings.lock().public_threads.contains(&channel);
        let parent = Id::parse(&part.to.chat)
            .filter(|it| *it != channel && is_thread_gone(why) && is_public());
        if parent.is_none() && (reply_to.is_none() || !is_about_reference(why)) {
            return made;
        }
        if let Some(body) = body.as_object_mut() {
            body.remove("message_reference");
        }
        self.post(parent.unwrap_or(channel), &body, files).await
    }

    async fn post(&self, channel: Id, body: &Value, files: &[FileOut]) -> Result<String, Failure> {
        let path = format!("channels/{channel}/messages");
        let body = match files {
            [] => Body::Json(body.clone()),
            files => Body::Form(form(body, files, &self.pulse).await?),
        };
        Ok(self.api.make(&path, body).await?.to_string())
    }

    async fn delete(&self, part: &Part, target: &str) -> Result<(), Failure> {
        let path = message_path(&part.to, target)?;
        Id::parse(target).into_iter().for_each(|it| self.doings.deletes(it));
        match self.api.tell(Method::Delete, &path, Body::Empty).await {
            Err(Failure::Refused(why)) if why.code == UNKNOWN_MESSAGE => Ok(()),
            done => done,
        }
    }

    /// Writes the menu where it is not there already: Discord takes few changes a day.
    async fn register(&self, commands: &[CommandInfo]) -> Result<(), Failure> {
        let path = format!("applications/{}/commands", self.application);
        let wanted = outgoing::commands(commands);
        if outgoing::gist(&self.api.get(&path).await?) == outgoing::gist(&wanted) {
            return Ok(());
        }
        self.api.tell(Method::Put, &path, Body::Json(wanted)).await
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
        let path = |emoji: &str| format!("{message}/reactions/{}/@me", http::escaped(emoji));
        if !emoji.is_empty() {
            return self.api.tell(Method::Put, &path(emoji), Body::Empty).await;
        }
        let found = self.api.get(&message).await?;
        let ours = list(&found["reactions"]).filter(|it| it["me"] == true);
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
            Content::Text(_) | Content::Card(_) | Content::File(_) | Content::Album(_) => {
                return Ok(self.create(part).await?);
            }
            Content::Edit { target, card } => (target, self.edit(part, target, card).await),
            Content::Reaction { target, emoji } => (target, self.react(part, target, emoji).await),
            Content::Delete { target } => (target, self.delete(part, target).await),
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

    /// The press itself was answered when it came.
    async fn answer(&self, press: &str, words: Option<&str>) {
        let (Some(words), Some((application, token))) = (words, press.split_once('/')) else {
            return;
        };
        let path = format!("webhooks/{application}/{}", http::escaped(token));
        if let Err(err) = self.api.tell_by_token(&path, &outgoing::whisper(words)).await {
            debug!(why = chain(&err), "who pressed was not told why nothing came of it");
        }
    }

    async fn publish_commands(&self, commands: &[CommandInfo]) {
        if let Err(err) = self.register(commands).await {
            debug!(why = chain(&err), "the commands are not in the menu");
        }
    }

    async fn fetch(
        &self,
        source: &str,
        bytes_max: u64,
        into: Writer<'_>,
    ) -> Result<(), FetchError> {
        self.cdn.fetch(source, bytes_max, into).await
    }

    async fn open_direct(&self, handle: &str) -> Result<String, DeliverError> {
        let unknown = || Failure::refused("a person's id on discord is a number");
        let person = Id::parse(handle).ok_or_else(unknown)?;
        let body = Body::Json(json!({ "recipient_id": person.to_string() }));
        let chat = self.api.make("users/@me/channels", body).await?;
        self.doings.lock().opened.push(chat);
        Ok(chat.to_string())
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
async fn form(body: &Value, files: &[FileOut], pulse: &Pulse) -> Result<Form, Failure> {
    let name = |it: &FileOut| it.name.replace(char::is_control, "_");
    let described =
        files.iter().enumerate().map(|(at, file)| json!({ "id": at, "filename": name(file) }));
    let mut body = body.clone();
    body["attachments"] = described.collect();
    http::form(&body, files, pulse).await
}

/// How an emoji is named in a path (<https://discord.com/developers/docs/resources/message#create-reaction>).
fn written(emoji: &Value) -> String {
    let name = text(&emoji["name"]);
    emoji["id"].as_str().map_or_else(|| name.to_owned(), |id| format!("{name}:{id}"))
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
        let custom = json!({ "id": "5", "name": "wave" });
        assert_eq!(http::escaped(&written(&custom)), "wave%3A5");
        assert_eq!(http::escaped(&written(&json!({ "id": null, "name": "👍" }))), "%F0%9F%91%8D");
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
