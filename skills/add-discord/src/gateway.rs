//! The gateway: one websocket, kept alive and resumed by `twilight-gateway`, whose events go into a queue.
//!
//! A queue that is full stops the reading. Discord then ends the connection, and what was not read comes again with
//! the resumed session or by catching up.

use std::fmt;
use std::time::Duration;

use channel::{Cause, ChannelError, Pulse};
use domain::plain::chain;
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, warn};
use twilight_gateway::error::{ReceiveMessageError, ReceiveMessageErrorType};
use twilight_gateway::{Config, ConfigBuilder, Intents, Message as Frame, Session, Shard, ShardId};

use crate::api::Api;
use crate::{outgoing, position, refusal};

/// Messages need their intents, names of channels need `GUILDS`, texts need `MESSAGE_CONTENT`, which is to be
/// switched on in the portal (<https://discord.com/developers/docs/events/gateway#gateway-intents>).
pub(crate) const INTENTS: Intents = Intents::GUILDS
    .union(Intents::GUILD_MESSAGES)
    .union(Intents::DIRECT_MESSAGES)
    .union(Intents::GUILD_MESSAGE_REACTIONS)
    .union(Intents::DIRECT_MESSAGE_REACTIONS)
    .union(Intents::MESSAGE_CONTENT);

/// Discord answers a heartbeat every 41 seconds or so; a connection that is silent for longer than some of them is
/// dead.
const SILENCE_MAX: Duration = Duration::from_secs(150);
/// The longest time between two frames: the heartbeat's interval, and the way to and fro.
pub(crate) const BEAT_MAX: Duration = Duration::from_secs(45);
/// Events that may have come ahead of the host's commits; then the gateway is not read.
const ARRIVALS_MAX: usize = 1_024;
/// The close code of a session that is not what this side believes
/// (<https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway>).
const INVALID_SEQUENCE: u16 = 4007;
/// New connections that are tried before the host is told.
const FAILURES_MAX: u32 = 3;

/// New connections can be made of it; shows no token.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) config: Config,
    pub(crate) api: Api,
    pub(crate) pulse: Pulse,
}

#[derive(Debug)]
pub(crate) enum Arrival {
    Event(Dispatch),
    /// The session cannot be resumed, and Discord does not begin another automatically.
    SessionLost,
    /// Nothing more comes.
    Ended(ChannelError),
}

/// An event (<https://discord.com/developers/docs/events/gateway-events#payload-structure>).
#[derive(Deserialize)]
pub(crate) struct Dispatch {
    #[serde(rename = "t")]
    pub(crate) kind: String,
    /// Its number in the session.
    #[serde(rename = "s", default)]
    pub(crate) sequence: u64,
    #[serde(rename = "d")]
    pub(crate) data: Value,
}

impl fmt::Debug for Dispatch {
    /// Without what people wrote, and the token with which anybody can answer in the bot's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, sequence, .. } = self;
        f.debug_struct("Dispatch")
            .field("kind", kind)
            .field("sequence", sequence)
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// Connects, and reads until what it returns is dropped.
    pub(crate) fn open(&self, old: Option<&position::Session>) -> (Receiver<Arrival>, JoinSet<()>) {
        let mut config = ConfigBuilder::from(self.config.clone());
        if let Some(old) = old {
            let session = Session::new(old.sequence, old.id.clone());
            config = config.session(session).resume_url(old.url.clone());
        }
        let shard = Shard::with_config(ShardId::ONE, config.build());
        let (into, inbox) = mpsc::channel(ARRIVALS_MAX);
        let mut reading = JoinSet::new();
        reading.spawn(run(shard, self.api.clone(), self.pulse.clone(), into));
        (inbox, reading)
    }
}

/// Reads until the connection is gone for good or nobody takes events.
async fn run(mut shard: Shard, api: Api, pulse: Pulse, into: Sender<Arrival>) {
    let mut answers = JoinSet::new();
    let mut failures = 0;
    loop {
        while answers.try_join_next().is_some() {}
        let arrival = match timeout(SILENCE_MAX, shard.next()).await {
            Ok(Some(Ok(Frame::Text(text)))) => {
                failures = 0;
                pulse.beat();
                // What has no name is about the connection, which is not kept here.
                serde_json::from_str(&text).ok().map(Arrival::Event)
            }
            Ok(Some(Ok(Frame::Close(frame)))) => {
                let code = frame.map(|it| it.code);
                debug!(code, "the gateway closed");
                code.and_then(closed)
            }
            Ok(Some(Err(err))) => failed(err, &mut failures),
            Ok(None) => Some(unreachable("the gateway closed for good")),
            Err(_) => Some(unreachable("the gateway is silent")),
        };
        let Some(arrival) = arrival else { continue };
        if let Arrival::Event(event) = &arrival
            && event.kind == "INTERACTION_CREATE"
            && let Some((path, body)) = outgoing::acknowledgement(&event.data)
        {
            let api = api.clone();
            answers.spawn(async move {
                let done = api.tell_by_token(&path, &body).await;
                drop(done.inspect_err(|it| debug!(why = chain(it), "a press was not answered")));
            });
        }
        let ended = matches!(arrival, Arrival::Ended(_) | Arrival::SessionLost);
        if into.send(arrival).await.is_err() || ended {
            return;
        }
    }
}

fn unreachable(why: impl Into<Cause>) -> Arrival {
    Arrival::Ended(ChannelError::Unreachable(why.into()))
}

fn closed(code: u16) -> Option<Arrival> {
    if code == INVALID_SEQUENCE {
        return Some(Arrival::SessionLost);
    }
    refusal::closed(code).map(Arrival::Ended)
}

/// Errors are not shown whole: they hold what people wrote.
fn failed(err: ReceiveMessageError, failures: &mut u32) -> Option<Arrival> {
    if let ReceiveMessageErrorType::Reconnect = err.kind() {
        *failures += 1;
        let given_up = FAILURES_MAX <= *failures;
        return given_up.then(|| unreachable(err));
    }
    warn!("skipped something from the gateway that is not an event");
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_from_what_is_about_the_connection() {
        let ready = r#"{"op":0,"s":1,"t":"READY","d":{"session_id":"x"}}"#;
        let event: Dispatch = serde_json::from_str(ready).unwrap();
        assert_eq!((event.kind.as_str(), event.sequence), ("READY", 1));
        assert_eq!(event.data["session_id"], "x");
        for other in [r#"{"op":11,"t":null,"d":null}"#, r#"{"op":10,"d":{}}"#, "no json"] {
            assert!(serde_json::from_str::<Dispatch>(other).is_err(), "{other}");
        }
    }

    #[test]
    fn neither_the_token_of_an_interaction_nor_what_people_wrote_is_shown() {
        let text = r#"{"op":0,"t":"INTERACTION_CREATE","d":{"token":"sesame","content":"secret"}}"#;
        let shown = format!("{:?}", Arrival::Event(serde_json::from_str(text).unwrap()));
        assert!(shown.contains("INTERACTION_CREATE"), "{shown}");
        assert!(!shown.contains("sesame") && !shown.contains("secret"), "{shown}");
    }
}
