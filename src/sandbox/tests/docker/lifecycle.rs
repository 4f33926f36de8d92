//! From start to removal.

use std::os::unix::fs::symlink;
use std::time::Duration;

use domain::{Incarnation, SessionId};
use sandbox::docker::{DockerOptions, DockerSandbox};
use sandbox::engine::Engine;
use sandbox::{Observed, Sandbox, SandboxError};
use tokio::time::{Instant, timeout};

use crate::support::{options, with_rig};

const SESSION: SessionId = SessionId(1);

fn running() -> Observed {
    Observed::Running { incarnation: Incarnation(1), fingerprint: "print".to_owned() }
}

#[tokio::test]
async fn a_container_is_seen_from_start_to_stop() {
    with_rig(|rig| async move {
        assert_eq!(rig.sandbox.inspect(SESSION).await.unwrap(), Observed::Absent);
        rig.sandbox.start(&rig.spec).await.unwrap();
        assert_eq!(rig.sandbox.inspect(SESSION).await.unwrap(), running());
        assert_eq!(rig.sandbox.list().await.unwrap(), [SESSION]);
        let asked = Instant::now();
        rig.sandbox.stop(SESSION).await.unwrap();
        assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
        assert_eq!(rig.sandbox.inspect(SESSION).await.unwrap(), Observed::Absent);
        rig.sandbox.stop(SESSION).await.unwrap();
        rig.sandbox.exited(SESSION).await.unwrap();
        assert_eq!(rig.sandbox.tail(SESSION).await.unwrap(), "");
    })
    .await;
}

