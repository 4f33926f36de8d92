//! A messaging platform in memory. It outlives the host: what was posted is delivered again until
//! the cursor has moved behind it, and what was sent stays sent.
//!
//! This file is the people's side: what they write, press and see. [`adapter`] is the host's.

mod adapter;
mod message;
mod state;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use channel::{Account, Adapter, Caps, Event, Fields, Need, Part, Registration, Verdict};
use domain::message::{Address, Author, Click};
use domain::outgoing::{Content, Dialect, Pace, Rate, TextLimit};
use tokio::sync::Notify;
use tokio::time::Instant;

use self::adapter::FakeAdapter;
pub use self::message::TestMessage;
pub use self::state::Shown;
use self::state::State;
use crate::crash::Crash;

/// The name of the channel.
pub const NAME: &str = "fake";
/// The account that is there without being stored.
const LOCAL: &str = "local";
/// The one credential that is not taken, where the capabilities ask for one.
pub const WRONG_CREDENTIAL: &str = "open-barley-0815";

const TEXT: TextLimit = TextLimit::chars(4_000);
/// A platform that has nothing to tell says so this often.
const ALIVE_EVERY: Duration = Duration::from_secs(30);

/// Text alone, and nobody but the owner.
pub const OWNER_ONLY: Caps = Caps { owner_only: true, ..PLAIN };
/// The same, and files.
pub const TAKES_FILES: Caps = Caps { file_bytes_max: 1024 * 1024, ..OWNER_ONLY };
/// Text alone, and anybody.
pub const PLAIN: Caps =
    Caps { alive_every: Some(ALIVE_EVERY), dialect: Dialect::Markdown, ..Caps::plain(TEXT) };
/// Like that of Telegram.
const PACE: Pace = Pace {
    direct: Some(Rate { count: 60, per: Duration::from_secs(60) }),
    group: Some(Rate { count: 20, per: Duration::from_secs(60) }),
    account: Some(Rate { count: 30, per: Duration::from_secs(1) }),
};
/// Everything there is, and anybody.
pub const PUBLIC: Caps = Caps {
    album_max: 10,
    buttons: true,
    edits: true,
    deletes: true,
    reactions: true,
    silent: true,
    pace: PACE,
    file_bytes_max: 50 * 1024 * 1024,
    ..PLAIN
};

/// What a platform can do to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendFault {
    Unreachable,
    /// For two seconds.
    Throttled,
    ThrottledFor(Duration),
    /// The same for the whole account.
    AllThrottledFor(Duration),
    /// It takes effect after so long, and is answered then.
    Takes(Duration),
    /// It took effect, and the answer was lost.
    AnswerLost,
    /// It took effect, and there is never an answer.
    Hangs,
    Refused,
    /// The formats are not understood; without them it takes effect.
    BadFormat,
}

/// What a platform can do to a file that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchFault {
    Unreachable,
    Gone,
}

#[derive(Debug)]
pub struct FakePlatform {
    caps: Caps,
    /// What it takes, whatever it says of that.
    pace: Pace,
    is_locked: bool,
    state: Mutex<State>,
    happened: Notify,
}

impl FakePlatform {
    /// As the terminal: [`OWNER_ONLY`].
    pub fn new() -> Arc<Self> {
        Self::with_caps(OWNER_ONLY)
    }

    /// As a messenger: [`PUBLIC`].
    pub fn public() -> Arc<Self> {
        Self::with_caps(PUBLIC)
    }

    /// As a messenger that has text alone: [`PLAIN`].
    pub fn plain() -> Arc<Self> {
        Self::with_caps(PLAIN)
    }

    pub fn with_caps(caps: Caps) -> Arc<Self> {
        let (state, happened) = (Mutex::default(), Notify::new());
        Arc::new(Self { caps, pace: caps.pace, is_locked: false, state, happened })
    }

    /// One that asks its accounts for a word.
    pub fn locked(caps: Caps) -> Arc<Self> {
        let (state, happened) = (Mutex::default(), Notify::new());
        Arc::new(Self { caps, pace: caps.pace, is_locked: true, state, happened })
    }

