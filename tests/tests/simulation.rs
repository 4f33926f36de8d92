//! The laws hold wherever the program is stopped.

use std::ops::Range;
use std::time::Duration;

use harness::rng::seeds;
use harness::simulation::{Fault, Mailbox, Plan, Report, run};

/// Random runs; CI time decides. `NANOCLAW_SEEDS=5000..9000` runs others.
const SEEDS: Range<u64> = 0..300;

#[track_caller]
fn check(what: &str, plan: &Plan) -> Report {
    let report = run(plan);
    let broken = report.violations.join("\n  ");
    let trace = report.trace.join("\n  ");
    assert!(report.violations.is_empty(), "{what}\n  {broken}\n{plan:#?}\n{trace}");
    report
}

#[test]
fn an_undisturbed_run_keeps_the_laws() {
    let report = check("undisturbed", &Plan::simple());
    assert_eq!(report.lives, 1);
    assert!(40 < report.host_points && 10 < report.runner_points, "{report:?}");
}

/// Stops the host at every point of a plan, one run for each.
fn stop_everywhere(plan: &Plan) -> (u64, usize) {
    let points = run(plan).host_points;
    let mut lives = 0;
    for point in 1..=points {
        let plan = Plan { host_crashes: vec![point], ..plan.clone() };
        lives += check(&format!("host stopped at point {point}"), &plan).lives;
    }
    (points, lives)
}

#[test]
fn the_host_may_stop_at_every_write_and_every_outside_call() {
    let (points, lives) = stop_everywhere(&Plan::simple());
    eprintln!("{points} crash points of the host, {points} runs, {lives} lives, 0 violations");
}

#[test]
fn mailboxes_may_be_gone_after_every_stop_of_the_host() {
    for which in Mailbox::ALL {
        let mailboxes = Some(which);
        let (points, lives) = stop_everywhere(&Plan { mailboxes, ..Plan::simple() });
        eprintln!("without {which:?}: {points} crash points, {lives} lives, 0 violations");
    }
}

#[test]
fn mailboxes_may_go_at_any_time() {
    for which in Mailbox::ALL {
        for ms in (0..5_000).step_by(100) {
            let faults = vec![(Duration::from_millis(ms), Fault::Lose(which))];
            check(&format!("{which:?} gone after {ms} ms"), &Plan { faults, ..Plan::simple() });
        }
    }
}

#[test]
fn commits_may_be_uncertain_at_any_time() {
    for count in 1..=3 {
        for ms in (0..5_000).step_by(100) {
            let faults = vec![(Duration::from_millis(ms), Fault::UncertainCommit(count))];
            let what = format!("{count} uncertain commits after {ms} ms");
            check(&what, &Plan { faults, ..Plan::simple() });
        }
    }
}

#[test]
fn the_host_may_stop_everywhere_while_everything_takes_its_time() {
    for jitter in 1..=3 {
        let (points, lives) = stop_everywhere(&Plan { jitter, ..Plan::simple() });
        eprintln!(
            "jitter {jitter}: {points} crash points, {points} runs, {lives} lives, 0 violations"
        );
    }
}

#[test]
fn the_host_may_stop_everywhere_while_tasks_fire() {
    for jitter in [0, 7] {
        let (points, lives) = stop_everywhere(&Plan { jitter, ..Plan::with_tasks() });
        eprintln!(
            "tasks, jitter {jitter}: {points} crash points, {points} runs, {lives} lives, 0 violations"
        );
    }
}

#[test]
fn the_host_may_stop_everywhere_while_somebody_is_left_alone() {
    let (points, lives) = stop_everywhere(&Plan::in_quiet_hours());
    eprintln!("quiet hours: {points} crash points, {points} runs, {lives} lives, 0 violations");
}

#[test]
fn the_runner_may_stop_everywhere_while_tasks_fire() {
    let points = run(&Plan::with_tasks()).runner_points;
    for point in 1..=points {
        let plan = Plan { runner_crash: point, ..Plan::with_tasks() };
        check(&format!("runner stopped at point {point}"), &plan);
    }
}

#[test]
fn the_runner_may_stop_at_every_write() {
    let points = run(&Plan::simple()).runner_points;
    for point in 1..=points {
        let plan = Plan { runner_crash: point, ..Plan::simple() };
        check(&format!("runner stopped at point {point}"), &plan);
    }
    eprintln!("{points} crash points of the runner, {points} runs, 0 violations");
}

#[test]
fn without_notifications_the_slow_polls_find_everything() {
    check("no notifications", &Plan { notifications: false, ..Plan::simple() });
}

#[test]
fn random_scripts_with_random_faults_keep_the_laws() {
    let (mut points, mut lives) = (0, 0);
    let seeds = seeds(SEEDS);
    for seed in seeds.clone() {
        let report = check(&format!("seed {seed}"), &Plan::random(seed));
        points += report.host_points + report.runner_points;
        lives += report.lives;
    }
    let count = seeds.end - seeds.start;
    eprintln!("{count} seeds, {lives} lives, {points} crash points passed, 0 violations");
}
