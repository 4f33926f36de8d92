//! `nanoclaw setup`: from a bare machine to a running assistant.
//!
//! Invariants
//! - A step looks at what is really there, never at a note of an earlier run. So a run after a
//!   failure goes on where the last one stopped, and one after a success does nothing.
//! - Everything that a step prints is in the log; the terminal gets one line per step.

mod engine;
mod steps;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use domain::time::{Clock, SystemClock, about};
use sandbox::engine::Engine;
use store::layout::Layout;

pub(crate) use self::steps::Step;
use crate::args::SetupArgs;
use crate::chat::ChatClient;
use crate::commands::{prompt, say};
use crate::{home, logfile, term};

/// A cold container answers within seconds; a machine that is still busy from a build needs more.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(120);

/// What of a line of progress fits beside its step's name.
const DOING_CHARS: usize = 50;

#[derive(Debug)]
pub(crate) struct Setup<'a> {
    layout: &'a Layout,
    engine: Engine,
    log: File,
    log_path: PathBuf,
    /// Somebody can be asked.
    is_interactive: bool,
    /// Of the present step, as `[1/7] data directory`.
    label: String,
}

pub(crate) async fn perform(
    args: SetupArgs,
    yes: bool,
    layout: &Layout,
) -> anyhow::Result<ExitCode> {
    // Before all else, since the log lies in it.
    home::create(layout)?;
    let log_path = layout.logs().join("setup.log");
    let mut setup = Setup {
        layout,
        engine: Engine::new(None),
        log: logfile::begin(&log_path)?,
        log_path,
        is_interactive: !yes && term::is_interactive(),
        label: String::new(),
    };
    let is_whole = args.only.is_empty();
    let steps: &[Step] = if is_whole { Step::value_variants() } else { &args.only };
    for (at, step) in steps.iter().enumerate() {
        setup.label = format!("[{}/{}] {}", at + 1, steps.len(), step.name());
        if let Err(err) = Box::pin(setup.step(*step)).await {
            return setup.failed(*step, &err);
        }
    }
    if is_whole {
        Box::pin(setup.welcome()).await?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Setup<'_> {
    async fn step(&self, step: Step) -> anyhow::Result<()> {
        let begun = SystemClock.now();
        self.log(&format!("{}: begins", self.label));
        self.progress("");
        let mut line = step.perform(self).await?;
        let took = SystemClock.now().since(begun);
        if Duration::from_secs(1) <= took {
            line = format!("{line} ({})", about(took));
        }
        term::rewrite("");
        term::note(&format!("{} … {line}", self.label));
        self.log(&format!("{}: {line}", self.label));
        Ok(())
    }

    /// Without the log the setup still works.
    fn log(&self, text: &str) {
        let _ = writeln!(&self.log, "{} {text}", operations::instant(SystemClock.now()));
    }

    /// Says what a step is doing: on a terminal in its own line, over and over.
    fn progress(&self, doing: &str) {
        let shown: String = doing.chars().filter(|it| !it.is_control()).take(DOING_CHARS).collect();
        let line = format!("{} … {shown}", self.label);
        // What an image build prints between its steps is too much where lines stay.
        let details = [" --->", "Removing intermediate", "Successfully"];
        let is_detail = shown.is_empty() || details.iter().any(|it| shown.starts_with(it));
        if !term::rewrite(&line) && !is_detail {
            term::note(&line);
        }
    }

    fn failed(&self, step: Step, err: &anyhow::Error) -> anyhow::Result<ExitCode> {
        if term::notes_are_seen() {
            term::note("");
        }
        self.log(&format!("failed: {err:?}"));
        let (name, log) = (step.name(), self.log_path.display());
        term::note(&format!("the step `{name}` failed:"));
        term::error(err);
        term::note(&format!("its log is {log}; run the setup again to go on from this step"));
        if self.is_interactive
            && let Some(claude) = sandbox::image::find("claude")
            && term::confirm("Claude Code is on this machine. Hand the failure over to it?")
        {
            let home = self.layout.home().display();
            let prompt = format!(
                "The setup of NanoClaw on this machine failed at the step `{name}`:\n\n{err:#}\n\n\
                 The whole log is {log}; the data directory is {home}. Find out why and mend it, \
                 asking before you change the system. Then `nanoclaw setup` goes on from that step, \
                 and `nanoclaw doctor` checks everything.",
            );
            let ended = Command::new(claude).arg(prompt).status();
            ended.context("Claude Code could not be started")?;
        }
        Ok(ExitCode::FAILURE)
    }

    async fn welcome(&self) -> anyhow::Result<()> {
        if self.is_interactive {
            let mut client = ChatClient::new(self.layout, None, None);
            return prompt(&mut client).await;
        }
        term::note("one round trip through a container: hello");
        let mut client = ChatClient::new(self.layout, Some("setup".into()), None);
        say(&mut client, "hello", ROUND_TRIP_MAX).await?;
        term::note("all is ready: `nanoclaw chat` talks to the agent");
        Ok(())
    }
}
