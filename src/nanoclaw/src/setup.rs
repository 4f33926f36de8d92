//! `nanoclaw setup`: from a bare machine to a running assistant.
//!
//! Invariants
//! - A step looks at what is really there, never at a note of an earlier run. So a run after a
//!   failure goes on where the last one stopped, and one after a success does nothing.
//! - Everything that a step prints is in the log; the terminal gets one line per step.

mod engine;
mod handover;
mod journal;
mod root;
mod steps;

use std::process::ExitCode;
use std::time::Duration;

use domain::time::{Clock, SystemClock, Timestamp};
use sandbox::engine::Engine;
use store::layout::Layout;

use self::journal::Journal;
pub(crate) use self::steps::Step;
use crate::args::SetupArgs;
use crate::chat::ChatClient;
use crate::commands::{prompt, say};
use crate::{home, term};

/// A cold container answers within seconds; a machine that is still busy from a build needs more.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(120);

/// What of a line of progress fits beside its step's name.
const DOING_CHARS: usize = 50;

/// What the steps share.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    layout: &'a Layout,
    engine: Engine,
    journal: Journal,
    /// Somebody can be asked.
    is_interactive: bool,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    AlreadyThere(String),
    Done(String),
    Skipped(String),
}

pub(crate) async fn perform(args: SetupArgs, layout: &Layout) -> anyhow::Result<ExitCode> {
    // Before all else, since the log lies in it.
    home::create(layout)?;
    let setup = Setup {
        layout,
        engine: Engine::new(None),
        journal: Journal::open(&layout.logs().join("setup.log"))?,
        is_interactive: !args.yes && term::is_interactive(),
    };
    let is_whole = args.only.is_empty();
    let steps = if is_whole { Step::ALL.to_vec() } else { args.only };
    for (at, step) in steps.iter().enumerate() {
        let label = format!("[{}/{}] {}", at + 1, steps.len(), step.name());
        if let Err(err) = Box::pin(setup.step(*step, &label)).await {
            return setup.failed(*step, &err);
        }
    }
    if is_whole {
        Box::pin(setup.welcome()).await?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Setup<'_> {
    async fn step(&self, step: Step, label: &str) -> anyhow::Result<()> {
        let begun = SystemClock.now();
        self.journal.line(&format!("{label}: begins"));
        self.progress(label, "");
        let outcome = match step.check(self).await? {
            Some(what) => Outcome::AlreadyThere(what),
            None => step.perform(self, label).await?,
        };
        let line = match outcome {
            Outcome::AlreadyThere(what) => format!("already there: {what}"),
            Outcome::Done(what) => format!("{what} ({})", took(begun)),
            Outcome::Skipped(why) => format!("skipped: {why}"),
        };
        self.end(label, &line);
        Ok(())
    }

    /// Says what a step is doing: on a terminal in its own line, over and over.
    fn progress(&self, label: &str, doing: &str) {
        let doing: String = doing.chars().filter(|it| !it.is_control()).take(DOING_CHARS).collect();
        if term::notes_are_seen() {
            term::note_piece(&format!("\r\x1b[K{label} … {doing}"));
        } else if !doing.is_empty() && !is_detail(&doing) {
            term::note(&format!("{label} … {doing}"));
        }
    }

    fn end(&self, label: &str, line: &str) {
        let clear = if term::notes_are_seen() { "\r\x1b[K" } else { "" };
        term::note(&format!("{clear}{label} … {line}"));
        self.journal.line(&format!("{label}: {line}"));
    }

    fn failed(&self, step: Step, err: &anyhow::Error) -> anyhow::Result<ExitCode> {
        if term::notes_are_seen() {
            term::note("");
        }
        self.journal.line(&format!("failed: {err:?}"));
        term::note(&format!("the step `{}` failed:", step.name()));
        term::error(err);
        let log = self.journal.path().display();
        term::note(&format!("its log is {log}; run the setup again to go on from this step"));
        if self.is_interactive {
            handover::offer(step, err, self.journal.path(), self.layout)?;
        }
        Ok(ExitCode::FAILURE)
    }

    /// The first words with the agent.
    async fn welcome(&self) -> anyhow::Result<()> {
        if self.is_interactive {
            let mut client = ChatClient::new(self.layout, None, None);
            return prompt(&mut client, self.layout).await;
        }
        term::note("one round trip through a container: hello");
        let mut client = ChatClient::new(self.layout, Some("setup".into()), None);
        say(&mut client, "hello", ROUND_TRIP_MAX, self.layout).await?;
        term::note("all is ready: `nanoclaw chat` talks to the agent");
        Ok(())
    }
}

/// What an image build prints between its steps: too much where lines stay.
fn is_detail(line: &str) -> bool {
    [" --->", "Removing intermediate", "Successfully"].iter().any(|it| line.starts_with(it))
}

/// `1.2 s` or `3 min 4 s`.
fn took(begun: Timestamp) -> String {
    let took = SystemClock.now().since(begun);
    match took.as_secs() / 60 {
        0 => format!("{}.{} s", took.as_secs(), took.subsec_millis() / 100),
        minutes => format!("{minutes} min {} s", took.as_secs() % 60),
    }
}
