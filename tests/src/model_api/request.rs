//! What a client asked.

use std::collections::BTreeMap;

use hyper::HeaderMap;
use serde_json::Value;

/// One request as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedRequest {
    pub method: String,
    /// Path and query as they were sent.
    pub target: String,
    /// Names in lower case; the values in the order of arrival.
    pub headers: BTreeMap<String, Vec<String>>,
    /// `Null` if the body is no JSON or larger than 1 MiB.
    pub body: Value,
    /// The length of the body.
    pub body_bytes: usize,
}

impl RecordedRequest {
    pub(super) fn headers_of(map: &HeaderMap) -> BTreeMap<String, Vec<String>> {
        let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in map {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            headers.entry(name.as_str().to_owned()).or_default().push(value);
        }
        headers
    }

    /// The only value of a header.
    ///
    /// # Panics
    /// When it came more than once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        match self.headers.get(name).map(Vec::as_slice) {
            None => None,
            Some([value]) => Some(value),
            Some(values) => panic!("{} headers `{name}`", values.len()),
        }
    }

    /// The credential: `x-api-key`, else the bearer token.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        let bearer = || self.header("authorization").and_then(|it| it.strip_prefix("Bearer "));
        self.header("x-api-key").or_else(bearer)
    }

    /// Whether any header or the body holds the text.
    #[must_use]
    pub fn mentions(&self, text: &str) -> bool {
        self.headers.values().flatten().any(|value| value.contains(text))
            || self.body.to_string().contains(text)
    }

    /// The last text that the user (or the agent's program in their name) said, tool results
    /// included. Empty if there is none.
    #[must_use]
    pub fn last_user_text(&self) -> String {
        let messages = self.body["messages"].as_array().map_or(&[][..], Vec::as_slice);
        let said = messages.iter().rev().filter(|it| it["role"] == "user");
        said.filter_map(|it| last_text(&it["content"])).next().unwrap_or_default()
    }

    /// What the last tool call returned, if the last message holds a result.
    #[must_use]
    pub fn tool_result(&self) -> Option<String> {
        let blocks = self.body["messages"].as_array()?.last()?["content"].as_array()?;
        let result = blocks.iter().rev().find(|block| block["type"] == "tool_result")?;
        last_text(&result["content"])
    }

    pub(super) fn wants_stream(&self) -> bool {
        self.body["stream"] == true
    }

    pub(super) fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or("fake-model")
    }
}

/// Content is a text or a list of blocks; a tool's result has content of its own. Reminders that
/// the Claude Code CLI puts among what the user said are passed over.
fn last_text(content: &Value) -> Option<String> {
    if let Some(text) = content.as_str() {
        return (!text.starts_with("<system-reminder>")).then(|| text.to_owned());
    }
    content.as_array()?.iter().rev().find_map(|block| match block["type"].as_str() {
        Some("text") => last_text(&block["text"]),
        Some("tool_result") => last_text(&block["content"]),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(messages: &Value) -> RecordedRequest {
        RecordedRequest {
            method: "POST".to_owned(),
            target: "/v1/messages".to_owned(),
            headers: BTreeMap::new(),
            body: json!({"messages": messages}),
            body_bytes: 0,
        }
    }

    #[test]
    fn the_last_user_text_is_found_in_every_form() {
        let reminder = "<system-reminder>be nice</system-reminder>";
        for (messages, text) in [
            (json!([]), ""),
            (json!([{"role": "user", "content": "plain"}]), "plain"),
            (
                json!([
                    {"role": "user", "content": [{"type": "text", "text": "old"}]},
                    {"role": "assistant", "content": "yes?"},
                    {"role": "user", "content": [
                        {"type": "text", "text": "new"}, {"type": "text", "text": reminder}]},
                ]),
                "new",
            ),
            (
                json!([{"role": "user", "content": [
                    {"type": "tool_result", "content": [{"type": "text", "text": "done"}]}]}]),
                "done",
            ),
        ] {
            assert_eq!(asked(&messages).last_user_text(), text, "{messages}");
        }
    }
}
