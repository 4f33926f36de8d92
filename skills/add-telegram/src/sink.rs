//! The sending half.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use channel::http::Failure;
use channel::{CommandInfo, DeliverError, FetchError, Part, Shelf, Sink, Writer, beginning};
use domain::message::Address;
use domain::outgoing::{Content, TextLimit, Unit};
use domain::plain::chain;
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::debug;

use crate::api::Api;
use crate::files::{fetch, send_files};
use crate::ids::{Target, number_in, of_message};
use crate::methods::{TEXT_MAX, frame, no_preview};

/// The number of the topic without one.
const GENERAL_TOPIC: i64 = 1;
/// Drafts come again after this, however long a server wants to be left alone.
const PAUSE_MAX: Duration = Duration::from_secs(3600);
/// <https://core.telegram.org/bots/api#botcommand>.
const COMMAND_ABOUT_MAX: usize = 256;
const MENU: &str = "menu";
/// <https://core.telegram.org/bots/api#answercallbackquery>.
const PRESS_WORDS_MAX: usize = 200;

#[derive(Debug)]
pub(crate) struct TelegramSink {
    api: Arc<Api>,
    /// Until when Telegram wants no drafts.
    no_drafts_before: Mutex<Option<Instant>>,
    /// Keeps which menu is shown.
    shelf: Shelf,
}

impl TelegramSink {
    pub(crate) fn new(api: Arc<Api>, shelf: Shelf) -> Self {
        Self { api, no_drafts_before: Mutex::default(), shelf }
    }

    /// Sends a part to a chat that is perhaps not the part's own, because that has moved.
    async fn attempt(&self, part: &Part, to: Target) -> Result<String, Failure> {
        // Shown in groups alone: between two, it is clear what answers what.
        let answered = number_in(&part.reply_to, to.chat).filter(|_| to.is_group());
        let frame = frame(to, answered, part.silent);
        let text = format!("{}{}", part.note(), part.content.text());
        let number = match &part.content {
            Content::Text(_) | Content::Card(_) => {
                self.api.send(frame, &text, part.content.buttons()).await?
            }
            Content::File(_) | Content::Album(_) => {
                send_files(&self.api, &frame, part.content.files(), text.trim_end()).await?
            }
            Content::Edit { target, card } => {
                self.api.edit(own_message(target, to)?, &card.text, &card.buttons).await?;
                return Ok(target.clone());
            }
            Content::Reaction { target, emoji } => {
                let mut reaction = own_message(target, to)?;
                let emoji = Some(bare(emoji)).filter(|it| !it.is_empty());
                let all = emoji.map(|it| json!({ "type": "emoji", "emoji": it }));
                reaction["reaction"] = all.into_iter().collect();
                self.api.tell("setMessageReaction", reaction).await?;
                return Ok(target.clone());
            }
            Content::Delete { target } => {
                match self.api.tell("deleteMessage", own_message(target, to)?).await {
                    Err(Failure::Refused(no)) if no.why.contains("message to delete not found") => {
                    }
                    done => done?,
                }
                return Ok(target.clone());
            }
        };
        Ok(of_message(to.chat, number))
    }

    /// Calls a method of which nothing follows if it fails; whether it did not.
    async fn hint(&self, method: &str, parameters: Value) -> bool {
        let told = self.api.tell(method, parameters).await;
        told.inspect_err(|err| debug!(method, why = chain(err), "a hint was not shown")).is_ok()
    }

    fn drafts_are_welcome(&self) -> bool {
        let before = *self.no_drafts_before.lock().unwrap_or_else(PoisonError::into_inner);
        before.is_none_or(|it| it <= Instant::now())
    }
}

#[async_trait]
impl Sink for TelegramSink {
    async fn deliver(&self, part: &Part) -> Result<String, DeliverError> {
        let Some(to) = Target::of(&part.to) else {
            return Err(DeliverError::Refused("the chat's name is not one of Telegram's".into()));
        };
        let sent = self.attempt(part, to).await;
        let Err(Failure::Refused(no)) = &sent else { return Ok(sent?) };
        // The update that tells the host of another id is on its way; no update tells of a topic that is gone.
        let is_topic_gone = to.thread.is_some() && no.why.contains("message thread not found");
        match no.moved_to.or(is_topic_gone.then_some(to.chat)) {
            Some(chat) => Ok(self.attempt(part, Target { chat, thread: None }).await?),
            None => Ok(sent?),
        }
    }

    async fn working(&self, chat: &Address) {
        let Some(to) = Target::of(chat) else { return };
        // The topic "General" has a number here, and none in messages.
        let thread = to.thread.or(self.api.is_forum(to.chat).then_some(GENERAL_TOPIC));
        let typing = json!({ "chat_id": to.chat, "message_thread_id": thread, "action": "typing" });
        self.hint("sendChatAction", typing).await;
    }

