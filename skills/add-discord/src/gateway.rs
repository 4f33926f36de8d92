//! The gateway: one websocket, kept alive and resumed by `twilight-gateway`, whose events go into a
//! queue.
//!
//! A queue that is full stops the reading. Discord then ends the connection, and what was not read
//! comes again with the resumed session or by catching up.

use std::borrow::Cow;
use std::time::Duration;

use channel::{ChannelError, Pulse};
use domain::plain::chain;
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, warn};
use twilight_gateway::error::{ReceiveMessageError, ReceiveMessageErrorType};
use twilight_gateway::{Config, ConfigBuilder, Intents, Message as Frame, Session, Shard, ShardId};

use crate::api::Api;
use crate::wire::{
    Channel, Deleted, Guild, Id, Interaction, KIND_COMMAND, KIND_COMPONENT, Message, Reaction,
    Ready,
};
use crate::{position, refusal};

/// Messages need their intents, names of channels need `GUILDS`, texts need `MESSAGE_CONTENT`, which
/// is to be switched on in the portal (<https://discord.com/developers/docs/events/gateway#gateway-intents>).
pub(crate) const INTENTS: Intents = Intents::GUILDS
    .union(Intents::GUILD_MESSAGES)
    .union(Intents::DIRECT_MESSAGES)
    .union(Intents::GUILD_MESSAGE_REACTIONS)
    .union(Intents::DIRECT_MESSAGE_REACTIONS)
    .union(Intents::MESSAGE_CONTENT);

/// Discord answers a heartbeat every 41 seconds or so; a connection that is silent for longer than
/// some of them is dead.
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

/// What came over the gateway, with its number in the session.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) sequence: Option<u64>,
    pub(crate) place: Place,
    pub(crate) what: Arrival,
}

/// Where something was said or done; without a server in private.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    pub(crate) channel_id: Option<Id>,
    pub(crate) guild_id: Option<Id>,
}

#[derive(Debug)]
pub(crate) enum Arrival {
    /// A session began that knows nothing of what was before.
    Ready(Ready),
    Server(Guild),
    /// It is out of order, or the bot was taken out of it.
    ServerGone(Guild),
    Channel(Channel),
    ChannelGone(Channel),
    Threads(Vec<Channel>),
    Message(Message),
    Edited(Message),
    Deleted(Deleted),
    /// Put under a message, or taken away.
    Reacted(Reaction, bool),
    Interaction(Interaction),
    /// The session goes on, and everything that came meanwhile was told.
    Resumed,
    /// The session cannot be resumed, and Discord does not begin another automatically.
    SessionLost,
    /// Nothing more comes.
    Ended(ChannelError),
}

