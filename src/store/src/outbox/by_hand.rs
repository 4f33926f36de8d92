//! What a person does to a part: sends it again, or lets it go.

use domain::delivery::PartKey;
use domain::delivery::by_hand::{Order, Standing, permit};
use domain::time::Timestamp;
use rusqlite::params;

use crate::reasons::DROPPED_BY_HAND;
use crate::row::{enum_column, one};
use crate::session::Scope;

enum_column!(Standing);

/// What became of an order; an error says why nothing did.
pub type Ordered = Result<Done, String>;

/// An order that was followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    pub was: Standing,
    /// Its reader may have it already; it is marked as a possible repeat.
    pub may_be_seen: bool,
}

/// Does what a person says, with the caller's transaction.
pub(crate) fn order(
    tx: Scope<'_>,
    key: &PartKey,
    order: Order,
    now: Timestamp,
) -> rusqlite::Result<Ordered> {
    let sql = "SELECT state, was_uncertain FROM part WHERE session = ?1 AND key = ?2";
    let Some((was, may_be_seen)) = one(&tx, sql, params![tx.session, key.0])? else {
        return Ok(Err("there is no such part".to_owned()));
    };
    if let Err(why) = permit(order, was) {
        return Ok(Err(why.to_owned()));
    }
    match order {
        // From the start, but a part that was uncertain once stays marked.
        Order::Retry => tx.execute(
            "UPDATE part SET state = 'ready', retry_at = 0, tries = 0, misses = 0, uncertain_attempts = 0,
                    reason = NULL, unreported = NULL, changed_at = ?3 WHERE session = ?1 AND key = ?2",
            params![tx.session, key.0, now.0],
        )?,
        Order::Drop => tx.execute(
            "UPDATE part SET state = 'dead', retry_at = 0, unreported = 0, reason = ?4,
                    changed_at = ?3 WHERE session = ?1 AND key = ?2",
            params![tx.session, key.0, now.0, DROPPED_BY_HAND],
        )?,
    };
    Ok(Ok(Done { was, may_be_seen }))
}
