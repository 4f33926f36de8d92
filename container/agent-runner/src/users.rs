//! Two users in one container: the runner's, who alone can open the mailboxes and the link, and the
//! agent's, for every program that an agent chooses.
//!
//! Invariant: a program of the agent has another user than the runner, and no capability, nor a way
//! to get one.

use tokio::process::Command;

/// Whose programs an agent's are. `None` is the runner's own user, outside of a container.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AgentUser(pub(crate) Option<u32>);

impl AgentUser {
    /// Makes a program that is about to start the agent's. It keeps the group, through which the
    /// workspace is shared.
    pub(crate) fn take(self, command: &mut Command) {
        if let Some(uid) = self.0 {
            command.uid(uid);
        }
    }
}

/// Keeps the right to start and end programs of another user to this process: what it starts has no
/// capability left. To be called before the first thread, since such rights are a thread's own.
///
/// # Errors
/// When the host did not give these rights; without them nothing would keep the agent out.
#[cfg(target_os = "linux")]
pub fn keep_rights() -> std::io::Result<()> {
    use rustix::fs::Mode;
    use rustix::process::umask;
    use rustix::thread::{
        CapabilitySet, CapabilitySets, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities,
    };

    let own = CapabilitySet::SETUID | CapabilitySet::KILL;
    clear_ambient_capability_set()?;
    for given in [
        CapabilitySet::SETUID,
        CapabilitySet::SETGID,
        CapabilitySet::KILL,
        // The last: it is what allows this.
        CapabilitySet::SETPCAP,
    ] {
        remove_capability_from_bounding_set(given)?;
    }
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: own, permitted: own, inheritable: none })?;
    // What either user makes in the shared folders is for both, and for nobody else.
    umask(Mode::RWXO);
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub fn keep_rights() -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
