//! What happens in a run.

use std::time::Duration;

use domain::task::Missed;

use super::hostile::{self, Hostile};
use super::quiet::{self, Quiet};
use super::stops;
use super::tasks::{self, PlannedTask};
use crate::engine::LinkFault;
use crate::env::ReadFault;
use crate::platform::{FetchFault, SendFault};
use crate::rng::Rng;

/// A message that somebody writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    pub at: Duration,
    pub chat: String,
    /// The platform's.
    pub id: String,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    KillContainers,
    EngineDown,
    EngineBack,
    Send(SendFault),
    Fetch(FetchFault),
    /// The platform delivers everything again that was posted so far.
    Redeliver,
    /// From now on a start takes 30 seconds, and a stop 20.
    SlowEngine,
    /// Every connection to the platform breaks.
    Disconnect,
    /// The platform delivers the next events in another order.
    Reorder,
    /// Every stream between the host and its runners breaks.
    BreakLinks,
    /// What one of them notifies next.
    Notification(LinkFault),
    /// No write of host or runner succeeds for so long.
    DiskFull(Duration),
    /// The next container ends at once.
    BadStart,
    /// Milliseconds, either way.
    ClockJump(i64),
    /// The runner of the next container dies at this point.
    RunnerCrash(u64),
    /// Mailboxes of every session are deleted.
    Lose(Mailbox),
    /// The engine says that all containers are gone. They go on all the same.
    Zombie,
    /// So many of the next writes of host or runner take effect, and their callers hear of an
    /// error.
    UncertainCommit(u64),
    /// So many of the next reads fail.
    Reads(ReadFault, u64),
}

/// Which mailboxes are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mailbox {
    Inbound,
    Outbound,
    Both,
}

impl Mailbox {
    pub const ALL: [Self; 3] = [Self::Inbound, Self::Outbound, Self::Both];
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub posts: Vec<Post>,
    /// By time.
    pub faults: Vec<(Duration, Fault)>,
    /// At which point each life of the host ends; when they are used up, it lives.
    pub host_crashes: Vec<u64>,
    /// What is gone after each of them.
    pub mailboxes: Option<Mailbox>,
    /// At which point the runner of the first container dies; 0 for never.
    pub runner_crash: u64,
    pub notifications: bool,
    /// Makes every write and outside call of the host take its time, differently for each number;
    /// 0 for none. What only holds because something is quick does not hold then.
    pub jitter: u64,
    /// There from the beginning.
    pub tasks: Vec<PlannedTask>,
    /// Somebody wants to be left alone.
    pub quiet: Option<Quiet>,
    /// Containers that may run at the same time.
    pub containers_max: usize,
    /// Some chats belong to a second account of the platform, and are called like others of the first.
    pub two_accounts: bool,
    /// The runners of one session do what they like.
    pub hostile: Option<Hostile>,
}

impl Plan {
    /// Two chats, plain and reporting messages, one that is pushed into a running turn. No faults.
    pub fn simple() -> Self {
        let post = |ms, chat: &str, n: u32, text: &str| Post {
            at: Duration::from_millis(ms),
            chat: chat.into(),
            id: format!("{chat}{n}"),
            text: text.into(),
        };
        Self {
            posts: vec![
                post(0, "a", 1, "hello"),
                post(10, "b", 1, "report half way"),
                post(400, "a", 2, "wait 2 please"),
                post(1_000, "a", 3, "and this"),
                post(3_000, "b", 2, "again"),
            ],
            faults: vec![],
            host_crashes: vec![],
            mailboxes: None,
            runner_crash: 0,
            notifications: true,
            jitter: 0,
            tasks: vec![],
            quiet: None,
            containers_max: 10,
            two_accounts: false,
            hostile: None,
        }
    }

    /// The same, and tasks that come due meanwhile: alone, with others, and again and again.
    pub fn with_tasks() -> Self {
        let task = |chat: &str, ms, period: Option<u64>, missed, prompt: &str| PlannedTask {
            chat: chat.into(),
            first: Duration::from_millis(ms),
            period: period.map(Duration::from_secs),
            missed,
            prompt: prompt.into(),
        };
        let tasks = vec![
            task("a", 1_000, None, Missed::Latest, "good morning"),
            task("c", 2_000, Some(3_600), Missed::All(3), "water the plants"),
            task("b", 2_000, Some(7_200), Missed::Skip(Duration::from_secs(60)), "stretch"),
        ];
        Self { tasks, ..Self::simple() }
    }

    /// The same while a reader of one of the chats has quiet hours.
    pub fn in_quiet_hours() -> Self {
        let quiet = Quiet { chat: "c".into(), from_minute: 0, minutes: 5 };
        Self { quiet: Some(quiet), ..Self::with_tasks() }
    }

