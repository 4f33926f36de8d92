//! One install with one session on the real engine, and an image that runs any shell script.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;

use bollard::Docker;
use bollard::query_parameters as q;
use domain::agent::Resources;
use domain::{AgentName, Incarnation, SessionId};
use futures_util::FutureExt;
use sandbox::docker::{DockerOptions, DockerSandbox};
use sandbox::engine::Engine;
use sandbox::image::base;
use sandbox::image::{self, Base, Context};
use sandbox::{Job, Mounts, Sandbox, Spec};
use tokio::sync::OnceCell;

/// Waits for its end without a child, so that a signal is handled at once.
pub(crate) const IDLE: &str = "trap 'exit 0' TERM; sleep 600 & wait";

pub(crate) struct Rig {
    pub(crate) install: String,
    pub(crate) sandbox: DockerSandbox,
    pub(crate) spec: Spec,
    folder: tempfile::TempDir,
}

/// Runs a test and removes its containers, also when it fails.
pub(crate) async fn with_rig<F: Future<Output = ()>>(test: impl FnOnce(Arc<Rig>) -> F) {
    let rig = Arc::new(Rig::new().await);
    let outcome = AssertUnwindSafe(test(rig.clone())).catch_unwind().await;
    for session in rig.sandbox.list().await.unwrap() {
        rig.sandbox.stop(session).await.unwrap();
    }
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

impl Rig {
    async fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("rig").tempdir().unwrap();
        let install = folder.path().file_name().unwrap().to_string_lossy().into_owned();
        let spec = spec(&folder, image("entry", "").await);
        Self { sandbox: DockerSandbox::new(options(&install)), install, spec, folder }
    }

    /// The session's spec with a script to run.
    pub(crate) fn runs(&self, script: &str) -> Spec {
        let mut spec = self.spec.clone();
        spec.env.insert("SCRIPT".to_owned(), script.to_owned());
        spec
    }

    /// A path that belongs to this test alone.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

pub(crate) fn options(install: &str) -> DockerOptions {
    let root = std::env::temp_dir();
    DockerOptions { install: install.to_owned(), user: user(), root, socket: None }
}

/// Root's tests run containers as somebody else; all others as themselves.
fn user() -> (u32, u32) {
    match (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()) {
        (0, _) => (1000, 1000),
        own => own,
    }
}

fn spec(folder: &tempfile::TempDir, image: String) -> Spec {
    let (uid, gid) = user();
    let make = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir(&path).unwrap();
        chown(&path, Some(uid), Some(gid)).unwrap();
        let shared = matches!(name, "workspace" | "home");
        let mode = if shared { 0o2770 } else { 0o700 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    Spec {
        job: Job::Run,
        agent_number: 7,
        agent: AgentName::parse("andy").unwrap(),
        session: SessionId(1),
        incarnation: Incarnation(1),
        image,
        resources: Resources { memory_mib: 64, cpu_milli: 1500, pids: 64, disk_gib: 1 },
        mounts: Mounts {
            inbound: make("in"),
            outbound: make("out"),
            files: make("files"),
            workspace: make("workspace"),
            home: make("home"),
            link: make("link"),
        },
        env: BTreeMap::from([("SCRIPT".to_owned(), IDLE.to_owned())]),
        fingerprint: "print".to_owned(),
    }
}

/// The base, looked for (or made) once per test run.
pub(crate) async fn the_base() -> &'static Base {
    static BASE: OnceCell<Base> = OnceCell::const_new();
    BASE.get_or_init(|| async {
        let cache = std::env::temp_dir();
        base::ensure(&Engine::new(None), None, &[], &cache, &mut |_| ()).await.unwrap()
    })
    .await
}

/// An image that runs `$SCRIPT`, with further lines in its Dockerfile. The engine caches its layers.
pub(crate) async fn image(name: &str, lines: &str) -> String {
    let base = the_base().await;
    let tag = format!("nanoclaw-sandbox-test:{name}");
    let mkdir = "RUN mkdir -p /nanoclaw/in /nanoclaw/out /nanoclaw/files /nanoclaw/link \
                 /workspace /home/agent";
    let runner = r#"RUN printf '#!/bin/sh\neval "$SCRIPT"\n' >/usr/local/bin/agent-runner \
                    && chmod 755 /usr/local/bin/agent-runner"#;
    let context = Context::new(&format!("FROM {}\n{mkdir}\n{runner}\n{lines}\n", base.name));
    let (engine, args) = (Engine::new(None), HashMap::new());
    image::build_context(&engine, context, &tag, &args, "none", &mut |_| ()).await.unwrap();
    tag
}

/// Removes an image that only one test needed.
pub(crate) async fn forget(image: &str) {
    let docker = Docker::connect_with_local_defaults().unwrap();
    let docker = docker.negotiate_version().await.unwrap();
    let forced = q::RemoveImageOptionsBuilder::new().force(true).build();
    docker.remove_image(image, Some(forced), None).await.unwrap();
}
