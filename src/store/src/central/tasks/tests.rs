//! Tasks on a real file: what fires, once, and what follows from what.

use domain::agent::AgentGroup;
use domain::message::{Address, ChatInfo};
use domain::task::{FireKey, FireState};
use rusqlite::params_from_iter;
use rusqlite::types::Value;
use schedule::{due, next_after};

use super::*;

pub(super) const MINUTE: i64 = 60_000;

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<i64>().unwrap())
}

/// Wednesday, 25 November 2026, 08:00 UTC.
pub(super) fn now() -> Timestamp {
    at("1795593600000")
}

pub(super) fn after(minutes: i64) -> Timestamp {
    Timestamp(now().0 + minutes * MINUTE)
}

pub(super) fn chat(name: &str) -> Address {
    Address { channel: "cli".into(), account: "local".into(), chat: name.into(), thread: None }
}

pub(super) struct Fixture {
    _dir: tempfile::TempDir,
    pub(super) store: CentralStore,
    pub(super) task: Task,
}

pub(super) fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let mut store = CentralStore::open(&dir.path().join("central.db")).unwrap();
    let agent = AgentName::parse("andy").unwrap();
    store.add_agent(&AgentGroup::new(agent.clone())).unwrap();
    let chat = store.ensure_chat(&chat("a"), &ChatInfo::default(), None, now()).unwrap().id;
    let task = Task {
        agent,
        session: None,
        chat,
        thread: Some("t".into()),
        owner: None,
        owner_handle: Some(Handle::new("cli", "me")),
        created_by: "cli:me".into(),
        prompt: "say hello".into(),
        script: Some("exit 0".into()),
        rule: "*/10 * * * *".parse().unwrap(),
        zone: Zone::parse("Europe/Berlin").unwrap(),
        missed: Missed::Latest,
    };
    Fixture { _dir: dir, store, task }
}

impl Fixture {
    pub(super) fn add(&mut self, rule: &str) -> TaskId {
        let task = Task { rule: rule.parse().unwrap(), ..self.task.clone() };
        self.store.add_task(&task, now()).unwrap()
    }

    pub(super) fn row(&self, id: TaskId) -> TaskRow {
        self.store.task(id).unwrap().unwrap()
    }

    /// What the sweep does; the minutes of the slots that fired.
    pub(super) fn sweep(&mut self, at: Timestamp) -> Vec<i64> {
        let mut fired = Vec::new();
        for (row, _) in self.store.due_tasks(at, 100).unwrap() {
            let task = &row.task;
            let plan = due(&task.rule, &task.zone, task.missed, row.accounted_until, at);
            fired.extend(self.store.fire(&[Decided { row, plan, why: None }], at).unwrap());
        }
        self.check();
        fired.into_iter().map(|it| (it.slot.0 - now().0) / MINUTE).collect()
    }

    /// The same, and everything that fired ends well at once.
    pub(super) fn sweep_to_the_end(&mut self, at: Timestamp) -> Vec<i64> {
        let fired = self.sweep(at);
        for slot in self.store.handovers().unwrap() {
            self.store.record_result(slot.fire.key, true, "", at).unwrap();
        }
        fired
    }

    /// The column that is derived is what it is derived from.
    fn check(&self) {
        for row in self.store.tasks(None).unwrap() {
            let next = next_after(&row.task.rule, &row.task.zone, row.accounted_until);
            let active = row.state == TaskState::Active;
            assert_eq!(row.next_at, next.filter(|_| active), "{row:?}");
            assert!(active || row.state != TaskState::Done || next.is_none(), "{row:?}");
        }
    }
}

#[test]
fn a_task_comes_back_whole() {
    let mut fixture = fixture();
    let id = fixture.store.add_task(&fixture.task.clone(), now()).unwrap();
    let row = fixture.row(id);
    assert_eq!(
        (row.task, row.state, row.reason.as_str()),
        (fixture.task.clone(), TaskState::Active, "")
    );
    assert_eq!((row.created_at, row.changed_at, row.accounted_until), (now(), now(), now()));
    assert_eq!(row.next_at, Some(after(10)));
    assert_eq!(fixture.store.earliest_slot(now()).unwrap(), Some(after(10)));
}

