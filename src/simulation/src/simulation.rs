//! Runs a whole host through a script of messages and faults, stops it where the plan says, starts
//! it again from its files, and checks the laws: nothing lost, nothing silent, nothing twice
//! without saying so.
//!
//! A run is a pure function of its [`Plan`]; a plan is a pure function of its seed. A [`multi_user`] has
//! people, groups and approvals besides.

mod blank;
pub mod hostile;
mod laws;
mod leftovers;
pub mod multi_user;
mod plan;
mod power_loss;
pub mod quiet;
mod stops;
pub mod sweep;
pub mod tasks;
pub mod wedge;

use std::time::Duration;

use store::AccountRow;
use tokio::time::{Instant, sleep_until};

pub use self::hostile::Hostile;
pub use self::plan::{Fault, Mailbox, Plan, Post};
pub use self::quiet::Quiet;
pub use self::tasks::PlannedTask;
use crate::crash::Crash;
use crate::engine::StartFault;
use crate::host::{TestHost, World};
use crate::mutation::Mutation;
use crate::platform::{FakePlatform, NAME, TAKES_FILES};

/// Simulated time that a run may take to come to rest after its last event. Longer than every
/// back-off in a row.
const REST_WITHIN: Duration = Duration::from_secs(80 * 60);
/// The same where a runner may keep its messages until their deadlines, one after the other.
const HOSTILE_REST_WITHIN: Duration = Duration::from_secs(3 * 24 * 60 * 60);
const LOOK_FIRST: Duration = Duration::from_secs(2);
/// Looking opens every file of the run, so it is done less often the longer it takes.
const LOOK_AT_LEAST: Duration = Duration::from_secs(60);
/// Restarts of one run; each crash point of the plan is used once.
const LIVES_MAX: usize = 32;

/// What a run did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Durable writes and outside calls of the host in its first life, each counted twice: before
    /// and after.
    pub host_points: u64,
    /// The same for the runners of all containers.
    pub runner_points: u64,
    /// The host's of all lives.
    pub points: u64,
    pub lives: usize,
    /// Law-breaking; empty in a good run.
    pub violations: Vec<String>,
    /// All points and events of all lives, in order.
    pub trace: Vec<String>,
}

impl Report {
    /// At most `lines` of the trace, around the last mention of what the first violation is about.
    pub fn excerpt(&self, lines: usize) -> &[String] {
        let about = self.violations.first().and_then(|it| it.split(' ').next()).unwrap_or_default();
        let names = |it: &String| it.split([' ', ':', ',']).any(|word| word == about);
        let last = self.trace.iter().rposition(names).map_or(self.trace.len(), |it| it + lines / 4);
        let end = last.min(self.trace.len());
        &self.trace[end.saturating_sub(lines)..end]
    }
}

/// Runs one plan on a runtime of its own, whose clock is paused.
pub fn run(plan: &Plan) -> Report {
    run_broken(plan, None)
}

/// The same, with something that breaks a law.
pub fn run_broken(plan: &Plan, mutation: Option<Mutation>) -> Report {
    on_paused_clock(async {
        let mut world = World::broken(plan.notifications, mutation);
        world.containers_max = plan.containers_max;
        if plan.hostile.is_some() {
            world.platform = FakePlatform::with_caps(TAKES_FILES);
        }
        blank::put(&world.layout());
        if plan.two_accounts {
            add_account(&world);
        }
        tasks::set_up(&world, &plan.tasks);
        if mutation != Some(Mutation::ForgetQuiet) {
            quiet::set_up(&world, plan.quiet.as_ref());
        }
        world.engine.crash_next_runner(plan.runner_crash);
        if let Some(hostile) = plan.hostile {
            world.engine.set_hostile(hostile.session, hostile.seed);
        }
        let mut script = Script { started: Instant::now(), plan, next_post: 0, next_fault: 0 };
        let (crashes, jitter) = (&plan.host_crashes[..], plan.jitter);
        let lives = Lives { crashes, jitter, mailboxes: plan.mailboxes };
        let (mut report, came_to_rest) =
            lives.live(&world, async || script.play(&world).await).await;
        report.violations = laws::check(&world, plan, script.started, came_to_rest);
        report
    })
}

/// The second account of the platform.
fn add_account(world: &World) {
    let row = AccountRow::new(NAME, "work", world.now());
    tasks::central(world).put_account(&row).unwrap();
    world.platform.separate_accounts();
}

fn on_paused_clock<T>(run: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .enable_io()
        .start_paused(true)
        .build()
        .unwrap();
    let out = runtime.block_on(run);
    runtime.shutdown_background();
    out
}

/// How the host lives and dies.
struct Lives<'a> {
    /// At which point each life ends; when they are used up, it lives.
    crashes: &'a [u64],
    jitter: u64,
    /// What is gone after each kill.
    mailboxes: Option<Mailbox>,
}

