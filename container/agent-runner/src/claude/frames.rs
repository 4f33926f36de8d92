//! The lines that the Claude Code CLI prints, as far as they matter here.
//!
//! Observed with 2.1.330 (recordings in `tests/fixtures/`) and relied on:
//! - `command_lifecycle {command_uuid, state}` follows each user line that carried a `uuid`:
//!   `queued`, `started`, then `completed`, or `cancelled` after a turn that failed. A line that
//!   came during a tool call joins the running turn: its `started` comes in mid-turn, its
//!   `completed` even before the `result`, while that of the turn's first line comes after it.
//! - `result` ends a turn and names what it covers in `user_message_uuids`. Lines sent while the
//!   model speaks are merged into one next turn with one result, so results are never counted.
//! - A `result` without any such line has an `origin`: a background task ended and the CLI took a
//!   turn of its own. `runId` names the task's run. A `result` is no sign that nothing runs any more:
//!   `system/background_tasks_changed` lists what does, each with `task_id` and `run_id`, and
//!   `system/task_notification` says that one ended, before the turn that reports it.
//! - A `uuid` that the resumed transcript holds already is dropped: `completed` at once, without
//!   `started` and without a `result`.
//! - After a failed turn the CLI goes on with the next line; only the exit code remembers it.
//!   A request that was answered 400 it sends up to four times, each with less in it.
//! - A failed request is a `result` of subtype `success` with `is_error`, `api_error_status` and
//!   `terminal_reason`. The `assistant` line before it has the better words in `error`,
//!   `api_error_type`, next to a message from the model `<synthetic>`.
//! - A conversation that cannot be resumed is a `result` of subtype `error_during_execution` whose
//!   `errors` say so, then exit code 1.
//! - `system/init` comes with every turn, always with the same `session_id`.
//! - `rate_limit_event` is a type of its own, not a subtype of `system`.
//! - `stream_event` holds what the API streams, with the tool call of a sub-agent in
//!   `parent_tool_use_id`.
//! - `total_cost_usd` of a `result` counts all that this process has spent, asides, failed turns and
//!   sub-agents included, and begins with nothing or, in a conversation that is resumed, with what
//!   an earlier process had spent. `model_usage_since_last_result` says it for this turn.
//! - A command of the CLI is a turn with `num_turns` 0 and the command's words as its result. That of
//!   `/compact` is empty; before it, `system/status` says in `compact_result` what came of it, unless
//!   there was nothing to compact. A last text block that begins with `/` is such a command, whatever
//!   blocks are before it; one that begins with a blank is not.
//!
//! What is not known is ignored, so that a newer CLI may say more.

use std::time::Duration;

use domain::cost::Cost;
use domain::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::provider::ToolNews;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    /// A turn begins in the conversation of this name.
    Init(String),
    /// A turn works on the line of this name from now on.
    Started(String),
    /// The CLI is done with the line of this name.
    Ended(String),
    /// What went wrong with a request; the `result` that follows ends the turn.
    ApiError(ApiError),
    RateLimit(Option<Timestamp>),
    /// The model starts to speak again.
    DraftBegins,
    Draft(String),
    Tools(Vec<ToolNews>),
    /// All that runs in the background now.
    Background(Vec<BackgroundTask>),
    BackgroundEnded(String),
    /// Whether the conversation was shortened.
    Compacted(bool),
    Result(TurnResult),
    Other,
}

/// Work that goes on after its turn: a sub-agent or a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BackgroundTask {
    pub(crate) id: String,
    pub(crate) run: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// The CLI's word, such as `authentication_failed`.
    pub(crate) error: String,
    /// The API's word, such as `overloaded_error`.
    pub(crate) kind: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TurnResult {
    pub(crate) is_error: bool,
    pub(crate) text: String,
    pub(crate) status: Option<u64>,
    pub(crate) kind: String,
    pub(crate) terminal_reason: String,
    pub(crate) errors: Vec<String>,
    pub(crate) covers: Vec<String>,
    /// Whether the CLI started this turn, to report background work.
    pub(crate) is_aside: bool,
    pub(crate) run: String,
    pub(crate) spent: Spent,
}

/// What the CLI says of money, in millionths of a dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// By this process so far.
    pub(crate) in_all: Option<i64>,
    /// Since the last result; a newer CLI may not say it, as an older one does not.
    pub(crate) since_last: Option<i64>,
}

/// Read first: most lines are messages, which can be large, and as a [`Value`] they take many times as much.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    is_api_error_message: Value,
}