#[test]
fn a_slot_fires_once_and_is_remembered() {
    let mut fixture = fixture();
    let id = fixture.add("*/10 * * * *");
    assert_eq!(fixture.sweep(after(9)), [0_i64; 0]);
    assert_eq!(fixture.sweep(after(10)), [10]);
    assert_eq!(fixture.sweep(after(10)), [0_i64; 0]);
    assert_eq!(fixture.sweep(after(41)), [40]);
    let history = fixture.store.task_history(id, 10).unwrap();
    let seen: Vec<_> =
        history.iter().map(|it| (it.state, it.skipped, it.late_by.as_secs())).collect();
    assert_eq!(
        seen,
        [(FireState::Fired, 0, 60), (FireState::Skipped, 2, 660), (FireState::Fired, 0, 0)]
    );
}

#[test]
fn two_that_sweep_at_once_fire_once() {
    let mut fixture = fixture();
    fixture.add("*/10 * * * *");
    let row = fixture.store.due_tasks(after(10), 10).unwrap().remove(0).0;
    let plan = due(&row.task.rule, &row.task.zone, Missed::Latest, now(), after(10));
    let decided = [Decided { row, plan, why: None }];
    assert_eq!(fixture.store.fire(&decided, after(10)).unwrap().len(), 1);
    assert_eq!(fixture.store.fire(&decided, after(10)).unwrap(), []);
}

#[test]
fn a_task_that_was_changed_meanwhile_is_looked_at_again() {
    let mut fixture = fixture();
    let id = fixture.add("*/10 * * * *");
    let row = fixture.row(id);
    let plan = due(&row.task.rule, &row.task.zone, Missed::Latest, now(), after(10));
    fixture.store.set_task_state(id, TaskState::Paused, "for now", after(10)).unwrap();
    assert_eq!(fixture.store.fire(&[Decided { row, plan, why: None }], after(10)).unwrap(), []);
    assert_eq!(fixture.store.task_history(id, 10).unwrap(), []);
}

#[test]
fn a_task_is_done_when_no_slot_follows() {
    let mut fixture = fixture();
    let id = fixture.add("at 2026-11-25T08:05:00Z");
    assert_eq!(fixture.sweep(after(7)), [5]);
    assert_eq!((fixture.row(id).state, fixture.row(id).next_at), (TaskState::Done, None));
    assert_eq!(fixture.store.earliest_slot(now()).unwrap(), None);
    let late = fixture.add("at 2026-11-25T07:00:00Z");
    assert_eq!(fixture.row(late).state, TaskState::Done);
    fixture.check();
}

#[test]
fn a_paused_task_does_not_fire_and_makes_up_for_nothing() {
    let mut fixture = fixture();
    let id = fixture.add("*/10 * * * *");
    assert!(fixture.store.set_task_state(id, TaskState::Paused, "holiday", after(1)).unwrap());
    assert!(!fixture.store.set_task_state(id, TaskState::Paused, "", after(1)).unwrap());
    assert_eq!(fixture.sweep(after(25)), [0_i64; 0]);
    assert_eq!(fixture.row(id).reason, "holiday");
    assert!(fixture.store.set_task_state(id, TaskState::Active, "", after(25)).unwrap());
    assert_eq!(fixture.sweep(after(25)), [0_i64; 0]);
    assert_eq!(fixture.row(id).next_at, Some(after(30)));
    assert!(fixture.store.set_task_state(id, TaskState::Cancelled, "", after(26)).unwrap());
    assert!(!fixture.store.set_task_state(id, TaskState::Active, "", after(26)).unwrap());
    assert_eq!(fixture.store.edit_task(id, &TaskEdit::default(), after(26)).unwrap(), None);
    fixture.check();
}

#[test]
fn resuming_after_the_only_slot_is_the_end() {
    let mut fixture = fixture();
    let id = fixture.add("at 2026-11-25T08:05:00Z");
    fixture.store.set_task_state(id, TaskState::Failing, "three times", after(1)).unwrap();
    assert!(fixture.store.set_task_state(id, TaskState::Active, "", after(9)).unwrap());
    assert_eq!(fixture.row(id).state, TaskState::Done);
    fixture.check();
}

