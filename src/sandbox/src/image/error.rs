//! Why there is no image, sorted by what the user must do.

use crate::{Cause, SandboxError};

#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("the container engine could not be used")]
    Engine(#[from] SandboxError),
    #[error("the base image `{0}` is not there and cannot be fetched")]
    NoBase(String),
    #[error("`{0}` is not installed")]
    ToolMissing(&'static str),
    #[error("making a base image needs root")]
    NeedsRoot,
    #[error("this system's package sources are not known")]
    NoSources,
    /// The second field is what the tool printed last.
    #[error("`{0}` failed: {1}")]
    Tool(&'static str, String),
    #[error("what was downloaded is not the expected program")]
    WrongHash,
    #[error("there is no Claude Code for the processor `{0}`")]
    Architecture(String),
    #[error("there is no runner to put into the image")]
    NoRunner,
    /// With what the step printed last.
    #[error("a step of the image build failed: {0}")]
    Step(String),
    #[error("could not {op}")]
    Io {
        op: &'static str,
        #[source]
        source: Cause,
    },
}

impl ImageError {
    /// What the user can do about it, as one sentence without a full stop.
    pub fn hint(&self) -> String {
        match self {
            Self::Engine(_) => "check that Docker runs and that you may use it".to_owned(),
            Self::NoBase(_) => "give an image that exists, or none".to_owned(),
            Self::ToolMissing(tool) => format!("install it with `apt-get install {tool}`"),
            Self::NeedsRoot => "run this as root, or allow `sudo` without a password".to_owned(),
            Self::NoSources => {
                "pull `debian:bookworm-slim` where a registry can be reached, then try again"
                    .to_owned()
            }
            Self::Tool(..) | Self::Step(_) => {
                "check the network and the space on the disk, then try again".to_owned()
            }
            Self::WrongHash => "try again; if it happens twice, update NanoClaw".to_owned(),
            Self::Architecture(_) => "use an x86_64 or aarch64 engine".to_owned(),
            Self::NoRunner => "build it with `cargo build --release -p agent-runner`".to_owned(),
            Self::Io { .. } => {
                "check the space on the disk and who owns the data folder".to_owned()
            }
        }
    }

    pub(super) fn io<E: Into<Cause>>(op: &'static str) -> impl Fn(E) -> Self {
        move |source| Self::Io { op, source: source.into() }
    }
}
