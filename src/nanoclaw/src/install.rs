//! What every install has from its first start on: a name of its own, an agent, a time zone, and the
//! user that containers run as.

use std::fs::File;
use std::io::Read;

use anyhow::Context;
use domain::AgentName;
use domain::agent::{AgentGroup, DEFAULT_AGENT};
pub(crate) use engine::host::settings::IMAGE;
use engine::host::settings::INSTALL;
use rustix::process::{getegid, geteuid};
use sandbox::docker::{DockerOptions, DockerSandbox};
use schedule::Zone;
use store::CentralStore;
use store::layout::Layout;

/// Who runs in containers when the host is root: the image's own user.
const IMAGE_USER: (u32, u32) = (1000, 1000);

/// Gives the install its name, its first agent, and the machine's time zone where that is known; doing
/// it again changes nothing. Returns the name, eight hex digits, and the agent if there was none before.
pub(crate) fn ensure_defaults(
    central: &CentralStore,
) -> anyhow::Result<(String, Option<AgentName>)> {
    let id = match central.setting(INSTALL)? {
        Some(id) => id,
        None => central.settle_setting(INSTALL, &random_hex(4)?)?,
    };
    let mut added = None;
    if central.agents()?.is_empty() {
        let name = added.insert(AgentName::parse(DEFAULT_AGENT)?);
        central.add_agent(&AgentGroup::new(name.clone()))?;
    }
    if central.install_zone()?.is_none() {
        // What `TZ` says, else what the system is set to, if that is known.
        let set = zone(std::env::var("TZ").ok().as_deref());
        let found = set.or_else(|| zone(iana_time_zone::get_timezone().ok().as_deref()));
        if let Some(zone) = found {
            central.set_install_zone(&zone)?;
        }
    }
    Ok((id, added))
}

/// `Europe/Berlin`, `:Europe/Berlin`, `/usr/share/zoneinfo/Europe/Berlin`. What `TZ` may hold
/// without a name, like `CET-1CEST`, is no zone that anybody else would understand.
fn zone(text: Option<&str>) -> Option<Zone> {
    let text = text?.trim().trim_start_matches(':');
    Zone::parse(text.rsplit_once("zoneinfo/").map_or(text, |it| it.1)).ok()
}

/// Gives the install this name or a fresh one, so that it and the one that it was copied from leave each
/// other's containers alone.
pub(crate) fn rename(central: &CentralStore, name: Option<String>) -> anyhow::Result<()> {
    let name = name.map_or_else(|| random_hex(4), Ok)?;
    Ok(central.set_setting(INSTALL, &name)?)
}

pub(crate) fn id(central: &CentralStore) -> anyhow::Result<Option<String>> {
    Ok(central.setting(INSTALL)?)
}

/// The containers of this install, if it has a name already.
pub(crate) fn sandbox(
    layout: &Layout,
    central: &CentralStore,
) -> anyhow::Result<Option<DockerSandbox>> {
    let (user, root) = (container_user(), layout.home().to_owned());
    let options = |install| DockerOptions { install, user, root, socket: None };
    Ok(id(central)?.map(options).map(DockerSandbox::new))
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
        let (id, added) = ensure_defaults(&central).unwrap();
        assert_eq!(id.len(), 8);
        assert_eq!(added.unwrap().as_str(), DEFAULT_AGENT);
        assert_eq!(ensure_defaults(&central).unwrap(), (id, None));
    }

    #[test]
    fn containers_never_run_as_root() {
        assert_ne!(container_user().0, 0);
    }

    #[test]
    fn what_the_variable_says_is_a_zone_or_nothing() {
        for (text, want) in [
            ("Europe/Berlin", Some("Europe/Berlin")),
            (":/usr/share/zoneinfo/Europe/Berlin", Some("Europe/Berlin")),
            ("America/New_York\n", Some("America/New_York")),
            ("", None),
            ("CET-1CEST", None),
            ("/somewhere/Asia/Tokyo", None),
        ] {
            assert_eq!(zone(Some(text)).as_ref().map(Zone::name), want, "{text:?}");
        }
        assert_eq!(zone(None), None);
    }
}