impl Frame {
    /// `None` for a line that is no frame at all.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let head: Head = serde_json::from_slice(line).ok()?;
        if matches!(head.kind.as_str(), "assistant" | "user") && head.is_api_error_message != true {
            return Some(Self::Tools(tools_in(line)));
        }
        let line: Value = serde_json::from_slice(line).ok()?;
        let frame = match (head.kind.as_str(), line["subtype"].as_str().unwrap_or_default()) {
            ("system", "init") => Self::Init(text(&line, "session_id")),
            ("command_lifecycle", _) => match line["state"].as_str() {
                Some("started") => Self::Started(text(&line, "command_uuid")),
                Some("completed" | "cancelled") => Self::Ended(text(&line, "command_uuid")),
                _ => Self::Other,
            },
            ("assistant", _) => {
                let (error, kind) = (text(&line, "error"), text(&line, "api_error_type"));
                Self::ApiError(ApiError { error, kind })
            }
            ("rate_limit_event", _) => {
                let info = &line["rate_limit_info"];
                let resets = info["resetsAt"].as_i64().or_else(|| info["resets_at"].as_i64());
                Self::RateLimit(resets.map(|secs| Timestamp(secs.saturating_mul(1000))))
            }
            ("stream_event", _) => draft(&line).unwrap_or(Self::Other),
            ("system", "status") => match line["compact_result"].as_str() {
                Some(result) => Self::Compacted(result == "success"),
                None => Self::Other,
            },
            ("system", "background_tasks_changed") => {
                let task = |task: &Value| BackgroundTask {
                    id: text(task, "task_id"),
                    run: text(task, "run_id"),
                };
                let tasks = line["tasks"].as_array().into_iter().flatten();
                Self::Background(tasks.map(task).collect())
            }
            ("system", "task_notification") => Self::BackgroundEnded(text(&line, "task_id")),
            ("result", _) => Self::Result(TurnResult::of(&line)),
            _ => Self::Other,
        };
        Some(frame)
    }
}

/// A message of the model or an answer of tools. Of what is in it only the calls are read, and the time that
/// they declare; the rest is skipped as it is read.
#[derive(Default, Deserialize)]
struct MessageLine {
    message: Message,
}

#[derive(Default, Deserialize)]
struct Message {
    content: Vec<Block>,
}

/// All that blocks of any type have: one that is tagged would be held whole until its tag is read.
#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    name: Option<String>,
    input: Option<Input>,
    tool_use_id: Option<String>,
    is_error: Option<bool>,
}

/// `timeout` is what Bash and others call the time that they may take, in milliseconds.
#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    timeout: Value,
}

/// `tool_use` blocks begin a call, `tool_result` blocks end it. None for a line of another shape, such as a
/// message that is a text.
fn tools_in(line: &[u8]) -> Vec<ToolNews> {
    let line: MessageLine = serde_json::from_slice(line).unwrap_or_default();
    line.message.content.into_iter().filter_map(tool_news).collect()
}

fn tool_news(block: Block) -> Option<ToolNews> {
    match block.kind.as_str() {
        "tool_use" => {
            let max = block.input.and_then(|it| it.timeout.as_u64()).unwrap_or(0);
            let max = Duration::from_millis(max);
            Some(ToolNews::Started { call: block.id?, name: block.name?, max })
        }
        "tool_result" => {
            Some(ToolNews::Ended { call: block.tool_use_id?, ok: block.is_error != Some(true) })
        }
        _ => None,
    }
}

impl TurnResult {
    fn of(result: &Value) -> Self {
        Self {
            is_error: result["is_error"] == true,
            text: text(result, "result"),
            status: result["api_error_status"].as_u64(),
            kind: text(result, "api_error_type"),
            terminal_reason: text(result, "terminal_reason"),
            errors: texts(&result["errors"]),
            covers: texts(&result["user_message_uuids"]),
            is_aside: result["origin"].is_object(),
            run: text(&result["origin"], "runId"),
            spent: Spent::of(result),
        }
    }

    /// Whether the conversation to resume is not there.
    pub(crate) fn is_stale(&self) -> bool {
        self.is_error && self.errors.iter().any(|it| says_stale(it))
    }
}

impl Spent {
    fn of(result: &Value) -> Self {
        let models = result["model_usage_since_last_result"].as_object();
        let sum = models.map(|all| all.values().map(|it| micros(&it["costUSD"])).sum());
        Self { in_all: micros(&result["total_cost_usd"]), since_last: sum.flatten() }
    }
}

/// What each turn of one CLI cost.
#[derive(Debug, Default)]
pub(crate) struct CostMeter {
    /// What the CLI had spent by its last result; `None` before the first.
    before: Option<i64>,
}