impl Gateway {
    /// Connects, and reads until what it returns is dropped.
    pub(crate) fn open(&self, old: Option<&position::Session>) -> (Receiver<Arrived>, JoinSet<()>) {
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
async fn run(mut shard: Shard, api: Api, pulse: Pulse, into: Sender<Arrived>) {
    let mut answers = JoinSet::new();
    let mut failures = 0;
    loop {
        while answers.try_join_next().is_some() {}
        let arrival = match timeout(SILENCE_MAX, shard.next()).await {
            Ok(Some(Ok(Frame::Text(text)))) => {
                failures = 0;
                pulse.beat();
                parse(&text)
            }
            Ok(Some(Ok(Frame::Close(frame)))) => {
                let code = frame.map(|it| it.code);
                debug!(code, "the gateway closed");
                code.and_then(closed)
            }
            Ok(Some(Err(err))) => failed(err, &mut failures),
            Ok(None) => {
                Some(ended(ChannelError::Unreachable("the gateway closed for good".into())))
            }
            Err(_) => Some(ended(ChannelError::Unreachable("the gateway is silent".into()))),
        };
        let Some(arrival) = arrival else { continue };
        if let Arrival::Interaction(interaction) = &arrival.what {
            let (api, interaction) = (api.clone(), interaction.clone());
            answers.spawn(async move {
                let done = api.acknowledge(&interaction).await;
                drop(done.inspect_err(|it| debug!(why = chain(it), "a press was not answered")));
            });
        }
        let ended = matches!(arrival.what, Arrival::Ended(_) | Arrival::SessionLost);
        if into.send(arrival).await.is_err() || ended {
            return;
        }
    }
}

fn ended(err: ChannelError) -> Arrived {
    of_line(Arrival::Ended(err))
}

/// No event, but what became of the connection.
fn of_line(what: Arrival) -> Arrived {
    Arrived { sequence: None, place: Place::default(), what }
}

fn closed(code: u16) -> Option<Arrived> {
    if code == INVALID_SEQUENCE {
        return Some(of_line(Arrival::SessionLost));
    }
    refusal::closed(code).map(ended)
}

/// Errors are not shown whole: they hold what people wrote.
fn failed(err: ReceiveMessageError, failures: &mut u32) -> Option<Arrived> {
    if let ReceiveMessageErrorType::Reconnect = err.kind() {
        *failures += 1;
        let given_up = FAILURES_MAX <= *failures;
        return given_up.then(|| ended(ChannelError::Unreachable(err.into())));
    }
    warn!("skipped something from the gateway that is not an event");
    None
}

/// The head of an event (<https://discord.com/developers/docs/events/gateway-events#payload-structure>).
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    t: Option<Cow<'a, str>>,
    #[serde(default)]
    s: Option<u64>,
    d: Place,
}

#[derive(Deserialize)]
struct Payload<T> {
    d: T,
}

#[derive(Deserialize)]
struct ThreadList {
    threads: Vec<Channel>,
}

/// `None` for what does not matter here, and for what cannot be understood, with a warning.
fn parse(text: &str) -> Option<Arrived> {
    let Head { t: kind, s: sequence, d: place } = serde_json::from_str(text).ok()?;
    let kind = kind?;
    let arrival = match &*kind {
        "READY" => payload(text).map(Arrival::Ready),
        "GUILD_CREATE" => payload(text).map(Arrival::Server),
        "GUILD_DELETE" => payload(text).map(Arrival::ServerGone),
        "CHANNEL_DELETE" => payload(text).map(Arrival::ChannelGone),
        "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE" => {
            payload(text).map(Arrival::Channel)
        }
        "THREAD_LIST_SYNC" => payload(text).map(|it: ThreadList| Arrival::Threads(it.threads)),
        "RESUMED" => Ok(Arrival::Resumed),
        "MESSAGE_CREATE" => payload(text).map(Arrival::Message),
        // Of what Discord adds to a message it tells less than the whole.
        "MESSAGE_UPDATE" => Ok(Arrival::Edited(payload(text).ok()?)),
        "MESSAGE_DELETE" | "MESSAGE_DELETE_BULK" => payload(text).map(Arrival::Deleted),
        "MESSAGE_REACTION_ADD" => payload(text).map(|it| Arrival::Reacted(it, true)),
        "MESSAGE_REACTION_REMOVE" => payload(text).map(|it| Arrival::Reacted(it, false)),
        "INTERACTION_CREATE" => payload(text).map(Arrival::Interaction),
        _ => return None,
    };
    match arrival {
        Ok(Arrival::Interaction(other)) if !matches!(other.kind, KIND_COMMAND | KIND_COMPONENT) => {
            None
        }
        Ok(what) => Some(Arrived { sequence, place, what }),
        Err(err) => {
            // The error tells where, never what.
            warn!(%kind, line = err.line(), column = err.column(), "skipped an event that is malformed");
            None
        }
    }
}

fn payload<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    serde_json::from_str::<Payload<T>>(text).map(|it| it.d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_matter_are_read_and_all_others_are_left() {
        let ready = r#"{"op":0,"s":1,"t":"READY","d":{"guilds":[{"id":"1","unavailable":true}],
            "session_id":"x","resume_gateway_url":"wss://x"}}"#;
        let arrived = parse(ready).unwrap();
        assert!(matches!(arrived.what, Arrival::Ready(ready) if ready.guilds.len() == 1));
        assert_eq!(arrived.sequence, Some(1));
        assert!(parse(r#"{"op":11,"t":null,"d":null}"#).is_none());
        assert!(parse(r#"{"op":0,"t":"TYPING_START","d":{}}"#).is_none());
    }

    #[test]
    fn a_malformed_event_is_skipped() {
        assert!(parse(r#"{"op":0,"t":"MESSAGE_CREATE","d":{"id":[]}}"#).is_none());
        assert!(parse("no json").is_none());
    }

    #[test]
    fn of_interactions_only_presses_and_commands_count() {
        let interaction = |kind| {
            format!(
                r#"{{"op":0,"t":"INTERACTION_CREATE",
                    "d":{{"id":"1","application_id":"9","type":{kind},"token":"t","channel_id":"2"}}}}"#
            )
        };
        for kind in [2, 3] {
            let parsed = parse(&interaction(kind)).unwrap();
            assert!(matches!(parsed.what, Arrival::Interaction(_)), "{kind}");
        }
        assert!(parse(&interaction(4)).is_none());
    }
}
