//! Sends parts again or drops them: through the running host, which alone writes then, or else under
//! its lock.

use std::process::ExitCode;

use actors::admin::outbox::ordered_part;
use actors::admin::protocol::{KEYS_MAX, OrderedPart};
use domain::delivery::by_hand::{HostKey, Order};
use domain::time::{Clock, SystemClock};
use store::layout::Layout;
use store::{CentralStore, Ordered};

use super::{central, snippet};
use crate::admin::{self, Unanswered};
use crate::error::fail;
use crate::{home, lock, term};

pub(super) async fn perform(
    order: Order,
    keys: &[HostKey],
    as_json: bool,
    layout: &Layout,
) -> anyhow::Result<ExitCode> {
    let looks = looks(keys, layout)?;
    let mut done = Vec::with_capacity(keys.len());
    for some in keys.chunks(KEYS_MAX) {
        let names: Vec<String> = some.iter().map(ToString::to_string).collect();
        match admin::outbox(layout, order.as_str(), &names).await {
            Ok(parts) => done.extend(parts),
            Err(Unanswered::NotRunning) => done.extend(alone(order, some, layout)?),
            Err(err) => return Err(err.into_error(layout)),
        }
    }
    if as_json {
        term::json(&done)?;
        let all = done.iter().all(|it| it.why.is_none());
        return Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if done.is_empty() {
        term::out("nothing was given up");
    }
    for (part, look) in done.iter().zip(&looks).filter(|it| it.0.why.is_none()) {
        term::out(&line(order, part, look));
    }
    let refused = done.iter().filter_map(|it| Some(format!("{}: {}", it.key, it.why.as_ref()?)));
    let refused: Vec<String> = refused.collect();
    if refused.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(fail(refused.join("; "), "see `nanoclaw outbox list --all`"))
}

fn line(order: Order, part: &OrderedPart, look: &str) -> String {
    let key = &part.key;
    match (order, part.may_be_seen) {
        (Order::Retry, false) => format!("{key} is sent again {look}"),
        (Order::Retry, true) => format!("{key} is sent again, marked as a possible repeat, {look}"),
        (Order::Drop, false) => format!("{key} was dropped {look}"),
        (Order::Drop, true) => format!("{key} was dropped, and may have been seen already, {look}"),
    }
}

/// Which chat each part is for, and how it begins.
fn looks(keys: &[HostKey], layout: &Layout) -> anyhow::Result<Vec<String>> {
    let central = central(layout)?;
    let look = |key: &HostKey| {
        let part = central.part(key)?;
        Ok(part.map(|it| format!("(to {}: {})", it.sent.chat, snippet(&it))).unwrap_or_default())
    };
    keys.iter().map(look).collect()
}

/// No host runs, and none can start meanwhile.
fn alone(order: Order, keys: &[HostKey], layout: &Layout) -> anyhow::Result<Vec<OrderedPart>> {
    let _lock = lock::take(layout)?;
    let mut central = home::central(layout)?;
    let mut done = Vec::with_capacity(keys.len());
    for key in keys {
        done.push(ordered_part(&key.to_string(), one(order, key, &mut central)?));
    }
    Ok(done)
}

fn one(order: Order, key: &HostKey, central: &mut CentralStore) -> anyhow::Result<Ordered> {
    let answers = central.order_parts(std::slice::from_ref(key), order, SystemClock.now())?;
    Ok(answers.into_iter().next().unwrap_or_else(|| Err("nothing was done".to_owned())))
}
