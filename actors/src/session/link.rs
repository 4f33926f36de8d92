//! The host's end of the link into one incarnation.
//!
//! A carrier that dies is opened again; meanwhile the slow polls on both sides find what is missed.
//! Dropping the [`Link`] cuts every stream, model requests included.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use domain::Incarnation;
use domain::link::{Header, LINE_BYTES_MAX, Notification};
use domain::plain::chain;
use engine::folders;
use sandbox::{Carrier, Mounts, SandboxError, Stream};
use store::SessionRow;
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::debug;
use vault::Caller;

use super::wakeups::Wakeups;
use crate::peers::LiveHost;

/// A runner writes its header together with opening the stream.
const HEADER_WITHIN: Duration = Duration::from_secs(5);
/// A container that opens streams without end waits for its own.
const ACCEPT_EVERY: Duration = Duration::from_millis(5);
const REOPEN_AFTER: Duration = Duration::from_millis(200);
/// Streams of one container at a time; a CLI uses a handful.
const STREAMS_MAX: usize = 64;
/// Notify streams of one container at a time. A runner has one, and a moment longer the one before it.
const NOTIFY_STREAMS_MAX: usize = 4;
/// How long one model stream may live; no request takes so long, and a client connects again.
const MODEL_STREAM_MAX: Duration = Duration::from_hours(6);

#[derive(Debug)]
pub struct Link {
    pub(super) incarnation: Incarnation,
    /// Each notify stream that is open has a receiver, and forwards that it changed.
    notify: watch::Sender<()>,
    /// Aborted on drop.
    _streams: JoinSet<()>,
}

impl Link {
    pub(super) async fn open(
        host: &Arc<LiveHost>,
        row: &SessionRow,
        incarnation: Incarnation,
        wakeups: Arc<Wakeups>,
    ) -> Result<Self, SandboxError> {
        let mounts = folders::mounts(&host.layout, row.id, &row.agent, incarnation);
        let carrier = host.sandbox.link(&mounts).await?;
        let notify = watch::Sender::new(());
        let caller = Caller { session: row.id, agent: row.agent.to_string() };
        let ends = Ends { host: Arc::clone(host), caller, notify: notify.clone(), wakeups };
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
        Ok(Self { incarnation, notify, _streams: streams })
    }

    pub(super) fn is_connected(&self) -> bool {
        self.notify.receiver_count() != 0
    }

    pub(super) fn notify_runner(&self) {
        self.notify.send_replace(());
    }
}

#[derive(Clone)]
struct Ends {
    host: Arc<LiveHost>,
    caller: Caller,
    notify: watch::Sender<()>,
    wakeups: Arc<Wakeups>,
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
                sleep(ACCEPT_EVERY).await;
            }
            Err(err) => {
                debug!(why = chain(&err), "the link broke");
                sleep(REOPEN_AFTER).await;
                if let Ok(opened) = ends.host.sandbox.link(&mounts).await {
                    carrier = opened;
                }
            }
        }
    }
}

async fn serve(mut stream: Box<dyn Stream>, ends: Ends) {
    let Ok(Ok(header)) = timeout(HEADER_WITHIN, read_line(&mut stream)).await else { return };
    match Header::parse(&header) {
        Some(Header::Notify) => serve_notify(stream, ends).await,
        Some(Header::Model) => {
            let served = ends.host.egress.serve(ends.caller, Box::new(stream));
            let _ = timeout(MODEL_STREAM_MAX, served).await;
        }
        None => debug!("a stream with an unknown header"),
    }
}

async fn serve_notify(stream: Box<dyn Stream>, ends: Ends) {
    // Of two that come at once for the last place none may get it; a runner connects again.
    let mut notifications = ends.notify.subscribe();
    if NOTIFY_STREAMS_MAX < ends.notify.receiver_count() {
        return;
    }
    let (reading, mut writing) = split(stream);
    let forwards = async {
        // The runner may have started after a notification.
        loop {
            let look = format!("{}\n", Notification::Look.as_str());
            if writing.write_all(look.as_bytes()).await.is_err()
                || notifications.changed().await.is_err()
            {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = ends.wakeups.read(reading) => {}
        () = forwards => {}
    }
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
