//! The Claude Code CLI as a provider. It is started by the first message, kept running between
//! turns, resumed after it died, and killed with everything that it started.
//!
//! Invariants
//! - A message leaves [`Lifecycle`] only with the end of a turn; what is in there is sent to
//!   whichever CLI runs next.
//! - The name of the conversation is stored as soon as it is known, and again with each turn's end.
//! - Nothing that the CLI printed reaches the user except the text of a turn that went well.

mod background;
mod classify;
mod command;
mod compact;
mod conversation;
mod cost_meter;
mod draft;
mod frames;
mod images;
mod lifecycle;
mod memory;
mod process;
mod prompt;
mod tool_blocks;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::time::backoff;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::command::Endpoints;
use self::conversation::{Conversation, Flow};
use self::process::{Ending, Output, Process};
use crate::failure::FailureClass;
use crate::host_client::HostClient;
use crate::provider::{Event, Messages, Provider};
use crate::{Config, Connect, RunnerError, forward, mcp};

/// Where the name of the conversation is kept.
const CONTINUATION_KEY: &str = "continuation:claude";
/// The name of the last conversation in which a turn ended. The CLI writes its transcript some time
/// after it has given the name, so one that was killed before that has nothing to resume, and
/// nothing was lost either.
const PROVEN_KEY: &str = "continuation:claude:proven";
/// Who spoke last in the conversation, and where.
const SPEAKER_KEY: &str = "continuation:claude:speaker";
/// How often a CLI that died with messages in hand is started again for them.
const RESTARTS_MAX: u32 = 2;
const RESTART_WAIT: Duration = Duration::from_secs(1);
const RESTART_WAIT_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Claude {
    config: Config,
    host_client: Arc<HostClient>,
    connect: Arc<dyn Connect>,
}

/// Why a CLI is no longer running.
enum CliExit {
    /// It was told to finish.
    Told,
    /// This program wants a new one.
    Replaced,
    Died(Ending),
}

impl Claude {
    pub(crate) fn new(
        config: Config,
        host_client: Arc<HostClient>,
        connect: Arc<dyn Connect>,
    ) -> Self {
        Self { config, host_client, connect }
    }

    /// Runs one CLI until it ends.
    async fn converse(
        &self,
        endpoints: Endpoints,
        conversation: &mut Conversation,
        messages: &mut Messages,
    ) -> CliExit {
        let command = command::command(&self.config, endpoints, conversation.conversation_id());
        let mut process = match Process::start(command) {
            Ok(process) => process,
            Err(err) => {
                tracing::error!(error = %err, program = %self.config.claude_bin.display(), "cannot start");
                return CliExit::Died(Ending { status: err.to_string(), ..Ending::default() });
            }
        };
        tracing::debug!(
            resumed = conversation.conversation_id().is_some(),
            "started the agent's program"
        );
        conversation.offer_again(&mut process).await;
        let mut is_closing = false;
        loop {
            tokio::select! {
                batch = messages.recv(), if !is_closing => match batch {
                    Some(batch) => match conversation.offer(batch, &mut process).await {
                        Flow::GoOn => {}
                        Flow::Replace => return CliExit::Replaced,
                    },
                    None => {
                        is_closing = true;
                        process.finish();
                    }
                },
                output = process.next() => match output {
                    Output::Line(line) => match conversation.hear(&line, &mut process).await {
                        Flow::GoOn => {}
                        Flow::Replace => return CliExit::Replaced,
                    },
                    Output::Ended(_) if is_closing => return CliExit::Told,
                    Output::Ended(ending) => return CliExit::Died(ending),
                },
            }
        }
    }

    /// Decides what follows after a CLI died.
    async fn after_death(&self, ending: &Ending, oom_kills: u64, conversation: &mut Conversation) {
        if conversation.was_stale(ending) {
            tracing::warn!("the earlier conversation is gone; beginning a new one");
            conversation.forget_lost_conversation().await;
            return;
        }
        if conversation.is_idle() {
            tracing::info!(status = ending.status, "the agent's program ended between turns");
            return;
        }
        let restarts = conversation.count_restart();
        tracing::warn!(
            status = ending.status,
            last_words = ending.last_words,
            restarts,
            "the agent's program died with messages in hand"
        );
        if conversation.has_failed_for_good() || RESTARTS_MAX < restarts {
            let starved = oom_kills < memory::oom_kills();
            conversation
                .give_up(if starved { FailureClass::OutOfMemory } else { FailureClass::Crashed })
                .await;
        } else {
            sleep(backoff(RESTART_WAIT, RESTART_WAIT_MAX, restarts)).await;
        }
    }
}

#[async_trait]
impl Provider for Claude {
    async fn run(
        self: Box<Self>,
        mut messages: Messages,
        events: mpsc::Sender<Event>,
    ) -> Result<(), RunnerError> {
        let model = forward::listen().await.map_err(RunnerError::Loopback)?;
        let tools = mcp::listen().await.map_err(RunnerError::Loopback)?;
        let endpoints = Endpoints { model: model.port, tools: tools.port };
        let mut serving = JoinSet::new();
        let patience = self.config.link_patience;
        serving.spawn(forward::serve(model, Arc::clone(&self.connect), patience));
        serving.spawn(mcp::serve(tools, Arc::clone(&self.host_client)));

        let mut conversation =
            Conversation::new(&self.config, Arc::clone(&self.host_client), events);
        conversation.remember().await?;
        loop {
            while conversation.is_idle() {
                match messages.recv().await {
                    // With nothing to replace, the next message starts a CLI.
                    Some(batch) => drop(conversation.accept(batch).await),
                    None => return Ok(()),
                }
            }
            let oom_kills = memory::oom_kills();
            let end = self.converse(endpoints, &mut conversation, &mut messages).await;
            conversation.lose_background().await;
            match end {
                CliExit::Told => return Ok(()),
                CliExit::Replaced => {}
                CliExit::Died(ending) => {
                    self.after_death(&ending, oom_kills, &mut conversation).await
                }
            }
        }
    }
}

#[cfg(test)]
mod sample {
    //! A message for the tests of this folder.

    use domain::MessageSeq;
    use domain::inbound::{ContextMessages, Inbound};
    use domain::message::{Address, ChatInfo, InboundKind};
    use domain::time::Timestamp;

    /// In a private chat.
    pub(super) fn message(seq: i64, from: &str, text: &str, at: Timestamp) -> Inbound {
        let (channel, account, chat) = ("telegram".into(), "bot".into(), "c".into());
        Inbound {
            seq: MessageSeq(seq),
            kind: InboundKind::Chat,
            from: Address { channel, account, chat, thread: None },
            chat: ChatInfo::default(),
            sender_name: from.to_owned(),
            sender_id: String::new(),
            sender_role: String::new(),
            text: text.to_owned(),
            quote: None,
            received_at: at,
            sent_at: None,
            tries: 0,
            zone: String::new(),
            files: vec![],
            context_messages: ContextMessages::default(),
            task: None,
        }
    }
}
