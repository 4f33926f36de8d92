//! The platform in memory as the conformance suite sees it. It shows that the suite can be passed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use channel::{Account, Caps, Event, Fields, Registration};
use domain::message::{Address, Author, AuthorKind, Change};

use super::{FakePlatform, SendFault, TestMessage, WRONG_CREDENTIAL};
use crate::conformance::{
    Deed, Double, Fault, Habits, Happening, Post, Rang, TestChat, TestChats, Visible,
};
use crate::crash::Crash;

const GROUP: &str = "the-group";

/// A platform of its own, with its only registration.
#[derive(Debug)]
pub struct MemoryDouble {
    platform: Arc<FakePlatform>,
    registration: &'static Registration,
    posted: AtomicUsize,
}

impl MemoryDouble {
    #[must_use]
    pub fn new(caps: Caps) -> Self {
        Self::over(FakePlatform::with_caps(caps))
    }

    /// One that asks its accounts for a word.
    #[must_use]
    pub fn locked(caps: Caps) -> Self {
        Self::over(FakePlatform::locked(caps))
    }

    fn over(platform: Arc<FakePlatform>) -> Self {
        let registration = platform.registration(Crash::never());
        Self { platform, registration, posted: AtomicUsize::new(0) }
    }

    /// Returns the platform's id of the message.
    fn write(&self, post: Post, more: impl FnOnce(TestMessage) -> TestMessage) -> String {
        let id = format!("m-{}", self.posted.fetch_add(1, Ordering::SeqCst));
        let (by, name) = &post.author;
        let mut message = TestMessage::new(&post.place.chat, &id, &post.text).by(by, name);
        if post.place.is_group {
            message = message.in_group("The group");
        }
        if let Some(thread) = &post.place.thread {
            message = message.in_thread(thread);
        }
        if post.mention {
            message = message.mention();
        }
        if let Some(id) = &post.reply_to {
            message = message.reply_to(id);
        }
        for (name, mime, content) in post.files {
            message = message.file(&name, &mime, content);
        }
        self.platform.write(more(message));
        id
    }

    #[must_use]
    pub fn platform(&self) -> &Arc<FakePlatform> {
        &self.platform
    }
}

#[async_trait]
impl Double for MemoryDouble {
    fn registration(&self) -> &'static Registration {
        self.registration
    }

    fn account(&self) -> Account {
        self.platform.account()
    }

    fn account_with_wrong_credential(&self) -> Account {
        Account { fields: Fields::fixed([("token", WRONG_CREDENTIAL)]), ..self.platform.account() }
    }

    /// A platform of text alone does not say when the bot is meant.
    fn habits(&self) -> Habits {
        Habits { mentions: self.registration.caps.buttons, ..Habits::default() }
    }

    fn places(&self) -> TestChats {
        let [(ann, _), _] = self.people();
        let place = |chat: String, thread: Option<&str>, is_group| TestChat {
            chat,
            thread: thread.map(Into::into),
            is_group,
        };
        TestChats {
            direct: place(format!("dm-{ann}"), None, false),
            group: place(GROUP.into(), None, true),
            thread: Some(place(GROUP.into(), Some("a-thread"), true)),
        }
    }

    async fn post(&self, post: Post) -> String {
        self.write(post, |it| it)
    }

    async fn act(&self, deed: Deed) -> Option<String> {
        let shared = AuthorKind::Shared;
        Some(match deed {
            Deed::Edit { of, post } => self.write(post, |it| it.change(Change::Edited { of })),
            Deed::Delete { of, post } => self.write(post, |it| it.change(Change::Deleted { of })),
            Deed::React { to, emoji, added, post } => {
                self.write(post, |it| it.change(Change::Reacted { to, emoji, added }))
            }
            Deed::Album(post) => self.write(post, |it| it),
            Deed::Forward { from, post } => {
                self.write(post, |it| it.with(|body| body.forwarded_from = Some(from)))
            }
            Deed::QuoteFiles(mut post) => {
                let (files, text) = (std::mem::take(&mut post.files), String::new());
                let id = self.write(Post { files, text, ..post.clone() }, |it| it);
                self.write(Post { reply_to: Some(id), ..post }, |it| it)
            }
            Deed::Unreadable(post) => {
                self.write(post, |it| it.with(|body| body.unread = Some("a checklist".into())))
            }
            Deed::Shared(post) => self.write(post, |it| it.with(|body| body.sender.kind = shared)),
        })
    }

    async fn happen(&self, happening: Happening) -> bool {
        let (channel, account) = (self.registration.name, self.account().name);
        let address = |place: TestChat| Address {
            channel: channel.into(),
            account: account.clone(),
            chat: place.chat,
            thread: None,
        };
        self.platform.happen(match happening {
            Happening::Removed(place) => Event::Left(address(place)),
            Happening::Invited { place, by } => {
                let by = Some(Author::new(by.0, by.1));
                Event::Reachable { chat: address(place), by, title: None }
            }
            Happening::Renamed { place, title } => Event::Renamed { chat: address(place), title },
            Happening::Undelivered { place, message, why } => {
                Event::Undelivered { chat: address(place), id: message, why }
            }
        });
        true
    }

    async fn renew(&self) -> Option<Account> {
        let fields = Fields::fixed([("token", "another-word")]);
        Some(Account { fields, ..self.account() })
    }

    async fn click(&self, place: &TestChat, message: &str, data: &str, by: &str) {
        let people = self.people();
        let name = people.iter().find(|it| it.0 == by).map(|it| it.1.clone());
        let by = Author::new(by, name.unwrap_or_default());
        if place.is_group {
            self.platform.know_group(&place.chat, "The group");
        }
        self.platform.click(message, data, by);
    }

    async fn visible(&self) -> Vec<Visible> {
        let shown = self.platform.shown().into_iter();
        let places = self.places();
        let place = |at: Address| TestChat {
            is_group: at.chat == places.group.chat,
            chat: at.chat,
            thread: at.thread,
        };
        let visible = shown.map(|shown| Visible {
            place: place(shown.to),
            id: shown.id,
            text: shown.text,
            files: shown.files,
            buttons: shown.buttons.into_iter().map(|it| (it.label, it.data)).collect(),
            reactions: shown.reactions,
            edits: shown.edits,
        });
        visible.collect()
    }

    async fn rang(&self, message: &str) -> Option<Rang> {
        let shown = self.platform.shown().into_iter().find(|it| it.id == message)?;
        Some(Rang { is_silent: shown.is_silent, notifies: shown.notifies })
    }

    async fn typing_count(&self) -> usize {
        self.platform.typing_count()
    }

    async fn quiet(&self) {
        self.platform.be_quiet();
    }

    async fn fault(&self, fault: Fault) {
        let send = |fault| self.platform.fail_next_sends(&[fault]);
        match fault {
            Fault::Throttle(after) => send(SendFault::ThrottledFor(after)),
            Fault::AnswerLost => send(SendFault::AnswerLost),
            Fault::ServerError => send(SendFault::Unreachable),
            Fault::Forbidden => send(SendFault::Refused),
            Fault::BadFormat => send(SendFault::BadFormat),
            Fault::Disconnect => self.platform.disconnect(),
            Fault::Garbage => self.platform.post_garbage(),
        }
    }
}
