//! What is the matter with a session's container, as its chats may know it. What the container printed is for the log
//! and for `nanoclaw status`, never for a chat.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    NoImage,
    /// The image that was named is not there.
    ImageMissing {
        image: String,
    },
    NoAgent,
    NoStart,
    NoFolder,
    /// It took more memory than this.
    OutOfMemory {
        mib: u32,
    },
    /// Its folders took more than this.
    DiskFull {
        gib: u32,
    },
    /// It worked on a message and gave no sign of life.
    Silent {
        /// What it ran, if it said so.
        tool: Option<String>,
    },
    Deaf,
    /// It wrote what no runner writes.
    Damaged,
    Ended,
}

impl Trouble {
    /// Whether chats are told that this interrupted the work on their message, which goes on automatically.
    pub fn is_worth_telling(&self) -> bool {
        matches!(
            self,
            Self::OutOfMemory { .. } | Self::DiskFull { .. } | Self::Silent { .. } | Self::Damaged
        )
    }
}
