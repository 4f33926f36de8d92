//! The sending half.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use channel::http::Failure;
use channel::{DeliverError, FetchError, Part, Sink, beginning};
use domain::message::Address;
use domain::outgoing::{Content, FileOut, TextLimit, Unit};
use domain::plain::chain;
use serde_json::Value;
use tokio::io::AsyncWrite;
use tokio::time::Instant;
use tracing::debug;

use crate::api::Api;
use crate::files::{fetch, is_too_long_for_a_caption, send_file};
use crate::ids::{Target, number_in, of_message};
use crate::methods::{TEXT_MAX, reply_to};

#[derive(Debug)]
pub(crate) struct TelegramSink {
    api: Arc<Api>,
    /// Until when Telegram wants no drafts.
    no_drafts_before: Mutex<Option<Instant>>,
}

impl TelegramSink {
    pub(crate) fn new(api: Arc<Api>) -> Self {
        Self { api, no_drafts_before: Mutex::default() }
    }

    /// Sends a part to a chat that is perhaps not the part's own, because that has moved.
    async fn attempt(&self, part: &Part, to: Target) -> Result<String, Failure> {
        // Shown in groups alone: between two, it is clear what answers what.
        let answered = number_in(&part.reply_to, to.chat).filter(|_| to.is_group());
        let reply = reply_to(answered);
        let text = format!("{}{}", part.note(), part.content.text());
        let number = match &part.content {
            Content::Text(_) => self.api.send(to, &text, &reply, &[]).await?,
            Content::Card(card) => self.api.send(to, &text, &reply, &card.buttons).await?,
            Content::File(file) => self.file(file, to, &reply, &text).await?,
            Content::Edit { target, card } => {
                let message = own_message(target, to)?;
                self.api.edit(message, &card.text, &card.buttons).await?;
                return Ok(target.clone());
            }
            Content::Reaction { target, emoji } => {
                let message = own_message(target, to)?;
                self.api.set_reaction(message, &bare(emoji)).await?;
                return Ok(target.clone());
            }
            Content::Album(_) | Content::Delete { .. } => {
                return Err(Failure::refused("this is not shown here"));
            }
        };
        Ok(of_message(to.chat, number))
    }

    async fn file(
        &self,
        file: &FileOut,
        to: Target,
        reply: &Value,
        caption: &str,
    ) -> Result<i64, Failure> {
        if !is_too_long_for_a_caption(caption) {
            return send_file(&self.api, to, file, caption.trim_end(), reply).await;
        }
        let number = send_file(&self.api, to, file, "", reply).await?;
        let Err(err) = self.api.send(to, caption, &Value::Null, &[]).await else {
            return Ok(number);
        };
        Err(match err {
            Failure::Refused(_) | Failure::Unreadable(_) => err,
            // One half is there: the next attempt has to say that it repeats.
            Failure::Throttled { .. } => Failure::Unknown(
                "the file was sent, and then Telegram asked to wait with its text".into(),
            ),
            Failure::Unreachable(why) | Failure::Unauthorized(why) | Failure::Unknown(why) => {
                Failure::Unknown(why)
            }
        })
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
        if let Err(Failure::Refused(no)) = &sent
            && let Some(chat) = no.moved_to
        {
            // The update that tells the host so is on its way.
            return Ok(self.attempt(part, Target { chat, thread: None }).await?);
        }
        Ok(sent?)
    }

    async fn working(&self, chat: &Address) {
        let Some(to) = Target::of(chat) else { return };
        let shown = self.api.show_typing(to).await;
        drop(shown.inspect_err(|it| debug!(why = chain(it), "typing was not shown")));
    }

    async fn draft(&self, chat: &Address, target: &str, text: &str) {
        let Some(message) = Target::of(chat).and_then(|to| own_message(target, to).ok()) else {
            return;
        };
        if text.trim().is_empty() || !self.drafts_are_welcome() {
            return;
        }
        let text = beginning(text, TextLimit { max: TEXT_MAX, unit: Unit::Utf16 });
        let Err(err) = self.api.draft(message, text).await else { return };
        if let Failure::Throttled { after } = err {
            let until = Instant::now() + after;
            *self.no_drafts_before.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        }
        debug!(why = chain(&err), "a draft was not shown");
    }

    async fn fetch(
        &self,
        source: &str,
        bytes_max: u64,
        into: &mut (dyn AsyncWrite + Send + Unpin),
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

/// The chat and the number of a message of ours.
fn own_message(target: &str, to: Target) -> Result<(i64, i64), Failure> {
    let gone = || Failure::refused("that message is not in this chat any more");
    Ok((to.chat, number_in(target, to.chat).ok_or_else(gone)?))
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
        let sink = TelegramSink::new(Arc::new(api));
        let chat = Address { chat: "42".into(), ..Address::default() };
        sink.working(&chat).await;
        sink.draft(&chat, "42:1", "private words").await;
        let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(logged.contains("typing was not shown"), "{logged}");
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
