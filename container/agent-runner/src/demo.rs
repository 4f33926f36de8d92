//! The agent without a model: says what it is, echoes, and works the tools, so that everything
//! around a model can be tried without one.
//!
//! As Claude Code does, it merges the messages that came during a turn into the next one, with one
//! reply. It does not look at their addresses: that they may share a turn is decided before.

mod tasks;
mod words;

use std::sync::Arc;
use std::time::Duration;

use domain::MessageSeq;
use domain::command::{self, Command};
use domain::inbound::Inbound;
use domain::message::InboundKind;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::words::{fails, plain, said};
use crate::RunnerError;
use crate::host_client::HostClient;
use crate::provider::{
    Event, FailureClass, Messages, NEW_CONVERSATION, ProviderFailure, TurnEnded,
};

/// Where [`Demo::count`] and [`Demo::waits`] are kept.
const STATE_KEY: &str = "demo";
const WHO: &str = "I am the demo agent, no model";

const HELP: &str = "I am the demo agent, no model. I know: `help`; `report <text>` sends the text \
    as a message of its own; `wait <seconds>` takes that long to answer; `count` says how many \
    messages I have seen; `crash` ends my program; `draft <text>` shows the text while it grows; \
    `ask <question>? a | b` asks you; `send <name> <text>` writes to another chat; `file <name> \
    <text>` sends you a file; `react <emoji>` reacts to your message; `admin <command>` \
    administers; `limit <seconds>` waits as for a model's limit; `fail <billing, overloaded or \
    network> <times>` as for one that fails; `run <tool> <seconds>` is silent for so long; `background \
    <seconds> <text>` says the text later; `who` says who you are; `files` lists what came with your message; `context` \
    lists the context messages; `remember <text>` and `recall` keep notes; \
    `remind me <when> to <what>` and `every <when> \
    <what>` schedule something, `list tasks` shows it, `pause`, `resume`, `cancel`, `run` and `history` \
    with a number are about one task, `move <number> to <when>` moves it. Anything else I repeat.";

#[derive(Debug)]
pub(crate) struct Demo {
    host_client: Arc<HostClient>,
    events: mpsc::Sender<Event>,
    count: u64,
    /// The last message that was made to wait, and how often.
    waits: (i64, u32),
    background: JoinSet<()>,
}

impl Demo {
    pub(crate) fn new(host_client: Arc<HostClient>, events: mpsc::Sender<Event>) -> Self {
        Self { host_client, events, count: 0, waits: (0, 0), background: JoinSet::new() }
    }

    /// One turn for all of the messages; returns whether it failed.
    async fn turn(&mut self, messages: &[Inbound]) -> bool {
        let mut said = Vec::new();
        let mut failure = None;
        for message in messages {
            self.host_client.work_on(message.seq);
            self.host_client.notifier.progress();
            match self.answer(message).await {
                Ok(text) => said.push(text),
                Err(err) => failure = Some(err),
            }
        }
        let has_failed = failure.is_some();
        let ended = TurnEnded {
            cost: None,
            covers: messages.iter().map(|it| it.seq).collect(),
            result: failure.map_or_else(|| Ok(said.join("\n")), Err),
            keep: vec![(STATE_KEY, Some(json!((self.count, self.waits)).to_string()))],
        };
        self.report(Event::TurnEnded(ended)).await;
        has_failed
    }

    async fn answer(&mut self, message: &Inbound) -> Result<String, ProviderFailure> {
        if message.kind == InboundKind::Command {
            return Ok(self.command(&message.body.text));
        }
        let text = plain(&message.body.text);
        if let Some(failure) = self.failure(message.seq, text) {
            return Err(failure);
        }
        self.count += 1;
        if text.eq_ignore_ascii_case("help") {
            return Ok(HELP.to_owned());
        }
        let is_reminder = message.task.is_some() && tasks::reminds_of(text).is_some();
        let did = if is_reminder { None } else { self.act(message, text).await };
        Ok(match (did, &message.task) {
            (Some(said), _) => format!("{WHO}: {said}"),
            (None, Some(task_run)) => {
                // Nobody said it.
                self.count -= 1;
                tasks::reminder(task_run, text)
            }
            (None, None) => format!("{WHO}: {}", said(&message.body, text)),
        })
    }

    /// What a message asked to fail with, as long as it did not often enough.
    fn failure(&mut self, message: MessageSeq, text: &str) -> Option<ProviderFailure> {
        let (class, times, secs) = fails(text)?;
        let until = secs.map(|it| self.host_client.clock.now() + Duration::from_secs(it));
        let before = if self.waits.0 == message.0 { self.waits.1 } else { 0 };
        self.waits = (message.0, before + 1);
        (before < times).then(|| ProviderFailure::new(FailureClass::Passing(class), until))
    }

    fn command(&mut self, text: &str) -> String {
        let count = self.count;
        let said = match command::parse(text) {
            Some(Command::New) => {
                self.count = 0;
                return NEW_CONVERSATION.to_owned();
            }
            Some(Command::Compact) => "I keep no conversation, so there is nothing to shorten.",
            Some(Command::Context) => {
                &format!("I have no context to fill; I have seen {count} messages.")
            }
            Some(Command::Cost) => "nothing of this costs anything.",
            Some(_) | None => &format!("I do not know `{text}`."),
        };
        format!("{WHO}: {said}")
    }

    pub(crate) async fn run(mut self, mut messages: Messages) -> Result<(), RunnerError> {
        let kept = self.host_client.kept(STATE_KEY).await?;
        (self.count, self.waits) =
            kept.and_then(|it| serde_json::from_str(&it).ok()).unwrap_or_default();
        loop {
            let mut queued = tokio::select! {
                biased;
                batch = messages.recv() => match batch {
                    Some(batch) => batch,
                    None => return Ok(()),
                },
                Some(_) = self.background.join_next() => {
                    self.host_client.notifier.background(!self.background.is_empty());
                    continue;
                }
            };
            while !queued.is_empty() {
                while let Ok(more) = messages.try_recv() {
                    queued.extend(more);
                }
                let later = queued.split_off(turn_len(&queued));
                if crashes(&queued[0]) {
                    return Err(RunnerError::DemoCrash);
                }
                if self.turn(&queued).await {
                    // What was handed over besides is offered to the next provider.
                    return Ok(());
                }
                queued = later;
            }
        }
    }

    /// The loop that listens outlives the provider, unless everything is being torn down.
    async fn report(&self, event: Event) {
        let _ = self.events.send(event).await;
    }
}

/// How many of the queued messages the next turn covers. What makes a turn fail has one of its own.
fn turn_len(queued: &[Inbound]) -> usize {
    let fails = |it: &Inbound| crashes(it) || fails(plain(&it.body.text)).is_some();
    queued.iter().position(|it| it.runs_alone() || fails(it)).unwrap_or(queued.len()).max(1)
}

fn crashes(message: &Inbound) -> bool {
    plain(&message.body.text).eq_ignore_ascii_case("crash")
}
