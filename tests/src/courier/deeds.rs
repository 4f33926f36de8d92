//! What people do on the double besides writing plain words.

use serde_json::{Map, Value, json};

use super::world::{Inner, Message};
use crate::conformance::{Deed, Happening, Post};

impl Inner {
    /// A message of somebody's, with its files.
    fn message_of(&mut self, post: &Post) -> Message {
        let (author, name) = &post.author;
        self.names.insert(author.clone(), name.clone());
        let replied = post.reply_to.as_ref().and_then(|it| self.message(it));
        let mentioned = post.mention || replied.is_some_and(|it| it.is_ours);
        let text = if post.mention { format!("@nano {}", post.text) } else { post.text.clone() };
        let file = |(name, mime, content): &(String, String, Vec<u8>)| super::world::File {
            name: name.clone(),
            mime: mime.clone(),
            content: content.clone(),
        };
        let files = post.files.iter().map(|it| self.keep_file(file(it))).collect();
        Message {
            chat: post.place.chat.clone(),
            thread: post.place.thread.clone(),
            author: Some(author.clone()),
            text,
            mentioned,
            files,
            reply_to: post.reply_to.clone(),
            ..Message::default()
        }
    }

    /// Keeps a message and tells the bot.
    fn publish(&mut self, message: Message) -> String {
        let id = self.keep(message);
        self.tell(&id, "message");
        id
    }

    pub(super) fn tell(&mut self, id: &str, kind: &str) {
        let message = self.message(id).unwrap_or_else(|| panic!("there is no message {id}"));
        let shown = self.show(message);
        self.push(kind, shown);
    }

    pub(super) fn write(&mut self, post: &Post) -> String {
        let message = self.message_of(post);
        self.publish(message)
    }

    /// Returns what [`Double::act`](crate::conformance::Double::act) does.
    pub(super) fn act(&mut self, deed: Deed) -> Option<String> {
        let (message, more) = match deed {
            Deed::Edit { of, post } => return self.change(&of, &post),
            Deed::Delete { of, post } => {
                self.message_mut(&of)?.is_gone = true;
                let (chat, from) = (self.show_chat(&post.place.chat), self.by(&post));
                self.push("deleted", json!({"id": of, "chat": chat, "from": from}));
                return Some(of);
            }
            Deed::React { to, emoji, added, post } => {
                let (chat, from) = (self.show_chat(&post.place.chat), self.by(&post));
                let reaction =
                    json!({"id": to, "chat": chat, "from": from, "emoji": emoji, "added": added});
                self.push("reacted", reaction);
                return Some(to);
            }
            Deed::Album(post) => (self.message_of(&post), None),
            Deed::Forward { from, post } => {
                (self.message_of(&post), Some(("forwarded_from", from)))
            }
            Deed::QuoteFiles(post) => {
                let author = ("4343".to_owned(), "Bob".to_owned());
                let first = Post { author, text: String::new(), ..post.clone() };
                let reply_to = Some(self.write(&first));
                (self.message_of(&Post { files: vec![], reply_to, ..post }), None)
            }
            Deed::Unreadable(post) => {
                (self.message_of(&post), Some(("unreadable", "a checklist".to_owned())))
            }
            Deed::Shared(post) => (Message { author: None, ..self.message_of(&post) }, None),
        };
        let more = more.into_iter().map(|(name, words)| (name.to_owned(), words.into()));
        let more: Map<String, Value> = more.collect();
        Some(self.publish(Message { more, ..message }))
    }

    /// Returns the id of the chat or the message.
    pub(super) fn happen(&mut self, happening: Happening) -> Option<String> {
        let (kind, chat, id, more) = match happening {
            Happening::Removed(place) => ("left", place.chat.clone(), place.chat, Value::Null),
            Happening::Invited { place, by } => {
                ("joined", place.chat.clone(), place.chat, self.show_person(&by.0))
            }
            Happening::Renamed { place, title } => {
                self.chats.get_mut(&place.chat)?.title = title;
                ("renamed", place.chat.clone(), place.chat, Value::Null)
            }
            Happening::Undelivered { place, message, why } => {
                ("undelivered", place.chat, message, why.into())
            }
        };
        self.chats.get_mut(&chat)?.is_left = kind == "left";
        let chat = self.show_chat(&chat);
        self.push(kind, json!({"id": id, "chat": chat, "from": more, "why": more}));
        Some(id)
    }

    fn by(&self, post: &Post) -> Value {
        self.show_person(&post.author.0)
    }

    fn change(&mut self, of: &str, post: &Post) -> Option<String> {
        let new = self.message_of(post);
        let message = self.message_mut(of)?;
        (message.text, message.mentioned) = (new.text, new.mentioned);
        message.edits += 1;
        self.tell(of, "edited");
        Some(of.to_owned())
    }
}
