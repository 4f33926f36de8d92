//! A long run: many messages through many chats, with faults, on real files and a paused clock. The
//! platform here keeps no more than a few bytes per message, so that what grows is the program's.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use channel::{
    Account, Adapter, Batch, Caps, ChannelError, Connection, Cursor, DeliverError, Event, Gap, Me,
    Part, Registration, Sink, Source, Verdict,
};
use domain::message::{Address, Author, Body, Incoming};
use domain::outgoing::TextLimit;
use domain::time::Clock;
use store::layout::Layout;
use store::{CentralStore, Store};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::clock::TestClock;
use crate::engine::FakeEngine;
use crate::env::SimulationEnv;
use crate::minimal::{MinimalHost, on_paused_clock, shut_down};
use crate::rng::Rng;

const CHANNEL: &str = "soak";
/// Events of one batch, and messages that may be without an answer at a time.
const PAGE: usize = 16;
const OPEN_MAX: usize = 400;
/// Simulated: how often the platform is asked, and how often a fault may strike.
const POLL_EVERY: Duration = Duration::from_millis(100);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Simulated time without a new answer after which a run is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(3 * 60 * 60);
const YEAR_MS: i64 = 366 * 24 * 60 * 60 * 1_000;

#[derive(Clone, Copy, Debug)]
pub struct Soak {
    pub messages: usize,
    pub chats: usize,
    pub seed: u64,
}

/// What the process and its files take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    pub answered: usize,
    /// Bytes.
    pub resident: u64,
    /// Open file handles of this process.
    pub handles: usize,
    /// Bytes of all databases and logs, without the pages of the central database that are free: it
    /// keeps them for what comes.
    pub files: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Report {
    /// At 10 %, 50 % and 100 %.
    pub samples: Vec<Sample>,
    /// After the clock moved ahead by a year and all sessions had their turn.
    pub pruned: Sample,
    /// Messages that are still stored then.
    pub kept: usize,
    pub faults: usize,
    /// Law-breaking; empty in a good run.
    pub violations: Vec<String>,
}

/// Runs it in `home`, an empty folder; `at` hears of each sample.
pub fn run(soak: Soak, home: &Path, mut at: impl FnMut(&Sample)) -> Report {
    on_paused_clock(async {
        let world = World::new(soak, home);
        let mut report = Report::default();
        world.minimal.install().unwrap();
        let (_, mut root) = world.minimal.start().await;
        let mut rng = Rng::new(soak.seed);
        let (mut last, mut quiet) = (0, Duration::ZERO);
        let mut marks = [soak.messages / 10, soak.messages / 2, soak.messages].into_iter();
        let mut mark = marks.next();
        while let Some(next) = mark {
            sleep(LOOK_EVERY).await;
            let answered = world.platform.answered();
            quiet = if answered == last { quiet + LOOK_EVERY } else { Duration::ZERO };
            last = answered;
            if STUCK_AFTER < quiet {
                report.violations.push(format!("it is stuck after {answered} answers"));
                break;
            }
            if next <= answered {
                let sample = world.sample(answered);
                at(&sample);
                report.samples.push(sample);
                mark = marks.next();
            } else if rng.below(4) == 0 {
                report.faults += 1;
                if world.strike(&mut rng).await {
                    shut_down(&root).await;
                    root = world.minimal.start().await.1;
                }
            }
        }
        world.minimal.engine.set_reachable(true);
        // What was sent with a lost answer is sent again.
        sleep(Duration::from_secs(60 * 60)).await;
        report.violations.extend(world.broken());
        report.faults += world.platform.ledger.lock().unwrap().faults;
        world.minimal.clock.jump(YEAR_MS);
        // One sleeping session has its turn each minute.
        let turns = u32::try_from(soak.chats).unwrap_or(u32::MAX) + 10;
        sleep(Duration::from_secs(61) * turns).await;
        shut_down(&root).await;
        report.pruned = world.sample(last);
        report.kept = world.stored().len();
        report
    })
}

struct World {
    soak: Soak,
    minimal: MinimalHost,
    platform: Arc<Platform>,
}

