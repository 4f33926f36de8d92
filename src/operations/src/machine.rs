//! What the machine that containers run on has, as the engine said last. An agent that is given more
//! never starts.

use domain::AgentName;
use store::{CentralStore, StoreError};

use crate::agents::AgentSettings;
use crate::output::{Result, refused};

/// The setting that keeps it: processors and MiB.
const SETTING: &str = "machine";

/// The machine of the container engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    pub cpus: u32,
    pub memory_mib: u32,
}

impl Machine {
    /// Keeps what the engine said, for changes that are made while nobody can ask it.
    ///
    /// # Errors
    /// When the database fails.
    pub fn keep(self, store: &CentralStore) -> Result<(), StoreError> {
        store.set_setting(SETTING, &format!("{} {}", self.cpus, self.memory_mib))
    }

    fn kept(store: &CentralStore) -> Result<Option<Self>, StoreError> {
        let parse = |text: String| {
            let (cpus, memory) = text.split_once(' ')?;
            Some(Self { cpus: cpus.parse().ok()?, memory_mib: memory.parse().ok()? })
        };
        Ok(store.setting(SETTING)?.and_then(parse))
    }
}

/// Refuses limits that the machine cannot give. Says so where nobody knows the machine.
pub(crate) fn check(
    name: &AgentName,
    settings: &AgentSettings,
    store: &CentralStore,
) -> Result<Option<&'static str>> {
    if settings.cpus.is_none() && settings.memory.is_none() {
        return Ok(None);
    }
    let Some(machine) = Machine::kept(store)? else {
        return Ok(Some(
            "the container engine did not say what its machine has; an agent that is given more \
             than that does not start",
        ));
    };
    if let Some(cpus) = settings.cpus.filter(|it| machine.cpus.saturating_mul(1_000) < it.0) {
        return Err(refused(
            format!("{name} cannot have {cpus} processors: the machine has {}", machine.cpus),
            format!("say `--cpus {}` or less", machine.cpus),
        ));
    }
    if let Some(mib) = settings.memory.filter(|it| machine.memory_mib < *it) {
        return Err(refused(
            format!(
                "{name} cannot have {mib} MiB of memory: the machine has {} MiB",
                machine.memory_mib
            ),
            "say less with `--memory`, and leave some to the system",
        ));
    }
    Ok(None)
}
