//! Tells senders why a message that engaged an agent goes nowhere. Nobody else hears of it: what was
//! only context, and what unknown users write, leaves no answer.

use channel::Verdict;
use domain::message::Incoming;
use domain::plain::chain;
use store::{CentralStore, StoreError};
use tracing::warn;

use super::admit::Routing;
use crate::host::Host;

/// Whether the sender of a message hears of a refusal from the host, and not by the answer of the protocol.
pub(super) fn hears(host: &Host, message: &Incoming) -> bool {
    let caps = host.registration(&message.from.channel).map(|it| it.caps);
    caps.is_some_and(|it| !it.owner_only && !it.mute)
}

/// Tells the sender of a message, by the host's outbox. Where a sender waits for the answer of the
/// protocol, that is enough.
pub(super) async fn tell(host: &Host, message: &Incoming, why: &str) -> Result<(), StoreError> {
    if !hears(host, message) {
        return Ok(());
    }
    let (message, why, now) = (message.clone(), why.to_owned(), host.clock.now());
    let add = move |central: &mut CentralStore| central.add_refusal(&message, &why, now);
    host.central.write("a refusal", add).await.map(drop)
}

/// What becomes of an event that could not be stored: its sender is told where it engaged an agent.
pub(super) async fn unstored(host: &Host, routing: &Routing, why: &str) -> Verdict {
    let engaged = routing.targets().iter().map(|it| &it.1).find(|it| !it.is_context());
    let Some(command) = engaged else { return Verdict::Ignored };
    if let Err(err) = tell(host, command.message(), why).await {
        warn!(why = chain(&err), "a refusal was not stored");
    }
    Verdict::Refused(why.to_owned())
}
