//! What this install's agent image is made of, and whether the one that is there is still it.

use std::path::{Path, PathBuf};

use domain::time::{Clock, SystemClock};
use sandbox::engine::Engine;
use sandbox::image::runner::RunnerInputs;
use sandbox::image::{ImageError, ImageInputs, Progress};
use store::CentralStore;
use store::layout::Layout;
use tokio::sync::Notify;

use crate::args::ImageArgs;
use crate::error::Hint;
use crate::install::IMAGE;

const DOCKERFILE: &str = include_str!("../../../container/Dockerfile");
const BUILDER_DOCKERFILE: &str = include_str!("../../../container/builder.Dockerfile");

/// The settings that keep what was last asked for, so that an update builds the same again.
const BASE: &str = "image.base";
const NODE: &str = "image.node";
const BROWSER: &str = "image.browser";

/// The choices that a user has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    base: Option<String>,
    with_node: bool,
    with_browser: bool,
}

/// What is asked for now, completed with what was asked for before.
pub(crate) fn wanted(args: &ImageArgs, central: &CentralStore) -> anyhow::Result<Wanted> {
    let is_on = |key| Ok::<_, store::StoreError>(central.setting(key)?.as_deref() == Some("true"));
    let base = args.base.clone().map_or_else(|| central.setting(BASE), |it| Ok(Some(it)))?;
    Ok(Wanted {
        base: base.filter(|it| !it.trim().is_empty()),
        with_node: args.with_node.map_or_else(|| is_on(NODE), Ok)?,
        with_browser: args.with_browser.map_or_else(|| is_on(BROWSER), Ok)?,
    })
}

/// Makes the built image the one that agents run in.
pub(crate) fn remember(central: &CentralStore, wanted: &Wanted, tag: &str) -> anyhow::Result<()> {
    central.set_setting(BASE, wanted.base.as_deref().unwrap_or_default())?;
    central.set_setting(NODE, &wanted.with_node.to_string())?;
    central.set_setting(BROWSER, &wanted.with_browser.to_string())?;
    central.set_setting(IMAGE, tag)?;
    for agent in central.agents()? {
        central.forgive_launches(&agent.name)?;
    }
    Ok(central.record_change(&format!("image build (now {tag})"), "host", SystemClock.now())?)
}

/// Builds the image unless it is there and current; returns its tag.
pub(crate) async fn build(
    engine: &Engine,
    wanted: &Wanted,
    layout: &Layout,
    progress: Progress<'_>,
) -> Result<String, ImageError> {
    Box::pin(sandbox::image::build(engine, &inputs(wanted, layout), progress)).await
}

/// The tag of the image if a build would have nothing to do; `None` if something is missing or
/// changed. A build says what it is about to do before it does it, and is dropped right then.
pub(crate) async fn current(
    engine: &Engine,
    wanted: &Wanted,
    layout: &Layout,
) -> Result<Option<String>, ImageError> {
    let work = Notify::new();
    let mut progress = |_line: &str| work.notify_one();
    let build = build(engine, wanted, layout, &mut progress);
    tokio::select! {
        biased;
        () = work.notified() => Ok(None),
        built = build => built.map(Some),
    }
}

/// The error with its hint.
pub(crate) fn explain(err: ImageError) -> anyhow::Error {
    let hint = err.hint();
    match Err::<(), _>(err).hint(hint) {
        Err(err) => err,
        Ok(()) => anyhow::anyhow!("the image was not built"),
    }
}

fn inputs(wanted: &Wanted, layout: &Layout) -> ImageInputs {
    let here = program_folder();
    ImageInputs {
        dockerfile: DOCKERFILE.to_owned(),
        base_image: wanted.base.clone(),
        cache: layout.cache(),
        runner: RunnerInputs {
            binary: here.join("agent-runner"),
            workspace: workspace(&here).unwrap_or(&here).to_owned(),
            builder_dockerfile: BUILDER_DOCKERFILE.to_owned(),
        },
        with_node: wanted.with_node,
        with_browser: wanted.with_browser,
    }
}

/// Where this program lies; the runner is built beside it.
fn program_folder() -> PathBuf {
    let program = std::env::current_exe().and_then(std::fs::canonicalize).unwrap_or_default();
    program.parent().unwrap_or(Path::new("/")).to_owned()
}

/// The sources that the program was built from, if it still lies in their build folder.
fn workspace(program_folder: &Path) -> Option<&Path> {
    program_folder.ancestors().find(|it| it.join("container/Dockerfile").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_kept_for_the_next_build() {
        let folder = tempfile::tempdir().unwrap();
        let central = CentralStore::open(&folder.path().join("central.db")).unwrap();
        let args = ImageArgs { with_node: Some(true), base: Some("x".into()), with_browser: None };
        let first = wanted(&args, &central).unwrap();
        remember(&central, &first, "tag").unwrap();
        assert_eq!(wanted(&ImageArgs::default(), &central).unwrap(), first);
        let args = ImageArgs { with_node: Some(false), base: Some(String::new()), ..args };
        let third = wanted(&args, &central).unwrap();
        assert_eq!(third, Wanted { base: None, with_node: false, with_browser: false });
    }
}