impl Lives<'_> {
    /// Starts the host until it outlives `play`, which is called once for each life and goes on
    /// where it was dropped. Returns what it returned, too.
    async fn live(&self, world: &World, mut play: impl AsyncFnMut() -> bool) -> (Report, bool) {
        let mut crashes = self.crashes.iter().copied();
        let mut report = Report::default();
        loop {
            report.lives += 1;
            let point = if report.lives < LIVES_MAX { crashes.next().unwrap_or(0) } else { 0 };
            let crash = Crash::with_jitter(point, self.jitter);
            let host = world.start(crash.clone()).await;
            world.engine.timeline().begin_life();
            let came_to_rest = tokio::select! {
                biased;
                () = crash.struck() => None,
                rest = play() => Some(rest),
            };
            if report.lives == 1 {
                report.host_points = crash.passed();
            }
            report.points += crash.passed();
            let keeps = power_loss::keeps_commits(&host).await;
            end(host, came_to_rest.is_some()).await;
            if came_to_rest.is_none() {
                world.env.note(format_args!("the host was killed in life {}", report.lives));
                power_loss::lost(world, self.mailboxes, keeps);
            }
            if let Some(came_to_rest) = came_to_rest {
                report.runner_points = world.engine.runner_points();
                report.trace = world.env.trace();
                return (report, came_to_rest);
            }
        }
    }
}

async fn end(host: TestHost, in_peace: bool) {
    if in_peace {
        host.shut_down().await;
    } else {
        host.kill().await;
    }
}

/// What happens outside, by the time since the start. Outlives the host.
struct Script<'a> {
    started: Instant,
    plan: &'a Plan,
    next_post: usize,
    next_fault: usize,
}

impl Script<'_> {
    /// Plays on from where the last life of the host ended; returns whether all came to rest.
    async fn play(&mut self, world: &World) -> bool {
        while let Some((at, is_post)) = self.next() {
            sleep_until(self.started + at).await;
            if is_post {
                let post = &self.plan.posts[self.next_post];
                self.next_post += 1;
                world.env.note(format_args!("somebody writes {} in {}", post.id, post.chat));
                world.platform.post(&post.chat, &post.id, &post.text);
            } else {
                let fault = &self.plan.faults[self.next_fault].1;
                self.next_fault += 1;
                strike(world, fault);
            }
        }
        let held = self.plan.quiet.as_ref().map_or(Duration::ZERO, Quiet::over_within);
        let within = self.plan.hostile.map_or(REST_WITHIN, |_| HOSTILE_REST_WITHIN);
        let deadline = Instant::now() + within + held;
        let mut pause = LOOK_FIRST;
        while Instant::now() < deadline {
            sleep_until(Instant::now() + pause).await;
            pause = (pause * 2).min(LOOK_AT_LEAST);
            if laws::is_at_rest(world, self.plan) {
                return true;
            }
        }
        false
    }

    fn next(&self) -> Option<(Duration, bool)> {
        let post = self.plan.posts.get(self.next_post).map(|it| it.at);
        let fault = self.plan.faults.get(self.next_fault).map(|it| it.0);
        match (post, fault) {
            (Some(post), Some(fault)) if fault < post => Some((fault, false)),
            (Some(post), _) => Some((post, true)),
            (None, fault) => fault.map(|at| (at, false)),
        }
    }
}

fn strike(world: &World, fault: &Fault) {
    world.env.note(format_args!("fault {fault:?}"));
    match fault {
        Fault::KillContainers => world.sessions().into_iter().for_each(|it| world.engine.kill(it)),
        Fault::EngineDown => world.engine.set_reachable(false),
        Fault::EngineBack => world.engine.set_reachable(true),
        Fault::Send(fault) => world.platform.fail_next_sends(&[*fault]),
        Fault::Fetch(fault) => world.platform.fail_next_fetches(&[*fault]),
        Fault::Redeliver => world.platform.redeliver(),
        Fault::SlowEngine => {
            world.engine.slow_down(Duration::from_secs(30));
            world.engine.slow_down_stops(Duration::from_secs(20));
        }
        Fault::Disconnect => world.platform.disconnect(),
        Fault::Reorder => world.platform.reorder(),
        Fault::BreakLinks => world.engine.break_links(),
        Fault::Notification(fault) => world.engine.spoil_link(*fault),
        Fault::DiskFull(duration) => world.env.fill_disk(*duration),
        Fault::BadStart => world.engine.fail_next_starts(&[StartFault::ExitsAtOnce]),
        Fault::ClockJump(ms) => world.clock.jump(*ms),
        Fault::RunnerCrash(at) => world.engine.crash_next_runner(*at),
        Fault::Lose(which) => power_loss::lose(world, *which),
        Fault::UncertainCommit(count) => world.env.make_commits_uncertain(*count),
        Fault::Reads(fault, count) => world.env.fail_reads(*fault, *count),
        Fault::Zombie => world.engine.lose_track(),
    }
}
