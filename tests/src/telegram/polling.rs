//! `getUpdates` with the server's rules (`do_get_updates` in its `Client.cpp`).

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::State;
use super::call::{Call, Outcome, Refusal};
use super::state::Inner;

/// The server takes an offset that is further ahead for one of another numbering.
const AHEAD_MAX: i64 = 10;

pub(super) async fn get_updates(state: &State, call: &Call) -> Outcome {
    let offset = call.number("offset").unwrap_or_default();
    let limit = usize::try_from(call.number("limit").unwrap_or(100)).unwrap_or(100).clamp(1, 100);
    let wait = u64::try_from(call.number("timeout").unwrap_or_default()).unwrap_or_default();
    let until = Instant::now() + Duration::from_secs(wait.min(50));
    let asked = call.value("allowed_updates")?;
    let asked: Option<Vec<String>> = asked.and_then(|it| serde_json::from_value(it).ok());
    let mut mine = None;
    let ended = state.lock().polls_ended;
    loop {
        let news = state.news.notified();
        tokio::pin!(news);
        // Registered before the look, so that an update in between is not missed.
        news.as_mut().enable();
        if let Some(outcome) = look(state, offset, limit, wait, (asked.as_ref(), &mut mine)) {
            return outcome;
        }
        let is_over = state.lock().polls_ended != ended;
        if is_over || timeout_at(until, news).await.is_err() {
            return Ok(Value::Array(Vec::new()));
        }
    }
}

/// `None` while there is nothing to tell.
fn look(
    state: &State,
    offset: i64,
    limit: usize,
    wait: u64,
    (asked, mine): (Option<&Vec<String>>, &mut Option<u64>),
) -> Option<Outcome> {
    let mut inner = state.lock();
    if mine.is_none()
        && let Some(refusal) = inner.polls_refused.pop_front()
    {
        return Some(Err(refusal));
    }
    if !inner.webhook.is_empty() {
        let why = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook \
                   to delete the webhook first";
        return Some(Err(Refusal::new(409, why)));
    }
    if mine.is_some_and(|it| it != inner.polls) {
        let why = "Conflict: terminated by other getUpdates request; make sure that only one bot \
                   instance is running";
        return Some(Err(Refusal::new(409, why)));
    }
    if mine.is_none()
        && let Some(kinds) = asked
    {
        inner.allowed = Some(kinds.clone()).filter(|it| !it.is_empty());
    }
    forget(&mut inner, offset);
    let batch: Vec<Value> = inner.updates.iter().take(limit).map(|it| it.1.clone()).collect();
    if !batch.is_empty() || wait == 0 {
        return Some(Ok(Value::Array(batch)));
    }
    if mine.is_none() {
        // The one that waited until now is told to end.
        inner.polls += 1;
        *mine = Some(inner.polls);
        drop(inner);
        state.news.notify_waiters();
    }
    None
}

fn forget(inner: &mut Inner, offset: i64) {
    if offset < 0 {
        let keep = usize::try_from(-offset).unwrap_or(usize::MAX);
        let away = inner.updates.len().saturating_sub(keep);
        inner.updates.drain(..away);
    } else if offset <= inner.next_update + AHEAD_MAX {
        inner.updates.retain(|(number, _)| offset <= *number);
    }
}
