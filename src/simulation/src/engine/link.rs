//! The link in memory: what a runner opens, the host's carrier for the same folder accepts. Between the
//! two, a piece of what is written may get lost or torn, and streams may break.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use agent_runner::Connect;
use async_trait::async_trait;
use domain::link::Header;
use sandbox::Carrier;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

/// What a socket would buffer.
const BUFFER_BYTES: usize = 64 * 1024;

type Listeners = Arc<Mutex<HashMap<PathBuf, mpsc::UnboundedSender<DuplexStream>>>>;

/// What becomes of the next piece that either side writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkFault {
    /// Nobody hears of it.
    Lost,
    /// Half of it arrives, and then its stream breaks.
    Torn,
}

/// Both ends, by folder.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    listeners: Listeners,
    weather: Arc<Weather>,
    /// Streams; each ends with either of its ends.
    joined: Arc<Mutex<JoinSet<()>>>,
}

#[derive(Debug, Default)]
struct Weather {
    next: Mutex<Option<LinkFault>>,
    breaks: Notify,
}

impl Links {
    /// The host listens; an earlier listener of the same folder is dead.
    pub(super) fn carrier(&self, folder: PathBuf) -> Box<dyn Carrier> {
        let (accepted, streams) = mpsc::unbounded_channel();
        self.listeners.lock().unwrap().insert(folder, accepted);
        Box::new(MemoryCarrier(streams))
    }

    /// The end that a runner gets.
    pub(super) fn connect(&self, folder: PathBuf) -> MemoryConnect {
        MemoryConnect { links: self.clone(), folder }
    }

    /// Every stream that there is breaks; new ones are well.
    pub(super) fn break_all(&self) {
        self.weather.breaks.notify_waiters();
    }

    pub(super) fn spoil_next(&self, fault: LinkFault) {
        *self.weather.next.lock().unwrap() = Some(fault);
    }
}

#[derive(Debug)]
struct MemoryCarrier(mpsc::UnboundedReceiver<DuplexStream>);

#[async_trait]
impl Carrier for MemoryCarrier {
    async fn accept(&mut self) -> io::Result<Box<dyn sandbox::Stream>> {
        match self.0.recv().await {
            Some(stream) => Ok(Box::new(stream)),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

#[derive(Debug)]
pub(super) struct MemoryConnect {
    links: Links,
    folder: PathBuf,
}

#[async_trait]
impl Connect for MemoryConnect {
    async fn open(&self, header: Header) -> io::Result<Box<dyn agent_runner::Stream>> {
        let (mut ours, near) = duplex(BUFFER_BYTES);
        let (far, theirs) = duplex(BUFFER_BYTES);
        ours.write_all(format!("{}\n", header.as_str()).as_bytes()).await?;
        let listener = self.links.listeners.lock().unwrap().get(&self.folder).cloned();
        match listener.map(|it| it.send(theirs)) {
            Some(Ok(())) => {
                let mut joined = self.links.joined.lock().unwrap();
                while joined.try_join_next().is_some() {}
                joined.spawn(join(near, far, Arc::clone(&self.links.weather)));
                Ok(Box::new(ours))
            }
            _ => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }
}

async fn join(near: DuplexStream, far: DuplexStream, weather: Arc<Weather>) {
    let ((from_near, to_near), (from_far, to_far)) = (split(near), split(far));
    tokio::select! {
        biased;
        () = weather.breaks.notified() => {}
        () = carry(from_near, to_far, &weather) => {}
        () = carry(from_far, to_near, &weather) => {}
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    weather: &Weather,
) {
    let mut piece = vec![0; BUFFER_BYTES];
    while let Ok(bytes @ 1..) = from.read(&mut piece).await {
        let fault = weather.next.lock().unwrap().take();
        let arrives = match fault {
            None => bytes,
            Some(LinkFault::Torn) => bytes / 2,
            Some(LinkFault::Lost) => 0,
        };
        if to.write_all(&piece[..arrives]).await.is_err() || fault == Some(LinkFault::Torn) {
            return;
        }
    }
}
