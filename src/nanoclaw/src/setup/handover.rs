//! Offers a failed setup to the Claude Code that the user has on this machine.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use store::layout::Layout;

use super::{Step, root};
use crate::term;

pub(super) fn offer(
    step: Step,
    err: &anyhow::Error,
    log: &Path,
    layout: &Layout,
) -> anyhow::Result<()> {
    let Some(claude) = root::find("claude") else { return Ok(()) };
    if !term::confirm("Claude Code is on this machine. Hand the failure over to it?") {
        return Ok(());
    }
    let prompt = format!(
        "The setup of NanoClaw on this machine failed at the step `{}`:\n\n{err:#}\n\nThe whole \
         log is {}; the data directory is {}. Find out why and mend it, asking before you change \
         the system. Then `nanoclaw setup` goes on from that step, and `nanoclaw doctor` checks \
         everything.",
        step.name(),
        log.display(),
        layout.home().display(),
    );
    let ended = Command::new(claude).arg(prompt).status();
    ended.context("Claude Code could not be started").map(drop)
}
