//! Where things are inside a container. The host mounts them there, the runner relies on it.

/// Read-only: the inbound database and received files.
pub const IN: &str = "/nanoclaw/in";
/// Writable: the outbound database and files to send.
pub const OUT: &str = "/nanoclaw/out";
/// Read-only: the folder of the link's socket.
pub const LINK: &str = "/nanoclaw/link";
/// The socket's name within [`LINK`].
pub const SOCKET: &str = "link.sock";
/// Writable: the agent group's folder, shared by its sessions.
pub const WORKSPACE: &str = "/workspace";
/// Writable: what the agent's CLI keeps, one per session.
pub const HOME: &str = "/home/agent";
/// Where the image keeps the Claude Code CLI.
pub const CLAUDE: &str = "/usr/local/bin/claude";
