//! The tools that the model may call, over the Model Context Protocol on a port on loopback.
//!
//! Served without sessions, one answer per request: there is nothing to remember between calls.
//! Anybody inside the container may call them; that is the agent's own program and what it starts.
//! A request whose `Host` is not loopback is refused by `rmcp`.

mod tasks;
mod tools;

use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpStream;

use self::tools::Tools;
use crate::forward::Loopback;
pub(crate) use crate::forward::listen;
use crate::host_client::HostClient;

/// A call that waits for a person holds one.
const CONNECTIONS_MAX: usize = 64;
/// Twice the longest text, for the escapes of JSON.
const REQUEST_BYTES_MAX: usize = 2 * domain::message::TEXT_BYTES_MAX;

pub(crate) async fn serve(loopback: Loopback, host_client: Arc<HostClient>) {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_sse_keep_alive(None)
        .with_max_request_body_bytes(REQUEST_BYTES_MAX);
    let tools = move || Ok(Tools { host_client: Arc::clone(&host_client) });
    let service =
        StreamableHttpService::new(tools, Arc::new(NeverSessionManager::default()), config);
    let each = move |stream: TcpStream| {
        let service = TowerToHyperService::new(service.clone());
        async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(err) = connection.await {
                tracing::debug!(error = %err, "a tool connection broke");
            }
        }
    };
    loopback.serve(CONNECTIONS_MAX, each).await;
}

#[cfg(test)]
mod tests;
