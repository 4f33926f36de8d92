//! How long a start takes, against the same engine's barest container. Not part of a normal run:
//! figures mean nothing while other tests run. `cargo test -p sandbox --test docker -- --ignored`

use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters as q;
use domain::SessionId;
use sandbox::Sandbox;
use tokio::time::{Duration, Instant};

use crate::support::{IDLE, Rig, with_rig};

const ROUNDS: usize = 15;

async fn bare(rig: &Rig, docker: &Docker) -> Duration {
    let name = format!("{}-bare", rig.install);
    let body = ContainerCreateBody {
        image: Some(rig.spec.image.clone()),
        cmd: Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), IDLE.to_owned()]),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let begun = Instant::now();
    let named = q::CreateContainerOptionsBuilder::new().name(&name).build();
    docker.create_container(Some(named), body).await.unwrap();
    docker.start_container(&name, None).await.unwrap();
    let took = begun.elapsed();
    let forced = q::RemoveContainerOptionsBuilder::new().force(true).build();
    docker.remove_container(&name, Some(forced)).await.unwrap();
    took
}

async fn ours(rig: &Rig) -> Duration {
    let begun = Instant::now();
    rig.sandbox.start(&rig.spec).await.unwrap();
    let took = begun.elapsed();
    rig.sandbox.stop(SessionId(1)).await.unwrap();
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test]
#[ignore = "a measurement: needs a quiet machine"]
#[expect(clippy::print_stderr, reason = "the figures are what it is for")]
async fn a_start_costs_at_most_a_fifth_more_than_a_bare_one() {
    with_rig(|rig| async move {
        let docker = Docker::connect_with_local_defaults().unwrap();
        let docker = docker.negotiate_version().await.unwrap();
        let (mut theirs, mut own) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            theirs.push(bare(&rig, &docker).await);
            own.push(ours(&rig).await);
        }
        let (theirs, own) = (median(theirs), median(own));
        eprintln!("bare {theirs:?}, ours {own:?}");
        assert!(own < theirs * 6 / 5, "bare {theirs:?}, ours {own:?}");
    })
    .await;
}
