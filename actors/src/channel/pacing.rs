//! When something may leave: by the pace of each chat and of the whole account, and by what the platform
//! asked for. Parts wait for their token; hints take what parts leave, or are not shown.
//!
//! Kept in memory alone. It counts real time, so that no clock that is set changes it.

use std::collections::BTreeMap;
use std::time::Duration;

use channel::Caps;
use domain::outgoing::{Pace, Rate};
use domain::pace::Bucket;
use domain::time::Timestamp;
use tokio::time::Instant;

/// Drafts of an answer in a group, of which platforms take about 20 a minute.
const GROUP_DRAFT_EVERY: Duration = Duration::from_secs(4);
/// A chat in which nothing happened for so long is forgotten; longer than the time of each rate.
const FORGET_AFTER: Duration = Duration::from_secs(60 * 60);

#[derive(Debug)]
pub(super) struct Pacing {
    born: Instant,
    account: Option<Bucket>,
    /// Until when the platform wants nothing at all.
    held_until: Timestamp,
    chats: BTreeMap<String, PacedChat>,
    /// Counts parts.
    turn: u64,
}

#[derive(Debug, Default)]
struct PacedChat {
    bucket: Option<Bucket>,
    /// Until its first part it is taken for a group, whose pace is the slower one.
    is_direct: bool,
    used: Option<Timestamp>,
    drafted: Option<Timestamp>,
    /// Of its last part.
    turn: u64,
}

impl Default for Pacing {
    fn default() -> Self {
        let (born, chats) = (Instant::now(), BTreeMap::new());
        Self { born, account: None, held_until: Timestamp(0), chats, turn: 0 }
    }
}

impl Pacing {
    /// The whole account waits.
    pub(super) fn hold(&mut self, after: Duration) {
        self.held_until = self.held_until.max(self.now() + after);
    }

    /// Which of two chats had its turn earlier.
    pub(super) fn turn(&self, chat: &str) -> u64 {
        self.chats.get(chat).map_or(0, |it| it.turn)
    }

    /// Takes a token for a part, or says how long it has to wait for one.
    pub(super) fn take(&mut self, chat: &str, in_group: bool, pace: Pace) -> Result<(), Duration> {
        let now = self.now();
        self.chats.retain(|_, it| it.used.is_none_or(|at| now.since(at) < FORGET_AFTER));
        self.chats.entry(chat.to_owned()).or_default().is_direct = !in_group;
        let held = self.held_until.since(now);
        let waits = self.buckets(chat, pace).map(|(bucket, rate)| bucket.wait(rate, now));
        let wait = waits.fold(held, Duration::max);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.buckets(chat, pace).for_each(|(bucket, rate)| bucket.spend(rate, now));
        self.turn += 1;
        let turn = self.turn;
        self.chats.entry(chat.to_owned()).and_modify(|it| it.turn = turn);
        Ok(())
    }

    /// Takes a token for a hint, if parts leave one.
    pub(super) fn may_hint(&mut self, chat: &str, caps: Caps) -> bool {
        let now = self.now();
        let may = self.held_until <= now
            && self.buckets(chat, caps.pace).all(|(bucket, rate)| bucket.spares(rate, now));
        if may {
            self.buckets(chat, caps.pace).for_each(|(bucket, rate)| bucket.spend(rate, now));
        }
        may
    }

    /// The same for a draft.
    pub(super) fn may_draft(&mut self, chat: &str, caps: Caps) -> bool {
        let now = self.now();
        let paced = self.chats.get(chat).filter(|it| !it.is_direct);
        let last = paced.and_then(|it| it.drafted);
        let may =
            last.is_none_or(|it| GROUP_DRAFT_EVERY <= now.since(it)) && self.may_hint(chat, caps);
        if may {
            self.chats.entry(chat.to_owned()).or_default().drafted = Some(now);
        }
        may
    }

    /// What a chat has to spend from, with the rates of its platform.
    fn buckets(&mut self, chat: &str, pace: Pace) -> impl Iterator<Item = (&mut Bucket, Rate)> {
        let now = self.now();
        let paced = self.chats.entry(chat.to_owned()).or_default();
        paced.used = Some(now);
        let rate = if paced.is_direct { pace.direct } else { pace.group };
        let all = [(&mut paced.bucket, rate), (&mut self.account, pace.account)];
        all.into_iter().filter_map(|(bucket, rate)| {
            let rate = rate?;
            Some((bucket.get_or_insert_with(|| Bucket::new(rate, Timestamp(0))), rate))
        })
    }

    fn now(&self) -> Timestamp {
        Timestamp(0) + self.born.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use domain::outgoing::TextLimit;
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    fn caps(group: u32, account: u32) -> Caps {
        let rate = |count| Some(Rate { count, per: MINUTE });
        let pace = Pace { direct: None, group: rate(group), account: rate(account) };
        Caps { pace, ..Caps::plain(TextLimit::chars(100)) }
    }

    /// Of an account that was there long enough.
    async fn pacing() -> Pacing {
        let pacing = Pacing::default();
        advance(MINUTE).await;
        pacing
    }

    #[tokio::test(start_paused = true)]
    async fn a_chat_that_used_its_tokens_up_waits_alone() {
        let (mut pacing, caps) = (pacing().await, caps(2, 100));
        for _ in 0..2 {
            assert_eq!(pacing.take("a", true, caps.pace), Ok(()));
        }
        assert_eq!(pacing.take("a", true, caps.pace), Err(MINUTE));
        assert_eq!(pacing.take("b", true, caps.pace), Ok(()));
        assert_eq!(pacing.take("c", false, caps.pace), Ok(()), "in private there is no limit");
        assert!(pacing.turn("a") < pacing.turn("b") && pacing.turn("new") < pacing.turn("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_tokens_of_an_account_are_those_of_all_its_chats() {
        let (mut pacing, caps) = (pacing().await, caps(9, 2));
        assert_eq!(pacing.take("a", true, caps.pace), Ok(()));
        assert_eq!(pacing.take("b", true, caps.pace), Ok(()));
        assert_eq!(pacing.take("c", true, caps.pace), Err(MINUTE));
        assert!(!pacing.may_hint("d", caps));
    }

    #[tokio::test(start_paused = true)]
    async fn hints_never_take_the_last_tokens_and_drafts_come_seldom_in_groups() {
        let (mut pacing, caps) = (pacing().await, caps(20, 1_000));
        let mut drafts = 0;
        for _ in 0..80 {
            advance(SECOND / 2).await;
            drafts += u32::from(pacing.may_draft("a", caps));
        }
        assert_eq!(drafts, 10);
        while pacing.may_hint("a", caps) {}
        for _ in 0..5 {
            assert_eq!(pacing.take("a", true, caps.pace), Ok(()));
        }
        assert!(pacing.take("a", true, caps.pace).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_platform_that_wants_nothing_gets_nothing() {
        let (mut pacing, caps) = (pacing().await, caps(20, 1_000));
        pacing.hold(9 * SECOND);
        pacing.hold(SECOND);
        assert_eq!(pacing.take("a", true, caps.pace), Err(9 * SECOND));
        assert!(!pacing.may_hint("b", caps));
        advance(9 * SECOND).await;
        assert_eq!(pacing.take("a", true, caps.pace), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_host_begins_with_half() {
        let (mut pacing, caps) = (Pacing::default(), caps(20, 1_000));
        let taken = (0..20).filter(|_| pacing.take("a", true, caps.pace).is_ok());
        assert_eq!(taken.count(), 10);
    }
}
