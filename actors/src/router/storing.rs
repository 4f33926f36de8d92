//! Stores what a batch of events came to: for all sessions, with the cursor of the account, in one commit.

use domain::message::{Admitted, InboundKind, Incoming};
use domain::texts::{self, notices};
use domain::time::Timestamp;
use store::{CentralStore, SessionRow, StoreError, TaskMessage};

use super::{Position, refusals};
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

/// All of one event or nothing. Storing it a second time changes nothing. Whether a session has no room
/// for it any more.
///
/// # Errors
/// When the database fails.
pub(crate) async fn store(
    host: &Host,
    all: Vec<(SessionRow, SessionCommand)>,
    cursor: Option<Position>,
) -> Result<bool, StoreError> {
    if all.is_empty() && cursor.is_none() {
        return Ok(false);
    }
    let hears = all.first().is_some_and(|it| refusals::hears(host, it.1.message()));
    let now = host.clock.now();
    let batch = all.clone();
    let write = move |central: &mut CentralStore| {
        let is_refused = each(central, &batch, hears, now)?;
        if let Some(cursor) = cursor {
            central.set_cursor(cursor.channel, &cursor.account, &cursor.value)?;
        }
        Ok(is_refused)
    };
    let is_refused = host.central.write("a message", write).await?;
    if all.iter().any(|(_, command)| matches!(command, SessionCommand::Stop(_))) {
        // A slot of a task may have waited for what was stopped.
        host.peers.sweep.cast(SweepMessage::Tasks);
    }
    wake(host, all);
    Ok(is_refused)
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

/// One event for all its sessions, within the commit of the caller. Whether one of them has no room for it
/// any more; a sender who `hears` of that from the host is told in the same commit.
pub(super) fn each(
    central: &mut CentralStore,
    targets: &[(SessionRow, SessionCommand)],
    hears: bool,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut is_refused = false;
    for (row, command) in targets {
        is_refused |= one(central, row, command, hears, now)?;
    }
    Ok(is_refused)
}

fn one(
    central: &mut CentralStore,
    row: &SessionRow,
    command: &SessionCommand,
    hears: bool,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rows = central.rows(row.id);
    match command {
        SessionCommand::Message(admitted) => {
            let inserted = rows.insert(std::slice::from_ref(admitted), now)?;
            let is_refused = 0 < inserted.refused;
            if is_refused && hears {
                central.add_refusal(&admitted.message, &notices::queue_full(), now)?;
            }
            return Ok(is_refused);
        }
        SessionCommand::Task(task) => {
            rows.insert_task(task, now)?;
            central.fire_handed_over(task.run.key, row.id)?;
        }
        SessionCommand::Reply(message, text) => rows.answer_command(message, text, now)?,
        SessionCommand::Status(message) => {
            let counts = rows.counts()?;
            let container = if counts.has_container { "running" } else { "absent" };
            let working = usize::from(counts.has_container && 0 < counts.waiting);
            let messages = (working, counts.waiting - working);
            let text = notices::status(row.agent.as_str(), container, messages, counts.unsent);
            rows.answer_command(message, &text, now)?;
        }
        SessionCommand::Stop(message) => {
            rows.cancel_turn(message, texts::stop::stopped, now)?;
            central.record_processed(&message.from, &message.platform_id, now)?;
        }
    }
    Ok(false)
}
