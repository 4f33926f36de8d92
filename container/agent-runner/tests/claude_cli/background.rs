//! Work that goes on after the turn that began it.

use harness::model_api::FakeModelApi;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::mpsc;

use super::seen::Both;
use super::support::Session;
use super::*;

#[tokio::test]
async fn a_background_task_that_ends_later_is_heard() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    api.next().calls_tool("Bash", json!({"command": "sleep 1; echo x", "run_in_background": true}));
    api.next().says("it runs");
    api.next().says("it is done");
    let config = config(&mut session);
    let _runner = session.start(config, link(&api));
    session.say("start it");
    assert_eq!(session.wait_for_said(2).await, ["answer: it runs", "interim: it is done"]);
}

#[tokio::test]
async fn a_background_task_reports_to_the_thread_that_asked_for_it() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    api.next().calls_tool("Bash", json!({"command": "sleep 4; echo x", "run_in_background": true}));
    for text in ["it runs", "hello ann", "it is done"] {
        api.next().says(text);
    }
    let config = config(&mut session);
    let _runner = session.start(config, link(&api));
    session.say_in("t-zoe", "start it");
    session.wait_for_said(1).await;
    session.say_in("t-ann", "hello");
    assert_eq!(
        session.wait_for_said(3).await,
        ["answer in t-zoe: it runs", "answer in t-ann: hello ann", "interim in t-zoe: it is done"]
    );
}

#[tokio::test]
async fn a_message_waits_for_the_end_of_a_report_to_another_thread() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    api.next().calls_tool("Bash", json!({"command": "sleep 1; echo x", "run_in_background": true}));
    api.next().says("it runs");
    // The report uses a tool, and a line that comes meanwhile would join its turn.
    api.next().calls_tool("Bash", json!({"command": "sleep 3; echo x"}));
    api.next().calls_tool("mcp__nanoclaw__send_message", json!({"text": "nearly"}));
    api.next().says("it is done");
    api.next().says("hello ann");
    let config = config(&mut session);
    let _runner = session.start(config, link(&api));
    session.say_in("t-zoe", "start it");
    session.wait_for_said(1).await;
    api.wait_for_requests(3).await;
    session.say_in("t-ann", "hello");
    assert_eq!(
        session.wait_for_said(4).await,
        [
            "answer in t-zoe: it runs",
            "interim in t-zoe: nearly",
            "interim in t-zoe: it is done",
            "answer in t-ann: hello ann",
        ]
    );
}

#[tokio::test]
async fn a_sub_agent_in_the_background_is_told_to_the_host_until_it_has_reported() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    let ask = json!({
        "description": "research", "prompt": "research", "subagent_type": "general-purpose",
        "run_in_background": true,
    });
    api.next().calls_tool("Agent", ask);
    let mut config = config(&mut session);
    config.notifications = true;
    let (sender, mut streams) = mpsc::unbounded_channel();
    let connect = Arc::new(Both(link(&api), sender));
    let _runner = session.start(config, connect);
    let mut host = BufReader::new(streams.recv().await.unwrap());
    session.say("research it");
    let mut heard = String::new();
    while !heard.contains("background-ended\n") {
        host.read_line(&mut heard).await.unwrap();
    }
    assert!(heard.contains("background\n"), "{heard}");
    assert!(2 <= session.wait_for_said(2).await.len());
}

#[tokio::test]
async fn all_that_came_during_a_report_is_answered_after_it() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    api.next().calls_tool("Bash", json!({"command": "sleep 1; echo x", "run_in_background": true}));
    api.next().says("it runs");
    api.next().calls_tool("Bash", json!({"command": "sleep 4; echo x"}));
    for text in ["it is done", "hello ann", "hi ann"] {
        api.next().says(text);
    }
    let config = config(&mut session);
    let _runner = session.start(config, link(&api));
    session.say_in("t-zoe", "start it");
    session.wait_for_said(1).await;
    api.wait_for_requests(3).await;
    // Two that are claimed one after the other, while the report goes on.
    session.say_in("t-ann", "hello");
    tokio::time::sleep(Duration::from_secs(2)).await;
    session.say_in("t-ann", "hi");
    let said = session.wait_for_said(3).await;
    assert!(said[2].starts_with("answer in t-ann: "), "{said:?}");
    while session.outcomes() != [Some(Outcome::Answered); 3] {
        tokio::time::sleep(Duration::from_millis(50)).await;
        session.said();
    }
}
