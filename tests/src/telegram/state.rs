//! Everything that the double remembers.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::{Map, Value, json};

use super::call::Refusal;
use super::people::{self, Chat};
use super::{BOT, USERNAME};
use crate::conformance::Fault;

/// When the double's time begins: a second passes with every message.
pub(super) const BEGINNING: i64 = 1_790_000_000;

#[derive(Debug)]
pub(super) struct Inner {
    /// Where another program is served; empty for none.
    pub(super) webhook: String,
    /// The kinds of updates that the last poll asked for; `None` for those that every bot gets.
    pub(super) allowed: Option<Vec<String>>,
    pub(super) chats: BTreeMap<i64, Chat>,
    /// Names of people, by id.
    pub(super) names: HashMap<i64, String>,
    pub(super) messages: Vec<Stored>,
    /// With their numbers, the oldest first.
    pub(super) updates: VecDeque<(i64, Value)>,
    pub(super) next_update: i64,
    /// Counts the polls that wait; the last one may.
    pub(super) polls: u64,
    /// How often all that waited were ended.
    pub(super) polls_ended: u64,
    /// What the next polls are answered with.
    pub(super) polls_refused: VecDeque<Refusal>,
    /// The next poll that brings something is not answered.
    pub(super) poll_is_lost: bool,
    pub(super) files: BTreeMap<String, StoredFile>,
    pub(super) faults: VecDeque<Fault>,
    pub(super) typing: usize,
    /// Privacy mode is off.
    pub(super) reads_all: bool,
    /// What people see behind `/`.
    pub(super) menu: Value,
    /// Presses that may be answered.
    pub(super) presses: Vec<String>,
    pub(super) answered: Vec<String>,
    pub(super) calls: Vec<(String, Value)>,
}

/// A message of anybody's.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    pub(super) chat: i64,
    pub(super) id: i64,
    pub(super) thread: Option<i64>,
    /// `None` for the bot's own.
    pub(super) author: Option<i64>,
    /// What a reader sees: the text, or the caption.
    pub(super) text: String,
    pub(super) entities: Vec<Value>,
    pub(super) rich: bool,
    /// The ids of files, and how the message carries each.
    pub(super) files: Vec<(&'static str, String)>,
    pub(super) keyboard: Option<Value>,
    pub(super) reactions: Vec<String>,
    pub(super) reply_to: Option<i64>,
    pub(super) edits: usize,
    /// Other fields, as they are shown.
    pub(super) more: Vec<(&'static str, Value)>,
}

#[derive(Clone, Debug)]
pub(super) struct StoredFile {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) mime: String,
    pub(super) content: Vec<u8>,
}

