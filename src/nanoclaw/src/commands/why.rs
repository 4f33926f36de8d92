//! `nanoclaw why`: what became of a message, step by step.

use domain::plain::one_line;
use domain::texts::why::{head, part_head, part_line, story, waits};
use domain::time::{Clock, SystemClock, Timestamp};
use domain::trace::Facts;
use operations::{Output, table};
use schedule::{Zone, local};
use serde_json::{Value, json};
use store::layout::Layout;
use store::reading::{Found, Naming, PartRow};

use crate::error::fail;
use crate::{admin, lock};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
MESSAGE is one of:
  last             the newest message for any agent
  s7.42            a message by its number in a session
  s7.o3.0          a part of an answer, by its key (see `nanoclaw outbox list --all`)
  4711             a platform's id, of a message that came or of one that went

Shows who wrote it, why it was let in, which containers took it, which tools were used, what was sent
where, how long each step took, and what it still waits for. Times after + count from its arrival.")]
pub(crate) struct WhyArgs {
    message: String,
}

pub(super) async fn perform(args: &WhyArgs, layout: &Layout) -> anyhow::Result<Output> {
    let central = super::central(layout, false)?;
    let name = &args.message;
    let nothing = || {
        let hint = "say `last`, SESSION.NUMBER such as s7.42, or a platform's id; \
                    `nanoclaw outbox list --all` shows what was sent";
        fail(format!("there is no message `{name}`"), hint)
    };
    let (session, seq) = match central.find_message(&Naming::parse(name))? {
        Found::Message(session, seq) => (session, seq),
        Found::Part(part) => return Ok(of_the_host(&part)),
        Found::Several(all) => {
            let names: Vec<_> = all.iter().map(|it| format!("{}.{}", it.0, it.1)).collect();
            let what = format!("`{name}` is several messages: {}", names.join(", "));
            return Err(fail(what, "say which one"));
        }
        Found::Nothing => return Err(nothing()),
    };
    let facts = central.message_facts(session, seq, SystemClock.now())?;
    let mut facts = facts.ok_or_else(nothing)?;
    look_around(&mut facts, layout).await;
    let accounts = central.accounts()?;
    for sent in &facts.parts {
        let Some(PartRow { to, .. }) = central.part(&sent.key)? else { continue };
        if let Some(why) = super::channels::absent(&to.channel, &to.account, &accounts) {
            facts.context.channel_trouble = Some(why);
        }
    }
    Ok(Output::new(text(&facts, &central.zone_for(None)?), json_of(&facts)))
}

/// What only a running host knows. One that does not answer is no reason to tell nothing.
async fn look_around(facts: &mut Facts, layout: &Layout) {
    facts.context.host_runs = lock::holder(layout).is_some();
    let Ok(Some(status)) = admin::status(layout).await else { return };
    facts.context.host_runs = true;
    let id = facts.message.session.to_string();
    if let Some(session) = status.sessions.iter().find(|it| it.id == id) {
        let why = session.why.clone().unwrap_or_default();
        facts.context.container = Some((session.container.clone(), why));
    }
    let channel = facts.message.handle.split(':').next().unwrap_or_default();
    let lost = status.channels.iter().find(|it| it.name == channel && !it.connected);
    facts.context.channel_trouble = lost.map(|it| it.why.clone().unwrap_or_default());
}

fn text(facts: &Facts, zone: &Zone) -> String {
    let clock = |at: Timestamp| clock(at, zone);
    let began = facts.message.received_at;
    let fact = |(what, text): (&str, String)| vec![what.to_owned(), text];
    let step = |(at, text): (Timestamp, String)| vec![clock(at), offset(began, at), text];
    let wait = |it: String| format!("\n  - {}", one_line(&it));
    let facts_table = table(&head(facts, clock).into_iter().map(fact).collect::<Vec<_>>());
    let steps = table(&story(facts).into_iter().map(step).collect::<Vec<_>>());
    let waits: String = waits(facts, clock).into_iter().map(wait).collect();
    let waits = if waits.is_empty() { waits } else { format!("why it waits:{waits}") };
    let mut parts = vec![facts_table, steps, waits];
    parts.retain(|it| !it.is_empty());
    parts.join("\n\n")
}

