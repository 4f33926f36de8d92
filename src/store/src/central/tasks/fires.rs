//! Slots that came: fired once each, handed to a session, ended.

use std::time::Duration;

use domain::cost::Cost;
use domain::history::EventKind;
use domain::session_key::SessionKey;
use domain::task::{FireKey, FireState, Missed, TaskId, TaskState};
use schedule::{Plan, Skipped, latest_at_or_before};
use serde_json::json;

use super::{Task, TaskRow, read, settle};
use crate::central::prelude::*;
use crate::central::{SessionRow, events};
use crate::row::{Columns, FromRow, one, run, statements};

/// How many slots of a task are remembered.
const HISTORY_MAX: i64 = 500;

/// One slot of a task and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FireRow {
    pub key: FireKey,
    pub fired_at: Timestamp,
    pub late_by: Duration,
    pub state: FireState,
    /// How many slots were skipped, of which this one was the last.
    pub skipped: u32,
    /// Who has it.
    pub session: Option<SessionId>,
    /// An excerpt of the answer, or why there is none.
    pub result: Option<String>,
    /// What its turn cost, where that is known.
    pub cost: Option<Cost>,
    pub ended_at: Option<Timestamp>,
}

impl FromRow for FireRow {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (key, fired_at): (FireKey, Timestamp) = columns.next()?;
        let (state, skipped, session, ended_at, result) = columns.next()?;
        let cost = columns.next::<Option<i64>>()?.and_then(Cost::of_turn);
        let late_by = fired_at.since(key.slot);
        Ok(Self { key, fired_at, late_by, state, skipped, session, result, cost, ended_at })
    }
}

/// A slot that is to be handed over, and what it needs for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    pub fire: FireRow,
    pub task: TaskRow,
    /// How many slots before it were skipped with it, as far as its policy has that told.
    pub missed: u32,
}

/// A task that is due and what [`schedule::due`] decided about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    pub row: TaskRow,
    pub plan: Plan,
    /// Why slots are skipped, for the history; `None` where that is what their policy says.
    pub why: Option<String>,
}

/// What came of a slot, and what its turn cost, is in the history.
pub(super) const FIRES: &str = "SELECT task, slot, fired_at, state, skipped, session, ended_at,
        iif(state IN ('fired', 'running'), NULL,
            (SELECT detail ->> 'result' FROM event
             WHERE kind = 'run' AND scope = task AND item = slot ORDER BY id DESC LIMIT 1)),
        (SELECT sum(e.detail ->> 'micros') FROM message m
         CROSS JOIN event e ON e.kind = 'cost' AND e.scope = m.session AND e.item = m.seq
         WHERE m.task = fire.task AND m.slot = fire.slot)
     FROM fire";

statements! {
    /// A session has stored the message of a slot.
    pub fn fire_handed_over(key: FireKey, to: SessionId) -> bool = changes("hand over a fire",
        "UPDATE fire SET state = 'running', session = ?3
            WHERE task = ?1 AND slot = ?2 AND state = 'fired'",
        params![key.task.0, key.slot.0, to.0]);
    /// The last slots of a task, the newest first.
    pub fn task_history(id: TaskId, limit: u32) -> Vec<FireRow> = list("read the history of a task",
        &format!("{FIRES} WHERE task = ?1 ORDER BY slot DESC LIMIT ?2"), params![id.0, limit]);
}

impl CentralStore {
    /// Writes down what was decided about tasks: all of it in one commit. Returns the slots that fire
    /// by this, each of them once for ever. Nothing happens to a task that has changed since it was
    /// read; look again.
    pub fn fire(&mut self, due: &[Decided], now: Timestamp) -> Result<Vec<FireKey>> {
        self.change("fires", |central| {
            let mut fired = Vec::new();
            for decided in due {
                fired.extend(account(&central.conn, decided, now)?);
            }
            Ok(fired)
        })
    }

