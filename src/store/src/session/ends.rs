//! How messages end: by the runner's word, as far as something stands behind it.

use domain::MessageSeq;
use domain::history::EventKind;
use domain::message::{Claim, Outcome};
use domain::texts::notices;
use domain::time::Timestamp;
use rusqlite::params;
use serde_json::json;

use super::messages::{MessageOutcome, conclude};
use super::{Scope, parts, tasks};
use crate::central::events;
use crate::outbox::PartKind;
use crate::row::{only, run};

/// Ends a message as its claim says. `None` where it has ended before.
pub(super) fn end(
    tx: Scope<'_>,
    claim: &Claim,
    now: Timestamp,
) -> rusqlite::Result<Option<(MessageSeq, Outcome)>> {
    let Some((outcome, reason)) = &claim.outcome else { return Ok(None) };
    // Only a task may end in silence; a user hears at least that there is nothing to hear. The
    // container's word that it answered is not enough.
    let says_nothing = *outcome == Outcome::Silent || !is_answered(tx, claim)?;
    let is_mute = says_nothing && !tasks::is_task(tx, claim.message)?;
    let (outcome, reason) = if is_mute {
        (Outcome::Failed, "the agent said nothing")
    } else {
        (*outcome, reason.as_str())
    };
    let reply = claim.reply.map(|it| it.0);
    let end = MessageOutcome { outcome, reason, reply };
    if !conclude(tx, claim.message, &end, now)? {
        return Ok(None);
    }
    if let Some(cost) = claim.cost {
        let about = (Some(tx.session), Some(claim.message.0));
        events::add(&tx, EventKind::Cost, about, "", &json!({ "micros": cost.micros() }), now)?;
    }
    if is_mute {
        let text = notices::SAID_NOTHING;
        parts::add_notice(tx, "mute", claim.message, PartKind::Notice, text, now)?;
    }
    let sql = "UPDATE launch SET answered = answered + 1 WHERE session = ?1 AND incarnation = ?2";
    run(&tx, sql, [tx.session, claim.incarnation.0])?;
    Ok(Some((claim.message, outcome)))
}

/// Whether something stands behind a claim that says so: a part of its reply to this message or a later one
/// of the same chat and thread, or of anything that the agent said about it. What was said about an earlier
/// one was said without knowing of this.
fn is_answered(tx: Scope<'_>, claim: &Claim) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM part p
                              JOIN message c ON c.session = p.session AND c.seq = p.cause
                              JOIN message m ON m.session = p.session AND m.seq = ?3
                                  AND m.channel = c.channel AND m.account = c.account
                                  AND m.chat = c.chat AND m.thread IS c.thread
                                  AND m.seq <= c.seq
                              WHERE p.session = ?1 AND p.out_seq = ?2)
                   OR EXISTS (SELECT 1 FROM part WHERE session = ?1 AND cause = ?3
                                  AND out_seq IS NOT NULL)";
    only(&tx, sql, params![tx.session, claim.reply.map(|it| it.0), claim.message.0])
}