impl World {
    fn new(soak: Soak, home: &Path) -> Self {
        let clock = Arc::new(TestClock::default());
        let now = Arc::clone(&clock) as Arc<dyn Clock>;
        let engine = FakeEngine::new(now, true, SimulationEnv::without_trace());
        let platform = Arc::new(Platform {
            soak,
            ledger: Mutex::new(Ledger::new(soak)),
            happened: Notify::new(),
        });
        let adapter: &'static dyn Adapter = Box::leak(Box::new(Ends(Arc::clone(&platform))));
        let registration: &'static Registration =
            Box::leak(Box::new(Registration { name: CHANNEL, needs: &[], caps: CAPS, adapter }));
        let layout = Layout::new(home);
        let minimal =
            MinimalHost { layout, clock, engine, registration, containers_max: soak.chats };
        Self { soak, minimal, platform }
    }

    /// One fault; returns whether the host is to be restarted.
    async fn strike(&self, rng: &mut Rng) -> bool {
        let engine = &self.minimal.engine;
        match rng.below(20) {
            0 => return true,
            1 => {
                engine.set_reachable(false);
                sleep(Duration::from_secs(1 + rng.below(90))).await;
                engine.set_reachable(true);
            }
            2..=5 => self.platform.ledger.lock().unwrap().broken += 1,
            6..=9 => engine.crash_next_runner(1 + rng.below(20)),
            _ => {
                let session = 1 + rng.below(self.soak.chats as u64);
                engine.kill(domain::SessionId(i64::try_from(session).unwrap()));
            }
        }
        self.platform.happened.notify_waiters();
        false
    }

    fn sample(&self, answered: usize) -> Sample {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let resident = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
        Sample {
            answered,
            resident: kib.unwrap_or(0) * 1_024,
            handles: fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
            files: bytes(self.minimal.layout.home()).saturating_sub(self.free()),
        }
    }

    fn free(&self) -> u64 {
        let central = CentralStore::open(&self.minimal.layout.central()).unwrap();
        let read = |name| {
            let value = central.connection().pragma_query_value(None, name, |row| row.get(0));
            value.unwrap_or(0_u64)
        };
        read("freelist_count") * read("page_size")
    }

    /// Of each stored message its number, and whether it has an outcome.
    fn stored(&self) -> Vec<(usize, bool)> {
        let central = CentralStore::open(&self.minimal.layout.central()).unwrap();
        let mut all = Vec::new();
        for row in central.sessions().unwrap() {
            let outcomes = central.rows(row.id).outcomes().unwrap();
            all.extend(outcomes.into_iter().map(|it| (it.0.parse().unwrap(), it.1.is_some())));
        }
        all
    }

    /// Every law that was broken, in words; of each kind the first few.
    fn broken(&self) -> Vec<String> {
        let mut ends = vec![0_u8; self.soak.messages];
        for (n, has_outcome) in self.stored() {
            ends[n] = ends[n].saturating_add(if has_outcome { 1 } else { 100 });
        }
        let ledger = self.platform.ledger.lock().unwrap();
        let mut broken = ledger.violations.clone();
        for (n, ends) in ends.iter().enumerate() {
            match ends {
                1 => {}
                0 => broken.push(format!("{n} was lost")),
                100.. => broken.push(format!("{n} has no outcome")),
                _ => broken.push(format!("{n} is stored {ends} times")),
            }
            match ledger.answers[n] {
                1 => {}
                0 => broken.push(format!("{n} was met with silence")),
                times => broken.push(format!("{n} got {times} different answers")),
            }
        }
        broken.truncate(20);
        broken
    }
}

