//! From a slot that fired to its end: which session gets it, what is told, when a task gives up.

use domain::SessionId;
use domain::message::Outcome;
use domain::session_key::{SessionMode, session_key};
use domain::stop::Scope;
use domain::task::{FireKey, FireState};
use schedule::due;

use super::tests::{Fixture, MINUTE, after, fixture, now};
use super::*;
use crate::central::ends;

impl Fixture {
    /// Lets every slot from here to there fire and fail, one after the other; which ones fired.
    fn fail(&mut self, id: TaskId, minutes: std::ops::RangeInclusive<i64>) -> Vec<i64> {
        let mut all = Vec::new();
        for minute in minutes {
            let fired = self.sweep_with_rests(after(minute));
            for slot in &fired {
                let key = FireKey { task: id, slot: after(*slot) };
                self.store.record_result(key, false, "no luck", after(minute)).unwrap();
            }
            all.extend(fired);
        }
        all
    }

    fn sweep_with_rests(&mut self, at: Timestamp) -> Vec<i64> {
        let mut fired = Vec::new();
        for (row, streak) in self.store.due_tasks(at, 100).unwrap() {
            let task = &row.task;
            let plan = due(&task.rule, &task.zone, task.missed, row.accounted_until, at);
            if streak.rests(at) {
                let passes =
                    Decided { row, plan: plan.passed_over(), why: Some("it rests".into()) };
                self.store.fire(&[passes], at).unwrap();
            } else {
                fired.extend(self.store.fire(&[Decided { row, plan, why: None }], at).unwrap());
            }
        }
        fired.into_iter().map(|it| (it.slot.0 - now().0) / MINUTE).collect()
    }

    /// What the host is about to say.
    fn said(&self) -> Vec<String> {
        let sql = "SELECT text FROM part ORDER BY id";
        crate::row::list(&self.store.conn, sql, []).unwrap()
    }
}

#[test]
fn a_task_that_fails_rests_longer_and_longer_and_then_gives_up() {
    let mut fixture = fixture();
    let id = fixture.add("* * * * *");
    let fired = fixture.fail(id, 1..=600);
    assert_eq!(fired, [1, 2, 12, 72, 432]);
    let row = fixture.row(id);
    assert_eq!((row.state, row.reason.as_str()), (TaskState::Failing, "no luck"));
    let said = fixture.said();
    assert!(said.len() == 1 && said[0].contains("failed 5 times in a row"), "{said:?}");
    let history = fixture.store.task_history(id, 2).unwrap();
    assert_eq!(
        (history[1].state, history[1].result.as_deref()),
        (FireState::Skipped, Some("it rests"))
    );
    // A resume gives it another five.
    fixture.store.set_task_state(id, TaskState::Active, "", after(601)).unwrap();
    assert_eq!(fixture.fail(id, 602..=640), [602, 603, 613]);
    assert_eq!(fixture.row(id).state, TaskState::Active);
}

#[test]
fn a_success_ends_the_streak() {
    let mut fixture = fixture();
    let id = fixture.add("* * * * *");
    assert_eq!(fixture.fail(id, 1..=12), [1, 2, 12]);
    assert_eq!(fixture.sweep_with_rests(after(72)), [72]);
    let key = FireKey { task: id, slot: after(72) };
    fixture.store.record_result(key, true, "", after(72)).unwrap();
    assert_eq!(fixture.fail(id, 73..=90), [73, 74, 84]);
    assert_eq!((fixture.row(id).state, fixture.said().len()), (TaskState::Active, 0));
}

#[test]
fn what_a_person_set_aside_is_no_failure() {
    let mut fixture = fixture();
    let id = fixture.add("* * * * *");
    for minute in 1..=8 {
        assert_eq!(fixture.sweep_with_rests(after(minute)), [minute]);
        let key = FireKey { task: id, slot: after(minute) };
        let conn = &fixture.store.conn;
        assert!(ends::record(conn, key, Outcome::Declined, "stopped", after(minute)).unwrap());
        assert!(!fixture.store.record_result(key, false, "late", after(minute)).unwrap());
    }
    assert_eq!((fixture.row(id).state, fixture.said().len()), (TaskState::Active, 0));
}

#[test]
fn whose_task_it_is_hears_in_private_where_the_bot_left_its_chat() {
    let mut fixture = fixture();
    let chat = fixture.store.chat_by_id(fixture.task.chat).unwrap().unwrap().address;
    let owner = fixture.task.owner_handle.clone().unwrap();
    let direct = Address { chat: "direct".into(), channel: owner.channel.clone(), ..chat.clone() };
    fixture.store.ensure_chat(&direct, &Default::default(), Some(&owner.id), now()).unwrap();
    fixture.store.set_left(&chat, Some(now())).unwrap();
    let id = fixture.add("* * * * *");
    fixture.fail(id, 1..=600);
    assert_eq!(fixture.row(id).state, TaskState::Failing);
    let sql = "SELECT chat FROM part";
    assert_eq!(crate::row::list::<String>(&fixture.store.conn, sql, []).unwrap(), ["direct"]);
}

