//! What somebody writes on the platform in memory.

use domain::message::{Attachment, Author, Body, Change, ChatInfo, FileKind, Incoming};
use domain::time::Timestamp;

use super::address;

/// A message that is being written. Ann writes it in a private chat, unless something else is said.
#[derive(Clone, Debug)]
pub struct TestMessage {
    pub(super) message: Incoming,
    pub(super) reply_to: Option<String>,
    /// In the order of the attachments.
    pub(super) contents: Vec<Vec<u8>>,
}

impl TestMessage {
    /// `id` is the platform's.
    pub fn new(chat: &str, id: &str, text: &str) -> Self {
        let message = Incoming {
            from: address(chat),
            platform_id: id.into(),
            body: Body::new(Author::new("ann", "Ann"), text),
            ..Incoming::default()
        };
        Self { message, reply_to: None, contents: vec![] }
    }

    /// The chat that it goes to.
    pub fn chat(&self) -> &str {
        &self.message.from.chat
    }

    /// The id of its author.
    pub fn sender(&self) -> &str {
        &self.message.body.sender.id
    }

    pub fn by(mut self, id: &str, name: &str) -> Self {
        self.message.body.sender = Author::new(id, name);
        self
    }

    pub fn in_group(mut self, title: &str) -> Self {
        self.message.body.chat = ChatInfo { title: title.into(), is_group: true };
        self
    }

    pub fn in_thread(mut self, thread: &str) -> Self {
        self.message.from.thread = Some(thread.into());
        self
    }

    /// The bot is meant.
    pub fn mention(mut self) -> Self {
        self.message.mentioned = true;
        self
    }

    /// In reply to the message of this id, the bot's or somebody's.
    pub fn reply_to(mut self, id: &str) -> Self {
        self.reply_to = Some(id.into());
        self
    }

    pub fn file(mut self, name: &str, mime: &str, content: Vec<u8>) -> Self {
        self.message.files.push(Attachment {
            kind: kind(mime),
            name: name.into(),
            mime: mime.into(),
            bytes: u64::try_from(content.len()).ok(),
            source: format!("{}/{}", self.message.platform_id, self.contents.len()),
            is_quoted: false,
        });
        self.contents.push(content);
        self
    }

    /// Its first file is that of another message.
    pub fn same_file_as(mut self, id: &str) -> Self {
        self.message.files[0].source = format!("{id}/0");
        self
    }

    /// When the platform says that it was written.
    pub fn sent_at(mut self, at: Timestamp) -> Self {
        self.message.body.sent_at = Some(at);
        self
    }

    /// Everything else that a platform says of a message, and of who wrote it.
    pub fn with(mut self, say: impl FnOnce(&mut Body)) -> Self {
        say(&mut self.message.body);
        self
    }

    /// It says what became of another message.
    pub fn change(self, change: Change) -> Self {
        self.with(|body| body.change = Some(change))
    }

    pub fn to_agent(mut self, name: &str) -> Self {
        self.message.to_agent = Some(name.into());
        self
    }
}

fn kind(mime: &str) -> FileKind {
    match mime.split('/').next() {
        Some("image") => FileKind::Image,
        Some("audio") => FileKind::Audio,
        Some("video") => FileKind::Video,
        _ => FileKind::Document,
    }
}
