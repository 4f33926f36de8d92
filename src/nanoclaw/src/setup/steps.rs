//! The steps of the setup: what each one looks for, and what it does when that is not there.

use std::fmt::Display;

use clap::ValueEnum;
use sandbox::image::{ImageError, find};
use vault::{BaseUrl, MODEL_CREDENTIAL};

use super::Setup;
use crate::args::ImageArgs;
use crate::commands::{Started, add_model_credential, start};
use crate::{admin, home, image, install, term};

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

/// How many things a build may miss one after the other: two tools, and root's rights.
const PROVIDED_MAX: usize = 3;

/// The same programs as the agent image's own build wants; `None` says that nothing helps.
fn package_for(tool: &str) -> Option<&'static str> {
    match tool {
        "mmdebstrap" => Some("mmdebstrap"),
        // Node's package tool comes with hundreds of packages; Python's fetches the same file.
        "npm" => Some("python3-pip"),
        _ => None,
    }
}

impl Step {
    pub(super) fn name(self) -> &'static str {
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

    /// Looks for what there should be, and gets it if it is missing; returns what was found or done.
    pub(super) async fn perform(self, setup: &Setup<'_>) -> anyhow::Result<String> {
        match self {
            Self::Data => setup.make_data(),
            Self::Engine => setup.install_engine().await,
            Self::Daemon => setup.start_engine().await,
            Self::Image => setup.build_image().await,
            Self::Defaults => setup.add_defaults(),
            Self::Credential => setup.add_credential().await,
            Self::Host => Ok(match start(setup.layout).await? {
                Started::Before(pid) => there(format!("it runs (pid {pid})")),
                Started::Now(pid) => format!("started (pid {pid})"),
            }),
        }
    }
}

pub(super) fn there(what: impl Display) -> String {
    format!("already there: {what}")
}

impl Setup<'_> {
    fn make_data(&self) -> anyhow::Result<String> {
        let home = self.layout.home().display();
        if self.layout.central().is_file() {
            return Ok(there(home));
        }
        drop(home::make(self.layout)?);
        Ok(format!("made {home}"))
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
            && let Some(package) = package_for(tool).filter(|_| find(tool).is_none())
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
            let (input, url) = (input.trim().to_owned(), BaseUrl::default());
            match add_model_credential(input, url, self.layout).await {
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
