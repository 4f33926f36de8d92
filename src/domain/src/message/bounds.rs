//! How long the words of a message may be. Platforms have limits of their own, which a hostile one need not
//! keep; what is shown to an agent with every message has to stay small. Ids stay as they are, since a cut one would
//! name something else: they are as long as one answer of the platform may be.

use super::{Author, Body, Change, ChatInfo, Incoming};
use crate::plain::{cut, one_line};

/// Of names and titles; the longest that a platform takes is Telegram's 255 of a group.
pub const NAME_CHARS_MAX: usize = 256;
/// Of an emoji, or the name of a platform's own one.
const EMOJI_CHARS_MAX: usize = 64;
/// Of what is quoted, and of the message that a thread began with.
pub const QUOTE_CHARS_MAX: usize = 4_000;
/// Files of one message, the quoted ones among them: two full albums and more.
const FILES_MAX: usize = 32;

impl Incoming {
    /// The same without what is too long. Its text has a limit of its own, see [`super::refusal`].
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.files.truncate(FILES_MAX);
        for file in &mut self.files {
            file.name = cut(&file.name, NAME_CHARS_MAX);
            file.mime = cut(&file.mime, NAME_CHARS_MAX);
        }
        Self { body: self.body.bounded(), ..self }
    }
}

impl Body {
    fn bounded(mut self) -> Self {
        if let Some(quote) = &mut self.quote {
            quote.sender = name(&quote.sender);
            quote.text = cut(&quote.text, QUOTE_CHARS_MAX);
        }
        if let Some(thread) = &mut self.thread {
            thread.title = name(&thread.title);
            thread.root = cut(&thread.root, QUOTE_CHARS_MAX);
        }
        if let Some(Change::Reacted { emoji, .. }) = &mut self.change {
            *emoji = cut(&one_line(emoji), EMOJI_CHARS_MAX);
        }
        // Without a name in it, it was passed on all the same.
        self.forwarded_from = self.forwarded_from.map(|from| match name(&from) {
            from if from.is_empty() => "somebody".to_owned(),
            from => from,
        });
        self.unread = self.unread.map(|it| name(&it)).filter(|it| !it.is_empty());
        Self { sender: self.sender.bounded(), chat: self.chat.bounded(), ..self }
    }
}

impl Author {
    #[must_use]
    pub fn bounded(self) -> Self {
        Self { name: name(&self.name), ..self }
    }
}

impl ChatInfo {
    #[must_use]
    pub fn bounded(self) -> Self {
        Self { title: name(&self.title), ..self }
    }
}

/// A name or a title: on one line.
pub fn name(text: &str) -> String {
    cut(&one_line(text), NAME_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{Attachment, FileKind, Quote, Thread};
    use super::*;

    #[test]
    fn the_words_of_a_platform_stay_small() {
        let long = format!("a\n{}", "x".repeat(1024 * 1024));
        let file = Attachment {
            kind: FileKind::Image,
            name: long.clone(),
            mime: long.clone(),
            bytes: None,
            source: String::new(),
            is_quoted: true,
        };
        let body = Body {
            sender: Author::new("9", long.clone()),
            chat: ChatInfo { title: long.clone(), is_group: true },
            quote: Some(Quote { sender: long.clone(), text: long.clone(), ..Quote::default() }),
            thread: Some(Thread { title: long.clone(), root: long.clone() }),
            forwarded_from: Some(long.clone()),
            unread: Some(long.clone()),
            change: Some(Change::Reacted { to: "7".into(), emoji: long, added: true }),
            ..Body::default()
        };
        let files = vec![file; 1_000];
        let bounded = Incoming { body, files, ..Incoming::default() }.bounded();
        let shown = format!("{:?}", bounded.body);
        assert!(shown.len() < 11_000, "{}", shown.len());
        assert!(bounded.files.len() == FILES_MAX && bounded.files[0].name.len() < 300);
        assert_eq!(bounded.body.sender.name.find('\n'), None);
    }

    #[test]
    fn what_is_short_stays_as_it_is_and_what_says_nothing_says_so() {
        let body = Body { forwarded_from: Some("Bob".into()), ..Body::default() };
        let message = Incoming { body, ..Incoming::default() };
        assert_eq!(message.clone().bounded(), message);
        let body =
            Body { forwarded_from: Some("\n".into()), unread: Some(" ".into()), ..Body::default() };
        let body = Incoming { body, ..message }.bounded().body;
        assert_eq!((body.forwarded_from.as_deref(), body.unread), (Some("somebody"), None));
    }
}
