//! Telegram as a channel: a bot that polls the Bot API (<https://core.telegram.org/bots/api>).
//!
//! `Account::urls["api"]` leads to another Bot API server than <https://api.telegram.org>.
//!
//! - A message's id is `<chat>:<message_id>`, since Telegram numbers messages per chat: a reply, an
//!   edit or a reaction to a message of another chat is noticed instead of meeting a wrong message.
//! - The cursor is the `offset` of the next poll. Telegram forgets what lies before it, so it moves
//!   through [`channel::Source::receive`] alone, which the host calls again after the commit.
//! - Updates wait for 24 hours, so a gap up to that long is none; of a longer one some may be gone.
//! - [`channel::Address::thread`](domain::message::Address::thread) is a forum topic.

mod api;
mod content;
mod entities;
mod event;
mod files;
mod html;
mod ids;
mod methods;
mod refusal;
mod sink;
mod source;
mod types;

use std::sync::Arc;

use async_trait::async_trait;
use channel::{
    Account, Adapter, Caps, ChannelError, Connection, Me, Need, REPEAT_NOTE, Registration,
};
use domain::outgoing::{Dialect, TextLimit, Unit};
use tracing::debug;

use crate::api::Api;
use crate::sink::TelegramSink;
use crate::source::TelegramSource;

/// The channel's name.
pub const NAME: &str = "telegram";

/// Where bots that do not run their own server are served.
const API: &str = "https://api.telegram.org";

#[derive(Debug)]
struct Telegram;

inventory::submit! {
    Registration {
        name: NAME,
        needs: &[Need::secret("token", "the bot's token from @BotFather")],
        caps: CAPS,
        adapter: &Telegram,
    }
}

const CAPS: Caps = Caps {
    buttons: true,
    edits: true,
    reactions: true,
    mentions: true,
    threads: true,
    file_bytes_max: files::BYTES_MAX,
    alive_every: Some(methods::POLL_MAX),
    dialect: Dialect::TelegramHtml,
    ..Caps::plain(TextLimit { max: methods::TEXT_MAX - REPEAT_NOTE.len(), unit: Unit::Utf16 })
};

#[async_trait]
impl Adapter for Telegram {
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError> {
        let token = account.require(NAME, "token")?;
        let base = account.urls.get("api").map_or(API, String::as_str);
        let api = Arc::new(Api::new(base, token, account.pulse.clone())?);
        let me = api.get_me().await?;
        debug!(bot = me.username, reads_all = me.can_read_all_group_messages, "the token is valid");
        // A webhook keeps polls away; updates that wait are kept.
        api.delete_webhook().await?;
        let before = source::gap(account.heard_until, account.pulse.now());
        let source = TelegramSource::new(Arc::clone(&api), me, account.name.clone(), before);
        Ok(Connection {
            me: Me::default(),
            caps: CAPS,
            source: Box::new(source),
            sink: Arc::new(TelegramSink::new(api)),
        })
    }
}
