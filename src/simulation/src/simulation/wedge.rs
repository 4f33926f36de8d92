//! One session is wedged: its container, its chat or its store gives no answer for a while. The law is a
//! comparison: whatever happens in other chats, to approvals and to stops happens when it happens in the
//! same run without the wedge. Afterwards the wedged chat is answered, too.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::admission::Policy;
use domain::agent::AgentGroup;
use domain::message::{Author, ChatInfo};
use domain::people::{Handle, Role};
use domain::stop::Scope;
use domain::{AgentName, SessionId};
use engine::stopping;
use store::Wiring;
use tokio::time::{Instant, sleep_until};

use super::tasks::central;
use super::{Report, blank, on_paused_clock};
use crate::crash::Crash;
use crate::host::{TestHost, World};
use crate::platform::{FakePlatform, NAME, TestMessage, address};
use crate::rng::Rng;

/// The chats and whose they are. Unknown users write in `g`.
const CHATS: [(&str, &str); 4] = [("a", "andy"), ("b", "andy"), ("g", "andy"), ("c", "ben")];
/// What others may be later for it: nothing, but for the order of what happens at one instant.
const LATE_MAX: Duration = Duration::from_millis(500);
/// How soon nothing runs that is stopped, whatever one container does: longer than the deadline of a
/// freeze.
const STOPPED_WITHIN: Duration = Duration::from_millis(2_500);
/// Longer than the engine has for its answers to a stop.
const STOP_WITHIN: Duration = Duration::from_secs(25);
const TICK: Duration = Duration::from_millis(200);
/// Longer than messages, decisions and orders take.
const BUSY_FOR: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long the wedged chat has once it is wedged no more.
const REST_WITHIN: Duration = Duration::from_secs(15 * 60);

/// What happens; a pure function of its seed.
#[derive(Clone, Debug)]
pub struct Wedge {
    /// Which chat is wedged, how, from when, and for how long.
    pub chat: &'static str,
    pub how: How,
    pub at: Duration,
    pub lasts: Duration,
    /// By time: when, in which chat, by whom, what.
    pub posts: Vec<(Duration, &'static str, &'static str, String)>,
    /// Somebody stops ben, or everybody, and 40 seconds later lets them go on.
    pub stop: Option<(Duration, bool)>,
}

/// What gives no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The engine, asked about its container.
    Container,
    /// The platform, about what is sent there.
    Chat,
    /// The disk: a write of its own never ends, until the host is started again. Its container hangs
    /// besides.
    Store,
}

/// When what happened, since the start.
#[derive(Debug, Default)]
struct Seen {
    /// By the id of the message.
    told: BTreeMap<String, Duration>,
    /// How long the stop took, and until when anything else of those it stopped ran after it.
    stop: Option<(Duration, Duration)>,
}

impl Wedge {
    pub fn random(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let rng = &mut rng;
        let millis =
            |rng: &mut Rng, from: u64, to: u64| Duration::from_millis(from + rng.below(to - from));
        let chat = if rng.below(2) == 0 { "a" } else { "c" };
        let how = match rng.below(3) {
            0 => How::Container,
            1 => How::Chat,
            _ => How::Store,
        };
        let at = millis(rng, 2_000, 12_000);
        let mut posts = vec![(Duration::ZERO, chat, "ann", "hello".to_owned())];
        // So that it is wedged with something to do.
        let long = "wait 600 please".to_owned();
        posts.push((at.saturating_sub(Duration::from_secs(1)), chat, "ann", long));
        posts.push((at + Duration::from_millis(100), chat, "ann", "are you there?".to_owned()));
        for n in 0..6 + rng.below(8) {
            let text = match rng.below(4) {
                0 => format!("wait {} please", 1 + rng.below(4)),
                1 => format!("report progress {n}"),
                _ => format!("say {n}"),
            };
            let chat = CHATS[usize::try_from(rng.below(4)).unwrap_or(0)].0;
            posts.push((millis(rng, 1_000, 60_000), chat, "ann", text));
        }
        for who in ["bob", "eve"].into_iter().take(usize::try_from(rng.below(3)).unwrap_or(0)) {
            posts.push((millis(rng, 5_000, 50_000), "g", who, format!("let {who} in")));
        }
        posts.sort_by_key(|it| it.0);
        let stop = (rng.below(2) == 0).then(|| (millis(rng, 20_000, 60_000), rng.below(2) == 0));
        let lasts = millis(rng, 60_000, 240_000);
        Self { chat, how, at, lasts, posts, stop }
    }
}