#[tokio::test]
async fn a_new_host_of_the_same_install_adopts_and_another_does_not() {
    with_rig(|rig| async move {
        rig.sandbox.start(&rig.spec).await.unwrap();
        let successor = DockerSandbox::new(options(&rig.install));
        assert_eq!(successor.inspect(SESSION).await.unwrap(), running());
        let other = DockerSandbox::new(options(&format!("{}x", rig.install)));
        assert_eq!(other.inspect(SESSION).await.unwrap(), Observed::Absent);
        assert_eq!(other.list().await.unwrap(), []);
        other.stop(SESSION).await.unwrap();
        assert_eq!(successor.inspect(SESSION).await.unwrap(), running());
        successor.stop(SESSION).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_exit_is_noticed_and_leaves_code_and_last_words() {
    with_rig(|rig| async move {
        let spec = rig.runs("sleep 1; printf 'last \\033[1mwords\\n'; exit 3");
        rig.sandbox.start(&spec).await.unwrap();
        timeout(Duration::from_secs(10), rig.sandbox.exited(SESSION)).await.unwrap().unwrap();
        let exited =
            Observed::Exited { incarnation: Incarnation(1), code: 3, out_of_memory: false };
        assert_eq!(rig.sandbox.inspect(SESSION).await.unwrap(), exited);
        assert_eq!(rig.sandbox.tail(SESSION).await.unwrap(), "last [1mwords");
        assert_eq!(rig.sandbox.list().await.unwrap(), [SESSION]);
    })
    .await;
}

#[tokio::test]
async fn a_start_replaces_what_an_earlier_incarnation_left() {
    with_rig(|rig| async move {
        rig.sandbox.start(&rig.runs("exit 0")).await.unwrap();
        rig.sandbox.exited(SESSION).await.unwrap();
        let mut next = rig.spec.clone();
        next.incarnation = Incarnation(2);
        rig.sandbox.start(&next).await.unwrap();
        let seen = rig.sandbox.inspect(SESSION).await.unwrap();
        assert!(matches!(seen, Observed::Running { incarnation: Incarnation(2), .. }), "{seen:?}");
    })
    .await;
}

#[tokio::test]
async fn a_container_that_ignores_the_request_is_killed() {
    with_rig(|rig| async move {
        let spec = rig.runs("trap '' TERM; while :; do sleep 1; done");
        rig.sandbox.start(&spec).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let asked = Instant::now();
        rig.sandbox.stop(SESSION).await.unwrap();
        let took = asked.elapsed();
        assert!(took > Duration::from_secs(4) && took < Duration::from_secs(9), "{took:?}");
        assert_eq!(rig.sandbox.inspect(SESSION).await.unwrap(), Observed::Absent);
    })
    .await;
}

#[tokio::test]
async fn stops_at_the_same_time_both_succeed() {
    with_rig(|rig| async move {
        rig.sandbox.start(&rig.spec).await.unwrap();
        let waiting = rig.sandbox.exited(SESSION);
        let both = (rig.sandbox.stop(SESSION), rig.sandbox.stop(SESSION), waiting);
        let (one, two, exited) = tokio::join!(both.0, both.1, both.2);
        assert!(one.is_ok() && two.is_ok() && exited.is_ok(), "{one:?} {two:?} {exited:?}");
        assert_eq!(rig.sandbox.inspect(SESSION).await.unwrap(), Observed::Absent);
    })
    .await;
}

#[tokio::test]
async fn running_out_of_memory_is_told_apart() {
    with_rig(|rig| async move {
        let spec = rig.runs("exec python3 -c 'x = b\"x\" * (512 << 20)'");
        rig.sandbox.start(&spec).await.unwrap();
        rig.sandbox.exited(SESSION).await.unwrap();
        let seen = rig.sandbox.inspect(SESSION).await.unwrap();
        assert!(
            matches!(seen, Observed::Exited { code: 137, out_of_memory: true, .. }),
            "{seen:?}"
        );
    })
    .await;
}

/// What an agent closes to its group, a host without root can neither read nor remove.
#[tokio::test]
async fn what_the_agent_closed_is_opened_again_and_nothing_else() {
    with_rig(|rig| async move {
        let closing = "cd /workspace && mkdir -p a/b && echo x >a/b/c && ln -s /nanoclaw/in d \
                       && chmod 0 a/b/c a/b a && echo closed";
        let as_agent = format!("exec setpriv --reuid=$NANOCLAW_AGENT_UID sh -c '{closing}'");
        rig.sandbox.start(&rig.runs(&as_agent)).await.unwrap();
        rig.sandbox.exited(SESSION).await.unwrap();
        assert_eq!(rig.sandbox.tail(SESSION).await.unwrap(), "closed");
        let workspace = &rig.spec.mounts.workspace;
        let mode = |path: &std::path::Path| {
            std::os::unix::fs::MetadataExt::mode(&std::fs::symlink_metadata(path).unwrap()) & 0o777
        };
        assert_eq!(mode(&workspace.join("a")), 0);
        rig.sandbox.open_up(&rig.spec).await.unwrap();
        assert_eq!(mode(&workspace.join("a")), 0o770);
        assert_eq!(mode(&workspace.join("a/b")), 0o770);
        assert_eq!(mode(&workspace.join("a/b/c")), 0o660);
        assert_eq!(mode(&rig.spec.mounts.inbound), 0o700, "not behind a link");
        // The session's own container is another one, and still there.
        assert_eq!(rig.sandbox.list().await.unwrap(), [SESSION]);
    })
    .await;
}

#[tokio::test]
async fn a_missing_image_is_named_and_leaves_nothing() {
    with_rig(|rig| async move {
        let mut spec = rig.spec.clone();
        spec.image = "nanoclaw-sandbox-test:missing".to_owned();
        let refused = rig.sandbox.start(&spec).await;
        assert!(matches!(refused, Err(SandboxError::ImageMissing(name)) if name == spec.image));
        assert_eq!(rig.sandbox.list().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_missing_folder_is_a_failure_and_leaves_nothing() {
    with_rig(|rig| async move {
        let mut spec = rig.spec.clone();
        spec.mounts.home = rig.path("nowhere");
        let refused = rig.sandbox.start(&spec).await;
        assert!(matches!(refused, Err(SandboxError::Failed { .. })), "{refused:?}");
        assert_eq!(rig.sandbox.list().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn an_engine_that_is_down_is_unreachable_until_it_is_back() {
    with_rig(|rig| async move {
        let socket = rig.path("engine.sock");
        let options = DockerOptions { socket: Some(socket.clone()), ..options(&rig.install) };
        let sandbox = DockerSandbox::new(options);
        let lost = [
            sandbox.inspect(SESSION).await.err(),
            sandbox.start(&rig.spec).await.err(),
            sandbox.stop(SESSION).await.err(),
            sandbox.exited(SESSION).await.err(),
            sandbox.tail(SESSION).await.err(),
            sandbox.list().await.err(),
            Engine::new(Some(socket.clone())).info().await.err(),
        ];
        for err in lost {
            assert!(matches!(err, Some(SandboxError::Unreachable(_))), "{err:?}");
        }
        symlink("/var/run/docker.sock", &socket).unwrap();
        assert_eq!(sandbox.list().await.unwrap(), []);
        std::fs::remove_file(&socket).unwrap();
        assert!(matches!(sandbox.list().await, Err(SandboxError::Unreachable(_))));
    })
    .await;
}

#[tokio::test]
async fn an_engine_that_does_not_answer_is_unreachable_in_time() {
    with_rig(|rig| async move {
        let socket = rig.path("mute.sock");
        let _mute = tokio::net::UnixListener::bind(&socket).unwrap();
        let options = DockerOptions { socket: Some(socket), ..options(&rig.install) };
        let asked = DockerSandbox::new(options);
        let answer = timeout(Duration::from_secs(8), asked.inspect(SESSION)).await.unwrap();
        assert!(matches!(answer, Err(SandboxError::Unreachable(_))), "{answer:?}");
    })
    .await;
}

#[tokio::test]
async fn the_engine_describes_itself() {
    let info = Engine::new(None).info().await.unwrap();
    assert!(!info.version.is_empty() && !info.architecture.is_empty());
    assert_eq!(info.missing_limits, [""; 0]);
}
