//! [`DockerSandbox`]: the container contract on Docker's interface.
//!
//! Owns no state: the engine is the only memory, labels say whose a container is. So a second
//! instance with the same install id sees and continues everything the first one started.
//!
//! Invariants
//! - A container is inspected before its first instruction runs, and again once it runs; one that
//!   is weaker than asked is removed.
//! - At most one container per session: the name is the lock.
//! - Every call but [`Sandbox::exited`] ends within its deadline.

mod isolation;
mod mounts;
mod plan;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters as q;
use domain::SessionId;
use domain::plain::for_a_terminal;
use futures_util::{Stream, StreamExt, TryStreamExt};
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::engine::{ASK_MAX, Engine, asked, failed, found, status, within};
use crate::{Carrier, Job, Mounts, Observed, Sandbox, SandboxError, Spec, link};

pub use isolation::check_isolation;

/// How long a container may take to start. It takes 0.2 s; a machine that is swapping needs more.
const START_MAX: Duration = Duration::from_secs(60);

/// How long it may take to open a workspace with very many files.
const OPEN_UP_MAX: Duration = Duration::from_secs(300);

/// How long a container may take to finish: the runner needs 2 s at most to end a CLI
/// and commit. Whole seconds: the engine's unit.
const GRACE_SECONDS: i32 = 5;

/// The grace, and as much again for the engine to kill and to tell.
const ASK_TO_FINISH_MAX: Duration = Duration::from_secs(5 + 10);

/// How long killing and removing may take. It takes 0.1 s.
const REMOVE_MAX: Duration = Duration::from_secs(10);

/// How long a pause may take. It takes milliseconds.
const FREEZE_MAX: Duration = Duration::from_secs(5);

/// How often to look whether somebody else's removal is through.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How many lines of output [`Sandbox::tail`] asks for; it keeps the last [`KEPT`] bytes of them.
const TAIL_LINES: &str = "50";

/// Bytes of output that are kept: enough for a panic message, short enough for a chat.
const KEPT: usize = 2 * 1024;

#[derive(Clone, Debug)]
pub struct DockerOptions {
    /// Tells the containers of this install from those of another on the same engine. Letters,
    /// digits, `_`, `.`, `-`; part of container names, so keep it short.
    pub install: String,
    /// User and group id of the runner, and the owner of the mounted folders. Must not be root's:
    /// such containers are refused as weak. The agent's processes get the same group and
    /// [`domain::inside::agent_uid`].
    pub user: (u32, u32),
    /// The data directory. Nothing outside of it is ever shown to a container.
    pub root: PathBuf,
    /// Where the engine listens; `None` is the usual place.
    pub socket: Option<PathBuf>,
}

#[derive(Debug)]
pub struct DockerSandbox {
    options: DockerOptions,
    engine: Engine,
}

impl DockerSandbox {
    /// Does not connect yet; see [`Engine`].
    pub fn new(options: DockerOptions) -> Self {
        let engine = Engine::new(options.socket.clone());
        Self { options, engine }
    }

    async fn container(&self, session: SessionId) -> Result<(&Docker, String), SandboxError> {
        let name = plan::container_name(&self.options.install, session, Job::Run);
        Ok((self.engine.client().await?, name))
    }

    async fn verify(&self, docker: &Docker, name: &str, spec: &Spec) -> Result<(), SandboxError> {
        let inspected = docker.inspect_container(name, None);
        let seen = asked("inspect the container", ASK_MAX, inspected).await?;
        check_isolation(&seen, spec, self.options.user).map_err(SandboxError::Weak)
    }

    /// Checks, starts and checks again: the first check keeps a weak container from running at all,
    /// the second sees what the engine made of it.
    async fn run(&self, docker: &Docker, name: &str, spec: &Spec) -> Result<(), SandboxError> {
        self.verify(docker, name, spec).await?;
        asked("start the container", START_MAX, docker.start_container(name, None)).await?;
        self.verify(docker, name, spec).await
    }
}

