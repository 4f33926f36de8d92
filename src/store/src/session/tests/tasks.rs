//! A task's message, written by the host and read by the runner, and what becomes of it.

use std::time::Duration;

use domain::cost::Cost;
use domain::message::{Address, Outcome};
use domain::session::FailReason;
use domain::task::{FireKey, TaskId, TaskRun};
use domain::time::Timestamp;

use super::{M1, NOW, Pair, answer, context, incoming, pair};
use crate::{TaskMessage, TurnEnd};

const KEY: FireKey = FireKey { task: TaskId(7), slot: Timestamp(900_000) };

fn task(late_secs: u64) -> TaskMessage {
    let run = TaskRun {
        key: KEY,
        due: "Thu 1 Jan 1970 00:15 UTC".into(),
        late_by: Duration::from_secs(late_secs),
        missed: 2,
        script: Some("exit 1".into()),
        found: None,
    };
    TaskMessage { run, message: incoming("ignored") }
}

impl Pair {
    /// One turn over the task's message.
    fn turn(&mut self, end: &TurnEnd) {
        let mut runner = self.runner();
        runner.claim(&[M1], NOW).unwrap();
        runner.end_turn(end, &[], NOW).unwrap();
        self.host.import(&context(1_000), NOW).unwrap();
    }

    fn texts(&mut self) -> Vec<(String, String)> {
        let parts = self.host.rows().open_parts().unwrap();
        let claim = |part: &domain::delivery::PartView| {
            let part = self.host.claim_part(&part.key, NOW).unwrap().unwrap();
            (part.reply_to.as_str().to_owned(), part.content.text().to_owned())
        };
        parts.iter().map(claim).collect()
    }
}

#[test]
fn a_slot_becomes_one_message_with_what_belongs_to_it() {
    let mut pair = pair();
    assert!(pair.host.posting().insert_task(&task(100), NOW).unwrap());
    assert!(!pair.host.posting().insert_task(&task(100), NOW).unwrap(), "it is there already");
    let mut moved = task(100);
    moved.message.from = Address { chat: "d".into(), ..moved.message.from };
    assert!(!pair.host.posting().insert_task(&moved, NOW).unwrap(), "whatever its chat is called");
    pair.say("m1");
    let mut runner = pair.runner();
    let due = runner.due(NOW, &[]).unwrap();
    assert_eq!(due.len(), 1, "it goes alone");
    assert_eq!(due[0].body.text, "text of ignored");
    assert_eq!(due[0].task.as_ref(), Some(&task(100).run));
    assert_eq!(pair.host.posting().outcomes().unwrap()[0].0, "task:t7:900000");
    let waiting = &pair.host.snapshot().unwrap().waiting[0];
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
        let mut pair = pair();
        pair.host.posting().insert_task(&task(late), NOW).unwrap();
        pair.turn(&answer("hello"));
        assert_eq!(pair.texts(), [(String::new(), text.to_owned())]);
    }
}

/// A session whose task 7 has fired.
fn fired() -> Pair {
    let mut pair = pair();
    let sql = format!(
        "INSERT INTO task (id, agent_group, messaging_group, created_by, prompt, rule, zone, missed,
             state, created_at, changed_at, accounted_until)
         VALUES (7, 'andy', 1, '', '', '0 9 * * *', 'UTC', 'skip', 'cancelled', 0, 0, 0);
         INSERT INTO fire (task, slot, fired_at, state) VALUES (7, {}, 0, 'fired');",
        KEY.slot.0
    );
    pair.host.central().conn.execute_batch(&sql).unwrap();
    pair.host.posting().insert_task(&task(0), NOW).unwrap();
    pair
}

/// State, result, cost, and whether it says nothing about the task.
fn end_of(pair: &mut Pair) -> (String, Option<String>, Option<i64>, bool) {
    let central = pair.host.central();
    let sql = "SELECT task, excused FROM fire";
    let row = |row: &rusqlite::Row<'_>| Ok((TaskId(row.get(0)?), row.get(1)?));
    let (task, excused) = central.conn.query_row(sql, [], row).unwrap();
    let end = central.task_history(task, 1).unwrap().remove(0);
    (end.state.as_str().to_owned(), end.result, end.cost.map(Cost::micros), excused)
}

#[test]
fn a_run_is_reported_with_the_commit_that_ends_it() {
    let mut pair = fired();
    assert_eq!(end_of(&mut pair).0, "fired");
    pair.turn(&TurnEnd { cost: Cost::of_turn(31_000), ..answer("hello\nthere") });
    let result = Some("hello there".to_owned());
    assert_eq!(end_of(&mut pair), ("ok".to_owned(), result, Some(31_000), false));
}

#[test]
fn a_run_that_a_user_stopped_does_not_count() {
    let mut pair = fired();
    pair.runner();
    pair.apply_stop(1);
    let why = Some("it was stopped".to_owned());
    assert_eq!(end_of(&mut pair), ("failed".to_owned(), why, None, true));
}

#[test]
fn a_task_that_fails_or_rests_says_nothing_on_its_own() {
    let end = |outcome, text: Option<&str>| TurnEnd {
        messages: vec![M1],
        outcome,
        reason: "the script failed".into(),
        text: text.map(str::to_owned),
        cost: None,
    };
    let why = Some("the script failed".to_owned());
    for (end, state) in
        [(end(Outcome::Failed, Some("I could not")), "failed"), (end(Outcome::Silent, None), "ok")]
    {
        let mut pair = fired();
        pair.turn(&end);
        assert_eq!(pair.texts(), []);
        assert_eq!(end_of(&mut pair), (state.to_owned(), why.clone(), None, false));
    }
    let mut pair = fired();
    pair.host.posting().fail(M1, FailReason::Crashes, "andy", NOW).unwrap();
    assert_eq!(pair.texts(), []);
    assert_eq!(end_of(&mut pair).0, "failed");
}

#[test]
fn a_person_is_never_met_with_silence() {
    let mut pair = pair();
    pair.say("m1");
    let silent = TurnEnd {
        messages: vec![M1],
        outcome: Outcome::Silent,
        reason: String::new(),
        text: None,
        cost: None,
    };
    pair.turn(&silent);
    assert_eq!(pair.host.posting().outcomes().unwrap()[0].1, Some(Outcome::Failed));
    let texts = pair.texts();
    assert!(texts.len() == 1 && texts[0].0 == "m1", "{texts:?}");
    assert!(texts[0].1.contains("without an answer"), "{texts:?}");
}

#[test]
fn a_task_that_is_interrupted_goes_on_without_a_word() {
    let mut pair = pair();
    pair.host.posting().insert_task(&task(0), NOW).unwrap();
    pair.runner().claim(&[M1], NOW).unwrap();
    let (runner, silent) =
        (domain::Incarnation(1), domain::trouble::Trouble::Silent { tool: None });
    pair.host.posting().record_exit(runner, true, "", Some(&silent), NOW).unwrap();
    pair.host.posting().release(M1, runner, NOW, "andy", NOW).unwrap();
    assert_eq!(pair.texts(), [], "nobody waits for it");
}
