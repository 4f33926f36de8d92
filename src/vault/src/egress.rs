//! What the host calls when a stream from a container asks for the world outside.

use std::fmt;

use async_trait::async_trait;
use domain::SessionId;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::Vault;

/// Whose stream it is. The host fills it in from the carrier that the stream came through; nothing
/// that the container says ends up here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub session: SessionId,
    /// The agent group's name, for logs.
    pub agent: String,
}

/// A two-way byte stream to a container. A boxed stream of another crate is one as well.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// The way out of a session. A seam, so that the host can be tested without a vault and so that
/// another vault can stand in for this one.
#[async_trait]
pub trait Egress: fmt::Debug + Send + Sync {
    /// Serves one stream until either side ends it. Trouble is answered within the stream, thus
    /// there is nothing to return. Dropping the future cuts the stream and what it forwards.
    async fn serve(&self, caller: Caller, stream: Box<dyn Duplex>);
}

#[async_trait]
impl Egress for Vault {
    async fn serve(&self, caller: Caller, stream: Box<dyn Duplex>) {
        self.serve_model(caller, stream).await;
    }
}
