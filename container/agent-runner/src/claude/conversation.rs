//! What is known about the conversation, across the CLIs that carry it: which messages are open,
//! what to resume, what went wrong last.

mod prompting;

use std::ops::ControlFlow;
use std::sync::Arc;

use domain::MessageSeq;
use domain::command::{self, Command};
use domain::cost::Cost;
use domain::inbound::Inbound;
use domain::link::Tool;
use domain::message::InboundKind;
use domain::time::Timestamp;
use tokio::sync::mpsc;

use super::background::Background;
use super::classify::classify;
use super::draft::DraftText;
use super::frames::{ApiError, CostMeter, Frame, TurnResult, says_stale};
use super::lifecycle::Lifecycle;
use super::prompt::Prompts;
use super::{CONTINUATION_KEY, PROVEN_KEY, SPEAKER_KEY};
use crate::RunnerError;
use crate::host_client::{HostClient, Kept};
use crate::process::{Ending, Process};
use crate::provider::{Event, FailureClass, ProviderFailure, ToolNews, TurnEnded};

/// Rejected requests in a row that make a conversation suspect: what the model rejects may sit in
/// its history and would be sent with every message from now on.
const REJECTIONS_MAX: u32 = 2;
const LOST: &str = "(Our earlier conversation could not be found, so I begin a new one.)";
const FORGOTTEN: &str =
    " I have put our conversation aside and begin a new one with your next message.";
const SHORTENED: &str = "I have shortened our conversation.";
const NOT_SHORTENED: &str =
    "I could not shorten our conversation. Try `/compact` again, or begin a new one with `/new`.";
const NOTHING_TO_SHORTEN: &str = "There is nothing to shorten yet.";

#[derive(Debug)]
pub(super) struct Conversation {
    host_client: Arc<HostClient>,
    events: mpsc::Sender<Event>,
    lifecycle: Lifecycle,
    background: Background,
    prompts: Prompts,
    pub(super) conversation_id: Option<String>,
    /// The last conversation in which a turn ended.
    proven: Option<String>,
    /// Counts what was sent, so that no two lines have the same name.
    attempt: u16,
    /// CLIs that died with the open messages in hand.
    pub(super) restarts: u32,
    rejections: u32,
    tools: Vec<(String, Tool)>,
    tell_lost: bool,
    resets_at: Option<Timestamp>,
    cli: CliState,
}

#[derive(Debug, Default)]
struct CliState {
    /// How many of the last open messages it was not given yet.
    held: usize,
    cost_meter: CostMeter,
    drops: u32,
    draft: DraftText,
    /// The command that it was given last, until its result.
    command: Option<Command>,
    /// Whether it shortened the conversation, if it tried to.
    compacted: Option<bool>,
    is_stale: bool,
    api_error: Option<ApiError>,
    /// Why no message can be answered, told outside any turn.
    failure: Option<ProviderFailure>,
}

/// A break when another CLI should carry on.
type Flow = ControlFlow<()>;

impl Conversation {
    pub(super) fn new(host_client: Arc<HostClient>, events: mpsc::Sender<Event>) -> Self {
        Self {
            // An earlier provider of this incarnation may have counted, too.
            attempt: u16::try_from((host_client.clock.now().0 / 1000).rem_euclid(0x8000))
                .unwrap_or(0),
            prompts: Prompts::new(&host_client.config.received_dir),
            host_client,
            events,
            lifecycle: Lifecycle::default(),
            background: Background::default(),
            conversation_id: None,
            proven: None,
            restarts: 0,
            rejections: 0,
            tools: vec![],
            tell_lost: false,
            resets_at: None,
            cli: CliState::default(),
        }
    }

    pub(super) async fn remember(&mut self) -> Result<(), RunnerError> {
        self.conversation_id = self.host_client.kept(CONTINUATION_KEY).await?;
        self.proven = self.host_client.kept(PROVEN_KEY).await?;
        if let Some(speaker) = self.host_client.kept(SPEAKER_KEY).await? {
            self.prompts.remember(&speaker);
        }
        Ok(())
    }

