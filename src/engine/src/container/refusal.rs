//! Why a container does not start, and what that is called towards people.

use std::io;

use domain::plain::chain;
use domain::trouble::Trouble;
use sandbox::SandboxError;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("could not read what to start")]
    Store(#[from] store::StoreError),
    #[error("could not make the folders")]
    Folders(#[from] io::Error),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("somebody stopped it; `nanoclaw agents resume` lets it go on")]
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
    pub fn is_outage(&self) -> bool {
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
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::NoImage => Trouble::NoImage,
            Self::Sandbox(SandboxError::ImageMissing(image)) => {
                Trouble::ImageMissing { image: image.clone() }
            }
            Self::NoAgent(_) => Trouble::NoAgent,
            Self::DiskFull { gib } => Trouble::DiskFull { gib: *gib },
            Self::Folders(_) => Trouble::NoFolder,
            Self::Sandbox(err) if lacks_a_folder(err) => Trouble::NoFolder,
            Self::Store(_) | Self::Sandbox(_) | Self::Stopped => Trouble::NoStart,
        }
    }
}

/// Whether the engine refused a mount. It has no code for that, only these words
/// (<https://github.com/moby/moby/blob/master/volume/mounts/validate.go>).
fn lacks_a_folder(err: &SandboxError) -> bool {
    chain(err).contains("bind source path does not exist")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_missing_is_not_put_down_to_the_engine() {
        let failed = |why: &str| {
            let source = why.to_owned().into();
            StartError::Sandbox(SandboxError::Failed { op: "create a container", source })
        };
        let mount =
            failed("invalid mount config for type \"bind\": bind source path does not exist: /a");
        assert_eq!(mount.trouble(), Trouble::NoFolder);
        assert_eq!(failed("range of CPUs is from 0.01 to 2.00").trouble(), Trouble::NoStart);
        let gone = StartError::Folders(io::ErrorKind::NotFound.into());
        assert_eq!(gone.trouble(), Trouble::NoFolder);
        let image = StartError::Sandbox(SandboxError::ImageMissing("foo".into())).trouble();
        assert_eq!(image, Trouble::ImageMissing { image: "foo".into() });
    }
}
