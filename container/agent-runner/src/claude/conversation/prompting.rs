//! How messages reach a CLI: at once, again after it died, and not in the middle of a report.

use std::slice::SliceIndex;

use domain::MessageSeq;
use domain::command::Command;
use domain::inbound::Inbound;

use super::super::command::{line_uuid, user_line};
use super::super::images;
use super::super::lifecycle::Open;
use super::super::prompt::PromptContext;
use super::{CliState, Conversation, Flow, command_of};
use crate::process::Process;
use crate::provider::{Event, NEW_CONVERSATION};

/// Lines that one CLI may let go of before it is replaced.
const DROPS_MAX: u32 = 5;

const BACKGROUND_LOST: &str =
    "(What I was doing in the background was interrupted and will not be finished. Ask me again.)";

impl Conversation {
    /// Takes messages for the CLI that will be started next. The command to start over needs none.
    pub(in super::super) async fn accept(&mut self, batch: Vec<Inbound>) -> Flow {
        if let [message] = batch.as_slice()
            && command_of(message) == Some(Command::New)
        {
            self.begin_attempt(message.seq).await;
            return Flow::Break(());
        }
        // A report speaks to the user who asked for the work, until it is over.
        if let (true, Some(first)) =
            (self.is_idle() && !self.background.is_reporting(), batch.first())
        {
            self.host_client.work_on(first.seq);
        }
        for message in batch {
            let uuid = self.next_uuid(message.seq);
            self.lifecycle.add(message, uuid);
        }
        Flow::Continue(())
    }

    /// Hands messages to the running CLI. While it reports background work they wait: they would join
    /// that turn, and its reply may belong to another chat.
    pub(in super::super) async fn offer(
        &mut self,
        batch: Vec<Inbound>,
        process: &mut Process,
    ) -> Flow {
        let news = self.lifecycle.open().len();
        self.accept(batch).await?;
        if self.background.is_reporting() {
            self.cli.held += self.lifecycle.open().len() - news;
        } else {
            self.send(news.., process).await;
        }
        Flow::Continue(())
    }

    /// Hands over what waited for the end of a report.
    pub(super) async fn offer_held(&mut self, process: &mut Process) {
        let held = std::mem::take(&mut self.cli.held);
        if let Some(from) = self.lifecycle.open().len().checked_sub(held).filter(|_| 0 < held) {
            self.host_client.work_on(self.lifecycle.open()[from].message.seq);
            self.send(from.., process).await;
        }
    }

    /// Hands everything that is open to a CLI that has just been started.
    pub(in super::super) async fn offer_again(&mut self, process: &mut Process) {
        self.host_client.begin_attempt();
        self.cli = CliState::default();
        for index in 0..self.lifecycle.open().len() {
            self.rename(index);
        }
        self.send(.., process).await;
    }

    async fn send(
        &mut self,
        which: impl SliceIndex<[Open], Output = [Open]>,
        process: &mut Process,
    ) {
        let now = self.host_client.clock.now();
        let news = &self.lifecycle.open()[which];
        let how = PromptContext { several: 1 < news.len(), interrupted: 0 < self.restarts, now };
        for open in news {
            self.cli.command = command_of(&open.message);
            let text = self.prompts.render(&open.message, how);
            let images = images::load(&open.message, &self.host_client).await;
            process.send(&user_line(&open.uuid, &text, images));
        }
    }

    async fn begin_attempt(&mut self, told_by: MessageSeq) {
        self.host_client.work_on(told_by);
        self.conversation_id = None;
        self.rejections = 0;
        self.tell_lost = false;
        self.prompts.forget();
        self.end(vec![told_by], Ok(NEW_CONVERSATION.to_owned()), None).await;
    }

    fn next_uuid(&mut self, message: MessageSeq) -> String {
        self.attempt = self.attempt.wrapping_add(1);
        line_uuid(message, self.host_client.config.incarnation, self.attempt)
    }

    fn rename(&mut self, index: usize) {
        let uuid = self.next_uuid(self.lifecycle.open()[index].message.seq);
        self.lifecycle.rename(index, uuid);
    }

    pub(super) async fn resend(&mut self, index: usize, process: &mut Process) -> Flow {
        self.cli.drops += 1;
        if DROPS_MAX < self.cli.drops {
            return Flow::Break(());
        }
        self.rename(index);
        self.send(index..=index, process).await;
        Flow::Continue(())
    }

    /// The host keeps the container while something runs in it.
    pub(super) fn tell_background(&self) {
        self.host_client.notifier.background(self.background.is_busy());
    }

    /// The CLI is gone, and with it what it did in the background. Those who wait for that are told.
    pub(in super::super) async fn lose_background(&mut self) {
        for message in self.background.on_cli_end() {
            let (to, text) = (Some(message), BACKGROUND_LOST.to_owned());
            self.emit(Event::Unsolicited { to, text }).await;
        }
        self.tell_background();
    }
}
