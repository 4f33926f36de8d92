//! Tasks on a real file: what fires, once, and what follows from what.

use domain::agent::AgentGroup;
use domain::message::{Address, ChatInfo};
use domain::task::{FireKey, FireState};
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
        for row in self.store.due_tasks(at, 100).unwrap() {
            let it = &row.task;
            let plan = due(&it.rule, &it.zone, it.missed, row.accounted_until, at);
            fired.extend(self.store.fire(&[Decided { row, plan, why: None }], at).unwrap());
        }
        self.check();
        fired.into_iter().map(|it| (it.slot.0 - now().0) / MINUTE).collect()
    }

    /// The same, and everything that fired ends well at once.
    pub(super) fn sweep_to_the_end(&mut self, at: Timestamp) -> Vec<i64> {
        let fired = self.sweep(at);
        for it in self.store.fires_to_hand_over().unwrap() {
            self.store.record_result(it.key, true, "", at).unwrap();
        }
        fired
    }

    /// The column that is derived is what it is derived from.
    fn check(&self) {
        for row in self.store.tasks(&TaskFilter::default()).unwrap() {
            let next = next_after(&row.task.rule, &row.task.zone, row.accounted_until);
            let active = row.state == TaskState::Active;
            assert_eq!(row.next_at, next.filter(|_| active), "{row:?}");
            assert!(active || row.state != TaskState::Done || next.is_none(), "{row:?}");
        }
    }
}

#[test]
fn a_task_comes_back_whole() {
    let mut it = fixture();
    let id = it.store.add_task(&it.task.clone(), now()).unwrap();
    let row = it.row(id);
    assert_eq!(
        (row.task, row.state, row.reason.as_str()),
        (it.task.clone(), TaskState::Active, "")
    );
    assert_eq!((row.created_at, row.changed_at, row.accounted_until), (now(), now(), now()));
    assert_eq!(row.next_at, Some(after(10)));
    assert_eq!(it.store.earliest_slot(now()).unwrap(), Some(after(10)));
}

#[test]
fn a_slot_fires_once_and_is_remembered() {
    let mut it = fixture();
    let id = it.add("*/10 * * * *");
    assert_eq!(it.sweep(after(9)), [0_i64; 0]);
    assert_eq!(it.sweep(after(10)), [10]);
    assert_eq!(it.sweep(after(10)), [0_i64; 0]);
    assert_eq!(it.sweep(after(41)), [40]);
    let history = it.store.task_history(id, 10).unwrap();
    let seen: Vec<_> =
        history.iter().map(|it| (it.state, it.skipped, it.late_by.as_secs())).collect();
    assert_eq!(
        seen,
        [(FireState::Fired, 0, 60), (FireState::Skipped, 2, 660), (FireState::Fired, 0, 0)]
    );
}

#[test]
fn two_that_sweep_at_once_fire_once() {
    let mut it = fixture();
    it.add("*/10 * * * *");
    let rows = it.store.due_tasks(after(10), 10).unwrap();
    let plan = due(&rows[0].task.rule, &rows[0].task.zone, Missed::Latest, now(), after(10));
    assert_eq!(
        it.store
            .fire(&[Decided { row: rows[0].clone(), plan: plan.clone(), why: None }], after(10))
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        it.store.fire(&[Decided { row: rows[0].clone(), plan, why: None }], after(10)).unwrap(),
        []
    );
}

#[test]
fn a_task_that_was_changed_meanwhile_is_looked_at_again() {
    let mut it = fixture();
    let id = it.add("*/10 * * * *");
    let row = it.row(id);
    let plan = due(&row.task.rule, &row.task.zone, Missed::Latest, now(), after(10));
    it.store.set_task_state(id, TaskState::Paused, "for now", after(10)).unwrap();
    assert_eq!(it.store.fire(&[Decided { row, plan, why: None }], after(10)).unwrap(), []);
    assert_eq!(it.store.task_history(id, 10).unwrap(), []);
}

#[test]
fn a_task_is_done_when_no_slot_follows() {
    let mut it = fixture();
    let id = it.add("at 2026-11-25T08:05:00Z");
    assert_eq!(it.sweep(after(7)), [5]);
    assert_eq!((it.row(id).state, it.row(id).next_at), (TaskState::Done, None));
    assert_eq!(it.store.earliest_slot(now()).unwrap(), None);
    let late = it.add("at 2026-11-25T07:00:00Z");
    assert_eq!(it.row(late).state, TaskState::Done);
    it.check();
}