    pub(super) fn is_idle(&self) -> bool {
        self.lifecycle.open().is_empty()
    }

    pub(super) async fn hear(&mut self, line: &[u8], process: &mut Process) -> Flow {
        let Some(frame) = Frame::parse(line) else { return Flow::Continue(()) };
        self.host_client.notifier.progress();
        match frame {
            Frame::Init(session_id) => {
                if let Some(message) = self.background.on_turn(self.lifecycle.has_started()) {
                    self.host_client.work_on(message);
                }
                self.tell_background();
                self.know(session_id).await;
            }
            Frame::Started(uuid) => {
                if let Some(seq) = self.lifecycle.on_started(&uuid) {
                    self.host_client.work_on(seq);
                }
            }
            Frame::Ended(uuid) => {
                if let Some(index) = self.lifecycle.on_ended(&uuid) {
                    return self.resend(index, process).await;
                }
            }
            Frame::ApiError(err) => self.cli.api_error = Some(err),
            Frame::RateLimit(resets_at) => self.resets_at = resets_at.or(self.resets_at),
            Frame::Result(result) if result.is_stale() => self.cli.is_stale = true,
            Frame::Result(result) => {
                let flow = self.conclude(result).await;
                self.tell_background();
                self.offer_held(process).await;
                return flow;
            }
            Frame::Background(running) => {
                self.background.on_change(running, self.host_client.current());
                self.tell_background();
            }
            Frame::BackgroundEnded(id) => {
                self.background.on_ended(&id);
                self.tell_background();
            }
            Frame::DraftBegins => self.cli.draft.begin(),
            // Lets the reader watch the answer grow, if anybody waits for it.
            Frame::Draft(more) => {
                if let Some(text) = self.cli.draft.add(&more)
                    && self.lifecycle.has_started()
                {
                    self.host_client.draft(text);
                }
            }
            Frame::Tools(tools) => {
                for news in tools {
                    self.follow_tool(&news);
                    self.emit(Event::Tool(news)).await;
                }
            }
            Frame::Compacted(ok) => self.cli.compacted = Some(ok),
            Frame::Other => {}
        }
        Flow::Continue(())
    }

    fn follow_tool(&mut self, news: &ToolNews) {
        match news {
            ToolNews::Started { call, name, max } => {
                self.tools.push((call.clone(), Tool::new(name, *max)));
            }
            ToolNews::Ended { call, .. } => self.tools.retain(|it| it.0 != *call),
        }
        self.tell_tool();
    }

    /// The host waits longer for a tool that may take long, and names the one that is stuck.
    fn tell_tool(&self) {
        self.host_client.notifier.tool(self.tools.last().map(|it| it.1.clone()));
    }

    /// Stores the name of the conversation at once: a crash in its first turn must not lose it.
    async fn know(&mut self, session_id: String) {
        if session_id.is_empty() || self.conversation_id.as_ref() == Some(&session_id) {
            return;
        }
        self.conversation_id = Some(session_id);
        self.keep_conversation().await;
    }

