//! What the Bot API sends, as far as it is read here. Most of it is looked up in the JSON where it is needed:
//! what is not there, or is something else, is passed over. Field names and meanings:
//! <https://core.telegram.org/bots/api#available-types>.

use domain::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Bot {
    pub(crate) id: i64,
    pub(crate) username: String,
    /// Privacy mode is off.
    pub(crate) can_read_all_group_messages: bool,
}

/// Offsets and lengths count UTF-16 code units.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Entity {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) offset: usize,
    pub(crate) length: usize,
    pub(crate) url: Option<String>,
    pub(crate) user: Value,
    pub(crate) language: Option<String>,
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Of a user or a chat.
pub(crate) fn name(of: &Value) -> String {
    let names = [&of["first_name"], &of["last_name"]].map(text).join(" ");
    of["title"].as_str().unwrap_or(names.trim_end()).to_owned()
}

/// Unix seconds; 0 stands for a message that the bot may not see.
pub(crate) fn time(date: &Value) -> Option<Timestamp> {
    let seconds = date.as_i64().filter(|it| 0 < *it)?;
    Some(Timestamp(seconds.saturating_mul(1_000)))
}
