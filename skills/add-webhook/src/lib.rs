//! Webhooks as a channel: events that GitHub and other programs post become messages of a chat.
//!
//! `POST /in/webhook/<account>/<chat>` at the host's door is a message of that chat; without a chat, of one
//! that is called as the account. The sender hears 202 after the host committed it and not before. Nothing
//! can be sent back, so the chat is one of a conversation that has another chat for its answers.
//!
//! `kind`, a field of the account, says which program sends ([`kinds`]), and so how it shows that it has
//! the secret.
//!
//! A sender keeps what was not taken, and sends it again under the same id. Not every sender does: GitHub tries
//! once (<https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries>). So what
//! was posted while nobody listened may be missing, and the adapter says so.

mod describe;
mod event;
mod kinds;
mod template;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use channel::door::{Challenge, Route};
use channel::signature::Verify;
use channel::spool::Spooled;
use channel::{
    Account, Adapter, Caps, ChannelError, Connection, DeliverError, ExposeSecret, Gap, Me, Need,
    Part, Registration, Sink,
};
use domain::outgoing::TextLimit;

use crate::event::Events;

/// The channel's name.
pub const NAME: &str = "webhook";

const BODY_BYTES_MAX: usize = 1024 * 1024;
/// GitHub gives up after 10 s
/// (<https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks>).
const PATIENCE: Duration = Duration::from_secs(8);

#[derive(Debug)]
struct Webhook;

inventory::submit! {
    Registration {
        name: NAME,
        needs: &[
            Need::secret("secret", "the secret that the sender signs its requests with, or shows"),
            Need {
                name: "kind",
                what: "which program sends, github if nothing is said",
                is_secret: false,
                is_optional: true,
                check: kinds::check,
            },
        ],
        caps: CAPS,
        adapter: &Webhook,
    }
}

const CAPS: Caps = Caps { mute: true, ..Caps::plain(TextLimit::chars(64 * 1024)) };

#[async_trait]
impl Adapter for Webhook {
    /// Nobody can be asked; a secret of another form than the sender's is noticed.
    async fn check(&self, account: &Account) -> Result<Me, ChannelError> {
        verify(account).map(|_| Me::default())
    }

    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError> {
        let (kind, verify) = verify(account)?;
        let route = Route {
            verify,
            challenge: Challenge::None,
            bytes_max: BODY_BYTES_MAX,
            ids: kind.ids,
            patience: PATIENCE,
        };
        let inbox = account.door.open(route).await?;
        let gap = if account.heard_until.is_some() { Gap::Unknown } else { Gap::None };
        let spool = Arc::clone(&account.spool);
        let events = Events::new(&account.name, kind, Arc::clone(&spool));
        let source = Box::new(Spooled::new(inbox, spool, events, gap));
        let sink = Arc::new(WebhookSink);
        Ok(Connection { me: Me::default(), caps: CAPS, source, sink })
    }
}

/// Which program sends, and how its secret is recognised.
fn verify(account: &Account) -> Result<(&'static kinds::Kind, Verify), ChannelError> {
    let kind = account.fields.get("kind").map(|it| it.expose_secret());
    let kind = kinds::find(kind)?;
    let secret = account.require(NAME, "secret")?.clone();
    let unfit = |why: String| {
        let why = format!("{why}; replace it with `nanoclaw channels add {NAME}`");
        ChannelError::Unauthorized(why.into())
    };
    let rest = secret.expose_secret().strip_prefix(kind.begins);
    if rest.is_none_or(str::is_empty) {
        let (name, begins) = (kind.name, kind.begins);
        return Err(unfit(format!(
            "a secret of {name} begins with `{begins}`, and this one does not"
        )));
    }
    let verify = Verify::new((kind.schemes)(), secret).map_err(|it| unfit(it.to_string()))?;
    Ok((kind, verify))
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
