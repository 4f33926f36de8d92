//! The steps of the setup: what each one looks for, and what it does when that is not there.

use clap::ValueEnum;
use sandbox::image::{ImageError, cli};
use vault::MODEL_CREDENTIAL;

use super::{Outcome, Setup, root};
use crate::args::ImageArgs;
use crate::commands::{Started, add_model_credential, start};
use crate::{admin, home, image, install, term};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    Data,
    Engine,
    Daemon,
    Cli,
    Image,
    Defaults,
    Credential,
    Host,
}

/// How many things a build may miss one after the other: a tool, and root's rights.
const PROVIDED_MAX: usize = 3;

/// The same programs as the agent image's own build wants; `None` says that nothing helps.
fn package_for(tool: &str) -> Option<&'static str> {
    match tool {
        "mmdebstrap" => Some("mmdebstrap"),
        // Node's package tool comes with hundreds of packages; Python's fetches the same file.
        "npm" | "python3" => Some("python3-pip"),
        _ => None,
    }
}

impl Step {
    pub(crate) const ALL: [Self; 8] = [
        Self::Data,
        Self::Engine,
        Self::Daemon,
        Self::Cli,
        Self::Image,
        Self::Defaults,
        Self::Credential,
        Self::Host,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Data => "data directory",
            Self::Engine => "container engine",
            Self::Daemon => "engine running",
            Self::Cli => "Claude Code for the agents",
            Self::Image => "agent image",
            Self::Defaults => "first agent",
            Self::Credential => "model credential",
            Self::Host => "host",
        }
    }

    /// What is there already; `None` when there is something to do.
    pub(super) async fn check(self, setup: &Setup<'_>) -> anyhow::Result<Option<String>> {
        let layout = setup.layout;
        match self {
            Self::Data => {
                Ok(layout.central().is_file().then(|| layout.home().display().to_string()))
            }
            Self::Engine => Ok(setup.engine_is_installed().await),
            Self::Daemon => setup.engine_is_running().await,
            Self::Cli => {
                let architecture = setup.engine.info().await?.architecture;
                let cli = cli::place(&architecture, &layout.cache()).map_err(image::explain)?;
                Ok(cli.path.is_file().then(|| cli::VERSION.to_owned()))
            }
            Self::Image => {
                let central = home::central(layout)?;
                let wanted = image::wanted(&ImageArgs::default(), &central)?;
                let built = central.setting(install::IMAGE)?;
                let current = image::current(&setup.engine, &wanted, layout).await;
                Ok(current.map_err(image::explain)?.filter(|tag| built.as_ref() == Some(tag)))
            }
            Self::Defaults => {
                let central = home::central(layout)?;
                let names: Vec<_> =
                    central.agents()?.into_iter().map(|it| it.name.to_string()).collect();
                let is_done = install::id(&central)?.is_some() && !names.is_empty();
                Ok(is_done.then(|| names.join(", ")))
            }
            Self::Credential => {
                let there = home::central(layout)?.secret(MODEL_CREDENTIAL)?;
                Ok(there.map(|row| format!("{} for {}", row.kind, row.base_url)))
            }
            Self::Host => {
                let running = admin::status(layout).await.ok();
                Ok(running.map(|it| format!("{} runs (pid {})", it.version, it.pid)))
            }
        }
    }

    pub(super) async fn perform(self, setup: &Setup<'_>, label: &str) -> anyhow::Result<Outcome> {
        match self {
            Self::Data => {
                drop(home::central(setup.layout)?);
                Ok(Outcome::Done(format!("made {}", setup.layout.home().display())))
            }
            Self::Engine => setup.install_engine().await,
            Self::Daemon => setup.start_engine().await,
            Self::Cli => setup.fetch_cli(label).await,
            Self::Image => setup.build_image(label).await,
            Self::Defaults => {
                let made = install::ensure_defaults(&home::central(setup.layout)?)?;
                let name = made.added.map_or_else(String::new, |name| format!("added {name}, "));
                Ok(Outcome::Done(format!("{name}install {}", made.id)))
            }
            Self::Credential => setup.credential().await,
            Self::Host => match start(setup.layout).await? {
                Started::Before(pid) => Ok(Outcome::AlreadyThere(format!("pid {pid}"))),
                Started::Now(pid) => Ok(Outcome::Done(format!("started (pid {pid})"))),
            },
        }
    }
}

