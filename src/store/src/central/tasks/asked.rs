//! What is asked for in words and must not be done twice: a task that a request makes, a fire by hand.

use domain::AgentName;
use domain::task::{FireKey, TaskId, TaskState};
use domain::time::Timestamp;
use rusqlite::params;

use super::fires::insert;
use super::rows::TASKS;
use super::{Task, TaskRow, insert_task, read};
use crate::StoreError;
use crate::central::CentralStore;
use crate::row::one;

impl CentralStore {
    /// Stores the task that the request `key` asks for; the one that it made before, if it did.
    ///
    /// # Errors
    /// When the database fails; so for every method below.
    pub fn add_task_once(
        &mut self,
        task: &Task,
        key: &str,
        now: Timestamp,
    ) -> Result<TaskId, StoreError> {
        self.change("a task", |tx| {
            let sql = "SELECT id FROM task WHERE request = ?1";
            if let Some(id) = one(tx, sql, [key])? {
                return Ok(id);
            }
            let id = insert_task(tx, task, now)?;
            tx.execute("UPDATE task SET request = ?2 WHERE id = ?1", params![id.0, key])?;
            Ok(id)
        })
    }

    /// The task that a request made.
    pub fn task_of_request(&self, key: &str) -> Result<Option<TaskRow>, StoreError> {
        self.one("read a task", &format!("{TASKS} WHERE request = ?1"), [key])
    }

    /// How many tasks of an agent are active.
    pub fn active_tasks(&self, agent: &AgentName) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM task WHERE agent_group = ?1 AND state = 'active'";
        self.only("count the tasks", sql, [agent.as_str()])
    }

    /// Adds a slot by hand, on the whole second of `at`, which the next look hands over. Where it is
    /// in the rule stays as it is. `None` when there is no such task, or it was cancelled; a slot
    /// that is there already fires no second time.
    pub fn fire_now(&mut self, id: TaskId, at: Timestamp) -> Result<Option<FireKey>, StoreError> {
        self.change("a fire by hand", |tx| {
            let Some(row) = read(tx, id)?.filter(|it| it.state != TaskState::Cancelled) else {
                return Ok(None);
            };
            let key = FireKey { task: id, slot: Timestamp(at.0 - at.0.rem_euclid(1_000)) };
            insert(tx, &row, key, at)?;
            Ok(Some(key))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{after, fixture, now};
    use super::*;

    #[test]
    fn one_request_makes_one_task() {
        let mut fixture = fixture();
        let first = fixture.store.add_task_once(&fixture.task, "s1.3", now()).unwrap();
        let again = fixture.store.add_task_once(&fixture.task, "s1.3", after(5)).unwrap();
        let other = fixture.store.add_task_once(&fixture.task, "s1.5", now()).unwrap();
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
}
