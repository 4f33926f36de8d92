//! The platforms, the people on them, and the host between them.

use std::process::Command;
use std::time::Duration;

use harness::conformance::{Double, Post, TestChat};
use harness::discord::FakeDiscord;
use harness::telegram::{self, FakeTelegram};
use serde_json::Value;
use tokio::time::sleep;

use crate::rig::{PATIENCE, Rig};

const HOOK_SECRET: &str = "evening-hook-secret";
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(super) struct MultiUser {
    pub(super) rig: Rig,
    telegram: FakeTelegram,
    discord: FakeDiscord,
    /// The family's group on Telegram.
    pub(super) family: String,
    /// A channel of the team on Discord.
    pub(super) work: TestChat,
    threads: Vec<(&'static str, String)>,
}

impl MultiUser {
    pub(super) async fn open() -> Self {
        let rig = Rig::start().await;
        let (telegram, discord) = (FakeTelegram::start().await, FakeDiscord::start().await);
        let family = telegram.add_group("Our family").to_string();
        for (id, name) in [(4545, "Carla"), (4646, "Dan"), (4747, "Eve"), (4848, "Mallory")] {
            telegram.add_person(id, name);
        }
        let work = discord.places().group;
        let threads = ["a", "b"].map(|it| (it, discord.add_thread(it)));
        let multi_user = Self { rig, telegram, discord, family, work, threads: threads.into() };
        multi_user.add("telegram", &multi_user.telegram.account(), telegram::TOKEN);
        multi_user.add("discord", &multi_user.discord.account(), harness::discord::TOKEN);
        let hook = channel::Account { urls: Default::default(), ..multi_user.telegram.account() };
        multi_user.run(&["channels", "expose", "--listen", "127.0.0.1:0"]);
        multi_user.add("webhook", &hook, HOOK_SECRET);
        multi_user.until_connected().await;
        multi_user
    }

    fn add(&self, channel: &str, account: &channel::Account, token: &str) {
        let mut args = vec!["channels".to_owned(), "add".into(), channel.into()];
        for (name, url) in &account.urls {
            args.extend(["--url".to_owned(), format!("{name}={url}")]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let out = self.rig.run_with_input(&args, token);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    async fn until_connected(&self) {
        for _ in 0..300 {
            let status = self.rig.status();
            let channels = status["channels"].as_array().unwrap();
            if channels.len() == 4 && channels.iter().all(|it| it["connected"] == true) {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
        panic!("not connected: {:#}\n{}", self.rig.status(), self.rig.log());
    }

    /// `nanoclaw ARGS`, which must succeed.
    pub(super) fn run(&self, args: &[&str]) -> String {
        let out = self.rig.run(args);
        let complaint = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{args:?}: {complaint}\n{}", self.rig.log());
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    pub(super) fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.run(args)).unwrap()
    }

    /// The agent that the family's group is connected to.
    pub(super) fn family_agent(&self) -> String {
        let agents = self.json(&["agents", "list", "--json"]);
        let mut names = agents.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap());
        names.find(|it| it.contains("family")).unwrap().to_owned()
    }

    /// Somebody writes to the bot in private on Telegram.
    pub(super) async fn private(&self, id: &str, name: &str, text: &str) {
        let place = TestChat { chat: id.into(), thread: None, is_group: false };
        self.telegram.post(post(place, id, name, text, false)).await;
    }

    /// The same with a file, its name, type and content, and no text.
    pub(super) async fn private_file(&self, id: &str, name: &str, file: (&str, &str, &[u8])) {
        let place = TestChat { chat: id.into(), thread: None, is_group: false };
        let files = vec![(file.0.into(), file.1.into(), file.2.into())];
        self.telegram.post(Post { files, ..post(place, id, name, "", false) }).await;
    }

    /// Makes the private chat of somebody known, in which they can be asked.
    pub(super) async fn private_known(&self, id: &str, name: &str) {
        self.private(id, name, "hello").await;
        self.telegram_shows(id, "asked").await;
        self.share("andy").await;
        self.telegram_shows(id, "you said").await;
    }

    /// Somebody says something to the bot in the family's group.
    pub(super) async fn family(&self, id: &str, name: &str, text: &str) {
        let place = TestChat { chat: self.family.clone(), thread: None, is_group: true };
        self.telegram.post(post(place, id, name, text, true)).await;
    }

    /// Somebody says something in the family's group, to nobody in particular.
    pub(super) async fn family_context(&self, id: &str, name: &str, text: &str) {
        let place = TestChat { chat: self.family.clone(), thread: None, is_group: true };
        self.telegram.post(post(place, id, name, text, false)).await;
    }

    fn at_work(&self, thread: Option<&str>) -> TestChat {
        let thread = thread.map(|name| {
            let (_, id) = self.threads.iter().find(|thread| thread.0 == name).unwrap();
            id.clone()
        });
        TestChat { thread, ..self.work.clone() }
    }

    /// Fay says something to the bot at work.
    pub(super) async fn work(&self, thread: Option<&str>, text: &str) {
        self.discord.post(post(self.at_work(thread), "5151", "Fay", text, true)).await;
    }

    /// The build server calls, signed as GitHub does it.
    pub(super) async fn hook(&self, delivery: &str, what: &str) {
        let note = channel::door::Note::read(&self.rig.layout().run()).unwrap();
        let url = format!("http://{}/in/webhook/main/ci", note.address);
        let body = serde_json::json!({"action": "completed", "note": what}).to_string();
        let script = "import hmac,hashlib,sys,urllib.request as u\n\
            url,secret,delivery,body=sys.argv[1:]\n\
            sign='sha256='+hmac.new(secret.encode(),body.encode(),hashlib.sha256).hexdigest()\n\
            r=u.Request(url,body.encode(),{'X-Hub-Signature-256':sign,'X-GitHub-Delivery':delivery,\
            'X-GitHub-Event':'workflow_run','Content-Type':'application/json'})\n\
            print(u.urlopen(r,timeout=40).status)";
        let args = ["-c", script, &url, HOOK_SECRET, delivery, &body].map(str::to_owned);
        let out = tokio::task::spawn_blocking(move || {
            Command::new("python3").args(args).output().unwrap()
        });
        let out = out.await.unwrap();
        let code = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        assert_eq!(code, "202", "{}\n{}", String::from_utf8_lossy(&out.stderr), self.rig.log());
    }

    /// Ann's newest card gets this button pressed; the others who were asked have theirs.
    pub(super) async fn press(&self, label: &str) {
        for _ in 0..PATIENCE.as_millis() / LOOK_EVERY.as_millis() {
            let all = self.telegram.visible().await;
            let open = all.iter().rev().find(|it| !it.buttons.is_empty());
            if let Some(card) = open
                && let Some((_, data)) = card.buttons.iter().find(|it| it.0.starts_with(label))
            {
                self.telegram.click(&card.place, &card.id, data, &card.place.chat).await;
                // Such a label brings up a second card in the place of the first.
                if !label.ends_with('…') {
                    self.until_closed(&card.id).await;
                }
                return;
            }
            sleep(LOOK_EVERY).await;
        }
        panic!("no card offers {label}\n{:#?}\n{}", self.telegram.visible().await, self.rig.log());
    }

    /// Ann's newest card is about an unknown chat, which gets this agent of others.
    pub(super) async fn share(&self, agent: &str) {
        self.press(&format!("Share {agent}…")).await;
        self.press(&format!("Yes, share {agent}")).await;
    }

    async fn until_closed(&self, card: &str) {
        for _ in 0..PATIENCE.as_millis() / LOOK_EVERY.as_millis() {
            let all = self.telegram.visible().await;
            if all.iter().any(|it| it.id == card && it.buttons.is_empty()) {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
        panic!("the card stays open\n{}", self.rig.log());
    }

    /// Waits until a message of the bot in a Telegram chat says this.
    pub(super) async fn telegram_shows(&self, chat: &str, text: &str) {
        let place = |it: &TestChat| it.chat == chat;
        self.shows(&self.telegram, place, text).await;
    }

    /// The same at work on Discord.
    pub(super) async fn discord_shows(&self, thread: Option<&str>, text: &str) {
        let want = self.at_work(thread);
        self.shows(&self.discord, |it: &TestChat| *it == want, text).await;
    }

    async fn shows(&self, double: &dyn Double, place: impl Fn(&TestChat) -> bool, text: &str) {
        for _ in 0..PATIENCE.as_millis() / LOOK_EVERY.as_millis() {
            let all = double.visible().await;
            if all.iter().any(|it| place(&it.place) && it.text.contains(text)) {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
        let all = double.visible().await;
        panic!("{text:?} was not shown\n{all:#?}\n{}", self.rig.log());
    }
}

fn post(place: TestChat, id: &str, name: &str, text: &str, mention: bool) -> Post {
    Post {
        place,
        author: (id.into(), name.into()),
        text: text.into(),
        mention,
        files: vec![],
        reply_to: None,
    }
}
