//! Why a container does not start, and what that is called towards people.

use std::io;

use domain::trouble::Trouble;
use sandbox::SandboxError;

/// Why a start did not happen.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error("could not read what to start")]
    Store(#[from] store::StoreError),
    #[error("could not make the folders")]
    Folders(#[from] io::Error),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("somebody stopped it; `nanoclaw resume` lets it go on")]
    Stopped,
    #[error("its folders take more than {gib} GiB")]
    DiskFull { gib: u32 },
    #[error("there is no image for agents yet; run `nanoclaw image build`")]
    NoImage,
    #[error("the agent `{0}` was removed; `nanoclaw agents add {0}` brings it back")]
    NoAgent(domain::AgentName),
}

impl StartError {
    /// The engine is down, or the disk is full: that passes, and says nothing about the session.
    pub(super) fn is_outage(&self) -> bool {
        match self {
            Self::Sandbox(SandboxError::Unreachable(_)) | Self::Stopped => true,
            Self::Store(err) => !err.is_permanent(),
            Self::Folders(_)
            | Self::Sandbox(_)
            | Self::DiskFull { .. }
            | Self::NoImage
            | Self::NoAgent(_) => false,
        }
    }

    /// The same in words for people.
    pub(super) fn trouble(&self) -> Trouble {
        match self {
            Self::NoImage | Self::Sandbox(SandboxError::ImageMissing(_)) => Trouble::NoImage,
            Self::NoAgent(_) => Trouble::NoAgent,
            Self::DiskFull { gib } => Trouble::DiskFull { gib: *gib },
            Self::Store(_) | Self::Folders(_) | Self::Sandbox(_) | Self::Stopped => {
                Trouble::NoStart
            }
        }
    }
}
