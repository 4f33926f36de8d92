//! Dead letters: parts that were given up, not by an order to stop. With the same commit the agent is
//! told, and the part is marked until the owner of the host is told too.

use domain::SessionId;
use domain::delivery::PartKey;
use domain::delivery::by_hand::Order;
use domain::message::{Address, Author, Body};
use domain::texts::chat_name;
use domain::texts::dead_letters::{SENDER, for_agent, for_sender};
use domain::time::Timestamp;
use domain::trace::Rule;
use rusqlite::params;

use super::messages::{NEXT_SEQ, wake};
use super::{Scope, quiet};
use crate::outbox::{self, Draft, NewPart, Ordered, PartKind};
use crate::reasons::STOPPED;
use crate::row::{one, only, row, run, to_json};

/// What the owner is told about dead letters is named so; its own end is told to nobody.
pub const NOTICE_KEY: &str = "dead.";
/// What senders are told about answers that were given up is named so; the owner hears of the answer
/// anyway.
const UNDELIVERED_KEY: &str = "undelivered.";

struct Dead {
    number: Option<i64>,
    cause: Option<i64>,
    form: String,
    interim: bool,
    to: Address,
    why: String,
    was_uncertain: bool,
}

row!(Dead { number, cause, form, interim, to, why, was_uncertain });

/// Writes down what follows from the end of a part, if it is dead now and not by a stop. Once, unless it
/// is revived.
pub(crate) fn record(tx: Scope<'_>, key: &PartKey, now: Timestamp) -> rusqlite::Result<()> {
    let sql = "SELECT out_seq, cause, form, kind = 'interim', channel, account, chat, thread,
                   coalesce(reason, ''), was_uncertain
               FROM part WHERE session = ?1 AND key = ?2 AND state = 'dead' AND unreported IS NULL
                   AND reason IS NOT ?3";
    let Some(dead) = one::<Dead>(&tx, sql, params![tx.session, key.0, STOPPED])? else {
        return Ok(());
    };
    // Nobody misses an emoji, or the host's own line that work goes on.
    let matters = match dead.cause {
        Some(_) => dead.form != "reaction" && !(dead.number.is_none() && dead.interim),
        None => !key.0.starts_with(NOTICE_KEY) && !key.0.starts_with(UNDELIVERED_KEY),
    };
    let sql = "UPDATE part SET unreported = ?3 WHERE session = ?1 AND key = ?2";
    run(&tx, sql, params![tx.session, key.0, matters])?;
    if let Some(cause) = dead.cause.filter(|_| matters) {
        tell_sender(tx, key, &dead, cause, now)?;
        if let Some(number) = dead.number {
            tell_agent(tx, key, &dead, (number, cause), now)?;
        }
    }
    Ok(())
}

/// Tells the sender whose answer was given up, in a plain text; once for each message.
fn tell_sender(
    tx: Scope<'_>,
    key: &PartKey,
    dead: &Dead,
    cause: i64,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let sql = "SELECT platform_id FROM message WHERE session = ?1 AND seq = ?2 AND channel = ?3
                   AND account = ?4 AND chat = ?5 AND kind <> 'context'";
    let of = params![tx.session, cause, dead.to.channel, dead.to.account, dead.to.chat];
    let Some(reply_to) = one(&tx, sql, of)? else { return Ok(()) };
    let session = SessionId(tx.session);
    let text = Draft::Text(for_sender(&format!("{session}.{}", key.0), &dead.why));
    let key = format!("{UNDELIVERED_KEY}{session}.{cause}");
    let part = NewPart::new(key, dead.to.clone(), PartKind::Notice, text).replying_to(reply_to);
    outbox::add(Scope::host(&tx), &part, None, now).map(drop)
}

/// The agent reads it before its next message, as it reads context messages.
fn tell_agent(
    tx: Scope<'_>,
    key: &PartKey,
    dead: &Dead,
    (number, cause): (i64, i64),
    now: Timestamp,
) -> rusqlite::Result<()> {
    let sql = "SELECT title FROM messaging_group
               WHERE channel = ?1 AND account = ?2 AND chat = ?3";
    let to = &dead.to;
    let title: Option<String> = one(&tx, sql, [&to.channel, &to.account, &to.chat])?;
    let chat = chat_name(&title.unwrap_or_default(), &to.chat, &to.channel, None);
    let text = for_agent(number, &chat, &dead.why, dead.was_uncertain);
    // In the chat that led to it, where the agent looks next.
    let sql = "SELECT body FROM message WHERE session = ?1 AND seq = ?2";
    let cause_body: Body = only(&tx, sql, [tx.session, cause])?;
    let sender = Author::new(String::new(), SENDER.to_owned());
    let body = Body { chat: cause_body.chat, ..Body::new(sender, text) };
    let rule = Rule { word: "undelivered".to_owned(), detail: key.0.clone() };
    let sql = format!(
        "INSERT INTO message (session, seq, channel, account, chat, thread, platform_id,
             sender_id, received_at, not_before, kind, outcome, reason, ended_at, rule, body)
         SELECT session, {NEXT_SEQ}, channel, account, chat, thread, ?3, 'host', ?4, ?4, 'context',
             'silent', 'from the host', ?4, ?5, ?6
         FROM message WHERE session = ?1 AND seq = ?2
         ON CONFLICT DO NOTHING"
    );
    let name = format!("dead.{}.{}", key.0, now.0);
    let (rule, body) = (to_json(&rule)?, to_json(&body)?);
    run(&tx, &sql, params![tx.session, cause, name, now.0, rule, body]).map(drop)
}

/// Does to a part what a user says, and sets its session awake: a stop has to find the part.
pub(crate) fn order_part(
    tx: Scope<'_>,
    key: &PartKey,
    order: Order,
    now: Timestamp,
) -> rusqlite::Result<Ordered> {
    let ordered = outbox::order(tx, key, order, now)?;
    if ordered.is_ok() {
        quiet::scatter(tx, key)?;
        wake(tx)?;
    }
    Ok(ordered)
}
