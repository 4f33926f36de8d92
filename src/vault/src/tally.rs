//! What each session asked for and how often: its refusals, counted in memory so that a container that
//! asks for thousands costs the host no thousand commits and lines of its log; and the pace of its
//! calls and of its agent's, so that no session and no agent with many of them spends what all share.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::SessionId;
use tokio::time::Instant;

use crate::{Caller, Limits};

/// The shortest time between two commits about one session and reason.
const COMMIT_EVERY: Duration = Duration::from_secs(5);
/// The shortest time between two lines of the log about one session.
const LOG_EVERY: Duration = Duration::from_secs(60);
/// An agent's pace, as a multiple of one session's: more than work in several chats at once takes.
const SESSIONS_PER_AGENT: u32 = 4;
/// Sessions that are remembered; beyond it, those that have nothing to remember are forgotten.
const SESSIONS_MAX: usize = 1_024;

#[derive(Debug, Default)]
pub(crate) struct Tallies {
    sessions: Mutex<BTreeMap<SessionId, Tally>>,
    agents: Mutex<BTreeMap<String, Pace>>,
}

/// When a burst of calls is free again as a whole.
#[derive(Clone, Copy, Debug, Default)]
struct Pace(Option<Instant>);

#[derive(Debug, Default)]
struct Tally {
    reasons: BTreeMap<&'static str, Throttle>,
    log: Throttle,
    pace: Pace,
}

/// Counts, and passes the count on now and then.
#[derive(Debug, Default)]
struct Throttle {
    count: u64,
    passed_at: Option<Instant>,
}

impl Throttle {
    fn add(&mut self, now: Instant, every: Duration) -> Option<u64> {
        self.count += 1;
        self.passed_at.is_none_or(|at| every <= now - at).then(|| {
            self.passed_at = Some(now);
            std::mem::take(&mut self.count)
        })
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) commit: Option<u64>,
    /// So many are to be logged, in one line.
    pub(crate) log: Option<u64>,
}

impl Tallies {
    pub(crate) fn refused(&self, session: SessionId, why: &'static str) -> Due {
        let now = Instant::now();
        let mut tallies = self.lock();
        forget(&mut tallies, now);
        let tally = tallies.entry(session).or_default();
        let log = tally.log.add(now, LOG_EVERY);
        let commit = tally.reasons.entry(why).or_default().add(now, COMMIT_EVERY);
        Due { commit, log }
    }

    pub(crate) fn take_uncommitted(&self) -> Vec<(SessionId, &'static str, u64)> {
        let mut sessions = self.lock();
        let all = sessions.iter_mut().flat_map(|(session, tally)| {
            let reasons = tally.reasons.iter_mut();
            reasons.map(|(why, reason)| (*session, *why, std::mem::take(&mut reason.count)))
        });
        all.filter(|it| 0 < it.2).collect()
    }

