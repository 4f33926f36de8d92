//! The double as the conformance checks use it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use channel::{Account, Fields, Registration};
use serde_json::{Value, json};

use super::files::stored;
use super::state::{Inner, Stored};
use super::{FakeTelegram, GROUP, TOKEN, TOPIC, USERNAME, WRONG_TOKEN};
use crate::conformance::{Deed, Double, Fault, Happening, Post, TestChat, TestChats, Visible};

#[async_trait]
impl Double for FakeTelegram {
    fn registration(&self) -> &'static Registration {
        channel::registration(telegram::NAME).unwrap()
    }

    fn account(&self) -> Account {
        Account {
            fields: Fields::fixed([("token", TOKEN)]),
            urls: BTreeMap::from([("api".into(), self.url())]),
            ..Account::new("main")
        }
    }

    fn account_with_wrong_credential(&self) -> Account {
        Account { fields: Fields::fixed([("token", WRONG_TOKEN)]), ..self.account() }
    }

    fn places(&self) -> TestChats {
        let [(ann, _), _] = self.people();
        let group = TestChat { chat: GROUP.to_string(), thread: None, is_group: true };
        let thread = TestChat { thread: Some(TOPIC.to_string()), ..group.clone() };
        TestChats {
            direct: TestChat { chat: ann, thread: None, is_group: false },
            group,
            thread: Some(thread),
        }
    }

    async fn post(&self, post: Post) -> String {
        let id = self.state.lock().post(&post);
        self.state.news.notify_waiters();
        id
    }

    async fn click(&self, place: &TestChat, message: &str, data: &str, by: &str) {
        self.state.lock().press(place, message, data, by);
        self.state.news.notify_waiters();
    }

    async fn act(&self, deed: Deed) -> Option<String> {
        self.do_deed(deed)
    }

    async fn happen(&self, happening: Happening) -> bool {
        self.do_happen(happening)
    }

    async fn visible(&self) -> Vec<Visible> {
        let inner = self.state.lock();
        inner.messages.iter().filter(|it| it.author.is_none()).map(|it| inner.seen(it)).collect()
    }

    async fn typing_count(&self) -> usize {
        self.state.lock().typing
    }

    /// Every poll that waits ends with nothing, as when its time is over.
    async fn quiet(&self) {
        self.state.lock().polls_ended += 1;
        self.state.news.notify_waiters();
    }

    async fn fault(&self, fault: Fault) {
        match fault {
            Fault::Disconnect => self.state.cut.notify_waiters(),
            // A message without anything that a message has.
            Fault::Garbage => self.push("message", json!({"message_id": "seven", "chat": []})),
            Fault::Throttle(_)
            | Fault::AnswerLost
            | Fault::ServerError
            | Fault::Forbidden
            | Fault::BadFormat => self.state.lock().faults.push_back(fault),
        }
    }
}

impl Inner {
    pub(super) fn post(&mut self, post: &Post) -> String {
        let messages = self.messages_of(post);
        let ids: Vec<i64> = messages.into_iter().map(|it| self.tell(it)).collect();
        format!("{}:{}", post.place.chat, ids[0])
    }

    /// Several files make an album: a message for each, the first with the text.
    pub(super) fn messages_of(&mut self, post: &Post) -> Vec<Stored> {
        let author: i64 = post.author.0.parse().unwrap();
        self.names.insert(author, post.author.1.clone());
        let text =
            if post.mention { format!("@{USERNAME} {}", post.text) } else { post.text.clone() };
        let base = Stored {
            chat: post.place.chat.parse().unwrap(),
            thread: post.place.thread.as_ref().map(|it| it.parse().unwrap()),
            author: Some(author),
            entities: entities(&text),
            text,
            reply_to: post.reply_to.as_ref().map(|it| number_of(it)),
            ..Stored::default()
        };
        let mut messages = vec![base.clone()];
        let album = format!("13{:015}", self.files.len() + 1);
        for (at, (name, mime, content)) in post.files.iter().enumerate() {
            let id = self.keep_file(stored(self.files.len(), name, mime, content));
            let files = vec![(field(mime), id)];
            if at == 0 {
                messages[0].files = files;
            } else {
                let (text, entities) = (String::new(), Vec::new());
                messages.push(Stored { files, text, entities, ..base.clone() });
            }
        }
        if 1 < messages.len() {
            let member = ("media_group_id", json!(album));
            messages.iter_mut().for_each(|it| it.more.push(member.clone()));
        }
        messages
    }

    /// Keeps a message of somebody's and tells the bot.
    pub(super) fn tell(&mut self, message: Stored) -> i64 {
        let kept = self.keep(message);
        let shown = self.show(&kept);
        self.push("message", shown);
        kept.id
    }

    fn press(&mut self, place: &TestChat, message: &str, data: &str, by: &str) {
        let chat: i64 = place.chat.parse().unwrap();
        let under = self.message(chat, number_of(message)).cloned();
        let under = under.unwrap_or_else(|| panic!("there is no message {message}"));
        let labels = buttons(under.keyboard.as_ref());
        assert!(labels.iter().any(|it| it.1 == data), "no button says {data}: {labels:?}");
        let id = format!("81{:08}", self.presses.len() + self.answered.len() + 1);
        self.presses.push(id.clone());
        let press = json!({
            "id": id, "from": self.user(by.parse().unwrap()), "message": self.show(&under),
            "chat_instance": "-377", "data": data,
        });
        self.push("callback_query", press);
    }

    fn seen(&self, message: &Stored) -> Visible {
        let file = |(_, id): &(&str, String)| {
            let file = &self.files[id];
            (file.name.clone(), file.content.clone())
        };
        Visible {
            place: TestChat {
                chat: message.chat.to_string(),
                thread: message.thread.map(|it| it.to_string()),
                is_group: message.chat < 0,
            },
            id: format!("{}:{}", message.chat, message.id),
            text: message.text.clone(),
            files: message.files.iter().map(file).collect(),
            buttons: buttons(message.keyboard.as_ref()),
            reactions: message.reactions.clone(),
            edits: message.edits,
        }
    }
}

pub(super) fn number_of(id: &str) -> i64 {
    id.rsplit(':').next().unwrap_or_default().parse().unwrap_or_default()
}

fn field(mime: &str) -> &'static str {
    match mime {
        "image/jpeg" | "image/png" | "image/webp" => "photo",
        "video/mp4" => "video",
        "audio/mpeg" => "audio",
        "audio/ogg" => "voice",
        _ => "document",
    }
}

fn buttons(keyboard: Option<&Value>) -> Vec<(String, String)> {
    let rows = keyboard.and_then(|it| it["inline_keyboard"].as_array());
    let buttons = rows.into_iter().flatten().filter_map(Value::as_array).flatten();
    let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
    buttons.map(|it| (text(it, "text"), text(it, "callback_data"))).collect()
}

/// The server marks mentions and commands.
fn entities(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut offset = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let kind = match bare.chars().next() {
            Some('@') => Some("mention"),
            Some('/') => Some("bot_command"),
            Some(_) | None => None,
        };
        if let Some(kind) = kind.filter(|_| 1 < bare.len()) {
            let length = bare.encode_utf16().count();
            found.push(json!({"type": kind, "offset": offset, "length": length}));
        }
        offset += word.encode_utf16().count();
    }
    found
}
