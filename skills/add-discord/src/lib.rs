//! Discord as a channel: events over its gateway, everything else over its HTTP API.
//!
//! A gateway keeps nothing for a bot that is away. What makes "received" durable here is the [`position`]: the
//! newest message that was committed, from which a new session asks for what came meanwhile ([`catch_up`]). A
//! session that is resumed leaves no gap, and neither does catching up, unless more was written in a channel than
//! it reads. What it cannot see goes unnoticed: presses of buttons, threads that were archived meanwhile, and what
//! became of messages from before. Discord lists messages by when they were written: to find an edit, all of them
//! would have to be read again. What was written meanwhile comes as it reads now.
//!
//! Names in [`Account::urls`], for a local server: `api` is what stands before `/v10` (else
//! `https://discord.com/api`), `gateway` the websocket (else what the API says), `cdn` replaces the hosts that
//! files are on.

mod api;
mod catch_up;
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
use std::time::Duration;

use async_trait::async_trait;
use channel::http::HostedFiles;
use channel::{
    Account, Adapter, Caps, ChannelError, Connection, ExposeSecret, Me, Need, Registration,
};
use domain::outgoing::{Dialect, Pace, Rate, TextLimit};
use serde_json::Value;
use twilight_gateway::ConfigBuilder;

use crate::api::{Api, BASE};
use crate::directory::Doings;
use crate::gateway::{Gateway, INTENTS};
use crate::position::is_websocket;
use crate::sink::DiscordSink;
use crate::source::DiscordSource;
use crate::wire::{Id, name, text};

/// Where files of messages are.
const FILE_HOSTS: [&str; 2] = ["cdn.discordapp.com", "media.discordapp.net"];
/// Addresses of files stop working after a day or so
/// (<https://discord.com/developers/docs/reference#signed-attachment-cdn-urls>).
const FILE_GONE: &str = "discord does not give it out any more: it was deleted, or more than a day has passed; \
    ask for it to be sent again";

/// The channel's name.
pub const NAME: &str = "discord";

/// Discord takes files of 10 MiB from a bot in a server without boosts
/// (<https://discord.com/developers/docs/reference#uploading-files>).
const FILE_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// Discord resets the token of a bot that begins more than 1000 sessions a day
/// (<https://discord.com/developers/docs/events/gateway#session-start-limit-object>). The last ones are left for
/// somebody who has to find out what is wrong.
const STARTS_LEFT_MIN: u64 = 20;

/// <https://discord.com/developers/docs/resources/message#create-message>
const ALBUM_MAX: usize = 10;
/// How fast messages leave: what a channel takes as clients know it (<https://discordjs.guide>), and all requests
/// of a bot (<https://discord.com/developers/docs/topics/rate-limits#global-rate-limit>). What its answers say of
/// limits counts before this.
const CHAT_RATE: Option<Rate> = Some(Rate { count: 5, per: Duration::from_secs(5) });
const BOT_RATE: Option<Rate> = Some(Rate { count: 50, per: Duration::from_secs(1) });
/// The bot may read messages: with Discord's consent, or in few servers, without
/// (<https://discord.com/developers/docs/resources/application#application-object-application-flags>).
const MAY_READ: u64 = 1 << 18 | 1 << 19;

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
    album_max: ALBUM_MAX,
    edits: true,
    deletes: true,
    reactions: true,
    silent: true,
    // Nonces are kept for minutes, and a part may be repeated after hours: then it has to say so.
    idempotent: false,
    pace: Pace { direct: CHAT_RATE, group: CHAT_RATE, account: BOT_RATE },
    file_bytes_max: FILE_BYTES_MAX,
    alive_every: Some(gateway::BEAT_MAX),
    dialect: Dialect::Discord,
    ..Caps::plain(TextLimit::chars(outgoing::TEXT_CHARS_MAX))
};

#[async_trait]
impl Adapter for Discord {
    /// The gateway is opened by the first `receive`, which says where to resume.
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError> {
        let api = api(account)?;
        let me = who_am_i(&api).await?;
        let application = api.get("applications/@me").await?;
        if application["flags"].as_u64().unwrap_or_default() & MAY_READ == 0 {
            return Err(refusal::may_not_read());
        }
        let application = Id::of(&application["id"]).unwrap_or_default();
        let info = api.get("gateway/bot").await?;
        may_begin(&info["session_start_limit"])?;
        let told = text(&info["url"]);
        let url = account.urls.get("gateway").map_or(told, String::as_str);
        if !is_websocket(url) {
            let why = "the gateway's address is not a ws or wss URL";
            return Err(ChannelError::Misconfigured(why.into()));
        }
        let token = account.require(NAME, "token")?;
        let config = ConfigBuilder::new(token.expose_secret().trim().to_owned(), INTENTS)
            .proxy_url(url.trim_end_matches('/').to_owned())
            .build();
        let doings = Arc::new(Doings::default());
        let cdn = account.urls.get("cdn").map(String::as_str);
        let cdn = HostedFiles::new(&FILE_HOSTS, cdn, FILE_GONE)?;
        let pulse = account.pulse.clone();
        let gateway = Gateway { config, api: api.clone(), pulse: pulse.clone() };
        let source = DiscordSource::new(gateway, Arc::clone(&doings), account, me.id.clone());
        let sink = DiscordSink { api, cdn, doings, application, pulse };
        Ok(Connection { me, caps: CAPS, source: Box::new(source), sink: Arc::new(sink) })
    }

    async fn check(&self, account: &Account) -> Result<Me, ChannelError> {
        who_am_i(&api(account)?).await
    }
}

fn api(account: &Account) -> Result<Api, ChannelError> {
    let base = account.urls.get("api").map_or(BASE, String::as_str);
    Ok(Api::new(base, account.require(NAME, "token")?)?)
}

async fn who_am_i(api: &Api) -> Result<Me, ChannelError> {
    let bot = api.get("users/@me").await?;
    Ok(Me { name: name(&bot).to_owned(), id: text(&bot["id"]).to_owned() })
}

fn may_begin(starts: &Value) -> Result<(), ChannelError> {
    if starts["remaining"].as_u64().is_none_or(|it| STARTS_LEFT_MIN <= it) {
        return Ok(());
    }
    let reset_after = starts["reset_after"].as_u64().unwrap_or_default();
    let why = format!(
        "the bot connected too often today, and discord resets the token of a bot that goes on; it is \
         tried again in {} minutes",
        reset_after.div_ceil(60_000)
    );
    Err(ChannelError::Unreachable(why.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_that_connects_too_often_is_stopped_before_discord_resets_its_token() {
        let info = |remaining| serde_json::json!({ "remaining": remaining, "reset_after": 90_000 });
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