impl CostMeter {
    /// The cost of the turn that ends with this. By the difference it is known from the second turn on:
    /// a CLI that resumes a conversation may begin with what that had cost.
    pub(crate) fn turn(&mut self, spent: Spent) -> Option<Cost> {
        let difference = self.before.zip(spent.in_all).map(|(before, now)| now - before);
        self.before = spent.in_all.or(self.before);
        spent.since_last.or(difference).and_then(Cost::of_turn)
    }
}

/// Dollars as the CLI writes them, in millionths; `None` for what is no amount.
fn micros(dollars: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, and is checked by the host")]
    let micros = |it: f64| (it * 1e6).round() as i64;
    dollars.as_f64().filter(|it| it.is_finite() && 0.0 <= *it).map(micros)
}

/// Whether the CLI's words mean that the conversation to resume is not there.
pub(crate) fn says_stale(words: &str) -> bool {
    words.to_ascii_lowercase().contains("no conversation found")
}

fn draft(frame: &Value) -> Option<Frame> {
    if !frame["parent_tool_use_id"].is_null() {
        return None;
    }
    let (event, delta) = (&frame["event"], &frame["event"]["delta"]);
    match (event["type"].as_str()?, delta["type"].as_str()) {
        ("message_start", _) => Some(Frame::DraftBegins),
        ("content_block_delta", Some("text_delta")) => {
            Some(Frame::Draft(delta["text"].as_str()?.to_owned()))
        }
        _ => None,
    }
}

/// A field that is missing or of another type reads as empty: a frame must not be lost for it.
fn text(fields: &Value, key: &str) -> String {
    fields[key].as_str().unwrap_or_default().to_owned()
}