    /// A random plan; the same seed gives the same plan.
    pub fn random(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let count = 1 + rng.below(8);
        let two_accounts = rng.below(4) == 0;
        let chats: &[&str] =
            if two_accounts { &["a", "b", "a@work", "b@work"] } else { &["a", "b", "c"] };
        let mut posts: Vec<Post> = (0..count).map(|n| post(&mut rng, n, chats)).collect();
        if rng.below(4) == 0 {
            panic_and_resume(&mut rng, &mut posts);
        }
        posts.sort_by_key(|it| it.at);
        let mut faults = Vec::new();
        for _ in 0..rng.below(6) {
            let at = Duration::from_millis(rng.below(20_000));
            fault(&mut rng, at, &mut faults);
        }
        faults.sort_by_key(|it| it.0);
        let host_crashes = (0..rng.below(4)).map(|_| 1 + rng.below(120)).collect();
        let runner_crash = if rng.below(3) == 0 { 1 + rng.below(16) } else { 0 };
        let notifications = rng.below(4) != 0;
        let jitter = if rng.below(3) == 0 { 0 } else { 1 + seed };
        let tasks = if rng.below(2) == 0 { vec![] } else { tasks::random(&mut rng) };
        let quiet = quiet::random(&mut rng, &tasks);
        let mailboxes = (rng.below(4) == 0).then(|| mailbox(&mut rng));
        let hostile = hostile::random(&mut rng, seed);
        // A hostile runner may keep its place for a day.
        let few = hostile.is_none().then(|| [1, 2, 3].get(usize::try_from(rng.below(6)).ok()?));
        let containers_max = few.flatten().copied().unwrap_or(10);
        Self {
            posts,
            faults,
            host_crashes,
            mailboxes,
            runner_crash,
            notifications,
            jitter,
            tasks,
            quiet,
            containers_max,
            two_accounts,
            hostile,
        }
    }
}

fn post(rng: &mut Rng, n: u64, chats: &[&str]) -> Post {
    let chat = rng.below(u64::try_from(chats.len()).unwrap_or(1));
    let chat = chats[usize::try_from(chat).unwrap_or(0)];
    let text = match rng.below(16) {
        0..4 => format!("report progress {n}"),
        4..8 => format!("wait {} now", 1 + rng.below(5)),
        8 => format!("limit {}", 1 + rng.below(40)),
        9 => "/stop".to_owned(),
        _ => format!("say {n}"),
    };
    Post {
        at: Duration::from_millis(rng.below(10_000)),
        chat: chat.into(),
        id: format!("{}{n}", chat.replace('@', "-")),
        text,
    }
}

/// Everything is stopped, and some time later let go again.
fn panic_and_resume(rng: &mut Rng, posts: &mut Vec<Post>) {
    let mut at = rng.below(8_000);
    for (id, text) in [(stops::STOP, "/panic"), (stops::RESUME, "/resume")] {
        let (chat, id) = ("x".to_owned(), id.to_owned());
        posts.push(Post { at: Duration::from_millis(at), chat, id, text: text.to_owned() });
        at += 1 + rng.below(30_000);
    }
}

fn fault(rng: &mut Rng, at: Duration, faults: &mut Vec<(Duration, Fault)>) {
    let sends =
        [SendFault::Unreachable, SendFault::Throttled, SendFault::AnswerLost, SendFault::Hangs];
    match rng.below(18) {
        0 => faults.push((at, Fault::KillContainers)),
        1 => {
            faults.push((at, Fault::EngineDown));
            let back = at + Duration::from_millis(rng.below(120_000));
            faults.push((back, Fault::EngineBack));
        }
        2 | 3 => {
            let which = usize::try_from(rng.below(4)).unwrap_or(0);
            faults.push((at, Fault::Send(sends[which])));
        }
        4 => faults.push((at, Fault::BadStart)),
        5 => {
            let hour = 3_600_000;
            let ms = if rng.below(2) == 0 { -hour } else { hour };
            faults.push((at, Fault::ClockJump(ms)));
        }
        6 => faults.push((at, Fault::Redeliver)),
        7 => faults.push((at, Fault::SlowEngine)),
        8 => faults.push((at, Fault::Disconnect)),
        9 => faults.push((at, Fault::Reorder)),
        10 => faults.push((at, Fault::BreakLinks)),
        11 => {
            let how = if rng.below(2) == 0 { LinkFault::Lost } else { LinkFault::Torn };
            faults.push((at, Fault::Notification(how)));
        }
        12 => faults.push((at, Fault::DiskFull(Duration::from_millis(1 + rng.below(60_000))))),
        13 => faults.push((at, Fault::Lose(mailbox(rng)))),
        14 => faults.push((at, Fault::Zombie)),
        15 => faults.push((at, Fault::UncertainCommit(1 + rng.below(3)))),
        16 => {
            let fault = if rng.below(2) == 0 { ReadFault::Busy } else { ReadFault::Io };
            faults.push((at, Fault::Reads(fault, 1 + rng.below(4))));
        }
        _ => faults.push((at, Fault::RunnerCrash(1 + rng.below(20)))),
    }
}

fn mailbox(rng: &mut Rng) -> Mailbox {
    Mailbox::ALL[usize::try_from(rng.below(3)).unwrap_or(0)]
}