    async fn conclude(&mut self, result: TurnResult) -> Flow {
        let covers = self.lifecycle.on_result(&result);
        let reported = self.background.on_result(&result);
        // Of a turn that ends nobody's message there is nobody to put it down to.
        let cost = self.cli.cost_meter.turn(result.spent);
        let api_error = self.cli.api_error.take();
        let command = self.cli.command.take_if(|_| !covers.is_empty());
        let compacted = self.cli.compacted.take();
        if !result.is_error {
            self.rejections = 0;
            self.resets_at = None;
            if !covers.is_empty() {
                self.restarts = 0;
                let text = match command {
                    Some(Command::Compact) => match compacted {
                        Some(true) => SHORTENED.to_owned(),
                        Some(false) => NOT_SHORTENED.to_owned(),
                        None if result.text.trim().is_empty() => NOTHING_TO_SHORTEN.to_owned(),
                        None => result.text,
                    },
                    Some(_) | None if std::mem::take(&mut self.tell_lost) => {
                        format!("{LOST}\n\n{}", result.text)
                    }
                    Some(_) | None => result.text,
                };
                self.end(covers, Ok(text), cost).await;
            } else if !result.text.trim().is_empty() {
                self.emit(Event::Unsolicited { to: reported, text: result.text }).await;
            }
            return Flow::Continue(());
        }
        let mut failure = classify(&result, api_error.as_ref(), self.resets_at);
        tracing::warn!(class = failure.class.as_str(), status = result.status, "the model failed");
        if covers.is_empty() {
            // Asides that fail have nobody to be told; else the CLI is about to end for this.
            self.cli.failure = (!result.is_aside).then_some(failure);
            return Flow::Continue(());
        }
        if matches!(failure.class, FailureClass::Passing(_)) {
            // This program is replaced, and what it does in the background ends with it.
            self.lose_background().await;
        }
        self.restarts = 0;
        let suspect =
            matches!(failure.class, FailureClass::InvalidRequest | FailureClass::ContextOverflow);
        self.rejections = if suspect { self.rejections + 1 } else { 0 };
        if self.rejections < REJECTIONS_MAX {
            self.end(covers, Err(failure), cost).await;
            return Flow::Continue(());
        }
        self.rejections = 0;
        self.conversation_id = None;
        self.prompts.forget();
        failure.user_text += FORGOTTEN;
        self.end(covers, Err(failure), cost).await;
        Flow::Break(())
    }

    pub(super) fn was_stale(&self, ending: &Ending) -> bool {
        self.conversation_id.is_some() && (self.cli.is_stale || says_stale(&ending.last_words))
    }

    pub(super) async fn forget_lost_conversation(&mut self) {
        self.tell_lost |= self.conversation_id == self.proven;
        self.conversation_id = None;
        self.prompts.forget();
        self.keep_conversation().await;
    }

    /// Whether the CLI said why it ends, so that another one would do the same.
    pub(super) fn has_failed_for_good(&self) -> bool {
        self.cli.failure.is_some()
    }

    /// Ends all open messages without an answer; `class` is what is the matter if the CLI did not say.
    pub(super) async fn give_up(&mut self, class: FailureClass) {
        self.restarts = 0;
        let failure = self.cli.failure.take().unwrap_or_else(|| ProviderFailure::new(class, None));
        let covers = self.lifecycle.give_up();
        self.end(covers, Err(failure), None).await;
    }

    async fn end(
        &mut self,
        covers: Vec<MessageSeq>,
        result: Result<String, ProviderFailure>,
        cost: Option<Cost>,
    ) {
        self.tools.clear();
        self.tell_tool();
        self.proven.clone_from(&self.conversation_id);
        let proven = (PROVEN_KEY.to_owned(), self.proven.clone());
        let speaker = (SPEAKER_KEY.to_owned(), self.prompts.to_keep());
        let keep = vec![self.kept(), proven, speaker];
        self.emit(Event::TurnEnded(TurnEnded { covers, result, keep, cost })).await;
    }

    async fn keep_conversation(&self) {
        self.emit(Event::Keep(vec![self.kept()])).await;
    }

    fn kept(&self) -> Kept {
        (CONTINUATION_KEY.to_owned(), self.conversation_id.clone())
    }

    /// The loop that listens outlives the provider, unless everything is being torn down.
    async fn emit(&self, event: Event) {
        let _ = self.events.send(event).await;
    }
}

fn command_of(message: &Inbound) -> Option<Command> {
    if message.kind == InboundKind::Command { command::parse(&message.body.text) } else { None }
}