#[async_trait]
impl Sandbox for DockerSandbox {
    async fn inspect(&self, session: SessionId) -> Result<Observed, SandboxError> {
        let (docker, name) = self.container(session).await?;
        let seen = within(ASK_MAX, docker.inspect_container(&name, None)).await;
        let seen = found("inspect the container", seen)?;
        Ok(seen.map_or(Observed::Absent, |it| plan::observed(&it)))
    }

    async fn start(&self, spec: &Spec) -> Result<(), SandboxError> {
        let mounts = mounts::resolved(self.options.root.clone(), spec.mounts.clone()).await?;
        let spec = &Spec { mounts, ..spec.clone() };
        let docker = self.engine.client().await?;
        let name = plan::container_name(&self.options.install, spec.session, spec.job);
        create(docker, &name, plan::body(&self.options, spec), &spec.image).await?;
        let started = self.run(docker, &name, spec).await;
        if started.is_err()
            && let Err(err) = remove(docker, &name).await
        {
            warn!(%name, error = ?err, "a container that did not start is left for the next start");
        }
        started
    }

    async fn open_up(&self, spec: &Spec) -> Result<(), SandboxError> {
        let spec = Spec { job: Job::OpenUp, ..spec.clone() };
        self.start(&spec).await?;
        let docker = self.engine.client().await?;
        let name = plan::container_name(&self.options.install, spec.session, spec.job);
        let ended = within(OPEN_UP_MAX, ended(docker, &name)).await;
        remove(docker, &name).await?;
        ended.map_err(failed("open the agent's files to the host"))
    }

    async fn stop(&self, session: SessionId) -> Result<(), SandboxError> {
        let (docker, name) = self.container(session).await?;
        let options = q::StopContainerOptionsBuilder::new().t(GRACE_SECONDS).build();
        let stopped = within(ASK_TO_FINISH_MAX, docker.stop_container(&name, Some(options))).await;
        // What is still there is killed by the removal.
        if let Err(err) = stopped
            && status(&err) != Some(404)
        {
            debug!(%name, error = %err, "did not finish in time");
        }
        remove(docker, &name).await
    }

    async fn freeze(&self, session: SessionId) -> Result<(), SandboxError> {
        let (docker, name) = self.container(session).await?;
        match within(FREEZE_MAX, docker.pause_container(&name)).await {
            // It does not run, or is paused already.
            Err(err) if matches!(status(&err), Some(404 | 409)) => Ok(()),
            paused => paused.map_err(failed("freeze the container")),
        }
    }

    async fn kill(&self, session: SessionId) -> Result<(), SandboxError> {
        let (docker, name) = self.container(session).await?;
        remove(docker, &name).await
    }

    async fn exited(&self, session: SessionId) -> Result<(), SandboxError> {
        let (docker, name) = self.container(session).await?;
        ended(docker, &name).await.map_err(failed("wait for the container"))
    }

    async fn tail(&self, session: SessionId) -> Result<String, SandboxError> {
        let (docker, name) = self.container(session).await?;
        let options =
            q::LogsOptionsBuilder::new().stdout(true).stderr(true).tail(TAIL_LINES).build();
        let read = within(ASK_MAX, collect(docker.logs(&name, Some(options)))).await;
        Ok(found("read the container's output", read)?.unwrap_or_default())
    }

    async fn list(&self) -> Result<Vec<SessionId>, SandboxError> {
        let docker = self.engine.client().await?;
        let label = format!("{}={}", plan::LABEL_INSTALL, self.options.install);
        let filters = HashMap::from([("label", vec![label])]);
        let options = q::ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let listed = docker.list_containers(Some(options));
        let found = asked("list the containers", ASK_MAX, listed).await?;
        let session =
            |labels: &HashMap<_, String>| SessionId::parse(labels.get(plan::LABEL_SESSION)?);
        Ok(found.iter().filter_map(|it| session(it.labels.as_ref()?)).collect())
    }

