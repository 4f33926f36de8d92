//! What the agent is shown of a message, and what a run of a task knows, as one column.

use domain::message::{Admitted, ChatInfo, Quote};
use domain::task::TaskRun;
use domain::time::Timestamp;
use domain::trace::Rule;
use serde::{Deserialize, Serialize};

use crate::row::json_column;

/// See the module. A missing value is its default, so that fields can be added here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Body {
    pub(crate) sender: String,
    pub(crate) text: String,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) chat: ChatInfo,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) quote: Option<Quote>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) sent_at: Option<Timestamp>,
    /// What the router decided by.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) rule: Option<Rule>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) run: Option<TaskRun>,
}

json_column!(Body);

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Body {
    pub(crate) fn of(admitted: &Admitted) -> Self {
        let message = &admitted.message;
        Self {
            sender: message.sender.name.clone(),
            text: message.text.clone(),
            chat: message.chat.clone(),
            quote: message.quote.clone(),
            sent_at: message.sent_at,
            rule: admitted.rule.clone(),
            run: None,
        }
    }
}
