//! The log of the setup: what every step and every program that it ran printed.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context;
use chrono::DateTime;
use domain::time::{Clock, SystemClock};

use crate::logfile;

/// Lines of a failed program that are worth showing.
const TAIL_LINES: usize = 8;

#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        logfile::put_aside(path).with_context(|| format!("could not move {}", path.display()))?;
        let file =
            logfile::open(path).with_context(|| format!("could not open {}", path.display()))?;
        Ok(Self { file, path: path.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Without the log the setup still works.
    pub(super) fn line(&self, text: &str) {
        let now = DateTime::from_timestamp_millis(SystemClock.now().0).unwrap_or_default();
        let _ = writeln!(&self.file, "{} {text}", now.format("%Y-%m-%dT%H:%M:%SZ"));
    }

    /// Where a program's output goes.
    pub(super) fn output(&self) -> io::Result<Stdio> {
        Ok(self.file.try_clone()?.into())
    }

    /// How much is in the log now.
    pub(super) fn length(&self) -> u64 {
        self.file.metadata().map_or(0, |it| it.len())
    }

    /// The last lines that came after [`Self::length`] was `from`.
    pub(super) fn tail_from(&self, from: u64) -> String {
        let text = std::fs::read(&self.path).unwrap_or_default();
        let new = text.get(usize::try_from(from).unwrap_or(0)..).unwrap_or_default();
        let text = String::from_utf8_lossy(new);
        let lines: Vec<&str> = text.lines().filter(|it| !it.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}
