//! `nanoclaw run`: the host itself, in the foreground.

use std::io;
use std::sync::Mutex;

use anyhow::Context;
use store::layout::Layout;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt;

use crate::{home, logfile};

/// What is logged unless this variable says otherwise.
const FILTER: &str = "NANOCLAW_LOG";

pub(super) async fn perform(detached: bool, layout: &Layout) -> anyhow::Result<()> {
    if detached {
        // Fails only for the leader of a group, which has left the terminal's already.
        let _ = rustix::process::setsid();
    }
    home::create(layout)?;
    log_to(detached, layout)?;
    Box::pin(crate::run::run(layout)).await
}

/// In the foreground both the terminal and the file get the log; detached, the standard error *is*
/// the file, so that a panic is in it too.
pub(super) fn log_to(detached: bool, layout: &Layout) -> anyhow::Result<()> {
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
    let path = layout.host_log();
    let file =
        logfile::open(&path).with_context(|| format!("could not open {}", path.display()))?;
    log.with_writer(Mutex::new(file).and(io::stderr)).init();
    Ok(())
}