    /// Adds a slot by hand, on the whole second of `at`, which the next look hands over. Where it is
    /// in the rule stays as it is. `None` when there is no such task, or it was cancelled; a slot
    /// that is there already fires no second time.
    pub fn fire_now(&mut self, id: TaskId, at: Timestamp) -> Result<Option<FireKey>> {
        self.change("a fire by hand", |central| {
            let row = read(&central.conn, id)?.filter(|it| it.state != TaskState::Cancelled);
            let Some(row) = row else { return Ok(None) };
            let key = FireKey { task: id, slot: Timestamp(at.0 - at.0.rem_euclid(1_000)) };
            insert(&central.conn, &row, key, at)?;
            Ok(Some(key))
        })
    }

    /// Slots that are not with a session yet, the oldest first, each with its task. Handing one over twice
    /// is harmless: its message has one id.
    pub fn handovers(&self) -> Result<Vec<Handover>> {
        let sql = format!("{FIRES} WHERE state = 'fired' ORDER BY slot, task");
        let mut found = Vec::new();
        for fire in self.list::<FireRow>("read what fired", &sql, [])? {
            if let Some(Ok(task)) = self.maybe_task(fire.key.task)? {
                let missed = self.missed_before(&fire, task.task.missed)?;
                found.push(Handover { fire, task, missed });
            }
        }
        Ok(found)
    }

    /// Slots skipped by the commit that fired this one; of several, the oldest speaks for it.
    fn missed_before(&self, fire: &FireRow, policy: Missed) -> Result<u32> {
        if matches!(policy, Missed::Skip(_)) {
            return Ok(0);
        }
        let sql = "SELECT iif(state = 'skipped' AND fired_at = ?3, skipped, 0) FROM fire
                   WHERE task = ?1 AND slot < ?2 ORDER BY slot DESC LIMIT 1";
        let key = params![fire.key.task.0, fire.key.slot.0, fire.fired_at.0];
        Ok(self.one("read what was missed", sql, key)?.unwrap_or(0))
    }

    /// The session that a slot goes to: the one that was chosen first, whatever has changed since, or
    /// a slot could go to two. `chosen` is made if there is none; an id is taken as it is.
    pub fn settle_fire_session(
        &mut self,
        key: FireKey,
        chosen: &SessionKey,
        fixed: Option<SessionId>,
        now: Timestamp,
    ) -> Result<Option<SessionRow>> {
        let sql = "SELECT session FROM fire WHERE task = ?1 AND slot = ?2 AND state = 'fired'";
        let found: Option<Option<SessionId>> =
            self.one("read a fire", sql, [key.task.0, key.slot.0])?;
        let Some(before) = found else { return Ok(None) };
        let known = before.or(fixed).map(|id| self.session(id)).transpose()?.flatten();
        let known = known.filter(|it| it.agent == chosen.agent);
        let row = known.map_or_else(|| self.session_for(chosen, now), Ok)?;
        let sql = "UPDATE fire SET session = ?3 WHERE task = ?1 AND slot = ?2 AND state = 'fired'";
        self.run("choose a session", sql, params![key.task.0, key.slot.0, row.id.0])?;
        Ok(Some(row))
    }

    /// What the runs of a task that are remembered cost together, as far as that is known.
    pub fn task_cost(&self, id: TaskId) -> Result<Option<Cost>> {
        // In this order: SQLite would begin with the costs of everything.
        let sql = "SELECT sum(e.detail ->> 'micros') FROM message m
                   CROSS JOIN event e ON e.kind = 'cost' AND e.scope = m.session AND e.item = m.seq
                   WHERE m.task = ?1";
        let sum: Option<i64> = self.only("add up what a task cost", sql, [id.0])?;
        Ok(sum.and_then(Cost::total))
    }
}

