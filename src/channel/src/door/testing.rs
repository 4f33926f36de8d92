//! A door without a listener, for tests whose clock stands still.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::guests::Guest;
use super::{Door, serve};

impl Door {
    /// Serves a connection as one that was accepted. Returns when it is over.
    pub async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin, peer: IpAddr) {
        if let Some(shared) = &self.shared {
            serve::serve(stream, &shared.routes, Arc::new(Guest::new(peer))).await;
        }
    }
}
