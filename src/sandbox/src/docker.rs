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
mod output;
mod plan;
mod removal;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bollard::Docker;
use bollard::errors::Error;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters as q;
use domain::SessionId;
use futures_util::StreamExt;
use tracing::warn;

use crate::engine::{ASK_MAX, Engine, failed, status, within};
use crate::link::UnixCarrier;
use crate::{Carrier, Job, Mounts, Observed, Sandbox, SandboxError, Spec};

pub use isolation::check_isolation;

/// How long a container may take to start. It takes 0.2 s; a machine that is swapping needs more.
const START_MAX: Duration = Duration::from_secs(60);

/// How long it may take to open a workspace with very many files.
const OPEN_UP_MAX: Duration = Duration::from_secs(300);

/// How many lines of output [`Sandbox::tail`] asks for; it keeps the last 2 KiB of them.
const TAIL_LINES: &str = "50";

/// Says which engine, and for whom.
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

/// Runs containers on a local Docker engine.
#[derive(Debug)]
pub struct DockerSandbox {
    options: DockerOptions,
    engine: Engine,
}

impl DockerSandbox {
    /// Does not connect yet; see [`Engine`].
    #[must_use]
    pub fn new(options: DockerOptions) -> Self {
        let engine = Engine::new(options.socket.clone());
        Self { options, engine }
    }

    /// The engine that the containers run on.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn name(&self, session: SessionId) -> String {
        plan::container_name(&self.options.install, session, Job::Run)
    }

    /// Refuses a container that is weaker than asked. `op` is part of the message when the engine
    /// refuses to say.
    async fn verify(&self, docker: &Docker, name: &str, spec: &Spec) -> Result<(), SandboxError> {
        let seen = within(ASK_MAX, docker.inspect_container(name, None))
            .await
            .map_err(failed("inspect the container"))?;
        check_isolation(&seen, spec, self.options.user).map_err(SandboxError::Weak)
    }

    /// Checks, starts and checks again: the first check keeps a weak container from running at all,
    /// the second sees what the engine made of it.
    async fn run(&self, docker: &Docker, name: &str, spec: &Spec) -> Result<(), SandboxError> {
        self.verify(docker, name, spec).await?;
        within(START_MAX, docker.start_container(name, None))
            .await
            .map_err(failed("start the container"))?;
        self.verify(docker, name, spec).await
    }
}

#[async_trait]
impl Sandbox for DockerSandbox {
    async fn inspect(&self, session: SessionId) -> Result<Observed, SandboxError> {
        let docker = self.engine.client().await?;
        match within(ASK_MAX, docker.inspect_container(&self.name(session), None)).await {
            Ok(seen) => Ok(plan::observed(&seen)),
            Err(err) if status(&err) == Some(404) => Ok(Observed::Absent),
            Err(err) => Err(failed("inspect the container")(err)),
        }
    }

    async fn start(&self, spec: &Spec) -> Result<(), SandboxError> {
        let mounts = mounts::resolved(self.options.root.clone(), spec.mounts.clone()).await?;
        let spec = &Spec { mounts, ..spec.clone() };
        let docker = self.engine.client().await?;
        let name = plan::container_name(&self.options.install, spec.session, spec.job);
        create(docker, &name, plan::body(&self.options, spec), &spec.image).await?;
        let started = self.run(docker, &name, spec).await;
        if started.is_err()
            && let Err(err) = removal::remove(docker, &name).await
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
        removal::remove(docker, &name).await?;
        ended.map_err(failed("open the agent's files to the host"))
    }

    async fn stop(&self, session: SessionId) -> Result<(), SandboxError> {
        let docker = self.engine.client().await?;
        let name = self.name(session);
        removal::ask_to_finish(docker, &name).await;
        removal::remove(docker, &name).await
    }

    async fn freeze(&self, session: SessionId) -> Result<(), SandboxError> {
        removal::freeze(self.engine.client().await?, &self.name(session)).await
    }

    async fn kill(&self, session: SessionId) -> Result<(), SandboxError> {
        let docker = self.engine.client().await?;
        let name = self.name(session);
        removal::kill(docker, &name).await;
        removal::remove(docker, &name).await
    }

    async fn exited(&self, session: SessionId) -> Result<(), SandboxError> {
        let docker = self.engine.client().await?;
        ended(docker, &self.name(session)).await.map_err(failed("wait for the container"))
    }

    async fn tail(&self, session: SessionId) -> Result<String, SandboxError> {
        let docker = self.engine.client().await?;
        let options =
            q::LogsOptionsBuilder::new().stdout(true).stderr(true).tail(TAIL_LINES).build();
        let name = self.name(session);
        let read = output::collect(docker.logs(&name, Some(options)));
        match within(ASK_MAX, read).await {
            Err(err) if status(&err) == Some(404) => Ok(String::new()),
            other => other.map_err(failed("read the container's output")),
        }
    }

    async fn list(&self) -> Result<Vec<SessionId>, SandboxError> {
        let docker = self.engine.client().await?;
        let options = plan::list_options(&self.options.install);
        let found = within(ASK_MAX, docker.list_containers(Some(options)))
            .await
            .map_err(failed("list the containers"))?;
        let session = |labels: &std::collections::HashMap<_, String>| {
            SessionId::parse(labels.get(plan::LABEL_SESSION)?)
        };
        Ok(found.iter().filter_map(|it| session(it.labels.as_ref()?)).collect())
    }

    async fn link(&self, mounts: &Mounts) -> Result<Box<dyn Carrier>, SandboxError> {
        let opened = UnixCarrier::open(&mounts.link);
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
    let attempt = || {
        let options = q::CreateContainerOptionsBuilder::new().name(name).build();
        within(START_MAX, docker.create_container(Some(options), body.clone()))
    };
    let mut created = attempt().await;
    if created.as_ref().is_err_and(|err| status(err) == Some(409)) {
        removal::remove(docker, name).await?;
        created = attempt().await;
    }
    match created {
        Ok(_) => Ok(()),
        Err(err) if status(&err) == Some(404) => Err(SandboxError::ImageMissing(image.to_owned())),
        Err(err) => Err(failed("create the container")(err)),
    }
}
