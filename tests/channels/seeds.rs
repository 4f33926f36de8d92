//! Random runs of a whole host with a real adapter over the double of its platform: Ann writes, the
//! host is killed, requests fail, connections break. Then the laws are checked that a person cares
//! about: nothing is met with silence, and nothing comes twice without saying so.
//!
//! A seed gives the same plan every time, and not the same run: sockets are real here, and so is
//! time. A seed that failed once may have to be run some times until it fails again.
#![expect(clippy::print_stderr, reason = "the runs say how much happened")]

mod laws;
mod life;
mod plan;
mod platform;
mod rehearsal;

use std::ops::Range;

use futures_util::StreamExt as _;
use futures_util::stream;
use harness::courier::FakeCourier;
use harness::discord::FakeDiscord;
use harness::rng::seeds;
use harness::telegram::FakeTelegram;

use self::life::run;
use self::plan::Plan;
use self::platform::Platform;
use crate::ann::PATIENCE;

/// Random runs for each adapter. `NANOCLAW_SEEDS=60..600` runs others.
const SEEDS: Range<u64> = 0..60;
/// Runs wait most of the time: for a moment to try again, for an answer.
const AT_ONCE: usize = 32;

/// How often a fault came to pass, in all runs together.
#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    repeats: usize,
    gaps_told: usize,
}

async fn keep_the_laws<P: Platform>(make: impl AsyncFn() -> P) -> Tally {
    let seeds = seeds(SEEDS);
    let count = seeds.end - seeds.start;
    let one = async |seed| {
        let plan = Plan::random(seed, P::OWN);
        let record = run(&make().await, &plan, PATIENCE).await;
        let broken = laws::check(&record);
        (broken.is_empty(), broken.join("\n  "), plan, record)
    };
    let mut runs = stream::iter(seeds).map(one).buffer_unordered(AT_ONCE);
    let mut tally = Tally::default();
    while let Some((is_kept, broken, plan, record)) = runs.next().await {
        assert!(is_kept, "seed {}\n  {broken}\n{plan:#?}\n{}", plan.seed, record.shown());
        tally.kills += record.kills;
        tally.repeats += record.repeats();
        tally.gaps_told += record.gaps_told();
    }
    eprintln!("{count} seeds, {tally:?}, 0 violations");
    tally
}

#[tokio::test]
async fn telegram_keeps_the_laws_whatever_happens() {
    let tally = keep_the_laws(FakeTelegram::start).await;
    let usual = seeds(SEEDS) == SEEDS;
    assert!(!usual || (0 < tally.gaps_told && 0 < tally.repeats), "nothing happened: {tally:?}");
}

#[tokio::test]
async fn discord_keeps_the_laws_whatever_happens() {
    let tally = keep_the_laws(FakeDiscord::start).await;
    let usual = seeds(SEEDS) == SEEDS;
    assert!(!usual || (0 < tally.kills && 0 < tally.repeats), "nothing happened: {tally:?}");
}

#[tokio::test]
async fn the_adapter_to_copy_keeps_the_laws_whatever_happens() {
    let tally = keep_the_laws(FakeCourier::start).await;
    let usual = seeds(SEEDS) == SEEDS;
    assert!(!usual || (0 < tally.kills && 0 < tally.gaps_told), "nothing happened: {tally:?}");
}
