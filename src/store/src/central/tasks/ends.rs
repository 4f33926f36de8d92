//! How slots end, and what follows for their task: written in the same commit.

use domain::message::Outcome;
use domain::plain::chain;
use domain::task::failing::{Follow, Streak, after_failure};
use domain::task::{FireKey, TaskState};
use domain::texts::tasks;
use schedule::local;

use super::{TaskRow, fires, read};
use crate::central::accounts::owners_elsewhere;
use crate::central::prelude::*;
use crate::outbox::{self, Draft, NewPart, PartKind};
use crate::row::{list, one, row, run};
use crate::session::Scope;

row!(FireKey { task, slot });

/// More failures than count for anything.
const LOOKED_BACK_MAX: u32 = 20;

impl CentralStore {
    /// Open slots that fired before this, of agents that are not stopped: their runner is gone.
    pub fn lost_fires(&self, before: Timestamp) -> Result<Vec<FireKey>> {
        let sql = "SELECT fire.task, slot FROM fire JOIN task ON task.id = fire.task
             WHERE fire.state IN ('fired', 'running') AND fired_at < ?1
               AND NOT EXISTS (SELECT 1 FROM stop WHERE resumed_at IS NULL
                   AND (stop.agent_group IS NULL OR stop.agent_group = task.agent_group))";
        self.list("find lost fires", sql, [before.0])
    }

    /// How a slot ended. The first word counts; `false` when there was one, or no such fire. What
    /// follows from a failure is done with it, and what its chat is told.
    pub fn record_result(
        &mut self,
        key: FireKey,
        ok: bool,
        result: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let outcome = if ok { Outcome::Answered } else { Outcome::Failed };
        self.change("a result", |central| Ok(record(&central.conn, key, outcome, result, now)?))
    }
}

/// See [`CentralStore::record_result`]. A run that a user set aside ends without counting as a failure.
pub(crate) fn record(
    tx: &Connection,
    key: FireKey,
    outcome: Outcome,
    result: &str,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let (state, is_excused) = match outcome {
        Outcome::Answered | Outcome::Silent => ("ok", false),
        Outcome::Failed => ("failed", false),
        Outcome::Declined => ("failed", true),
    };
    let sql = "UPDATE fire SET state = ?3, excused = ?4, ended_at = ?5
               WHERE task = ?1 AND slot = ?2 AND state IN ('fired', 'running')";
    if run(tx, sql, params![key.task.0, key.slot.0, state, is_excused, now.0])? == 0 {
        return Ok(false);
    }
    fires::record(tx, key, result, now)?;
    if outcome == Outcome::Failed {
        match follow(tx, key, result, now) {
            // A task that this build cannot read must not hold up the session that ran it.
            Err(err @ rusqlite::Error::FromSqlConversionFailure(..)) => {
                tracing::error!(why = chain(&err), "an unreadable task failed");
            }
            other => other?,
        }
    }
    Ok(true)
}

/// The failures of a task in a row since somebody last changed it.
pub(super) fn streak(conn: &Connection, row: &TaskRow) -> rusqlite::Result<Streak> {
    let sql = "SELECT state = 'failed', ended_at FROM fire
               WHERE task = ?1 AND ended_at >= ?2 AND excused = 0
               ORDER BY slot DESC LIMIT ?3";
    let ends = list(conn, sql, params![row.id.0, row.changed_at.0, LOOKED_BACK_MAX])?;
    let mut streak = Streak::default();
    for (_, ended_at) in ends.into_iter().take_while(|(has_failed, _)| *has_failed) {
        streak.failures += 1;
        streak.last_end = streak.last_end.max(Some(ended_at));
    }
    Ok(streak)
}

fn follow(tx: &Connection, key: FireKey, why: &str, now: Timestamp) -> rusqlite::Result<()> {
    let Some(row) = read(tx, key.task)? else { return Ok(()) };
    // Somebody has paused or ended it, and knows.
    if !matches!(row.state, TaskState::Active | TaskState::Done) {
        return Ok(());
    }
    let streak = streak(tx, &row)?;
    let prompt = &row.task.prompt;
    let text = match after_failure(streak.failures, row.next_at.is_some()) {
        Follow::Nothing => return Ok(()),
        Follow::Report => tasks::failed(row.id, prompt, &local(key.slot, &row.task.zone), why),
        Follow::GiveUp => {
            let sql = "UPDATE task SET state = 'failing', next_at = NULL, reason = ?2,
                           changed_at = ?3 WHERE id = ?1";
            tx.execute(sql, params![row.id.0, why, now.0])?;
            tasks::gave_up(row.id, prompt, streak.failures, why)
        }
    };
    let Some(to) = told_in(tx, &row)? else { return Ok(()) };
    let part = NewPart::new(format!("n{key}"), to, PartKind::Notice, Draft::Text(text));
    outbox::add(Scope::host(tx), &part, None, now).map(drop)
}

/// Where a word about a task goes: to its chat, and of one that the bot left, to whose task it is in private, else to
/// an owner of the host. A chat that is to be left alone hears nothing.
fn told_in(tx: &Connection, row: &TaskRow) -> rusqlite::Result<Option<Address>> {
    let sql = "SELECT left_at IS NOT NULL, channel, account, chat, NULL FROM messaging_group
               WHERE id = ?1 AND denied_at IS NULL";
    match one::<(bool, Address)>(tx, sql, [row.task.chat.0])? {
        None => return Ok(None),
        Some((false, chat)) => {
            return Ok(Some(Address { thread: row.task.thread.clone(), ..chat }));
        }
        Some((true, _)) => {}
    }
    let sql = "SELECT channel, account, chat, NULL FROM messaging_group
               WHERE channel = ?1 AND peer = ?2 AND is_group = 0 AND denied_at IS NULL AND left_at IS NULL
               ORDER BY active_at DESC LIMIT 1";
    if let Some(owner) = &row.task.owner_handle
        && let Some(own) = one(tx, sql, [&owner.channel, &owner.id])?
    {
        return Ok(Some(own));
    }
    Ok(owners_elsewhere(tx, "", "")?.into_iter().next().map(|it| it.1))
}
