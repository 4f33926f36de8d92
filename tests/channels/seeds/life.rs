//! A run: everything that a plan says, and one undisturbed life of the host after it.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures_util::future::{join, ready};
use harness::conformance::TestChat;
use harness::crash::Crash;
use harness::host::World;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::laws::{Posted, Record};
use super::plan::{End, PLACES, Plan, Strike};
use super::platform::Platform;
use crate::ann::{says, world};

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Longer than Telegram keeps updates.
const AWAY_MS: i64 = 25 * 3600 * 1_000;

struct Run<'a, P> {
    platform: &'a P,
    plan: &'a Plan,
    /// For the host to come to rest after everything happened.
    patience: Duration,
    world: World,
    places: [TestChat; PLACES],
    posted: RefCell<Vec<Posted>>,
    /// Nothing is planned that did not happen yet.
    is_over: Cell<bool>,
    kills: Cell<usize>,
}

/// What came of a plan.
pub(super) async fn run<P: Platform>(platform: &P, plan: &Plan, patience: Duration) -> Record {
    let places = platform.places();
    let run = Run {
        platform,
        plan,
        patience,
        world: world(platform),
        places: [places.direct, places.group, places.thread.unwrap()],
        posted: RefCell::default(),
        is_over: Cell::new(true),
        kills: Cell::new(0),
    };
    // What is written before a host has ever stored how far it read is not promised.
    let mut at_rest = run.one_quiet_life().await;
    if let Some(places) = &plan.away {
        run.stay_away(places).await;
    }
    if plan.keeps_no_keys {
        platform.keep_no_keys();
    }
    run.is_over.set(false);
    let (lived, ()) = join(run.live(), run.happen()).await;
    platform.calm_down();
    at_rest &= lived;
    // Whatever would be shown again is shown before the answers of this life.
    at_rest &= run.one_quiet_life().await;
    run.record(at_rest).await
}

impl<P: Platform> Run<'_, P> {
    async fn says(&self, place: usize) {
        let (n, place) = (self.posted.borrow().len(), self.places[place].clone());
        let id = says(self.platform, &place, n).await;
        self.posted.borrow_mut().push(Posted { n, place, id, is_forgotten: false });
    }

    /// Ann writes everywhere and is answered; whether the host came to rest then.
    async fn one_quiet_life(&self) -> bool {
        let host = self.world.start(Crash::never()).await;
        self.platform.ready().await;
        for place in 0..PLACES {
            self.says(place).await;
        }
        let at_rest = self.comes_to_rest().await;
        host.shut_down().await;
        at_rest
    }

    async fn stay_away(&self, places: &[usize]) {
        let before = self.posted.borrow().len();
        for place in places {
            self.says(*place).await;
        }
        self.world.clock.jump(AWAY_MS);
        let forgotten = self.platform.a_day_passes();
        for posted in &mut self.posted.borrow_mut()[before..] {
            posted.is_forgotten = forgotten.contains(&posted.id);
        }
    }

    /// The lives of the host, until one comes to rest. Whether it did.
    async fn live(&self) -> bool {
        for (end, dark) in &self.plan.ends {
            let point = if let End::KilledAt(point) = end { *point } else { 0 };
            let crash = Crash::with_jitter(point, self.plan.jitter);
            let host = self.world.start(crash.clone()).await;
            let time_is_up = async {
                match end {
                    End::KilledAt(_) => crash.struck().await,
                    End::KilledAfter(time) | End::StoppedAfter(time) => sleep(*time).await,
                }
            };
            let rests = tokio::select! {
                biased;
                () = time_is_up => None,
                rests = self.comes_to_rest() => Some(rests),
            };
            // Where it is to be killed may lie on its way to a graceful stop.
            let stops = rests.is_some() || matches!(end, End::StoppedAfter(_));
            let is_killed = tokio::select! {
                biased;
                () = crash.struck() => true,
                () = host.shut_down(), if stops => false,
                () = ready(()), if !stops => true,
            };
            if is_killed {
                self.kills.set(self.kills.get() + 1);
                host.kill().await;
            }
            if let Some(rests) = rests {
                return rests;
            }
            sleep(*dark).await;
        }
        let host = self.world.start(Crash::with_jitter(0, self.plan.jitter)).await;
        let rests = self.comes_to_rest().await;
        host.shut_down().await;
        rests
    }

    /// What happens outside, whether there is a host or not.
    async fn happen(&self) {
        let started = Instant::now();
        let (mut posts, mut strikes) =
            (self.plan.posts.iter().peekable(), self.plan.strikes.iter().peekable());
        loop {
            let post_at = posts.peek().map(|it| it.0);
            let strike = strikes.next_if(|it| post_at.is_none_or(|at| it.0 < at));
            if let Some((at, strike)) = strike {
                sleep_until(started + *at).await;
                self.strike(*strike).await;
            } else if let Some((at, place)) = posts.next() {
                sleep_until(started + *at).await;
                self.says(*place).await;
            } else {
                break;
            }
        }
        self.is_over.set(true);
    }

    async fn strike(&self, strike: Strike) {
        if let Strike::TellAgain(at) = strike {
            let posted = self.posted.borrow();
            let known: Vec<_> = posted.iter().filter(|it| !it.is_forgotten).collect();
            self.platform.tell_again(&known[at % known.len()].id);
        } else {
            self.platform.strike(strike).await;
        }
    }

    /// Whether everything was answered and written down in time.
    async fn comes_to_rest(&self) -> bool {
        while !self.is_over.get() {
            sleep(LOOK_EVERY).await;
        }
        let rests = async {
            while !self.is_at_rest().await {
                sleep(LOOK_EVERY).await;
            }
        };
        timeout(self.patience, rests).await.is_ok()
    }

    async fn is_at_rest(&self) -> bool {
        let visible = self.platform.visible().await;
        // Cheap, and mostly enough: no file is opened.
        let is_met = self.posted.borrow().iter().all(|it| it.is_met(&visible));
        is_met && self.world.all_outcomes().iter().all(|it| it.1.is_some())
    }

    async fn record(&self, at_rest: bool) -> Record {
        let visible = self.platform.visible().await;
        Record {
            at_rest,
            posted: self.posted.borrow().clone(),
            visible,
            outcomes: self.world.all_outcomes(),
            kills: self.kills.get(),
            hidden_by_strikes: self.plan.hidden_by_strikes(),
            was_away: self.plan.away.is_some(),
        }
    }
}