#[test]
fn the_only_slot_is_reported_when_it_fails_and_only_where_somebody_listens() {
    let mut fixture = fixture();
    for (denied, told) in [(false, 1), (true, 1)] {
        if denied {
            fixture.store.set_denied(fixture.task.chat, Some(now())).unwrap();
        }
        let id = fixture.add("at 2026-11-25T08:05:00Z");
        assert_eq!(fixture.sweep(after(5)), [5]);
        let key = FireKey { task: id, slot: after(5) };
        fixture.store.record_result(key, false, "no luck", after(6)).unwrap();
        assert_eq!(fixture.said().len(), told);
    }
    let want = "due Wed 25 Nov 2026 09:05 CET, failed: `no luck`.";
    assert!(fixture.said()[0].contains(want), "{:?}", fixture.said());
}

#[test]
fn a_slot_goes_to_one_session_whatever_changes_meanwhile() {
    let mut fixture = fixture();
    let id = fixture.add("*/10 * * * *");
    fixture.sweep(after(10));
    let key = FireKey { task: id, slot: after(10) };
    let (agent, chat) = (fixture.task.agent.clone(), fixture.task.chat);
    let shared = session_key(SessionMode::Shared, &agent, chat, Some("t"));
    let threaded = session_key(SessionMode::PerThread, &agent, chat, Some("t"));
    let first = fixture.store.settle_fire_session(key, &shared, None, now()).unwrap().unwrap();
    let again = fixture.store.settle_fire_session(key, &threaded, None, now()).unwrap().unwrap();
    assert_eq!(first.id, again.id);
    fixture.sweep(after(20));
    let next = FireKey { task: id, slot: after(20) };
    let fixed = fixture.store.settle_fire_session(next, &threaded, Some(first.id), now()).unwrap();
    assert_eq!(fixed.unwrap().id, first.id, "it was said where it runs");
    fixture.sweep(after(30));
    let last = FireKey { task: id, slot: after(30) };
    let gone =
        fixture.store.settle_fire_session(last, &threaded, Some(SessionId(99)), now()).unwrap();
    assert_eq!(gone.unwrap().thread.as_deref(), Some("t"), "what is gone is not waited for");
    assert!(fixture.store.fire_handed_over(key, first.id).unwrap());
    assert_eq!(fixture.store.settle_fire_session(key, &shared, None, now()).unwrap(), None);
}

#[test]
fn what_was_missed_is_told_by_the_oldest_that_fires() {
    let mut fixture = fixture();
    for (missed, told) in [
        (Missed::Latest, vec![3]),
        (Missed::All(2), vec![2, 0]),
        (Missed::Skip(std::time::Duration::from_secs(600)), vec![0]),
    ] {
        fixture.task.missed = missed;
        let id = fixture.add("*/10 * * * *");
        fixture.sweep(after(41));
        let all = fixture.store.handovers().unwrap();
        let mine: Vec<u32> = all.iter().filter(|it| it.task.id == id).map(|it| it.missed).collect();
        assert_eq!(mine, told, "{missed}");
    }
}

#[test]
fn a_task_waits_for_what_is_not_done_and_for_a_resume() {
    let mut fixture = fixture();
    let id = fixture.add("*/10 * * * *");
    let fired: Vec<i64> = (1..=6).flat_map(|n| fixture.sweep(after(n * 10))).collect();
    assert_eq!(fired, [10, 20, 30], "three are open");
    fixture.store.record_result(FireKey { task: id, slot: after(10) }, true, "", now()).unwrap();
    assert_eq!(fixture.sweep(after(61)), [60], "as after a sleep");
    for scope in [Scope::All, Scope::Agent(fixture.task.agent.clone())] {
        let other = fixture.add("*/10 * * * *");
        fixture.store.stop(&scope, "me", "", now()).unwrap();
        assert_eq!(fixture.sweep(after(70)), [0_i64; 0]);
        assert_eq!(fixture.store.lost_fires(after(10_000)).unwrap(), []);
        fixture.store.resume(&scope, "me", now()).unwrap();
        assert_eq!(fixture.sweep(after(71)), [70]);
        fixture.store.set_task_state(other, TaskState::Cancelled, "", now()).unwrap();
    }
    assert_eq!(fixture.store.lost_fires(after(21)).unwrap().len(), 1);
}

