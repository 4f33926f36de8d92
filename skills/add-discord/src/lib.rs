//! Discord as a channel: events over its gateway, everything else over its HTTP API.
//!
//! A gateway keeps nothing for a bot that is away. What makes "received" durable here is the
//! [`position`]: the newest message that was committed, from which a new session asks for what came
//! meanwhile ([`catch_up`]). A session that is resumed leaves no gap, and neither does catching up,
//! unless more was written in a channel than it reads. What it cannot see goes unnoticed: presses of
//! buttons, and threads that were archived meanwhile.
//!
//! Names in [`Account::urls`], for a local server: `api` is what stands before `/v10` (else
//! `https://discord.com/api`), `gateway` the websocket (else what the API says), `cdn` replaces the
//! hosts that files are on.

mod api;
mod catch_up;
mod cdn;
mod directory;
mod gateway;
mod incoming;
mod outgoing;
mod position;
mod refusal;
mod sink;
mod source;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use channel::{
    Account, Adapter, Caps, ChannelError, Connection, ExposeSecret, Me, Need, Registration,
};
use domain::outgoing::{Dialect, TextLimit};
use twilight_gateway::ConfigBuilder;

use crate::api::{Api, BASE};
use crate::cdn::Cdn;
use crate::directory::PrivateChats;
use crate::gateway::{Gateway, INTENTS};
use crate::position::is_websocket;
use crate::sink::DiscordSink;
use crate::source::DiscordSource;
use crate::wire::{GatewayInfo, User};

/// The channel's name.
pub const NAME: &str = "discord";

/// Discord takes files of 10 MiB from a bot in a server without boosts
/// (<https://discord.com/developers/docs/reference#uploading-files>).
const FILE_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// Discord resets the token of a bot that begins more than 1000 sessions a day
/// (<https://discord.com/developers/docs/events/gateway#session-start-limit-object>). The last ones
/// are left for somebody who has to find out what is wrong.
const STARTS_LEFT_MIN: u64 = 20;

#[derive(Debug)]
struct Discord;

inventory::submit! {
    Registration {
        name: NAME,
        needs: &[Need::secret("token", "the bot's token from the Discord developer portal")],
        caps: CAPS,
        adapter: &Discord,
    }
}

const CAPS: Caps = Caps {
    buttons: true,
    edits: true,
    reactions: true,
    mentions: true,
    threads: true,
    file_bytes_max: FILE_BYTES_MAX,
    alive_every: Some(gateway::BEAT_MAX),
    dialect: Dialect::Discord,
    ..Caps::plain(TextLimit::chars(outgoing::TEXT_CHARS_MAX))
};

#[async_trait]
impl Adapter for Discord {
    /// The gateway is opened by the first `receive`, which says where to resume.
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError> {
        let token = account.require(NAME, "token")?;
        let base = account.urls.get("api").map_or(BASE, String::as_str);
        let api = Api::new(base, token)?;
        let bot: User = api.get("users/@me").await?;
        let info: GatewayInfo = api.get("gateway/bot").await?;
        may_begin(&info)?;
        let url = account.urls.get("gateway").unwrap_or(&info.url);
        if !is_websocket(url) {
            let why = "the gateway's address is not a ws or wss URL";
            return Err(ChannelError::Misconfigured(why.into()));
        }
        let config = ConfigBuilder::new(token.expose_secret().trim().to_owned(), INTENTS)
            .proxy_url(url.trim_end_matches('/').to_owned())
            .build();
        let gateway = Gateway { config, api: api.clone(), pulse: account.pulse.clone() };
        let private = Arc::new(PrivateChats::default());
        let cdn = Cdn::new(account.urls.get("cdn").map(String::as_str))?;
        let sink = DiscordSink::new(api.clone(), cdn, Arc::clone(&private));
        let source = DiscordSource::new(api, gateway, private, account, bot.id);
        Ok(Connection {
            me: Me::default(),
            caps: CAPS,
            source: Box::new(source),
            sink: Arc::new(sink),
        })
    }
}

fn may_begin(info: &GatewayInfo) -> Result<(), ChannelError> {
    let starts = &info.session_start_limit;
    if STARTS_LEFT_MIN <= starts.remaining {
        return Ok(());
    }
    let why = format!(
        "the bot connected too often today, and discord resets the token of a bot that goes on; it is \
         tried again in {} minutes",
        starts.reset_after.div_ceil(60_000)
    );
    Err(ChannelError::Unreachable(why.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::SessionStarts;

    #[test]
    fn a_bot_that_connects_too_often_is_stopped_before_discord_resets_its_token() {
        let info = |remaining| GatewayInfo {
            url: String::new(),
            session_start_limit: SessionStarts { remaining, reset_after: 90_000 },
        };
        assert!(may_begin(&info(1_000)).is_ok());
        let Err(ChannelError::Unreachable(why)) = may_begin(&info(19)) else { panic!("it may") };
        assert!(why.to_string().contains("2 minutes"), "{why}");
    }

    #[test]
    fn only_websockets_are_taken_for_the_gateway() {
        assert!(is_websocket("ws://127.0.0.1:1/"));
        assert!(!is_websocket("https://x") && !is_websocket("wss://"));
    }
}
