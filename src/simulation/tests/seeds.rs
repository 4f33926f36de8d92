//! Many seeds keep the laws, each replays exactly, and no flaw made on purpose goes unseen.
#![expect(clippy::print_stderr, reason = "the simulation says how much it ran")]

use std::io;
use std::ops::Range;
use std::process::{Child, Command, Stdio};

use simulation::mutation::Mutation;
use simulation::rng::seeds;
use simulation::simulation::{Plan, multi_user, run, run_broken, sweep};

/// How many seeds a change has to pass: a window of its own for each commit, so that what was never
/// tried is. `NANOCLAW_SEEDS=20000..90000` runs others.
const SEEDS: u64 = 5_000;
/// Seeds that once broke a law, each for a cause of its own.
const MENDED: [u64; 11] = [
    // A claim took effect, its runner heard of an error and never worked on the message.
    10_438_578_455_432,
    // A hostile runner ended a message with what it had said about an earlier one.
    10_438_578_457_701,
    // A clock jumped over the end of a question before it was put; the law knew no such thing.
    19_619_963_342_209,
    // A number typed again before a `/stop` was set aside with the rest; the law knew no such thing.
    5_892_543_977_749,
    // An engine that failed had started a container, whose slot another session got.
    21_278_499_684_207,
    // An answer that a stop cancelled was answered by the notice about the stop; the law knew no such thing.
    31_415_927_129,
    // A host that connected while its disk was full took a `/panic` that it could neither store nor refuse.
    4_613_817_715_698,
    // An answer was with its platform when a `/stop` elsewhere came, which told of it; the law knew no such thing.
    12_938_309_397_419,
    // A container that outlived its kill answered just before the next one was launched: both were heard.
    1_291_390_885_030,
    // One answer told of two messages whose files could not be had; the law counted those of one.
    16_329_814_730_159,
    // A stop was told in another chat before an answer that waited there; the law knew no such thing.
    18_640_640_175_199,
];
/// Within so many seeds a flaw has to show.
const SEEDS_PER_MUTATION: u64 = 300;
const THREADS: usize = 2;

/// In the program that was built for people, where the test command provides it: it is several times
/// faster than this one. One process for each core: within one, the threads would wait for the locks
/// that SQLite has for a whole process.
#[test]
fn seeded_runs_keep_the_laws() {
    let seeds = seeds(window(commit().as_deref()));
    eprintln!("seeds {seeds:?}; NANOCLAW_SEEDS={}..{} runs them again", seeds.start, seeds.end);
    let Ok(program) = std::env::var("NANOCLAW_TEST_BIN") else { return run_here(seeds) };
    let middle = seeds.start.midpoint(seeds.end);
    let halves = [seeds.start..middle, middle..seeds.end].map(|it| start(&program, &it).unwrap());
    let ended = halves.map(|it| it.wait_with_output().unwrap());
    for out in ended {
        let said = String::from_utf8_lossy(&out.stdout);
        let complaint = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && said.contains("0 violations"), "{said}{complaint}");
        eprintln!("{said}");
    }
}

#[test]
fn seeds_that_once_broke_a_law_keep_it() {
    for seed in MENDED {
        let report = sweep::one(seed);
        let broken = report.violations.join("\n  ");
        let trace = report.excerpt(40).join("\n");
        assert!(report.violations.is_empty(), "seed {seed}\n  {broken}\n{trace}");
    }
}

/// The seeds of a commit; the first ones where it is not known.
fn window(commit: Option<&str>) -> Range<u64> {
    let number = commit.and_then(|it| u32::from_str_radix(it.get(..8)?, 16).ok());
    let first = u64::from(number.unwrap_or_default()) * SEEDS;
    first..first + SEEDS
}

/// The commit that is tested, where this is a working copy of the repository.
fn commit() -> Option<String> {
    let out = Command::new("git").args(["rev-parse", "HEAD"]).output().ok()?;
    String::from_utf8(out.stdout).ok().filter(|_| out.status.success())
}

#[test]
fn each_commit_has_a_window_of_its_own() {
    assert_eq!(window(None), 0..5_000);
    assert_eq!(window(Some("00000002ffff")), 10_000..15_000);
    assert_eq!(window(Some("odd")), 0..5_000);
}

fn start(program: &str, seeds: &Range<u64>) -> io::Result<Child> {
    let (runs, first) = ((seeds.end - seeds.start).to_string(), seeds.start.to_string());
    let args = ["selftest", "--runs", &runs, "--seed", &first, "--threads", "1"];
    let piped = Stdio::piped;
    Command::new(program).args(args).stdout(piped()).stderr(piped()).spawn()
}

fn run_here(seeds: Range<u64>) {
    let total = sweep::all(seeds, THREADS, &|_| ());
    if let Some(failure) = total.failure {
        let broken = failure.report.violations.join("\n  ");
        let trace = failure.report.excerpt(40).join("\n");
        panic!("seed {}\n  {broken}\n{}\n{trace}", failure.seed, failure.plan);
    }
    eprintln!(
        "{} runs, {} lives, {} crash points passed, 0 violations",
        total.runs, total.lives, total.points
    );
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..200 {
        let plan = Plan::random(seed);
        let (first, second) = (run(&plan), run(&plan));
        let differs = first.trace.iter().zip(&second.trace).position(|it| it.0 != it.1);
        let around = differs.map(|at| {
            let lines = |of: &[String]| of[at.saturating_sub(5)..of.len().min(at + 3)].join("\n");
            format!("{}\n--\n{}", lines(&first.trace), lines(&second.trace))
        });
        assert!(first.trace == second.trace, "seed {seed}\n{}", around.unwrap_or_default());
        assert!(20 < first.trace.len(), "there is something to compare");
    }
}

#[test]
fn a_multi_user_plan_replays_exactly() {
    for seed in 0..60 {
        let plan = multi_user::MultiUser::random(seed);
        let (first, second) = (multi_user::run(&plan), multi_user::run(&plan));
        let differs = first.trace.iter().zip(&second.trace).position(|it| it.0 != it.1);
        let around = differs.map(|at| {
            let lines = |of: &[String]| of[at.saturating_sub(25)..of.len().min(at + 3)].join("\n");
            format!("{}\n--\n{}", lines(&first.trace), lines(&second.trace))
        });
        assert!(first.trace == second.trace, "seed {seed}\n{}", around.unwrap_or_default());
    }
}

#[test]
fn no_flaw_made_on_purpose_goes_unseen() {
    let mut unseen = Vec::new();
    for mutation in Mutation::ALL {
        let breaks =
            |seed: &u64| !run_broken(&Plan::random(*seed), Some(mutation)).violations.is_empty();
        match (0..SEEDS_PER_MUTATION).find(breaks) {
            Some(seed) => eprintln!("{mutation:?} is seen with seed {seed}"),
            None => unseen.push(mutation),
        }
    }
    assert!(unseen.is_empty(), "{unseen:?}");
}
