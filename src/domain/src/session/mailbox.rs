//! What a session does about a database of its runner that cannot be read. Nothing but the container
//! depends on it: what is to be delivered, deadlines and notices go on.

use super::{Effect, Limits, View, Waiting, release};
use crate::time::Timestamp;

/// The state of the database that the runner writes, as far as the host can read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mailbox {
    #[default]
    Sound,
    /// Its writer died in mid-transaction; only a runner can recover it.
    NeedsRunner,
    /// It cannot be read right now.
    Busy,
    /// It is not what a runner writes, for this reason.
    Damaged(String),
}

/// What the last incarnation had in hand stands in the damaged database alone. So the first message
/// counts as claimed by it: its chat is told, and one that every container ends like this on is given up.
pub(super) fn quarantine(view: &View, limits: &Limits, now: Timestamp) -> Vec<Effect> {
    let first = view.waiting.first().zip(view.launches.last);
    let first = first.filter(|it| view.stopped_incarnation < it.1);
    let released =
        first.map(|(head, by)| release(&Waiting { claim: Some(by), ..head.clone() }, limits, now));
    // First what notes why, which the release tells.
    [Effect::Quarantine].into_iter().chain(released).collect()
}
