//! Ways out of a container, tried by its agent.

use crate::rig::Rig;

/// In none of them may the list be cut short.
const ATTEMPTS_MIN: usize = 140;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_does_not_get_out_of_its_container() {
    let rig = Rig::start().await;
    let out = rig.run(&["selftest", "--escape", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|err| panic!("{err}: {}", String::from_utf8_lossy(&out.stderr)));
    let attempts = report["attempts"].as_array().unwrap();
    let broken: Vec<_> = attempts.iter().filter(|it| it["held"] != true).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(ATTEMPTS_MIN <= attempts.len(), "{}", attempts.len());
    assert!(out.status.success());
}
