//! Asks Discord for what no event told: places, and what threads began with.

use std::time::Duration;

use channel::ChannelError;
use channel::http::Failure;
use serde_json::Value;
use tokio::time::timeout;
use tracing::debug;

use super::DiscordSource;
use crate::directory::PEOPLE_MAX;
use crate::wire::{Channel, Id};

/// How long the first message of a thread is waited for.
const ROOT_WITHIN: Duration = Duration::from_millis(500);

impl DiscordSource {
    /// Asks about a server and a channel that no event told of, as after a session was resumed:
    /// otherwise a thread would be taken for a chat.
    pub(super) async fn identify(&mut self, channel: Id, server: Id) -> Result<(), ChannelError> {
        if !self.directory.servers.contains_key(&server)
            && let Some(guild) = self.look_up(&format!("guilds/{server}")).await?
        {
            self.directory.learn_server(&guild);
        }
        let mut next = Some(channel);
        while let Some(channel) = next.filter(|it| !self.directory.channels.contains_key(it)) {
            let Some(found) = self.look_up(&format!("channels/{channel}")).await? else {
                break;
            };
            self.directory.learn(&found, Some(server));
            next = self.directory.find(channel).1.and(Id::of(&found["parent_id"]));
        }
        Ok(())
    }

    /// What a thread began with: asked once, and empty where it is not to be had.
    pub(super) async fn learn_root(&mut self, thread: Id) {
        let (chat, Some(_)) = self.directory.find(thread) else { return };
        if self.directory.roots.contains_key(&thread) {
            return;
        }
        // The message has the thread's id; a post's is in the thread itself.
        let is_post = self.directory.channels.get(&chat).is_some_and(Channel::is_forum);
        let path = format!("channels/{}/messages/{thread}", if is_post { thread } else { chat });
        // Messages wait behind it, also those of people whom nobody knows: one that is not had soon is never asked
        // for again.
        let root = timeout(ROOT_WITHIN, self.look_up(&path)).await;
        let root = root.ok().and_then(Result::ok).flatten();
        let text = root.map(|it| self.directory.text(&it)).unwrap_or_default();
        if PEOPLE_MAX <= self.directory.roots.len() {
            self.directory.roots.clear();
        }
        self.directory.roots.insert(thread, text);
    }

    /// `None` for what the bot is not told.
    async fn look_up(&self, path: &str) -> Result<Option<Value>, ChannelError> {
        match self.api.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(Failure::Refused(why)) => {
                debug!(path, code = why.code, "discord does not tell about this");
                Ok(None)
            }
            Err(failure) => Err(failure.into()),
        }
    }
}