#[test]
fn a_paused_task_does_not_fire_and_makes_up_for_nothing() {
    let mut it = fixture();
    let id = it.add("*/10 * * * *");
    assert!(it.store.set_task_state(id, TaskState::Paused, "holiday", after(1)).unwrap());
    assert!(!it.store.set_task_state(id, TaskState::Paused, "", after(1)).unwrap());
    assert_eq!(it.sweep(after(25)), [0_i64; 0]);
    assert_eq!(it.row(id).reason, "holiday");
    assert!(it.store.set_task_state(id, TaskState::Active, "", after(25)).unwrap());
    assert_eq!(it.sweep(after(25)), [0_i64; 0]);
    assert_eq!(it.row(id).next_at, Some(after(30)));
    assert!(it.store.set_task_state(id, TaskState::Cancelled, "", after(26)).unwrap());
    assert!(!it.store.set_task_state(id, TaskState::Active, "", after(26)).unwrap());
    assert_eq!(it.store.edit_task(id, &TaskEdit::default(), after(26)).unwrap(), None);
    it.check();
}

#[test]
fn resuming_after_the_only_slot_is_the_end() {
    let mut it = fixture();
    let id = it.add("at 2026-11-25T08:05:00Z");
    it.store.set_task_state(id, TaskState::Failing, "three times", after(1)).unwrap();
    assert!(it.store.set_task_state(id, TaskState::Active, "", after(9)).unwrap());
    assert_eq!(it.row(id).state, TaskState::Done);
    it.check();
}

#[test]
fn another_rule_counts_from_now() {
    let mut it = fixture();
    let id = it.add("*/10 * * * *");
    let edit = TaskEdit {
        rule: Some("5 * * * *".parse().unwrap()),
        zone: Some(Zone::parse("Asia/Kathmandu").unwrap()),
        prompt: Some("other".into()),
        script: Some(None),
        missed: Some(Missed::All(3)),
    };
    let row = it.store.edit_task(id, &edit, after(25)).unwrap().unwrap();
    // Five past the hour in Kathmandu is twenty past here.
    assert_eq!((row.next_at, row.accounted_until), (Some(after(80)), after(25)));
    assert_eq!((row.task.prompt.as_str(), row.task.script), ("other", None));
    assert_eq!(row.task.missed, Missed::All(3));
    assert_eq!(it.sweep(after(79)), [0_i64; 0]);
    assert_eq!(it.sweep(after(80 + 130)), [80, 140, 200]);
}

#[test]
fn another_rule_wakes_what_was_done_and_not_what_is_paused() {
    let mut it = fixture();
    let done = it.add("at 2026-11-25T07:00:00Z");
    let paused = it.add("*/10 * * * *");
    it.store.set_task_state(paused, TaskState::Paused, "", now()).unwrap();
    let edit = TaskEdit { rule: Some("0 12 * * *".parse().unwrap()), ..TaskEdit::default() };
    for (id, state) in [(done, TaskState::Active), (paused, TaskState::Paused)] {
        assert_eq!(it.store.edit_task(id, &edit, after(1)).unwrap().unwrap().state, state);
    }
    it.check();
}

#[test]
fn a_clock_that_ran_ahead_silences_nobody_and_doubles_nothing() {
    let mut it = fixture();
    let id = it.add("*/10 * * * *");
    // A day ahead for one sweep, then right again.
    assert_eq!(it.sweep(after(24 * 60 + 5)), [24 * 60]);
    assert_eq!(it.sweep(after(6)), [0_i64; 0]);
    assert_eq!(it.row(id).next_at, Some(after(10)));
    // The slot that was skipped in the wrong future fires, the one that fired does not.
    let all: Vec<i64> =
        (1..=145).flat_map(|it_is| it.sweep_to_the_end(after(it_is * 10))).collect();
    let right: Vec<i64> = (1..=145).map(|it| it * 10).filter(|it| *it != 24 * 60).collect();
    assert_eq!(all, right);
}