    async fn link(&self, mounts: &Mounts) -> Result<Box<dyn Carrier>, SandboxError> {
        let opened = link::open(&mounts.link);
        let source = |err| SandboxError::Failed { op: "open the link", source: Box::new(err) };
        Ok(Box::new(opened.map_err(source)?))
    }
}

/// Returns when the container does not run (any more), whatever its exit code.
async fn ended(docker: &Docker, name: &str) -> Result<(), Error> {
    let not_running = q::WaitContainerOptionsBuilder::new().condition("not-running").build();
    let mut answer = Box::pin(docker.wait_container(name, Some(not_running)));
    match answer.next().await {
        // bollard makes an error of every exit code but zero.
        Some(Ok(_) | Err(Error::DockerContainerWaitError { .. })) => Ok(()),
        Some(Err(err)) if status(&err) == Some(404) => Ok(()),
        Some(Err(err)) => Err(err),
        // The engine hung up.
        None => Err(Error::RequestTimeoutError),
    }
}

/// Creates the container. Optimistic: a leftover of the same name is only looked for when it is in
/// the way.
async fn create(
    docker: &Docker,
    name: &str,
    body: ContainerCreateBody,
    image: &str,
) -> Result<(), SandboxError> {
    let options = Some(q::CreateContainerOptionsBuilder::new().name(name).build());
    let attempt = || within(START_MAX, docker.create_container(options.clone(), body.clone()));
    let mut created = attempt().await;
    if created.as_ref().is_err_and(|err| status(err) == Some(409)) {
        remove(docker, name).await?;
        created = attempt().await;
    }
    match created {
        Ok(_) => Ok(()),
        Err(err) if status(&err) == Some(404) => Err(SandboxError::ImageMissing(image.to_owned())),
        Err(err) => Err(failed("create the container")(err)),
    }
}

/// Kills what still runs, frozen or not, and removes it, with the volumes an image may have declared.
/// After it succeeded there is no container of that name.
async fn remove(docker: &Docker, name: &str) -> Result<(), SandboxError> {
    let options = q::RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    let removing = async {
        let removed = docker.remove_container(name, Some(options)).await;
        if removed.as_ref().is_err_and(|err| status(err) == Some(409)) {
            // Somebody else began to remove it; one of that name that comes then is another.
            loop {
                docker.inspect_container(name, None).await?;
                sleep(LOOK_AGAIN).await;
            }
        }
        removed
    };
    found("remove the container", within(REMOVE_MAX, removing).await).map(drop)
}

async fn collect(output: impl Stream<Item = Result<LogOutput, Error>>) -> Result<String, Error> {
    let keep = |mut kept: Vec<u8>, chunk: LogOutput| async move {
        kept.extend_from_slice(&chunk.into_bytes());
        // Four times the result: what is dropped later may be control characters.
        let surplus = kept.len().saturating_sub(4 * KEPT);
        kept.drain(..surplus);
        Ok(kept)
    };
    Ok(clean(&output.try_fold(Vec::new(), keep).await?))
}

/// Valid text of at most 2 KiB. A program's output may carry terminal escapes, which would act on
/// whatever shows it.
fn clean(bytes: &[u8]) -> String {
    end_of(&for_a_terminal(&String::from_utf8_lossy(bytes)), KEPT).trim().to_owned()
}

/// The last characters of a text, at most so many bytes.
pub(crate) fn end_of(text: &str, bytes_max: usize) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(bytes_max))..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_go() {
        assert_eq!(clean(b"a\x1b[31mred\x07\r\n\tb\x00\n"), "a[31mred\n\tb");
    }

    #[test]
    fn the_last_two_kibibytes_stay_whole_characters() {
        let long = clean("ä".repeat(3000).as_bytes());
        assert!(long.len() <= KEPT && long.chars().all(|c| c == 'ä'), "{}", long.len());
        assert!(clean(&[b'x', 0xff, b'y']).contains('y'));
    }
}
