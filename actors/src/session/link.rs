//! The host's end of the link into one incarnation.
//!
//! A carrier that dies is opened again; meanwhile the slow polls on both sides find what is missed.
//! Dropping the [`Link`] cuts every stream, model requests included.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::Incarnation;
use domain::link::{DRAFT_LINE_BYTES_MAX, Draft, Header, LINE_BYTES_MAX, Ring, Tool};
use ractor::ActorRef;
use sandbox::{Carrier, Mounts, SandboxError, Stream};
use store::SessionRow;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, split};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::debug;
use vault::Caller;

use super::SessionMessage;
use crate::host::Host;

/// A runner writes its header together with opening the stream.
const HEADER_WITHIN: Duration = Duration::from_secs(5);
const REOPEN_AFTER: Duration = Duration::from_millis(200);
/// Streams of one container at a time; a CLI uses a handful.
const STREAMS_MAX: usize = 64;

#[derive(Debug)]
pub(super) struct Link {
    incarnation: Incarnation,
    /// Counts the rings; each doorbell stream passes on that it changed.
    bell: watch::Sender<u64>,
    /// Doorbell streams that are open.
    doorbells: Arc<AtomicUsize>,
    /// Aborted on drop.
    _streams: JoinSet<()>,
}

impl Link {
    pub(super) async fn open(
        host: &Arc<Host>,
        row: &SessionRow,
        incarnation: Incarnation,
        mounts: Mounts,
        myself: ActorRef<SessionMessage>,
    ) -> Result<Self, SandboxError> {
        let carrier = host.sandbox.link(&mounts).await?;
        let (bell, rings) = watch::channel(0);
        let caller = Caller { session: row.id, agent: row.agent.to_string() };
        let doorbells = Arc::new(AtomicUsize::new(0));
        let open = Arc::clone(&doorbells);
        let ends = Ends { host: Arc::clone(host), caller, rings, myself, doorbells: open };
        let mut streams = JoinSet::new();
        let (host, row) = (Arc::clone(host), row.clone());
        streams.spawn(async move {
            // Cut the moment that somebody stops it, whatever the session is doing.
            tokio::select! {
                biased;
                () = host.stops.closes(row.id, &row.agent) => {}
                () = accept(carrier, mounts, ends) => {}
            }
        });
        Ok(Self { incarnation, bell, doorbells, _streams: streams })
    }

    pub(super) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    pub(super) fn is_connected(&self) -> bool {
        self.doorbells.load(Ordering::Relaxed) != 0
    }

    /// Tells the runner to look at its database.
    pub(super) fn ring(&self) {
        self.bell.send_modify(|it| *it += 1);
    }
}

#[derive(Clone)]
struct Ends {
    host: Arc<Host>,
    caller: Caller,
    rings: watch::Receiver<u64>,
    myself: ActorRef<SessionMessage>,
    doorbells: Arc<AtomicUsize>,
}

async fn accept(mut carrier: Box<dyn Carrier>, mounts: Mounts, ends: Ends) {
    let mut streams = JoinSet::new();
    loop {
        match carrier.accept().await {
            Ok(stream) => {
                while streams.try_join_next().is_some() {}
                if streams.len() < STREAMS_MAX {
                    streams.spawn(serve(stream, ends.clone()));
                }
            }
            Err(err) => {
                debug!(error = &err as &dyn std::error::Error, "the link broke");
                sleep(REOPEN_AFTER).await;
                if let Ok(opened) = ends.host.sandbox.link(&mounts).await {
                    carrier = opened;
                }
            }
        }
    }
}

async fn serve(mut stream: Box<dyn Stream>, ends: Ends) {
    let Ok(Ok(header)) = timeout(HEADER_WITHIN, read_line(&mut stream)).await else {
        return;
    };
    match Header::parse(&header) {
        Some(Header::Doorbell) => {
            let open = Arc::clone(&ends.doorbells);
            open.fetch_add(1, Ordering::Relaxed);
            doorbell(stream, ends).await;
            open.fetch_sub(1, Ordering::Relaxed);
        }
        Some(Header::Model) => ends.host.egress.serve(ends.caller, Box::new(stream)).await,
        None => debug!("a stream with an unknown header"),
    }
}

async fn doorbell(stream: Box<dyn Stream>, mut ends: Ends) {
    let (reading, mut writing) = split(stream);
    let listens = async {
        let mut lines = BufReader::new(reading);
        while let Ok(line) = next_line(&mut lines).await {
            let message = match (Ring::parse(&line), Draft::parse(&line)) {
                (Some(Ring::Look), _) => SessionMessage::Look,
                (Some(Ring::Progress), _) => SessionMessage::Progress,
                (Some(Ring::BackgroundStarted), _) => SessionMessage::Background(true),
                (Some(Ring::BackgroundEnded), _) => SessionMessage::Background(false),
                (None, Some(draft)) => SessionMessage::Draft {
                    message: draft.in_reply_to,
                    text: draft.text().to_owned(),
                },
                (None, None) => match Tool::parse(&line) {
                    Some(tool) => SessionMessage::Tool(tool),
                    None => continue,
                },
                (Some(Ring::Stop), _) => continue,
            };
            if ends.myself.cast(message).is_err() {
                return;
            }
        }
    };
    let rings = async {
        // The runner may have started after something was rung.
        loop {
            if writing.write_all(Ring::Look.as_line().as_bytes()).await.is_err()
                || ends.rings.changed().await.is_err()
            {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = listens => {}
        () = rings => {}
    }
}

/// A line of a doorbell stream, on which nothing else follows.
async fn next_line<S: AsyncBufRead + Unpin>(lines: &mut S) -> io::Result<String> {
    let mut line = Vec::new();
    let limit = u64::try_from(DRAFT_LINE_BYTES_MAX).unwrap_or(u64::MAX);
    lines.take(limit).read_until(b'\n', &mut line).await?;
    if line.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    String::from_utf8(line).map_err(io::Error::other)
}

/// Reads byte by byte, because what follows the line belongs to somebody else.
async fn read_line<S: AsyncReadExt + Unpin>(stream: &mut S) -> io::Result<String> {
    let mut line = Vec::new();
    loop {
        match stream.read_u8().await? {
            b'\n' => return String::from_utf8(line).map_err(io::Error::other),
            _ if line.len() == LINE_BYTES_MAX => return Err(io::ErrorKind::InvalidData.into()),
            byte => line.push(byte),
        }
    }
}