impl Inner {
    pub(super) fn new() -> Self {
        Self {
            webhook: String::new(),
            allowed: None,
            menu: Value::Null,
            reads_all: true,
            chats: people::chats(),
            names: people::names(),
            messages: Vec::new(),
            updates: VecDeque::new(),
            next_update: 100_001,
            polls: 0,
            polls_ended: 0,
            polls_refused: VecDeque::new(),
            poll_is_lost: false,
            files: BTreeMap::new(),
            faults: VecDeque::new(),
            typing: 0,
            presses: Vec::new(),
            answered: Vec::new(),
            calls: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, kind: &str, content: Value) {
        // A reaction comes to those alone that ask for it.
        let is_wanted = match &self.allowed {
            Some(kinds) => kinds.iter().any(|it| it == kind),
            None => kind != "message_reaction",
        };
        if !is_wanted {
            return;
        }
        let number = self.next_update;
        self.next_update += 1;
        let mut update = Map::new();
        update.insert("update_id".into(), number.into());
        update.insert(kind.into(), content);
        self.updates.push_back((number, update.into()));
    }

    /// Numbers a message and keeps it. Telegram numbers the messages of each chat.
    pub(super) fn keep(&mut self, mut message: Stored) -> Stored {
        let in_chat = self.messages.iter().filter(|it| it.chat == message.chat);
        message.id = in_chat.map(|it| it.id).max().unwrap_or(10) + 1;
        self.messages.push(message.clone());
        message
    }

    pub(super) fn keep_file(&mut self, file: StoredFile) -> String {
        let id = format!("AgACAgIAAxk_{}", self.files.len() + 1);
        self.files.insert(id.clone(), file);
        id
    }

    pub(super) fn message(&self, chat: i64, id: i64) -> Option<&Stored> {
        self.messages.iter().find(|it| it.chat == chat && it.id == id)
    }

    pub(super) fn message_mut(&mut self, chat: i64, id: i64) -> Option<&mut Stored> {
        self.messages.iter_mut().find(|it| it.chat == chat && it.id == id)
    }

    pub(super) fn user(&self, id: i64) -> Value {
        if id == BOT {
            return bot();
        }
        let name = self.names.get(&id).map_or("Somebody", String::as_str);
        json!({"id": id, "is_bot": false, "first_name": name, "language_code": "en"})
    }

    /// A message as the server shows it.
    pub(super) fn show(&self, message: &Stored) -> Value {
        let mut shown = self.show_alone(message);
        if let Some(replied) = message.reply_to.and_then(|it| self.message(message.chat, it)) {
            // Without what that one replies to.
            shown["reply_to_message"] = self.show_alone(replied);
        } else if let Some(topic) = message.thread.filter(|_| message.author.is_some()) {
            // What the first message of a topic is to everything in it.
            shown["reply_to_message"] = json!({
                "message_id": topic, "date": BEGINNING, "chat": self.show_chat(message.chat),
                "from": bot(), "message_thread_id": topic, "is_topic_message": true,
                "forum_topic_created": {"name": "Plans", "icon_color": 7_322_096},
            });
        }
        shown
    }

    fn show_alone(&self, message: &Stored) -> Value {
        let mut shown = json!({
            "message_id": message.id,
            "date": BEGINNING + message.id,
            "chat": self.show_chat(message.chat),
            "from": self.user(message.author.unwrap_or(BOT)),
        });
        if let Some(thread) = message.thread {
            shown["message_thread_id"] = thread.into();
            shown["is_topic_message"] = true.into();
        }
        let (text, entities) = if message.files.is_empty() {
            ("text", "entities")
        } else {
            ("caption", "caption_entities")
        };
        if message.rich {
            shown["rich_message"] =
                json!({"blocks": [{"type": "paragraph", "text": message.text}]});
        } else if !message.text.is_empty() {
            shown[text] = message.text.clone().into();
            if !message.entities.is_empty() {
                shown[entities] = message.entities.clone().into();
            }
        }
        for (field, id) in &message.files {
            shown[*field] = self.show_file(field, id);
        }
        for (field, value) in &message.more {
            shown[*field] = value.clone();
        }
        if let Some(keyboard) = &message.keyboard {
            shown["reply_markup"] = keyboard.clone();
        }
        if 0 < message.edits {
            shown["edit_date"] =
                (BEGINNING + message.id + i64::try_from(message.edits).unwrap_or_default()).into();
        }
        shown
    }

    pub(super) fn show_chat(&self, id: i64) -> Value {
        self.chats.get(&id).map_or(Value::Null, |it| it.show(id))
    }

    fn show_file(&self, field: &str, id: &str) -> Value {
        let file = &self.files[id];
        let unique = format!("uniq_{id}");
        let mut shown =
            json!({"file_id": id, "file_unique_id": unique, "file_size": file.content.len()});
        match field {
            "photo" => {
                let thumb = json!({"file_id": format!("{id}_s"), "file_unique_id": format!("{unique}_s"),
                    "width": 90, "height": 51, "file_size": 1024});
                shown["width"] = 1280.into();
                shown["height"] = 720.into();
                return json!([thumb, shown]);
            }
            "video" => {
                shown["width"] = 640.into();
                shown["height"] = 360.into();
                shown["duration"] = 3.into();
            }
            "audio" | "voice" => shown["duration"] = 3.into(),
            _ => {}
        }
        shown["mime_type"] = file.mime.clone().into();
        if field != "voice" {
            shown["file_name"] = file.name.clone().into();
        }
        shown
    }
}

fn bot() -> Value {
    json!({"id": BOT, "is_bot": true, "first_name": "Nano", "username": USERNAME})
}