/// Returns the slots that fire.
fn account(tx: &Connection, decided: &Decided, now: Timestamp) -> Result<Vec<FireKey>> {
    let Decided { row, plan, why } = decided;
    let mut fired = Vec::new();
    if read(tx, row.id)?.as_ref() != Some(row) || row.next_at.is_none() {
        return Ok(fired);
    }
    for fire in &plan.fire {
        let key = FireKey { task: row.id, slot: fire.slot };
        if insert(tx, row, key, now)? {
            fired.push(key);
        }
    }
    if let Some(skipped) = plan.skipped {
        skip_slots(tx, row, skipped, why.as_deref(), now)?;
    }
    settle(tx, row.id, &row.task, plan.accounted_until)?;
    // What is over and long past is dropped.
    let sql = "DELETE FROM fire WHERE task = ?1 AND state IN ('ok', 'failed', 'skipped')
                   AND slot <= (SELECT slot FROM fire WHERE task = ?1
                                ORDER BY slot DESC LIMIT 1 OFFSET ?2)";
    run(tx, sql, params![row.id.0, HISTORY_MAX])?;
    Ok(fired)
}

/// `false` when this slot has fired before. A skipped one may still fire: a clock that ran
/// ahead may have done that. Slots skipped before it stay so.
fn insert(tx: &Connection, row: &TaskRow, key: FireKey, now: Timestamp) -> rusqlite::Result<bool> {
    let before = state_of(tx, key)?;
    let sql = "INSERT INTO fire (task, slot, fired_at, state) VALUES (?1, ?2, ?3, 'fired')
               ON CONFLICT (task, slot) DO UPDATE
                   SET state = 'fired', skipped = 0, fired_at = excluded.fired_at
                   WHERE state = 'skipped'";
    let changed = run(tx, sql, params![key.task.0, key.slot.0, now.0])?;
    if let (Some((FireState::Skipped, count @ 2..)), Some(last)) = (before, previous(row, key.slot))
    {
        skip_slots(tx, row, Skipped { last, count: count - 1 }, None, now)?;
    }
    Ok(changed == 1)
}

/// Writes down skipped slots, in the row of the last of them that has not fired: after a clock
/// stepped back far, some may have.
fn skip_slots(
    tx: &Connection,
    row: &TaskRow,
    Skipped { last, mut count }: Skipped,
    why: Option<&str>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut slot = Some(last);
    while let Some(at) = slot.filter(|_| 0 < count) {
        match state_of(tx, FireKey { task: row.id, slot: at })? {
            None => {
                let sql = "INSERT INTO fire (task, slot, fired_at, state, skipped)
                           VALUES (?1, ?2, ?3, 'skipped', ?4)";
                run(tx, sql, params![row.id.0, at.0, now.0, count])?;
                let key = FireKey { task: row.id, slot: at };
                return why.map_or(Ok(()), |why| record(tx, key, why, now));
            }
            Some((FireState::Skipped, _)) => {
                let sql =
                    "UPDATE fire SET skipped = max(skipped, ?3) WHERE task = ?1 AND slot = ?2";
                return run(tx, sql, params![row.id.0, at.0, count]).map(drop);
            }
            Some(_) => {
                count -= 1;
                slot = previous(row, at);
            }
        }
    }
    Ok(())
}

/// Writes down what came of a slot.
pub(super) fn record(
    tx: &Connection,
    key: FireKey,
    result: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let about = (Some(key.task.0), Some(key.slot.0));
    events::add(tx, EventKind::Run, about, "", &json!({ "result": result }), now)
}

fn previous(row: &TaskRow, slot: Timestamp) -> Option<Timestamp> {
    let Task { rule, zone, .. } = &row.task;
    latest_at_or_before(rule, zone, Timestamp(0), Timestamp(slot.0 - 1))
}

fn state_of(tx: &Connection, key: FireKey) -> rusqlite::Result<Option<(FireState, u32)>> {
    let sql = "SELECT state, skipped FROM fire WHERE task = ?1 AND slot = ?2";
    one(tx, sql, [key.task.0, key.slot.0])
}
