//! Does to parts of the outbox what a user says.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::SessionId;
use domain::delivery::PartKey;
use domain::delivery::by_hand::{HostKey, Order};
use store::{CentralStore, Ordered};
use tokio::time::timeout;

use super::protocol::{KEYS_MAX, OrderedPart, Response};
use crate::host::Host;
use crate::reception::ReceptionMessage;
use crate::sessions::SessionsMessage;
use crate::sessions::child::chain;

/// A commit takes milliseconds; a busy disk a little longer.
const WITHIN: Duration = Duration::from_secs(8);

/// Answers for each key, in their order.
pub async fn perform(host: &Host, order: &str, keys: &[String]) -> Response {
    let Some(order) = Order::parse(order) else {
        return Response::Failed { why: format!("`{order}` is no order for parts") };
    };
    if KEYS_MAX < keys.len() {
        return Response::Failed { why: format!("at most {KEYS_MAX} parts at a time") };
    }
    let mut by_owner: BTreeMap<Option<SessionId>, Vec<PartKey>> = BTreeMap::new();
    for key in keys.iter().filter_map(|it| HostKey::parse(it)) {
        by_owner.entry(key.session).or_default().push(key.part);
    }
    let mut done: BTreeMap<HostKey, Ordered> = BTreeMap::new();
    for (session, parts) in by_owner {
        let answers = ask(host, session, parts.clone(), order).await;
        for (index, part) in parts.into_iter().enumerate() {
            let answer = match &answers {
                Ok(answers) => answers.get(index).cloned().unwrap_or_else(|| Err(GONE.to_owned())),
                Err(why) => Err(why.clone()),
            };
            done.insert(HostKey { session, part }, answer);
        }
    }
    let parts = keys.iter().map(|key| {
        let answer = HostKey::parse(key).and_then(|it| done.get(&it).cloned());
        ordered_part(key, answer.unwrap_or_else(|| Err("it is no key of a part".to_owned())))
    });
    Response::Outbox { parts: parts.collect() }
}

const GONE: &str = "the host gave no answer; try again";

async fn ask(
    host: &Host,
    session: Option<SessionId>,
    keys: Vec<PartKey>,
    order: Order,
) -> Result<Vec<Ordered>, String> {
    let now = host.clock.now();
    let obey = move |central: &mut CentralStore| match session {
        Some(id) => central.rows(id).order(&keys, order, now),
        None => central.order_parts(&keys, order, now),
    };
    let done = timeout(WITHIN, host.central.write("an order", obey)).await;
    let done = done.map_err(|_| GONE.to_owned())?.map_err(|err| chain(&err))?;
    match session {
        Some(id) => {
            let found = host.central.read(move |central| central.session(id)).await;
            if let Some(row) = found.map_err(|err| chain(&err))? {
                host.peers.sessions.cast(SessionsMessage::Woken { row, from: None });
            }
        }
        None => host.peers.reception.cast(ReceptionMessage::Look),
    }
    Ok(done)
}

/// As it goes over the socket.
#[must_use]
pub fn ordered_part(key: &str, answer: Ordered) -> OrderedPart {
    let key = key.to_owned();
    match answer {
        Ok(done) => OrderedPart {
            key,
            was: Some(done.was.as_str().to_owned()),
            may_be_seen: done.may_be_seen,
            why: None,
        },
        Err(why) => OrderedPart { key, was: None, may_be_seen: false, why: Some(why) },
    }
}