fn texts(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strange_lines_are_no_frames_and_strange_frames_are_ignored() {
        for line in ["", "warning: x", "{", "[]", "{\"type\":3}", "{\"subtype\":\"init\"}"] {
            assert_eq!(Frame::parse(line.as_bytes()), None, "{line}");
        }
        for line in [r#"{"type":"hologram","is_error":true}"#, r#"{"type":"system","subtype":7}"#] {
            assert_eq!(Frame::parse(line.as_bytes()), Some(Frame::Other), "{line}");
        }
        for line in [
            r#"{"type":"assistant"}"#,
            r#"{"type":"assistant","message":{"content":[]}}"#,
            r#"{"type":"assistant","message":{"content":[3]}}"#,
            r#"{"type":"user","message":{"content":"text"}}"#,
        ] {
            assert_eq!(Frame::parse(line.as_bytes()), Some(Frame::Tools(vec![])), "{line}");
        }
    }

    #[test]
    fn a_result_with_odd_fields_still_ends_the_turn() {
        let line = br#"{"errors":"x","result":null,"type":"result","is_error":true}"#;
        let expected = TurnResult { is_error: true, ..TurnResult::default() };
        assert_eq!(Frame::parse(line), Some(Frame::Result(expected)));
    }

    #[test]
    fn what_a_turn_cost_is_read_and_nonsense_is_nothing() {
        let recording = include_str!("../../tests/fixtures/costs.jsonl");
        let spent: Vec<Spent> = recording
            .lines()
            .filter_map(|line| match Frame::parse(line.as_bytes()) {
                Some(Frame::Result(result)) => Some(result.spent),
                _ => None,
            })
            .collect();
        let spent: Vec<_> = spent.iter().map(|it| (it.in_all, it.since_last)).collect();
        assert_eq!(spent, [(Some(140), Some(140)), (Some(280), Some(140))]);
        for (fields, expected) in [
            ("\"total_cost_usd\":-1", (None, None)),
            ("\"total_cost_usd\":\"1\"", (None, None)),
            ("\"model_usage_since_last_result\":{\"a\":{\"costUSD\":1}}", (None, Some(1_000_000))),
            ("\"model_usage_since_last_result\":{\"a\":{}}", (None, None)),
        ] {
            let line = format!("{{\"type\":\"result\",{fields}}}");
            let frame = Frame::parse(line.as_bytes());
            let Some(Frame::Result(result)) = frame else { panic!("{line}") };
            assert_eq!((result.spent.in_all, result.spent.since_last), expected, "{line}");
        }
    }

    #[test]
    fn an_answer_grows_and_a_sub_agent_is_not_heard() {
        let recording = include_str!("../../tests/fixtures/partial.jsonl");
        let drafts: Vec<Frame> = recording
            .lines()
            .filter_map(|line| Frame::parse(line.as_bytes()))
            .filter(|frame| matches!(frame, Frame::DraftBegins | Frame::Draft(_)))
            .collect();
        let more = |text: &str| Frame::Draft(text.to_owned());
        let expected = [
            Frame::DraftBegins,
            more("let me see"),
            Frame::DraftBegins,
            more("one "),
            more("two "),
            more("three"),
        ];
        assert_eq!(drafts, expected);
        let sub_agent =
            recording.replace("\"parent_tool_use_id\":null", "\"parent_tool_use_id\":\"t\"");
        for line in sub_agent.lines() {
            let frame = Frame::parse(line.as_bytes());
            assert!(!matches!(frame, Some(Frame::DraftBegins | Frame::Draft(_))), "{line}");
        }
    }

    #[test]
    fn it_is_known_which_tool_runs() {
        let recording = include_str!("../../tests/fixtures/follow_ups.jsonl");
        let frames = recording.lines().filter_map(|it| Frame::parse(it.as_bytes()));
        let tools: Vec<ToolNews> = frames
            .filter_map(|it| if let Frame::Tools(news) = it { Some(news) } else { None })
            .flatten()
            .collect();
        let begins = |it: &ToolNews| matches!(it, ToolNews::Started { call, name, .. } if call == "toolu_2" && name == "Bash");
        let ends = |it: &ToolNews| matches!(it, ToolNews::Ended { call, .. } if call == "toolu_2");
        let begun = tools.iter().position(begins);
        assert!(begun.is_some() && begun < tools.iter().position(ends), "{tools:?}");
    }

    #[test]
    fn a_compaction_is_noticed() {
        let recording = include_str!("../../tests/fixtures/compact.jsonl");
        let frames: Vec<Frame> =
            recording.lines().filter_map(|it| Frame::parse(it.as_bytes())).collect();
        assert!(frames.contains(&Frame::Compacted(true)));
        let Some(Frame::Result(result)) = frames.last() else { panic!("no result") };
        assert_eq!((result.text.as_str(), result.is_error), ("", false));
        assert!(!result.covers.is_empty());
    }

    #[test]
    fn a_rate_limit_says_when_it_ends() {
        let line = br#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795460000}}"#;
        let resets_at = Some(Timestamp(1_795_460_000_000));
        assert_eq!(Frame::parse(line), Some(Frame::RateLimit(resets_at)));
    }

    #[test]
    fn a_stale_conversation_is_recognised() {
        let recorded = include_bytes!("../../tests/fixtures/stale.jsonl");
        let Some(Frame::Result(result)) = Frame::parse(recorded) else {
            panic!("no result");
        };
        assert!(result.is_stale());
    }

    fn costs(all: &[(Option<i64>, Option<i64>)]) -> Vec<Option<i64>> {
        let mut cost_meter = CostMeter::default();
        let turn = |&(in_all, since_last)| cost_meter.turn(Spent { in_all, since_last });
        all.iter().map(turn).map(|it| it.map(Cost::micros)).collect()
    }

    #[test]
    fn what_a_cli_says_of_a_turn_is_taken_at_its_word() {
        assert_eq!(costs(&[(Some(900), Some(140)), (Some(900), Some(0))]), [Some(140), None]);
    }

    #[test]
    fn without_that_it_is_the_difference_and_never_nothing() {
        let all = [(Some(500), None), (Some(640), None), (None, None), (Some(740), None)];
        assert_eq!(costs(&all), [None, Some(140), None, Some(100)]);
        assert_eq!(costs(&[(Some(500), None), (Some(500), None), (Some(1), None)]), [None; 3]);
    }

    #[test]
    fn calls_begin_and_end_and_what_they_say_is_left_alone() {
        let line = r#"{"type":"assistant","message":{"content":[{"type":"text","text":"x"},
            {"type":"tool_use","id":"t1","name":"Bash","input":{"command":"secret","timeout":7200000}}]}}"#;
        let start = ToolNews::Started {
            call: "t1".into(),
            name: "Bash".into(),
            max: Duration::from_secs(7_200),
        };
        assert_eq!(tools_in(line.as_bytes()), [start]);
        for (error, ok) in
            [("", true), (r#","is_error":false"#, true), (r#","is_error":true"#, false)]
        {
            let line = format!(
                r#"{{"type":"user","message":{{"content":[{{"type":"tool_result","tool_use_id":"t1",
                "content":[{{"type":"text","text":"secret"}}]{error}}}]}}}}"#
            );
            assert_eq!(tools_in(line.as_bytes()), [ToolNews::Ended { call: "t1".into(), ok }]);
        }
        for line in [r#"{"message":{"content":"text"}}"#, "{}", r#"{"message":{"content":[3]}}"#] {
            assert_eq!(tools_in(line.as_bytes()), []);
        }
    }
}
