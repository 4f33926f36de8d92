//! How chats, topics and messages are named outside this adapter.

use domain::message::Address;
use serde_json::Value;

use crate::NAME;

/// `None` for what names no message.
pub(crate) fn of(message: &Value) -> Option<String> {
    let chat = message["chat"]["id"].as_i64()?;
    Some(of_message(chat, message["message_id"].as_i64()?))
}

pub(crate) fn of_message(chat: i64, message: i64) -> String {
    format!("{chat}:{message}")
}

/// The message's number, if the message is in that chat. What happened to a message is named by its id and
/// what follows `#`.
pub(crate) fn number_in(id: &str, chat: i64) -> Option<i64> {
    let (message, _) = id.split_once('#').unwrap_or((id, ""));
    let (of, number) = message.split_once(':')?;
    (of.parse() == Ok(chat)).then(|| number.parse().ok()).flatten()
}

pub(crate) fn address(account: &str, chat: &Value, thread: Option<i64>) -> Address {
    Address {
        channel: NAME.into(),
        account: account.into(),
        chat: chat.to_string(),
        thread: thread.map(|it| it.to_string()),
    }
}

/// The forum topic of a message. The numbers of other threads, which every reply in a group starts,
/// and of the topic "General" cannot be sent to.
pub(crate) fn topic(message: &Value) -> Option<i64> {
    message["message_thread_id"].as_i64().filter(|_| message["is_topic_message"] == true)
}

/// Where something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) chat: i64,
    pub(crate) thread: Option<i64>,
}

impl Target {
    /// `None` for an address that this adapter did not make.
    pub(crate) fn of(address: &Address) -> Option<Self> {
        let chat = address.chat.parse().ok()?;
        let thread = address.thread.as_deref().map(str::parse).transpose().ok()?;
        Some(Self { chat, thread })
    }

    /// Telegram gives groups negative ids and people positive ones
    /// (<https://core.telegram.org/api/bots/ids>).
    pub(crate) fn is_group(self) -> bool {
        self.chat < 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_in_its_own_chat_alone() {
        let id = of_message(-100_123, 7);
        assert_eq!(id, "-100123:7");
        assert_eq!(number_in(&id, -100_123), Some(7));
        assert_eq!(number_in(&id, -100_124), None);
        assert_eq!(number_in("-100123:7#1700000000:4242+👍", -100_123), Some(7));
        assert_eq!(number_in("x", 1), None);
        assert_eq!(number_in("1:x", 1), None);
    }

    #[test]
    fn an_address_leads_back_to_its_chat_and_topic() {
        let target = Target::of(&address("main", &(-5).into(), Some(9)));
        assert_eq!(target, Some(Target { chat: -5, thread: Some(9) }));
        let foreign = Address { chat: "x".into(), ..Address::default() };
        assert_eq!(Target::of(&foreign), None);
    }
}
