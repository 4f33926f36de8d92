//! A task's message, written by the host and read by the runner.

use std::time::Duration;

use domain::message::Incoming;
use domain::task::{FireKey, TaskId};
use domain::time::Timestamp;

use super::tests::{M1, NOW, incoming, pair};
use crate::TaskMessage;
use crate::runner::TaskIn;

#[test]
fn a_slot_becomes_one_message_with_what_belongs_to_it() {
    let mut it = pair();
    let key = FireKey { task: TaskId(7), slot: Timestamp(900_000) };
    let (late_by, script) = (Duration::from_secs(100), Some("exit 1".to_owned()));
    let message = Incoming { text: "say hello".into(), ..incoming("ignored") };
    let task = TaskMessage { key, late_by, script: script.clone(), message };
    assert!(it.host.inbound.insert_task(&task, NOW).unwrap());
    assert!(!it.host.inbound.insert_task(&task, NOW).unwrap(), "it is there already");
    it.say("m1");
    let mut runner = it.runner();
    let due = runner.due(NOW).unwrap();
    assert_eq!(
        due.iter().map(|it| it.text.as_str()).collect::<Vec<_>>(),
        ["say hello", "text of m1"]
    );
    assert_eq!(runner.task_of(M1).unwrap(), Some(TaskIn { key, late_by, script }));
    assert_eq!(runner.task_of(due[1].seq).unwrap(), None);
    assert_eq!(it.host.inbound.outcomes().unwrap()[0].0, "task:t7:900000");
}
