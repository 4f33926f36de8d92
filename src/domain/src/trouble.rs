//! What is the matter with a session's container, in words for its chats. What the container
//! printed is for the log and for `nanoclaw status`, never for a chat.

use crate::agent::Resources;

/// Why a container ended badly or did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    NoImage,
    /// The agent was removed.
    NoAgent,
    /// It could not be started.
    NoStart,
    /// One of its folders on the host is missing or closed.
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
    /// It did not pick up messages.
    Deaf,
    /// It wrote what no runner writes.
    Damaged,
    /// It exited.
    Ended,
}

impl Trouble {
    /// A word for the database, and a detail that belongs to it.
    #[must_use]
    pub fn words(&self) -> (&'static str, String) {
        match self {
            Self::NoImage => ("no image", String::new()),
            Self::NoAgent => ("no agent", String::new()),
            Self::NoStart => ("no start", String::new()),
            Self::NoFolder => ("no folder", String::new()),
            Self::OutOfMemory { mib } => ("out of memory", mib.to_string()),
            Self::DiskFull { gib } => ("disk full", gib.to_string()),
            Self::Silent { tool } => ("silent", tool.clone().unwrap_or_default()),
            Self::Deaf => ("deaf", String::new()),
            Self::Damaged => ("damaged", String::new()),
            Self::Ended => ("ended", String::new()),
        }
    }

    #[must_use]
    pub fn parse(word: &str, detail: &str) -> Option<Self> {
        Some(match word {
            "no image" => Self::NoImage,
            "no agent" => Self::NoAgent,
            "no start" => Self::NoStart,
            "no folder" => Self::NoFolder,
            "out of memory" => Self::OutOfMemory { mib: detail.parse().unwrap_or(0) },
            "disk full" => Self::DiskFull { gib: detail.parse().unwrap_or(0) },
            "silent" => Self::Silent { tool: Some(detail.to_owned()).filter(|it| !it.is_empty()) },
            "deaf" => Self::Deaf,
            "damaged" => Self::Damaged,
            "ended" => Self::Ended,
            _ => return None,
        })
    }

    /// What is the matter and what helps, as a sentence.
    #[must_use]
    pub fn sentence(&self, agent: &str) -> String {
        match self {
            Self::NoImage => {
                "There is no image for agents; `nanoclaw image build` on the host makes it.".into()
            }
            Self::NoAgent => format!(
                "The agent `{agent}` was removed; `nanoclaw agents add {agent}` on the host brings it back."
            ),
            Self::NoStart => {
                "Its container could not be started; `nanoclaw status` on the host says why.".into()
            }
            Self::NoFolder => "One of its folders on the host is missing or can't be used; \
                               `nanoclaw status` on the host says which."
                .into(),
            Self::OutOfMemory { mib } => format!(
                "It ran out of memory ({mib} MiB); `nanoclaw agents set {agent} --memory {}` on the \
                 host gives it more.",
                more(*mib)
            ),
            Self::DiskFull { gib } => format!(
                "It keeps more on the disk than it may ({gib} GiB); remove files from its workspace, \
                 or give it more with `nanoclaw agents set {agent} --disk {}` on the host.",
                gib.max(&1).saturating_mul(2)
            ),
            Self::Silent { tool: Some(tool) } => {
                format!("It gave no sign of life while it ran `{tool}`, so I stopped it.")
            }
            Self::Silent { tool: None } => "It gave no sign of life, so I stopped it.".into(),
            Self::Deaf => "It did not pick up messages.".into(),
            Self::Damaged => {
                "It damaged the file that it writes its answers to, so I set that file aside."
                    .into()
            }
            Self::Ended => "Its program exited.".into(),
        }
    }

    /// What a chat is told, once, when this interrupted the work on its message and the work goes on
    /// automatically. `None` for what is worth no message.
    #[must_use]
    pub fn interruption(&self, agent: &str) -> Option<String> {
        match self {
            Self::OutOfMemory { .. }
            | Self::DiskFull { .. }
            | Self::Silent { .. }
            | Self::Damaged => Some(format!(
                "My container was interrupted. {} I'm retrying your message.",
                self.sentence(agent)
            )),
            Self::NoImage
            | Self::NoAgent
            | Self::NoStart
            | Self::NoFolder
            | Self::Deaf
            | Self::Ended => None,
        }
    }
}

/// Twice as much, in a round number.
fn more(mib: u32) -> u32 {
    mib.max(Resources::default().memory_mib / 2).saturating_mul(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for trouble in [
            Trouble::NoImage,
            Trouble::NoAgent,
            Trouble::NoStart,
            Trouble::NoFolder,
            Trouble::OutOfMemory { mib: 512 },
            Trouble::DiskFull { gib: 10 },
            Trouble::Silent { tool: None },
            Trouble::Silent { tool: Some("Bash".into()) },
            Trouble::Deaf,
            Trouble::Damaged,
            Trouble::Ended,
        ] {
            let (word, detail) = trouble.words();
            assert_eq!(Trouble::parse(word, &detail), Some(trouble));
        }
        assert_eq!(Trouble::parse("dance", ""), None);
    }

    #[test]
    fn what_helps_is_said() {
        let memory = Trouble::OutOfMemory { mib: 2048 }.sentence("andy");
        assert!(memory.contains("(2048 MiB)"), "{memory}");
        assert!(memory.contains("`nanoclaw agents set andy --memory 4096`"), "{memory}");
        let disk = Trouble::DiskFull { gib: 10 }.interruption("andy");
        assert!(disk.is_some_and(|it| it.contains("`nanoclaw agents set andy --disk 20`")));
        let silent = Trouble::Silent { tool: Some("Bash".into()) };
        assert!(silent.interruption("andy").is_some_and(|it| it.contains("`Bash`")));
        assert_eq!(Trouble::Ended.interruption("andy"), None);
    }
}
