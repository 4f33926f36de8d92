//! The process: environment in, exit code out. Logs go to standard error, which the host keeps the
//! end of; no message's text is ever logged.
//!
//! Two users are in one container: the runner's, who alone can open the mailboxes and the link, and
//! the agent's, for every program that an agent chooses. Such a program has no capability, nor a way
//! to get one.

use std::error::Error;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use domain::inside;
use domain::plain::chain;
use domain::time::SystemClock;
use rustix::fs::Mode;
use rustix::process::umask;
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities,
};
use store::{NoGate, RunnerStore};
use tokio::signal::unix::{SignalKind, signal};

use crate::{Config, LinkSocket, escape, run_until};

/// `EX_SOFTWARE`: the host counts it as a crash, whatever the reason.
const EXIT_FATAL: u8 = 70;
/// One database at a time; a second thread for the file system calls of the runtime.
const BLOCKING_THREADS_MAX: usize = 2;
const STACK_BYTES: usize = 512 * 1024;

/// Runs until it is told to stop; to be called first, from the main thread.
pub fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
    let ended = match std::env::args().nth(1).as_deref() {
        // Started by a runner, as its agent.
        Some("escape") => escape::run().map_err(Into::into),
        _ => start(),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            tracing::error!("{}", chain(&*err));
            ExitCode::from(EXIT_FATAL)
        }
    }
}

fn start() -> Result<(), Box<dyn Error>> {
    let config = Config::from_env(|name| std::env::var(name).ok())?;
    keep_rights().map_err(NoRights)?;
    // One thread: everything here waits, the work is done by the provider's own process.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_stack_size(STACK_BYTES)
        .build()?;
    let ended = if std::env::var_os(inside::ESCAPE_ENV).is_some() {
        runtime.block_on(escape::run_as_agent(&config)).map_err(Into::into)
    } else {
        runtime.block_on(serve(config))
    };
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

/// Keeps the right to start and end programs of another user to this process: what it starts has no
/// capability left. To be called before the first thread, since such rights are a thread's own. Fails
/// when the host did not give these rights; without them nothing would keep the agent out.
fn keep_rights() -> io::Result<()> {
    let own = CapabilitySet::SETUID | CapabilitySet::KILL;
    clear_ambient_capability_set()?;
    for given in [
        CapabilitySet::SETUID,
        CapabilitySet::SETGID,
        CapabilitySet::KILL,
        // The last: it is what allows this.
        CapabilitySet::SETPCAP,
    ] {
        remove_capability_from_bounding_set(given)?;
    }
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: own, permitted: own, inheritable: none })?;
    // What either user makes in the shared folders is for both, and for nobody else.
    umask(Mode::RWXO);
    Ok(())
}

async fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let store = RunnerStore::shared(
        config.inbound_dir.clone(),
        config.outbound_dir.clone(),
        config.incarnation,
        Arc::new(NoGate),
    );
    let connect = Arc::new(LinkSocket(Path::new(inside::LINK).join(inside::SOCKET)));
    let provider = config.provider.as_str();
    tracing::info!(incarnation = config.incarnation.0, provider, "ready");
    run_until(config, store, Arc::new(SystemClock), connect, stop).await?;
    Ok(())
}

#[derive(Debug, thiserror::Error)]
#[error(
    "the host gave no right to start programs as another user; build the image again, and \
         restart the host"
)]
struct NoRights(#[source] io::Error);