    /// Counts a call. `Err` with the time to wait when the session makes too many, or its agent several
    /// times as many.
    pub(crate) fn call(&self, caller: &Caller, limits: &Limits) -> Result<(), Duration> {
        let (now, burst, every) = (Instant::now(), limits.calls_burst, limits.call_every);
        let mut tallies = self.lock();
        forget(&mut tallies, now);
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        agents.retain(|_, pace| pace.is_held(now));
        let session = &mut tallies.entry(caller.session).or_default().pace;
        let agent = agents.entry(caller.agent.clone()).or_default();
        let next = (
            session.after_call(now, burst, every)?,
            agent.after_call(now, burst * SESSIONS_PER_AGENT, every / SESSIONS_PER_AGENT)?,
        );
        (*session, *agent) = next;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SessionId, Tally>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    fn is_held(self, now: Instant) -> bool {
        self.0.is_some_and(|at| now < at)
    }

    fn after_call(self, now: Instant, burst: u32, every: Duration) -> Result<Self, Duration> {
        let next = self.0.filter(|at| now < *at).unwrap_or(now) + every;
        let over = next.duration_since(now).saturating_sub(every * burst);
        if over.is_zero() { Ok(Self(Some(next))) } else { Err(over) }
    }
}

fn forget(tallies: &mut BTreeMap<SessionId, Tally>, now: Instant) {
    if SESSIONS_MAX <= tallies.len() {
        tallies.retain(|_, tally| {
            tally.pace.is_held(now)
                || tally.log.passed_at.is_some_and(|at| now - at < LOG_EVERY)
                || tally.reasons.values().any(|it| 0 < it.count)
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const ONE: SessionId = SessionId(1);
    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> Limits {
        Limits { calls_burst: 3, call_every: SECOND, ..Limits::default() }
    }

    fn caller(session: SessionId, agent: &str) -> Caller {
        Caller { session, agent: agent.to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_refusals_is_one_commit_in_five_seconds_and_one_line_a_minute() {
        let tallies = Tallies::default();
        let (mut commits, mut committed, mut lines, mut logged) = (0, 0, 0, 0);
        for _ in 0..120 {
            for _ in 0..1_000 {
                let due = tallies.refused(ONE, "no");
                commits += u64::from(due.commit.is_some());
                committed += due.commit.unwrap_or(0);
                lines += u64::from(due.log.is_some());
                logged += due.log.unwrap_or(0);
            }
            advance(SECOND).await;
        }
        assert_eq!((commits, lines), (24, 2));
        let left: u64 = tallies.take_uncommitted().iter().map(|it| it.2).sum();
        assert_eq!(committed + left, 120_000);
        assert!(logged < 120_000);
        assert_eq!(tallies.take_uncommitted(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_and_reasons_count_for_themselves() {
        let tallies = Tallies::default();
        let first = Due { commit: Some(1), log: Some(1) };
        assert_eq!(tallies.refused(ONE, "no"), first);
        assert_eq!(tallies.refused(ONE, "no"), Due::default());
        assert_eq!(tallies.refused(ONE, "never").commit, Some(1));
        assert_eq!(tallies.refused(SessionId(2), "no"), first);
        assert_eq!(tallies.take_uncommitted(), [(ONE, "no", 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_have_a_burst_and_a_pace() {
        let tallies = Tallies::default();
        let call = |session| tallies.call(&caller(session, "a"), &limits());
        assert_eq!([call(ONE), call(ONE), call(ONE)], [Ok(()); 3]);
        assert_eq!(call(ONE), Err(SECOND));
        assert_eq!(call(SessionId(2)), Ok(()), "another session is not concerned");
        advance(SECOND).await;
        assert_eq!(call(ONE), Ok(()));
        assert!(call(ONE).is_err());
        advance(SECOND * 60).await;
        assert_eq!([call(ONE), call(ONE), call(ONE)], [Ok(()); 3]);
        assert!(call(ONE).is_err(), "what was not used is not saved up");
    }

    #[tokio::test(start_paused = true)]
    async fn an_agent_with_many_sessions_has_a_pace_of_its_own() {
        let tallies = Tallies::default();
        let calls = |agent: &str| {
            let made = (0..100).map(|n| tallies.call(&caller(SessionId(n), agent), &limits()));
            made.filter(Result::is_ok).count()
        };
        assert_eq!(calls("a"), 12);
        assert_eq!(calls("b"), 12, "another agent is not concerned");
        advance(SECOND).await;
        assert_eq!(calls("a"), 4);
        advance(SECOND * 60).await;
        assert_eq!(calls("a"), 12, "unused calls are not saved up");
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_that_are_done_are_forgotten() {
        let tallies = Tallies::default();
        for n in 0..10_000 {
            let _ = tallies.call(&caller(SessionId(n), &n.to_string()), &limits());
            advance(Duration::from_millis(10)).await;
        }
        assert!(tallies.lock().len() <= SESSIONS_MAX);
        assert!(tallies.agents.lock().unwrap().len() <= SESSIONS_MAX);
    }
}
