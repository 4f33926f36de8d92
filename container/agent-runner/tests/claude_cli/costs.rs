//! What turns cost, by the word of the real CLI.

use domain::task::{FireKey, TaskId, TaskRun};
use domain::time::Timestamp;
use harness::model_api::FakeModelApi;
use store::TaskMessage;

use super::support::{Session, incoming};
use super::*;

fn task(session: &mut Session, n: i64) {
    let run = TaskRun {
        key: FireKey { task: TaskId(n), slot: Timestamp(1_000) },
        due: "Thu 1 Jan 1970 00:00:01 UTC".into(),
        late_by: Duration::ZERO,
        missed: 0,
        script: None,
        found: None,
    };
    let message = incoming(&format!("task {n}"));
    let task = TaskMessage { run, message };
    assert!(session.host.posting().insert_task(&task, Timestamp(2_000)).unwrap());
}

fn costs(session: &Session) -> Vec<Option<i64>> {
    session.host.rows().run_costs().unwrap()
}

/// Each request to the fake costs the same by the list of prices in the CLI.
#[tokio::test]
async fn each_turn_costs_what_it_costs_however_long_its_cli_runs() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    let first = config(&mut session);
    let runner = session.start(first, link(&api));
    task(&mut session, 1);
    session.wait_for_said(1).await;
    session.say("in between");
    session.wait_for_said(2).await;
    api.next().calls_tool("Bash", json!({"command": "echo hello"}));
    task(&mut session, 2);
    session.wait_for_said(3).await;
    for _ in 0..2 {
        api.next().fails(401, "authentication_error", "no", &[]);
    }
    task(&mut session, 3);
    while costs(&session).len() < 3 {
        session.said();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    runner.stop().await.unwrap();
    // The next one resumes the conversation, which has cost something already.
    let second = config(&mut session);
    let _runner = session.start(second, link(&api));
    task(&mut session, 4);
    session.wait_for_said(4).await;
    let one = costs(&session)[0];
    assert!(one.is_some_and(|it| 0 < it), "{one:?}");
    // The second called a tool, so it asked twice; the third was refused.
    assert_eq!(costs(&session), [one, one.map(|it| 2 * it), None, one]);
}
