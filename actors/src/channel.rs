//! One connected account: the loop, the back-off and the cursor around its adapter.
//!
//! Messages  [`ChannelMessage`].
//! Parent    [`crate::channels::ChannelSupervisor`], one-for-one.
//! Fails     never on its own: a platform that is down is waited for.
//!
//! Invariants
//! - Events are settled and the cursor moves only after every engaged session committed.
//! - [`ChannelActor`] is the only place in the program that talks to a platform, and what it sends
//!   is a [`store::ClaimedPart`], which the outbox mints with a commit.
//! - What became of the time without a connection is stated, and said, before the cursor moves over it.
//! - A slow platform delays nobody: each part is sent in a task of its own, one in each chat ([`lanes`], [`attempts`]).

mod attempts;
mod lanes;
mod line;
mod pacing;
mod pump;

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use channel::{ChannelError, Connection, DeliverError, FetchError, Me, Registration, Sink};
use domain::message::Address;
use domain::time::Timestamp;
use engine::protocol::{CONNECTING, ChannelStatus};
use ractor::{ActorRef, RpcReplyPort};
use store::{Gate, on_disk};
use tokio::io::{AsyncReadExt, duplex};
use tokio::join;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use self::lanes::Lanes;
use self::line::Line;
use crate::actor::{Behavior, Done, Hint, finish};
use crate::channels::{AccountKey, Fetch};
use crate::peers::LiveHost;

/// Deadline of a hint: a later one says the same.
const HINT_MAX: Duration = Duration::from_secs(10);
/// The same of an answer to a press, whose platform gives up after three seconds
/// (<https://discord.com/developers/docs/interactions/receiving-and-responding>).
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How long a platform may take to open a private chat.
pub(crate) const OPEN_MAX: Duration = Duration::from_secs(10);

/// Bytes of a download that are buffered in memory.
const PIECE_BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub enum ChannelMessage {
    /// Look whether the platform is still heard.
    Look,
    /// Of the line with this number; so for the next two. With how often the account had started over before.
    Connected(u64, Result<(Connection, i64), ChannelError>),
    /// What became of the gap before the connection is committed.
    Stated(u64),
    Lost(u64, ChannelError),
    /// The outbox changed, or a wait is over.
    Parts,
    DeliveryEnded,
    Working(Address),
    Draft {
        to: Address,
        target: String,
        text: String,
    },
    /// What became of a press: who pressed waits for it.
    Pressed {
        press: String,
        words: Option<&'static str>,
    },
    Fetch {
        fetch: Fetch,
        reply: RpcReplyPort<Result<(), FetchError>>,
    },
    OpenDirect {
        handle: String,
        reply: RpcReplyPort<Result<String, DeliverError>>,
    },
    /// Somebody may have given the account other fields or addresses: they are used at once, and the former
    /// ones no more. If there is trouble, try again now.
    Renew(AccountKey),
    Status(RpcReplyPort<ChannelStatus>),
}

#[derive(Clone, Debug)]
pub struct ChannelArgs {
    pub host: Arc<LiveHost>,
    /// Cleared when the actor looks at its lanes.
    pub hint: Hint,
    pub registration: &'static Registration,
    pub account: AccountKey,
}

#[derive(Debug)]
pub struct ChannelActor {
    args: ChannelArgs,
    myself: ActorRef<ChannelMessage>,
    sink: Option<Arc<dyn Sink>>,
    line: Line,
    lanes: Lanes,
    sending: JoinSet<()>,
    /// Why it is not connected; `None` when it is.
    trouble: Option<String>,
    /// Who it is there and since when, by the last connection.
    met: Option<(Me, Timestamp)>,
}

impl Behavior for ChannelActor {
    type Msg = ChannelMessage;
    type Args = ChannelArgs;

    async fn start(args: ChannelArgs, myself: ActorRef<ChannelMessage>) -> Done<Self> {
        myself.send_interval(line::LOOK_EVERY, || ChannelMessage::Look);
        let (line, lanes, sending) = (Line::new(&args.host), Lanes::default(), JoinSet::new());
        let trouble = Some(CONNECTING.into());
        let met = None;
        let mut state = Self { args, myself, sink: None, line, lanes, sending, trouble, met };
        state.connect(Duration::ZERO, None);
        Ok(state)
    }

