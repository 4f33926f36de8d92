//! A task's message, written by the host and read by the runner, and what becomes of it.

use std::time::Duration;

use domain::cost::Cost;
use domain::message::{Address, Incoming, Outcome};
use domain::session::FailReason;
use domain::task::{Errand, FireKey, TaskId};
use domain::time::Timestamp;

use super::tests::{M1, NOW, Pair, answer, around, incoming, pair};
use crate::{TaskMessage, TurnEnd};

const KEY: FireKey = FireKey { task: TaskId(7), slot: Timestamp(900_000) };

fn task(late_secs: u64) -> TaskMessage {
    TaskMessage {
        key: KEY,
        due: "Thu 1 Jan 1970 00:15 UTC".into(),
        late_by: Duration::from_secs(late_secs),
        missed: 2,
        script: Some("exit 1".into()),
        message: Incoming { text: "say hello".into(), ..incoming("ignored") },
    }
}

impl Pair {
    /// One turn over the task's message.
    fn turn(&mut self, end: &TurnEnd) {
        let mut runner = self.runner();
        runner.claim(&[M1], NOW).unwrap();
        runner.end_turn(end, &[], NOW).unwrap();
        self.host.absorb(&around(1_000), NOW).unwrap();
    }

    fn texts(&mut self) -> Vec<(String, String)> {
        let parts = self.host.snapshot().unwrap().parts;
        let claim = |it: &domain::delivery::PartView| {
            let part = self.host.inbound.claim_part(&it.key, NOW).unwrap().unwrap();
            (part.reply_to().to_owned(), part.content().text().to_owned())
        };
        parts.iter().map(claim).collect()
    }
}

#[test]
fn a_slot_becomes_one_message_with_what_belongs_to_it() {
    let mut it = pair();
    assert!(it.host.inbound.insert_task(&task(100), NOW).unwrap());
    assert!(!it.host.inbound.insert_task(&task(100), NOW).unwrap(), "it is there already");
    let mut moved = task(100);
    moved.message.from = Address { chat: "d".into(), ..moved.message.from };
    assert!(!it.host.inbound.insert_task(&moved, NOW).unwrap(), "whatever its chat is called");
    it.say("m1");
    let mut runner = it.runner();
    let due = runner.due(NOW).unwrap();
    assert_eq!(due.len(), 1, "it goes alone");
    assert_eq!(due[0].text, "say hello");
    let errand = Errand {
        key: KEY,
        due: "Thu 1 Jan 1970 00:15 UTC".into(),
        late_by: Duration::from_secs(100),
        missed: 2,
        script: Some("exit 1".into()),
        found: None,
    };
    assert_eq!(due[0].task.as_ref(), Some(&errand));
    assert_eq!(runner.task_of(M1).unwrap(), Some(errand));
    assert_eq!(runner.task_of(domain::MessageSeq(4)).unwrap(), None);
    assert_eq!(it.host.inbound.outcomes().unwrap()[0].0, "task:t7:900000");
    let waiting = &it.host.snapshot().unwrap().waiting[0];
    assert!(waiting.told && waiting.status, "nobody is told that it waits or goes on");
}

#[test]
fn an_answer_says_that_it_is_late_and_replies_to_nobody() {
    for (late, text) in [
        (100, "hello"),
        (
            9_000,
            "⏰ This ran late. It was due Thu 1 Jan 1970 00:15 UTC; 2 times before it were \
             missed.\nhello",
        ),
    ] {
        let mut it = pair();
        it.host.inbound.insert_task(&task(late), NOW).unwrap();
        it.turn(&answer("hello"));
        assert_eq!(it.texts(), [(String::new(), text.to_owned())]);
    }
}

#[test]
fn an_end_is_reported_once_and_kept_until_then() {
    let mut it = pair();
    it.host.inbound.insert_task(&task(0), NOW).unwrap();
    assert!(!it.host.snapshot().unwrap().task_ends);
    let cost = Cost::of_turn(31_000);
    it.turn(&TurnEnd { cost, ..answer("hello\nthere") });
    assert!(it.host.snapshot().unwrap().task_ends);
    let ends = it.host.inbound.task_ends().unwrap();
    assert_eq!((ends[0].key, ends[0].outcome), (KEY, Outcome::Answered));
    assert_eq!((ends[0].result.as_str(), ends[0].cost), ("hello there", cost));
    it.host.inbound.reported(&ends).unwrap();
    assert_eq!(it.host.inbound.task_ends().unwrap(), []);
    assert!(!it.host.snapshot().unwrap().task_ends);
}

#[test]
fn what_an_older_runner_left_is_read_without_a_cost() {
    let mut it = pair();
    it.host.inbound.insert_task(&task(0), NOW).unwrap();
    let mut runner = it.runner();
    runner.claim(&[M1], NOW).unwrap();
    runner.end_turn(&TurnEnd { cost: Cost::of_turn(1), ..answer("hello") }, &[], NOW).unwrap();
    drop(runner);
    let older = "ALTER TABLE claims DROP COLUMN cost;
                 ALTER TABLE messages_out DROP COLUMN attempt;
                 ALTER TABLE messages_out DROP COLUMN incarnation;
                 ALTER TABLE messages_out DROP COLUMN turn;
                 PRAGMA user_version = 4;";
    rusqlite::Connection::open(it.outbound()).unwrap().execute_batch(older).unwrap();
    it.host.absorb(&around(1_000), NOW).unwrap();
    assert_eq!(it.host.inbound.task_ends().unwrap()[0].cost, None);
}

#[test]
fn a_task_that_fails_or_rests_says_nothing_by_itself() {
    let end = |outcome, text: Option<&str>| TurnEnd {
        messages: vec![M1],
        outcome,
        reason: "the script failed".into(),
        text: text.map(str::to_owned),
        cost: None,
    };
    for end in [end(Outcome::Failed, Some("I could not")), end(Outcome::Silent, None)] {
        let mut it = pair();
        it.host.inbound.insert_task(&task(0), NOW).unwrap();
        it.turn(&end);
        assert_eq!(it.texts(), []);
        let ended = it.host.inbound.task_ends().unwrap().remove(0);
        assert_eq!((ended.outcome, ended.result.as_str()), (end.outcome, "the script failed"));
    }
    let mut it = pair();
    it.host.inbound.insert_task(&task(0), NOW).unwrap();
    it.host.inbound.fail(M1, FailReason::Crashes, "andy", NOW).unwrap();
    assert_eq!(it.texts(), []);
    assert_eq!(it.host.inbound.task_ends().unwrap()[0].outcome, Outcome::Failed);
}

#[test]
fn a_person_is_never_met_with_silence() {
    let mut it = pair();
    it.say("m1");
    let silent = TurnEnd {
        messages: vec![M1],
        outcome: Outcome::Silent,
        reason: String::new(),
        text: None,
        cost: None,
    };
    it.turn(&silent);
    assert_eq!(it.host.inbound.outcomes().unwrap()[0].1, Some(Outcome::Failed));
    let texts = it.texts();
    assert!(texts.len() == 1 && texts[0].0 == "m1", "{texts:?}");
    assert!(texts[0].1.contains("without an answer"), "{texts:?}");
}