/// In the time of the install, as all that the program prints; the day only where it is not today.
fn clock(at: Timestamp, zone: &Zone) -> String {
    let (then, now) = (local(at, zone), local(SystemClock.now(), zone));
    let day = |text: &str| text.rsplitn(3, ' ').nth(2).map(str::to_owned);
    match day(&then) {
        Some(today) if day(&now).as_ref() == Some(&today) => then[today.len() + 1..].to_owned(),
        Some(_) | None => then,
    }
}

fn offset(began: Timestamp, at: Timestamp) -> String {
    let (sign, by) = if at < began { ('-', began.since(at)) } else { ('+', at.since(began)) };
    format!("{sign}{}.{} s", by.as_secs(), by.subsec_millis() / 100)
}

fn of_the_host(part: &PartRow) -> Output {
    let sent = &part.sent;
    let (begins, became) = (part_head(sent), part_line(sent));
    // Parts of a question are named after it.
    let question = sent.key.part.0.strip_prefix('q').and_then(|it| it.split_once('.'));
    let cause = match question.filter(|it| it.0.parse::<i64>().is_ok()) {
        Some((id, _)) => format!("the host said it for question #{id}"),
        None => "the host said it unasked".to_owned(),
    };
    let text = [one_line(&begins), one_line(&became), cause].join("\n");
    let (key, state) = (sent.key.to_string(), sent.standing.as_str());
    let json = json!({ "part": key, "by": "host", "state": state, "what": begins, "how": became });
    Output::new(text, json)
}

fn json_of(facts: &Facts) -> Value {
    let message = &facts.message;
    let approval = message.approval.as_ref();
    let waits = waits(facts, |at| at.0.to_string());
    json!({
        "message": format!("{}.{}", message.session, message.seq),
        "agent": message.agent, "kind": message.kind.as_str(), "chat": message.chat,
        "sender": { "name": message.body.sender.name, "handle": message.handle },
        "platform_id": message.platform_id, "rule": message.rule, "tries": message.tries,
        "sent_at_ms": message.body.sent_at, "stored_at_ms": message.received_at,
        "approval": approval.map(|it| json!({ "question": it.question, "by": it.by })),
        "end": message.end.as_ref().map(|end| json!({
            "outcome": end.outcome.as_str(), "reason": end.reason, "at_ms": end.at,
        })),
        "containers": facts.containers.iter().map(|taker| json!({
            "incarnation": taker.incarnation.0, "started_at_ms": taker.started_at,
            "claimed_at_ms": taker.claimed_at, "ended_at_ms": taker.ended_at,
            "reason": taker.reason,
        })).collect::<Vec<_>>(),
        "tools": facts.tools.iter().map(|tool| json!({
            "name": tool.name, "started_at_ms": tool.started_at,
            "ended_at_ms": tool.end.map(|it| it.0), "ok": tool.end.map(|it| it.1),
        })).collect::<Vec<_>>(),
        "questions": facts.questions.iter().map(|question| json!({
            "id": question.id, "asked_at_ms": question.asked_at, "answered": question.answered,
        })).collect::<Vec<_>>(),
        "files": facts.files.iter().map(|file| json!({
            "name": file.name, "state": file.state, "tries": file.tries, "reason": file.reason,
        })).collect::<Vec<_>>(),
        "file_texts": message.body.file_texts,
        "parts": facts.parts.iter().map(|sent| json!({
            "key": sent.key.to_string(), "state": sent.standing.as_str(), "chat": sent.chat,
            "kind": sent.kind, "form": sent.form, "platform_id": sent.platform_id,
            "reason": sent.reason, "created_at_ms": sent.created_at,
            "sent_at_ms": sent.sent_at(), "may_be_seen_twice": sent.was_uncertain,
        })).collect::<Vec<_>>(),
        "host_runs": facts.context.host_runs, "waits": waits,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_install_and_short_today() {
        let tokyo = Zone::parse("Asia/Tokyo").unwrap();
        let then = clock(Timestamp(1_700_000_000_000), &tokyo);
        assert_eq!(then, "Wed 15 Nov 2023 07:13:20 JST");
        let now = clock(SystemClock.now(), &tokyo);
        assert!(now.ends_with(" JST") && now.len() <= "07:13:20 JST".len(), "{now}");
    }

    #[test]
    fn steps_count_from_the_arrival() {
        let began = Timestamp(10_000);
        assert_eq!(offset(began, Timestamp(11_250)), "+1.2 s");
        assert_eq!(offset(began, Timestamp(9_900)), "-0.1 s");
    }
}
