//! `nanoclaw selftest`: runs the whole host through random scripts and crashes, in memory, and checks
//! that nothing was lost or doubled.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use simulation::simulation::sweep::{self, Failure, Total};
use tokio::time::Instant;

use crate::args::SelftestArgs;
use crate::term;

/// Lines of the trace that are shown around a violation.
const TRACE_LINES_MAX: usize = 40;
/// How often the progress is shown.
const SHOWN_EVERY: u64 = 50;

pub(super) async fn perform(args: SelftestArgs) -> anyhow::Result<ExitCode> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.unwrap_or(cores);
    let seeds = args.seed..args.seed.saturating_add(args.runs);
    let is_shown = term::notes_are_seen() && !args.json;
    let runs = args.runs;
    let progress = move |done: u64| {
        if is_shown && done.is_multiple_of(SHOWN_EVERY) {
            term::note_piece(&format!("\r{done} of {runs} runs"));
        }
    };
    let started = Instant::now();
    // Each run has a runtime of its own, which must not start inside of this one.
    let sweep = move || sweep::all(seeds, threads, &progress);
    let total = tokio::task::spawn_blocking(sweep).await.context("the test broke off")?;
    if is_shown {
        term::note_piece("\r");
    }
    if args.json {
        term::json(&as_json(&total, started.elapsed()))?;
    } else {
        show(&total, started.elapsed());
    }
    Ok(if total.failure.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn replay(seed: u64) -> String {
    format!("nanoclaw selftest --runs 1 --seed {seed}")
}

fn violations(total: &Total) -> usize {
    total.failure.as_ref().map_or(0, |it| it.report.violations.len())
}

fn as_json(total: &Total, took: Duration) -> serde_json::Value {
    let failure = total.failure.as_ref().map(|it| {
        json!({
            "seed": it.seed,
            "violations": it.report.violations,
            "plan": it.plan,
            "trace": it.report.excerpt(TRACE_LINES_MAX),
            "replay": replay(it.seed),
        })
    });
    json!({
        "ok": total.failure.is_none(),
        "runs": total.runs,
        "lives": total.lives,
        "crash_points": total.points,
        "violations": violations(total),
        "seconds": took.as_secs_f64(),
        "failure": failure,
    })
}

fn show(total: &Total, took: Duration) {
    if let Some(failure) = &total.failure {
        tell(failure);
    }
    term::out(&format!(
        "{} runs, {} lives, {} crash points passed, {} violations, {:.1} seconds",
        total.runs,
        total.lives,
        total.points,
        violations(total),
        took.as_secs_f64()
    ));
}

fn tell(failure: &Failure) {
    term::out(&format!("seed {} broke a law:", failure.seed));
    failure.report.violations.iter().for_each(|it| term::out(&format!("  {it}")));
    term::out(&format!("what was to happen:\n  {}", failure.plan));
    term::out("what happened around it (seconds, who, what):");
    failure.report.excerpt(TRACE_LINES_MAX).iter().for_each(|it| term::out(&format!("  {it}")));
    term::out(&format!("to see it again: {}", replay(failure.seed)));
}
