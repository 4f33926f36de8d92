//! What happens in a run: who writes where, what goes wrong, how the host ends. A pure function of
//! the seed.

use std::time::Duration;

use domain::delivery::UNCERTAIN_MAX;
use harness::conformance::Fault;
use harness::rng::Rng;

/// Everything is planned within this time; then the host recovers.
const SPAN_MS: u64 = 2_000;
/// Private chat, group, and thread of the group.
pub(super) const PLACES: usize = 3;
/// Points that a life with a handful of messages passes.
const POINTS: u64 = 160;

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// Ann writes, in order of time; the numbers are of places.
    pub(super) posts: Vec<(Duration, usize)>,
    /// In order of time.
    pub(super) strikes: Vec<(Duration, Strike)>,
    /// How the host ends, and how long it is away then. After the last one it lives on.
    pub(super) ends: Vec<(End, Duration)>,
    /// Before all that, the host is away for more than a day, and Ann writes in these places.
    pub(super) away: Option<Vec<usize>>,
    /// The platform does not know again what it was sent before.
    pub(super) keeps_no_keys: bool,
    /// Makes every write of the host take its time; 0 for none.
    pub(super) jitter: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strike {
    /// The next request that sends meets this.
    Send(Fault),
    /// The next request that reads meets this.
    Read(Fault),
    /// At once.
    Now(Fault),
    /// One of the messages so far is told again.
    TellAgain(usize),
    /// The gateway asks to begin again, with the same session or with another.
    Reconnect { resumable: bool },
    /// The gateway closes with this code.
    Close(u16),
    /// No session can be resumed any more.
    ForgetSessions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// `kill -9` at this durable write or outside call, counted before and after each.
    KilledAt(u64),
    /// The same, whatever it is at: a request to the platform, perhaps.
    KilledAfter(Duration),
    /// SIGTERM.
    StoppedAfter(Duration),
}

impl Strike {
    /// What was sent may have been shown, and the host does not know.
    fn is_uncertain(self) -> bool {
        matches!(
            self,
            Self::Send(Fault::AnswerLost | Fault::ServerError) | Self::Now(Fault::Disconnect)
        )
    }
}

impl Plan {
    /// Two messages in each place, and nothing goes wrong.
    pub(super) fn undisturbed() -> Self {
        let posts = (0..2 * PLACES).map(|n| (Duration::from_millis(50), n % PLACES)).collect();
        let (keeps_no_keys, jitter) = (false, 0);
        Self { seed: 0, posts, strikes: vec![], ends: vec![], away: None, keeps_no_keys, jitter }
    }

    /// `own`: what can happen on this platform beside what can happen on every one.
    pub(super) fn random(seed: u64, own: &[Strike]) -> Self {
        let mut rng = Rng::new(seed);
        let mut posts: Vec<_> =
            (0..2 + rng.below(6)).map(|_| (moment(&mut rng), index(&mut rng, PLACES))).collect();
        posts.sort();
        let ends: Vec<_> = (0..rng.below(4)).map(|_| (end(&mut rng), pause(&mut rng))).collect();
        // A part that may have been shown so often is given up, and that is no silence to find here.
        let uncertain_max = usize::try_from(UNCERTAIN_MAX).unwrap() - 1;
        let mut uncertain = ends.len();
        let mut strikes = Vec::new();
        for _ in 0..rng.below(7) {
            let (at, strike) = (moment(&mut rng), strike(&mut rng, own));
            uncertain += usize::from(strike.is_uncertain());
            if uncertain <= uncertain_max || !strike.is_uncertain() {
                strikes.push((at, strike));
            }
        }
        strikes.sort_by_key(|it| it.0);
        let away = (rng.below(4) == 0)
            .then(|| (0..1 + rng.below(3)).map(|_| index(&mut rng, PLACES)).collect());
        let keeps_no_keys = rng.below(2) == 0;
        let jitter = if rng.below(3) == 0 { 1 + seed } else { 0 };
        Self { seed, posts, strikes, ends, away, keeps_no_keys, jitter }
    }

    /// Strikes after which people may be shown something again. A lost answer hides one message, a
    /// broken connection one of each chat.
    pub(super) fn hidden_by_strikes(&self) -> (usize, usize) {
        let count = |wanted| self.strikes.iter().filter(|it| it.1 == wanted).count();
        (count(Strike::Send(Fault::AnswerLost)), count(Strike::Now(Fault::Disconnect)))
    }
}

fn moment(rng: &mut Rng) -> Duration {
    Duration::from_millis(rng.below(SPAN_MS))
}

fn pause(rng: &mut Rng) -> Duration {
    Duration::from_millis(rng.below(400))
}

fn index(rng: &mut Rng, count: usize) -> usize {
    usize::try_from(rng.below(u64::try_from(count).unwrap())).unwrap()
}

fn end(rng: &mut Rng) -> End {
    let after = Duration::from_millis(rng.below(SPAN_MS / 2));
    match rng.below(6) {
        0..3 => End::KilledAt(1 + rng.below(POINTS)),
        3 | 4 => End::KilledAfter(after),
        _ => End::StoppedAfter(after),
    }
}

fn strike(rng: &mut Rng, own: &[Strike]) -> Strike {
    let wait = Duration::from_secs(1);
    match rng.below(10) {
        0 => Strike::Send(Fault::Throttle(wait)),
        1 => Strike::Send(Fault::ServerError),
        2 | 3 => Strike::Send(Fault::AnswerLost),
        4 => Strike::Read(Fault::Throttle(wait)),
        5 => Strike::Read(Fault::ServerError),
        6 => Strike::Read(Fault::AnswerLost),
        7 => Strike::TellAgain(index(rng, 100)),
        8 if !own.is_empty() => own[index(rng, own.len())],
        8 | 9 if rng.below(4) == 0 => Strike::Now(Fault::Garbage),
        _ => Strike::Now(Fault::Disconnect),
    }
}
