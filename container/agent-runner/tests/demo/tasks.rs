//! What a task's message becomes: a reminder, a script first, silence.

use std::sync::Arc;
use std::time::Duration;

use domain::agent::Provider;
use domain::message::Outcome;
use domain::task::{FireKey, TaskId, TaskRun};
use domain::time::Timestamp;
use store::TaskMessage;

use crate::support::{NoLink, Session, incoming};

fn task(session: &mut Session, n: i64, prompt: &str, script: Option<&str>) {
    let message = incoming(prompt);
    let run = TaskRun {
        key: FireKey { task: TaskId(n), slot: Timestamp(1_000) },
        due: "Thu 1 Jan 1970 00:00:01 UTC".into(),
        late_by: Duration::ZERO,
        missed: 0,
        script: script.map(str::to_owned),
        found: None,
    };
    let task = TaskMessage { run, message };
    assert!(session.host.posting().insert_task(&task, Timestamp(2_000)).unwrap());
}

/// The ends of all tasks so far, in order.
fn ends(session: &Session) -> Vec<(Outcome, String)> {
    let ends = session.host.rows().run_ends().unwrap();
    ends.into_iter().map(|it| (it.outcome, it.result)).collect()
}

#[tokio::test]
async fn a_script_decides_before_the_agent_hears_of_it() {
    let mut session = Session::new();
    let mut config = session.config(Provider::Demo);
    config.poll_interval = Duration::from_millis(20);
    task(&mut session, 1, "say one", Some("echo '{\"wakeAgent\": false}'"));
    task(&mut session, 2, "say two", Some("echo no such thing >&2; exit 7"));
    task(&mut session, 3, "say three", Some("pwd > seen; echo '{\"wakeAgent\":true,\"data\":3}'"));
    session.say("count");
    let workspace = config.workspace.clone();
    let runner = session.start(config, Arc::new(NoLink));
    let all = session.wait_for_said(2).await;
    assert_eq!(all[0], "answer: Reminder: three (found: 3)");
    assert!(all[1].ends_with("message number 1."), "{all:?}");
    let why = "the script ended with exit status: 7: no such thing";
    assert_eq!(
        ends(&session),
        [
            (Outcome::Silent, "its script found nothing to do".to_owned()),
            (Outcome::Failed, why.to_owned()),
            (Outcome::Answered, "Reminder: three (found: 3)".to_owned()),
        ]
    );
    let seen = std::fs::read_to_string(workspace.join("seen")).unwrap();
    assert!(seen.trim_end().ends_with("workspace"), "{seen}");
    runner.stop().await.unwrap();
}

#[tokio::test]
async fn a_script_that_runs_at_the_end_is_run_again_by_the_next_container() {
    let mut session = Session::new();
    let mut config = session.config(Provider::Demo);
    config.poll_interval = Duration::from_millis(20);
    let (gone, marks) = (config.incarnation, config.workspace.join("marks"));
    task(
        &mut session,
        1,
        "say one",
        Some("echo x >> marks; sleep 1; echo '{\"wakeAgent\": true}'"),
    );
    let runner = session.start(config.clone(), Arc::new(NoLink));
    while !marks.exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    runner.stop().await.unwrap();
    assert_eq!(session.said(), [""; 0]);
    session.release(gone);
    let next = session.config(Provider::Demo);
    config.incarnation = next.incarnation;
    let _runner = session.start(config, Arc::new(NoLink));
    assert_eq!(session.wait_for_said(1).await, ["answer: Reminder: one"]);
    assert_eq!(std::fs::read_to_string(marks).unwrap(), "x\nx\n");
}
