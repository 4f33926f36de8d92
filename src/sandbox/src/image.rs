//! Builds the image that agents run in, on the user's machine, with or without a registry.
//!
//! Three things come together: a base ([`base`]), the Claude Code CLI ([`cli`]) and the runner
//! ([`runner`]). The image's tag is a hash over all that goes into it.
//!
//! Invariants
//! - An image is built only when something in it changed; a tag never changes its meaning.
//! - Nothing of where packages came from stays in the image: the CLI and the runner are copied in,
//!   and the base is scrubbed.

pub mod base;
pub mod cli;
mod command;
mod context;
pub mod runner;
mod sources;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use bollard::body_try_stream;
use bollard::errors::Error;
use bollard::models::{BuildInfo, ImageInspect};
use bollard::query_parameters as q;
use futures_util::future::join;
use futures_util::{Stream, StreamExt};
use sha2::{Digest, Sha256};

use crate::engine::{ASK_MAX, Engine, failed, found, within};
use crate::{Cause, SandboxError};
pub use base::Base;
pub use command::find;
pub use context::Context;

/// Hears one line at a time of what is going on.
pub type Progress<'a> = &'a mut (dyn FnMut(&str) + Send);

/// How long a build may take: copying 400 MB takes 10 s, packages some minutes on a slow line.
const BUILD_MAX: Duration = Duration::from_secs(30 * 60);

/// Lines of a failed step that are worth showing.
const LAST_LINES: usize = 8;

#[derive(Clone, Debug)]
pub struct ImageInputs {
    /// The text of `container/Dockerfile`.
    pub dockerfile: String,
    /// An image to build on; `None` takes Debian's, or makes one.
    pub base_image: Option<String>,
    /// For the downloaded CLI and temporary files; about 400 MB stay in it.
    pub cache: PathBuf,
    pub runner: runner::RunnerInputs,
    /// Adds Node.js for the agent's own work. The CLI does not need it.
    pub with_node: bool,
    /// Adds Chromium, about 400 MB.
    pub with_browser: bool,
}

/// A program for the image, on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub path: PathBuf,
    /// Hex.
    pub sha256: String,
}

