//! What every adapter must do, whatever its platform: checks that run against a local double of it.

pub mod checks;
pub mod driven;

use std::time::Duration;

use async_trait::async_trait;
use channel::{Account, Registration};

/// A local double of a platform, seen from the people who use that platform.
#[async_trait]
pub trait Double: Send + Sync {
    fn registration(&self) -> &'static Registration;

    /// Leads to this double, with a credential that it takes.
    fn account(&self) -> Account;

    /// The same with a credential that it rejects.
    fn account_with_wrong_credential(&self) -> Account;

    /// A private chat with the bot, a group, and a thread in that group where there are threads.
    fn places(&self) -> TestChats;

    /// Somebody writes; returns the platform's id of the message as the adapter must report it.
    async fn post(&self, post: Post) -> String;

    /// Somebody presses the button with this data under a message of the bot.
    async fn click(&self, place: &TestChat, message: &str, data: &str, by: &str);

    /// Somebody does more than write plain words. Returns the platform's id of the message that came of it, as
    /// the adapter must report it, and anything for a change of a message. `None` where the platform, or its
    /// double, has no such thing: what is checked of it is left out then.
    async fn act(&self, _deed: Deed) -> Option<String> {
        None
    }

    /// Something happens to a chat, or to what was sent there. `false` where the platform, or its double, has no
    /// such thing: what is checked of it is left out then.
    async fn happen(&self, _happening: Happening) -> bool {
        false
    }

    /// The credential is exchanged for another one of the same bot; an account with the new one. `None` where
    /// the double knows no other.
    async fn renew(&self) -> Option<Account> {
        None
    }

    /// Everything of the bot that is visible now, oldest first.
    async fn visible(&self) -> Vec<Visible>;

    /// How often the bot showed that it works, in all chats.
    async fn typing_count(&self) -> usize;

    /// What happens next. Faults of sending meet the next request that sends; the others at once.
    async fn fault(&self, fault: Fault);

    /// The platform's ids and names of two people. The private chat of the first is
    /// `places().direct`.
    fn people(&self) -> [(String, String); 2] {
        [("4242".into(), "Ann".into()), ("4343".into(), "Bob".into())]
    }

    /// What is possible on this platform and no capability of the adapter tells.
    fn habits(&self) -> Habits {
        Habits::default()
    }

    /// Nothing happens, and the platform gives the sign of life that it gives then, without the time
    /// that this takes. Nothing for adapters that have no platform which could fall silent.
    async fn quiet(&self) {}

    /// Returns once everything that is posted from now on reaches the connected adapter, whose
    /// `receive` runs meanwhile. Platforms that keep what was posted are always ready.
    async fn ready(&self) {}

    /// Returns once the platform knows what became of a message that was settled. Platforms that are
    /// told nothing know at once.
    async fn told(&self, _message: &str) {}

    /// Whether a message of the bot rang nobody up, and whom it names as the one to be notified; `None`
    /// where the double does not tell.
    async fn rang(&self, _message: &str) -> Option<Rang> {
        None
    }

    /// Whether this can go wrong on this platform at all.
    fn can_happen(&self, _fault: Fault) -> bool {
        true
    }
}

/// How a message of the bot was announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rang {
    pub is_silent: bool,
    /// The platform's id of the only person whom it notifies by name.
    pub notifies: Option<String>,
}

/// What is possible on a platform. Everything, unless its double says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    pub groups: bool,
    /// The platform says when the bot is meant; else only the trigger word does.
    pub mentions: bool,
    /// One can reply to a certain message.
    pub quotes: bool,
    /// People can send files to the bot.
    pub files_in: bool,
    /// Files of the bot are shown under the name that the host gives them.
    pub file_names: bool,
    /// A private chat can be opened with a person.
    pub opens_direct: bool,
    /// What was posted while nobody was connected arrives afterwards.
    pub backfills: bool,
    /// The sender is told that nothing will answer a message; elsewhere that would be noise.
    pub ends_waits: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            groups: true,
            mentions: true,
            quotes: true,
            files_in: true,
            file_names: true,
            opens_direct: true,
            backfills: true,
            ends_waits: false,
        }
    }
}

/// A chat of the double, as the adapter must name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestChat {
    pub chat: String,
    pub thread: Option<String>,
    pub is_group: bool,
}

#[derive(Clone, Debug)]
pub struct TestChats {
    pub direct: TestChat,
    pub group: TestChat,
    pub thread: Option<TestChat>,
}

/// What somebody writes.
#[derive(Clone, Debug)]
pub struct Post {
    pub place: TestChat,
    /// The platform's id of its author, and the author's name.
    pub author: (String, String),
    pub text: String,
    /// The bot is mentioned the way the platform does it, in front of the text.
    pub mention: bool,
    /// File name, type and content.
    pub files: Vec<(String, String, Vec<u8>)>,
    /// A message of this id is replied to.
    pub reply_to: Option<String>,
}

impl Post {
    /// Plain words by the first of the [`Double::people`].
    pub fn plain(double: &dyn Double, place: &TestChat, text: &str) -> Self {
        let [author, _] = double.people();
        Self {
            place: place.clone(),
            author,
            text: text.into(),
            mention: false,
            files: vec![],
            reply_to: None,
        }
    }
}

/// What people do besides writing plain words.
#[derive(Clone, Debug)]
pub enum Deed {
    /// The author of the message `of` makes it read as this, mention included.
    Edit { of: String, post: Post },
    /// The author of the message `of`, who is that of `post`, takes it away. The text says nothing.
    Delete { of: String, post: Post },
    /// The author of `post` puts an emoji under the message `to`, or takes it away.
    React { to: String, emoji: String, added: bool, post: Post },
    /// The files of the post are sent as one message, the way people send several pictures.
    Album(Post),
    /// The post's author passes on what `from`, a name, wrote; the text is theirs.
    Forward { from: String, post: Post },
    /// Somebody else's message with the files of the post, and then the post, which replies to it and has no
    /// file of its own.
    QuoteFiles(Post),
    /// A post without a text that has only something that no adapter can put into words, such as a checklist.
    Unreadable(Post),
    /// Somebody writes under an identity that several people share: an anonymous administrator, a channel.
    Shared(Post),
}

/// What happens to a chat, or to what was sent there.
#[derive(Clone, Debug)]
pub enum Happening {
    /// The bot is removed from the chat.
    Removed(TestChat),
    /// This person, by id and name, lets the bot into the chat.
    Invited {
        place: TestChat,
        by: (String, String),
    },
    Renamed {
        place: TestChat,
        title: String,
    },
    /// This message of the bot did not arrive after all.
    Undelivered {
        place: TestChat,
        message: String,
        why: String,
    },
}

/// A message of the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visible {
    pub place: TestChat,
    /// As the adapter's `deliver` returned it.
    pub id: String,
    /// What a reader sees, formats left out.
    pub text: String,
    /// Name and content.
    pub files: Vec<(String, Vec<u8>)>,
    /// Label and data.
    pub buttons: Vec<(String, String)>,
    pub reactions: Vec<String>,
    pub edits: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The next send is answered with "wait so long".
    Throttle(Duration),
    /// The next send takes effect and its answer is lost.
    AnswerLost,
    /// The next send is answered with a passing error of the server.
    ServerError,
    /// The next send is refused for good: the bot may not write there.
    Forbidden,
    /// The next send's formats are not understood.
    BadFormat,
    /// Connections break now; new ones are taken.
    Disconnect,
    /// An event arrives that no adapter can understand.
    Garbage,
}
