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
    let parsed: Vec<Option<HostKey>> = keys.iter().map(|it| HostKey::parse(it)).collect();
    let (asked, now) = (parsed.iter().flatten().cloned().collect::<Vec<_>>(), host.clock.now());
    let execute = move |central: &mut CentralStore| central.order_parts(&asked, order, now);
    let answers = match timeout(WITHIN, host.central.write("an order", execute)).await {
        Ok(answers) => answers.map_err(|err| chain(&err)),
        Err(_) => Err(GONE.to_owned()),
    };
    // One for each key that is one, in their order.
    let mut answers = answers.map(Vec::into_iter);
    let parts = keys.iter().zip(parsed).map(|(key, parsed)| {
        let answer = match (parsed, &mut answers) {
            (None, _) => Err("it is no key of a part".to_owned()),
            (Some(_), Ok(answers)) => answers.next().unwrap_or_else(|| Err(GONE.to_owned())),
            (Some(_), Err(why)) => Err(why.clone()),
        };
        ordered_part(key, answer)
    });
    Response::Outbox { parts: parts.collect() }
}

/// As it goes over the socket.
pub fn ordered_part(key: &str, answer: Ordered) -> OrderedPart {
    let (was, may_be_seen, why) = match answer {
        Ok(done) => (Some(done.was.as_str().to_owned()), done.may_be_seen, None),
        Err(why) => (None, false, Some(why)),
    };
    OrderedPart { key: key.to_owned(), was, may_be_seen, why }
}
