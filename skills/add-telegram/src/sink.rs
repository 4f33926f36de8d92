//! The sending half.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use channel::{DeliverError, FetchError, Part, Sink};
use domain::message::Address;
use domain::outgoing::{Card, Content, FileOut};
use domain::plain::chain;
use tokio::io::AsyncWrite;
use tokio::time::Instant;
use tracing::debug;

use crate::api::Api;
use crate::buttons::keyboard;
use crate::error::{deliver_error, wait_of};
use crate::fetch::fetch;
use crate::files::{Failed, is_too_long_for_a_caption, send_file};
use crate::ids::{Target, number_in, of_message};
use crate::methods::Reply;
use crate::send::{Rich, edit, send};
use crate::text::{beginning, marked, plain};

#[derive(Debug)]
pub(crate) struct TelegramSink {
    api: Arc<Api>,
    rich: Rich,
    /// Until when Telegram wants no drafts.
    no_drafts_before: Mutex<Option<Instant>>,
}

impl TelegramSink {
    pub(crate) fn new(api: Arc<Api>) -> Self {
        Self { api, rich: Rich::default(), no_drafts_before: Mutex::default() }
    }

    /// Sends a part to a chat that is perhaps not the part's own, because that has moved.
    async fn attempt(&self, part: &Part, to: Target) -> Result<String, Failed> {
        let reply = reply(part, to);
        let marked = |text: &str| marked(text, part.repeat);
        let number = match &part.content {
            Content::Text(text) => {
                send(&self.api, &self.rich, to, &marked(text), (reply, None)).await?
            }
            Content::Card(card) => {
                let keyboard = keyboard(&card.buttons);
                let with = (reply, keyboard.as_ref());
                send(&self.api, &self.rich, to, &marked(&card.text), with).await?
            }
            Content::File(file) => self.file(file, to, reply, &marked(&file.caption)).await?,
            Content::Edit { target, card } => return self.edit(to, target, card).await,
            Content::Reaction { target, emoji } => return self.react(to, target, emoji).await,
        };
        Ok(of_message(to.chat, number))
    }

    async fn file(
        &self,
        file: &FileOut,
        to: Target,
        reply: Option<Reply>,
        caption: &str,
    ) -> Result<i64, Failed> {
        if !is_too_long_for_a_caption(caption) {
            return send_file(&self.api, to, file, caption.trim_end(), reply).await;
        }
        let number = send_file(&self.api, to, file, "", reply).await?;
        match send(&self.api, &self.rich, to, caption, (None, None)).await {
            Ok(_) => Ok(number),
            Err(err) => match deliver_error(err) {
                refused @ DeliverError::Refused(_) => Err(refused.into()),
                // One half is there: the next attempt has to say that it repeats.
                DeliverError::Throttled { .. } => Err(DeliverError::Unknown(
                    "the file was sent, and then Telegram asked to wait with its text".into(),
                )
                .into()),
                DeliverError::Unreachable(why) | DeliverError::Unknown(why) => {
                    Err(DeliverError::Unknown(why).into())
                }
            },
        }
    }

    async fn edit(&self, to: Target, target: &str, card: &Card) -> Result<String, Failed> {
        let message = own_number(target, to)?;
        let keyboard = keyboard(&card.buttons);
        let place = (to.chat, message);
        edit(&self.api, &self.rich, place, &card.text, keyboard.as_ref()).await?;
        Ok(target.to_owned())
    }

    async fn react(&self, to: Target, target: &str, emoji: &str) -> Result<String, Failed> {
        let message = own_number(target, to)?;
        self.api.set_reaction(to.chat, message, &bare(emoji)).await?;
        Ok(target.to_owned())
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
        let failed = match self.attempt(part, to).await {
            Ok(id) => return Ok(id),
            Err(failed) => failed,
        };
        let moved = match &failed {
            Failed::Api(err) => err.moved_to(),
            Failed::Other(_) => None,
        };
        match moved {
            // The update that tells the host so is on its way.
            Some(chat) => {
                let to = Target { chat, thread: None };
                self.attempt(part, to).await.map_err(Failed::into_deliver_error)
            }
            None => Err(failed.into_deliver_error()),
        }
    }

    async fn working(&self, chat: &Address) {
        let Some(to) = Target::of(chat) else { return };
        let shown = self.api.show_typing(to).await;
        drop(shown.inspect_err(|it| debug!(why = chain(it), "typing was not shown")));
    }

    async fn draft(&self, chat: &Address, target: &str, text: &str) {
        let place = Target::of(chat).and_then(|to| Some((to.chat, number_in(target, to.chat)?)));
        let Some((chat, message)) = place else { return };
        if text.trim().is_empty() || !self.drafts_are_welcome() {
            return;
        }
        // Half a text has half its formats, so it goes without any.
        let Err(err) = self.api.edit(chat, message, &plain(beginning(text)), None).await else {
            return;
        };
        if let Some(refusal) = err.refusal().filter(|it| it.code == 429) {
            let until = Instant::now() + wait_of(refusal);
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

/// Shown in groups alone: between two, it is clear what answers what.
fn reply(part: &Part, to: Target) -> Option<Reply> {
    to.is_group().then(|| number_in(&part.reply_to, to.chat)).flatten().map(Reply::to)
}

fn own_number(target: &str, to: Target) -> Result<i64, DeliverError> {
    number_in(target, to.chat)
        .ok_or_else(|| DeliverError::Refused("that message is not in this chat any more".into()))
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
