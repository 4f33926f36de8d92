//! `nanoclaw image`: what the image is made of that agents run in, and whether the one that is there is
//! still it.

use std::path::Path;

use domain::time::{Clock, SystemClock};
use operations::Output;
use sandbox::engine::Engine;
use sandbox::image::runner::RunnerInputs;
use sandbox::image::{ImageError, ImageInputs};
use serde_json::json;
use store::layout::Layout;
use store::{CentralStore, StoreError};
use tokio::sync::Notify;

use crate::error::{fail, hinted};
use crate::install::IMAGE;
use crate::{admin, home, term};

const DOCKERFILE: &str = include_str!("../../../container/Dockerfile");
const BUILDER_DOCKERFILE: &str = include_str!("../../../container/builder.Dockerfile");

/// The settings that keep what was last asked for, so that an update builds the same again.
const BASE: &str = "image.base";
const NODE: &str = "image.node";
const BROWSER: &str = "image.browser";

#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ImageArgs {
    /// The image to build on; '' is Debian's, or one made from this system's packages
    #[arg(long, value_name = "IMAGE")]
    pub(crate) base: Option<String>,
    /// Add Node.js for the agent's own work (kept for later builds; `=false` takes it out)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) with_node: Option<bool>,
    /// Add the Chromium browser, about 400 MB (kept for later builds; `=false` takes it out)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) with_browser: Option<bool>,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ImageCommand {
    /// Build the image unless it is there and current; prints its name
    Build(ImageArgs),
    /// Print the name of the image that was built
    Show,
}

pub(crate) async fn perform(command: ImageCommand, layout: &Layout) -> anyhow::Result<Output> {
    let tag = match command {
        ImageCommand::Show => installed(layout)?,
        ImageCommand::Build(args) => {
            let inputs = inputs(&args, &home::make(layout)?, layout)?;
            let (engine, mut progress) = (Engine::new(None), |line: &str| term::note(line));
            let built = Box::pin(sandbox::image::build(&engine, &inputs, &mut progress)).await;
            let tag = built.map_err(explain)?;
            remember(&home::central(layout)?, &inputs, &tag)?;
            admin::reload(layout).await;
            tag
        }
    };
    let json = json!({ "image": tag });
    Ok(Output::new(tag, json))
}

pub(crate) fn installed(layout: &Layout) -> anyhow::Result<String> {
    let tag = home::central(layout)?.setting(IMAGE)?;
    tag.ok_or_else(|| fail("no image was built yet", "build it with `nanoclaw image build`"))
}

/// What is asked for now, completed with what was asked for before.
pub(crate) fn inputs(
    args: &ImageArgs,
    central: &CentralStore,
    layout: &Layout,
) -> anyhow::Result<ImageInputs> {
    let is_on = |key| Ok::<_, StoreError>(central.setting(key)?.as_deref() == Some("true"));
    let base = args.base.clone().map_or_else(|| central.setting(BASE), |it| Ok(Some(it)))?;
    // The runner is built beside this program, which may still lie in the build folder of its sources.
    let program = std::env::current_exe().and_then(std::fs::canonicalize).unwrap_or_default();
    let here = program.parent().unwrap_or(Path::new("/"));
    let sources = here.ancestors().find(|it| it.join("container/Dockerfile").is_file());
    Ok(ImageInputs {
        dockerfile: DOCKERFILE.to_owned(),
        base_image: base.filter(|it| !it.trim().is_empty()),
        cache: layout.cache(),
        runner: RunnerInputs {
            binary: here.join("agent-runner"),
            workspace: sources.unwrap_or(here).to_owned(),
            builder_dockerfile: BUILDER_DOCKERFILE.to_owned(),
        },
        with_node: args.with_node.map_or_else(|| is_on(NODE), Ok)?,
        with_browser: args.with_browser.map_or_else(|| is_on(BROWSER), Ok)?,
    })
}

/// Makes the built image the one that agents run in.
pub(crate) fn remember(
    central: &CentralStore,
    inputs: &ImageInputs,
    tag: &str,
) -> anyhow::Result<()> {
    central.set_setting(BASE, inputs.base_image.as_deref().unwrap_or_default())?;
    central.set_setting(NODE, &inputs.with_node.to_string())?;
    central.set_setting(BROWSER, &inputs.with_browser.to_string())?;
    central.set_setting(IMAGE, tag)?;
    for agent in central.agents()? {
        central.forgive_launches(&agent.name)?;
    }
    Ok(central.record_change(&format!("image build (now {tag})"), "host", SystemClock.now())?)
}

/// The tag of the image if a build would have nothing to do; `None` if something is missing or
/// changed. A build says what it is about to do before it does it, and is dropped right then.
pub(crate) async fn current(
    engine: &Engine,
    inputs: &ImageInputs,
) -> Result<Option<String>, ImageError> {
    let work = Notify::new();
    let mut progress = |_line: &str| work.notify_one();
    let build = Box::pin(sandbox::image::build(engine, inputs, &mut progress));
    tokio::select! {
        biased;
        () = work.notified() => Ok(None),
        built = build => built.map(Some),
    }
}

pub(crate) fn explain(err: ImageError) -> anyhow::Error {
    let hint = err.hint();
    hinted(err, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_kept_for_the_next_build() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        let central = CentralStore::open(&layout.central()).unwrap();
        let chosen = |args: &ImageArgs| {
            let inputs = inputs(args, &central, &layout).unwrap();
            remember(&central, &inputs, "tag").unwrap();
            (inputs.base_image, inputs.with_node, inputs.with_browser)
        };
        let args = ImageArgs { with_node: Some(true), base: Some("x".into()), with_browser: None };
        assert_eq!(chosen(&args), (Some("x".into()), true, false));
        assert_eq!(chosen(&ImageArgs::default()), (Some("x".into()), true, false));
        let args = ImageArgs { with_node: Some(false), base: Some(String::new()), ..args };
        assert_eq!(chosen(&args), (None, false, false));
    }
}
