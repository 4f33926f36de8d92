//! The leg from the host to a credential's destination: the client, its limits, and what went wrong
//! in words that a user understands.
//!
//! Invariants
//! - Certificates are verified against the system's roots; redirects are not followed; no proxy is
//!   taken from the environment; `localhost` never asks a name server.
//! - A [`Trouble`] holds nothing of the request.

use std::error::Error;
use std::io;
use std::iter::successors;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::{Client, redirect};

/// What one stream may take. The defaults suit the Claude Code CLI; tests shorten them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of one request's body. The API itself takes 32 MB; a gateway may take more.
    pub body_bytes_max: usize,
    /// Of all header lines of one request; the CLI sends about 2 KiB. As much is held of each that is not
    /// sent to its end.
    pub head_bytes_max: usize,
    /// For name lookup, TCP and TLS together.
    pub connect_max: Duration,
    /// Without a byte from upstream, before the answer or within it. A long answer that is not
    /// streamed may take the API its whole ten minutes.
    pub silence_max: Duration,
    /// Without a whole head of a request on an open stream; the client opens another one when it needs to.
    pub idle_max: Duration,
    /// For one check by [`crate::Vault::probe`].
    pub probe_max: Duration,
    /// Calls of the model that one session may make at once. A turn with many agents makes some
    /// dozens.
    pub calls_burst: u32,
    /// The time in which one more call is free again: 3,600 an hour, far above what work takes.
    pub call_every: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    #[error("its name cannot be resolved; is this machine online?")]
    Name,
    #[error("it takes no connection; is this machine online, and is the service up?")]
    Connection,
    #[error(
        "no secure connection could be made; its certificate is not trusted, or it speaks no TLS"
    )]
    Tls,
    #[error("it took the request but did not answer in time")]
    Silence,
    #[error("it closed the connection without an answer")]
    Broken,
    #[error("it answered with a redirect ({0}), which is not followed; is the base URL right?")]
    Redirect(u16),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 << 20,
            head_bytes_max: 16 << 10,
            connect_max: Duration::from_secs(10),
            silence_max: Duration::from_secs(600),
            idle_max: Duration::from_secs(60),
            probe_max: Duration::from_secs(5),
            calls_burst: 120,
            call_every: Duration::from_secs(1),
        }
    }
}

impl Trouble {
    /// Whether the same request may fare better a moment later.
    pub(crate) fn may_pass(self) -> bool {
        match self {
            Self::Name | Self::Connection | Self::Silence | Self::Broken => true,
            Self::Tls | Self::Redirect(_) => false,
        }
    }

    /// Sorts an error of the client. Only a connection that never came about can be a matter of
    /// names or of TLS.
    pub(crate) fn of(err: &reqwest::Error) -> Self {
        if !err.is_connect() {
            return if err.is_timeout() { Self::Silence } else { Self::Broken };
        }
        let sort = |cause: &(dyn Error + 'static)| {
            // The connector gives this kind of error no type of its own.
            let is_name = cause.to_string() == "dns error";
            let is_tls = cause.downcast_ref().is_some_and(is_tls);
            if is_name { Some(Self::Name) } else { is_tls.then_some(Self::Tls) }
        };
        successors(err.source(), |&it| it.source()).find_map(sort).unwrap_or(Self::Connection)
    }
}

/// The TLS library reports a bad certificate or bad bytes as invalid data, and a server that hangs
/// up during the handshake as an unexpected end; TCP knows neither. The connector wraps it in an
/// error of the same type, which `source` steps over.
fn is_tls(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        || err.get_ref().and_then(|inner| inner.downcast_ref()).is_some_and(is_tls)
}

/// Fails when the system has no trusted roots.
pub(crate) fn client(limits: &Limits) -> Result<Client, reqwest::Error> {
    // The whole process has one; the first that comes is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Port 0 stands for the one in the URL.
    let this_machine = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)]
        .map(|address| SocketAddr::new(address, 0));
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .resolve_to_addrs("localhost", &this_machine)
        .connect_timeout(limits.connect_max)
        .read_timeout(limits.silence_max)
        .build()
}
