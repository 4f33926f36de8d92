//! The connection to the container engine, and what the engine says about itself.
//!
//! Invariants
//! - Nothing is asked of the engine before the first call, so an engine that is down at the start
//!   of the host is found again by whichever call comes first after it is back.
//! - A call that gets no answer is [`SandboxError::Unreachable`]; a call that was answered with a
//!   refusal never is.

use std::path::PathBuf;
use std::time::Duration;

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::SandboxError;

/// How long the engine may take to answer a question. It needs milliseconds; a loaded machine whose
/// disk stalls has been seen to need a second.
pub(crate) const ASK_MAX: Duration = Duration::from_secs(5);

/// How long bollard waits for the head of an answer. Longer than any of our own deadlines but the
/// image build's, whose head comes only after the engine has read the whole context.
const HEAD_MAX: Duration = Duration::from_secs(15 * 60);

/// One engine. Cheap to make: the connection is opened by the first call.
#[derive(Debug)]
pub struct Engine {
    socket: Option<PathBuf>,
    client: OnceCell<Docker>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// The engine's version, like `20.10.24`.
    pub version: String,
    /// Whether containers run on this very kernel, so that unix sockets and SQLite's shared memory
    /// work across a mount. `false` when in doubt.
    pub kernel_shared: bool,
    /// The processor, as the engine's kernel calls it: `x86_64`, `aarch64`.
    pub architecture: String,
    /// Processors and memory of the machine that containers run on, where the engine says so.
    pub cpus: Option<u32>,
    pub memory_mib: Option<u32>,
    /// Limits that this engine would silently ignore; empty is good.
    pub missing_limits: Vec<&'static str>,
}

impl Engine {
    /// `socket` is for tests and unusual installs; `None` is the place where the engine of this
    /// operating system listens (or the unix socket that `DOCKER_HOST` names).
    pub fn new(socket: Option<PathBuf>) -> Self {
        Self { socket, client: OnceCell::new() }
    }

    /// Fails with [`SandboxError::Unreachable`] when it does not answer within 5 s.
    pub async fn info(&self) -> Result<EngineInfo, SandboxError> {
        let info = asked("ask the container engine", ASK_MAX, self.client().await?.info()).await?;
        let limits = [
            (info.memory_limit, "memory"),
            (info.pids_limit, "pids"),
            (info.cpu_cfs_quota, "processor"),
        ];
        let here = rustix::system::uname().release().to_string_lossy().into_owned();
        let count = |it: Option<i64>| u32::try_from(it?).ok().filter(|it| *it != 0);
        Ok(EngineInfo {
            version: info.server_version.unwrap_or_default(),
            kernel_shared: same_kernel(info.kernel_version.as_deref(), &here),
            architecture: info.architecture.unwrap_or_default(),
            cpus: count(info.ncpu),
            memory_mib: count(info.mem_total.map(|it| it >> 20)),
            missing_limits: limits.iter().filter(|it| it.0 == Some(false)).map(|it| it.1).collect(),
        })
    }

    /// The client, its protocol version agreed on with the engine. Clients hold no connection, so
    /// one that was made stays good while the engine restarts.
    pub(crate) async fn client(&self) -> Result<&Docker, SandboxError> {
        let connected = self.client.get_or_try_init(|| async {
            let docker = match &self.socket {
                Some(path) => Docker::connect_with_local(
                    &path.to_string_lossy(),
                    HEAD_MAX.as_secs(),
                    API_DEFAULT_VERSION,
                )?,
                None => Docker::connect_with_local_defaults()?.with_timeout(HEAD_MAX),
            };
            within(ASK_MAX, docker.negotiate_version()).await
        });
        connected.await.map_err(failed("agree on a protocol with the container engine"))
    }
}

/// A virtual machine's kernel always differs from the host's in its release: the vendors build
/// their own. Only a unix socket can be used at all (no other transport is compiled in).
fn same_kernel(engine: Option<&str>, here: &str) -> bool {
    cfg!(target_os = "linux") && !here.is_empty() && engine == Some(here)
}

/// Bounds one call. A call that takes too long counts as one that was not answered.
pub(crate) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(limit, call).await.unwrap_or(Err(Error::RequestTimeoutError))
}

/// As [`within`], with the error sorted.
pub(crate) async fn asked<T>(
    op: &'static str,
    limit: Duration,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, SandboxError> {
    within(limit, call).await.map_err(failed(op))
}

/// The HTTP status of a refusal; `None` when there was no answer at all.
pub(crate) fn status(error: &Error) -> Option<u16> {
    let Error::DockerResponseServerError { status_code, .. } = error else { return None };
    Some(*status_code)
}

/// What the engine knows of a thing; `None` when it knows none of that name.
pub(crate) fn found<T>(
    op: &'static str,
    answer: Result<T, Error>,
) -> Result<Option<T>, SandboxError> {
    match answer {
        Err(err) if status(&err) == Some(404) => Ok(None),
        other => other.map(Some).map_err(failed(op)),
    }
}

/// Sorts an engine's error by what the caller must do.
pub(crate) fn failed(op: &'static str) -> impl Fn(Error) -> SandboxError {
    move |error| {
        let unreachable = matches!(
            error,
            Error::SocketNotFoundError(_)
                | Error::IOError { .. }
                | Error::HyperResponseError { .. }
                | Error::HyperLegacyError { .. }
                | Error::RequestTimeoutError
        );
        if unreachable {
            SandboxError::Unreachable(Box::new(error))
        } else {
            SandboxError::Failed { op, source: Box::new(error) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_shared_only_when_the_engine_names_ours() {
        assert!(same_kernel(Some("6.1.0-18"), "6.1.0-18"));
        assert!(!same_kernel(Some("6.6.16-linuxkit"), "6.1.0-18"));
        assert!(!same_kernel(None, "6.1.0-18"));
        assert!(!same_kernel(Some(""), ""));
    }

    #[test]
    fn a_refusal_is_no_outage() {
        let refusal =
            Error::DockerResponseServerError { status_code: 500, message: "no space".to_owned() };
        assert!(matches!(failed("x")(refusal), SandboxError::Failed { op: "x", .. }));
        assert!(matches!(failed("x")(Error::RequestTimeoutError), SandboxError::Unreachable(_)));
    }
}
