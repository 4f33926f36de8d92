//! The people and chats that there are.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::FakeTelegram;
use super::state::Stored;

/// A supergroup with topics.
pub const GROUP: i64 = -1_001_234_567_890;
/// A topic in it.
pub const TOPIC: i64 = 7;
/// The people of [`crate::conformance::Double::people`].
const PEOPLE: [(i64, &str); 2] = [(4242, "Ann"), (4343, "Bob")];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chat {
    pub(super) kind: &'static str,
    pub(super) title: String,
    pub(super) topics: Vec<i64>,
    /// The supergroup that it became.
    pub(super) moved_to: Option<i64>,
}

impl Chat {
    fn new(kind: &'static str, title: &str) -> Self {
        Self { kind, title: title.into(), topics: Vec::new(), moved_to: None }
    }

    pub(super) fn show(&self, id: i64) -> Value {
        match self.kind {
            "private" => json!({"id": id, "type": "private", "first_name": self.title}),
            kind if self.topics.is_empty() => json!({"id": id, "type": kind, "title": self.title}),
            kind => json!({"id": id, "type": kind, "title": self.title, "is_forum": true}),
        }
    }
}

pub(super) fn chats() -> BTreeMap<i64, Chat> {
    let group = Chat { topics: vec![TOPIC], ..Chat::new("supergroup", "The team") };
    let private = PEOPLE.map(|(id, name)| (id, Chat::new("private", name)));
    private.into_iter().chain([(GROUP, group)]).collect()
}

pub(super) fn names() -> HashMap<i64, String> {
    PEOPLE.into_iter().map(|(id, name)| (id, name.to_owned())).collect()
}

impl FakeTelegram {
    /// Somebody who opens a private chat with the bot.
    pub fn add_person(&self, id: i64, name: &str) {
        let mut inner = self.state.lock();
        inner.chats.insert(id, Chat::new("private", name));
        inner.names.insert(id, name.to_owned());
    }

    /// A plain group, which can become a supergroup.
    #[must_use]
    pub fn add_group(&self, title: &str) -> i64 {
        let mut inner = self.state.lock();
        let id = -1_000 - i64::try_from(inner.chats.len()).unwrap_or_default();
        inner.chats.insert(id, Chat::new("group", title));
        id
    }

    /// Makes a supergroup of a group: it has another id, and both chats tell.
    ///
    /// # Panics
    /// When there is no such group.
    pub fn migrate(&self, group: i64) -> i64 {
        let mut inner = self.state.lock();
        let new = -1_009_000_000_000 + group;
        let title = inner.chats[&group].title.clone();
        inner.chats.insert(new, Chat::new("supergroup", &title));
        inner.chats.get_mut(&group).unwrap().moved_to = Some(new);
        for (chat, field, other) in
            [(group, "migrate_to_chat_id", new), (new, "migrate_from_chat_id", group)]
        {
            let author = Some(PEOPLE[0].0);
            let told = inner.keep(Stored { chat, author, ..Stored::default() });
            let mut shown = inner.show(&told);
            shown[field] = other.into();
            inner.push("message", shown);
        }
        drop(inner);
        self.state.news.notify_waiters();
        new
    }
}
