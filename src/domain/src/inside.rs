//! Where things are inside a container. The host mounts them there, the runner relies on it.

/// Read-only, for the runner alone: the inbound database.
pub const IN: &str = "/nanoclaw/in";
/// Writable, for the runner alone: the outbound database and files to send.
pub const OUT: &str = "/nanoclaw/out";
/// Read-only, for the runner alone: the folder of the link's socket.
pub const LINK: &str = "/nanoclaw/link";
/// The socket's name within [`LINK`].
pub const SOCKET: &str = "link.sock";
/// Read-only: received files.
pub const FILES: &str = "/nanoclaw/files";
/// Writable: the agent group's folder, shared by its sessions.
pub const WORKSPACE: &str = "/workspace";
/// Writable: what the agent's CLI keeps, one per session.
pub const HOME: &str = "/home/agent";
/// The runner: the only program that the host starts.
pub const RUNNER: &str = "/usr/local/bin/agent-runner";
/// Where the image keeps the Claude Code CLI.
pub const CLAUDE: &str = "/usr/local/bin/claude";

/// Has the runner run the escape list instead of an agent; names a folder of the host that no
/// container may see.
pub const ESCAPE_ENV: &str = "NANOCLAW_ESCAPE";
/// The report of the escape list, below [`OUT`].
pub const ESCAPE_REPORT: &str = "escape.json";
/// Names the user of the agent's processes to the runner.
pub const AGENT_UID_ENV: &str = "NANOCLAW_AGENT_UID";

/// The user of everything that an agent starts; the image has a name for it. A number that neither
/// systemd nor Debian gives to anybody, below 65,536 for engines that map users.
const AGENT_UID: u32 = 60_700;

/// The user of the agent's processes beside a runner of that user.
#[must_use]
pub fn agent_uid(runner: u32) -> u32 {
    if runner == AGENT_UID { AGENT_UID + 1 } else { AGENT_UID }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_has_a_name_for_the_agents_user() {
        let dockerfile = include_str!("../../../container/Dockerfile");
        assert!(dockerfile.contains(&format!("--uid {AGENT_UID} ")));
        assert!(dockerfile.contains(&format!("USER {AGENT_UID}\n")));
    }

    #[test]
    fn the_agent_is_never_the_runner() {
        for runner in [0, 1000, AGENT_UID, AGENT_UID + 1] {
            assert_ne!(agent_uid(runner), runner);
        }
    }
}