/// Bytes of all files below a folder.
fn bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => bytes(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

/// What was written and answered, a few bytes for each message.
#[derive(Debug)]
struct Ledger {
    /// Different last parts that answer a message.
    answers: Vec<u8>,
    answered: usize,
    /// Hashes of the keys of parts that were shown, and of those shown without a mark.
    shown: HashSet<u64>,
    unmarked: HashSet<u64>,
    /// Connections that broke.
    broken: usize,
    /// Parts that were refused, and answers that were lost.
    faults: usize,
    rng: Rng,
    violations: Vec<String>,
}

impl Ledger {
    fn new(soak: Soak) -> Self {
        Self {
            answers: vec![0; soak.messages],
            answered: 0,
            // At its final size from the beginning, so that its growth is not taken for the host's.
            shown: HashSet::with_capacity(soak.messages * 5 / 4),
            unmarked: HashSet::with_capacity(soak.messages * 5 / 4),
            broken: 0,
            faults: 0,
            rng: Rng::new(soak.seed + 1),
            violations: vec![],
        }
    }

    fn show(&mut self, part: &Part) {
        let mut hasher = DefaultHasher::new();
        part.key.hash(&mut hasher);
        let key = hasher.finish();
        if !part.repeat && !self.unmarked.insert(key) {
            self.violations.push(format!("{} was shown twice without saying so", part.key));
        }
        if !self.shown.insert(key) || !part.last {
            return;
        }
        for id in part.also.iter().chain([&part.reply_to]) {
            let Some(count) = id.parse().ok().and_then(|n: usize| self.answers.get_mut(n)) else {
                continue;
            };
            self.answered += usize::from(*count == 0);
            *count = count.saturating_add(1);
        }
    }
}

#[derive(Debug)]
struct Platform {
    soak: Soak,
    ledger: Mutex<Ledger>,
    happened: Notify,
}

impl Platform {
    fn answered(&self) -> usize {
        self.ledger.lock().unwrap().answered
    }

    fn message(&self, n: usize) -> Incoming {
        let chat = Rng::new(self.soak.seed ^ n as u64).below(self.soak.chats as u64);
        let text = format!("message {n}, about as long as people write in a chat, more or less");
        Incoming {
            from: Address {
                channel: CHANNEL.into(),
                account: "local".into(),
                chat: format!("c{chat}"),
                thread: None,
            },
            platform_id: n.to_string(),
            body: Body::new(Author::new("ann", "Ann"), text),
            ..Incoming::default()
        }
    }
}

const CAPS: Caps = Caps { owner_only: true, ..Caps::plain(TextLimit::chars(4_000)) };
#[derive(Debug)]
struct Ends(Arc<Platform>);

#[async_trait]
impl Adapter for Ends {
    async fn connect(&self, _account: &Account) -> Result<Connection, ChannelError> {
        let platform = Arc::clone(&self.0);
        let broken = platform.ledger.lock().unwrap().broken;
        let source = SoakSource { platform: Arc::clone(&platform), broken };
        let (source, sink) = (Box::new(source), Arc::new(SoakSink(platform)));
        Ok(Connection { me: Me::default(), caps: CAPS, source, sink })
    }
}

#[derive(Debug)]
struct SoakSource {
    platform: Arc<Platform>,
    /// When it connected.
    broken: usize,
}

#[async_trait]
impl Source for SoakSource {
    async fn receive(&mut self, after: &Cursor) -> Result<Batch, ChannelError> {
        let from: usize = after.0.parse().unwrap_or(0);
        loop {
            let happened = self.platform.happened.notified();
            let (answered, broken) = {
                let ledger = self.platform.ledger.lock().unwrap();
                (ledger.answered, ledger.broken)
            };
            if self.broken != broken {
                return Err(ChannelError::Unreachable("the connection broke".into()));
            }
            let to = (from + PAGE).min(self.platform.soak.messages).min(answered + OPEN_MAX);
            if from < to {
                sleep(POLL_EVERY).await;
                let message = |n| Event::Message(self.platform.message(n));
                let events = (from..to).map(message).collect();
                return Ok(Batch { events, cursor: Cursor(to.to_string()) });
            }
            happened.await;
        }
    }

    /// The cursor covers everything.
    fn gap(&mut self) -> Option<Gap> {
        Some(Gap::None)
    }

    async fn settle(&mut self, verdicts: &[Verdict]) -> Result<(), ChannelError> {
        if verdicts.iter().any(|it| matches!(it, Verdict::Refused(_))) {
            let mut ledger = self.platform.ledger.lock().unwrap();
            ledger.violations.push("a message was refused".to_owned());
        }
        Ok(())
    }
}

#[derive(Debug)]
struct SoakSink(Arc<Platform>);

#[async_trait]
impl Sink for SoakSink {
    async fn deliver(&self, part: &Part) -> Result<String, DeliverError> {
        let mut ledger = self.0.ledger.lock().unwrap();
        let chance = ledger.rng.below(100);
        ledger.faults += usize::from(chance < 2);
        if chance == 0 {
            return Err(DeliverError::Unreachable("down".into()));
        }
        ledger.show(part);
        drop(ledger);
        self.0.happened.notify_waiters();
        if chance == 1 { Err(DeliverError::Unknown("lost".into())) } else { Ok(part.key.clone()) }
    }

    async fn working(&self, _chat: &Address) {}
}
