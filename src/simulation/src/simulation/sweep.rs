//! Many runs, one seed each, on all cores.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::multi_user::{self, MultiUser};
use super::wedge::{self, Wedge};
use super::{Plan, Report, run};

/// One in so many seeds is a multi-user plan, which takes several times longer than a plain one.
pub const TOWN_EVERY: u64 = 10;
/// One in so many has a session that is wedged, which takes even longer.
pub const WEDGE_EVERY: u64 = 50;

/// What many runs did.
#[derive(Clone, Debug, Default)]
pub struct Total {
    pub runs: u64,
    pub lives: u64,
    /// Durable writes and outside calls, each counted before and after.
    pub points: u64,
    /// The failure of the lowest seed that was seen to fail.
    pub failure: Option<Failure>,
}

/// A run that broke a law.
#[derive(Clone, Debug)]
pub struct Failure {
    pub seed: u64,
    /// What was to happen.
    pub plan: String,
    pub report: Report,
}

/// What happens for a seed, in a few lines.
pub fn plan_of(seed: u64) -> String {
    match Kind::of(seed) {
        Kind::MultiUser => format!("{:?}", MultiUser::random(seed)),
        Kind::Wedge => format!("{:?}", Wedge::random(seed)),
        Kind::Plan => format!("{:?}", Plan::random(seed)),
    }
}

/// What a seed stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plan,
    MultiUser,
    Wedge,
}

impl Kind {
    fn of(seed: u64) -> Self {
        if seed % TOWN_EVERY == TOWN_EVERY - 1 {
            Self::MultiUser
        } else if seed.is_multiple_of(WEDGE_EVERY) {
            Self::Wedge
        } else {
            Self::Plan
        }
    }
}

/// Runs one seed. A panic is a violation, too.
pub fn one(seed: u64) -> Report {
    let run = || match Kind::of(seed) {
        Kind::MultiUser => multi_user::run(&MultiUser::random(seed)),
        Kind::Wedge => wedge::run(&Wedge::random(seed)),
        Kind::Plan => run(&Plan::random(seed)),
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Report {
        violations: vec!["the run panicked; its message is above".into()],
        ..Report::default()
    })
}

/// Runs all seeds on so many threads, until one fails. `progress` hears how many are done.
pub fn all(seeds: Range<u64>, threads: usize, progress: &(dyn Fn(u64) + Sync)) -> Total {
    let next = AtomicU64::new(seeds.start);
    let total = Mutex::new(Total::default());
    let work = || {
        while total.lock().unwrap().failure.is_none() {
            // Stays at the end, which may be the last number there is.
            let step = |it: u64| (it < seeds.end).then(|| it + 1);
            let Ok(seed) = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step) else {
                return;
            };
            let report = one(seed);
            let mut total = total.lock().unwrap();
            total.runs += 1;
            total.lives += u64::try_from(report.lives).unwrap_or(0);
            total.points += report.points + report.runner_points;
            let is_first = total.failure.as_ref().is_none_or(|it| seed < it.seed);
            if !report.violations.is_empty() && is_first {
                total.failure = Some(Failure { seed, plan: plan_of(seed), report });
            }
            progress(total.runs);
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    total.into_inner().unwrap()
}
