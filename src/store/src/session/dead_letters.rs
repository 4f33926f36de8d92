//! Dead letters: parts that were given up, not by an order to stop. With the same commit the agent is
//! told, and the part is marked until the owner of the host is told too.

use domain::SessionId;
use domain::delivery::by_hand::Order;
use domain::delivery::{PartKey, dead_letter};
use domain::message::Address;
use domain::time::Timestamp;
use domain::trace::Rule;
use rusqlite::params;

use super::messages::{NEXT_SEQ, wake};
use super::{Body, Scope, quiet};
use crate::outbox::by_hand::{self, Ordered};
use crate::outbox::{self, Draft, NewPart, PartKind};
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
    let text = Draft::Text(dead_letter::for_sender(&format!("{session}.{}", key.0), &dead.why));
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
               WHERE channel = ?1 AND account = ?2 AND chat = ?3 AND title <> ''";
    let chat = match one::<String>(&tx, sql, [&dead.to.channel, &dead.to.account, &dead.to.chat])? {
        Some(title) => format!("\"{title}\""),
        None => format!("chat {} on {}", dead.to.chat, dead.to.channel),
    };
    let text = dead_letter::for_agent(number, &chat, &dead.why, dead.was_uncertain);
    // In the chat that led to it, where the agent looks next.
    let sql = "SELECT body FROM message WHERE session = ?1 AND seq = ?2";
    let cause_body: Body = only(&tx, sql, [tx.session, cause])?;
    let body = Body {
        sender: dead_letter::SENDER.to_owned(),
        text,
        chat: cause_body.chat,
        rule: Some(Rule { word: "undelivered".to_owned(), detail: key.0.clone() }),
        ..Body::default()
    };
    let sql = format!(
        "INSERT INTO message (session, seq, channel, account, chat, thread, platform_id,
             sender_id, received_at, not_before, kind, outcome, reason, ended_at, body)
         SELECT session, {NEXT_SEQ}, channel, account, chat, thread, ?3, 'host', ?4, ?4, 'context',
             'silent', 'from the host', ?4, ?5
         FROM message WHERE session = ?1 AND seq = ?2
         ON CONFLICT DO NOTHING"
    );
    let name = format!("dead.{}.{}", key.0, now.0);
    run(&tx, &sql, params![tx.session, cause, name, now.0, to_json(&body)?]).map(drop)
}

/// Does to a part what a user says, and sets its session awake: a stop has to find the part.
pub(crate) fn order_part(
    tx: Scope<'_>,
    key: &PartKey,
    order: Order,
    now: Timestamp,
) -> rusqlite::Result<Ordered> {
    let ordered = by_hand::order(tx, key, order, now)?;
    if ordered.is_ok() {
        quiet::scatter(tx, key)?;
        wake(tx)?;
    }
    Ok(ordered)
}
