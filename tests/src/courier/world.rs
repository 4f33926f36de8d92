//! Everything that the double remembers, and how it shows it.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::{Map, Value, json};

use super::faults::Mishap;
use super::{BOT, BOT_NAME, TOKEN};
use crate::conformance::Fault;

/// When the double's time begins: a second passes with every message.
const BEGINNING: usize = 1_790_000_000;
pub(super) const GROUP: &str = "team";
pub(super) const THREAD: &str = "plans";
const PEOPLE: [(&str, &str); 2] = [("4242", "Ann"), ("4343", "Bob")];

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) token: String,
    pub(super) chats: BTreeMap<String, Chat>,
    /// Names of people, by id.
    pub(super) names: HashMap<String, String>,
    pub(super) messages: Vec<Message>,
    /// With their numbers, the oldest first.
    pub(super) updates: Vec<(u64, Value)>,
    pub(super) next_update: u64,
    pub(super) files: BTreeMap<String, File>,
    /// The ids of messages, by the keys that they were made with.
    pub(super) keys: HashMap<String, String>,
    pub(super) mishaps: VecDeque<Mishap>,
    /// What the next polls meet.
    pub(super) reads: VecDeque<Fault>,
    /// The highest number that a poll went on behind.
    pub(super) asked_after: u64,
    /// How often all polls that waited were ended.
    pub(super) polls_ended: u64,
    pub(super) typing: usize,
    pub(super) commands: Value,
    pub(super) answered: Vec<(String, String)>,
    pub(super) requests: Vec<(String, String, Value)>,
}

#[derive(Clone, Debug)]
pub(super) struct Chat {
    pub(super) title: String,
    pub(super) is_group: bool,
    /// The bot was removed.
    pub(super) is_left: bool,
}

/// A message of anybody's.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) chat: String,
    pub(super) thread: Option<String>,
    /// `None` for the bot's own, and for one that is written under the name of its chat.
    pub(super) author: Option<String>,
    pub(super) is_ours: bool,
    pub(super) text: String,
    pub(super) mentioned: bool,
    /// The ids of files.
    pub(super) files: Vec<String>,
    pub(super) buttons: Vec<(String, String)>,
    pub(super) reactions: Vec<String>,
    pub(super) reply_to: Option<String>,
    pub(super) edits: usize,
    /// Taken away: nobody sees it, and its number is not given again.
    pub(super) is_gone: bool,
    pub(super) is_silent: bool,
    pub(super) notifies: Option<String>,
    /// Other fields, as they are shown.
    pub(super) more: Map<String, Value>,
}

#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) mime: String,
    pub(super) content: Vec<u8>,
}

impl Inner {
    pub(super) fn new() -> Self {
        let private = |(id, name): (&str, &str)| {
            (direct(id), Chat { title: name.into(), is_group: false, is_left: false })
        };
        let group = Chat { title: "The team".into(), is_group: true, is_left: false };
        Self {
            token: TOKEN.into(),
            chats: PEOPLE.into_iter().map(private).chain([(GROUP.into(), group)]).collect(),
            names: PEOPLE.iter().map(|(id, name)| ((*id).into(), (*name).into())).collect(),
            messages: Vec::new(),
            updates: Vec::new(),
            next_update: 1,
            files: BTreeMap::new(),
            keys: HashMap::new(),
            mishaps: VecDeque::new(),
            reads: VecDeque::new(),
            asked_after: 0,
            polls_ended: 0,
            typing: 0,
            commands: Value::Null,
            answered: Vec::new(),
            requests: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, kind: &str, mut content: Value) {
        let number = self.next_update;
        self.next_update += 1;
        content["number"] = number.into();
        content["type"] = kind.into();
        self.updates.push((number, content));
    }

    /// Numbers a message and keeps it; returns its id.
    pub(super) fn keep(&mut self, mut message: Message) -> String {
        message.id = format!("m{}", self.messages.len() + 1);
        self.messages.push(message);
        format!("m{}", self.messages.len())
    }

    pub(super) fn keep_file(&mut self, file: File) -> String {
        let id = format!("f{}", self.files.len() + 1);
        self.files.insert(id.clone(), file);
        id
    }

    /// A message that was not taken away.
    pub(super) fn message(&self, id: &str) -> Option<&Message> {
        self.messages.iter().find(|it| it.id == id && !it.is_gone)
    }

    pub(super) fn message_mut(&mut self, id: &str) -> Option<&mut Message> {
        self.messages.iter_mut().find(|it| it.id == id && !it.is_gone)
    }

    pub(super) fn show_person(&self, id: &str) -> Value {
        let name = self.names.get(id).map_or("Somebody", String::as_str);
        json!({"id": id, "name": name, "kind": "person"})
    }

    pub(super) fn show_chat(&self, id: &str) -> Value {
        let chat = &self.chats[id];
        json!({"id": id, "title": chat.title, "is_group": chat.is_group})
    }

    fn show_author(&self, message: &Message) -> Value {
        match &message.author {
            Some(author) => self.show_person(author),
            None if message.is_ours => json!({"id": BOT, "name": BOT_NAME, "kind": "bot"}),
            None => {
                let title = &self.chats[&message.chat].title;
                json!({"id": message.chat, "name": title, "kind": "shared"})
            }
        }
    }

    fn show_files(&self, message: &Message) -> Value {
        let show = |id: &String| {
            let File { name, mime, content } = &self.files[id];
            json!({"id": id, "name": name, "mime": mime, "bytes": content.len()})
        };
        message.files.iter().map(show).collect()
    }

    pub(super) fn show(&self, message: &Message) -> Value {
        let number: usize = message.id[1..].parse().unwrap();
        let mut shown = json!({
            "id": message.id, "chat": self.show_chat(&message.chat), "text": message.text,
            "from": self.show_author(message), "mentioned": message.mentioned,
            "files": self.show_files(message), "at": BEGINNING + number,
        });
        if let Some(thread) = &message.thread {
            shown["thread"] = json!({"id": thread, "title": "Plans"});
        }
        if let Some(replied) = message.reply_to.as_ref().and_then(|it| self.message(it)) {
            shown["reply_to"] = json!({
                "id": replied.id, "sender": self.show_author(replied)["name"], "text": replied.text,
                "is_ours": replied.is_ours, "files": self.show_files(replied),
            });
        }
        for (field, value) in &message.more {
            shown[field] = value.clone();
        }
        shown
    }
}

/// The private chat with a person.
pub(super) fn direct(person: &str) -> String {
    format!("dm-{person}")
}
