//! Edits, deletions and reactions: what each means for the sessions that know the message. A change is never
//! a command, a code or an answer to a card.

use channel::Verdict;
use domain::admission::{Admission, AgentDecision, Decision};
use domain::change::{Changed, Effect, follow};
use domain::message::{
    Admitted, Author, Body, Change, InboundKind, Incoming, Quote, TEXT_BYTES_MAX,
};
use domain::plain::cut;
use domain::trace::Rule;
use store::{CentralStore, Trace};

use super::admission_snapshot::AdmissionSnapshot;
use super::{Step, admit};
use crate::Result;
use crate::host::Host;

/// Of a changed message; the agent knows it.
const EXCERPT_CHARS_MAX: usize = 1_000;

pub(super) fn take(
    host: &Host,
    central: &mut CentralStore,
    (message, change): (&Incoming, &Change),
    owner_only: bool,
) -> Result<Step> {
    if TEXT_BYTES_MAX < message.body.text.len() {
        return Ok(Step::new(Verdict::Ignored));
    }
    let traces = central.traces(&message.from, change.of())?;
    let mut message = message.clone();
    message.mentioned &= matches!(change, Change::Edited { .. });
    // Not every platform says who deleted something.
    if message.body.sender.id.is_empty()
        && let Some((trace, (_, id))) =
            traces.iter().find_map(|it| Some((it, it.handle.split_once(':')?)))
    {
        message.body.sender = Author::new(id, trace.name.clone());
    }
    let snapshot = AdmissionSnapshot::read(host, central, &message, owner_only)?;
    let Admission { decisions, ask, .. } = snapshot.admission(&message);
    let mut step = Step { from: message.from.clone(), ..Step::new(Verdict::Ignored) };
    let mut engaging = Vec::new();
    for decision in decisions.into_iter().filter(AgentDecision::takes) {
        let calls = matches!(decision.decision, Decision::Engage(_));
        let of_agent = traces.iter().filter(|it| it.agent == decision.agent);
        let known: Vec<Option<&Trace>> = of_agent.map(Some).collect();
        for trace in if known.is_empty() { vec![None] } else { known } {
            let handle = snapshot.handle.to_string();
            match follow(change, calls, trace.map(|it| changed(it, &handle, &message.body.text))) {
                Effect::Nothing => {}
                Effect::Engage => {
                    if let Some((row, seq)) = trace.and_then(|it| Some((it.session, it.seq?))) {
                        central.rows(row).set_aside(seq)?;
                    }
                    engaging.push(decision.clone());
                }
                Effect::Replace => replace(central, trace, &message.body)?,
                Effect::Tell => tell(central, trace, &message, snapshot.now, &mut step)?,
            }
        }
    }
    // Decided about as if it came now: under its own id, so that the answer replies to it.
    message.platform_id = change.of().to_owned();
    engaging.dedup();
    let admission = Admission { decisions: engaging, ask, ..Admission::default() };
    let engaged = admit::follow(host, central, &message, &snapshot, admission)?;
    step.woken.extend(engaged.woken);
    let verdict = if step.verdict == Verdict::Stored { step.verdict } else { engaged.verdict };
    Ok(Step { verdict, asks: engaged.asks, ..step })
}

fn changed(trace: &Trace, by: &str, text: &str) -> Changed {
    Changed {
        is_ours: trace.seq.is_none(),
        is_author: trace.handle == by,
        was_called: trace.was_called,
        is_unseen: trace.is_unseen,
        is_same: trace.text == text,
    }
}

fn replace(central: &mut CentralStore, trace: Option<&Trace>, body: &Body) -> Result<()> {
    let Some((rows, seq)) = trace.and_then(|it| Some((central.rows(it.session), it.seq?))) else {
        return Ok(());
    };
    match body.change {
        Some(Change::Deleted { .. }) => rows.take_away(seq, body),
        Some(Change::Edited { .. } | Change::Reacted { .. }) | None => {
            rows.replace_text(seq, &body.text)
        }
    }
}

/// As background, with what the message was before.
fn tell(
    central: &mut CentralStore,
    trace: Option<&Trace>,
    message: &Incoming,
    now: domain::time::Timestamp,
    step: &mut Step,
) -> Result<()> {
    let Some(trace) = trace else { return Ok(()) };
    let mut message = Incoming { files: vec![], ..message.clone() };
    message.body.quote = Some(Quote {
        sender: trace.name.clone(),
        text: cut(&trace.text, EXCERPT_CHARS_MAX),
        id: message.body.change.as_ref().map(|it| it.of().to_owned()).unwrap_or_default(),
        is_ours: trace.seq.is_none(),
    });
    step.verdict = Verdict::Stored;
    // Only how it is now is worth telling.
    if let Some(Change::Reacted { to, .. }) = &message.body.change
        && central.rows(trace.session).replace_reaction(&message, to)?
    {
        return Ok(());
    }
    let rule = Some(Rule { word: "change".to_owned(), detail: String::new() });
    let admitted = [Admitted { message, kind: InboundKind::Context, rule }];
    central.rows(trace.session).insert(&admitted, now)?;
    step.woken.extend(central.session(trace.session)?);
    Ok(())
}
