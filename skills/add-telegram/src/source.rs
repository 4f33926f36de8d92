//! The receiving half: polls, and turns updates into events.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use channel::http::Failure;
use channel::{Account, Batch, Cause, ChannelError, Cursor, Event, Gap, Shelf, Source};
use domain::message::Incoming;
use domain::plain::chain;
use serde_json::Value;
use tokio::time::sleep;
use tracing::debug;

use crate::api::Api;
use crate::event::events;
use crate::methods::{POLL, UPDATES_MAX};
use crate::refusal::{SECOND_READER, channel_error};
use crate::types::Bot;

/// Short beside the half minute that a poll waits.
const BETWEEN_EMPTY: Duration = Duration::from_millis(200);
/// How long the server keeps updates (<https://core.telegram.org/bots/api#getting-updates>).
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// The messages of an album come one after another, some tenths of a second apart; how often the server is
/// asked for more of them.
const ALBUM_PAUSE: Duration = Duration::from_millis(600);
const ALBUM_PAUSES_MAX: usize = 5;
/// Where titles of topics are kept, and how many, which the shelf has room for: groups of strangers have topics, too.
const TOPICS: &str = "topics";
const TOPICS_MAX: usize = 100;
/// One other poll may be somebody who looks; a program that reads ends ours again and again.
const CONFLICTS_MAX: u32 = 5;
const CONFLICT_PAUSE: Duration = Duration::from_secs(1);

type Updates = Result<Vec<Value>, ChannelError>;

#[derive(Debug)]
pub(crate) struct TelegramSource {
    api: Arc<Api>,
    me: Bot,
    account: String,
    /// Keeps the titles of topics, which not every message in them tells.
    shelf: Shelf,
    /// What became of the time before this connection, until it is stated.
    before: Option<Gap>,
    /// Nothing can be said before a poll was answered: another reader may be at it.
    is_answered: bool,
    /// How many polls were ended by another reader since one ended as it should.
    conflicts: u32,
}

impl TelegramSource {
    pub(crate) fn new(api: Arc<Api>, me: Bot, account: &Account) -> Self {
        Self {
            api,
            me,
            account: account.name.clone(),
            shelf: account.shelf.clone(),
            is_answered: account.heard_until.is_none(),
            before: Some(account.gap(KEPT)),
            conflicts: 0,
        }
    }

    async fn poll(&mut self, offset: Option<i64>, wait: Duration) -> Updates {
        loop {
            let polled = self.api.get_updates(offset, wait).await;
            if polled.as_ref().is_ok_and(Vec::is_empty) {
                self.conflicts = 0;
            }
            let refused = match polled {
                Err(Failure::Refused(no)) if no.status == 409 => no,
                polled => return polled.map_err(channel_error),
            };
            if refused.why.contains("webhook") {
                self.api.has_no_webhook().await?;
                return Err(ChannelError::Unreachable(refused.into()));
            }
            self.conflicts += 1;
            if CONFLICTS_MAX <= self.conflicts {
                let why = format!("{SECOND_READER}: {refused}");
                return Err(ChannelError::Misconfigured(why.into()));
            }
            sleep(CONFLICT_PAUSE).await;
        }
    }

    /// Waits for the rest of an album with which the updates end, without a word to the server that they
    /// arrived.
    async fn whole(&mut self, offset: Option<i64>, mut updates: Vec<Value>) -> Updates {
        for _ in 0..ALBUM_PAUSES_MAX {
            if updates.last().and_then(album).is_none() || updates.len() == UPDATES_MAX {
                break;
            }
            sleep(ALBUM_PAUSE).await;
            let more = self.poll(offset, Duration::ZERO).await?;
            if more.len() <= updates.len() {
                break;
            }
            updates = more;
        }
        // What does not fit comes with the next poll, as a whole.
        if updates.len() == UPDATES_MAX {
            let last = updates.last().and_then(album).map(str::to_owned);
            let rest =
                updates.iter().rposition(|it| last.is_none() || album(it) != last.as_deref());
            updates.truncate(rest.map_or(UPDATES_MAX, |it| it + 1));
        }
        Ok(updates)
    }

