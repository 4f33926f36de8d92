//! The agent without a model: says what it is, echoes, and works the tools, so that everything
//! around a model can be tried without one.
//!
//! As Claude Code does, it merges the messages that came during a turn into the next one, with one
//! reply. It does not look at their addresses: that they may share a turn is decided before.

mod act;
mod parse;
mod reminder;
mod tasks;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::MessageSeq;
use domain::inbound::Inbound;
use domain::message::InboundKind;
use domain::waits::WaitClass;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::parse::{Word, parse};
use crate::failure::{FailureClass, ProviderFailure};
use crate::host_client::HostClient;
use crate::provider::{Event, Messages, Provider, ToolNews, TurnEnded};
use crate::{Config, RunnerError};

/// Where the number of messages so far is kept.
const COUNT_KEY: &str = "demo:count";

/// Which message was made to wait, and how often.
const WAITS_KEY: &str = "demo:waits";

/// What every answer to a text begins with.
const WHO: &str = "I am the demo agent, no model";

const HELP: &str = "I am the demo agent, no model. I know: `help`; `report <text>` sends the text \
    as a message of its own; `wait <seconds>` takes that long to answer; `count` says how many \
    messages I have seen; `crash` ends my program; `draft <text>` shows the text while it grows; \
    `ask <question>? a | b` asks you; `send <name> <text>` writes to another chat; `file <name> \
    <text>` sends you a file; `react <emoji>` reacts to your message; `admin <command>` \
    administers; `limit <seconds>` waits as for a model's limit; `fail <billing, overloaded or \
    network> <times>` as for one that fails; `run <tool> <seconds>` is silent for so long; `background \
    <seconds> <text>` says the text later; `eat <MiB>` takes memory; `who` says who you are; `files` lists what came with your message; `context` \
    lists the context messages; `remember <text>` and `recall` keep notes; \
    `remind me <when> to <what>` and `every <when> \
    <what>` schedule something, `list tasks` shows it, `pause`, `resume`, `cancel`, `run` and `history` \
    with a number are about one task, `move <number> to <when>` moves it. Anything else I repeat.";

#[derive(Debug)]
pub(crate) struct Demo {
    host_client: Arc<HostClient>,
    inbound_dir: PathBuf,
    workspace: PathBuf,
    count: u64,
    /// The last message that was made to wait, and how often.
    waits: (i64, u32),
    /// What is to be said later.
    background: JoinSet<()>,
}

impl Demo {
    pub(crate) fn new(config: &Config, host_client: Arc<HostClient>) -> Self {
        let (inbound_dir, workspace) = (config.received_dir.clone(), config.workspace.clone());
        let background = JoinSet::new();
        Self { host_client, inbound_dir, workspace, count: 0, waits: (0, 0), background }
    }

    /// The next messages to answer. What runs in the background goes on meanwhile.
    async fn next(&mut self, messages: &mut Messages) -> Option<Vec<Inbound>> {
        loop {
            tokio::select! {
                biased;
                batch = messages.recv() => return batch,
                Some(_) = self.background.join_next() => {
                    self.host_client.background(!self.background.is_empty());
                }
            }
        }
    }

    /// One turn for all of the messages; returns whether it failed.
    async fn turn(
        &mut self,
        messages: &[Inbound],
        events: &mpsc::Sender<Event>,
    ) -> Result<bool, RunnerError> {
        let mut said = Vec::new();
        let mut failure = None;
        for message in messages {
            self.host_client.work_on(message.seq);
            report(events, Event::Progress).await;
            match self.answer(message, events).await? {
                Ok(text) => said.push(text),
                Err(err) => failure = Some(err),
            }
        }
        let has_failed = failure.is_some();
        let waits = format!("{} {}", self.waits.0, self.waits.1);
        let ended = TurnEnded {
            cost: None,
            covers: messages.iter().map(|it| it.seq).collect(),
            result: failure.map_or_else(|| Ok(said.join("\n")), Err),
            keep: vec![
                (COUNT_KEY.to_owned(), Some(self.count.to_string())),
                (WAITS_KEY.to_owned(), Some(waits)),
            ],
        };
        report(events, Event::TurnEnded(ended)).await;
        Ok(has_failed)
    }

