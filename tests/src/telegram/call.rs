//! A request, whichever of the four ways its parameters came
//! (<https://core.telegram.org/bots/api#making-requests>), and its answer.

use std::time::Duration;

use serde_json::{Map, Value, json};

/// A file in a request.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) field: String,
    pub(super) name: String,
    pub(super) mime: String,
    pub(super) content: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) parameters: Map<String, Value>,
    pub(super) uploads: Vec<Upload>,
}

/// What a method ends with.
pub(super) type Outcome = Result<Value, Refusal>;

#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) description: String,
    pub(super) parameters: Option<Value>,
}

impl Refusal {
    pub(super) fn new(code: u16, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), parameters: None }
    }

    pub(super) fn bad(why: impl std::fmt::Display) -> Self {
        Self::new(400, format!("Bad Request: {why}"))
    }

    pub(super) fn wait(given: Duration) -> Self {
        let seconds = given.as_secs();
        Self {
            parameters: Some(json!({"retry_after": seconds})),
            ..Self::new(429, format!("Too Many Requests: retry after {seconds}"))
        }
    }

    pub(super) fn moved(to: i64) -> Self {
        Self {
            parameters: Some(json!({"migrate_to_chat_id": to})),
            ..Self::bad("group chat was upgraded to a supergroup chat")
        }
    }

    pub(super) fn show(&self) -> Value {
        let mut shown =
            json!({"ok": false, "error_code": self.code, "description": self.description});
        if let Some(parameters) = &self.parameters {
            shown["parameters"] = parameters.clone();
        }
        shown
    }
}

impl Call {
    pub(super) fn is(&self, method: &str) -> bool {
        self.method.eq_ignore_ascii_case(method)
    }

    /// Forms carry numbers as text.
    pub(super) fn number(&self, key: &str) -> Option<i64> {
        number(self.parameters.get(key)?)
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        match self.parameters.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Some(other.to_string())
            }
        }
    }

    /// Forms carry objects and lists as JSON in text.
    pub(super) fn value(&self, key: &str) -> Result<Option<Value>, Refusal> {
        let value = match self.parameters.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text)
                .map_err(|_| Refusal::bad(format_args!("can't parse {key} JSON object")))?,
            Some(other) => other.clone(),
        };
        Ok(Some(value))
    }
}

pub(super) fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}
