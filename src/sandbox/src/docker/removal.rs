//! Ending and removing a container, whatever else happens to it at the same time.
//!
//! Invariant: after [`remove`] succeeded there is no container of that name.

use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters as q;
use tokio::time::sleep;
use tracing::debug;

use crate::SandboxError;
use crate::engine::{ASK_MAX, failed, status, within};

/// How long a container may take to finish: the runner needs 2 s at most to end a CLI
/// and commit. Whole seconds: the engine's unit.
const GRACE_SECONDS: i32 = 5;

/// The grace, and as much again for the engine to kill and to tell.
const ASK_TO_FINISH_MAX: Duration = Duration::from_secs(5 + 10);

/// How long killing and removing may take. It takes 0.1 s.
const REMOVE_MAX: Duration = Duration::from_secs(10);

/// How long a signal or a pause may take. It takes milliseconds.
const KILL_MAX: Duration = Duration::from_secs(5);

/// How often to look whether somebody else's removal is through.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// SIGTERM, the grace, SIGKILL. Never fails: what is still there is killed by the removal.
pub(super) async fn ask_to_finish(docker: &Docker, name: &str) {
    let options = q::StopContainerOptionsBuilder::new().t(GRACE_SECONDS).build();
    let stopped = within(ASK_TO_FINISH_MAX, docker.stop_container(name, Some(options))).await;
    if let Err(err) = stopped
        && status(&err) != Some(404)
    {
        debug!(%name, error = %err, "did not finish in time");
    }
}

/// Pauses every process. One that does not run, or is paused already, is fine as it is.
pub(super) async fn freeze(docker: &Docker, name: &str) -> Result<(), SandboxError> {
    match within(KILL_MAX, docker.pause_container(name)).await {
        Err(err) if !matches!(status(&err), Some(404 | 409)) => {
            Err(failed("freeze the container")(err))
        }
        _ => Ok(()),
    }
}

/// SIGKILL to everything; the engine thaws what is paused for it. Never fails: what is still there
/// is killed by the removal.
pub(super) async fn kill(docker: &Docker, name: &str) {
    let options = q::KillContainerOptionsBuilder::new().signal("SIGKILL").build();
    if let Err(err) = within(KILL_MAX, docker.kill_container(name, Some(options))).await
        && !matches!(status(&err), Some(404 | 409))
    {
        debug!(%name, error = %err, "the signal did not get through");
    }
}

/// Kills what still runs and removes it, with the volumes an image may have declared.
pub(super) async fn remove(docker: &Docker, name: &str) -> Result<(), SandboxError> {
    let options = q::RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    match within(REMOVE_MAX, docker.remove_container(name, Some(options))).await {
        Ok(()) => Ok(()),
        Err(err) => match status(&err) {
            Some(404) => Ok(()),
            Some(409) => gone(docker, name).await,
            _ => Err(failed("remove the container")(err)),
        },
    }
}

/// Waits for a removal that somebody else began.
async fn gone(docker: &Docker, name: &str) -> Result<(), SandboxError> {
    let poll = async {
        loop {
            match docker.inspect_container(name, None).await {
                Ok(_) => sleep(LOOK_AGAIN).await,
                Err(err) if status(&err) == Some(404) => return Ok(()),
                Err(err) => return Err(err),
            }
        }
    };
    within(ASK_MAX, poll).await.map_err(failed("remove the container"))
}
