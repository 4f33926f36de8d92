//! How often a platform may be spoken to: the tokens of one chat, or of a whole account. Pure; it never lets
//! more than a [`Rate`] allows leave within any stretch of its time.

use std::collections::VecDeque;
use std::time::Duration;

use crate::outgoing::Rate;
use crate::time::Timestamp;

/// When the last tokens were spent, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Bucket(VecDeque<Timestamp>);

impl Bucket {
    /// Of a host that began at `born`, before which it may have sent what it does not know of. Half of the
    /// tokens are taken for spent then: a host that starts over twice within the time of a rate stays
    /// below it, and one that starts once has half at hand.
    pub fn new(rate: Rate, born: Timestamp) -> Self {
        Self((0..rate.count / 2).map(|_| born).collect())
    }

    /// How long a part waits for its token.
    pub fn wait(&mut self, rate: Rate, now: Timestamp) -> Duration {
        self.wait_for(rate.count, rate.per, now)
    }

    /// Whether a hint may take a token: a quarter of them, at least one, stays for parts. Where there is
    /// but one in all, hints take it too, since they would never be shown.
    pub fn spares(&mut self, rate: Rate, now: Timestamp) -> bool {
        let kept = (rate.count / 4).max(1);
        self.wait_for(rate.count.saturating_sub(kept).max(1), rate.per, now).is_zero()
    }

    pub fn spend(&mut self, rate: Rate, now: Timestamp) {
        self.0.push_back(now);
        let kept = usize::try_from(rate.count).unwrap_or(usize::MAX);
        self.0.drain(..self.0.len().saturating_sub(kept));
    }

    /// Whether all tokens are there.
    pub fn is_full(&self, rate: Rate, now: Timestamp) -> bool {
        self.0.back().is_none_or(|it| rate.per <= now.since(*it))
    }

    /// Until fewer than `count` were spent within `per`.
    fn wait_for(&mut self, count: u32, per: Duration, now: Timestamp) -> Duration {
        // A clock that was set back waits no longer than the time of the rate.
        self.0.iter_mut().for_each(|it| *it = now.min(*it));
        let count = usize::try_from(count.max(1)).unwrap_or(usize::MAX);
        let Some(oldest) = self.0.len().checked_sub(count).and_then(|at| self.0.get(at)) else {
            return Duration::ZERO;
        };
        (*oldest + per).since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a group on Telegram.
    const GROUP: Rate = Rate { count: 20, per: Duration::from_secs(60) };

    fn at(ms: i64) -> Timestamp {
        Timestamp(10_000_000 + ms)
    }

    #[test]
    fn no_stretch_of_time_sees_more_than_the_rate() {
        let (mut bucket, mut spent) = (Bucket::default(), vec![]);
        for ms in (0..300_000).step_by(100) {
            if bucket.wait(GROUP, at(ms)).is_zero() {
                bucket.spend(GROUP, at(ms));
                spent.push(ms);
            }
        }
        assert_eq!(spent.len(), 100, "and all that it allows");
        assert!(spent.windows(21).all(|it| 60_000 <= it[20] - it[0]), "{spent:?}");
    }

    #[test]
    fn a_wait_is_as_long_as_it_says() {
        let mut bucket = Bucket::default();
        (0..20).for_each(|ms| bucket.spend(GROUP, at(ms)));
        let wait = bucket.wait(GROUP, at(1_000));
        assert_eq!(wait, Duration::from_millis(59_000));
        assert!(!bucket.wait(GROUP, at(59_999)).is_zero());
        assert!(bucket.wait(GROUP, at(1_000) + wait).is_zero());
    }

    #[test]
    fn hints_leave_tokens_for_parts() {
        let mut bucket = Bucket::default();
        let hints = (0..60_000).step_by(100).filter(|ms| {
            let may = bucket.spares(GROUP, at(*ms));
            if may {
                bucket.spend(GROUP, at(*ms));
            }
            may
        });
        assert_eq!(hints.count(), 15);
        for _ in 0..5 {
            assert!(bucket.wait(GROUP, at(59_999)).is_zero());
            bucket.spend(GROUP, at(59_999));
        }
        let one = Rate { count: 1, per: Duration::from_secs(1) };
        assert!(Bucket::default().spares(one, at(0)), "else nothing is ever hinted at");
    }

    #[test]
    fn a_host_that_starts_over_and_over_stays_near_the_rate() {
        let mut first = Bucket::new(GROUP, at(0));
        let mut sent = 0;
        for _ in 0..2 {
            while first.wait(GROUP, at(0)).is_zero() {
                first.spend(GROUP, at(0));
                sent += 1;
            }
            first = Bucket::new(GROUP, at(0));
        }
        assert_eq!(sent, 20);
        assert!(!first.is_full(GROUP, at(59_999)) && first.is_full(GROUP, at(60_000)));
    }

    #[test]
    fn a_clock_that_jumps_back_does_no_harm() {
        let mut bucket = Bucket::default();
        (0..20).for_each(|_| bucket.spend(GROUP, at(3_600_000)));
        assert_eq!(bucket.wait(GROUP, at(0)), GROUP.per, "not an hour");
        assert!(bucket.wait(GROUP, at(60_000)).is_zero());
    }
}
