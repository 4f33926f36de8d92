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
mod frames;
mod lifecycle;
mod prompt;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::command::Endpoints;
use self::conversation::Conversation;
use crate::host_client::HostClient;
use crate::process::{DRAIN, Ending, Output, Process};
use crate::provider::{Event, Messages};
use crate::{Config, Connect, RunnerError, forward, mcp};

/// The longest line; the CLI itself cuts what a tool printed to far less.
const LINE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Why a CLI is no longer running.
enum CliExit {
    Told,
    Replaced,
    Died(Ending),
}

async fn converse(
    config: &Config,
    endpoints: Endpoints,
    conversation: &mut Conversation,
    messages: &mut Messages,
) -> CliExit {
    let resumed = conversation.conversation_id.as_deref();
    let command = command::command(config, endpoints, resumed);
    let mut process = match Process::start(command, LINE_BYTES_MAX, DRAIN) {
        Ok(process) => process,
        Err(err) => {
            let program = config.claude_bin.display();
            tracing::error!(error = %err, %program, "cannot start");
            return CliExit::Died(Ending { status: err.to_string(), ..Ending::default() });
        }
    };
    tracing::debug!(resumed = resumed.is_some(), "started the agent's program");
    conversation.send_all(&mut process).await;
    let mut is_closing = false;
    loop {
        tokio::select! {
            batch = messages.recv(), if !is_closing => match batch {
                Some(batch) => {
                    if conversation.accept(batch).await.is_break() {
                        return CliExit::Replaced;
                    }
                    conversation.send_waiting(&mut process).await;
                }
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

pub(crate) async fn run(
    host_client: Arc<HostClient>,
    connect: Arc<dyn Connect>,
    mut messages: Messages,
    events: mpsc::Sender<Event>,
) -> Result<(), RunnerError> {
    let (models, model) = forward::listen().await.map_err(RunnerError::Loopback)?;
    let (calls, tools) = forward::listen().await.map_err(RunnerError::Loopback)?;
    let endpoints = Endpoints { model, tools };
    let mut serving = JoinSet::new();
    serving.spawn(forward::serve(models, connect, host_client.config.link_patience));
    serving.spawn(mcp::serve(calls, Arc::clone(&host_client)));

    let mut conversation = Conversation::new(Arc::clone(&host_client), events).await?;
    loop {
        while conversation.is_idle() {
            match messages.recv().await {
                // With nothing to replace, the next message starts a CLI.
                Some(batch) => _ = conversation.accept(batch).await,
                None => return Ok(()),
            }
        }
        let oom_kills_before = oom_kills();
        let end = converse(&host_client.config, endpoints, &mut conversation, &mut messages).await;
        conversation.lose_background().await;
        match end {
            CliExit::Told => return Ok(()),
            CliExit::Replaced => {}
            CliExit::Died(ending) => conversation.on_death(&ending, oom_kills_before).await,
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
    let count = |line: &str| line.strip_prefix("oom_kill ")?.trim().parse().ok();
    events.lines().find_map(count).unwrap_or(0)
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
            body: Body::new(Author::new(String::new(), from.to_owned()), text),
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
