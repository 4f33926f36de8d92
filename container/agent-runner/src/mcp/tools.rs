//! What each tool is called, what it takes, and when a model should use it. What it does is at the
//! host client.

use std::sync::Arc;

use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler, tool, tool_handler, tool_router};
use serde::Deserialize;

use crate::host_client::{FileToSend, HostClient, Question, ToolError};

#[derive(Clone, Debug)]
pub(super) struct Tools {
    pub(super) host_client: Arc<HostClient>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct SendMessage {
    /// What the reader should read.
    text: String,
    /// The name of another chat, as list_destinations gives it. Leave it out to write to the chat
    /// that you are answering.
    #[serde(default)]
    to: Option<String>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct SendFile {
    /// The file: an absolute path, or one relative to your workspace.
    path: String,
    /// A text that goes with it.
    #[serde(default)]
    caption: Option<String>,
    /// What the file is called for its reader, if not as on disk.
    #[serde(default)]
    name: Option<String>,
    /// The name of another chat, as list_destinations gives it. Leave it out for this chat.
    #[serde(default)]
    to: Option<String>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct EditMessage {
    /// The number that send_message returned.
    id: i64,
    /// The whole new text.
    text: String,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct AddReaction {
    /// The id of a message that you were shown, or the number that send_message returned.
    id: i64,
    /// One emoji, such as 👍.
    emoji: String,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct AskUserQuestion {
    /// The question, with all that is needed to answer it.
    question: String,
    /// What can be answered: 1 to 20 short texts, which become buttons.
    options: Vec<String>,
    /// How long to wait for an answer: 10 to 86400 seconds, 300 if left out.
    #[serde(default)]
    timeout_seconds: Option<u64>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct Nanoclaw {
    /// What people would write after `nanoclaw` in a terminal, such as `chats list` or `help`.
    command: String,
}

impl Tools {
    pub(super) fn new(host_client: Arc<HostClient>) -> Self {
        Self { host_client }
    }

    /// Those here, and those about tasks.
    fn all() -> ToolRouter<Self> {
        Self::tool_router() + Self::task_router()
    }
}

#[tool_handler(router = Self::all())]
impl ServerHandler for Tools {}

#[tool_router]
impl Tools {
    #[tool(
        description = "Send a text right now, in the middle of your work: progress, an interim \
                       result, something they should know before you are done; or write to \
                       another chat with `to`. Returns the number of the message, for \
                       edit_message. Your final answer is sent to the chat that you are answering \
                       automatically; do not repeat it here."
    )]
    async fn send_message(
        &self,
        Parameters(SendMessage { text, to }): Parameters<SendMessage>,
    ) -> Result<String, String> {
        let sent = self.host_client.send_message(&text, to.as_deref()).await;
        sent.map(|seq| format!("sent as message {seq}")).map_err(words)
    }

    #[tool(
        description = "Send a file from your workspace or /tmp: a document, a picture, an archive \
                       that they asked for or need. They cannot see your workspace, so a path in \
                       a text is of no use to them. At most 50 MB; some chats take less."
    )]
    async fn send_file(
        &self,
        Parameters(SendFile { path, caption, name, to }): Parameters<SendFile>,
    ) -> Result<String, String> {
        let file = FileToSend { path, caption: caption.unwrap_or_default(), name };
        let sent = self.host_client.send_file(file, to.as_deref()).await;
        sent.map(|seq| format!("sent as message {seq}")).map_err(words)
    }

    #[tool(
        description = "Replace the text of a message that you sent with send_message, such as a \
                       line of progress. Where a chat cannot change messages, the new text follows \
                       as another message. For something new, send a new message: nobody is told \
                       of a change."
    )]
    async fn edit_message(
        &self,
        Parameters(EditMessage { id, text }): Parameters<EditMessage>,
    ) -> Result<String, String> {
        let edited = self.host_client.edit_message(id, &text).await;
        edited.map(|_| "edited".to_owned()).map_err(words)
    }

    #[tool(
        description = "Put an emoji under a message, where a text would be too much: to show that \
                       you saw it, to agree, to celebrate. It is no answer to a question."
    )]
    async fn add_reaction(
        &self,
        Parameters(AddReaction { id, emoji }): Parameters<AddReaction>,
    ) -> Result<String, String> {
        self.host_client.add_reaction(id, &emoji).await.map(|_| "done".to_owned()).map_err(words)
    }

    #[tool(
        description = "Ask the person whom you are answering to choose, and wait for the answer: \
                       before something that cannot be undone, or when the work could go several \
                       ways and you cannot tell which. They see buttons. Do not use it for what \
                       you can find out yourself, nor for open questions: put those into your \
                       final answer."
    )]
    async fn ask_user_question(
        &self,
        Parameters(asked): Parameters<AskUserQuestion>,
        context: RequestContext<RoleServer>,
    ) -> Result<String, String> {
        let AskUserQuestion { question: text, options, timeout_seconds: timeout_secs } = asked;
        let question = Question { text, options, timeout_secs };
        unless_gone(&context, self.host_client.ask(question)).await
    }

    #[tool(description = "List the other chats that you may write to by name, with the `to` of \
                       send_message and send_file.")]
    async fn list_destinations(&self) -> Result<String, String> {
        let all = self.host_client.destinations().await.map_err(words)?;
        if all.is_empty() {
            return Ok("no other chat was granted to you".to_owned());
        }
        let line = |it: &store::Destination| format!("{} ({}, {})", it.name, it.title, it.channel);
        Ok(all.iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    #[tool(
        description = "Administer the program that you run in, by the command line that people use: \
                       `help` lists what there is; `chats list` shows the chats, `wire \
                       telegram:-100 --own` connects one. Looking is answered at once; a change is \
                       first shown to somebody who may decide, and this waits for their decision, \
                       which can take hours. Use it only when you are asked for such a thing."
    )]
    async fn nanoclaw(
        &self,
        Parameters(Nanoclaw { command }): Parameters<Nanoclaw>,
        context: RequestContext<RoleServer>,
    ) -> Result<String, String> {
        unless_gone(&context, self.host_client.administer(&command)).await
    }
}

/// Waits no longer than the caller is there: a wait counts as progress.
pub(super) async fn unless_gone(
    context: &RequestContext<RoleServer>,
    answer: impl Future<Output = Result<String, ToolError>>,
) -> Result<String, String> {
    tokio::select! {
        answer = answer => answer.map_err(words),
        () = context.ct.cancelled() => Err("nobody waits for the answer any more".to_owned()),
    }
}

fn words(err: ToolError) -> String {
    err.to_string()
}
