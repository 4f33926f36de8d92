//! What every install has from its first start on: a name of its own, an agent, a time zone, and the
//! user that containers run as.

use std::fs::File;
use std::io::Read;

pub(crate) use actors::host::settings::IMAGE;
use actors::host::settings::INSTALL;
use anyhow::Context;
use domain::AgentName;
use domain::agent::{AgentGroup, DEFAULT_AGENT};
use rustix::process::{getegid, geteuid};
use store::CentralStore;

use crate::machine_zone;

/// Who runs in containers when the host is root: the image's own user.
const IMAGE_USER: (u32, u32) = (1000, 1000);

/// What [`ensure_defaults`] found or made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Install {
    /// Eight hex digits.
    pub(crate) id: String,
    /// Set when there was no agent at all.
    pub(crate) added: Option<AgentName>,
}

/// Gives the install its name, its first agent, and the machine's time zone where that is known; doing it again changes nothing.
pub(crate) fn ensure_defaults(central: &CentralStore) -> anyhow::Result<Install> {
    let id = match central.setting(INSTALL)? {
        Some(id) => id,
        None => central.settle_setting(INSTALL, &random_hex(4)?)?,
    };
    let mut added = None;
    if central.agents()?.is_empty() {
        let name = AgentName::parse(DEFAULT_AGENT)?;
        central.add_agent(&AgentGroup::new(name.clone()))?;
        added = Some(name);
    }
    if central.install_zone()?.is_none()
        && let Some(zone) = machine_zone::read()
    {
        central.set_install_zone(&zone)?;
    }
    Ok(Install { id, added })
}

/// Gives the install another name, so that it and the one that it was copied from leave each other's
/// containers alone.
pub(crate) fn rename(central: &CentralStore) -> anyhow::Result<()> {
    Ok(central.set_setting(INSTALL, &random_hex(4)?)?)
}

/// The name of this install if it has one.
pub(crate) fn id(central: &CentralStore) -> anyhow::Result<Option<String>> {
    Ok(central.setting(INSTALL)?)
}

/// User and group of every process in a container and of the folders mounted into it. Never root.
pub(crate) fn container_user() -> (u32, u32) {
    if geteuid().is_root() { IMAGE_USER } else { (geteuid().as_raw(), getegid().as_raw()) }
}

/// So many bytes from the system's generator, as hex digits.
pub(crate) fn random_hex(bytes: usize) -> anyhow::Result<String> {
    let mut buffer = vec![0; bytes];
    File::open("/dev/urandom")
        .and_then(|mut it| it.read_exact(&mut buffer))
        .context("the system gives no random numbers")?;
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let central = CentralStore::open(&folder.path().join("central.db")).unwrap();
        let first = ensure_defaults(&central).unwrap();
        assert_eq!(first.id.len(), 8);
        assert_eq!(first.added.unwrap().as_str(), DEFAULT_AGENT);
        let second = ensure_defaults(&central).unwrap();
        assert_eq!((second.id, second.added), (first.id, None));
    }

    #[test]
    fn containers_never_run_as_root() {
        assert_ne!(container_user().0, 0);
    }
}
