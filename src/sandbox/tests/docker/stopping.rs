//! A stop that asks nobody: frozen at once, killed without a grace.

use std::fs;
use std::time::Duration;

use domain::SessionId;
use sandbox::{Observed, Sandbox};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{Rig, with_rig};

const SESSION: SessionId = SessionId(1);
/// Writes for as long as it has a processor, and ignores every request to end.
const BUSY: &str = "trap '' TERM INT HUP; while :; do echo . >>/workspace/beats; sleep 0.02; done";

fn beats(rig: &Rig) -> u64 {
    fs::metadata(rig.path("workspace/beats")).map_or(0, |it| it.len())
}

async fn busy(rig: &Rig) {
    rig.sandbox.start(&rig.runs(BUSY)).await.unwrap();
    let started = async {
        while beats(rig) < 10 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), started).await.unwrap();
}

#[tokio::test]
async fn what_is_frozen_does_nothing_more_and_is_killed_without_a_grace() {
    with_rig(|rig| async move {
        busy(&rig).await;
        rig.sandbox.freeze(SESSION).await.unwrap();
        let frozen_at = beats(&rig);
        sleep(Duration::from_millis(500)).await;
        assert_eq!(beats(&rig), frozen_at, "it went on");
        rig.sandbox.freeze(SESSION).await.unwrap();

        let asked = Instant::now();
        rig.sandbox.kill(SESSION).await.unwrap();
        // The grace of a polite stop is five seconds.
        assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
        assert_eq!(rig.sandbox.inspect(SESSION).await.unwrap(), Observed::Absent);
        // The engine signals the first process and thaws them all, so that another one may run for
        // an instant before the kernel kills it: a beat takes 20 ms.
        let dead_at = beats(&rig);
        assert!(dead_at < frozen_at + 10, "{frozen_at} to {dead_at}");
        sleep(Duration::from_millis(200)).await;
        assert_eq!(beats(&rig), dead_at, "it outlived its kill");
    })
    .await;
}

#[tokio::test]
async fn what_runs_is_killed_though_it_ignores_requests() {
    with_rig(|rig| async move {
        busy(&rig).await;
        rig.sandbox.kill(SESSION).await.unwrap();
        assert_eq!(rig.sandbox.inspect(SESSION).await.unwrap(), Observed::Absent);
        let dead_at = beats(&rig);
        sleep(Duration::from_millis(200)).await;
        assert_eq!(beats(&rig), dead_at);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_stopped_already() {
    with_rig(|rig| async move {
        rig.sandbox.freeze(SESSION).await.unwrap();
        rig.sandbox.kill(SESSION).await.unwrap();
        rig.sandbox.start(&rig.runs("exit 0")).await.unwrap();
        rig.sandbox.exited(SESSION).await.unwrap();
        rig.sandbox.freeze(SESSION).await.unwrap();
        rig.sandbox.kill(SESSION).await.unwrap();
        assert_eq!(rig.sandbox.inspect(SESSION).await.unwrap(), Observed::Absent);
    })
    .await;
}