    async fn read(&self, update: &Value) -> Vec<Event> {
        let (message, chat) = (&update["message"], &update["message"]["chat"]["id"]);
        for change in ["forum_topic_created", "forum_topic_edited"] {
            let title = message[change]["name"].as_str().unwrap_or_default();
            self.keep(topic_key(chat, &message["message_thread_id"]), title).await;
        }
        if message["chat"]["is_forum"] == true {
            self.api.learn_forum(chat.as_i64().unwrap_or_default());
        }
        let mut events = events(update, &self.me, &self.account);
        if events.is_empty() {
            // What it says is not for the log.
            debug!(update = number(update), "an update is nothing to the host");
        }
        for event in &mut events {
            if let Event::Message(message) = event {
                self.entitle(message).await;
            }
        }
        events
    }

    /// The title that is known is the newer one: messages tell the one that their topic began with.
    async fn entitle(&self, message: &mut Incoming) {
        let (Some(thread), Some(topic)) = (&mut message.body.thread, &message.from.thread) else {
            return;
        };
        let key = topic_key(&message.from.chat, topic);
        match self.topics().await.ok().and_then(|it| it.into_iter().find(|it| it.0 == key)) {
            Some((_, title)) => thread.title = title,
            None => self.keep(key, &thread.title).await,
        }
    }

    /// What topics are called, those that were named last behind.
    async fn topics(&self) -> Result<Vec<(String, String)>, Cause> {
        let kept = self.shelf.get(TOPICS).await?;
        Ok(kept.and_then(|it| serde_json::from_str(&it).ok()).unwrap_or_default())
    }

    async fn keep(&self, key: String, title: &str) {
        if title.is_empty() {
            return;
        }
        let kept = async {
            let mut topics = self.topics().await?;
            topics.retain(|it| it.0 != key);
            topics.push((key, title.to_owned()));
            topics.drain(..topics.len().saturating_sub(TOPICS_MAX));
            self.shelf.put(TOPICS, Some(&serde_json::to_string(&topics)?)).await
        };
        if let Err(why) = kept.await {
            debug!(why = chain(&*why), "the title of a topic was not kept");
        }
    }
}

fn topic_key(chat: impl Display, topic: impl Display) -> String {
    format!("{chat}:{topic}")
}

/// What the messages of an album have in common.
fn album(update: &Value) -> Option<&str> {
    update["message"]["media_group_id"].as_str()
}

/// Puts the rest of an album to its first message, whose id it has.
fn merge(whole: &mut Incoming, more: Incoming) {
    if !more.body.text.is_empty() {
        let gap = if whole.body.text.is_empty() { "" } else { "\n\n" };
        whole.body.text += &format!("{gap}{}", more.body.text);
    }
    whole.mentioned |= more.mentioned;
    // What is quoted came with the first.
    whole.files.extend(more.files.into_iter().filter(|it| !it.is_quoted));
}

#[async_trait]
impl Source for TelegramSource {
    async fn receive(&mut self, after: &Cursor) -> Result<Batch, ChannelError> {
        // No number means that this account was never read: the server begins with the oldest.
        let offset = after.0.parse().ok();
        if !self.is_answered {
            let waiting = self.poll(offset, Duration::ZERO).await?;
            self.is_answered = true;
            if waiting.is_empty() {
                return Ok(Batch { events: Vec::new(), cursor: after.clone() });
            }
        }
        let updates = loop {
            let updates = self.poll(offset, POLL).await?;
            if !updates.is_empty() {
                break self.whole(offset, updates).await?;
            }
            // A server that does not wait must not be asked without end.
            sleep(BETWEEN_EMPTY).await;
        };
        // The last one and not the highest: a server that renumbers answers an offset that it
        // does not know with its oldest updates (`do_get_updates` in the server's `Client.cpp`).
        let Some(next) = updates.iter().filter_map(number).next_back() else {
            let why = "the server answers with what are no updates";
            return Err(ChannelError::Unreachable(why.into()));
        };
        let (mut events, mut albums) = (Vec::new(), HashMap::new());
        for update in &updates {
            for event in self.read(update).await {
                let first = album(update).map(|it| *albums.entry(it).or_insert(events.len()));
                match (first.and_then(|it| events.get_mut(it)), event) {
                    (Some(Event::Message(whole)), Event::Message(more)) => merge(whole, more),
                    (_, event) => events.push(event),
                }
            }
        }
        Ok(Batch { events, cursor: Cursor((next + 1).to_string()) })
    }

    fn gap(&mut self) -> Option<Gap> {
        if self.is_answered { self.before.take() } else { None }
    }
}

fn number(update: &Value) -> Option<i64> {
    update.get("update_id")?.as_i64()
}
