//! The program beside this one that holds the simulation: what `nanoclaw selftest` becomes, and what
//! boots a copy for `nanoclaw backup verify`.

use std::convert::Infallible;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use clap::value_parser;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::error::{Hint, fail};

const PROGRAM: &str = "nanoclaw-selftest";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// For a copy with years of messages on a slow disk.
const BOOT_MAX: Duration = Duration::from_secs(60 * 60);
const BUILD_IT: &str = "build the programs again, with `./nanoclaw.sh`";

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each run starts a whole host with a platform and an engine in memory, lets people write, breaks
things, kills the host at random points, and checks that every message had one answer. It touches
nothing of this install. The same seed is the same run.

Examples:
  nanoclaw selftest --runs 1 --seed 4711  one run again
  nanoclaw selftest --escape              what an agent could try to get out of its container")]
pub(crate) struct SelftestArgs {
    /// Try to get out of a real container instead, in every way that we know; needs the engine
    #[arg(long, conflicts_with_all = ["runs", "seed", "threads"])]
    pub(crate) escape: bool,
    /// How many runs
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    runs: u64,
    /// The first seed; each run has the next one
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,
    /// At a time [default: one per core]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=512))]
    threads: Option<u16>,
}

fn program() -> anyhow::Result<Command> {
    let own = std::env::current_exe().context("where this program lies cannot be found out")?;
    Ok(Command::new(own.with_file_name(PROGRAM)))
}

/// Goes on as the program that runs the scripts, with its exit code.
pub(super) fn perform(args: &SelftestArgs, as_json: bool) -> anyhow::Result<Infallible> {
    if args.seed.checked_add(args.runs).is_none() {
        return Err(fail(
            format!("{} runs from the seed {} on go past the last seed", args.runs, args.seed),
            format!("take a seed of at most {}", u64::MAX - args.runs),
        ));
    }
    let mut command = program()?;
    command.arg("runs").args([args.runs, args.seed].map(|it| it.to_string()));
    if let Some(threads) = args.threads {
        command.args(["--threads", &threads.to_string()]);
    }
    if as_json {
        command.arg("--json");
    }
    Err(command.exec()).context(format!("{PROGRAM} cannot be run")).hint(BUILD_IT)
}

/// Boots a copy of a data directory, which changes the copy; says what that did. Blocks.
pub(super) fn boot(copy: &Path) -> anyhow::Result<String> {
    let mut command = tokio::process::Command::from(program()?);
    command.arg("boot").arg(copy).kill_on_drop(true);
    let booted = Handle::current().block_on(timeout(BOOT_MAX, command.output()));
    let booted = booted.context(format!("{PROGRAM} does not come to an end"))?;
    let booted = booted.context(format!("{PROGRAM} cannot be run")).hint(BUILD_IT)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let (said, why) = (text(&booted.stdout), text(&booted.stderr));
    let said = said.strip_prefix(&format!("{PROGRAM} {VERSION}"));
    let other = || fail(format!("{PROGRAM} is not of this version: {why}"), BUILD_IT);
    let said = said.ok_or_else(other)?;
    match booted.status.code() {
        Some(0) => Ok(said.trim_start().to_owned()),
        Some(1) => Err(fail(why, "take an older backup")),
        // Nothing is known of the copy then.
        _ => Err(fail(format!("{PROGRAM} broke off ({}): {why}", booted.status), "try it again")),
    }
}
