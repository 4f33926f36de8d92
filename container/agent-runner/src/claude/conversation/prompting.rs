//! How messages reach a CLI: at once, again after it died, and not in the middle of a report.

use std::time::Duration;

use domain::command::Command;
use domain::inbound::Inbound;
use domain::time::backoff;
use tokio::time::sleep;

use super::super::command::{images, line_uuid, user_line};
use super::super::frames::says_stale;
use super::super::oom_kills;
use super::super::prompt::PromptContext;
use super::{CliState, Conversation, Flow, command_of};
use crate::process::{Ending, Process};
use crate::provider::{Event, FailureClass, NEW_CONVERSATION, ProviderFailure};

/// How often a CLI that died with messages in hand is started again for them.
const RESTARTS_MAX: u32 = 2;
const RESTART_WAIT: Duration = Duration::from_secs(1);
const RESTART_WAIT_MAX: Duration = Duration::from_secs(10);
/// Lines that one CLI may let go of before it is replaced.
const DROPS_MAX: u32 = 5;

const BACKGROUND_LOST: &str =
    "(What I was doing in the background was interrupted and will not be finished. Ask me again.)";

impl Conversation {
    /// Takes messages for the CLI that runs, or will be started next. The command to start over needs none.
    pub(in super::super) async fn accept(&mut self, batch: Vec<Inbound>) -> Flow {
        if let [message] = batch.as_slice()
            && command_of(message) == Some(Command::New)
        {
            self.host_client.work_on(message.seq);
            self.forget();
            self.tell_lost = false;
            self.end(vec![message.seq], Ok(NEW_CONVERSATION.to_owned()), None).await;
            return Flow::Break(());
        }
        // A report speaks to the user who asked for the work, until it is over.
        if let (true, Some(first)) =
            (self.is_idle() && !self.background.is_reporting, batch.first())
        {
            self.host_client.work_on(first.seq);
        }
        for message in batch {
            self.lifecycle.add(message);
        }
        Flow::Continue(())
    }

    /// Hands what waits to the running CLI. While it reports background work nothing is sent: it would
    /// join that turn, and its reply may belong to another chat.
    pub(in super::super) async fn send_waiting(&mut self, process: &mut Process) {
        if self.background.is_reporting {
            return;
        }
        let now = self.host_client.clock.now();
        let several = 1 < self.lifecycle.waiting().count();
        let how = PromptContext { several, interrupted: 0 < self.restarts, now };
        for open in self.lifecycle.waiting() {
            self.attempt = self.attempt.wrapping_add(1);
            let incarnation = self.host_client.config.incarnation;
            let uuid = line_uuid(open.message.seq, incarnation, self.attempt);
            self.cli.command = command_of(&open.message);
            let text = self.prompts.render(&open.message, how);
            let images = images(&open.message, &self.host_client).await;
            process.send(user_line(&uuid, &text, images));
            open.uuid = Some(uuid);
        }
    }

    /// Hands over what waited for the end of a turn of the CLI's own.
    pub(super) async fn send_held(&mut self, process: &mut Process) {
        let first = self.lifecycle.waiting().next().map(|it| it.message.seq);
        if let Some(first) = first {
            self.host_client.work_on(first);
            self.send_waiting(process).await;
        }
    }

    /// Hands everything that is open to a CLI that has just been started.
    pub(in super::super) async fn send_all(&mut self, process: &mut Process) {
        self.host_client.begin_attempt();
        self.cli = CliState::default();
        self.lifecycle.on_cli_start();
        self.send_waiting(process).await;
    }

    /// The CLI is done with a line; one that it dropped is sent again.
    pub(super) async fn line_ended(&mut self, uuid: &str, process: &mut Process) -> Flow {
        if self.lifecycle.on_ended(uuid) {
            self.cli.drops += 1;
            if DROPS_MAX < self.cli.drops {
                return Flow::Break(());
            }
            self.send_waiting(process).await;
        }
        Flow::Continue(())
    }

    /// The CLI died: another conversation begins if this one cannot be resumed, and open messages are given
    /// up after too many deaths, or if the CLI said why it ends, so that another one would do the same.
    pub(in super::super) async fn on_death(&mut self, ending: &Ending, oom_kills_before: u64) {
        let Ending { status, last_words, .. } = ending;
        let is_stale = self.cli.is_stale || says_stale(last_words);
        if is_stale && self.conversation_id.is_some() {
            tracing::warn!("the earlier conversation is gone; beginning a new one");
            self.tell_lost |= self.conversation_id == self.proven;
            self.forget();
            self.emit(Event::Keep(vec![self.kept()])).await;
            return;
        }
        if self.is_idle() {
            tracing::info!(status, "the agent's program ended between turns");
            return;
        }
        self.restarts += 1;
        let restarts = self.restarts;
        tracing::warn!(
            status,
            last_words,
            restarts,
            "the agent's program died with messages in hand"
        );
        if self.cli.failure.is_none() && restarts <= RESTARTS_MAX {
            sleep(backoff(RESTART_WAIT, RESTART_WAIT_MAX, restarts)).await;
            return;
        }
        let is_starved = oom_kills_before < oom_kills();
        let class = if is_starved { FailureClass::OutOfMemory } else { FailureClass::Crashed };
        let failure = self.cli.failure.take().unwrap_or_else(|| ProviderFailure::new(class, None));
        self.restarts = 0;
        let covers = self.lifecycle.give_up();
        self.end(covers, Err(failure), None).await;
    }

    /// The host keeps the container while something runs in it.
    pub(super) fn tell_background(&self) {
        self.host_client.notifier.background(self.background.is_busy());
    }

    /// The CLI is gone, and with it what it did in the background. Those who wait for that are told.
    pub(in super::super) async fn lose_background(&mut self) {
        for to in self.background.on_cli_end() {
            let text = BACKGROUND_LOST.to_owned();
            self.emit(Event::Unsolicited { to: Some(to), text }).await;
        }
        self.tell_background();
    }
}