/// Runs it with the wedge and without.
pub fn run(wedge: &Wedge) -> Report {
    let (_, usual) = on_paused_clock(play(wedge, false));
    let (mut report, seen) = on_paused_clock(play(wedge, true));
    for (at, chat, who, _) in &wedge.posts {
        let id = id(*at, chat);
        let (was, is) = (usual.told.get(&id), seen.told.get(&id));
        let Some(was) = was else {
            report.violations.push(format!("{id} by {who} was met with silence without the wedge"));
            continue;
        };
        let limit = if *chat == wedge.chat { Duration::MAX } else { *was + LATE_MAX };
        match is {
            None => report.violations.push(format!("{id} by {who} was met with silence")),
            Some(is) if limit < *is => {
                report.violations.push(format!("{id} by {who} was told {is:?} and not {was:?}"));
            }
            Some(_) => {}
        }
    }
    if let Some((took, ran)) = seen.stop {
        let all = wedge.stop.is_some_and(|it| it.1);
        // Of those that are stopped one is wedged.
        let concerns = all || wedge.chat == "c";
        let usual = usual.stop.map_or(Duration::ZERO, |it| it.0) + LATE_MAX;
        if (if concerns { STOP_WITHIN } else { usual }) < took {
            report.violations.push(format!("the stop took {took:?}"));
        }
        if STOPPED_WITHIN < ran {
            report.violations.push(format!("what was stopped ran on for {ran:?}"));
        }
    }
    report
}

fn id(at: Duration, chat: &str) -> String {
    format!("{chat}{}", at.as_millis())
}

async fn play(wedge: &Wedge, is_wedged: bool) -> (Report, Seen) {
    let world = World::on(FakePlatform::public());
    blank::put(&world.layout());
    let mut host = world.start(Crash::never()).await;
    populate(&world);
    let mut script =
        Script { wedge, started: Instant::now(), next: 0, pressed: vec![], wedged: None };
    let mut report = Report { lives: 1, ..Report::default() };
    let over = script.over();
    let mut stop = None;
    while Instant::now() < script.started + over {
        sleep_until(Instant::now() + script.tick()).await;
        script.write(&world);
        script.approve(&world);
        if is_wedged && script.wedged.is_none() && script.is_past(wedge.at) {
            script.wedged = Some(script.wedge(&world, &host));
        }
        if let Some((at, all)) = wedge.stop.filter(|it| stop.is_none() && script.is_past(it.0)) {
            let scope = if all { Scope::All } else { Scope::Agent(agent("ben")) };
            // Those that are resumed have status lines, too.
            host.crash.hang_no_more();
            let shared = std::sync::Arc::clone(&host.host);
            let (from, task) = (Instant::now(), scope.clone());
            let mut stopping = tokio::task::JoinSet::new();
            stopping.spawn(async move {
                stopping::stop(&shared, &task, "Ann", "").await;
                from.elapsed()
            });
            stop = Some((at, scope, from, stopping, None));
        }
        if let Some((at, scope, _, stopping, took)) = &mut stop {
            *took = took.or(stopping.try_join_next().map(|it| it.unwrap()));
            if script.is_past(*at + Duration::from_secs(40)) && !host.host.stops.stops().is_empty()
            {
                stopping::resume(&host.host, std::slice::from_ref(scope), "Ann").await.unwrap();
            }
        }
        if script.wedged.is_some() && script.is_past(wedge.at + wedge.lasts) && script.lift(&world)
        {
            host.kill().await;
            host = world.start(Crash::never()).await;
            report.lives += 1;
        }
        if script.is_past(BUSY_FOR)
            && script.is_done(&world)
            && stop.as_ref().is_none_or(|it| it.4.is_some())
        {
            break;
        }
    }
    let spared = script.wedged.flatten();
    let ran = stop.map(|(_, _, from, _, took)| {
        (took.unwrap_or(Duration::MAX), ran_after(&world, from, wedge, spared))
    });
    host.shut_down().await;
    let seen = Seen { told: script.told(&world), stop: ran };
    (Report { trace: world.env.trace(), ..report }, seen)
}

/// How long containers that began before a stop ran on after it, but for the wedged one.
fn ran_after(world: &World, from: Instant, wedge: &Wedge, spared: Option<SessionId>) -> Duration {
    let all = wedge.stop.is_some_and(|it| it.1);
    let rows = central(world).sessions().unwrap();
    let stopped = |id: SessionId| {
        let row = rows.iter().find(|it| it.id == id);
        Some(id) != spared && (all || row.is_some_and(|it| it.agent == agent("ben")))
    };
    let runs = world.engine.timeline().runs().into_iter();
    let ran = runs.filter(|it| it.from <= from && stopped(it.session));
    ran.map(|it| it.until.map_or(Duration::MAX, |end| end.saturating_duration_since(from)))
        .max()
        .unwrap_or_default()
}

