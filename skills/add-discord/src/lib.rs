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
mod connect;
mod directory;
mod gateway;
mod incoming;
mod outgoing;
mod position;
mod refusal;
mod sink;
mod source;
mod tables;
mod wire;

use async_trait::async_trait;
use channel::{Account, Adapter, Caps, ChannelError, Connection, Registration};
use domain::outgoing::TextLimit;

/// The channel's name.
pub const NAME: &str = "discord";

/// Discord takes files of 10 MiB from a bot in a server without boosts
/// (<https://discord.com/developers/docs/reference#uploading-files>).
const FILE_BYTES_MAX: u64 = 10 * 1024 * 1024;

#[derive(Debug)]
struct Discord;

inventory::submit! {
    Registration {
        name: NAME,
        caps: Caps {
            buttons: true,
            edits: true,
            reactions: true,
            mentions: true,
            threads: true,
            file_bytes_max: FILE_BYTES_MAX,
            alive_every: Some(gateway::BEAT_MAX),
            credential: Some("the bot's token from the Discord developer portal"),
            ..Caps::plain(TextLimit::chars(outgoing::TEXT_CHARS_MAX))
        },
        adapter: &Discord,
    }
}

#[async_trait]
impl Adapter for Discord {
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError> {
        connect::connect(account).await
    }
}
