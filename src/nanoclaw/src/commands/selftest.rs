//! `nanoclaw selftest`. The simulation is in a program beside this one, which this becomes, and which boots
//! a copy for `nanoclaw backup verify`. With `--escape`: a real container, made like any session's, in which
//! the runner lets the agent's user try the escape list; what only the host can see is checked afterwards.

use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use clap::value_parser;
use domain::agent::{DEFAULT_AGENT, Resources};
use domain::{AgentName, Incarnation, SessionId};
use engine::folders::{self, Owner};
use operations::Output;
use sandbox::docker::{DockerOptions, DockerSandbox};
use sandbox::{Job, Sandbox, Spec, inside};
use serde_json::{Value, json};
use store::layout::Layout;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::Report;
use crate::error::{Hint, fail};
use crate::{home, image, install};

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

/// Goes on as the program that runs the scripts, with its exit code.
pub(super) fn perform(args: &SelftestArgs, as_json: bool) -> anyhow::Result<Infallible> {
    let (runs, seed) = (args.runs, args.seed);
    if seed.checked_add(runs).is_none() {
        let what = format!("{runs} runs from the seed {seed} on go past the last seed");
        return Err(fail(what, format!("take a seed of at most {}", u64::MAX - runs)));
    }
    let mut command = Command::new(home::program()?.with_file_name(PROGRAM));
    command.arg("runs").args([runs, seed].map(|it| it.to_string()));
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
    let mut command = tokio::process::Command::new(home::program()?.with_file_name(PROGRAM));
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

/// It takes some seconds; a machine that is swapping needs more.
const WITHIN: Duration = Duration::from_secs(180);
const SESSION: SessionId = SessionId(1);
const ANOTHER: SessionId = SessionId(2);
/// Little, so that the limits are soon reached.
const RESOURCES: Resources =
    Resources { memory_mib: 1024, cpu_milli: 2000, pids: 128, disk_gib: 1 };
const BAIT: &str = "nobody but the host changes this";

pub(super) async fn escape(layout: &Layout) -> anyhow::Result<Report> {
    home::create(layout)?;
    let image = image::installed(layout)?;
    let folder = tempfile::Builder::new()
        .prefix("escape-")
        .tempdir_in(layout.cache())
        .context("could not make a folder for the test")?;
    let list = try_all(image, folder.path()).await?;
    let (count, broken) = (list.len(), list.iter().filter(|it| it["held"] != true).count());
    let list = Output::list(list, "held expected attack got", "nothing was tried");
    let text = format!("{}\n{count} attempts, {broken} not as expected", list.text);
    let output = Output::new(text, json!({ "ok": broken == 0, "attempts": list.json }));
    Ok(Report { has_failed: broken != 0, ..output.into() })
}

/// The list as the runner reports it, and what only the host can see.
async fn try_all(image: String, root: &Path) -> anyhow::Result<Vec<Value>> {
    let (layout, user) = (Layout::new(root), install::container_user());
    let owner = rustix::process::geteuid().is_root().then_some(user);
    let agent = AgentName::parse(DEFAULT_AGENT).context("the default agent has no good name")?;
    let baits = make_baits(&layout, &agent, owner).context("could not make the folders")?;
    let before = states(&baits)?;
    // Containers of its own, which no host takes for its sessions'.
    let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let options = DockerOptions { install: name, user, root: root.to_owned(), socket: None };
    let sandbox = DockerSandbox::new(options);
    let spec = spec(image, &layout, &agent);
    let mut link = sandbox.link(&spec.mounts).await?;
    let ran = async {
        sandbox.start(&spec).await?;
        tokio::select! {
            ended = sandbox.exited(SESSION) => ended.map(|()| false),
            // The runner of this test does not use it.
            stream = link.accept() => Ok(stream.is_ok()),
        }
    };
    let ran = timeout(WITHIN, ran).await;
    let last_words = sandbox.tail(SESSION).await.unwrap_or_default();
    sandbox.kill(SESSION).await?;
    let linked = ran.context("the list took too long")??;
    let report = layout.session(SESSION).outbound_dir().join(inside::ESCAPE_REPORT);
    let report = fs::read(report)
        .with_context(|| format!("the list was not run to its end: {last_words}"))
        .hint("build the image again with `nanoclaw image build`")?;
    let mut list: Vec<Value> = serde_json::from_slice(&report).context("no report was left")?;
    list.push(seen("reach the host over the link", !linked));
    // The agent left links where the host makes files.
    folders::make(&layout, SESSION, &agent, owner).context("could not make the folders again")?;
    list.push(seen("make the host change its own files", states(&baits)? == before));
    Ok(list)
}

fn seen(attack: &str, held: bool) -> Value {
    let got = if held { "nothing happened" } else { "it worked" };
    json!({ "attack": attack, "expected": "refused", "got": got, "held": held })
}

/// Two sessions with files in them. Returns what must be the same afterwards.
fn make_baits(layout: &Layout, agent: &AgentName, owner: Owner) -> std::io::Result<Vec<PathBuf>> {
    let mut baits = vec![layout.home().join("bait")];
    for session in [SESSION, ANOTHER] {
        folders::make(layout, session, agent, owner)?;
        let paths = layout.session(session);
        folders::make_link(&paths.link(Incarnation(1)), owner)?;
        let journal = paths.inbound_dir().join("inbound.db-journal");
        let bait = paths.files_in().join("bait");
        baits.extend([paths.inbound(), journal, paths.outbound(), bait]);
    }
    for bait in &baits {
        fs::write(bait, BAIT)?;
    }
    if let Some((uid, gid)) = owner {
        // The runner's own, as it would make them.
        chown(layout.session(SESSION).outbound(), Some(uid), Some(gid))?;
    }
    Ok(baits)
}

/// Content, owner, group and mode of each file.
fn states(baits: &[PathBuf]) -> anyhow::Result<impl PartialEq> {
    let state = |path: &PathBuf| {
        let seen = fs::symlink_metadata(path)?;
        Ok((fs::read(path)?, seen.uid(), seen.gid(), seen.mode()))
    };
    let states: std::io::Result<Vec<_>> = baits.iter().map(state).collect();
    states.context("a file of the host is gone")
}

fn spec(image: String, layout: &Layout, agent: &AgentName) -> Spec {
    let outside = layout.home().to_string_lossy();
    let env = [
        ("NANOCLAW_INCARNATION", "1"),
        ("NANOCLAW_PROVIDER", "demo"),
        (inside::ESCAPE_ENV, &*outside),
    ];
    Spec {
        job: Job::Run,
        agent: agent.clone(),
        // Far behind those that agents have.
        agent_number: u32::MAX,
        session: SESSION,
        incarnation: Incarnation(1),
        image,
        resources: RESOURCES,
        mounts: folders::mounts(layout, SESSION, agent, Incarnation(1)),
        env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        fingerprint: "escape".to_owned(),
    }
}
