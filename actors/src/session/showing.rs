//! Shows that work goes on: typing at every sign of life, and in chats that allow it one line that
//! changes in place, first with the time that passed, then with the answer as it is written. The
//! line is a part like any other; what changes in it is a hint that may be lost. The answer takes
//! its place.

use std::time::Duration;

use domain::MessageSeq;
use domain::message::Address;
use domain::texts::notices;
use store::SessionRows;
use tokio::time::Instant;

use super::Result;
use super::state::SessionActor;
use crate::channel::ChannelMessage;
use crate::channels::ChannelsMessage;

/// Typing shows for five to ten seconds on most platforms.
const TYPING_EVERY: Duration = Duration::from_secs(4);
/// An edit a second and a half stays below every platform's limit for one chat.
const DRAFT_EVERY: Duration = Duration::from_millis(1_500);
const CLOCK_EVERY: Duration = Duration::from_secs(30);
/// An answer that comes sooner is shown at once, without a draft of it.
const DRAFT_AFTER: Duration = Duration::from_secs(4);

#[derive(Debug, Default)]
pub(super) struct Shown {
    typing: Option<Instant>,
    line: Option<Instant>,
    drafts: bool,
}

fn has_passed(since: Option<Instant>, wait: Duration) -> bool {
    since.is_none_or(|it| wait <= it.elapsed())
}

impl SessionActor {
    pub(super) async fn perform_status(&mut self, message: MessageSeq) -> Result {
        let now = self.now();
        (self.shown.line, self.shown.drafts) = (Some(Instant::now()), false);
        let text = notices::working(Duration::ZERO);
        let show = move |it: &SessionRows<'_>| it.show_status(message, Duration::ZERO, &text, now);
        self.store.write("a status line", show).await?;
        Ok(())
    }

    /// What the container said since it was last asked. Returns whether to look at its database.
    pub(super) async fn take_wakeups(&mut self) -> Result<bool> {
        let said = self.wakeups.take();
        let is_over = said.background.is_some();
        let is_sign = said.progress || said.tool.is_some() || is_over;
        if let Some(runs) = said.background {
            self.background = runs.then(|| self.background.unwrap_or_else(Instant::now));
        }
        if let Some(tool) = said.tool {
            self.tool = tool;
        }
        if let Some(draft) = said.draft {
            self.take_draft(draft.in_reply_to, draft.text().to_owned()).await?;
        } else if is_sign {
            self.take_progress().await?;
        }
        Ok(said.look || is_over)
    }

    /// The provider gave a sign of life.
    async fn take_progress(&mut self) -> Result {
        if self.is_closed() {
            return Ok(()); // A notification from before it was cut.
        }
        self.last_sign = Instant::now();
        self.last_event = self.last_sign;
        if has_passed(self.shown.typing, TYPING_EVERY) {
            self.shown.typing = Some(self.last_sign);
            if let Some(chat) = self.last_from.clone().or_else(|| self.args.row.chat.clone()) {
                let working = ChannelMessage::Working(chat.clone());
                self.host().peers.channels.cast(ChannelsMessage::To(chat, working));
            }
        }
        if !self.shown.drafts && self.shown.line.is_some_and(|it| CLOCK_EVERY <= it.elapsed()) {
            self.shown.line = Some(Instant::now());
            let now = self.now();
            if let Some((since, to, target)) = self.store.read(|it| it.shown_status()).await? {
                self.show_draft(to, target, notices::working(now.since(since)));
            }
        }
        Ok(())
    }

    async fn take_draft(&mut self, message: MessageSeq, text: String) -> Result {
        self.take_progress().await?;
        if text.trim().is_empty() || self.is_closed() || !has_passed(self.shown.line, DRAFT_EVERY) {
            return Ok(());
        }
        let line = self.store.read(move |it| it.draft_line(message)).await?;
        let Some(line) = line else { return self.begin_draft(message, text).await };
        let Some((to, target)) = line else {
            return Ok(()); // It is on its way.
        };
        (self.shown.line, self.shown.drafts) = (Some(Instant::now()), true);
        let caps = self.host().caps_of(&to);
        self.show_draft(to, target, markdown::draft(&text, caps.dialect, caps.text));
        Ok(())
    }

    fn show_draft(&self, to: Address, target: String, text: String) {
        let draft = ChannelMessage::Draft { to: to.clone(), target, text };
        self.host().peers.channels.cast(ChannelsMessage::To(to, draft));
    }

    /// The first piece of a long answer becomes the line.
    async fn begin_draft(&mut self, message: MessageSeq, text: String) -> Result {
        let chat = self.store.read(move |it| it.chat_of(message)).await?;
        let caps = chat.map(|it| self.host().caps_of(&it));
        let Some(caps) = caps.filter(|it| it.edits) else { return Ok(()) };
        let (now, text) = (self.now(), markdown::draft(&text, caps.dialect, caps.text));
        (self.shown.line, self.shown.drafts) = (Some(Instant::now()), true);
        let show = move |it: &SessionRows<'_>| it.show_status(message, DRAFT_AFTER, &text, now);
        self.store.write("a status line", show).await?;
        Ok(())
    }
}
