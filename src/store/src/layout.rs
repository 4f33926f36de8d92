//! Where things lie in the data directory. The only place that knows the names.
//!
//! ```text
//! <home>/central.db         everything that decides
//! <home>/vault.key          opens the secrets in central.db
//! <home>/run/               sockets and the lock of the running host
//! <home>/logs/              what host and setup wrote
//! <home>/cache/             downloads that can be had again
//! <home>/agents/<name>/     workspace and memory of an agent group
//! <home>/channels/<channel>/<account>/
//!                           kept/ ratchet/ of an account's adapter
//! <home>/sessions/<id>/     in/ out/ home/ link/ sending/ quarantine/ of a session
//! ```

use std::path::{Path, PathBuf};

use domain::{AgentName, Incarnation, SessionId};

/// File names within a session's folders; the runner knows the folders by their mounts.
pub const INBOUND: &str = "inbound.db";
pub const OUTBOUND: &str = "outbound.db";
pub const FILES: &str = "files";
/// What an account's adapter keeps in files: part of backups, and in none.
pub const KEPT: &str = "kept";
pub const RATCHET: &str = "ratchet";

/// Methods that say where something below a folder is.
macro_rules! paths {
    ($($(#[$doc:meta])* $name:ident: $path:expr,)+) => { $(
        $(#[$doc])*
        pub fn $name(&self) -> PathBuf {
            self.0.join($path)
        }
    )+ };
}

/// The paths below one data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout(PathBuf);

impl Layout {
    paths! {
        central: "central.db",
        vault_key: "vault.key",
        run: "run",
        /// Held locked by the running host; holds its pid for the reader.
        lock: "run/host.lock",
        admin_socket: "run/admin.sock",
        cli_socket: "run/cli.sock",
        logs: "logs",
        host_log: "logs/host.log",
        cache: "cache",
        sessions: "sessions",
        channels: "channels",
        /// Keys and certificates of the webhook door; in no backup.
        door: "door",
    }

    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self(home.into())
    }

    pub fn home(&self) -> &Path {
        &self.0
    }

    pub fn workspace(&self, agent: &AgentName) -> PathBuf {
        self.0.join("agents").join(agent.as_str())
    }

    /// The folders of an account's adapter: [`KEPT`] and [`RATCHET`].
    pub fn account(&self, channel: &str, account: &str) -> PathBuf {
        self.channels().join(channel).join(account)
    }

    pub fn session(&self, session: SessionId) -> SessionLayout {
        SessionLayout(self.sessions().join(session.to_string()))
    }
}

/// The paths of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLayout(PathBuf);

impl SessionLayout {
    paths! {
        /// Mounted read-only.
        inbound_dir: "in",
        inbound: Path::new("in").join(INBOUND),
        /// Files that came with messages.
        files_in: Path::new("in").join(FILES),
        /// Mounted writable.
        outbound_dir: "out",
        outbound: Path::new("out").join(OUTBOUND),
        /// Copies of files that are being sent; only the host writes there.
        sending: "sending",
        /// The last database of the runner that was set aside, with what lay beside it. No container
        /// sees it.
        quarantine: "quarantine",
        /// What the agent's CLI keeps.
        home: "home",
        /// All link folders.
        links: "link",
    }

    pub fn root(&self) -> &Path {
        &self.0
    }

    /// One folder per incarnation, so that a socket belongs to exactly one container.
    pub fn link(&self, incarnation: Incarnation) -> PathBuf {
        self.links().join(incarnation.to_string())
    }
}
