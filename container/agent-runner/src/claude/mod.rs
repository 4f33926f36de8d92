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
mod conversation;
mod draft;
mod frames;
mod images;
mod lifecycle;
mod prompt;
mod tool_blocks;

use std::sync::Arc;
use std::time::Duration;

use domain::time::backoff;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::command::Endpoints;
use self::conversation::Conversation;
use crate::host_client::HostClient;
use crate::process::{DRAIN, Ending, Output, Process};
use crate::provider::{Event, FailureClass, Messages};
use crate::{Connect, RunnerError, forward, mcp};

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
/// The longest line; the CLI itself cuts what a tool printed to far less.
const LINE_BYTES_MAX: usize = 32 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Claude {
    pub(crate) host_client: Arc<HostClient>,
    pub(crate) connect: Arc<dyn Connect>,
}

/// Why a CLI is no longer running.
enum CliExit {
    Told,
    Replaced,
    Died(Ending),
}

impl Claude {
    async fn converse(
        &self,
        endpoints: Endpoints,
        conversation: &mut Conversation,
        messages: &mut Messages,
    ) -> CliExit {
        let command = command::command(
            &self.host_client.config,
            endpoints,
            conversation.conversation_id.as_deref(),
        );
        let mut process = match Process::start(command, LINE_BYTES_MAX, DRAIN) {
            Ok(process) => process,
            Err(err) => {
                tracing::error!(error = %err, program = %self.host_client.config.claude_bin.display(), "cannot start");
                return CliExit::Died(Ending { status: err.to_string(), ..Ending::default() });
            }
        };
        tracing::debug!(
            resumed = conversation.conversation_id.is_some(),
            "started the agent's program"
        );
        conversation.offer_again(&mut process).await;
        let mut is_closing = false;
        loop {
            tokio::select! {
                batch = messages.recv(), if !is_closing => match batch {
                    Some(batch) => if conversation.offer(batch, &mut process).await.is_break() {
                        return CliExit::Replaced;
                    },
                    None => {
                        is_closing = true;
                        process.finish();
                    }
                },
                output = process.next() => match output {
                    Output::Line(line) => if conversation.hear(&line, &mut process).await.is_break() {
                        return CliExit::Replaced;
                    },
                    // Its end follows.
                    Output::TooLong => {}
                    Output::Ended(_) if is_closing => return CliExit::Told,
                    Output::Ended(ending) => return CliExit::Died(ending),
                },
            }
        }
    }

    async fn after_death(
        &self,
        ending: &Ending,
        oom_kills_before: u64,
        conversation: &mut Conversation,
    ) {
        if conversation.was_stale(ending) {
            tracing::warn!("the earlier conversation is gone; beginning a new one");
            conversation.forget_lost_conversation().await;
            return;
        }
        if conversation.is_idle() {
            tracing::info!(status = ending.status, "the agent's program ended between turns");
            return;
        }
        conversation.restarts += 1;
        let restarts = conversation.restarts;
        tracing::warn!(
            status = ending.status,
            last_words = ending.last_words,
            restarts,
            "the agent's program died with messages in hand"
        );
        if conversation.has_failed_for_good() || RESTARTS_MAX < restarts {
            let starved = oom_kills_before < oom_kills();
            conversation
                .give_up(if starved { FailureClass::OutOfMemory } else { FailureClass::Crashed })
                .await;
        } else {
            sleep(backoff(RESTART_WAIT, RESTART_WAIT_MAX, restarts)).await;
        }
    }

    pub(crate) async fn run(
        self,
        mut messages: Messages,
        events: mpsc::Sender<Event>,
    ) -> Result<(), RunnerError> {
        let model = forward::listen().await.map_err(RunnerError::Loopback)?;
        let tools = mcp::listen().await.map_err(RunnerError::Loopback)?;
        let endpoints = Endpoints { model: model.port, tools: tools.port };
        let mut serving = JoinSet::new();
        let patience = self.host_client.config.link_patience;
        serving.spawn(forward::serve(model, Arc::clone(&self.connect), patience));
        serving.spawn(mcp::serve(tools, Arc::clone(&self.host_client)));

        let mut conversation = Conversation::new(Arc::clone(&self.host_client), events);
        conversation.remember().await?;
        loop {
            while conversation.is_idle() {
                match messages.recv().await {
                    // With nothing to replace, the next message starts a CLI.
                    Some(batch) => _ = conversation.accept(batch).await,
                    None => return Ok(()),
                }
            }
            let oom_kills_before = oom_kills();
            let end = self.converse(endpoints, &mut conversation, &mut messages).await;
            conversation.lose_background().await;
            match end {
                CliExit::Told => return Ok(()),
                CliExit::Replaced => {}
                CliExit::Died(ending) => {
                    self.after_death(&ending, oom_kills_before, &mut conversation).await
                }
            }
        }
    }
}

/// <https://docs.kernel.org/admin-guide/cgroup-v2.html>, "memory.events".
const MEMORY_EVENTS: &str = "/sys/fs/cgroup/memory.events";

/// How often the kernel killed something in this container because its memory was used up; 0 where it
/// does not say. The largest program goes first, which is the CLI or what it started, and not this one.
fn oom_kills() -> u64 {
    std::fs::read_to_string(MEMORY_EVENTS).map_or(0, |it| oom_kills_in(&it))
}

fn oom_kills_in(events: &str) -> u64 {
    let line = events.lines().find_map(|it| it.strip_prefix("oom_kill "));
    line.and_then(|it| it.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    //! A message for the tests of this folder.

    use domain::MessageSeq;
    use domain::inbound::{ContextMessages, Inbound};
    use domain::message::{Address, Author, Body, InboundKind};
    use domain::time::Timestamp;

    /// In a private chat.
    pub(super) fn message(seq: i64, from: &str, text: &str, at: Timestamp) -> Inbound {
        let (channel, account, chat) = ("telegram".into(), "bot".into(), "c".into());
        Inbound {
            seq: MessageSeq(seq),
            kind: InboundKind::Chat,
            from: Address { channel, account, chat, thread: None },
            body: Body::new(Author { id: String::new(), name: from.to_owned() }, text),
            sender_id: String::new(),
            sender_role: String::new(),
            received_at: at,
            tries: 0,
            zone: String::new(),
            files: vec![],
            context_messages: ContextMessages::default(),
            task: None,
        }
    }

    #[test]
    fn kills_are_counted_and_not_other_events() {
        let events = "low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 1\n";
        assert_eq!(super::oom_kills_in(events), 2);
        assert_eq!(super::oom_kills_in("oom 3\n"), 0);
    }
}
