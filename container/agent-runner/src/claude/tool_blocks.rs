//! Tools in the lines of the Claude Code CLI: `tool_use` blocks of the model's messages begin a call,
//! `tool_result` blocks of the answers end it. Of what is in them only the time is read that a call declares.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::provider::ToolNews;

#[derive(Deserialize)]
struct Line {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    content: Vec<Block>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    ToolUse {
        id: String,
        name: String,
        #[serde(default)]
        input: Input,
    },
    ToolResult {
        tool_use_id: String,
        #[serde(default)]
        is_error: Option<bool>,
    },
    #[serde(other)]
    Other,
}

/// `timeout` is what Bash and others call the time that they may take, in milliseconds.
#[derive(Default, Deserialize)]
struct Input {
    #[serde(default)]
    timeout: Value,
}

/// None for a line of another shape, such as a message that is a text.
pub(super) fn tools_in(line: &[u8]) -> Vec<ToolNews> {
    let blocks = serde_json::from_slice::<Line>(line).map(|it| it.message.content);
    let news = |block| match block {
        Block::ToolUse { id, name, input } => {
            let max = Duration::from_millis(input.timeout.as_u64().unwrap_or(0));
            Some(ToolNews::Started { call: id, name, max })
        }
        Block::ToolResult { tool_use_id, is_error } => {
            Some(ToolNews::Ended { call: tool_use_id, ok: is_error != Some(true) })
        }
        Block::Other => None,
    };
    blocks.unwrap_or_default().into_iter().filter_map(news).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