#[test]
fn a_fire_is_handed_over_and_ends_once() {
    let mut it = fixture();
    let id = it.add("*/10 * * * *");
    let session = it.store.create_session(&chat("a"), &it.task.agent.clone(), now()).unwrap();
    it.sweep(after(10));
    let key = FireKey { task: id, slot: after(10) };
    let waiting = it.store.fires_to_hand_over().unwrap();
    assert_eq!(waiting.iter().map(|it| it.key).collect::<Vec<_>>(), [key]);
    assert!(it.store.fire_handed_over(key, session).unwrap());
    assert!(!it.store.fire_handed_over(key, session).unwrap());
    assert_eq!(it.store.fires_to_hand_over().unwrap(), []);
    let running = it.store.task_history(id, 1).unwrap().remove(0);
    assert_eq!((running.state, running.session), (FireState::Running, Some(session)));
    assert!(it.store.record_result(key, true, "hello", after(11)).unwrap());
    assert!(!it.store.record_result(key, false, "no", after(12)).unwrap());
    let ended = it.store.task_history(id, 1).unwrap().remove(0);
    assert_eq!((ended.state, ended.result.as_deref()), (FireState::Ok, Some("hello")));
    assert_eq!(ended.ended_at, Some(after(11)));
}

#[test]
fn history_has_an_end() {
    let mut it = fixture();
    let id = it.add("* * * * *");
    let key = |minute| FireKey { task: id, slot: after(minute) };
    for minute in 1..=510 {
        it.sweep(after(minute));
        // The first two stay open, and are kept for that.
        if 2 < minute {
            it.store.record_result(key(minute), true, "", after(minute)).unwrap();
        }
    }
    let kept: Vec<FireKey> =
        it.store.task_history(id, 1_000).unwrap().iter().map(|it| it.key).collect();
    assert_eq!(kept.len(), 502);
    assert!(kept.contains(&key(1)) && kept.contains(&key(510)) && !kept.contains(&key(3)));
}

#[test]
fn tasks_are_found_by_what_they_belong_to() {
    let mut it = fixture();
    let session = it.store.create_session(&chat("a"), &it.task.agent.clone(), now()).unwrap();
    let owner = it.store.add_person(&Handle::new("cli", "ann"), "Ann", now()).unwrap();
    let plain = it.add("0 9 * * *");
    let task = Task { session: Some(session), owner: Some(owner), ..it.task.clone() };
    let both = it.store.add_task(&task, now()).unwrap();
    it.store.set_task_state(plain, TaskState::Paused, "", now()).unwrap();
    let find = |filter: TaskFilter| -> Vec<TaskId> {
        it.store.tasks(&filter).unwrap().into_iter().map(|it| it.id).collect()
    };
    let any = TaskFilter::default;
    assert_eq!(find(any()), [plain, both]);
    assert_eq!(find(TaskFilter { session: Some(session), ..any() }), [both]);
    assert_eq!(find(TaskFilter { owner: Some(owner), ..any() }), [both]);
    assert_eq!(find(TaskFilter { state: Some(TaskState::Paused), ..any() }), [plain]);
    assert_eq!(find(TaskFilter { agent: AgentName::parse("ben").ok(), ..any() }), []);
    let all =
        TaskFilter { agent: Some(it.task.agent.clone()), state: Some(TaskState::Active), ..any() };
    assert_eq!(find(all), [both]);
}

#[test]
fn a_task_moves_with_its_chat() {
    let mut it = fixture();
    let id = it.add("0 9 * * *");
    let new = it.store.ensure_chat(&chat("b"), &ChatInfo::default(), None, now()).unwrap().id;
    it.store.move_chat(&chat("a"), &chat("b")).unwrap();
    assert_eq!(it.row(id).task.chat, new);
}

#[test]
fn a_sweep_costs_what_is_due() {
    let mut it = fixture();
    let first = it.add("*/10 * * * *");
    it.store
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
    let due = it.store.due_tasks(after(10), 100).unwrap();
    assert_eq!((due.len(), due[0].id), (10, first));
    assert_eq!(it.store.earliest_slot(now()).unwrap(), Some(after(10)));
    let plan = |sql: &str| -> Vec<String> {
        let values = vec![Value::from(0_i64); sql.matches('?').count()];
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        let lines: Vec<(i64, i64, i64, String)> =
            crate::row::list(&it.store.conn, &sql, params_from_iter(values)).unwrap();
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
