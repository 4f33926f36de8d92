//! Makes both halves of a connected account, once its token is known to be good. The gateway is
//! opened by the first `receive`, which says where to resume.

use std::sync::Arc;

use channel::{Account, ChannelError, Connection, ExposeSecret};
use reqwest::Url;
use twilight_gateway::ConfigBuilder;

use crate::NAME;
use crate::api::{Api, BASE};
use crate::cdn::Cdn;
use crate::directory::Directory;
use crate::gateway::{Gateway, INTENTS};
use crate::sink::DiscordSink;
use crate::source::DiscordSource;
use crate::wire::{GatewayInfo, User};

/// Discord resets the token of a bot that begins more than 1000 sessions a day
/// (<https://discord.com/developers/docs/events/gateway#session-start-limit-object>). The last ones
/// are left for somebody who has to find out what is wrong.
const STARTS_LEFT_MIN: u64 = 20;

pub(crate) async fn connect(account: &Account) -> Result<Connection, ChannelError> {
    let token = account.require_credential(NAME)?;
    // Connections need one for the whole process; whichever is there already is fine.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let base = account.urls.get("api").map_or(BASE, String::as_str);
    let api = Api::new(base, token)?;
    let bot: User = api.get("users/@me").await?;
    let info: GatewayInfo = api.get("gateway/bot").await?;
    may_begin(&info)?;
    let url = account.urls.get("gateway").unwrap_or(&info.url);
    let config = ConfigBuilder::new(token.expose_secret().trim().to_owned(), INTENTS)
        .proxy_url(websocket(url)?)
        .build();
    let gateway = Gateway::new(config, api.clone(), account.pulse.clone());
    let directory = Arc::new(Directory::default());
    let cdn = Cdn::new(account.urls.get("cdn").map(String::as_str))?;
    let sink = DiscordSink::new(api.clone(), cdn, Arc::clone(&directory));
    let source = DiscordSource::new(api, gateway, directory, account, bot.id);
    Ok(Connection { source: Box::new(source), sink: Arc::new(sink) })
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

/// An address that the websocket's library takes without complaint.
fn websocket(url: &str) -> Result<String, ChannelError> {
    let parsed = Url::parse(url).ok();
    match parsed.filter(|it| matches!(it.scheme(), "ws" | "wss") && it.has_host()) {
        Some(_) => Ok(url.trim_end_matches('/').to_owned()),
        None => {
            Err(ChannelError::Misconfigured("the gateway's address is not a ws or wss URL".into()))
        }
    }
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
        assert_eq!(websocket("ws://127.0.0.1:1/").unwrap(), "ws://127.0.0.1:1");
        assert!(websocket("https://x").is_err() && websocket("wss://").is_err());
    }
}