#[test]
fn another_rule_counts_from_now() {
    let mut fixture = fixture();
    let id = fixture.add("*/10 * * * *");
    let edit = TaskEdit {
        rule: Some("5 * * * *".parse().unwrap()),
        zone: Some(Zone::parse("Asia/Kathmandu").unwrap()),
        prompt: Some("other".into()),
        script: Some(None),
        missed: Some(Missed::All(3)),
    };
    let row = fixture.store.edit_task(id, &edit, after(25)).unwrap().unwrap();
    // Five past the hour in Kathmandu is twenty past here.
    assert_eq!((row.next_at, row.accounted_until), (Some(after(80)), after(25)));
    assert_eq!((row.task.prompt.as_str(), row.task.script), ("other", None));
    assert_eq!(row.task.missed, Missed::All(3));
    assert_eq!(fixture.sweep(after(79)), [0_i64; 0]);
    assert_eq!(fixture.sweep(after(80 + 130)), [80, 140, 200]);
}

#[test]
fn another_rule_wakes_what_was_done_and_not_what_is_paused() {
    let mut fixture = fixture();
    let done = fixture.add("at 2026-11-25T07:00:00Z");
    let paused = fixture.add("*/10 * * * *");
    fixture.store.set_task_state(paused, TaskState::Paused, "", now()).unwrap();
    let edit = TaskEdit { rule: Some("0 12 * * *".parse().unwrap()), ..TaskEdit::default() };
    for (id, state) in [(done, TaskState::Active), (paused, TaskState::Paused)] {
        assert_eq!(fixture.store.edit_task(id, &edit, after(1)).unwrap().unwrap().state, state);
    }
    fixture.check();
}

#[test]
fn a_clock_that_ran_ahead_silences_nobody_and_doubles_nothing() {
    let mut fixture = fixture();
    let id = fixture.add("*/10 * * * *");
    // A day ahead for one sweep, then right again.
    assert_eq!(fixture.sweep(after(24 * 60 + 5)), [24 * 60]);
    assert_eq!(fixture.sweep(after(6)), [0_i64; 0]);
    assert_eq!(fixture.row(id).next_at, Some(after(10)));
    // The slot that was skipped in the wrong future fires, the one that fired does not.
    let all: Vec<i64> =
        (1..=145).flat_map(|it_is| fixture.sweep_to_the_end(after(it_is * 10))).collect();
    let right: Vec<i64> = (1..=145).map(|it| it * 10).filter(|it| *it != 24 * 60).collect();
    assert_eq!(all, right);
}

#[test]
fn a_fire_is_handed_over_and_ends_once() {
    let mut fixture = fixture();
    let id = fixture.add("*/10 * * * *");
    let session = fixture.store.create_session(&chat("a"), &fixture.task.agent, now()).unwrap();
    fixture.sweep(after(10));
    let key = FireKey { task: id, slot: after(10) };
    let waiting = fixture.store.handovers().unwrap();
    assert_eq!(waiting.iter().map(|it| it.fire.key).collect::<Vec<_>>(), [key]);
    assert!(fixture.store.fire_handed_over(key, session).unwrap());
    assert!(!fixture.store.fire_handed_over(key, session).unwrap());
    assert_eq!(fixture.store.handovers().unwrap(), []);
    let running = fixture.store.task_history(id, 1).unwrap().remove(0);
    assert_eq!((running.state, running.session), (FireState::Running, Some(session)));
    assert!(fixture.store.record_result(key, true, "hello", after(11)).unwrap());
    assert!(!fixture.store.record_result(key, false, "no", after(12)).unwrap());
    let ended = fixture.store.task_history(id, 1).unwrap().remove(0);
    assert_eq!((ended.state, ended.result.as_deref()), (FireState::Ok, Some("hello")));
    assert_eq!(ended.ended_at, Some(after(11)));
}

#[test]
fn history_has_an_end() {
    let mut fixture = fixture();
    let id = fixture.add("* * * * *");
    let key = |minute| FireKey { task: id, slot: after(minute) };
    for minute in 1..=510 {
        fixture.sweep(after(minute));
        // The first two stay open, and are kept for that.
        if 2 < minute {
            fixture.store.record_result(key(minute), true, "", after(minute)).unwrap();
        }
    }
    let kept: Vec<FireKey> =
        fixture.store.task_history(id, 1_000).unwrap().iter().map(|it| it.key).collect();
    assert_eq!(kept.len(), 502);
    assert!(kept.contains(&key(1)) && kept.contains(&key(510)) && !kept.contains(&key(3)));
}

