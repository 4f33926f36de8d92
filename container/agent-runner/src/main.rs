//! The binary: environment in, exit code out. Logs go to standard error, which the host keeps the
//! end of; no message's text is ever logged.

use std::error::Error;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use agent_runner::{Config, LinkSocket, escape, keep_rights, run_until};
use domain::inside;
use domain::plain::chain;
use domain::time::SystemClock;
use store::{NoGate, RunnerStore};
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;

/// `EX_SOFTWARE`: the host counts it as a crash, whatever the reason.
const EXIT_FATAL: u8 = 70;
/// One database at a time; a second thread for the file system calls of the runtime.
const BLOCKING_THREADS_MAX: usize = 2;
const STACK_BYTES: usize = 512 * 1024;

fn main() -> ExitCode {
    // Levels only: a filter by module would bring a regular expression engine along.
    let level = std::env::var("NANOCLAW_LOG").ok().and_then(|it| it.parse().ok());
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .init();
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
    let link = std::env::var_os("NANOCLAW_LINK").unwrap_or_else(|| inside::LINK.into());
    let connect = Arc::new(LinkSocket::new(Path::new(&link).join(inside::SOCKET)));
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
