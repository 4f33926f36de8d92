//! The tools that the model may call, over the Model Context Protocol on a port on loopback: what each is
//! called, what it takes, and when a model should use it. What it does is at the host client.
//!
//! Served without sessions, one answer per request: there is nothing to remember between calls.
//! Anybody inside the container may call them; that is the agent's own program and what it starts.
//! A request whose `Host` is not loopback is refused by `rmcp`.

mod tasks;

use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolRequestParams, CallToolResponse, ContentBlock, IntoContents};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};

use crate::forward::serve_each;
use crate::host_client::{FileToSend, HostClient, Question, ToolError, ToolResult};

/// A call that waits for a person holds one.
const CONNECTIONS_MAX: usize = 64;
/// Twice the longest text, for the escapes of JSON.
const REQUEST_BYTES_MAX: usize = 2 * domain::message::TEXT_BYTES_MAX;

pub(crate) async fn serve(listener: TcpListener, host_client: Arc<HostClient>) {
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
    serve_each(listener, CONNECTIONS_MAX, each).await;
}

#[derive(Clone, Debug)]
struct Tools {
    host_client: Arc<HostClient>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct SendMessage {
    /// What the reader should read.
    text: String,
    /// The name of another chat, as list_destinations gives it. Leave it out to write to the chat
    /// that you are answering.
    to: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct EditMessage {
    /// The number that send_message returned.
    id: i64,
    /// The whole new text.
    text: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct AddReaction {
    /// The id of a message that you were shown, or the number that send_message returned.
    id: i64,
    /// One emoji, such as 👍.
    emoji: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Nanoclaw {
    /// What people would write after `nanoclaw` in a terminal, such as `chats list` or `help`.
    command: String,
}

impl Tools {
    fn all() -> ToolRouter<Self> {
        Self::tool_router() + Self::task_router()
    }
}

/// What these write leaves once it is stored, so they are not dropped between the one and the other.
const SENDING: [&str; 4] = ["send_message", "send_file", "edit_message", "add_reaction"];

#[tool_handler(router = Self::all())]
impl ServerHandler for Tools {
    /// Waits for an answer no longer than the caller is there: a wait counts as progress.
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (router, gone) = (Self::all(), context.ct.clone());
        let waits = !SENDING.contains(&&*request.name);
        tokio::select! {
            answer = router.call(ToolCallContext::new(self, request, context)) => answer,
            () = gone.cancelled(), if waits => Err(ErrorData::internal_error("nobody waits for it", None)),
        }
    }
}

impl IntoContents for ToolError {
    fn into_contents(self) -> Vec<ContentBlock> {
        vec![ContentBlock::text(self.to_string())]
    }
}

#[tool_router]
impl Tools {
    /// Send a text right now, in the middle of your work: progress, an interim result, something
    /// they should know before you are done; or write to another chat with `to`. Returns the
    /// number of the message, for edit_message. Your final answer is sent to the chat that you are
    /// answering automatically; do not repeat it here.
    #[tool]
    async fn send_message(&self, Parameters(message): Parameters<SendMessage>) -> ToolResult {
        let sent = self.host_client.send_message(&message.text, message.to.as_deref()).await;
        sent.map(|seq| format!("sent as message {seq}"))
    }

    /// Send files from your workspace or /tmp: documents, pictures, an archive that they asked for or
    /// need. They cannot see your workspace, so a path in a text is of no use to them. What belongs
    /// together goes in one call. At most 50 MB each; some chats take less.
    #[tool]
    async fn send_file(&self, Parameters(file): Parameters<FileToSend>) -> ToolResult {
        let sent = self.host_client.send_file(file).await;
        sent.map(|seq| format!("sent as message {seq}"))
    }

    /// Replace the text of a message that you sent with send_message, such as a line of progress.
    /// Where a chat cannot change messages, the new text follows as another message. For something
    /// new, send a new message: nobody is told of a change.
    #[tool]
    async fn edit_message(&self, Parameters(edit): Parameters<EditMessage>) -> ToolResult {
        self.host_client.edit_message(edit.id, &edit.text).await.map(|_| "edited".to_owned())
    }

    /// Put an emoji under a message, where a text would be too much: to show that you saw it, to
    /// agree, to celebrate. It is no answer to a question.
    #[tool]
    async fn add_reaction(&self, Parameters(new): Parameters<AddReaction>) -> ToolResult {
        self.host_client.add_reaction(new.id, &new.emoji).await.map(|_| "done".to_owned())
    }

    /// Ask the person whom you are answering to choose, and wait for the answer: before something
    /// that cannot be undone, or when the work could go several ways and you cannot tell which.
    /// They see buttons. Do not use it for what you can find out yourself, nor for open questions:
    /// put those into your final answer.
    #[tool]
    async fn ask_user_question(&self, Parameters(question): Parameters<Question>) -> ToolResult {
        self.host_client.ask(question).await
    }

    /// List the other chats that you may write to by name, with the `to` of send_message and
    /// send_file.
    #[tool]
    async fn list_destinations(&self) -> ToolResult {
        let all = self.host_client.destinations().await?;
        if all.is_empty() {
            return Ok("no other chat was granted to you".to_owned());
        }
        let line = |it: &store::Destination| format!("{} ({}, {})", it.name, it.title, it.channel);
        Ok(all.iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    /// Administer the program that you run in, by the command line that people use: `help` lists
    /// what there is; `chats list` shows the chats, `chats connect telegram:-100 --own` connects one.
    /// Looking is answered at once; a change is first shown to somebody who may decide, and this
    /// waits for their decision, which can take hours. Use it only when you are asked for such a
    /// thing.
    #[tool]
    async fn nanoclaw(&self, Parameters(line): Parameters<Nanoclaw>) -> ToolResult {
        self.host_client.administer(&line.command).await
    }
}

#[cfg(test)]
mod tests;