    async fn handle(&mut self, message: ChannelMessage) -> Done {
        while self.sending.try_join_next().is_some() {}
        match message {
            ChannelMessage::Look => self.look(),
            ChannelMessage::Connected(line, _)
            | ChannelMessage::Stated(line)
            | ChannelMessage::Lost(line, _)
                if line != self.line.number => {}
            ChannelMessage::Connected(_, Ok(connection)) => self.receive(connection),
            // The next gap begins with a later sign of life.
            ChannelMessage::Stated(_) => self.line.kept = Some(Instant::now()),
            ChannelMessage::Connected(_, Err(err)) | ChannelMessage::Lost(_, err) => {
                self.reconnect(&err);
            }
            ChannelMessage::Parts => {
                self.args.hint.clear();
                self.conclude_ended(true).await;
            }
            ChannelMessage::DeliveryEnded => self.conclude_ended(false).await,
            ChannelMessage::Working(chat) => self.working(chat),
            ChannelMessage::Draft { to, target, text } => self.draft(to, target, text),
            ChannelMessage::Pressed { press, words } => {
                if let Some(sink) = self.sink.clone() {
                    let answer = async move { sink.answer(&press, words).await };
                    self.sending.spawn(async move { drop(timeout(ANSWER_MAX, answer).await) });
                }
            }
            ChannelMessage::Fetch { fetch, reply } => self.fetch(fetch, reply),
            ChannelMessage::OpenDirect { handle, reply } => match self.sink.clone() {
                Some(sink) => {
                    self.sending.spawn(async move {
                        let opened = timeout(OPEN_MAX, sink.open_direct(&handle)).await;
                        let late = || DeliverError::Unreachable("it took too long".into());
                        let _ = reply.send(opened.unwrap_or_else(|_| Err(late())));
                    });
                }
                None => drop(reply.send(Err(DeliverError::Unreachable("not connected".into())))),
            },
            ChannelMessage::Renew(key) => self.renew(key),
            ChannelMessage::Status(reply) => drop(reply.send(self.status())),
        }
        Ok(())
    }

    /// Lets what is being sent arrive, or its sender would have to say it again. Nothing is received
    /// meanwhile.
    async fn stop(&mut self) {
        self.line.task = JoinSet::new();
        finish(&mut self.sending).await;
        self.write_ended().await;
    }
}

impl ChannelActor {
    fn fetch(&mut self, fetch: Fetch, reply: RpcReplyPort<Result<(), FetchError>>) {
        let Some(sink) = self.sink.clone() else {
            return drop(reply.send(Err(FetchError::Unreachable("not connected".into()))));
        };
        let host = Arc::clone(&self.args.host);
        self.sending.spawn(async move {
            let fetched = timeout(fetch.within, write_file(&*host.gate, &*sink, &fetch)).await;
            let late = || FetchError::Unreachable("it took too long".into());
            let _ = reply.send(fetched.unwrap_or_else(|_| Err(late())));
        });
    }
}

/// The platform's end of a pipe is read here, piece by piece, so that the disk is used like everywhere
/// else in the host.
async fn write_file(gate: &dyn Gate, sink: &dyn Sink, fetch: &Fetch) -> Result<(), FetchError> {
    let (mut into, mut from) = duplex(PIECE_BYTES);
    let fetching = async move { sink.fetch(&fetch.source, fetch.bytes_max, &mut into).await };
    let writing = async move {
        let path = fetch.into.clone();
        let mut file = on_disk(gate, move || File::create(path)).await?;
        loop {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            if from.read_buf(&mut piece).await? == 0 {
                return on_disk(gate, move || file.sync_all()).await;
            }
            file = on_disk(gate, move || file.write_all(&piece).map(|()| file)).await?;
        }
    };
    let (fetched, written) = join!(fetching, writing);
    // A disk that refuses also cuts the pipe, of which the platform's end complains.
    written.map_err(FetchError::Write)?;
    fetched
}
