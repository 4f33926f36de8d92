//! Opens streams to the host. Each one is a connection of its own whose first line says what it
//! is for; who speaks is known to the host from the socket.

use std::fmt;
use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use domain::link::Header;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

#[async_trait]
pub trait Connect: fmt::Debug + Send + Sync {
    async fn open(&self, header: Header) -> io::Result<Box<dyn Stream>>;
}

/// The link over a unix socket in a folder that only this container sees.
#[derive(Debug)]
pub struct LinkSocket(pub PathBuf);

#[async_trait]
impl Connect for LinkSocket {
    async fn open(&self, header: Header) -> io::Result<Box<dyn Stream>> {
        let mut stream = UnixStream::connect(&self.0).await?;
        stream.write_all(format!("{}\n", header.as_str()).as_bytes()).await?;
        Ok(Box::new(stream))
    }
}
