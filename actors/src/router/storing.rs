//! Stores what a batch of events came to: for all sessions, with the cursor of the account, in one commit.

use domain::message::{Admitted, InboundKind, Incoming};
use domain::notice;
use store::{CentralStore, SessionRow, StoreError, TaskMessage};

use super::Position;
use crate::host::Host;
use crate::sessions::SessionsMessage;
use crate::sweep::SweepMessage;

/// What a session gets, as the router decided.
#[derive(Clone, Debug)]
pub enum SessionCommand {
    Message(Admitted),
    /// A slot of a task.
    Task(Box<TaskMessage>),
    /// A command that the host answers, with this text.
    Reply(Incoming, String),
    /// What does the session do?
    Status(Incoming),
    /// End the current turn.
    Stop(Incoming),
}

impl SessionCommand {
    /// Nothing will answer it.
    pub(crate) fn is_context(&self) -> bool {
        matches!(self, Self::Message(Admitted { kind: InboundKind::Context, .. }))
    }

    /// What it is about.
    pub(super) fn message(&self) -> &Incoming {
        match self {
            Self::Message(admitted) => &admitted.message,
            Self::Task(task) => &task.message,
            Self::Reply(message, _) | Self::Status(message) | Self::Stop(message) => message,
        }
    }
}

/// All of it or nothing. Storing an event a second time changes nothing.
///
/// # Errors
/// When the database fails.
pub(crate) async fn store(
    host: &Host,
    all: Vec<(SessionRow, SessionCommand)>,
    cursor: Option<Position>,
) -> Result<(), StoreError> {
    if all.is_empty() && cursor.is_none() {
        return Ok(());
    }
    let now = host.clock.now();
    let batch = all.clone();
    let write = move |central: &mut CentralStore| {
        for (row, command) in &batch {
            one(central, row, command, now)?;
        }
        match cursor {
            Some(cursor) => central.set_cursor(cursor.channel, &cursor.account, &cursor.value),
            None => Ok(()),
        }
    };
    host.central.write("a message", write).await?;
    if all.iter().any(|(_, command)| matches!(command, SessionCommand::Stop(_))) {
        // A slot of a task may have waited for what was stopped.
        host.peers.sweep.cast(SweepMessage::Tasks);
    }
    wake(host, all);
    Ok(())
}

/// One hint for each session, with the chat of the last that it got.
pub(super) fn wake(host: &Host, all: Vec<(SessionRow, SessionCommand)>) {
    let mut woken: Vec<(SessionRow, domain::message::Address)> = Vec::new();
    for (row, command) in all {
        let from = command.message().from.clone();
        match woken.iter_mut().find(|it| it.0.id == row.id) {
            Some(found) => found.1 = from,
            None => woken.push((row, from)),
        }
    }
    for (row, from) in woken {
        host.peers.sessions.cast(SessionsMessage::woken(row, Some(from)));
    }
}

pub(super) fn one(
    central: &mut CentralStore,
    row: &SessionRow,
    command: &SessionCommand,
    now: domain::time::Timestamp,
) -> Result<(), StoreError> {
    let rows = central.rows(row.id);
    match command {
        SessionCommand::Message(message) => {
            rows.insert(std::slice::from_ref(message), now).map(drop)
        }
        SessionCommand::Task(task) => {
            rows.insert_task(task, now)?;
            central.fire_handed_over(task.run.key, row.id).map(drop)
        }
        SessionCommand::Reply(message, text) => rows.answer_command(message, text, now),
        SessionCommand::Status(message) => {
            let counts = rows.counts()?;
            let container = if counts.has_container { "running" } else { "absent" };
            let working = usize::from(counts.has_container && 0 < counts.waiting);
            let messages = (working, counts.waiting - working);
            let text = notice::status(row.agent.as_str(), container, messages, counts.unsent);
            rows.answer_command(message, &text, now)
        }
        SessionCommand::Stop(message) => {
            rows.cancel_turn(message, notice::stopped, now)?;
            central.record_processed(&message.from, &message.platform_id, now)
        }
    }
}
