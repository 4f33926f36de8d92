//! Plays what happens outside: messages, faults, answers, and at last the day in which whatever
//! nobody answered expires.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::approver::Approver;
use super::plan::{MultiUser, Post, Subject, Word};
use super::seen::Seen;
use crate::host::World;
use crate::simulation::{Fault, LOOK_FIRST, REST_WITHIN, strike};

/// How often the approver looks at their chats.
const TICK: Duration = Duration::from_millis(250);
/// What somebody did is taken in within this, whatever the platform suffers.
const QUIET: Duration = Duration::from_secs(10);
/// The same while a whole day passes; far shorter than a question of an agent stays open.
const LONG_TICK: Duration = Duration::from_secs(30);
/// Longer than an approval stays open, and than faults set the clock back.
const DAY: Duration = Duration::from_secs((24 + 8) * 60 * 60);
/// Where a change waits for ever, other messages wait behind it, and nothing says when the rest is
/// done.
const LONG: Duration = Duration::from_secs(3 * 60);

/// Outlives the host.
pub(super) struct Script<'a> {
    multi_user: &'a MultiUser,
    started: Instant,
    next_post: usize,
    next_fault: usize,
    approver: Approver,
    /// What is written upon a decision, and when.
    echoes: Vec<(Instant, &'a Post)>,
    written: BTreeSet<String>,
    /// When somebody did something for the last time.
    busy: Instant,
    /// When the script was over.
    over: Option<Instant>,
    /// All was done that somebody wants done.
    settled: bool,
    /// When the day had passed.
    day: Option<Instant>,
}

impl<'a> Script<'a> {
    pub(super) fn new(multi_user: &'a MultiUser) -> Self {
        Self {
            multi_user,
            started: Instant::now(),
            next_post: 0,
            next_fault: 0,
            approver: Approver::default(),
            echoes: vec![],
            written: BTreeSet::new(),
            busy: Instant::now(),
            over: None,
            settled: false,
            day: None,
        }
    }

    /// Plays on from where the last life of the host ended; returns whether all came to rest.
    pub(super) async fn play(&mut self, world: &World) -> bool {
        while self.post().is_some() || self.fault().is_some() {
            self.step(world, TICK).await;
        }
        let over = *self.over.get_or_insert_with(Instant::now);
        if !self.settled {
            self.settled = self.settle(world, over).await;
            if !self.settled {
                return false;
            }
        }
        if self.day.is_none() {
            self.pass_the_day(world).await;
        }
        let day = *self.day.get_or_insert_with(Instant::now);
        self.settle(world, day).await
    }

    fn post(&self) -> Option<Instant> {
        let next = self.multi_user.posts.get(self.next_post).filter(|it| it.upon.is_none());
        next.map(|it| self.started + it.at)
    }

    /// Somebody decided: a user who waited for that writes.
    fn decided(&mut self, about: Subject) {
        let upon = self.multi_user.posts.iter().filter(|it| it.upon == Some(about));
        // Who is asked about twice, in two chats, writes once.
        let new = upon.filter(|it| self.written.insert(it.id.clone()));
        self.echoes.extend(new.map(|it| (Instant::now() + it.at, it)));
        self.echoes.sort_by_key(|it| it.0);
    }

    fn fault(&self) -> Option<Instant> {
        self.multi_user.faults.get(self.next_fault).map(|it| self.started + it.0)
    }

    /// Now, or before an answer that is given now is stored for certain.
    fn disk_is_full(&self, world: &World) -> bool {
        let next = self.multi_user.faults.get(self.next_fault);
        let soon = next.is_some_and(|(at, fault)| {
            matches!(fault, Fault::DiskFull(_)) && self.started + *at < Instant::now() + QUIET
        });
        soon || world.env.disk_is_full()
    }

    /// Waits for the next thing that happens, at most so long, and lets it happen.
    async fn step(&mut self, world: &World, at_most: Duration) {
        self.approver.look(world, self.multi_user);
        let echo = self.echoes.first().map(|it| it.0);
        // An approver who is told that an answer could not be stored answers again, until it can.
        let answers = self.approver.next().filter(|_| !self.disk_is_full(world));
        let all = [self.post(), self.fault(), answers, echo];
        let next = all.into_iter().flatten().min();
        let tick = Instant::now() + at_most;
        sleep_until(next.map_or(tick, |it| it.min(tick))).await;
        let now = Instant::now();
        let pressed = match answers {
            Some(_) => self.approver.press(world, self.multi_user.plain),
            None => vec![],
        };
        for about in pressed {
            self.busy = now;
            self.decided(about);
        }
        while self.echoes.first().is_some_and(|it| it.0 <= now) {
            self.busy = now;
            world.platform.write(self.echoes.remove(0).1.message());
        }
        if self.post().is_some_and(|it| it <= now) {
            let post = &self.multi_user.posts[self.next_post];
            self.next_post += 1;
            world.platform.write(post.message());
        }
        if self.fault().is_some_and(|it| it <= now) {
            let fault = &self.multi_user.faults[self.next_fault].1;
            self.next_fault += 1;
            strike(world, fault);
        }
    }

    /// Waits until nothing is left to do; returns whether that came.
    async fn settle(&mut self, world: &World, since: Instant) -> bool {
        let multi_user = self.multi_user;
        let asks = |it: &Post| matches!(it.word, Word::Admin(_));
        let hangs =
            multi_user.posts.iter().any(asks) && multi_user.decided(Subject::Change).is_none();
        let deadline = since + REST_WITHIN;
        let mut another_day = since + LONG;
        while Instant::now() < deadline {
            self.step(world, LOOK_FIRST).await;
            if world.env.disk_is_full() {
                self.busy = Instant::now();
            }
            let is_idle = self.approver.is_idle() && self.echoes.is_empty();
            if !is_idle || Instant::now() < self.busy + QUIET {
                continue;
            }
            if self.day.is_none() && hangs {
                if since + LONG <= Instant::now() && Seen::all_is_decided(world, multi_user) {
                    return true;
                }
            } else if Seen::is_at_rest(world, multi_user, self.day.is_some()) {
                return true;
            } else if self.day.is_some() && another_day <= Instant::now() {
                // What waited behind one question may have asked the next one.
                another_day += LONG;
                world.clock.jump(i64::try_from(DAY.as_millis()).unwrap_or(0));
            }
        }
        false
    }

    async fn pass_the_day(&mut self, world: &World) {
        if self.multi_user.real_day {
            let over = self.over.unwrap_or_else(Instant::now);
            while Instant::now() < over + DAY {
                self.step(world, LONG_TICK).await;
            }
        } else if self.day.is_none() {
            world.clock.jump(i64::try_from(DAY.as_millis()).unwrap_or(0));
            self.day = Some(Instant::now());
        }
    }
}
