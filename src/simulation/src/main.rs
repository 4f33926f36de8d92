//! The program behind `nanoclaw selftest` and `nanoclaw backup verify`. It is one of its own, so that the
//! one that runs every day stays small; people call it by those two.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser};
use serde_json::json;
use simulation::simulation::sweep::{self, Failure, Total};
use simulation::verify;
use store::layout::Layout;
use tokio::time::Instant;

/// Lines of the trace that are shown around a violation.
const TRACE_LINES_MAX: usize = 40;
/// How often the progress is shown.
const SHOWN_EVERY: u64 = 50;

/// What `nanoclaw selftest` and `nanoclaw backup verify` run
#[derive(Debug, Parser)]
#[command(name = "nanoclaw-selftest", version)]
enum Work {
    /// Random scripts with crashes, one per seed; see `nanoclaw selftest --help`
    Runs(RunsArgs),
    /// Boot a copy of a data directory with doubles of everything outside, which changes the copy
    Boot {
        /// The copy
        home: PathBuf,
    },
}

#[derive(Debug, Args)]
struct RunsArgs {
    /// How many
    runs: u64,
    /// The first seed; each run has the next one
    seed: u64,
    /// At a time [default: one per core]
    #[arg(long)]
    threads: Option<usize>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match Work::parse() {
        Work::Runs(args) => sweep(&args),
        Work::Boot { home } => {
            // Another program that lies in this one's place does not say so.
            out(concat!("nanoclaw-selftest ", env!("CARGO_PKG_VERSION")));
            match verify::boot(&Layout::new(home)) {
                Ok(said) => {
                    out(&said);
                    ExitCode::SUCCESS
                }
                Err(why) => {
                    let _ = writeln!(stderr(), "{why}");
                    ExitCode::FAILURE
                }
            }
        }
    }
}

fn sweep(args: &RunsArgs) -> ExitCode {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let is_shown = stderr().is_terminal() && !args.json;
    let (started, runs) = (Instant::now(), args.runs);
    let progress = move |done: u64| {
        if is_shown && done.is_multiple_of(SHOWN_EVERY) {
            let _ = write!(stderr(), "\r{done} of {runs} runs");
        }
    };
    let seeds = args.seed..args.seed.saturating_add(runs);
    let total = sweep::all(seeds, args.threads.unwrap_or(cores), &progress);
    if is_shown {
        let _ = write!(stderr(), "\r");
    }
    if args.json {
        out(&format!("{:#}", as_json(&total, started.elapsed())));
    } else {
        show(&total, started.elapsed());
    }
    if total.failure.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One line of the result. Where nobody reads it, the exit code is left.
fn out(line: &str) {
    let mut to = stdout().lock();
    let _ = writeln!(to, "{line}").and_then(|()| to.flush());
}

fn replay(seed: u64) -> String {
    format!("nanoclaw selftest --runs 1 --seed {seed}")
}

fn violations(total: &Total) -> usize {
    total.failure.as_ref().map_or(0, |it| it.report.violations.len())
}

fn as_json(total: &Total, took: Duration) -> serde_json::Value {
    let failure = total.failure.as_ref().map(|failure| {
        json!({
            "seed": failure.seed,
            "violations": failure.report.violations,
            "plan": failure.plan,
            "trace": failure.report.excerpt(TRACE_LINES_MAX),
            "replay": replay(failure.seed),
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
    out(&format!(
        "{} {}, {} lives, {} crash points passed, {} violations, {:.1} seconds",
        total.runs,
        if total.runs == 1 { "run" } else { "runs" },
        total.lives,
        total.points,
        violations(total),
        took.as_secs_f64()
    ));
}

fn tell(failure: &Failure) {
    out(&format!("seed {} broke a law:", failure.seed));
    failure.report.violations.iter().for_each(|it| out(&format!("  {it}")));
    out(&format!("what was to happen:\n  {}", failure.plan));
    out("what happened around it (seconds, who, what):");
    failure.report.excerpt(TRACE_LINES_MAX).iter().for_each(|it| out(&format!("  {it}")));
    out(&format!("to see it again: {}", replay(failure.seed)));
}
