//! `/stop`, `/panic` and `/resume`: orders to the host that are carried out before any queue of an agent.
//! One that was carried out is not carried out again when its platform repeats it: somebody may have
//! ordered the opposite since, or begun something new.

use domain::AgentName;
use domain::admission::{AgentDecision, Decision};
use domain::command::{Command, Permission, parse, permit};
use domain::message::Incoming;
use domain::notice;
use domain::people::Access;
use domain::plain::one_line;
use domain::stop::Scope;
use store::StoreError;

use super::admission_snapshot::AdmissionSnapshot;
use crate::admin::protocol::{Resumed, Stopped};
use crate::host::Host;
use crate::router::SessionCommand;
use crate::stopping;

/// An order by somebody who may give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostCommand {
    Panic,
    Resume { of_all: bool },
}

/// The order that a message is, if it is one.
pub(super) fn of(
    message: &Incoming,
    snapshot: &AdmissionSnapshot,
    decision: &AgentDecision,
) -> Option<HostCommand> {
    let command = parse(&message.text).filter(|_| decision.decision != Decision::Accumulate)?;
    let access = snapshot.access(&decision.agent);
    let permitted = permit(command, access, !message.chat.is_group) == Permission::Permit;
    let of_all = access == Access::Owner;
    let orders =
        [(Command::Panic, HostCommand::Panic), (Command::Resume, HostCommand::Resume { of_all })];
    orders.into_iter().find(|it| permitted && it.0 == command).map(|it| it.1)
}

/// What becomes of a `/stop`: its session ends its turn, unless it did so already for this message.
pub(super) async fn stop(host: &Host, message: Incoming) -> Result<SessionCommand, StoreError> {
    Ok(if was_processed(host, &message).await? {
        SessionCommand::Reply(message, "I already stopped what I was doing.".to_owned())
    } else {
        SessionCommand::Stop(message)
    })
}

async fn was_processed(host: &Host, message: &Incoming) -> Result<bool, StoreError> {
    let (from, id) = (message.from.clone(), message.platform_id.clone());
    host.central.read(move |it| it.was_processed(&from, &id)).await
}

/// Afterwards: what is cut short before this is done again, in the order in which it came.
pub(super) async fn record_processed(host: &Host, message: &Incoming) -> Result<(), StoreError> {
    let (from, id, now) = (message.from.clone(), message.platform_id.clone(), host.clock.now());
    host.central.write("an order", move |it| it.record_processed(&from, &id, now)).await
}

impl HostCommand {
    /// Carries it out; what the chat is told of it is left to the session.
    pub(super) async fn execute(
        self,
        host: &Host,
        message: &Incoming,
        agent: &AgentName,
    ) -> Result<SessionCommand, StoreError> {
        if was_processed(host, message).await? {
            return Ok(SessionCommand::Reply(message.clone(), self.done_text().to_owned()));
        }
        let sender = &message.sender;
        let by = &format!("{} ({}:{})", one_line(&sender.name), message.from.channel, sender.id);
        let text = match self {
            Self::Panic => stopped_text(&stopping::stop(host, &Scope::All, by, "/panic").await),
            Self::Resume { of_all } => {
                let mut scopes = vec![Scope::Agent(agent.clone())];
                scopes.extend(of_all.then_some(Scope::All));
                resumed_text(&stopping::resume(host, &scopes, by).await?, agent)
            }
        };
        record_processed(host, message).await?;
        Ok(SessionCommand::Reply(message.clone(), text))
    }

    /// For a chat that heard nothing of it because the host died in between.
    fn done_text(self) -> &'static str {
        match self {
            Self::Panic => "I already stopped every agent on this host. `/resume` undoes that.",
            Self::Resume { .. } => "I was already resumed.",
        }
    }
}

fn stopped_text(report: &Stopped) -> String {
    let stop_report = notice::stop_report_text(&report.stop_report())
        .map(|it| format!(" {it}"))
        .unwrap_or_default();
    let trouble: String = report.trouble.iter().map(|it| format!(" But: {it}.")).collect();
    format!("Every agent on this host is stopped.{stop_report}{trouble} `/resume` undoes that.")
}

fn resumed_text(report: &Resumed, agent: &AgentName) -> String {
    let about = |stop: &&crate::admin::protocol::StopStatus| {
        stop.agent.as_deref().is_none_or(|name| name == agent.as_str())
    };
    if let Some(stop) = report.holds.iter().find(about) {
        return format!(
            "I'm still stopped: {} stopped every agent on this host, and only an owner can resume them.",
            stop.by
        );
    }
    let waiting = report.waiting.get(agent.as_str()).copied().unwrap_or(0);
    match (report.any, waiting) {
        (false, _) => "I wasn't stopped.".to_owned(),
        (true, 0) => "I'm back. No messages are waiting.".to_owned(),
        (true, 1) => "I'm back. 1 message is waiting.".to_owned(),
        (true, many) => format!("I'm back. {many} messages are waiting."),
    }
}