    async fn answer(
        &mut self,
        message: &Inbound,
        events: &mpsc::Sender<Event>,
    ) -> Result<Result<String, ProviderFailure>, RunnerError> {
        if message.kind == InboundKind::Command {
            return Ok(Ok(self.command(&message.text)));
        }
        if let Some(task_run) = &message.task
            && let Some(text) = reminder::reminder(task_run, &message.text)
        {
            return Ok(Ok(text));
        }
        let word = parse(&message.text);
        if let Some(failure) = self.failure(message.seq, &word) {
            return Ok(Err(failure));
        }
        self.count += 1;
        let tool = word.tool();
        if let Some(name) = tool {
            let (call, name) = (self.call(message), name.to_owned());
            let started = ToolNews::Started { call, name, max: Duration::ZERO };
            report(events, Event::Tool(started)).await;
        }
        let did = match word {
            Word::Help => return Ok(Ok(HELP.to_owned())),
            Word::Crash => return Err(RunnerError::DemoCrash),
            Word::Limit(_) | Word::Fail(..) => Ok("the model answers again.".to_owned()),
            Word::Run { tool, secs } => Ok(self.run_tool(tool, secs).await),
            Word::Background { secs, text } => Ok(self.begin(message.seq, secs, text, events)),
            Word::Eat(mib) => Ok(act::eat(mib)),
            Word::Count => Ok(format!("message number {}.", self.count)),
            Word::Wait(secs) => Ok(act::wait(secs, events).await),
            Word::Echo(text) => Ok(format!("you said \"{text}\"")),
            Word::Who => Ok(act::who(message)),
            Word::Context => Ok(act::context(message)),
            Word::Files => Ok(self.files(&message.files).await),
            Word::Remember(text) => self.remember(text).await,
            Word::Recall => self.recall().await,
            Word::Draft(text) => Ok(self.draft(text, events).await),
            Word::Report(text) => self.report(text).await,
            Word::Send { name, text } => self.send(name, text).await,
            Word::File { name, text } => self.file(name, text).await,
            Word::React(emoji) => self.react(message.seq, emoji).await,
            Word::Ask { question, options } => self.ask(question, &options).await,
            Word::Admin(command) => self.admin(command).await,
            Word::Tasks(line) => self.tasks(&line).await,
        };
        if tool.is_some() {
            let (call, ok) = (self.call(message), did.is_ok());
            report(events, Event::Tool(ToolNews::Ended { call, ok })).await;
        }
        let (Ok(said) | Err(said)) = did;
        Ok(Ok(format!("{WHO}: {said}")))
    }

    /// What a message asked to fail with, as long as it did not often enough.
    fn failure(&mut self, message: MessageSeq, word: &Word<'_>) -> Option<ProviderFailure> {
        let (class, until, times) = if let Word::Limit(secs) = word {
            let until = self.host_client.clock().now() + Duration::from_secs(*secs);
            (FailureClass::RateLimit, Some(until), 1)
        } else if let Word::Fail(class, times) = word {
            let class = match class {
                WaitClass::Limit => FailureClass::RateLimit,
                WaitClass::Billing => FailureClass::Billing,
                WaitClass::Overloaded => FailureClass::Overloaded,
                WaitClass::Network => FailureClass::Network,
            };
            (class, None, *times)
        } else {
            return None;
        };
        let before = if self.waits.0 == message.0 { self.waits.1 } else { 0 };
        self.waits = (message.0, before + 1);
        (before < times).then(|| ProviderFailure::new(class, until))
    }

    /// Names the one call that a message leads to.
    fn call(&self, message: &Inbound) -> String {
        format!("{}.{}", message.seq, self.count)
    }

    fn command(&mut self, text: &str) -> String {
        let seen = self.count;
        match domain::command::parse(text) {
            Some(domain::command::Command::New) => {
                self.count = 0;
                crate::provider::NEW_CONVERSATION.to_owned()
            }
            Some(domain::command::Command::Compact) => {
                format!("{WHO}: I keep no conversation, so there is nothing to shorten.")
            }
            Some(domain::command::Command::Context) => {
                format!("{WHO}: I have no context to fill; I have seen {seen} messages.")
            }
            Some(domain::command::Command::Cost) => {
                format!("{WHO}: nothing of this costs anything.")
            }
            Some(_) | None => format!("{WHO}: I do not know `{text}`."),
        }
    }
}

#[async_trait]
impl Provider for Demo {
    async fn run(
        mut self: Box<Self>,
        mut messages: Messages,
        events: mpsc::Sender<Event>,
    ) -> Result<(), RunnerError> {
        let kept = self.host_client.kept(COUNT_KEY).await?;
        self.count = kept.and_then(|it| it.parse().ok()).unwrap_or(0);
        let waits = self.host_client.kept(WAITS_KEY).await?;
        let waits = waits.as_deref().and_then(|it| it.split_once(' '));
        if let Some((message, times)) = waits {
            self.waits = (message.parse().unwrap_or(0), times.parse().unwrap_or(0));
        }
        while let Some(mut queued) = self.next(&mut messages).await {
            while !queued.is_empty() {
                while let Ok(more) = messages.try_recv() {
                    queued.extend(more);
                }
                let later = queued.split_off(turn_len(&queued));
                let has_failed = self.turn(&queued, &events).await?;
                if has_failed {
                    // What was handed over besides is offered to the next provider.
                    return Ok(());
                }
                queued = later;
            }
        }
        Ok(())
    }
}

/// How many of the queued messages the next turn covers. What makes a turn fail has one of its own.
fn turn_len(queued: &[Inbound]) -> usize {
    let is_own = |it: &Inbound| it.runs_alone() || parse(&it.text).fails_turn();
    queued.iter().position(is_own).unwrap_or(queued.len()).max(1)
}

/// The loop that listens outlives the provider, unless everything is being torn down.
async fn report(events: &mpsc::Sender<Event>, event: Event) {
    let _ = events.send(event).await;
}
