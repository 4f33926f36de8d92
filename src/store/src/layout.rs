//! Where things lie in the data directory. The only place that knows the names.
//!
//! ```text
//! <home>/central.db         everything that decides
//! <home>/vault.key          opens the secrets in central.db
//! <home>/run/               sockets and the lock of the running host
//! <home>/logs/              what host and setup wrote
//! <home>/cache/             downloads that can be had again
//! <home>/agents/<name>/     workspace and memory of an agent group
//! <home>/sessions/<id>/     in/ out/ home/ link/ sending/ quarantine/ of a session
//! ```

use std::path::{Path, PathBuf};

use domain::{AgentName, Incarnation, SessionId};

/// The paths below one data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    home: PathBuf,
}

impl Layout {
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into() }
    }

    pub fn home(&self) -> &Path {
        &self.home
    }

    pub fn central(&self) -> PathBuf {
        self.home.join("central.db")
    }

    pub fn vault_key(&self) -> PathBuf {
        self.home.join("vault.key")
    }

    pub fn run(&self) -> PathBuf {
        self.home.join("run")
    }

    /// Held locked by the running host; holds its pid for the reader.
    pub fn lock(&self) -> PathBuf {
        self.run().join("host.lock")
    }

    pub fn admin_socket(&self) -> PathBuf {
        self.run().join("admin.sock")
    }

    pub fn cli_socket(&self) -> PathBuf {
        self.run().join("cli.sock")
    }

    pub fn logs(&self) -> PathBuf {
        self.home.join("logs")
    }

    pub fn host_log(&self) -> PathBuf {
        self.logs().join("host.log")
    }

    pub fn cache(&self) -> PathBuf {
        self.home.join("cache")
    }

    pub fn workspace(&self, agent: &AgentName) -> PathBuf {
        self.home.join("agents").join(agent.as_str())
    }

    pub fn sessions(&self) -> PathBuf {
        self.home.join("sessions")
    }

    pub fn session(&self, session: SessionId) -> SessionLayout {
        SessionLayout { root: self.sessions().join(session.to_string()) }
    }
}

/// The paths of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLayout {
    root: PathBuf,
}

impl SessionLayout {
    /// Mounted read-only.
    pub fn inbound_dir(&self) -> PathBuf {
        self.root.join("in")
    }

    /// Mounted writable.
    pub fn outbound_dir(&self) -> PathBuf {
        self.root.join("out")
    }

    pub fn inbound(&self) -> PathBuf {
        self.inbound_dir().join(INBOUND)
    }

    pub fn outbound(&self) -> PathBuf {
        self.outbound_dir().join(OUTBOUND)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Files that came with messages; within [`Self::inbound_dir`].
    pub fn files_in(&self) -> PathBuf {
        self.inbound_dir().join(FILES)
    }

    /// Copies of files that are being sent; only the host writes there.
    pub fn sending(&self) -> PathBuf {
        self.root.join("sending")
    }

    /// The last database of the runner that was set aside, with what lay beside it. No container sees it.
    pub fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// What the agent's CLI keeps.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// One folder per incarnation, so that a socket belongs to exactly one container.
    pub fn link(&self, incarnation: Incarnation) -> PathBuf {
        self.links().join(incarnation.to_string())
    }

    /// All link folders.
    pub fn links(&self) -> PathBuf {
        self.root.join("link")
    }
}

/// File names within a session's folders; the runner knows the folders by their mounts.
pub const INBOUND: &str = "inbound.db";
pub const OUTBOUND: &str = "outbound.db";
pub const FILES: &str = "files";
