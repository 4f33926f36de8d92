//! The laws of a town hold wherever the program is stopped: who is let in, what is decided, who
//! hears what.

use std::ops::Range;

use harness::simulation::Report;
use harness::simulation::town::{Town, run};

use crate::simulation::seeds;

/// Random runs; CI time decides. `NANOCLAW_SEEDS=5000..9000` runs others.
const SEEDS: Range<u64> = 0..60;

#[track_caller]
fn check(what: &str, town: &Town) -> Report {
    let report = run(town);
    let broken = report.violations.join("\n  ");
    let trace = report.trace.join("\n  ");
    assert!(report.violations.is_empty(), "{what}\n  {broken}\n{town:#?}\n{trace}");
    report
}

/// Stops the host at every point of a plan, one run for each.
fn stop_everywhere(what: &str, town: &Town) {
    let undisturbed = check(what, town);
    let (points, mut lives) = (undisturbed.host_points, 0);
    assert!(100 < points && undisturbed.lives == 1, "{points} points");
    for point in 1..=points {
        let town = Town { host_crashes: vec![point], ..town.clone() };
        lives += check(&format!("{what}: stopped at point {point}"), &town).lives;
    }
    eprintln!("{what}: {points} crash points, {points} runs, {lives} lives, 0 violations");
}

#[test]
fn the_host_may_stop_everywhere_while_people_come() {
    stop_everywhere("newcomers", &Town::newcomers());
}

#[test]
fn the_host_may_stop_everywhere_while_numbers_are_typed() {
    stop_everywhere("typed", &Town::typed());
}

#[test]
fn the_host_may_stop_everywhere_while_agents_work() {
    stop_everywhere("work", &Town::work());
}

#[test]
fn random_towns_with_random_faults_keep_the_laws() {
    let (mut points, mut lives) = (0, 0);
    let seeds = seeds(SEEDS);
    for seed in seeds.clone() {
        let report = check(&format!("seed {seed}"), &Town::random(seed));
        points += report.host_points + report.runner_points;
        lives += report.lives;
    }
    let count = seeds.end - seeds.start;
    eprintln!("{count} towns, {lives} lives, {points} crash points passed, 0 violations");
}
