//! The real adapters in a whole host that is stopped around taking messages in. Whatever the platform
//! had been told by then, every message is answered, and an answer that comes twice says so.

use std::time::Duration;

use domain::AgentName;
use domain::agent::AgentGroup;
use domain::message::{Address, ChatInfo};
use domain::people::Handle;
use harness::conformance::{Double, Place, Post, Visible};
use harness::crash::Crash;
use harness::discord::FakeDiscord;
use harness::host::World;
use harness::telegram::FakeTelegram;
use store::{AccountRow, CentralStore, Wiring};
use tokio::time::{Instant, sleep};

/// Far above what a loaded machine takes for any single step.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// What people see before an answer that they may have seen already.
const MARK: &str = "(possibly a repeat)";
/// The first one is answered before anything goes wrong: what is written before a host has ever
/// stored how far it read is not promised.
const MESSAGES: usize = 4;

/// Where the host is stopped: the name of the point, and how many of its kind there are.
const POINTS: [(&str, u64); 5] = [
    ("awake", 1),
    ("a message", 3),
    ("a cursor", 3),
    ("the claim of a part", 1),
    ("the end of a part", 2),
];

/// Ann and her private chat with the bot. She outlives the host.
struct Ann<'a> {
    double: &'a dyn Double,
    direct: Place,
    posted: usize,
    /// Where the host is stopped, for a test that fails.
    point: String,
}

impl Ann<'_> {
    /// Writes up to this many messages, the last one when the first of them were answered, and waits
    /// for all answers.
    async fn write(&mut self, count: usize) {
        self.double.ready().await;
        while self.posted < count {
            if self.posted + 1 == count {
                self.until(count / 2).await;
            }
            let [author, _] = self.double.people();
            let text = format!("number {}", self.posted);
            let place = self.direct.clone();
            let post = Post { place, author, text, mention: false, reply_to: None, files: vec![] };
            self.double.post(post).await;
            self.posted += 1;
        }
        self.until(count).await;
    }

    async fn until(&self, answered: usize) {
        let since = Instant::now();
        loop {
            let mut missing = Vec::new();
            for n in 0..answered {
                if self.answers(n).await.is_empty() {
                    missing.push(n);
                }
            }
            if missing.is_empty() {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "{}: no answer to {missing:?}", self.point);
            sleep(LOOK_EVERY).await;
        }
    }

    async fn answers(&self, n: usize) -> Vec<Visible> {
        let said = format!("you said \"number {n}\"");
        let visible = self.double.visible().await.into_iter();
        visible.filter(|it| it.text.contains(&said)).collect()
    }
}

/// A host that is connected to the double, where ann is known and andy is hers.
fn world(double: &dyn Double) -> World {
    let account = double.account();
    let mut world = World::new();
    world.engine.slow_down(Duration::ZERO);
    world.others = vec![double.registration()];
    world.credential = account.credential.unwrap();
    let mut central = CentralStore::open(&world.layout().central()).unwrap();
    let (channel, now) = (double.registration().name.to_owned(), world.now());
    let row = AccountRow {
        channel: channel.clone(),
        name: account.name.clone(),
        urls: account.urls,
        created_at: now,
    };
    central.put_account(&row).unwrap();
    let andy = AgentName::parse("andy").unwrap();
    central.add_agent(&AgentGroup::new(andy.clone()), now).unwrap();
    let [(id, name), _] = double.people();
    let ann = central.add_person(&Handle::new(&channel, &id), &name, now).unwrap();
    central.add_member(ann, &andy, "test", now).unwrap();
    let chat = double.places().direct.chat;
    let at = Address { channel, account: account.name, chat, thread: None };
    let chat = central.ensure_chat(&at, &ChatInfo::default(), Some(&id), now).unwrap().id;
    central.set_wiring(&Wiring::usual(chat, andy, false), now).unwrap();
    world
}

/// Stops the host at a point while messages come in, starts it again from its files, and once more
/// for what would come again. Returns whether the point was reached.
async fn stop_at(double: &dyn Double, name: &str, nth: u64) -> bool {
    let world = world(double);
    let (direct, point) = (double.places().direct, format!("{name} {nth}"));
    let mut ann = Ann { double, direct, posted: 0, point };
    let host = world.start(Crash::never()).await;
    ann.write(1).await;
    host.shut_down().await;
    let crash = Crash::at_name(name, nth);
    let host = world.start(crash.clone()).await;
    let struck = tokio::select! {
        biased;
        () = crash.struck() => true,
        () = ann.write(MESSAGES) => false,
    };
    host.kill().await;
    let host = world.start(Crash::never()).await;
    ann.write(MESSAGES).await;
    host.shut_down().await;
    let host = world.start(Crash::never()).await;
    // Whatever is delivered again comes before this one.
    ann.write(MESSAGES + 1).await;
    host.shut_down().await;
    let outcomes = world.all_outcomes();
    assert_eq!(outcomes.len(), MESSAGES + 1, "{name} {nth}: {outcomes:?}");
    for n in 0..=MESSAGES {
        let answers = ann.answers(n).await;
        let unmarked = answers.iter().filter(|it| !it.text.contains(MARK)).count();
        assert!(unmarked <= 1, "{name} {nth}: {n} got {answers:?}");
    }
    struck
}

async fn stop_everywhere<D: Double>(make: impl AsyncFn() -> D) {
    for (name, count) in POINTS {
        for nth in 1..=count {
            for side in ["before", "after"] {
                let struck = stop_at(&make().await, &format!("{side} {name}"), nth).await;
                assert!(struck || 1 < nth, "{side} {name} was never reached");
            }
        }
    }
}

#[tokio::test]
async fn telegram_delivers_again_what_was_not_stored_and_nothing_twice() {
    stop_everywhere(FakeTelegram::start).await;
}

#[tokio::test]
async fn discord_catches_up_with_what_was_not_stored_and_nothing_twice() {
    stop_everywhere(FakeDiscord::start).await;
}
