//! Tools in the lines of the Claude Code CLI: `tool_use` blocks of the model's messages begin a call,
//! `tool_result` blocks of the answers end it. Of what is in them only the time is read that a call
//! declares; the rest is skipped as it is read.

use std::time::Duration;

use serde::Deserialize;

use crate::provider::ToolNews;

#[derive(Default, Deserialize)]
struct Line {
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
    timeout: serde_json::Value,
}

/// None for a line of another shape, such as a message that is a text.
pub(super) fn tools_in(line: &[u8]) -> Vec<ToolNews> {
    let line: Line = serde_json::from_slice(line).unwrap_or_default();
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
