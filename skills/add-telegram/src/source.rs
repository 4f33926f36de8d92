//! The receiving half: polls, and turns updates into events.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use channel::{Batch, ChannelError, Cursor, Event, Gap, Source};
use domain::plain::chain;
use domain::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::api::Api;
use crate::event::event;
use crate::methods::POLL;
use crate::types::{Me, Update};

/// Short beside the half minute that a poll waits.
const BETWEEN_EMPTY: Duration = Duration::from_millis(200);
/// How long the server keeps updates (<https://core.telegram.org/bots/api#getting-updates>).
const KEPT: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug)]
pub(crate) struct TelegramSource {
    api: Arc<Api>,
    me: Me,
    account: String,
    /// Answers to button presses on their way.
    hints: JoinSet<()>,
    /// What became of the time before this connection, until it is stated.
    before: Option<Gap>,
    /// Nothing can be said before a poll was answered: another reader may be at it.
    is_answered: bool,
}

/// What became of the time before a connection that is made now.
pub(crate) fn gap(heard_until: Option<Timestamp>, now: Timestamp) -> Option<Gap> {
    heard_until.map(|it| if KEPT < now.since(it) { Gap::Unknown } else { Gap::None })
}

impl TelegramSource {
    /// `before`: see [`gap`]; `None` where nothing was read before.
    pub(crate) fn new(api: Arc<Api>, me: Me, account: String, before: Option<Gap>) -> Self {
        let is_answered = before.is_none();
        let before = Some(before.unwrap_or(Gap::None));
        Self { api, me, account, hints: JoinSet::new(), before, is_answered }
    }

    /// Ends the spinner on a pressed button. Nothing follows from a failure: the press is stored
    /// all the same, and Telegram gives up the spinner after a while.
    fn end_spinner(&mut self, id: String) {
        while self.hints.try_join_next().is_some() {}
        let api = Arc::clone(&self.api);
        self.hints.spawn(async move {
            let answered = api.answer_callback_query(&id).await;
            drop(answered.inspect_err(|it| debug!(why = chain(it), "a press was not answered")));
        });
    }

    fn read(&mut self, update: &Value, id: Option<i64>) -> Option<Event> {
        let update = match Update::deserialize(update) {
            Ok(update) => update,
            Err(_) => {
                // What it says is not for the log, and neither is what serde quotes of it.
                warn!(update = id, "an update cannot be read and is left out");
                return None;
            }
        };
        if let Some(press) = &update.callback_query {
            self.end_spinner(press.id.clone());
        }
        event(update, &self.me, &self.account)
    }
}

#[async_trait]
impl Source for TelegramSource {
    async fn receive(&mut self, after: &Cursor) -> Result<Batch, ChannelError> {
        // No number means that this account was never read: the server begins with the oldest.
        let offset = after.0.parse().ok();
        if !self.is_answered {
            let waiting = self.api.get_updates(offset, Duration::ZERO).await?;
            self.is_answered = true;
            if waiting.is_empty() {
                return Ok(Batch { events: Vec::new(), cursor: after.clone() });
            }
        }
        let updates = loop {
            let updates = self.api.get_updates(offset, POLL).await?;
            if !updates.is_empty() {
                break updates;
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
        let events: Vec<Event> =
            updates.iter().filter_map(|it| self.read(it, number(it))).collect();
        Ok(Batch { events, cursor: Cursor((next + 1).to_string()) })
    }

    fn gap(&mut self) -> Option<Gap> {
        if self.is_answered { self.before.take() } else { None }
    }
}

fn number(update: &Value) -> Option<i64> {
    update.get("update_id")?.as_i64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_covered_as_long_as_the_server_keeps_updates() {
        let day = i64::try_from(KEPT.as_millis()).unwrap();
        let after = |ms| gap(Some(Timestamp(0)), Timestamp(ms));
        assert_eq!([after(0), after(day)], [Some(Gap::None); 2]);
        assert_eq!(after(day + 1), Some(Gap::Unknown));
        assert_eq!(gap(None, Timestamp(day)), None);
    }
}
