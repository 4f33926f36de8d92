//! `nanoclaw setup`: from a bare machine to a running assistant.
//!
//! A step looks at what is really there, never at a note of an earlier run. So a run after a failure goes on
//! where the last one stopped. All that a step prints is in the log; the terminal gets one line per step.

mod engine;

use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use domain::time::{Clock, SystemClock, about};
use sandbox::engine::Engine;
use sandbox::image::{ImageError, find};
use store::layout::Layout;
use vault::{BaseUrl, MODEL_CREDENTIAL};

use crate::chat::{ChatClient, prompt, say};
use crate::commands::{add_model_credential, start};
use crate::image::{self, ImageArgs};
use crate::{admin, home, install, logfile, term};

/// A cold container answers within seconds; a machine that is still busy from a build needs more.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(120);

/// What of a line of progress fits beside its step's name.
const DOING_CHARS: usize = 50;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A step that is done already is skipped, so run it again after a failure. With `--yes` it asks nothing and
ends with one round trip through a container.")]
pub(crate) struct SetupArgs {
    /// Only these steps, by name
    #[arg(long, hide = true, value_delimiter = ',', value_name = "STEP")]
    only: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    Data,
    Engine,
    Daemon,
    Image,
    Defaults,
    Credential,
    Host,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Data => "data directory",
            Self::Engine => "container engine",
            Self::Daemon => "engine running",
            Self::Image => "agent image",
            Self::Defaults => "first agent",
            Self::Credential => "model credential",
            Self::Host => "host",
        }
    }
}

/// How many things a build may miss one after the other: two tools, and root's rights.
const PROVIDED_MAX: usize = 3;

/// Programs that the agent image's own build wants, and what installs them. Node's package tool comes with
/// hundreds of packages; Python's fetches the same file.
const PACKAGES: [(&str, &str); 2] = [("mmdebstrap", "mmdebstrap"), ("npm", "python3-pip")];

#[derive(Debug)]
struct Setup<'a> {
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
    /// Looks for what there should be, gets it if it is missing, and says what was found or done.
    async fn step(&self, step: Step) -> anyhow::Result<()> {
        let begun = SystemClock.now();
        self.log(&format!("{}: begins", self.label));
        self.progress("");
        let mut line = match step {
            Step::Data => self.make_data(),
            Step::Engine => self.install_engine().await,
            Step::Daemon => self.start_engine().await,
            Step::Image => self.build_image().await,
            Step::Defaults => self.add_defaults(),
            Step::Credential => self.add_credential().await,
            Step::Host => start(self.layout).await.map(|(pid, is_new)| match is_new {
                true => format!("started (pid {pid})"),
                false => there(format!("it runs (pid {pid})")),
            }),
        }?;
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
            && let Some(claude) = find("claude")
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
            return prompt(&mut ChatClient::new(self.layout, None, None)).await;
        }
        term::note("one round trip through a container: hello");
        let mut client = ChatClient::new(self.layout, Some("setup".into()), None);
        say(&mut client, "hello", ROUND_TRIP_MAX).await?;
        term::note("all is ready: `nanoclaw chat` talks to the agent");
        Ok(())
    }

    fn make_data(&self) -> anyhow::Result<String> {
        let (home, is_there) = (self.layout.home().display(), self.layout.central().is_file());
        drop(home::make(self.layout)?);
        Ok(if is_there { there(home) } else { format!("made {home}") })
    }

    async fn build_image(&self) -> anyhow::Result<String> {
        let central = home::make(self.layout)?;
        let inputs = image::inputs(&ImageArgs::default(), &central, self.layout)?;
        let current = image::current(&self.engine, &inputs).await.map_err(image::explain)?;
        if let Some(tag) = current
            && central.setting(install::IMAGE)?.as_ref() == Some(&tag)
        {
            return Ok(there(tag));
        }
        let mut progress = |line: &str| {
            self.log(line);
            self.progress(line);
        };
        // What a build needs shows only on its way: a base is made only where none can be had.
        let mut provided = 0;
        let tag = loop {
            match Box::pin(sandbox::image::build(&self.engine, &inputs, &mut progress)).await {
                Ok(tag) => break tag,
                Err(err) if provided == PROVIDED_MAX => return Err(image::explain(err)),
                Err(err) => self.provide(err).await?,
            }
            provided += 1;
        };
        image::remember(&central, &inputs, &tag)?;
        admin::reload(self.layout).await;
        Ok(format!("built {tag}"))
    }

    /// Provides what the build missed, or gives up.
    async fn provide(&self, err: ImageError) -> anyhow::Result<()> {
        if let ImageError::ToolMissing(tool) = err
            && let Some((_, package)) = PACKAGES.iter().find(|it| it.0 == tool)
            && find(tool).is_none()
        {
            self.progress(&format!("installing {package}"));
            return self.install(&[package]).await;
        }
        // The build never asks for a password; the answer to this counts for it, once.
        if matches!(err, ImageError::NeedsRoot) && self.is_interactive {
            term::note("\nmaking the base image needs root once");
            return self.run(&["sudo", "-v"]).await.map_err(|_| image::explain(err));
        }
        Err(image::explain(err))
    }

    fn add_defaults(&self) -> anyhow::Result<String> {
        let central = home::make(self.layout)?;
        let names: Vec<_> = central.agents()?.into_iter().map(|it| it.name.to_string()).collect();
        if install::id(&central)?.is_some() && !names.is_empty() {
            return Ok(there(names.join(", ")));
        }
        let (id, added) = install::ensure_defaults(&central)?;
        let name = added.map_or_else(String::new, |name| format!("added {name}, "));
        Ok(format!("{name}install {id}"))
    }

    /// Can be skipped, and never fails the setup.
    async fn add_credential(&self) -> anyhow::Result<String> {
        if let Some(row) = home::make(self.layout)?.secret(MODEL_CREDENTIAL)? {
            return Ok(there(format!("{} for {}", row.kind, row.base_url)));
        }
        if self.is_interactive {
            term::note(
                "\nThe agents think with Claude. Paste an Anthropic API key, or the token that\n\
                 `claude setup-token` prints for a subscription. It is sealed on this machine and\n\
                 never enters a container. Just Enter skips this; the agent is a demo then.",
            );
        }
        while self.is_interactive
            && let Ok(input) = rpassword::prompt_password("key or token (not shown): ")
            && !input.trim().is_empty()
        {
            match add_model_credential(input.trim().to_owned(), BaseUrl::default(), self.layout)
                .await
            {
                Ok(stored) => {
                    admin::reload(self.layout).await;
                    return Ok(format!("stored ({})", stored.kind.as_str()));
                }
                Err(err) => term::note(&format!("{err:#}; try again, or Enter to skip")),
            }
        }
        Ok("skipped: `nanoclaw vault add anthropic` adds one later; until then the agent is a demo \
            without a model"
            .to_owned())
    }
}

fn there(what: impl Display) -> String {
    format!("already there: {what}")
}
