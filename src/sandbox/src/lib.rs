//! The container contract: one container per session, without a network.
//!
//! Callers say *what* should run ([`Spec`]) and ask what does ([`Observed`]); when to start and
//! stop is decided in `domain::session`. Every method ends within its own deadline, whatever the
//! engine does.

pub mod docker;
pub mod engine;
pub mod image;
pub mod link;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use domain::agent::Resources;
pub use domain::inside;
use domain::{AgentName, Incarnation, SessionId};
use tokio::io::{AsyncRead, AsyncWrite};

/// What a session's container is made of. Everything in it may be seen by the agent: no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    pub job: Job,
    pub agent: AgentName,
    /// See [`domain::agent::AgentGroup::number`].
    pub agent_number: u32,
    pub session: SessionId,
    pub incarnation: Incarnation,
    pub image: String,
    pub resources: Resources,
    pub mounts: Mounts,
    pub env: BTreeMap<String, String>,
    /// Changes whenever the agent's settings do; kept as a label, so that a container with old
    /// settings is recognised after a restart of the host.
    pub fingerprint: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// The runner, which starts the agent's programs.
    Run,
    /// See [`Sandbox::open_up`].
    OpenUp,
}

/// Host folders of one session. All exist and belong to the runner's user before the start; what the
/// agent works in is shared with the runner's group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounts {
    /// Read-only at [`inside::IN`]: `inbound.db`.
    pub inbound: PathBuf,
    /// Writable at [`inside::OUT`]: `outbound.db` and files to send.
    pub outbound: PathBuf,
    /// Read-only at [`inside::FILES`]: received files.
    pub files: PathBuf,
    /// Writable at [`inside::WORKSPACE`]: the agent group's folder, shared by its sessions.
    pub workspace: PathBuf,
    /// Writable at [`inside::HOME`]: what the agent CLI keeps, one per session.
    pub home: PathBuf,
    /// Read-only at [`inside::LINK`]: holds the socket of this incarnation.
    pub link: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    Absent,
    Running {
        incarnation: Incarnation,
        fingerprint: String,
    },
    /// It exited and was not removed yet.
    Exited {
        incarnation: Incarnation,
        code: i64,
        out_of_memory: bool,
    },
}

/// A duplex byte stream between the runner and the host.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The host's end of the link into one incarnation. Which carrier it is depends on the engine: a
/// unix socket where host and container share a kernel, an exec stream elsewhere.
#[async_trait]
pub trait Carrier: fmt::Debug + Send {
    /// Waits for the runner to open a stream. An error means that the carrier is dead and must be
    /// opened again.
    async fn accept(&mut self) -> std::io::Result<Box<dyn Stream>>;
}

#[async_trait]
pub trait Sandbox: fmt::Debug + Send + Sync {
    async fn inspect(&self, session: SessionId) -> Result<Observed, SandboxError>;

    /// Starts a container and returns once it runs *and* its effective isolation was inspected and
    /// found as strong as asked; a weaker one is removed again.
    async fn start(&self, spec: &Spec) -> Result<(), SandboxError>;

    /// Opens what the agent closed to its group in its workspace and its home, so that a host without
    /// root can read and remove it. Done as the agent, in a container of its own with the same mounts
    /// ([`Job::OpenUp`]): there, a link that the agent puts in the way leads to nothing else.
    async fn open_up(&self, spec: &Spec) -> Result<(), SandboxError>;

    /// Asks the container to finish, kills it after a grace time, removes it. Stopping an absent
    /// container succeeds.
    async fn stop(&self, session: SessionId) -> Result<(), SandboxError>;

    /// Takes the processor away from everything in the container, at once. Freezing one that does not
    /// run succeeds.
    async fn freeze(&self, session: SessionId) -> Result<(), SandboxError>;

    /// Kills everything in the container without a grace, frozen or not, and removes it. Killing an
    /// absent container succeeds.
    async fn kill(&self, session: SessionId) -> Result<(), SandboxError>;

    /// Returns when the session's container is not running (any more). The one method that may
    /// take for ever; an error means the engine was lost.
    async fn exited(&self, session: SessionId) -> Result<(), SandboxError>;

    /// The last lines that a container printed, at most 2 KiB, without control characters.
    async fn tail(&self, session: SessionId) -> Result<String, SandboxError>;

    /// Every container of this install, running or not.
    async fn list(&self) -> Result<Vec<SessionId>, SandboxError>;

    /// Opens the host's end of the link of one incarnation. Before the container starts, and again
    /// for a running one after a restart of the host.
    async fn link(&self, mounts: &Mounts) -> Result<Box<dyn Carrier>, SandboxError>;
}

/// Sorted by what the caller must do.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Wait and try again; nothing is wrong with the session.
    #[error("the container engine does not answer")]
    Unreachable(#[source] Cause),
    /// Tell the user to build it.
    #[error(
        "there is no image `{0}`; `nanoclaw image build` makes the usual one, which \
         `nanoclaw agents set AGENT --image ''` takes"
    )]
    ImageMissing(String),
    /// Never use that container.
    #[error("the container would be less isolated than asked: {0}")]
    Weak(String),
    /// Back off and try again.
    #[error("could not {op}")]
    Failed {
        op: &'static str,
        #[source]
        source: Cause,
    },
}

pub type Cause = Box<dyn std::error::Error + Send + Sync>;
