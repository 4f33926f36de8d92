//! `/stop`, `/panic` and `/resume`: orders to the host that are carried out before any queue of an agent.
//! One that was carried out is not carried out again when its platform repeats it: somebody may have
//! ordered the opposite since, or begun something new.

use domain::AgentName;
use domain::message::Incoming;
use domain::people::Access;
use domain::plain::one_line;
use domain::stop::Scope;
use domain::texts;
use store::{CentralStore, StoreError};

use crate::admin::protocol::{Resumed, StopStatus};
use crate::host::Host;
use crate::router::SessionCommand;
use crate::stopping;

/// `/stop`: its session ends its turn, unless it did so already for this message.
pub(super) async fn stop(host: &Host, message: &Incoming) -> Result<SessionCommand, StoreError> {
    let message = message.clone();
    Ok(if was_processed(host, &message).await? {
        SessionCommand::Reply(message, texts::stop::STOPPED_BEFORE.to_owned())
    } else {
        SessionCommand::Stop(message)
    })
}

/// `/panic`; as for all below, what the chat is told of it is left to the session.
pub(super) async fn panic(host: &Host, message: &Incoming) -> Result<String, StoreError> {
    once(host, message, texts::stop::ALL_STOPPED_BEFORE, async {
        let stopped = stopping::stop(host, &Scope::All, &by(message), "/panic").await;
        Ok(texts::stop::all_stopped(&stopped.stop_report(), &stopped.trouble))
    })
    .await
}

/// `/resume`; an owner ends the stop of all agents with it.
pub(super) async fn resume(
    host: &Host,
    message: &Incoming,
    agent: &AgentName,
    access: Access,
) -> Result<String, StoreError> {
    let mut scopes = vec![Scope::Agent(agent.clone())];
    scopes.extend((access == Access::Owner).then_some(Scope::All));
    once(host, message, texts::stop::RESUMED_BEFORE, async {
        let resumed = stopping::resume(host, &scopes, &by(message)).await;
        resumed.map(|it| resumed_text(&it, agent))
    })
    .await
}

/// Carries an order out. `done` is for a chat that heard nothing of it because the host died in
/// between.
async fn once(
    host: &Host,
    message: &Incoming,
    done: &str,
    order: impl Future<Output = Result<String, StoreError>> + Send,
) -> Result<String, StoreError> {
    if was_processed(host, message).await? {
        return Ok(done.to_owned());
    }
    let text = order.await?;
    // Afterwards: what is cut short before this is done again, in the order in which it came.
    let (from, id, now) = (message.from.clone(), message.platform_id.clone(), host.clock.now());
    let record = move |it: &mut CentralStore| it.record_processed(&from, &id, now);
    host.central.write("an order", record).await.map(|()| text)
}

async fn was_processed(host: &Host, message: &Incoming) -> Result<bool, StoreError> {
    let (from, id) = (message.from.clone(), message.platform_id.clone());
    host.central.read(move |it| it.was_processed(&from, &id)).await
}

fn by(message: &Incoming) -> String {
    let sender = &message.body.sender;
    format!("{} ({}:{})", one_line(&sender.name), message.from.channel, sender.id)
}

fn resumed_text(report: &Resumed, agent: &AgentName) -> String {
    let about =
        |stop: &&StopStatus| stop.agent.as_deref().is_none_or(|name| name == agent.as_str());
    if let Some(stop) = report.holds.iter().find(about) {
        return texts::stop::still_stopped(&stop.by);
    }
    let waiting = report.waiting.get(agent.as_str()).copied().unwrap_or(0);
    texts::stop::resumed(report.any, waiting)
}