    /// As [`Self::public`], but the host is not told of its pace: a host that does not care.
    pub fn hurried() -> Arc<Self> {
        let caps = Caps { pace: Pace::default(), ..PUBLIC };
        let (state, happened) = (Mutex::default(), Notify::new());
        Arc::new(Self { caps, pace: PACE, is_locked: false, state, happened })
    }

    fn needs(&self) -> &'static [Need] {
        const { &[Need::secret("token", "a word")] }
            .get(..usize::from(self.is_locked))
            .unwrap_or_default()
    }

    /// Ann writes `text` in `chat`; `id` is the platform's.
    pub fn post(&self, chat: &str, id: &str, text: &str) {
        self.write(TestMessage::new(chat, id, text));
    }

    /// Somebody writes something, with all there is to say about it.
    pub fn write(&self, test_message: TestMessage) {
        // A platform of text alone does not say when the bot is meant.
        self.state().write(test_message, self.caps.buttons);
        self.happened.notify_waiters();
    }

    /// Somebody presses a button under a message of ours, which may be gone by now; returns the
    /// platform's id of the press.
    ///
    /// # Panics
    /// When no message of this id was ever shown.
    pub fn click(&self, message: &str, data: &str, by: Author) -> String {
        let mut state = self.state();
        let at = state.shown.iter().find(|it| it.id == message);
        let from = at.unwrap_or_else(|| panic!("nothing was shown as {message:?}")).to.clone();
        let id = format!("click-{}", state.events.len());
        let chat = state.chat(&from.chat);
        let platform_id = id.clone();
        let click =
            Click { from, chat, platform_id, sender: by, data: data.into(), press: id.clone() };
        state.events.push(Some(Event::Click(click)));
        drop(state);
        self.happened.notify_waiters();
        id
    }

    /// The platform gives a chat another id.
    pub fn move_chat(&self, from: &str, to: &str) {
        self.state().move_chat(from, to);
        self.happened.notify_waiters();
    }

    /// Anything else happens.
    pub fn happen(&self, event: Event) {
        self.state().events.push(Some(event));
        self.happened.notify_waiters();
    }

    /// A chat is a group before anybody wrote in it.
    pub fn know_group(&self, chat: &str, title: &str) {
        self.state().know_group(chat, title);
    }

    /// Something arrives that no adapter can understand.
    pub fn post_garbage(&self) {
        self.state().events.push(None);
        self.happened.notify_waiters();
    }

    /// Every connection breaks; new ones are taken.
    pub fn disconnect(&self) {
        self.state().connections_broken += 1;
        self.happened.notify_waiters();
    }

    /// Every connection that there is hears nothing more and is told nothing of it; new ones are well.
    pub fn go_silent(&self) {
        let mut state = self.state();
        state.silent_below = state.connections_made;
    }

    /// From now on, or no longer: nobody can connect, and connections break.
    pub fn set_away(&self, away: bool) {
        self.state().is_away = away;
        self.happened.notify_waiters();
    }

    /// The platform keeps nothing for who is not there: what is written while it is away is lost, and
    /// after each gap something may be.
    pub fn forget_gaps(&self) {
        self.state().forgets = true;
    }

    /// The credential of an account is taken no more, or again.
    pub fn revoke(&self, account: &str, revoked: bool) {
        self.state().revoked = revoked.then(|| account.to_owned());
        self.happened.notify_waiters();
    }

    /// How many connections were made so far.
    pub fn connections_made(&self) -> usize {
        self.state().connections_made
    }

    /// The platform says that there is nothing new.
    pub fn be_quiet(&self) {
        self.happened.notify_waiters();
    }

    /// The next parts meet these, in order.
    pub fn fail_next_sends(&self, faults: &[SendFault]) {
        self.state().send_faults.extend(faults);
    }

    /// The next files that are asked for meet these, in order.
    pub fn fail_next_fetches(&self, faults: &[FetchFault]) {
        self.state().fetch_faults.extend(faults);
    }

    /// From now on the platform never says whether this person can be written to in private.
    pub fn hang_direct(&self, person: &str) {
        self.state().hanging.push(person.into());
    }

    /// From now on the platform gives no answer about what is sent to this chat, and does not show it.
    pub fn hang_chat(&self, chat: &str) {
        self.state().hanging_chat = Some(chat.into());
    }

    /// No longer. Returns whether one hung.
    pub fn lift(&self) -> bool {
        self.state().hanging_chat.take().is_some()
    }

    /// From now on this person takes no private chats.
    pub fn close_direct(&self, person: &str) {
        self.state().closed.push(person.into());
    }

    /// Every part that took effect, in order, the repeated ones too.
    pub fn sent(&self) -> Vec<Part> {
        self.state().sent.clone()
    }

    /// The same, each with when that was.
    pub fn sent_when(&self) -> Vec<(Instant, Part)> {
        let state = self.state();
        state.sent_at.iter().copied().zip(state.sent.iter().cloned()).collect()
    }

    /// The texts of everything that was sent to one chat, edits among them, in order.
    pub fn texts(&self, chat: &str) -> Vec<String> {
        let has_text = |part: &&Part| match part.content {
            Content::Text(_)
            | Content::File(_)
            | Content::Album(_)
            | Content::Card(_)
            | Content::Edit { .. } => true,
            Content::Reaction { .. } | Content::Delete { .. } => false,
        };
        let state = self.state();
        let here = state.sent.iter().filter(|it| it.to.chat == chat).filter(has_text);
        here.map(|it| it.content.text().to_owned()).collect()
    }

    /// What people see of the bot now, in all chats, oldest first: messages as they are after their
    /// edits, and what senders were told about messages that were refused.
    pub fn shown(&self) -> Vec<Shown> {
        self.state().shown.clone()
    }

    /// The reactions of the bot to what people wrote: `(platform id, emoji)`, in order.
    pub fn reactions(&self) -> Vec<(String, String)> {
        self.state().reactions.clone()
    }

    /// What senders were told about their messages: `(id, verdict)`.
    pub fn verdicts(&self) -> Vec<(String, Verdict)> {
        self.state().verdicts.clone()
    }

    /// What was more than this platform takes, in words.
    pub fn over_pace(&self) -> Vec<String> {
        self.state().over_pace.clone()
    }

    /// What pressers were told: `(press, words)`.
    pub fn answered(&self) -> Vec<(String, Option<String>)> {
        self.state().answered.clone()
    }

    /// The words that the host takes, as it said them last.
    pub fn commands(&self) -> Vec<String> {
        self.state().commands.clone()
    }

    /// How often the bot showed that it works.
    pub fn typing_count(&self) -> usize {
        self.state().typing
    }

    /// An account that is taken.
    pub fn account(&self) -> Account {
        let fields = match self.is_locked {
            true => Fields::fixed([("token", "open-sesame-4711")]),
            false => Fields::fixed([]),
        };
        Account { fields, ..Account::new(LOCAL) }
    }

    /// A registration for one life of the host. Leaked: registrations live as long as a program.
    pub fn registration(self: &Arc<Self>, crash: Arc<Crash>) -> &'static Registration {
        self.state().crash = Some(crash);
        let adapter: &'static dyn Adapter = Box::leak(Box::new(FakeAdapter(Arc::clone(self))));
        Box::leak(Box::new(Registration {
            name: NAME,
            needs: self.needs(),
            caps: self.caps,
            adapter,
        }))
    }

    /// Each account is told of its own events alone.
    pub fn separate_accounts(&self) {
        self.state().separated = true;
    }

    /// The next events come in another order: those of one chat before those of another.
    pub fn reorder(&self) {
        self.state().reorders = true;
    }

    /// The platform delivers everything again that was posted so far.
    pub fn redeliver(&self) {
        self.state().redelivers = true;
        self.happened.notify_waiters();
    }

    pub(crate) fn forget(&self) {
        *self.state() = State::default();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn pass(&self, name: &str) {
        let crash = self.state().crash.clone();
        if let Some(crash) = crash {
            crash.pass(name).await;
        }
    }
}

/// A chat on this platform: `a` of the usual account, `a@work` of another.
pub fn address(chat: &str) -> Address {
    let (chat, account) = chat.split_once('@').unwrap_or((chat, LOCAL));
    Address { channel: NAME.into(), account: account.into(), chat: chat.into(), thread: None }
}

/// What [`address`] makes that address of.
pub fn name(address: &Address) -> String {
    match address.account.as_str() {
        LOCAL => address.chat.clone(),
        other => format!("{}@{other}", address.chat),
    }
}