impl Setup<'_> {
    async fn fetch_cli(&self, label: &str) -> anyhow::Result<Outcome> {
        let architecture = self.engine.info().await?.architecture;
        let cache = self.layout.cache();
        let has_pip = || async {
            let words = ["python3", "-m", "pip", "--version"].map(str::to_owned);
            self.run(&words).await.is_ok()
        };
        if root::find("npm").is_none() && !has_pip().await {
            self.progress(label, "installing a tool to fetch it with");
            self.install(&["python3-pip"]).await?;
        }
        let mut progress = |line: &str| self.tell(label, line);
        let fetched = cli::fetch(&architecture, &cache, &mut progress).await;
        fetched.map_err(image::explain)?;
        Ok(Outcome::Done(format!("fetched {}", cli::VERSION)))
    }

    async fn build_image(&self, label: &str) -> anyhow::Result<Outcome> {
        let wanted = image::wanted(&ImageArgs::default(), &home::central(self.layout)?)?;
        let mut progress = |line: &str| self.tell(label, line);
        let mut built = image::build(&self.engine, &wanted, self.layout, &mut progress).await;
        // What a build needs shows only on its way: a base is made only where none can be had.
        for _ in 0..PROVIDED_MAX {
            let Err(err) = built else { break };
            self.provide(err, label).await?;
            built = image::build(&self.engine, &wanted, self.layout, &mut progress).await;
        }
        let tag = built.map_err(image::explain)?;
        image::remember(&home::central(self.layout)?, &wanted, &tag)?;
        admin::reload(self.layout).await;
        Ok(Outcome::Done(format!("built {tag}")))
    }

    /// Provides what the build missed, or gives up.
    async fn provide(&self, err: ImageError, label: &str) -> anyhow::Result<()> {
        if let ImageError::ToolMissing(tool) = err
            && let Some(package) = package_for(tool).filter(|_| root::find(tool).is_none())
        {
            self.progress(label, &format!("installing {package}"));
            return self.install(&[package]).await;
        }
        // The build never asks for a password; the answer to this counts for it, once.
        if matches!(err, ImageError::NeedsRoot) && self.is_interactive {
            term::note("\nmaking the base image needs root once");
            let asked = ["sudo", "-v"].map(str::to_owned);
            return self.run(&asked).await.map_err(|_| image::explain(err));
        }
        Err(image::explain(err))
    }

    /// Can be skipped, and never fails the setup.
    async fn credential(&self) -> anyhow::Result<Outcome> {
        const LATER: &str = "`nanoclaw vault add anthropic` adds one later; until then the agent \
                             is a demo without a model";
        if !self.is_interactive {
            return Ok(Outcome::Skipped(LATER.to_owned()));
        }
        term::note("\nThe agents think with Claude. Paste an Anthropic API key, or the token that");
        term::note(
            "`claude setup-token` prints for a subscription. It is sealed on this machine and",
        );
        term::note("never enters a container. Just Enter skips this; the agent is a demo then.");
        loop {
            let Ok(input) = rpassword::prompt_password("key or token (not shown): ") else {
                return Ok(Outcome::Skipped(LATER.to_owned()));
            };
            if input.trim().is_empty() {
                return Ok(Outcome::Skipped(LATER.to_owned()));
            }
            match add_model_credential(input.trim().to_owned(), self.layout).await {
                Ok(stored) => {
                    admin::reload(self.layout).await;
                    return Ok(Outcome::Done(format!("stored ({})", stored.kind.as_str())));
                }
                Err(err) => term::note(&format!("{err:#}; try again, or Enter to skip")),
            }
        }
    }

    fn tell(&self, label: &str, line: &str) {
        self.journal.line(line);
        self.progress(label, line);
    }
}