#[test]
fn tasks_are_listed_for_their_agent() {
    let mut fixture = fixture();
    let session = fixture.store.create_session(&chat("a"), &fixture.task.agent, now()).unwrap();
    let owner = fixture.store.add_person(&Handle::new("cli", "ann"), "Ann", now()).unwrap();
    let plain = fixture.add("0 9 * * *");
    let task = Task { session: Some(session), owner: Some(owner), ..fixture.task.clone() };
    let both = fixture.store.add_task(&task, now()).unwrap();
    assert_eq!(fixture.row(both).task, task);
    let find = |agent: Option<&AgentName>| -> Vec<TaskId> {
        fixture.store.tasks(agent).unwrap().into_iter().map(|it| it.id).collect()
    };
    assert_eq!(find(None), [plain, both]);
    assert_eq!(find(Some(&fixture.task.agent)), [plain, both]);
    assert_eq!(find(AgentName::parse("ben").ok().as_ref()), []);
}

#[test]
fn a_task_moves_with_its_chat() {
    let mut fixture = fixture();
    let id = fixture.add("0 9 * * *");
    let new = fixture.store.ensure_chat(&chat("b"), &ChatInfo::default(), None, now()).unwrap().id;
    fixture.store.move_chat(&chat("a"), &chat("b")).unwrap();
    assert_eq!(fixture.row(id).task.chat, new);
}

#[test]
fn a_sweep_costs_what_is_due() {
    let mut fixture = fixture();
    let first = fixture.add("*/10 * * * *");
    fixture
        .store
        .conn
        .execute_batch(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 99999)
             INSERT INTO task (agent_group, messaging_group, created_by, prompt, rule, zone, missed,
                 state, created_at, changed_at, accounted_until, next_at)
             SELECT agent_group, messaging_group, '', '', '0 9 1 1 *', zone, missed, state,
                 created_at, changed_at, accounted_until,
                 iif(n % 10000 = 0, next_at, next_at + 86400000 + n)
             FROM task, n;
             ANALYZE;",
        )
        .unwrap();
    let due = fixture.store.due_tasks(after(10), 100).unwrap();
    assert_eq!((due.len(), due[0].0.id), (10, first));
    assert_eq!(fixture.store.earliest_slot(now()).unwrap(), Some(after(10)));
    let plan = |sql: &str| -> Vec<String> {
        let values = vec![Value::from(0_i64); sql.matches('?').count()];
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        let lines: Vec<(i64, i64, i64, String)> =
            crate::row::list(&fixture.store.conn, &sql, params_from_iter(values)).unwrap();
        lines.into_iter().map(|it| it.3).collect()
    };
    for (sql, index) in [
        (due_sql(), "SEARCH task USING INDEX task_due (next_at>? AND next_at<?)"),
        (ahead_sql(), "SEARCH task USING INDEX task_ahead (accounted_until>?)"),
        (EARLIEST.to_owned(), "SEARCH task USING COVERING INDEX task_due (next_at>?)"),
        (
            format!("{} WHERE state = 'fired' ORDER BY slot, task", fires::FIRES),
            "SCAN fire USING INDEX fire_fired",
        ),
        (
            format!("{} WHERE state = 'running' ORDER BY slot, task", fires::FIRES),
            "SCAN fire USING INDEX fire_running",
        ),
    ] {
        assert_eq!(plan(&sql)[0], index);
    }
}

#[test]
fn what_is_made_and_cancelled_without_end_is_not_kept_without_end() {
    let Fixture { mut store, task, .. } = fixture();
    let kept = store.add_task(&task, now()).unwrap();
    for n in 0..OVER_MAX + 50 {
        let id = store.add_task(&task, after(n)).unwrap();
        assert!(store.set_task_state(id, TaskState::Cancelled, "", after(n)).unwrap());
    }
    let all = store.tasks(Some(&task.agent)).unwrap();
    assert_eq!(
        i64::try_from(all.len()).unwrap(),
        1 + 1 + OVER_MAX,
        "the last one was cancelled since"
    );
    assert_eq!(all[0].id, kept);
}
