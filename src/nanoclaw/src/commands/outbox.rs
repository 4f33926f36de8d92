//! `nanoclaw outbox`: parts on their way, and what people do to them.

mod order;

use std::process::ExitCode;
use std::time::Duration;

use domain::delivery::by_hand::{HostKey, Order, Standing};
use domain::message::Address;
use domain::time::{Clock, SystemClock, Timestamp};
use domain::trace::Sent;
use operations::OperationError;
use serde_json::{Value, json};
use store::CentralStore;
use store::layout::Layout;
use store::reading::{PartFilter, PartRow};

use super::operation::hinted;
use crate::args::OutboxCommand;
use crate::error::fail;
use crate::{home, install, term};

/// Characters of what a part says in a list.
const SNIPPET_CHARS: usize = 40;

pub(super) async fn perform(command: OutboxCommand, layout: &Layout) -> anyhow::Result<ExitCode> {
    match command {
        OutboxCommand::List { all, dead, chat, json } => {
            let filter = match (all, dead) {
                (true, _) => PartFilter::All,
                (false, true) => PartFilter::Dead,
                (false, false) => PartFilter::Unsent,
            };
            list(filter, chat.as_deref(), json, layout)?;
        }
        OutboxCommand::Show { key, json } => show(&key, json, layout)?,
        OutboxCommand::Retry { keys, all_dead, json } => {
            let keys = if all_dead { dead(layout)? } else { keys };
            return order::perform(Order::Retry, &keys, json, layout).await;
        }
        OutboxCommand::Drop { keys, json } => {
            return order::perform(Order::Drop, &keys, json, layout).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The central database, for looking only.
pub(super) fn central(layout: &Layout) -> anyhow::Result<CentralStore> {
    let central = home::central(layout)?;
    install::ensure_defaults(&central)?;
    Ok(central)
}

fn dead(layout: &Layout) -> anyhow::Result<Vec<HostKey>> {
    let parts = central(layout)?.parts(PartFilter::Dead)?;
    Ok(parts.into_iter().map(|it| it.sent.key).collect())
}

fn list(
    filter: PartFilter,
    chat: Option<&str>,
    as_json: bool,
    layout: &Layout,
) -> anyhow::Result<()> {
    let central = central(layout)?;
    let mut parts = central.parts(filter)?;
    if let Some(chat) = chat {
        only_of(chat, &mut parts, &central)?;
    }
    if as_json {
        return term::json(&parts.iter().map(|it| json_of(it, snippet(it))).collect::<Vec<_>>());
    }
    if parts.is_empty() {
        term::out("nothing waits, and nothing was given up");
        return Ok(());
    }
    let now = SystemClock.now();
    let head = ["KEY", "STATE", "AGE", "AGENT", "CHAT", "TRIES", "NEXT", "WHY", "TEXT"];
    let rows = parts.iter().map(|it| row(it, now).to_vec());
    let head = head.map(str::to_owned).to_vec();
    term::out(&term::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>()));
    Ok(())
}

/// Leaves the parts of one chat, which may be named by its platform's bare id too.
fn only_of(chat: &str, parts: &mut Vec<PartRow>, central: &CentralStore) -> anyhow::Result<()> {
    match operations::find_chat(chat, central) {
        Ok(found) => {
            let at = found.address;
            let place = |it: &Address| (it.channel.clone(), it.account.clone(), it.chat.clone());
            parts.retain(|it| place(&it.to) == place(&at));
            Ok(())
        }
        Err(err) => {
            let is_unknown = matches!(err, OperationError::NotFound { .. });
            // The host may have written to people in chats that it never heard of.
            let has_id = central.chats()?.iter().any(|it| is_at(&it.address, chat))
                || central.parts(PartFilter::All)?.iter().any(|it| is_at(&it.to, chat));
            if !is_unknown || !has_id {
                return hinted(Err(err));
            }
            parts.retain(|it| is_at(&it.to, chat));
            Ok(())
        }
    }
}

/// Whether a text is the platform's id of a chat.
fn is_at(address: &Address, text: &str) -> bool {
    let Address { channel, chat, .. } = address;
    let text = text.trim();
    text == chat || text == format!("{channel}:{chat}")
}

fn row(part: &PartRow, now: Timestamp) -> [String; 9] {
    let sent = &part.sent;
    let next = match sent.standing {
        Standing::Unsent | Standing::Uncertain if now < sent.retry_at => {
            format!("in {}", age(sent.retry_at.since(now)))
        }
        Standing::Ready if sent.held => "after quiet".to_owned(),
        Standing::Unsent | Standing::Uncertain | Standing::Ready => "now".to_owned(),
        Standing::Claimed | Standing::Sent | Standing::Dead => "-".to_owned(),
    };
    [
        sent.key.to_string(),
        state(sent).to_owned(),
        age(now.since(sent.created_at.unwrap_or(sent.changed_at))),
        if part.agent.is_empty() { "-".to_owned() } else { part.agent.clone() },
        sent.chat.clone(),
        (sent.tries + sent.misses).to_string(),
        next,
        why(sent),
        snippet(part),
    ]
}

fn state(sent: &Sent) -> &'static str {
    if is_held(sent) { "held" } else { sent.standing.as_str() }
}

fn why(sent: &Sent) -> String {
    match sent.reason.as_str() {
        "" if is_held(sent) => "quiet hours of its reader".to_owned(),
        "" => "-".to_owned(),
        reason => one_line(reason),
    }
}

fn is_held(sent: &Sent) -> bool {
    sent.held && sent.standing == Standing::Ready
}

/// The beginning of what it says, in one line.
fn snippet(part: &PartRow) -> String {
    let text = one_line(&part.text);
    if text.chars().count() <= SNIPPET_CHARS {
        return text;
    }
    let cut: String = text.chars().take(SNIPPET_CHARS - 1).collect();
    format!("{cut}…")
}

/// Nothing that a terminal would take for an order.
fn one_line(text: &str) -> String {
    let plain = text.chars().map(|it| if it.is_control() { ' ' } else { it });
    plain.collect::<String>().trim().to_owned()
}

fn age(duration: Duration) -> String {
    match duration.as_secs() {
        secs @ 0..120 => format!("{secs} s"),
        secs @ 120..7_200 => format!("{} min", secs / 60),
        secs @ 7_200..172_800 => format!("{} h", secs / 3_600),
        secs => format!("{} d", secs / 86_400),
    }
}

fn json_of(part: &PartRow, text: String) -> Value {
    let (sent, to) = (&part.sent, &part.to);
    let ms = |at: Option<Timestamp>| at.map(|it| it.0);
    json!({
        "key": sent.key.to_string(),
        "state": sent.standing.as_str(),
        "held_for_quiet_hours": is_held(sent),
        "agent": part.agent,
        "chat": {
            "channel": to.channel, "account": to.account, "id": to.chat, "thread": to.thread,
            "title": part.title,
        },
        "kind": sent.kind,
        "form": sent.form,
        "tries": sent.tries,
        "unanswered": sent.misses,
        "may_be_seen_twice": sent.was_uncertain,
        "retry_at_ms": (sent.retry_at.0 != 0).then_some(sent.retry_at.0),
        "created_at_ms": ms(sent.created_at),
        "claimed_at_ms": ms(sent.claimed_at),
        "sent_at_ms": ms(sent.sent_at()),
        "changed_at_ms": sent.changed_at.0,
        "platform_id": sent.platform_id,
        "reason": sent.reason,
        "cause": part.cause.zip(sent.key.session).map(|(seq, session)| format!("{session}.{seq}")),
        "text": text,
    })
}

fn show(key: &HostKey, as_json: bool, layout: &Layout) -> anyhow::Result<()> {
    let Some(part) = central(layout)?.part(key)? else {
        return Err(fail(format!("there is no part {key}"), "see `nanoclaw outbox list --all`"));
    };
    if as_json {
        return term::json(&json_of(&part, part.text.clone()));
    }
    let [key, state, age, agent, chat, tries, next, why, _] = row(&part, SystemClock.now());
    let fact = |what: &str, it: String| vec![what.to_owned(), it];
    let mut rows = vec![
        fact("part", key),
        fact("state", state),
        fact("age", age),
        fact("agent", agent),
        fact("chat", chat),
        fact("tries", tries),
        fact("next", next),
        fact("why", why),
    ];
    if let Some((seq, session)) = part.cause.zip(part.sent.key.session) {
        rows.push(fact("led to by", format!("{session}.{seq} (`nanoclaw why {session}.{seq}`)")));
    }
    rows.push(fact("says", one_line(&part.text)));
    term::out(&term::table(&rows));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_listed_moves_the_cursor() {
        assert_eq!(one_line("\u{1b}[2Ja\nb "), "[2Ja b");
        assert_eq!(age(Duration::from_secs(130)), "2 min");
    }
}
