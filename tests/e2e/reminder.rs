//! A task on the real engine: it comes due, a container says it, the history knows it.

use std::time::Duration;

use domain::AgentName;
use domain::agent::DEFAULT_AGENT;
use domain::message::Address;
use domain::task::{FireState, Missed};
use domain::time::{Clock, SystemClock};
use schedule::{Rule, Zone};
use store::{CentralStore, FireRow, Task};
use tokio::time::sleep;

use crate::rig::{PATIENCE, Rig};

fn central(rig: &Rig) -> CentralStore {
    CentralStore::open(&rig.layout().central()).unwrap()
}

/// Adds a task to the chat `terminal`, due in three seconds.
fn remind(rig: &Rig, prompt: &str, script: Option<&str>) -> domain::task::TaskId {
    let (mut central, now) = (central(rig), SystemClock.now());
    let terminal = Address {
        channel: "cli".into(),
        account: "local".into(),
        chat: "terminal".into(),
        thread: None,
    };
    let task = Task {
        agent: AgentName::parse(DEFAULT_AGENT).unwrap(),
        session: None,
        chat: central.chat(&terminal).unwrap().unwrap().id,
        thread: None,
        owner: None,
        owner_handle: None,
        created_by: "test".into(),
        prompt: prompt.into(),
        script: script.map(str::to_owned),
        rule: Rule::Once(now + Duration::from_secs(3)),
        zone: Zone::utc(),
        missed: Missed::Latest,
    };
    central.add_task(&task, now).unwrap()
}

/// The only slot of a task, once it has ended.
async fn ended(rig: &Rig, id: domain::task::TaskId) -> FireRow {
    let started = SystemClock.now();
    while SystemClock.now().since(started) < PATIENCE {
        let fires = central(rig).task_history(id, 1).unwrap();
        if let Some(fire) = fires.into_iter().find(|it| it.ended_at.is_some()) {
            return fire;
        }
        sleep(Duration::from_millis(200)).await;
    }
    panic!("the task has no end:\n{}", rig.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_is_said_from_a_container_across_a_restart() {
    let mut rig = Rig::start().await;
    // Makes the chat, and the container warm.
    let _ = rig.ask("terminal", "hello").await;
    let id = remind(&rig, "say drink something", None);
    // A host that starts looks at once, and sets its timer.
    rig.kill_host();
    rig.start_host().await;
    let fire = ended(&rig, id).await;
    assert_eq!(fire.state, FireState::Ok, "{fire:?}");
    assert_eq!(fire.result.as_deref(), Some("Reminder: drink something"));
    assert!(fire.late_by < Duration::from_secs(5), "{fire:?}");
    // The terminal is shown what was said while nobody was there.
    let later = rig.say("terminal", "count").output().await;
    let shown = [later.stdout, later.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    assert!(shown.concat().contains("Reminder: drink something"), "{shown:?}\n{}", rig.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_decides_in_the_container() {
    let mut rig = Rig::start().await;
    let _ = rig.ask("terminal", "hello").await;
    let found = r#"echo '{"wakeAgent": true, "data": {"user": "'"$(id -un)"'"}}'"#;
    let wakes = remind(&rig, "look", Some(found));
    let rests = remind(&rig, "never said", Some(r#"echo '{"wakeAgent": false}'"#));
    rig.kill_host();
    rig.start_host().await;
    let fire = ended(&rig, wakes).await;
    let result = fire.result.unwrap_or_default();
    assert!(result.starts_with("Reminder: look (found: {\"user\":\""), "{result}");
    let fire = ended(&rig, rests).await;
    assert_eq!(fire.state, FireState::Ok);
    let later = rig.ask("terminal", "count").await;
    assert!(!later.contains("never said"), "{later}");
}
