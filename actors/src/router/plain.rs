//! The short way of nearly all messages: no command, no answer, no code, nobody to ask. What is known
//! about them is read, they are decided on and stored, and the cursor is moved, in one commit.

use std::collections::VecDeque;

use channel::{Event, Verdict};
use domain::admission::AgentDecision;
use domain::command;
use domain::message::{Incoming, refusal};
use domain::plain::chain;
use domain::question::Typed;
use domain::task::FireKey;
use store::{CentralStore, StoreError};
use tracing::warn;

use super::admission_snapshot::{AdmissionSnapshot, Viewpoint};
use super::admit::{Routing, admitted};
use super::{Position, refusals, storing};
use crate::host::Host;

/// What is decided on in one commit; nobody else writes meanwhile. More than a platform gives at once.
const MESSAGES_MAX: usize = 128;
const BYTES_MAX: usize = 256 * 1024;

/// Stores the messages that `events` begins with, as far as they are plain, and takes them out. The
/// cursor moves if nothing is left. `None` when that fails: all are left, and one of them may be why.
pub(super) async fn store(
    host: &Host,
    events: &mut VecDeque<Event>,
    owner_only: bool,
    cursor: Option<Position>,
) -> Option<Vec<Verdict>> {
    let message = |event: &Event| match event {
        Event::Message(message) if command::parse(&message.body.text).is_none() => {
            Some(message.clone())
        }
        Event::Message(_) | Event::Click(_) | Event::Moved { .. } | Event::Reachable(_) => None,
    };
    let mut bytes = 0;
    let has_room = |incoming: &Incoming| {
        bytes += incoming.body.text.len();
        bytes <= BYTES_MAX
    };
    let messages = events.iter().take(MESSAGES_MAX).map_while(message).take_while(has_room);
    let messages: Vec<Incoming> = messages.collect();
    let Some(first) = messages.first() else { return Some(vec![]) };
    let view = Viewpoint::new(host, first, owner_only);
    let (count, hears) = (events.len(), refusals::hears(host, first));
    let write = move |central: &mut CentralStore| {
        let mut routings = Vec::new();
        for message in &messages {
            let Some(routing) = decide(central, message, view)? else { break };
            let is_refused = storing::each(central, routing.targets(), hears, view.now)?;
            routings.push((routing, is_refused));
        }
        if let Some(position) = cursor.filter(|_| routings.len() == count) {
            central.set_cursor(position.channel, &position.account, &position.value)?;
        }
        Ok(routings)
    };
    match host.central.write("a message", write).await {
        Ok(routings) => {
            events.drain(..routings.len());
            let verdicts = routings.iter().map(|it| it.0.verdict(it.1)).collect();
            let targets = routings.iter().flat_map(|it| it.0.targets());
            storing::wake(host, targets.cloned().collect());
            Some(verdicts)
        }
        Err(err) => {
            warn!(why = chain(&err), "each message is stored on its own");
            None
        }
    }
}

/// `None` when more than the message has to be dealt with.
fn decide(
    central: &mut CentralStore,
    message: &Incoming,
    view: Viewpoint,
) -> Result<Option<Routing>, StoreError> {
    let snapshot = AdmissionSnapshot::read(central, message, view)?;
    let is_special = message.platform_id.starts_with(FireKey::PREFIX)
        || snapshot.pairing_open
        || snapshot.has_answered
        || snapshot.typed != Typed::Message
        || (message.files.is_empty() && refusal(&message.body.text).is_some());
    if is_special {
        return Ok(None);
    }
    let admission = snapshot.admission(message, view.now);
    if admission.refuse.is_some() || admission.ask.is_some() {
        return Ok(None);
    }
    if let Some(why) = admission.dropped {
        central.record_drop(&message.from, &message.body.sender, why.as_str(), view.now)?;
    }
    let taking: Vec<&AgentDecision> = admission.decisions.iter().filter(|it| it.takes()).collect();
    if taking.is_empty() {
        return Ok(Some(Routing::Done(Verdict::Ignored)));
    }
    let mut targets = Vec::with_capacity(taking.len());
    for decision in taking {
        let (_, row) = snapshot.put_session(central, message, decision, view.now)?;
        targets.push((row, admitted(message, &snapshot, decision)));
    }
    Ok(Some(Routing::Store(targets)))
}
