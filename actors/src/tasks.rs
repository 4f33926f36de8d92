//! Fires tasks: writes down which slots came, and brings each to its session.
//!
//! Called by the sweep, in tasks of its own: one look at a time, and one handover at a time for each
//! agent and chat ([`Lane`]), so that a session that does not answer delays only what is for its chat. Every step is a commit of its own and
//! changes nothing the second time, so a look may end anywhere; the next one goes on. How a slot ends
//! its session says (`session/tasks.rs`).
//!
//! Invariants
//! - A slot is in the central database before any session hears of it, and goes to one session.
//! - A task of a stopped agent waits as if the host slept; its policy decides when it is resumed.
//! - A look waits for no session.

pub(crate) mod handover;

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
/// Deadline for one slot on its way to its session.
const HANDOVER_WITHIN: Duration = Duration::from_secs(20);
/// A slot without an end for so long has none: its session is gone. Longer than any message lives.
const LOST_AFTER: Duration = DEADLINE.saturating_mul(2);
/// Why it has no result.
const LOST: &str = "its conversation never came to an end with it";

/// What a look found.
#[derive(Debug, Default)]
pub struct Looked {
    /// Slots that wait for their sessions, oldest first.
    pub(crate) waiting: Vec<Handover>,
    /// When the next slot comes; `None` leaves it to the next tick.
    pub(crate) next: Option<Timestamp>,
}

/// Fires what is due.
pub(crate) async fn look(host: &Host) -> Looked {
    fire(host).await.unwrap_or_else(|err| {
        warn!(why = chain(&err), "tasks are left for the next sweep");
        Looked::default()
    })
}

/// Hands slots of one lane over, in their order. Returns whether all have arrived; else they wait.
pub(crate) async fn hand_over(host: &Host, slots: Vec<Handover>) -> bool {
    for slot in slots {
        let key = slot.fire.key;
        let why = match timeout(HANDOVER_WITHIN, handover::hand_over(host, slot)).await {
            Ok(Ok(())) => continue,
            Ok(Err(err)) => chain(&err),
            Err(_) => "its session does not answer".to_owned(),
        };
        warn!(fire = %key, why, "a task's slot waits for the next look");
        return false;
    }
    true
}

async fn fire(host: &Host) -> Result<Looked, StoreError> {
    for _ in 0..ROUNDS_MAX {
        let now = host.clock.now();
        let read = move |central: &mut CentralStore| {
            let due = central.due_tasks(now, BATCH)?;
            let lost = central.lost_fires(now - LOST_AFTER)?;
            if !due.is_empty() || !lost.is_empty() {
                return Ok(Err((due, lost)));
            }
            // Slots that come during the look are still to be fired, and so are "next".
            Ok(Ok(Looked { waiting: central.handovers()?, next: central.earliest_slot(now)? }))
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
    Ok(Looked { waiting: host.central.read(|it| it.handovers()).await?, next: None })
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
