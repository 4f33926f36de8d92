//! `/stop`, `/panic` and `/resume`: orders to the host that are carried out before any queue of an agent.
//! One that was carried out is not carried out again when its platform repeats it: somebody may have
//! ordered the opposite since, or begun something new.

use std::sync::Arc;

use domain::AgentName;
use domain::message::Incoming;
use domain::people::Access;
use domain::plain::one_line;
use domain::stop::Scope;
use domain::texts::stop as texts;
use store::{CentralStore, SessionRow};

use super::Position;
use crate::Result;
use crate::host::{Host, Wake};
use crate::protocol::{Resumed, StopStatus};
use crate::stopping;
use crate::stops::StopGuard;

/// An order to the host by somebody who may give it.
#[derive(Clone, Copy)]
pub(super) enum Order {
    Stop,
    Panic,
    Resume(Access),
}

/// Carries out the orders of a message, each for the session whose agent was meant, and notes that with what its chat is told, and the cursor behind it.
/// What is cut short before that is done again, in the order in which it came. Returns the sessions whose
/// turn it ended.
pub(super) async fn execute(
    host: &Arc<Host>,
    message: &Incoming,
    orders: Vec<(SessionRow, Order)>,
    cursor: Option<Position>,
) -> Result<Vec<SessionRow>> {
    let (from, id) = (message.from.clone(), message.platform_id.clone());
    let was_processed = host.central.read(move |it| it.was_processed(&from, &id)).await?;
    // With each session the answer of the host; a turn that ends here has its own.
    let mut answers: Vec<(SessionRow, Option<String>)> = Vec::with_capacity(orders.len());
    for (row, order) in orders {
        let text = match was_processed {
            true => Some(done_before(order).to_owned()),
            false => carry_out(host, message, &row.agent, order).await?,
        };
        answers.push((row, text));
    }
    let ended: Vec<SessionRow> =
        answers.iter().filter(|it| it.1.is_none()).map(|it| it.0.clone()).collect();
    let guards: Vec<StopGuard<'_>> = ended.iter().map(|it| StopGuard::new(host, it)).collect();
    let (about, rows, now) = (message.clone(), answers.clone(), host.clock.now());
    let write = move |central: &mut CentralStore| {
        for (row, text) in &rows {
            match text {
                Some(text) => central.rows(row.id).answer_command(&about, text, now)?,
                None => central.rows(row.id).cancel_turn(&about, texts::stopped, now)?,
            }
        }
        central.record_processed(&about.from, &about.platform_id, now)?;
        cursor.map_or(Ok(()), |it| it.store(central))
    };
    let written = host.central.write("a message", write).await;
    drop(guards);
    written?;
    if !ended.is_empty() {
        // A slot of a task may have waited for what was stopped.
        host.wake_tasks();
    }
    for (row, _) in answers {
        host.wake(Wake::Session(row, Some(message.from.clone())));
    }
    Ok(ended)
}

/// Told a chat that heard nothing of an order because the host died in between.
fn done_before(order: Order) -> &'static str {
    match order {
        Order::Stop => texts::STOPPED_BEFORE,
        Order::Panic => texts::ALL_STOPPED_BEFORE,
        Order::Resume(_) => texts::RESUMED_BEFORE,
    }
}

/// Returns what the chat is told; `None` when the turn of the session is to be ended.
async fn carry_out(
    host: &Host,
    message: &Incoming,
    agent: &AgentName,
    order: Order,
) -> Result<Option<String>> {
    Ok(match order {
        Order::Stop => None,
        Order::Panic => {
            let stopped = stopping::stop(host, &Scope::All, &by(message), "/panic").await;
            Some(texts::all_stopped(&stopped.stop_report(), &stopped.trouble))
        }
        Order::Resume(access) => {
            let mut scopes = vec![Scope::Agent(agent.clone())];
            // An owner ends the stop of all agents with it.
            scopes.extend((access == Access::Owner).then_some(Scope::All));
            let resumed = stopping::resume(host, &scopes, &by(message)).await?;
            Some(resumed_text(&resumed, agent))
        }
    })
}

fn by(message: &Incoming) -> String {
    let sender = &message.body.sender;
    format!("{} ({}:{})", one_line(&sender.name), message.from.channel, sender.id)
}

fn resumed_text(report: &Resumed, agent: &AgentName) -> String {
    let about =
        |stop: &&StopStatus| stop.agent.as_deref().is_none_or(|name| name == agent.as_str());
    if let Some(stop) = report.holds.iter().find(about) {
        return texts::still_stopped(&stop.by);
    }
    let waiting = report.waiting.get(agent.as_str()).copied().unwrap_or(0);
    texts::resumed(report.any, waiting)
}
