//! An agent group: one identity with a workspace, a memory, a provider and limits.

use crate::AgentName;

/// The agent that exists from the first start on. Its name is the trigger word in group chats.
pub const DEFAULT_AGENT: &str = "andy";

/// The name under which the vault keeps the credential that the model's API takes.
pub const MODEL_CREDENTIAL: &str = "anthropic";

/// Stands for the file in a command that turns speech into text.
pub const FILE_PLACEHOLDER: &str = "{file}";

crate::words! {
    pub enum Provider {
        Demo,
        Claude,
    }

    /// What an agent's administration tool may see and ask for. Changes are asked for all the same.
    #[derive(Default)]
    pub enum AdminScope {
        None,
        /// What concerns itself: the chats that it is in, its members, its sessions.
        #[default]
        Own,
        All,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    pub memory_mib: u32,
    /// Thousandths of a processor.
    pub cpu_milli: u32,
    pub pids: u32,
    /// What its folders may take together.
    pub disk_gib: u32,
}

impl Resources {
    pub fn disk_bytes(self) -> u64 {
        u64::from(self.disk_gib) << 30
    }
}

impl Default for Resources {
    /// Claude Code takes about 250 MiB and 12 pids; the rest is for what it runs.
    fn default() -> Self {
        Self { memory_mib: 2048, cpu_milli: 2000, pids: 512, disk_gib: 10 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentGroup {
    pub name: AgentName,
    /// Its user in a container; see [`crate::inside::agent_uid`]. The database gives it.
    pub number: u32,
    /// `None` follows the vault: Claude when a credential for it is there, else the demo.
    pub provider: Option<Provider>,
    /// `None` leaves the choice to the provider.
    pub model: Option<String>,
    /// `None` is the image that this install built.
    pub image: Option<String>,
    pub resources: Resources,
    /// What it answers to in a text; `None` is `@` and its name.
    pub trigger: Option<String>,
    pub admin_scope: AdminScope,
    /// The command that turns speech into text, run in its containers; see [`FILE_PLACEHOLDER`].
    pub transcribe: Option<String>,
}

impl AgentGroup {
    pub fn new(name: AgentName) -> Self {
        Self {
            name,
            number: 0,
            provider: None,
            model: None,
            image: None,
            resources: Resources::default(),
            trigger: None,
            admin_scope: AdminScope::default(),
            transcribe: None,
        }
    }

    pub fn effective_provider(&self, has_model_credential: bool) -> Provider {
        let usual = if has_model_credential { Provider::Claude } else { Provider::Demo };
        self.provider.unwrap_or(usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for provider in Provider::ALL {
            assert_eq!(Provider::parse(provider.as_str()), Some(provider));
        }
        for admin_scope in AdminScope::ALL {
            assert_eq!(AdminScope::parse(admin_scope.as_str()), Some(admin_scope));
        }
    }
}
