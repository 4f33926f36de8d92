//! Telegram as a channel: a bot that polls the Bot API (<https://core.telegram.org/bots/api>).
//!
//! `Account::urls["api"]` leads to another Bot API server than <https://api.telegram.org>.
//!
//! - A message's id is `<chat>:<message_id>`, since Telegram numbers messages per chat: a reply, an
//!   edit or a reaction to a message of another chat is noticed instead of meeting a wrong message. What
//!   happened to a message later is named by its id, `#`, and when.
//! - The cursor is the `offset` of the next poll. Telegram forgets what lies before it, so it moves
//!   through [`channel::Source::receive`] alone, which the host calls again after the commit.
//! - Updates wait for 24 hours, so a gap up to that long is none; of a longer one some may be gone.
//! - [`channel::Address::thread`](domain::message::Address::thread) is a forum topic.

mod api;
mod content;
mod entities;
mod event;
mod files;
mod ids;
mod methods;
mod refusal;
mod sink;
mod source;
mod types;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use channel::{
    Account, Adapter, Caps, ChannelError, Connection, Me, Need, REPEAT_NOTE, Registration,
};
use domain::outgoing::{Dialect, Pace, Rate, TextLimit, Unit};

use crate::api::Api;
use crate::sink::TelegramSink;
use crate::source::TelegramSource;
use crate::types::Bot;

/// The channel's name.
pub const NAME: &str = "telegram";

/// Where bots that do not run their own server are served.
const API: &str = "https://api.telegram.org";

#[derive(Debug)]
struct Telegram;

inventory::submit! {
    Registration {
        name: NAME,
        needs: &[Need {
            check: api::check_token,
            ..Need::secret("token", "the bot's token from @BotFather")
        }],
        caps: CAPS,
        adapter: &Telegram,
    }
}

const CAPS: Caps = Caps {
    caption_max: files::CAPTION_MAX - REPEAT_NOTE.len(),
    album_max: files::ALBUM_MAX,
    buttons: true,
    edits: true,
    deletes: true,
    reactions: true,
    silent: true,
    pace: PACE,
    hears_all: false,
    file_bytes_max: files::BYTES_MAX,
    alive_every: Some(methods::POLL_MAX),
    dialect: Dialect::TelegramHtml,
    ..Caps::plain(TextLimit { max: methods::TEXT_MAX - REPEAT_NOTE.len(), unit: Unit::Utf16 })
};

/// <https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this>.
const PACE: Pace = Pace {
    direct: Some(Rate { count: 1, per: Duration::from_secs(1) }),
    group: Some(Rate { count: 20, per: Duration::from_secs(60) }),
    account: Some(Rate { count: 30, per: Duration::from_secs(1) }),
};

fn api(account: &Account) -> Result<Api, ChannelError> {
    let token = account.require(NAME, "token")?;
    let base = account.urls.get("api").map_or(API, String::as_str);
    Api::new(base, token, account.pulse.clone())
}

fn me(bot: &Bot) -> Me {
    Me { id: bot.id.to_string(), name: format!("@{}", bot.username) }
}

#[async_trait]
impl Adapter for Telegram {
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError> {
        let api = Arc::new(api(account)?);
        let bot = api.get_me().await?;
        let caps = Caps { hears_all: bot.can_read_all_group_messages, ..CAPS };
        Ok(Connection {
            me: me(&bot),
            caps,
            source: Box::new(TelegramSource::new(Arc::clone(&api), bot, account)),
            sink: Arc::new(TelegramSink::new(api, account.shelf.clone())),
        })
    }

    async fn check(&self, account: &Account) -> Result<Me, ChannelError> {
        let api = api(account)?;
        let bot = api.get_me().await?;
        api.has_no_webhook().await?;
        Ok(me(&bot))
    }
}
