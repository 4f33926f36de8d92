//! What people do on the double besides writing plain words.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::FakeTelegram;
use super::double::number_of;
use super::state::{BEGINNING, Inner, Stored};
use crate::conformance::{Deed, Happening, Post, TestChat};

/// How far apart the messages of an album are.
const GAP: Duration = Duration::from_millis(300);

impl FakeTelegram {
    /// Returns the platform's id of the message; `None` for what no bot is told.
    pub(super) fn do_deed(&self, deed: Deed) -> Option<String> {
        let id = self.state.lock().do_deed(deed);
        self.state.news.notify_waiters();
        id
    }

    /// Bots are told of their own membership, and of titles by a message of the service.
    pub(super) fn do_happen(&self, happening: Happening) -> bool {
        let status = |is_in| json!({"status": if is_in { "member" } else { "left" }});
        let (place, by, is_in) = match happening {
            Happening::Removed(place) => (place, "4242".to_owned(), false),
            Happening::Invited { place, by } => (place, by.0, true),
            Happening::Renamed { place, title } => {
                let mut inner = self.state.lock();
                inner.tell(Stored {
                    chat: place.chat.parse().unwrap_or_default(),
                    author: Some(4242),
                    more: vec![("new_chat_title", title.into())],
                    ..Stored::default()
                });
                drop(inner);
                self.state.news.notify_waiters();
                return true;
            }
            Happening::Undelivered { .. } => return false,
        };
        let inner = self.state.lock();
        let (chat, user) = (place.chat.parse().unwrap_or_default(), by.parse().unwrap_or_default());
        let change = json!({"chat": inner.show_chat(chat), "from": inner.user(user),
            "date": BEGINNING, "old_chat_member": status(!is_in), "new_chat_member": status(is_in)});
        drop(inner);
        self.push("my_chat_member", change);
        true
    }

    /// Posts the files of an album one after another, as a slow phone sends them.
    pub async fn post_slowly(&self, post: &Post) {
        let messages = self.state.lock().messages_of(post);
        for message in messages {
            self.state.lock().tell(message);
            self.state.news.notify_waiters();
            sleep(GAP).await;
        }
    }

    /// Somebody calls a topic by another name, of which every bot is told.
    pub fn rename_topic(&self, topic: &TestChat, title: &str) {
        let mut inner = self.state.lock();
        inner.tell(Stored {
            chat: topic.chat.parse().unwrap_or_default(),
            thread: topic.thread.as_ref().and_then(|it| it.parse().ok()),
            author: Some(4242),
            more: vec![("forum_topic_edited", json!({"name": title}))],
            ..Stored::default()
        });
        drop(inner);
        self.state.news.notify_waiters();
    }
}

impl Inner {
    fn do_deed(&mut self, deed: Deed) -> Option<String> {
        let (post, more) = match deed {
            Deed::Edit { of, post } => return self.change(&of, &post),
            Deed::React { to, emoji, added, post } => return self.react(&to, &emoji, added, &post),
            // Bots are not told.
            Deed::Delete { .. } => return None,
            Deed::Album(post) => (post, None),
            Deed::Forward { from, post } => {
                let origin =
                    json!({"type": "hidden_user", "sender_user_name": from, "date": BEGINNING});
                (post, Some(("forward_origin", origin)))
            }
            Deed::QuoteFiles(post) => {
                let author = ("4343".to_owned(), "Bob".to_owned());
                let first = Post { author, text: String::new(), ..post.clone() };
                // Of which a bot in privacy mode is not told.
                let first = self.messages_of(&first).into_iter().next()?;
                let (chat, id) = (post.place.chat.clone(), self.keep(first).id);
                let reply_to = Some(format!("{chat}:{id}"));
                (Post { files: vec![], reply_to, ..post }, None)
            }
            Deed::Unreadable(post) => {
                let tasks = json!([{"id": 1, "text": "milk"}]);
                (post, Some(("checklist", json!({"title": "To buy", "tasks": tasks}))))
            }
            Deed::Shared(post) => {
                let chat = self.show_chat(post.place.chat.parse().unwrap_or_default());
                (post, Some(("sender_chat", chat)))
            }
        };
        let mut messages = self.messages_of(&post);
        messages.iter_mut().for_each(|it| it.more.extend(more.clone()));
        let ids: Vec<i64> = messages.into_iter().map(|it| self.tell(it)).collect();
        Some(format!("{}:{}", post.place.chat, ids.first()?))
    }

    fn change(&mut self, of: &str, post: &Post) -> Option<String> {
        let new = self.messages_of(post).into_iter().next()?;
        let message = self.message_mut(new.chat, number_of(of))?;
        (message.text, message.entities) = (new.text, new.entities);
        message.edits += 1;
        let message = message.clone();
        let shown = self.show(&message);
        self.push("edited_message", shown);
        Some(of.to_owned())
    }

    fn react(&mut self, to: &str, emoji: &str, added: bool, post: &Post) -> Option<String> {
        let emoji = json!([{"type": "emoji", "emoji": emoji}]);
        let (old, new) = if added { (json!([]), emoji) } else { (emoji, json!([])) };
        let (chat, user) = (post.place.chat.parse().ok()?, post.author.0.parse().ok()?);
        let update = json!({"chat": self.show_chat(chat), "message_id": number_of(to),
            "user": self.user(user), "date": BEGINNING, "old_reaction": old, "new_reaction": new});
        self.push("message_reaction", update);
        Some(to.to_owned())
    }
}
