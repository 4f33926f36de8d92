//! `nanoclaw run`, the host: takes the lock, wires the tree, runs it until it is told to stop.

use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actors::peers::{LiveHost, Peers};
use actors::tree::{RootArgs, RootMessage, RootSupervisor};
use anyhow::Context;
use channel::door::{Door, Settings as DoorSettings};
use domain::plain::chain;
use domain::time::{Clock, SystemClock};
use engine::container_slots::ContainerSlots;
use engine::credentials::AccountCredentials;
use engine::host::{ConnectedCaps, Hints, Host, Policy};
use engine::stops::StopGate;
use ractor::Actor;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use store::NoGate;
use store::layout::Layout;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt;
use vault::Vault;

use crate::error::fail;
use crate::{home, install, lock, logfile, rows};

/// What is logged unless this variable says otherwise.
const FILTER: &str = "NANOCLAW_LOG";

/// What one agent at work takes, for the cap on containers: Claude Code has about 140 MiB to itself
/// and what it runs wants some too.
const AGENT_MIB: u64 = 300;
/// What is left to the system and to the host.
const SYSTEM_MIB: u64 = 1_024;
/// Where the system does not tell how much memory it has.
const CONTAINERS_UNTOLD: usize = 10;

/// How long a stop may take before the tree is left to itself.
const STOP_WITHIN: Duration = Duration::from_secs(30);

pub(crate) async fn perform(detached: bool, layout: &Layout) -> anyhow::Result<ExitCode> {
    if detached {
        // Fails only for the leader of a group, which has left the terminal's already.
        let _ = rustix::process::setsid();
    }
    home::create(layout)?;
    log_to(detached, layout)?;
    Box::pin(run(layout)).await?;
    Ok(ExitCode::SUCCESS)
}

/// In the foreground both the terminal and the file get the log; detached, the standard error *is*
/// the file, so that a panic is in it too.
pub(crate) fn log_to(detached: bool, layout: &Layout) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        // Told on the same stderr, where a full disk would make it a panic.
        .log_internal_errors(false);
    if detached {
        log.with_writer(io::stderr).init();
        return Ok(());
    }
    let file = logfile::open(&layout.host_log())?;
    log.with_writer(Mutex::new(file).and(io::stderr)).init();
    Ok(())
}

/// Runs the host until it ends. Fails when another host holds the directory, a database or the vault cannot
/// be used, or the tree failed too often; then the keeper or a service manager starts it again.
async fn run(layout: &Layout) -> anyhow::Result<()> {
    let _lock = lock::take(layout)?;
    set_limits();
    let (host, vault) = wire(layout)?;
    let peers = host.peers.clone();
    let args = RootArgs { host, admin: true };
    let (root, mut ended) = Actor::spawn(None, RootSupervisor::default(), args)
        .await
        .context("the tree did not start")?;
    info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "ready");
    tokio::select! {
        _ = &mut ended => {}
        stopped = stop_signal() => {
            stopped?;
            let shut_down = |reply| RootMessage::Shutdown(Some(reply));
            if root.call(shut_down, Some(STOP_WITHIN)).await.is_err() {
                warn!("the tree did not stop in time");
            }
            let _ = timeout(STOP_WITHIN, ended).await;
        }
    }
    vault.commit_refusals().await;
    if peers.is_stopping() {
        return Ok(());
    }
    Err(fail("the host failed too often and gave up", "see `nanoclaw logs`"))
}

fn wire(layout: &Layout) -> anyhow::Result<(Arc<LiveHost>, Arc<Vault>)> {
    let central = home::make(layout)?;
    install::ensure_defaults(&central)?;
    let sandbox = install::sandbox(layout, &central)?.context("this install has no name")?;
    let stops = StopGate::new(central.stops()?);
    let caps = ConnectedCaps::new(&channel::registrations(), central.caps_of_accounts()?);
    drop(central);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let peers = Peers::default();
    let central = peers.central(layout.central(), Arc::new(NoGate));
    let vault = Arc::new(rows::vault(layout)?);
    let credentials = AccountCredentials {
        vault: Arc::clone(&vault),
        central: central.clone(),
        clock: Arc::clone(&clock),
    };
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let host = Host {
        layout: layout.clone(),
        started_at: clock.now(),
        clock,
        central,
        gate: Arc::new(NoGate),
        sandbox: Arc::new(sandbox),
        egress: Arc::clone(&vault) as _,
        caps,
        registrations: channel::registrations(),
        credentials: Arc::new(credentials),
        container_slots: ContainerSlots::new(containers_max(&meminfo)),
        stops,
        policy: Policy::default(),
        container_user: rustix::process::geteuid().is_root().then(install::container_user),
        actors: Arc::new(peers.clone()),
        hints: Hints::default(),
        door: Door::new(DoorSettings::default(), Arc::new(SystemClock)),
    };
    Ok((LiveHost::new(host, peers), vault))
}

/// Asks the kernel for enough open files, and for no memory image of the host on disk or for other
/// programs of this user, since the key of the vault is in it. What is refused is noted, and the host
/// runs all the same.
fn set_limits() {
    let note = |set: rustix::io::Result<()>, what: &str| {
        if let Err(err) = set {
            warn!(why = chain(&err), "{what}");
        }
    };
    let files = getrlimit(Resource::Nofile);
    // Shells give 1,024; 200 chats need more.
    let all = Rlimit { current: files.maximum, maximum: files.maximum };
    note(setrlimit(Resource::Nofile, all), "few files can be open at a time");
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    note(setrlimit(Resource::Core, none), "a crash would write memory to the disk");
    #[cfg(target_os = "linux")]
    note(
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable),
        "other programs can read the host's memory",
    );
}

/// How many containers may run at the same time: as many as memory holds, at least two.
fn containers_max(meminfo: &str) -> usize {
    let total = meminfo.lines().find_map(|it| it.strip_prefix("MemTotal:"));
    let kib = total.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
    let Some(kib) = kib else { return CONTAINERS_UNTOLD };
    let fit = (kib / 1_024).saturating_sub(SYSTEM_MIB) / AGENT_MIB;
    usize::try_from(fit).unwrap_or(CONTAINERS_UNTOLD).clamp(2, 100)
}

async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = ctrl_c() => interrupted.context("signals cannot be received"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_containers_as_memory_holds() {
        let with = |mib: u64| containers_max(&format!("MemTotal: {} kB\nx", mib * 1_024));
        assert_eq!([512, 4_096, 24_576, 1 << 20].map(with), [2, 10, 78, 100]);
        assert_eq!(containers_max(""), 10);
    }

    /// nextest runs each test in a process of its own.
    #[test]
    fn the_host_may_open_all_files_that_it_can_and_leaves_no_image() {
        set_limits();
        let files = getrlimit(Resource::Nofile);
        assert_eq!(files.current, files.maximum);
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        #[cfg(target_os = "linux")]
        assert_eq!(
            rustix::process::dumpable_behavior().unwrap(),
            rustix::process::DumpableBehavior::NotDumpable
        );
    }
}
