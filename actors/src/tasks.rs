//! Fires tasks: writes down which slots came, and brings each to its session.
//!
//! Called by the sweep, in a task of its own, one look at a time. Every step is a commit of its own and
//! changes nothing the second time, so a look may end anywhere; the next one goes on. How a slot ends
//! its session says (`session/tasks.rs`).
//!
//! Invariants
//! - A slot is in the central database before any session hears of it, and goes to one session.
//! - A task of a stopped agent waits as if the host slept; its policy decides when it is resumed.
//! - One session that does not answer holds up no other.

mod handover;

use std::time::Duration;

use domain::session::DEADLINE;
use domain::task::words;
use domain::time::Timestamp;
use futures_util::StreamExt;
use futures_util::stream;
use store::{CentralStore, Decided, DueTask, StoreError};
use tracing::{info, warn};

use crate::host::Host;
use crate::sessions::child::chain;

/// Tasks that are read at once.
const BATCH: u32 = 200;
/// Rounds of one look; what is left then is due all the same, and the next look goes on.
const ROUNDS_MAX: usize = 50;
/// Slots that are on their way to sessions at the same time.
const AT_ONCE: usize = 16;
/// A slot without an end for so long has none: its session is gone. Longer than any message lives.
const LOST_AFTER: Duration = DEADLINE.saturating_mul(2);
/// Why it has no result.
const LOST: &str = "its conversation never came to an end with it";

/// Fires what is due, hands over what has fired. Returns when the next slot comes; `None` leaves it to
/// the next tick.
pub(crate) async fn look(host: &Host) -> Option<Timestamp> {
    let looked = async {
        fire_due(host).await?;
        bury_lost(host).await?;
        let waiting = host.central.read(|central| central.handovers()).await?;
        stream::iter(waiting)
            .for_each_concurrent(AT_ONCE, |it| async move {
                let key = it.fire.key;
                if let Err(why) = handover::hand_over(host, it).await {
                    warn!(fire = %key, why, "a task's slot waits for the next look");
                }
            })
            .await;
        let now = host.clock.now();
        host.central.read(move |central| central.earliest_slot(now)).await
    };
    match looked.await {
        Ok(next) => next,
        Err(err) => {
            warn!(why = chain(&err), "tasks are left for the next sweep");
            None
        }
    }
}

async fn fire_due(host: &Host) -> Result<(), StoreError> {
    for _ in 0..ROUNDS_MAX {
        let now = host.clock.now();
        let due = host.central.read(move |central| central.due_with_streaks(now, BATCH)).await?;
        if due.is_empty() {
            break;
        }
        let decided: Vec<Decided> = due.into_iter().map(|it| decide(it, now)).collect();
        let tasks = decided.len();
        let write = move |it: &mut CentralStore| it.fire(&decided, now);
        let fired = host.central.write("fires", write).await?;
        info!(tasks, fired = fired.len(), "tasks came due");
    }
    Ok(())
}

fn decide(due: DueTask, now: Timestamp) -> Decided {
    let DueTask { row, streak } = due;
    let it = &row.task;
    let plan = schedule::due(&it.rule, &it.zone, it.missed, row.accounted_until, now);
    if streak.rests(now) {
        Decided::passes(row, plan, words::resting(streak.failures))
    } else {
        Decided::fires(row, plan)
    }
}

/// Ends what nobody will end any more.
async fn bury_lost(host: &Host) -> Result<(), StoreError> {
    let now = host.clock.now();
    let millis = i64::try_from(LOST_AFTER.as_millis()).unwrap_or(i64::MAX);
    let before = Timestamp(now.0.saturating_sub(millis));
    for key in host.central.read(move |central| central.lost_fires(before)).await? {
        let end = move |it: &mut CentralStore| it.record_result(key, false, LOST, None, now);
        host.central.write("a lost fire", end).await?;
        warn!(fire = %key, "a task's slot is given up");
    }
    Ok(())
}
