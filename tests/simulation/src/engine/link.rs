//! The link in memory: what a runner opens, the host's carrier for the same folder accepts.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use agent_runner::Connect;
use async_trait::async_trait;
use domain::link::Header;
use sandbox::Carrier;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

/// What a socket would buffer.
const BUFFER_BYTES: usize = 64 * 1024;

type Listeners = Arc<Mutex<HashMap<PathBuf, mpsc::UnboundedSender<DuplexStream>>>>;

/// Both ends, by folder.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    listeners: Listeners,
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
        MemoryConnect { listeners: Arc::clone(&self.listeners), folder }
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
    listeners: Listeners,
    folder: PathBuf,
}

#[async_trait]
impl Connect for MemoryConnect {
    async fn open(&self, header: Header) -> io::Result<Box<dyn agent_runner::Stream>> {
        let (mut ours, theirs) = duplex(BUFFER_BYTES);
        ours.write_all(header.as_line().as_bytes()).await?;
        let listener = self.listeners.lock().unwrap().get(&self.folder).cloned();
        match listener.map(|it| it.send(theirs)) {
            Some(Ok(())) => Ok(Box::new(ours)),
            _ => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }
}
