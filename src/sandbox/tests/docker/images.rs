//! Images built on the real engine, from the project's own Dockerfile.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use domain::SessionId;
use sandbox::Sandbox;
use sandbox::engine::Engine;
use sandbox::image::runner::{self, RunnerInputs};
use sandbox::image::{self, Context, ImageError, ImageInputs, cli};

use crate::support::{Rig, forget, options, the_base, with_rig};

const DOCKERFILE: &str = include_str!("../../../../container/Dockerfile");

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

async fn inputs(rig: &Rig, cache: PathBuf, runner: &str) -> ImageInputs {
    let binary = rig.path("runner");
    write_program(&binary, runner);
    ImageInputs {
        dockerfile: DOCKERFILE.to_owned(),
        base_image: Some(the_base().await.name.clone()),
        cache,
        runner: RunnerInputs {
            binary,
            workspace: rig.path("sources"),
            builder_dockerfile: String::new(),
        },
        with_node: false,
        with_browser: false,
    }
}

/// Runs the image once as a session's container, removes it, and returns what it printed.
async fn printed_by(rig: &Rig, image: &str) -> String {
    let mut spec = rig.spec.clone();
    spec.image = image.to_owned();
    spec.resources.memory_mib = 512;
    rig.sandbox.start(&spec).await.unwrap();
    rig.sandbox.exited(SessionId(1)).await.unwrap();
    let printed = rig.sandbox.tail(SessionId(1)).await.unwrap();
    rig.sandbox.stop(SessionId(1)).await.unwrap();
    forget(image).await;
    printed
}

#[tokio::test]
async fn the_agent_image_is_built_once_and_runs_the_runner() {
    with_rig(|rig| async move {
        let engine = Engine::new(None);
        let runner = "#!/bin/sh\nclaude; id -u; rg --version >/dev/null && echo tools\n";
        let inputs = inputs(&rig, rig.path("cache"), runner).await;
        // A stand-in for 380 MB: the cache is trusted.
        fs::create_dir(&inputs.cache).unwrap();
        let architecture = engine.info().await.unwrap().architecture;
        let cli = cli::place(&architecture, &inputs.cache).unwrap();
        write_program(&cli.path, "#!/bin/sh\necho claude \"$DISABLE_AUTOUPDATER\"\n");
        let mut lines = Vec::new();
        let mut hear = |line: &str| lines.push(line.to_owned());
        let tag = image::build(&engine, &inputs, &mut hear).await.unwrap();
        let count = lines.len();
        let mut hear = |line: &str| lines.push(line.to_owned());
        assert_eq!(image::build(&engine, &inputs, &mut hear).await.unwrap(), tag);
        assert_eq!(lines.len(), count, "built again");

        let uid = options("").user.0;
        assert_eq!(printed_by(&rig, &tag).await, format!("claude 1\n{uid}\ntools"));
    })
    .await;
}

#[tokio::test]
async fn a_runner_is_built_in_a_container_and_taken_out() {
    with_rig(|rig| async move {
        let mut inputs = inputs(&rig, rig.path("cache"), "").await.runner;
        fs::create_dir(&inputs.workspace).unwrap();
        fs::write(inputs.workspace.join("Cargo.toml"), "source").unwrap();
        fs::write(inputs.workspace.join("secret"), "not sent").unwrap();
        // A stand-in for the compiler.
        let compile = "cat /w/* | sed s/source/program/ >/agent-runner";
        let base = &the_base().await.name;
        inputs.builder_dockerfile = format!("FROM {base}\nCOPY workspace /w\nRUN {compile}\n");
        let engine = Engine::new(None);
        let cache = rig.path("cache");
        let built = runner::build(&engine, &inputs, &cache, &mut |_| ()).await.unwrap();
        assert_eq!(fs::read_to_string(&built).unwrap(), "program");
        let again = runner::build(&engine, &inputs, &cache, &mut |_| panic!("built again")).await;
        assert_eq!(again.unwrap(), built);
        let name = built.file_name().unwrap().to_string_lossy().into_owned();
        forget(&name.replace("agent-runner-", "nanoclaw-runner:")).await;
    })
    .await;
}

/// Also the check that the pinned hash and the package's layout are still right.
#[tokio::test]
#[ignore = "downloads 175 MB"]
async fn the_real_cli_runs_in_the_image() {
    with_rig(|rig| async move {
        let inputs = inputs(&rig, rig.path("cache"), "#!/bin/sh\nexec claude --version\n").await;
        let tag = image::build(&Engine::new(None), &inputs, &mut |_| ()).await.unwrap();
        assert_eq!(printed_by(&rig, &tag).await, format!("{} (Claude Code)", cli::VERSION));
    })
    .await;
}

async fn build_badly(context: Context) -> Result<(), ImageError> {
    let (engine, args) = (Engine::new(None), HashMap::new());
    let tag = "nanoclaw-sandbox-test:bad";
    image::build_context(&engine, context, tag, &args, "none", &mut |_| ()).await
}

#[tokio::test]
async fn a_failed_step_says_why() {
    let context =
        Context::new(&format!("FROM {}\nRUN echo reason && exit 7\n", the_base().await.name));
    let built = build_badly(context).await;
    let Err(ImageError::Step(why)) = built else { panic!("{built:?}") };
    assert!(why.contains("reason") && why.contains("code: 7"), "{why}");
}

#[tokio::test]
async fn a_file_that_is_missing_fails_the_build() {
    let context = Context::new("FROM scratch\nCOPY x /x\n").add("x", "/no/such/file".as_ref());
    let built = build_badly(context).await;
    assert!(built.is_err());
}
