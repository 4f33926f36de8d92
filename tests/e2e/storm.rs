//! A storm: a thousand messages over ten groups, while the host is killed, its containers are killed, and the
//! platform fails at every tenth message. Nothing is lost, repeated without a mark, out of order, or in
//! another chat.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::SessionId;
use harness::conformance::{Double, Fault, Post, TestChat, Visible};
use harness::telegram::{self, FakeTelegram};
use sandbox::Sandbox;
use simulation::rng::Rng;
use tokio::time::{Instant, sleep};

use crate::rig::{PATIENCE, Rig};

const GROUPS: usize = 10;
/// Messages in each.
const EACH: usize = 100;
const HOST_KILLS: usize = 10;
const CONTAINER_KILLS: usize = 20;
/// Between two messages: together they take a minute.
const PAUSE: Duration = Duration::from_millis(60);
/// Telegram takes twenty messages a minute in each group, so answers need five; what the storm cost comes on top.
const CALM_WITHIN: Duration = Duration::from_secs(15 * 60);
/// Before what its reader may have seen already.
const MARK: &str = "(possibly a repeat)";

struct Storm {
    rig: Rig,
    telegram: FakeTelegram,
    groups: Vec<String>,
    rng: Rng,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_loses_nothing_and_repeats_nothing_unmarked() {
    let mut storm = Storm::brew().await;
    let (mut host_kills, mut container_kills) = (0, 0);
    for number in 0..GROUPS * EACH {
        let (group, nth) = (number % GROUPS, number / GROUPS);
        storm.say(group, &format!("storm {group}-{nth};")).await;
        if storm.rng.below(10) == 0 {
            storm.fail().await;
        }
        // Each at its time, never two at once.
        if number % (GROUPS * EACH / CONTAINER_KILLS) == 20 {
            container_kills += usize::from(storm.kill_a_container().await);
        }
        if number % (GROUPS * EACH / HOST_KILLS) == 75 {
            storm.rig.kill_host();
            storm.rig.start_host().await;
            host_kills += 1;
        }
        sleep(PAUSE).await;
    }
    // Some kills met a moment without a container; they are made up for while answers are still on their way.
    while container_kills < CONTAINER_KILLS {
        container_kills += usize::from(storm.kill_a_container().await);
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!((host_kills, container_kills), (HOST_KILLS, CONTAINER_KILLS));
    storm.until_calm().await;
    storm.check(&storm.telegram.visible().await);
}

impl Storm {
    /// Ten groups that are wired to two agents, and a host that is connected.
    async fn brew() -> Self {
        let (rig, telegram) = (Rig::start().await, FakeTelegram::start().await);
        let url = format!("api={}", telegram.url());
        let out =
            rig.run_with_input(&["channels", "add", "telegram", "--url", &url], telegram::TOKEN);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let groups = (0..GROUPS).map(|it| telegram.add_group(&format!("Group {it}")).to_string());
        let storm = Self { rig, groups: groups.collect(), telegram, rng: Rng::new(seed()) };
        storm.run(&["agents", "add", "bert"]);
        let code = storm.run(&["pair", "--role", "owner", "--no-wait", "--json"]);
        let code: serde_json::Value = serde_json::from_str(&code).unwrap();
        storm.post("4242", code["code"].as_str().unwrap(), false).await;
        storm.until("the owner is paired", |it| it.text.contains("Paired")).await;
        for (at, group) in storm.groups.iter().enumerate() {
            // A chat is known once somebody wrote there.
            storm.post(group, "hello", true).await;
            storm.until_known(group).await;
            let (chat, agent) = (format!("telegram:{group}"), ["andy", "bert"][at % 2]);
            storm.run(&["wire", &chat, agent, "--engage", "always", "--yes"]);
        }
        storm
    }

    fn run(&self, args: &[&str]) -> String {
        let out = self.rig.run(args);
        let complaint = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{args:?}: {complaint}\n{}", self.rig.log());
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    async fn say(&self, group: usize, text: &str) {
        self.post(&self.groups[group], text, false).await;
    }

    async fn post(&self, chat: &str, text: &str, mention: bool) {
        let place = TestChat { chat: chat.into(), thread: None, is_group: chat.starts_with('-') };
        let post = Post { mention, ..Post::plain(&self.telegram, &place, text) };
        self.telegram.post(post).await;
    }

    async fn fail(&mut self) {
        let faults = [
            Fault::ServerError,
            Fault::AnswerLost,
            Fault::Disconnect,
            Fault::Throttle(Duration::from_secs(2)),
        ];
        let fault = faults[usize::try_from(self.rng.below(4)).unwrap()];
        self.telegram.fault(fault).await;
    }

    /// `docker kill` of one that runs; `false` when none does.
    async fn kill_a_container(&mut self) -> bool {
        let sessions: Vec<SessionId> = self.rig.engine().list().await.unwrap();
        if sessions.is_empty() {
            return false;
        }
        let count = u64::try_from(sessions.len()).unwrap();
        let at = usize::try_from(self.rng.below(count)).unwrap();
        self.rig.kill_container(sessions[at]).await;
        true
    }

    async fn until(&self, what: &str, holds: impl Fn(&Visible) -> bool) {
        let since = Instant::now();
        while !self.telegram.visible().await.iter().any(&holds) {
            assert!(since.elapsed() < PATIENCE, "not yet: {what}\n{}", self.rig.log());
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn until_known(&self, group: &str) {
        let (since, name) = (Instant::now(), format!("telegram:{group}"));
        while !self.run(&["chats", "list"]).contains(&name) {
            assert!(since.elapsed() < PATIENCE, "{name} is not known\n{}", self.rig.log());
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Until every message has an answer, or nothing more comes.
    async fn until_calm(&self) {
        let since = Instant::now();
        loop {
            let answered = answers(&self.telegram.visible().await).len();
            if answered == GROUPS * EACH {
                return;
            }
            let late = CALM_WITHIN < since.elapsed();
            assert!(!late, "{answered} answers after {since:?}\n{}", self.run(&["status"]));
            sleep(Duration::from_secs(1)).await;
        }
    }

    fn check(&self, visible: &[Visible]) {
        for (said, shown) in answers(visible) {
            let (group, nth) = said;
            for message in &shown {
                assert_eq!(message.place.chat, self.groups[group], "{group}-{nth}: {message:?}");
            }
            let unmarked = shown.iter().filter(|it| !it.text.contains(MARK)).count();
            assert!(unmarked <= 1, "{group}-{nth} was repeated without a mark: {shown:#?}");
        }
        for (group, chat) in self.groups.iter().enumerate() {
            let here = visible.iter().filter(|it| it.place.chat == *chat);
            let unmarked = here.filter(|it| !it.text.contains(MARK));
            let order: Vec<usize> =
                unmarked.flat_map(|it| said_in(&it.text)).map(|it| it.1).collect();
            assert!(order.is_sorted(), "group {group} is out of order: {order:?}");
        }
    }
}

/// The seed of this run, from the environment or the process; a failure shows it.
#[expect(clippy::print_stdout, reason = "it is shown with a failure")]
fn seed() -> u64 {
    let given = std::env::var("NANOCLAW_STORM_SEED").ok().and_then(|it| it.parse().ok());
    let seed = given.unwrap_or_else(|| u64::from(std::process::id()));
    println!("the seed is {seed}; NANOCLAW_STORM_SEED={seed} repeats its faults");
    seed
}

/// What answers each message, by its group and number.
fn answers(visible: &[Visible]) -> BTreeMap<(usize, usize), Vec<&Visible>> {
    let mut all: BTreeMap<_, Vec<&Visible>> = BTreeMap::new();
    for message in visible {
        for said in said_in(&message.text) {
            all.entry(said).or_default().push(message);
        }
    }
    all
}

/// Which messages a text of the bot speaks of.
fn said_in(text: &str) -> Vec<(usize, usize)> {
    let mut pieces = text.split("storm ");
    pieces.next();
    let read = |piece: &str| {
        let (said, _) = piece.split_once(';')?;
        let (group, nth) = said.split_once('-')?;
        Some((group.parse().ok()?, nth.parse().ok()?))
    };
    pieces.filter_map(read).collect()
}