#[test]
fn skipped_slots_stay_so_when_one_of_them_fires_after_all() {
    let mut fixture = fixture();
    let id = fixture.add("*/10 * * * *");
    let covered = |fixture: &Fixture| -> Vec<(i64, FireState, u32)> {
        let mut all = fixture.store.task_history(id, 100).unwrap();
        all.reverse();
        let minute = |at: Timestamp| (at.0 - now().0) / MINUTE;
        all.iter().map(|it| (minute(it.key.slot), it.state, it.skipped)).collect()
    };
    // The clock runs ahead for a while, and is set right.
    assert_eq!(fixture.sweep_to_the_end(after(205)), [200]);
    assert_eq!(fixture.sweep(after(85)), [0_i64; 0]);
    assert_eq!(covered(&fixture), [(190, FireState::Skipped, 19), (200, FireState::Ok, 0)]);
    assert_eq!(fixture.sweep_to_the_end(after(195)), [190]);
    assert_eq!(
        covered(&fixture),
        [(180, FireState::Skipped, 18), (190, FireState::Ok, 0), (200, FireState::Ok, 0)]
    );
    // A long sleep over what has fired in part.
    fixture.store.set_task_state(id, TaskState::Paused, "", after(196)).unwrap();
    fixture.store.set_task_state(id, TaskState::Active, "", after(170)).unwrap();
    assert_eq!(fixture.sweep(after(100)), [0_i64; 0]);
    assert_eq!(fixture.sweep_to_the_end(after(215)), [210]);
    assert_eq!(covered(&fixture)[0], (180, FireState::Skipped, 18));
    assert_eq!(covered(&fixture).len(), 4);
}

#[test]
fn a_task_that_cannot_be_read_stops_no_other() {
    let mut fixture = fixture();
    let (bad, good) = (fixture.add("*/10 * * * *"), fixture.add("*/10 * * * *"));
    fixture.store.due_tasks(after(10), 100).unwrap();
    assert_eq!(fixture.sweep(after(10)), [10, 10]);
    let spoil = "UPDATE task SET zone = 'Mars/Olympus' WHERE id = ?1";
    fixture.store.conn.execute(spoil, [bad.0]).unwrap();
    let waiting = fixture.store.handovers().unwrap();
    assert_eq!(waiting.iter().map(|it| it.fire.key.task).collect::<Vec<_>>(), [good]);
    let due = fixture.store.due_tasks(after(20), 100).unwrap();
    assert_eq!(due.iter().map(|it| it.0.id).collect::<Vec<_>>(), [good]);
    let told = fixture.store.unreadable_tasks().unwrap();
    assert_eq!((told.len(), told[0].id, &*told[0].agent), (1, bad, "andy"));
    assert!(told[0].is_active && told[0].why.contains("Mars"), "{told:?}");
    let all = fixture.store.tasks(None).unwrap();
    assert_eq!(all.iter().map(|it| it.id).collect::<Vec<_>>(), [good]);

    assert!(!fixture.store.cancel_unreadable(good, "by host", after(20)).unwrap());
    assert!(fixture.store.cancel_unreadable(bad, "by host", after(20)).unwrap());
    assert!(!fixture.store.unreadable_tasks().unwrap()[0].is_active);
}

#[test]
fn one_request_makes_one_task() {
    let mut fixture = fixture();
    let first = fixture.store.add_task_once(&fixture.task, Some("s1.3"), now()).unwrap();
    let again = fixture.store.add_task_once(&fixture.task, Some("s1.3"), after(5)).unwrap();
    let other = fixture.store.add_task_once(&fixture.task, Some("s1.5"), now()).unwrap();
    assert!(first == again && first != other);
    assert_eq!(fixture.store.task_of_request("s1.3").unwrap().unwrap().id, first);
    assert_eq!(fixture.store.task_of_request("s1.7").unwrap(), None);
    assert_eq!(fixture.store.active_tasks(&fixture.task.agent).unwrap(), 2);
}

#[test]
fn what_is_fired_by_hand_fires_once_and_leaves_the_rule_alone() {
    let mut fixture = fixture();
    let id = fixture.store.add_task(&fixture.task, now()).unwrap();
    let before = fixture.store.task(id).unwrap();
    let key = fixture.store.fire_now(id, Timestamp(now().0 + 7)).unwrap().unwrap();
    assert_eq!(key.slot, now());
    assert_eq!(fixture.store.fire_now(id, now()).unwrap(), Some(key));
    assert_eq!(fixture.store.handovers().unwrap().len(), 1);
    assert_eq!(fixture.store.task(id).unwrap(), before);
    fixture.store.set_task_state(id, TaskState::Cancelled, "", now()).unwrap();
    assert_eq!(fixture.store.fire_now(id, after(1)).unwrap(), None);
}
