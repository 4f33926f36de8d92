//! `nanoclaw panic` on the real engine.

use std::time::Duration;

use domain::SessionId;
use sandbox::{Observed, Sandbox};
use tokio::time::sleep;

use crate::rig::Rig;

const S1: SessionId = SessionId(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_what_runs_holds_across_a_restart_and_is_taken_back() {
    let mut rig = Rig::start().await;
    let _ = rig.ask("terminal", "hello").await;
    let held = rig.say("terminal", "wait 60");
    rig.until_running(S1).await;
    sleep(Duration::from_secs(1)).await;

    let out = rig.run(&["panic", "--json"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(rig.engine().inspect(S1).await.unwrap(), Observed::Absent);
    let told = held.output().await;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("I was stopped"), "{told}");

    rig.kill_host();
    rig.start_host().await;
    let told = rig.ask("terminal", "are you there?").await;
    assert!(told.contains("your message waits"), "{told}");
    sleep(Duration::from_secs(3)).await;
    assert_eq!(rig.engine().inspect(S1).await.unwrap(), Observed::Absent);

    assert!(rig.run(&["resume", "--all"]).status.success());
    let out = rig.say("terminal", "and now?").output().await;
    let shown = [out.stderr, out.stdout].map(|it| String::from_utf8_lossy(&it).into_owned());
    let shown = shown.concat();
    assert!(shown.contains("are you there?") && shown.contains("and now?"), "{shown}");
}
