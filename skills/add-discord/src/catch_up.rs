//! What was written while no session was open: pages of messages behind a place, of some channels, merged in the
//! order in which they were written.

use std::collections::VecDeque;

use channel::ChannelError;
use channel::http::Failure;
use serde_json::Value;
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::api::Api;
use crate::position::DIRECT;
use crate::wire::{Id, list};

/// Messages of one page (<https://discord.com/developers/docs/resources/message#get-channel-messages>).
const PAGE: usize = 100;
/// What a channel may have missed; nobody waits for answers to more.
const MESSAGES_MAX: usize = 1_000;

/// One group of channels that is behind.
#[derive(Debug)]
pub(crate) struct CatchUp {
    pub(crate) group: Id,
    channels: Vec<Behind>,
    /// More was written in a channel than is read.
    pub(crate) is_cut: bool,
}

#[derive(Debug)]
struct Behind {
    channel: Id,
    after: Id,
    loaded: usize,
    more: bool,
    page: VecDeque<(Id, Value)>,
}

impl CatchUp {
    pub(crate) fn new(group: Id, from: Id, channels: impl IntoIterator<Item = Id>) -> Self {
        let behind =
            |channel| Behind { channel, after: from, loaded: 0, more: true, page: VecDeque::new() };
        Self { group, channels: channels.into_iter().map(behind).collect(), is_cut: false }
    }

    /// The oldest message that is left, which stays; `None` when there is none.
    pub(crate) async fn first(&mut self, api: &Api) -> Result<Option<&(Id, Value)>, ChannelError> {
        let server = Some(self.group).filter(|it| *it != DIRECT);
        while let Some(behind) = self.channels.iter_mut().find(|it| it.more && it.page.is_empty()) {
            self.is_cut |= behind.load(api, server).await?;
        }
        self.channels.retain(|it| !it.page.is_empty());
        self.channels.sort_by_key(|it| it.page.front().map(|message| message.0));
        Ok(self.channels.first().and_then(|it| it.page.front()))
    }

    /// Takes what [`Self::first`] returned.
    pub(crate) fn take_first(&mut self) -> Option<(Id, Value)> {
        self.channels.first_mut().and_then(|it| it.page.pop_front())
    }
}

impl Behind {
    /// Returns whether more was written than is read.
    async fn load(&mut self, api: &Api, server: Option<Id>) -> Result<bool, ChannelError> {
        let (channel, after) = (self.channel, self.after);
        let path = format!("channels/{channel}/messages?after={after}&limit={PAGE}");
        match api.get(&path).await {
            Ok(page) => return Ok(self.take(list(&page).cloned().collect(), server)),
            Err(Failure::Throttled { after } | Failure::Paused { after }) => sleep(after).await,
            Err(Failure::Refused(why)) => {
                debug!(%channel, code = why.code, "the bot may not read what was written here");
                self.more = false;
            }
            Err(failure) => return Err(failure.into()),
        }
        Ok(false)
    }

    fn take(&mut self, page: Vec<Value>, server: Option<Id>) -> bool {
        self.loaded += page.len();
        self.more = page.len() == PAGE;
        let is_cut = self.more && MESSAGES_MAX <= self.loaded;
        if is_cut {
            warn!(channel = %self.channel, "more was written here meanwhile than is read afterwards");
            self.more = false;
        }
        for mut message in page {
            let Some(id) = Id::of(&message["id"]) else {
                warn!(channel = %self.channel, "skipped a message that is malformed");
                continue;
            };
            self.after = self.after.max(id);
            // The API does not tell it.
            message["guild_id"] = server.map(|it| it.to_string()).into();
            self.page.push_back((id, message));
        }
        self.page.make_contiguous().sort_by_key(|it| it.0);
        is_cut
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn behind() -> Behind {
        let mut catching = CatchUp::new(Id(1), Id(10), [Id(2)]);
        catching.channels.remove(0)
    }

    fn message(id: u64) -> Value {
        let author = json!({ "id": "9", "username": "ann" });
        json!({ "id": id.to_string(), "channel_id": "2", "author": author })
    }

    #[test]
    fn a_page_is_turned_round_and_a_malformed_message_in_it_is_skipped() {
        let mut behind = behind();
        let page = vec![message(13), json!({ "id": 12 }), message(11)];
        assert!(!behind.take(page, Some(Id(1))));
        let ids: Vec<_> = behind.page.iter().map(|it| (it.0, &it.1["guild_id"])).collect();
        assert_eq!(ids, [(Id(11), &json!("1")), (Id(13), &json!("1"))]);
        assert!(!behind.more);
    }

    #[test]
    fn full_pages_are_followed_by_another_up_to_a_limit() {
        let mut behind = behind();
        for page in 1..=10 {
            assert!(behind.more);
            let is_cut = behind.take((0..100).map(|at| message(page * 1_000 + at)).collect(), None);
            assert_eq!(is_cut, page == 10);
            assert_eq!(behind.after, Id(page * 1_000 + 99));
        }
        assert!(!behind.more);
    }
}
