//! Opens streams to the host. Each one is a connection of its own whose first line says what it
//! is for; who speaks is known to the host from the socket.

use std::fmt;
use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use domain::link::Header;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

/// A duplex byte stream between the runner and the host.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The runner's end of the link.
#[async_trait]
pub trait Connect: fmt::Debug + Send + Sync {
    /// Opens a stream and writes its header line.
    async fn open(&self, header: Header) -> io::Result<Box<dyn Stream>>;
}

/// The link over a unix socket in a folder that only this container sees.
#[derive(Debug)]
pub struct LinkSocket {
    path: PathBuf,
}

impl LinkSocket {
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

#[async_trait]
impl Connect for LinkSocket {
    async fn open(&self, header: Header) -> io::Result<Box<dyn Stream>> {
        let mut stream = UnixStream::connect(&self.path).await?;
        stream.write_all(header.as_line().as_bytes()).await?;
        Ok(Box::new(stream))
    }
}