    async fn draft(&self, chat: &Address, target: &str, text: &str) {
        let Some(mut own) = Target::of(chat).and_then(|to| own_message(target, to).ok()) else {
            return;
        };
        if text.trim().is_empty() || !self.drafts_are_welcome() {
            return;
        }
        // Half a text has half its formats and goes without any.
        own["text"] = beginning(&markdown::calling_nobody(text), units(TEXT_MAX)).into();
        own["link_preview_options"] = no_preview();
        let Err(err) = self.api.tell("editMessageText", own).await else { return };
        if let Failure::Throttled { after } = err {
            let until = Instant::now() + after.min(PAUSE_MAX);
            *self.no_drafts_before.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        }
        debug!(why = chain(&err), "a draft was not shown");
    }

    async fn answer(&self, press: &str, words: Option<&str>) {
        let words = words.map(|it| beginning(it, units(PRESS_WORDS_MAX)));
        let answer = json!({ "callback_query_id": press, "text": words });
        self.hint("answerCallbackQuery", answer).await;
    }

    /// With one name that Telegram does not take, it would take none.
    async fn publish_commands(&self, commands: &[CommandInfo]) {
        let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        let plain = commands.iter().filter(|it| it.name.bytes().all(is_plain));
        let item = |it: &CommandInfo| json!({ "command": it.name, "description": beginning(it.about, units(COMMAND_ABOUT_MAX)) });
        let menu = json!({ "commands": plain.map(item).collect::<Vec<_>>() });
        let text = menu.to_string();
        // Telegram allows few changes of it.
        let is_there = self.shelf.get(MENU).await.is_ok_and(|it| it.as_ref() == Some(&text));
        if !is_there && self.hint("setMyCommands", menu).await {
            let _ = self.shelf.put(MENU, Some(&text)).await;
        }
    }

    async fn fetch(
        &self,
        source: &str,
        bytes_max: u64,
        into: Writer<'_>,
    ) -> Result<(), FetchError> {
        fetch(&self.api, source, bytes_max, into).await
    }

    /// A private chat has the id of the person in it
    /// (<https://core.telegram.org/api/bots/ids>). It opens when they press Start.
    async fn open_direct(&self, handle: &str) -> Result<String, DeliverError> {
        match handle.parse::<i64>() {
            Ok(id) if 0 < id => Ok(handle.to_owned()),
            Ok(_) | Err(_) => {
                Err(DeliverError::Refused("this sender is a chat and not a person".into()))
            }
        }
    }
}

fn units(max: usize) -> TextLimit {
    TextLimit { max, unit: Unit::Utf16 }
}

/// The parameters that name a message which is there.
fn own_message(target: &str, to: Target) -> Result<Value, Failure> {
    let gone = || Failure::refused("that message is not in this chat any more");
    let number = number_in(target, to.chat).ok_or_else(gone)?;
    Ok(json!({ "chat_id": to.chat, "message_id": number }))
}

/// Telegram names its reactions without the signs for colour and for the coloured variant
/// (<https://core.telegram.org/bots/api#reactiontypeemoji>).
fn bare(emoji: &str) -> String {
    let kept = |c: &char| !matches!(c, '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}');
    emoji.trim().chars().filter(kept).collect()
}

#[cfg(test)]
mod tests {
    use std::io;

    use channel::SecretString;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    /// What was logged.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Log {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[tokio::test]
    async fn the_token_is_in_no_log_and_neither_is_a_text() {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            // Whose digits could be those of the token.
            .without_time()
            .with_writer(log.clone())
            .finish();
        let _logging = tracing::subscriber::set_default(subscriber);
        // Nobody listens on port 1.
        let token = SecretString::from("4711:secret_part".to_owned());
        let api = Api::new("http://127.0.0.1:1", &token, channel::Pulse::default()).unwrap();
        let sink = TelegramSink::new(Arc::new(api), channel::Account::new("main").shelf);
        let chat = Address { chat: "42".into(), ..Address::default() };
        sink.working(&chat).await;
        sink.draft(&chat, "42:1", "private words").await;
        let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(logged.contains("a hint was not shown"), "{logged}");
        assert!(logged.contains("a draft was not shown"), "{logged}");
        for secret in ["4711", "secret_part", "private words"] {
            assert!(!logged.contains(secret), "{logged}");
        }
    }

    #[test]
    fn a_reaction_is_named_as_telegram_names_it() {
        assert_eq!(bare("❤️"), "❤");
        assert_eq!(bare("👍🏽"), "👍");
        assert_eq!(bare("❤️‍🔥"), "❤‍🔥");
        assert_eq!(bare(""), "");
    }
}
