//! The tools that the model may call, over the Model Context Protocol on a port on loopback.
//!
//! Served without sessions, one answer per request: there is nothing to remember between calls.
//! Anybody inside the container may call them; that is the agent's own program and what it starts.
//! A request whose `Host` is not loopback is refused by `rmcp`.

use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{tool, tool_router};
use serde::Deserialize;
use tokio::task::JoinSet;

use crate::desk::Desk;
use crate::forward::Loopback;
pub(crate) use crate::forward::listen;

const CONNECTIONS_MAX: usize = 16;
/// Twice the longest text, for the escapes of JSON.
const REQUEST_BYTES_MAX: usize = 2 * domain::message::TEXT_BYTES_MAX;

#[derive(Clone, Debug)]
struct Tools {
    desk: Arc<Desk>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct SendMessage {
    /// What the user should read.
    text: String,
}

#[tool_router(server_handler)]
impl Tools {
    /// Returns once the message is stored, so that "sent" holds even if the program dies right
    /// after.
    #[tool(
        description = "Send the user a message right now, in the middle of your work: progress, an \
                       interim result, something they should know before you are done. Your final \
                       answer is sent by itself; do not repeat it here."
    )]
    async fn send_message(
        &self,
        Parameters(SendMessage { text }): Parameters<SendMessage>,
    ) -> Result<String, String> {
        match self.desk.send_message(&text).await {
            Ok(()) => Ok("sent".to_owned()),
            Err(err) => Err(err.to_string()),
        }
    }
}

/// Serves for ever.
pub(crate) async fn serve(loopback: Loopback, desk: Arc<Desk>) {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_sse_keep_alive(None)
        .with_max_request_body_bytes(REQUEST_BYTES_MAX);
    let tools = move || Ok(Tools { desk: Arc::clone(&desk) });
    let service =
        StreamableHttpService::new(tools, Arc::new(NeverSessionManager::default()), config);
    let mut serving = JoinSet::new();
    loop {
        let stream = loopback.accept(&mut serving, CONNECTIONS_MAX).await;
        let service = TowerToHyperService::new(service.clone());
        serving.spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(err) = connection.await {
                tracing::debug!(error = %err, "a tool connection broke");
            }
        });
    }
}
