//! Tells senders why a message that engaged an agent goes nowhere. Nobody else hears of it: what was
//! only context, and what unknown users write, leaves no answer.

use channel::Verdict;
use domain::admission::{Admission, Decision};
use domain::message::{Admitted, InboundKind, Incoming};
use domain::plain::chain;
use store::{CentralStore, StoreError};
use tracing::warn;

use super::admit::Routing;
use super::storing::SessionCommand;
use crate::host::Host;

/// A message that cannot be stored: its sender is told where it engaged an agent.
pub(super) async fn refuse(
    host: &Host,
    message: &Incoming,
    admission: &Admission,
    why: String,
) -> Result<Routing, StoreError> {
    if !admission.decisions.iter().any(|it| matches!(it.decision, Decision::Engage(_))) {
        return Ok(Routing::Done(Verdict::Ignored));
    }
    tell(host, message, &why).await?;
    Ok(Routing::Done(Verdict::Refused(why)))
}

/// Tells the sender of a message, by the host's outbox. Where a sender waits for the answer of the
/// protocol, that is enough.
pub(super) async fn tell(host: &Host, message: &Incoming, why: &str) -> Result<(), StoreError> {
    let waits = host.registration(&message.from.channel).map(|it| it.caps);
    if waits.is_none_or(|it| it.owner_only || it.mute) {
        return Ok(());
    }
    let (message, why, now) = (message.clone(), why.to_owned(), host.clock.now());
    let add = move |central: &mut CentralStore| central.add_refusal(&message, &why, now);
    host.central.write("a refusal", add).await.map(drop)
}

/// What becomes of an event of a batch that could not be stored.
pub(super) async fn unstored(host: &Host, engaged: Option<&Incoming>, why: &str) -> Verdict {
    let Some(message) = engaged else { return Verdict::Ignored };
    if let Err(err) = tell(host, message, why).await {
        warn!(why = chain(&err), "a refusal was not stored");
    }
    Verdict::Refused(why.to_owned())
}

/// The message of an event, where it engaged an agent.
pub(super) fn engaged(routing: &Routing) -> Option<Incoming> {
    routing.targets().iter().find_map(|(_, command)| match command {
        SessionCommand::Message(Admitted { kind: InboundKind::Context, .. })
        | SessionCommand::Task(_) => None,
        SessionCommand::Message(admitted) => Some(admitted.message.clone()),
        SessionCommand::Reply(message, _)
        | SessionCommand::Status(message)
        | SessionCommand::Stop(message) => Some(message.clone()),
    })
}