/// Why there is no image, sorted by what the user must do.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("the container engine could not be used")]
    Engine(#[from] SandboxError),
    #[error("`{0}` is not installed")]
    ToolMissing(&'static str),
    #[error("making a base image needs root")]
    NeedsRoot,
    /// With what the tool printed last.
    #[error("`{0}` failed: {1}")]
    Tool(&'static str, String),
    /// With what the step printed last.
    #[error("a step of the image build failed: {0}")]
    Step(String),
    #[error("could not {op}")]
    Io {
        op: &'static str,
        #[source]
        source: Cause,
    },
    /// Something else is missing, with what the user can do.
    #[error("{0}")]
    Missing(String, &'static str),
}

impl ImageError {
    /// What the user can do about it, as one sentence without a full stop.
    pub fn hint(&self) -> String {
        let hint = match self {
            Self::ToolMissing(tool) => return format!("install it with `apt-get install {tool}`"),
            Self::Engine(_) => "check that Docker runs and that you may use it",
            Self::NeedsRoot => "run this as root, or allow `sudo` without a password",
            Self::Tool(..) | Self::Step(_) => {
                "check the network and the space on the disk, then try again"
            }
            Self::Io { .. } => "check the space on the disk and who owns the data folder",
            Self::Missing(_, hint) => hint,
        };
        hint.to_owned()
    }

    fn io<E: Into<Cause>>(op: &'static str) -> impl Fn(E) -> Self {
        move |source| Self::Io { op, source: source.into() }
    }
}

/// Gets or makes everything the image needs, builds it unless it is there, and returns its tag.
/// Takes minutes the first time and milliseconds when nothing changed.
pub async fn build(
    engine: &Engine,
    inputs: &ImageInputs,
    progress: Progress<'_>,
) -> Result<String, ImageError> {
    let architecture = engine.info().await?.architecture;
    let (image, cache) = (inputs.base_image.as_deref(), &inputs.cache);
    let extra = [(inputs.with_node, "nodejs"), (inputs.with_browser, "chromium")];
    let extra: Vec<&str> = extra.iter().filter(|it| it.0).map(|it| it.1).collect();
    let base = base::ensure(engine, image, &extra, cache, progress).await?;
    let cli = cli::fetch(&architecture, cache, progress).await?;
    let runner = runner::ensure(engine, &inputs.runner, &base, cache, progress).await?;
    let tag = tag(inputs, &base.id, &cli.sha256, &runner.sha256);
    if inspected(engine, &tag).await?.is_some() {
        return Ok(tag);
    }
    let context =
        Context::new(&inputs.dockerfile).add("claude", &cli.path).add("agent-runner", &runner.path);
    // A base that we made has all packages already, so that its steps need no network.
    let network = if base.is_made { "none" } else { "default" };
    let flag = |on: bool| u8::from(on).to_string();
    let args = HashMap::from([
        ("BASE_IMAGE".to_owned(), base.name),
        ("WITH_NODE".to_owned(), flag(inputs.with_node)),
        ("WITH_BROWSER".to_owned(), flag(inputs.with_browser)),
    ]);
    progress("building the agent image");
    build_context(engine, context, &tag, &args, network, progress).await?;
    Ok(tag)
}

/// Builds a context under the name `tag`. Anybody who has the image can read the values for the `ARG`s: no
/// secrets, no host names. The network of `RUN` steps is `none` or `default`.
/// Fails with [`ImageError::Step`] when a step fails, with what it printed last.
pub async fn build_context(
    engine: &Engine,
    context: Context,
    tag: &str,
    args: &HashMap<String, String>,
    network: &str,
    progress: Progress<'_>,
) -> Result<(), ImageError> {
    let client = engine.client().await?;
    let options = q::BuildImageOptionsBuilder::new()
        .t(tag)
        .buildargs(args)
        .networkmode(network)
        .rm(true)
        .forcerm(true)
        .build();
    // The tar is read while it is sent.
    let (body, writing) = context::pipe(move |out| context.write(out));
    let told = client.build_image(options, None, Some(body_try_stream(body)));
    let building = follow_build(told, progress);
    let (built, written) = join(tokio::time::timeout(BUILD_MAX, building), writing).await;
    // The engine's word first: a refused upload makes the writer fail as well.
    built.map_err(|_| ImageError::Step("it took longer than 30 minutes".to_owned()))??;
    written
}

async fn follow_build(
    stream: impl Stream<Item = Result<BuildInfo, Error>>,
    progress: Progress<'_>,
) -> Result<(), ImageError> {
    let mut stream = Box::pin(stream);
    let mut last: Vec<String> = Vec::new();
    while let Some(next) = stream.next().await {
        let info = match next {
            Err(Error::DockerStreamError { error }) => return Err(step_failed(&last, &error)),
            other => other.map_err(failed("build the image"))?,
        };
        if let Some(message) = info.error_detail.and_then(|it| it.message) {
            return Err(step_failed(&last, &message));
        }
        for line in info.stream.iter().flat_map(|it| it.lines()).filter(|it| !it.trim().is_empty())
        {
            progress(line);
            last.push(line.to_owned());
        }
        let surplus = last.len().saturating_sub(LAST_LINES);
        last.drain(..surplus);
    }
    Ok(())
}

fn step_failed(last: &[String], message: &str) -> ImageError {
    ImageError::Step(format!("{}\n{message}", last.join("\n")).trim().to_owned())
}

/// A local image; `None` when there is none of that name.
pub(crate) async fn inspected(
    engine: &Engine,
    name: &str,
) -> Result<Option<ImageInspect>, ImageError> {
    let client = engine.client().await?;
    Ok(found("inspect the image", within(ASK_MAX, client.inspect_image(name)).await)?)
}

/// Names the image after its ingredients. Twelve digits: an install has tens of images at most.
fn tag(inputs: &ImageInputs, base: &str, cli: &str, runner: &str) -> String {
    let options = format!("node={} browser={}", inputs.with_node, inputs.with_browser);
    let hash = hash_of([&inputs.dockerfile, base, cli, runner, &options]);
    format!("nanoclaw-agent:{}", &hash[..12])
}

/// Hex SHA-256 over the parts, each with its length in front so that none can flow into the next.
pub(crate) fn hash_of<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    format!("{:x}", hash.finalize())
}

#[cfg(test)]
mod tests {
    use bollard::models::ErrorDetail;
    use futures_util::stream;

    use super::*;

    fn inputs() -> ImageInputs {
        let runner = runner::RunnerInputs {
            binary: "runner".into(),
            workspace: "w".into(),
            builder_dockerfile: String::new(),
        };
        ImageInputs {
            dockerfile: "FROM x".to_owned(),
            base_image: None,
            cache: "cache".into(),
            runner,
            with_node: false,
            with_browser: false,
        }
    }

    #[test]
    fn the_tag_follows_every_input() {
        let one = tag(&inputs(), "base", "cli", "runner");
        assert_eq!(one, tag(&inputs(), "base", "cli", "runner"));
        assert_eq!(one.len(), "nanoclaw-agent:".len() + 12);
        let other = [
            tag(&inputs(), "base2", "cli", "runner"),
            tag(&inputs(), "base", "cli2", "runner"),
            tag(&inputs(), "base", "cli", "runner2"),
            tag(&inputs(), "bas", "ecli", "runner"),
            tag(&ImageInputs { with_node: true, ..inputs() }, "base", "cli", "runner"),
            tag(&ImageInputs { dockerfile: "FROM y".into(), ..inputs() }, "base", "cli", "runner"),
        ];
        assert!(!other.contains(&one));
    }

    #[tokio::test]
    async fn a_failed_step_says_what_it_printed() {
        let printed = BuildInfo { stream: Some("E: no space\n".into()), ..BuildInfo::default() };
        let detail = ErrorDetail { code: Some(1), message: Some("returned 100".into()) };
        let end = BuildInfo { error_detail: Some(detail), ..BuildInfo::default() };
        let mut seen = Vec::new();
        let result =
            follow_build(stream::iter([Ok(printed), Ok(end)]), &mut |it| seen.push(it.to_owned()))
                .await;
        assert_eq!(seen, ["E: no space"]);
        let Err(ImageError::Step(text)) = result else { panic!("{result:?}") };
        assert_eq!(text, "E: no space\nreturned 100");
    }
}
