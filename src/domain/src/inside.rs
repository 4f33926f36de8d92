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

/// Has the runner run the escape list; names a folder of the host that no container may see.
pub const ESCAPE_ENV: &str = "NANOCLAW_ESCAPE";
pub const ESCAPE_REPORT: &str = "escape.json";
pub const AGENT_ENV: &str = "NANOCLAW_AGENT";
pub const AGENT_UID_ENV: &str = "NANOCLAW_AGENT_UID";

/// The first user of what agents start, and how many there are; the image has a name for each. Numbers
/// that neither systemd nor Debian gives to anybody, below 65,536 for engines that map users.
const AGENT_UID: u32 = 60_700;
const AGENT_UIDS: u32 = 400;

/// The user of an agent's processes beside a runner of the user `runner`, by the number that the agent
/// keeps for ever. No two agents share one before there are 400: the kernel counts inotify instances,
/// pending signals and the memory of pipes by user, so they could take them from each other.
pub fn agent_uid(runner: u32, number: u32) -> u32 {
    let uid = AGENT_UID + number % AGENT_UIDS;
    if runner == uid { AGENT_UID + AGENT_UIDS } else { uid }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_image_has_a_name_for_the_agents_user() {
        let dockerfile = include_str!("../../../container/Dockerfile");
        assert!(dockerfile.contains(&format!("--uid {AGENT_UID} ")));
        let last = AGENT_UID + AGENT_UIDS;
        assert!(dockerfile.contains(&format!("$(seq {} {last})", AGENT_UID + 1)));
        assert!(dockerfile.contains(&format!("USER {AGENT_UID}\n")));
    }

    #[test]
    fn the_agent_is_never_the_runner() {
        for runner in [0, 1000, agent_uid(0, 7), AGENT_UID + AGENT_UIDS] {
            assert_ne!(agent_uid(runner, 7), runner);
        }
    }

    #[test]
    fn an_agent_has_a_user_of_its_own_and_keeps_it() {
        let uids: BTreeSet<u32> = (0..AGENT_UIDS).map(|it| agent_uid(1000, it)).collect();
        assert_eq!(uids.len(), AGENT_UIDS as usize);
        assert_eq!(uids.range(AGENT_UID..AGENT_UID + AGENT_UIDS).count(), uids.len());
    }

    #[test]
    fn the_agent_whose_user_the_runner_has_gets_the_spare_one() {
        assert_eq!(agent_uid(AGENT_UID + 7, 7), AGENT_UID + AGENT_UIDS);
    }
}
