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
use super::frames::{ApiError, CostMeter, Frame, TurnResult};
use super::lifecycle::{DraftText, Lifecycle};
use super::prompt::Prompts;
use crate::RunnerError;
use crate::host_client::{HostClient, Kept};
use crate::process::Process;
use crate::provider::{Event, FailureClass, ProviderFailure, ToolNews, TurnEnded};

const CONTINUATION_KEY: &str = "continuation:claude";
/// The name of the last conversation in which a turn ended. The CLI writes its transcript some time
/// after it has given the name, so one that was killed before that has nothing to resume, and
/// nothing was lost either.
const PROVEN_KEY: &str = "continuation:claude:proven";
/// Who spoke last in the conversation, and where.
const SPEAKER_KEY: &str = "continuation:claude:speaker";
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
    restarts: u32,
    rejections: u32,
    tools: Vec<(String, Tool)>,
    tell_lost: bool,
    resets_at: Option<Timestamp>,
    cli: CliState,
}

#[derive(Debug, Default)]
struct CliState {
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
    /// With what an earlier incarnation kept.
    pub(super) async fn new(
        host_client: Arc<HostClient>,
        events: mpsc::Sender<Event>,
    ) -> Result<Self, RunnerError> {
        let mut prompts = Prompts::new(&host_client.config.received_dir);
        if let Some(speaker) = host_client.kept(SPEAKER_KEY).await? {
            prompts.remember(&speaker);
        }
        // An earlier provider of this incarnation may have counted, too.
        let seconds = (host_client.clock.now().0 / 1000).rem_euclid(0x8000);
        Ok(Self {
            conversation_id: host_client.kept(CONTINUATION_KEY).await?,
            proven: host_client.kept(PROVEN_KEY).await?,
            attempt: u16::try_from(seconds).unwrap_or(0),
            prompts,
            host_client,
            events,
            lifecycle: Lifecycle::default(),
            background: Background::default(),
            restarts: 0,
            rejections: 0,
            tools: vec![],
            tell_lost: false,
            resets_at: None,
            cli: CliState::default(),
        })
    }

    pub(super) fn is_idle(&self) -> bool {
        self.lifecycle.is_empty()
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
                if !session_id.is_empty() && self.conversation_id.as_ref() != Some(&session_id) {
                    // Stored at once: a crash in its first turn must not lose it.
                    self.conversation_id = Some(session_id);
                    self.emit(Event::Keep(vec![self.kept()])).await;
                }
            }
            Frame::Started(uuid) => {
                if let Some(seq) = self.lifecycle.on_started(&uuid) {
                    self.host_client.work_on(seq);
                }
            }
            Frame::Ended(uuid) => return self.line_ended(&uuid, process).await,
            Frame::ApiError(err) => self.cli.api_error = Some(err),
            Frame::RateLimit(resets_at) => self.resets_at = resets_at.or(self.resets_at),
            Frame::Result(result) if result.is_stale() => self.cli.is_stale = true,
            Frame::Result(result) => {
                let flow = self.conclude(result).await;
                self.tell_background();
                self.send_held(process).await;
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

    async fn conclude(&mut self, result: TurnResult) -> Flow {
        let covers = self.lifecycle.on_result(&result);
        let reported = self.background.on_result(&result);
        // Of a turn that ends nobody's message there is nobody to put it down to.
        let cost = self.cli.cost_meter.turn(result.spent);
        let api_error = self.cli.api_error.take();
        let command = self.cli.command.take_if(|_| !covers.is_empty());
        let compacted = self.cli.compacted.take();
        if !result.is_error {
            (self.rejections, self.resets_at) = (0, None);
            if !covers.is_empty() {
                self.restarts = 0;
                let (is_compact, text) = (command == Some(Command::Compact), result.text);
                let text = match compacted.filter(|_| is_compact) {
                    Some(true) => SHORTENED.to_owned(),
                    Some(false) => NOT_SHORTENED.to_owned(),
                    None if is_compact && text.trim().is_empty() => NOTHING_TO_SHORTEN.to_owned(),
                    None if !is_compact && std::mem::take(&mut self.tell_lost) => {
                        format!("{LOST}\n\n{text}")
                    }
                    None => text,
                };
                self.end(covers, Ok(text), cost).await;
            } else if !result.text.trim().is_empty() {
                self.emit(Event::Unsolicited { to: reported, text: result.text }).await;
            }
            return Flow::Continue(());
        }
        let class = classify(&result, api_error.as_ref());
        let mut failure = ProviderFailure::new(class, self.resets_at);
        tracing::warn!(class = class.as_str(), status = result.status, "the model failed");
        if covers.is_empty() {
            // Asides that fail have nobody to be told; else the CLI is about to end for this.
            self.cli.failure = (!result.is_aside).then_some(failure);
            return Flow::Continue(());
        }
        if matches!(class, FailureClass::Passing(_)) {
            // This program is replaced, and what it does in the background ends with it.
            self.lose_background().await;
        }
        self.restarts = 0;
        let is_suspect =
            matches!(class, FailureClass::InvalidRequest | FailureClass::ContextOverflow);
        self.rejections = if is_suspect { self.rejections + 1 } else { 0 };
        let is_spoilt = REJECTIONS_MAX <= self.rejections;
        if is_spoilt {
            self.forget();
            failure.user_text += FORGOTTEN;
        }
        self.end(covers, Err(failure), cost).await;
        if is_spoilt { Flow::Break(()) } else { Flow::Continue(()) }
    }

    /// The next CLI begins another conversation.
    fn forget(&mut self) {
        (self.conversation_id, self.rejections) = (None, 0);
        self.prompts.forget();
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
        let proven = (PROVEN_KEY, self.proven.clone());
        let keep = vec![self.kept(), proven, (SPEAKER_KEY, self.prompts.to_keep())];
        self.emit(Event::TurnEnded(TurnEnded { covers, result, keep, cost })).await;
    }

    fn kept(&self) -> Kept {
        (CONTINUATION_KEY, self.conversation_id.clone())
    }

    /// The loop that listens outlives the provider, unless everything is being torn down.
    async fn emit(&self, event: Event) {
        let _ = self.events.send(event).await;
    }
}

fn command_of(message: &Inbound) -> Option<Command> {
    if message.kind == InboundKind::Command { command::parse(&message.body.text) } else { None }
}