fn agent(name: &str) -> AgentName {
    AgentName::parse(name).unwrap()
}

/// Ann owns the host and is in all groups. In them newcomers have to be allowed.
fn populate(world: &World) {
    let (mut central, now) = (central(world), world.now());
    central.add_agent(&AgentGroup::new(agent("ben"))).unwrap();
    for (chat, name) in CHATS {
        let info = ChatInfo { title: chat.into(), is_group: true };
        let row = central.ensure_chat(&address(chat), &info, None, now).unwrap();
        central.set_policy(row.id, Policy::Ask).unwrap();
        central.set_wiring(&Wiring::usual(row.id, agent(name), true)).unwrap();
    }
    let ann = central.add_person(&Handle::new(NAME, "ann"), "Ann", now).unwrap();
    central.grant(ann, &Role::Owner).unwrap();
}

struct Script<'a> {
    wedge: &'a Wedge,
    started: Instant,
    next: usize,
    /// Cards and the buttons on them that were pressed.
    pressed: Vec<(String, String)>,
    /// Once it was done; the session, where there was one.
    wedged: Option<Option<SessionId>>,
}

impl Script<'_> {
    /// When the run ends, whatever happened.
    fn over(&self) -> Duration {
        self.wedge.at + self.wedge.lasts + REST_WITHIN
    }

    /// Looking costs; once everything was written and decided nothing depends on when.
    fn tick(&self) -> Duration {
        if self.is_past(BUSY_FOR) { LOOK_EVERY } else { TICK }
    }

    fn is_past(&self, at: Duration) -> bool {
        self.started + at <= Instant::now()
    }

    fn write(&mut self, world: &World) {
        while let Some((at, chat, who, text)) = self.wedge.posts.get(self.next) {
            if !self.is_past(*at) {
                return;
            }
            self.next += 1;
            let message = TestMessage::new(chat, &id(*at, chat), text).by(who, who);
            world.platform.write(message.in_group(chat).mention());
        }
    }

    /// Ann lets everybody in.
    fn approve(&mut self, world: &World) {
        for card in world.platform.shown() {
            let labels = ["Allow…", "Yes, allow"];
            let button = card.buttons.iter().find(|it| labels.contains(&&*it.label));
            let Some(button) = button.filter(|_| card.to.chat == "dm-ann") else { continue };
            let press = (card.id.clone(), button.data.clone());
            if !self.pressed.contains(&press) {
                let ann = Author::new("ann", "ann");
                world.platform.click(&card.id, &button.data, ann);
                self.pressed.push(press);
            }
        }
    }

    fn wedge(&self, world: &World, host: &TestHost) -> Option<SessionId> {
        let chat = self.wedge.chat;
        world.env.note(format_args!("{chat} is wedged: {:?}", self.wedge.how));
        let rows = central(world).sessions().unwrap();
        let row = rows.iter().find(|it| it.chat.as_ref().is_some_and(|it| it.chat == chat));
        let session = row.map(|it| it.id);
        if self.wedge.how == How::Chat {
            world.platform.hang_chat(chat);
        } else if let Some(session) = session {
            world.engine.hang(session);
        }
        if self.wedge.how == How::Store {
            // Nothing else takes so long that it has one, as long as nobody was stopped.
            host.crash.hang_at("a status line");
        }
        session
    }

    /// Returns whether the host has to be started again.
    fn lift(&mut self, world: &World) -> bool {
        let is_first = world.engine.lift() | world.platform.lift();
        if is_first {
            world.env.note("nothing is wedged any more");
        }
        is_first && self.wedge.how == How::Store
    }

    fn told(&self, world: &World) -> BTreeMap<String, Duration> {
        let sent = world.platform.sent_when();
        let told = |(at, chat, _, _): &(Duration, &'static str, &'static str, String)| {
            let id = id(*at, chat);
            let tells = |part: &channel::Part| {
                let of_stop = part.to.chat == *chat && part.key.contains(".nstopped");
                of_stop || (part.last && super::laws::answers(part, &id))
            };
            let written = self.started + *at;
            let first = sent.iter().find(|it| written <= it.0 && tells(&it.1))?;
            Some((id, first.0 - self.started))
        };
        self.wedge.posts.iter().filter_map(told).collect()
    }

    fn is_done(&self, world: &World) -> bool {
        let is_lifted = self.wedged.is_none() || self.is_past(self.wedge.at + self.wedge.lasts);
        is_lifted
            && self.next == self.wedge.posts.len()
            && self.told(world).len() == self.wedge.posts.len()
    }
}
