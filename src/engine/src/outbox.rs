//! Does to parts of the outbox what a user says.

use std::time::Duration;

use domain::delivery::by_hand::{HostKey, Order};
use domain::plain::chain;
use store::{CentralStore, Ordered};
use tokio::time::timeout;

use crate::host::Host;
use crate::protocol::{KEYS_MAX, OrderedPart, Response};

/// A commit takes milliseconds; a busy disk a little longer.
const WITHIN: Duration = Duration::from_secs(8);
const GONE: &str = "the host gave no answer; try again";

/// Answers for each key, in their order.
pub async fn perform(host: &Host, order: &str, keys: &[String]) -> Response {
    let Some(order) = Order::parse(order) else {
        return Response::Failed { why: format!("`{order}` is no order for parts") };
    };
    if KEYS_MAX < keys.len() {
        return Response::Failed { why: format!("at most {KEYS_MAX} parts at a time") };
    }
    let found: Vec<HostKey> = keys.iter().filter_map(|it| HostKey::parse(it)).collect();
    let (asked, now) = (found.clone(), host.clock.now());
    let execute = move |central: &mut CentralStore| central.order_parts(&asked, order, now);
    let answers = match timeout(WITHIN, host.central.write("an order", execute)).await {
        Ok(answers) => answers.map_err(|err| chain(&err)),
        Err(_) => Err(GONE.to_owned()),
    };
    let answer = |key: &String| -> Ordered {
        let key = HostKey::parse(key).ok_or("it is no key of a part")?;
        let at = found.iter().position(|it| *it == key);
        let answers = answers.as_ref().map_err(Clone::clone)?;
        at.and_then(|at| answers.get(at).cloned()).unwrap_or_else(|| Err(GONE.to_owned()))
    };
    Response::Outbox { parts: keys.iter().map(|key| ordered_part(key, answer(key))).collect() }
}

/// As it goes over the socket.
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
