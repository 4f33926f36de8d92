//! `nanoclaw outbox`: parts on their way, and what people do to them.

use domain::delivery::by_hand::{HostKey, Order, Standing};
use domain::message::Address;
use domain::plain::{cut, one_line};
use domain::time::{Clock, SystemClock, about};
use engine::outbox::ordered_part;
use engine::protocol::{KEYS_MAX, OrderedPart, Request, Response};
use operations::{OperationError, Output};
use serde_json::{Value, json};
use store::layout::Layout;
use store::reading::{PartFilter, PartRow};
use store::{AccountRow, CentralStore};

use super::channels::absent;
use super::operation::hinted;
use super::{Report, central};
use crate::error::fail;
use crate::{admin, lock, term};

/// Characters of what a part says in a list.
const SNIPPET_CHARS: usize = 40;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum OutboxCommand {
    /// Show what is not delivered yet, and what was given up
    #[command(after_help = "\
States: ready (waits for its turn), claimed (is being sent), unsent (did not get through and is tried
again), uncertain (no answer came, so it may be there; is tried again, marked), dead (given up), sent.")]
    List {
        /// What was delivered or dropped too
        #[arg(long, conflicts_with = "dead")]
        all: bool,
        /// Only what was given up
        #[arg(long)]
        dead: bool,
        /// Only of this chat: its number, its title, its id, or CHANNEL:ID
        #[arg(long, value_name = "CHAT")]
        chat: Option<String>,
    },
    /// Show one part and what it says
    Show {
        #[arg(value_parser = parse_key)]
        key: HostKey,
    },
    /// Send parts again now, with all their tries
    #[command(after_help = "A part that its reader may have already is sent as a possible repeat.")]
    Retry(RetryArgs),
    /// Never send parts; those behind them in their chat go next
    #[command(after_help = "What was sent, or is being sent right now, cannot be dropped.")]
    Remove {
        #[arg(value_parser = parse_key, required = true, value_name = "KEY")]
        keys: Vec<HostKey>,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct RetryArgs {
    #[arg(value_parser = parse_key, value_name = "KEY")]
    keys: Vec<HostKey>,
    /// Everything that was given up, such as after a bot was unblocked
    #[arg(long)]
    all_dead: bool,
}

fn parse_key(text: &str) -> Result<HostKey, String> {
    let why = "a key reads like s7.o3.0 or host.q5.0; `nanoclaw outbox list` shows them";
    HostKey::parse(text).ok_or_else(|| why.to_owned())
}

pub(super) async fn perform(
    command: OutboxCommand,
    as_json: bool,
    layout: &Layout,
) -> anyhow::Result<Report> {
    match command {
        OutboxCommand::List { all, dead, chat } => {
            let filter = match (all, dead) {
                (true, _) => PartFilter::All,
                (false, true) => PartFilter::Dead,
                (false, false) => PartFilter::Unsent,
            };
            Ok(list(filter, chat.as_deref(), layout)?.into())
        }
        OutboxCommand::Show { key } => Ok(show(&key, layout)?.into()),
        OutboxCommand::Retry(RetryArgs { keys, all_dead }) => {
            let dead =
                if all_dead { central(layout, false)?.parts(PartFilter::Dead)? } else { vec![] };
            let keys = keys.into_iter().chain(dead.into_iter().map(|it| it.sent.key));
            execute(Order::Retry, &keys.collect::<Vec<_>>(), as_json, layout).await
        }
        OutboxCommand::Remove { keys } => execute(Order::Drop, &keys, as_json, layout).await,
    }
}

fn list(filter: PartFilter, chat: Option<&str>, layout: &Layout) -> anyhow::Result<Output> {
    let central = central(layout, false)?;
    let mut parts = central.parts(filter)?;
    if let Some(chat) = chat {
        only_of(chat, &mut parts, &central)?;
    }
    let accounts = central.accounts()?;
    let all = parts.iter().map(|it| value(it, SNIPPET_CHARS, &accounts)).collect();
    let keys = "key state age agent chat_name tries unanswered next reason text";
    Ok(Output::list(all, keys, "nothing waits, and nothing was given up"))
}

/// Leaves the parts of one chat, which may be named by its platform's bare id too.
fn only_of(chat: &str, parts: &mut Vec<PartRow>, central: &CentralStore) -> anyhow::Result<()> {
    match operations::find_chat(chat, central) {
        Ok(row) => parts.retain(|it| it.to.is_same_chat(&row.address)),
        // The host may have written to people in chats that it never heard of.
        Err(OperationError::NotFound { .. })
            if central.chats()?.iter().any(|it| is_at(&it.address, chat))
                || central.parts(PartFilter::All)?.iter().any(|it| is_at(&it.to, chat)) =>
        {
            parts.retain(|it| is_at(&it.to, chat));
        }
        found => return hinted(found).map(drop),
    }
    Ok(())
}

fn is_at(address: &Address, text: &str) -> bool {
    let Address { channel, chat, .. } = address;
    let text = text.trim();
    text == chat || text == format!("{channel}:{chat}")
}

fn value(part: &PartRow, chars_max: usize, accounts: &[AccountRow]) -> Value {
    let (sent, to, now) = (&part.sent, &part.to, SystemClock.now());
    let absent = absent(&to.channel, &to.account, accounts);
    let is_held = sent.held && sent.standing == Standing::Ready;
    let next = match sent.standing {
        Standing::Unsent | Standing::Uncertain | Standing::Ready if absent.is_some() => absent,
        Standing::Unsent | Standing::Uncertain if now < sent.retry_at => {
            Some(format!("in {}", about(sent.retry_at.since(now))))
        }
        Standing::Ready if is_held => Some("after the quiet hours of its reader".to_owned()),
        Standing::Unsent | Standing::Uncertain | Standing::Ready => Some("now".to_owned()),
        Standing::Claimed | Standing::Sent | Standing::Dead => None,
    };
    json!({
        "key": sent.key.to_string(), "state": sent.standing.as_str(), "kind": sent.kind,
        "form": sent.form, "agent": part.agent, "chat_name": sent.chat,
        "chat": {
            "channel": to.channel, "account": to.account, "id": to.chat, "thread": to.thread,
            "title": part.title,
        },
        "held_for_quiet_hours": is_held, "next": next,
        "age": about(now.since(sent.created_at.unwrap_or(sent.changed_at))),
        "tries": sent.tries, "unanswered": sent.misses, "may_be_seen_twice": sent.was_uncertain,
        "retry_at_ms": (sent.retry_at.0 != 0).then_some(sent.retry_at),
        "created_at_ms": sent.created_at, "claimed_at_ms": sent.claimed_at,
        "sent_at_ms": sent.sent_at(), "changed_at_ms": sent.changed_at,
        "platform_id": sent.platform_id, "reason": sent.reason,
        "cause": part.cause.zip(sent.key.session).map(|(seq, session)| format!("{session}.{seq}")),
        "text": cut(&part.text, chars_max),
    })
}

fn show(key: &HostKey, layout: &Layout) -> anyhow::Result<Output> {
    let central = central(layout, false)?;
    let Some(part) = central.part(key)? else {
        return Err(fail(format!("there is no part {key}"), "see `nanoclaw outbox list --all`"));
    };
    let keys = "key state age agent chat_name tries unanswered next reason cause text";
    let output = Output::record(value(&part, usize::MAX, &central.accounts()?), keys);
    Ok(output.hint(format!("`nanoclaw why {key}` tells how it came about")))
}

/// Sends parts again or drops them: through the running host, which alone writes then, or else under
/// its lock.
async fn execute(
    order: Order,
    keys: &[HostKey],
    as_json: bool,
    layout: &Layout,
) -> anyhow::Result<Report> {
    let mut central = central(layout, false)?;
    let mut done = Vec::with_capacity(keys.len());
    for some in keys.chunks(KEYS_MAX) {
        let names = some.iter().map(ToString::to_string).collect();
        let request = Request::Outbox { order: order.as_str().to_owned(), keys: names };
        match admin::ask(layout, &request).await? {
            Some(Response::Outbox { parts }) => done.extend(parts),
            Some(_) => return Err(admin::unexpected()),
            None => {
                // None can start meanwhile.
                let _lock = lock::take(layout)?;
                let answers =
                    some.iter().zip(central.order_parts(some, order, SystemClock.now())?);
                done.extend(answers.map(|(key, answer)| ordered_part(&key.to_string(), answer)));
            }
        }
    }
    let (mut lines, mut refused) = (Vec::new(), Vec::new());
    for (part, key) in done.iter().zip(keys) {
        match &part.why {
            None => lines.push(line(order, part, central.part(key).ok().flatten())),
            Some(why) => refused.push(format!("{}: {why}", part.key)),
        }
    }
    if done.is_empty() {
        lines.push("nothing was given up".to_owned());
    }
    let has_failed = !refused.is_empty();
    if has_failed && !as_json {
        lines.iter().for_each(|it| term::out(it));
        return Err(fail(refused.join("; "), "see `nanoclaw outbox list --all`"));
    }
    Ok(Report { has_failed, ..Output::new(lines.join("\n"), json!(done)).into() })
}

/// What was done, which chat the part is for, and how it begins.
fn line(order: Order, part: &OrderedPart, row: Option<PartRow>) -> String {
    let look = row.map_or_else(String::new, |row| {
        format!("(to {}: {})", row.sent.chat, cut(&one_line(&row.text), SNIPPET_CHARS))
    });
    let key = &part.key;
    match (order, part.may_be_seen) {
        (Order::Retry, false) => format!("{key} is sent again {look}"),
        (Order::Retry, true) => format!("{key} is sent again, marked as a possible repeat, {look}"),
        (Order::Drop, false) => format!("{key} was dropped {look}"),
        (Order::Drop, true) => format!("{key} was dropped, and may have been seen already, {look}"),
    }
}
