//! The API's formats: events of a stream, a whole message, an error.
//!
//! A stream is `message_start`, for each content block `content_block_start`, `_delta`s and
//! `_stop`, then `message_delta` with the reason why it stops, then `message_stop`.

use bytes::Bytes;
use serde_json::{Value, json};

use super::script::Content;

/// Made-up counts: a client must cope with any.
const INPUT_TOKENS: u32 = 10;
const OUTPUT_TOKENS: u32 = 5;

/// The pieces in which an answer is sent; each may be waited for.
pub(super) fn event_pieces(content: &Content, number: usize, model: &str) -> Vec<Bytes> {
    let mut message = whole_message(content, number, model);
    message["content"] = json!([]);
    message["stop_reason"] = Value::Null;
    let empty = match content {
        Content::Text(_) => json!({"type": "text", "text": ""}),
        Content::ToolCall { name, .. } => {
            json!({"type": "tool_use", "id": tool_id(number), "name": name, "input": {}})
        }
    };
    let mut head = event("message_start", json!({"message": message}));
    head += &event("content_block_start", json!({"index": 0, "content_block": empty}));
    let mut pieces: Vec<String> = deltas(content)
        .into_iter()
        .map(|delta| event("content_block_delta", json!({"index": 0, "delta": delta})))
        .collect();
    match pieces.first_mut() {
        Some(first) => first.insert_str(0, &head),
        None => pieces.push(head),
    }
    let mut tail = event("content_block_stop", json!({"index": 0}));
    let delta = json!({"stop_reason": stop_reason(content), "stop_sequence": null});
    let usage = json!({"output_tokens": OUTPUT_TOKENS});
    tail += &event("message_delta", json!({"delta": delta, "usage": usage}));
    tail += &event("message_stop", json!({}));
    pieces.push(tail);
    pieces.into_iter().map(Bytes::from).collect()
}

/// The same answer for a client that does not stream.
pub(super) fn whole_message(content: &Content, number: usize, model: &str) -> Value {
    let block = match content {
        Content::Text(pieces) => json!({"type": "text", "text": pieces.concat()}),
        Content::ToolCall { name, input } => {
            json!({"type": "tool_use", "id": tool_id(number), "name": name, "input": input})
        }
    };
    json!({
        "id": format!("msg_fake_{number}"),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [block],
        "stop_reason": stop_reason(content),
        "stop_sequence": null,
        "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS},
    })
}

pub(super) fn error(kind: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}})
}

pub(super) fn token_count(body_bytes: usize) -> Value {
    // Four bytes to a token is the usual rule of thumb.
    json!({"input_tokens": body_bytes / 4})
}

fn deltas(content: &Content) -> Vec<Value> {
    match content {
        Content::Text(pieces) => {
            pieces.iter().map(|piece| json!({"type": "text_delta", "text": piece})).collect()
        }
        Content::ToolCall { input, .. } => {
            vec![json!({"type": "input_json_delta", "partial_json": input.to_string()})]
        }
    }
}

fn stop_reason(content: &Content) -> &'static str {
    match content {
        Content::Text(_) => "end_turn",
        Content::ToolCall { .. } => "tool_use",
    }
}

fn tool_id(number: usize) -> String {
    format!("toolu_fake_{number}")
}

/// One server-sent event; its data repeats its name as `type`.
fn event(name: &str, mut data: Value) -> String {
    data["type"] = json!(name);
    format!("event: {name}\ndata: {data}\n\n")
}
