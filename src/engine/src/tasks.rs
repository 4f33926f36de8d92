//! Fires tasks: writes down which slots came, and brings each to its session.
//!
//! One look at a time. Every step is a commit of its own and changes nothing the second
//! time, so a look may end anywhere; the next one goes on. How a slot ends its session says.
//!
//! Invariants
//! - A slot is in the central database before any session hears of it, and goes to one session.
//! - A task of a stopped agent waits as if the host slept; its policy decides when it is resumed.

mod handover;

use std::sync::Arc;
use std::time::Duration;

use domain::plain::chain;
use domain::session::DEADLINE;
use domain::task::failing::Streak;
use domain::time::Timestamp;
use store::{CentralStore, Decided, Handover, StoreError, TaskRow};
use tokio::time::timeout;
use tracing::{info, warn};

use crate::host::Host;

/// Tasks that are read at once.
const BATCH: u32 = 200;
/// Rounds of one look; what is left then is due all the same, and the next look goes on.
const ROUNDS_MAX: usize = 50;
/// The shortest wait: a slot is never late for a timer that is early by a fraction of a millisecond.
const WAIT_MIN: Duration = Duration::from_millis(1);
/// Timers are not for years.
const WAIT_MAX: Duration = Duration::from_hours(24);
const HAND_OVER_WITHIN: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// A slot without an end for so long has none: its session is gone. Longer than any message lives.
const LOST_AFTER: Duration = DEADLINE.saturating_mul(2);
const LOST: &str = "its conversation never came to an end with it";

/// Looks again and again: at the next slot of all, and at every hint. A slot that comes costs what it costs, and
/// no look at everything else.
pub async fn keep_looking(host: Arc<Host>) -> StoreError {
    loop {
        let next = look(&host).await;
        let wait = next.map_or(WAIT_MAX, |at| at.since(host.clock.now()));
        let _ = timeout(wait.clamp(WAIT_MIN, WAIT_MAX), host.hints.tasks.notified()).await;
    }
}

/// Fires what is due, and brings it to its sessions. Returns when to look again; `None` leaves that to the
/// next hint.
async fn look(host: &Host) -> Option<Timestamp> {
    let (why, next) = match fire(host).await {
        Ok((waiting, next)) => {
            match timeout(HAND_OVER_WITHIN, handover::hand_over(host, waiting)).await {
                Ok(Ok(())) => return next,
                Ok(Err(err)) => (chain(&err), next),
                Err(_) => ("the database does not answer".to_owned(), next),
            }
        }
        Err(err) => (chain(&err), None),
    };
    warn!(why, "tasks wait for the next look");
    let again = host.clock.now() + LOOK_AGAIN;
    Some(next.map_or(again, |it| it.min(again)))
}

/// Returns the slots that wait for their sessions, oldest first, and when the next slot comes.
async fn fire(host: &Host) -> Result<(Vec<Handover>, Option<Timestamp>), StoreError> {
    for _ in 0..ROUNDS_MAX {
        let now = host.clock.now();
        let read = move |central: &mut CentralStore| {
            let due = central.due_tasks(now, BATCH)?;
            let lost = central.lost_fires(now - LOST_AFTER)?;
            if !due.is_empty() || !lost.is_empty() {
                return Ok(Err((due, lost)));
            }
            // Slots that come during the look are still to be fired, and so are "next".
            Ok(Ok((central.handovers()?, central.earliest_slot(now)?)))
        };
        let (due, lost) = match host.central.read(read).await? {
            Ok(looked) => return Ok(looked),
            Err(work) => work,
        };
        if !due.is_empty() {
            let decided: Vec<Decided> = due.into_iter().map(|it| decide(it, now)).collect();
            let tasks = decided.len();
            let write = move |it: &mut CentralStore| it.fire(&decided, now);
            let fired = host.central.write("fires", write).await?;
            info!(tasks, fired = fired.len(), "tasks came due");
        }
        for key in lost {
            let end = move |it: &mut CentralStore| it.record_result(key, false, LOST, now);
            host.central.write("a lost fire", end).await?;
            warn!(fire = %key, "a task's slot is given up");
        }
    }
    Ok((host.central.read(|it| it.handovers()).await?, None))
}

fn decide((row, streak): (TaskRow, Streak), now: Timestamp) -> Decided {
    let task = &row.task;
    let plan = schedule::due(&task.rule, &task.zone, task.missed, row.accounted_until, now);
    if streak.rests(now) {
        let why = Some(format!("it rests after {} failures in a row", streak.failures));
        Decided { row, plan: plan.passed_over(), why }
    } else {
        Decided { row, plan, why: None }
    }
}
