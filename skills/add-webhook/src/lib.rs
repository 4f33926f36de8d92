//! Webhooks as a channel: events that GitHub and other programs post become messages of a chat.
//!
//! `POST /hook/<chat>`, signed as GitHub signs
//! (<https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>), is a
//! message of that chat. The sender hears 202 after the host committed it and not before. Nothing
//! can be sent back, so the chat is one of a conversation that has another chat for its answers.
//!
//! `Account::urls["listen"]` is the address to listen on, else [`listen::USUAL`]. The one that was
//! bound lies in `webhook-<account>.addr` in the run directory.
//!
//! The cursor stays empty: a sender keeps what was not taken, and sends it again under the same id.
//! Not every sender does: GitHub tries once
//! (<https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries>). So what
//! was posted while nobody listened may be missing, and the adapter says so.

mod describe;
mod guests;
mod listen;
mod refusal;
mod replays;
mod request;
mod serve;
mod signature;

use std::sync::Arc;

use async_trait::async_trait;
use channel::{
    Account, Adapter, Caps, ChannelError, Connection, DeliverError, ExposeSecret, Gap, Intake, Me,
    Need, Part, Registration, Sink,
};
use domain::outgoing::TextLimit;
use domain::time::{Clock, SystemClock};
use tokio::sync::mpsc;

use crate::replays::Replays;
use crate::serve::Hooks;

/// The channel's name.
pub const NAME: &str = "webhook";

/// Events that wait for the host to take them; further senders wait, too, until they are told to
/// come back.
const EVENTS_AHEAD_MAX: usize = 64;

#[derive(Debug)]
struct Webhook;

inventory::submit! {
    Registration {
        name: NAME,
        needs: &[Need::secret("secret", "the secret that the sender signs its requests with")],
        caps: CAPS,
        adapter: &Webhook,
    }
}

const CAPS: Caps = Caps { mentions: true, mute: true, ..Caps::plain(TextLimit::chars(64 * 1024)) };

#[async_trait]
impl Adapter for Webhook {
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError> {
        let secret = account.require(NAME, "secret")?.clone();
        if secret.expose_secret().is_empty() {
            // Anybody could sign with that.
            let why = "the stored secret is empty; replace it with `nanoclaw channels add webhook`";
            return Err(ChannelError::Unauthorized(why.into()));
        }
        let listener = listen::open(account).await?;
        let (events, inbox) = mpsc::channel(EVENTS_AHEAD_MAX);
        let file = account.run_dir.join(format!("{NAME}-{}.seen", account.name));
        let replays = Replays::open(&file, SystemClock.now());
        let hooks = Hooks { account: account.name.clone(), secret, events, replays };
        let gap = if account.heard_until.is_some() { Gap::Unknown } else { Gap::None };
        let source = Intake::new(serve::accept(listener, Arc::new(hooks)), inbox, gap);
        Ok(Connection {
            me: Me::default(),
            caps: CAPS,
            source: Box::new(source),
            sink: Arc::new(WebhookSink),
        })
    }
}

/// There is none.
#[derive(Debug)]
struct WebhookSink;

#[async_trait]
impl Sink for WebhookSink {
    async fn deliver(&self, _part: &Part) -> Result<String, DeliverError> {
        Err(DeliverError::Refused("a webhook takes no answers".into()))
    }
}
