//! What is the matter with a session's container, as its chats may know it. What the container printed is for the log
//! and for `nanoclaw status`, never for a chat.
//!
//! Silent is one that works on a message and gives no sign of life, with the tool that it runs if it said so; damaged, one
//! that wrote what no runner writes.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    NoImage,
    ImageMissing { image: String },
    NoAgent,
    NoStart,
    NoFolder,
    OutOfMemory { mib: u32 },
    DiskFull { gib: u32 },
    Silent { tool: Option<String> },
    Deaf,
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
