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
    #[must_use]
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into() }
    }

    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    #[must_use]
    pub fn central(&self) -> PathBuf {
        self.home.join("central.db")
    }

    #[must_use]
    pub fn vault_key(&self) -> PathBuf {
        self.home.join("vault.key")
    }

    #[must_use]
    pub fn run(&self) -> PathBuf {
        self.home.join("run")
    }

    /// Held locked by the running host; holds its pid for the reader.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.run().join("host.lock")
    }

    #[must_use]
    pub fn admin_socket(&self) -> PathBuf {
        self.run().join("admin.sock")
    }

    #[must_use]
    pub fn cli_socket(&self) -> PathBuf {
        self.run().join("cli.sock")
    }

    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.home.join("logs")
    }

    #[must_use]
    pub fn host_log(&self) -> PathBuf {
        self.logs().join("host.log")
    }

    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.home.join("cache")
    }

    #[must_use]
    pub fn workspace(&self, agent: &AgentName) -> PathBuf {
        self.home.join("agents").join(agent.as_str())
    }

    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.home.join("sessions")
    }

    #[must_use]
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
    #[must_use]
    pub fn inbound_dir(&self) -> PathBuf {
        self.root.join("in")
    }

    /// Mounted writable.
    #[must_use]
    pub fn outbound_dir(&self) -> PathBuf {
        self.root.join("out")
    }

    #[must_use]
    pub fn inbound(&self) -> PathBuf {
        self.inbound_dir().join(INBOUND)
    }

    #[must_use]
    pub fn outbound(&self) -> PathBuf {
        self.outbound_dir().join(OUTBOUND)
    }

    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Files that came with messages; within [`Self::inbound_dir`].
    #[must_use]
    pub fn files_in(&self) -> PathBuf {
        self.inbound_dir().join(FILES)
    }

    /// Copies of files that are being sent; only the host writes there.
    #[must_use]
    pub fn sending(&self) -> PathBuf {
        self.root.join("sending")
    }

    /// The last database of the runner that was set aside, with what lay beside it. No container sees it.
    #[must_use]
    pub fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// What the agent's CLI keeps.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// One folder per incarnation, so that a socket belongs to exactly one container.
    #[must_use]
    pub fn link(&self, incarnation: Incarnation) -> PathBuf {
        self.links().join(incarnation.to_string())
    }

    /// All link folders.
    #[must_use]
    pub fn links(&self) -> PathBuf {
        self.root.join("link")
    }
}

/// File names within a session's folders; the runner knows the folders by their mounts.
pub const INBOUND: &str = "inbound.db";
pub const OUTBOUND: &str = "outbound.db";
pub const FILES: &str = "files";
