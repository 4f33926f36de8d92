//! Writes replies for the host. The turn loop and the tools share one client, so that there is one
//! way for a text to leave. What tools ask of it is in the files below.
//!
//! Invariants
//! - The host is notified after each commit, never before.
//! - A write that must not be lost is repeated until it is stored; only a database that nobody can
//!   write any more, or the order to stop, ends that.

mod ask;
mod error;
mod file;
mod prune;
mod say;
mod tasks;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::inbound::Inbound;
use domain::link::{Draft, Tool};
use domain::time::{Clock, backoff};
use domain::{Incarnation, MessageSeq};
use store::{Db, RunnerStore, StoreError, TurnEnd};

pub(crate) use self::ask::Question;
pub(crate) use self::error::ToolError;
pub(crate) use self::file::FileToSend;
pub(crate) use self::tasks::TaskLine;
use crate::failure::Wait;
use crate::notifier::Notifier;
use crate::provider::ToolNews;
use crate::{Config, RunnerError};

/// A key and its new value; no value forgets the key.
pub(crate) type Kept = (String, Option<String>);

#[derive(Debug)]
pub(crate) struct HostClient {
    store: Db<RunnerStore>,
    clock: Arc<dyn Clock>,
    notifier: Arc<Notifier>,
    retry: (Duration, Duration),
    poll_interval: Duration,
    incarnation: Incarnation,
    workspace: PathBuf,
    received_dir: PathBuf,
    /// The message that the provider works on, or worked on last.
    current: Mutex<Option<MessageSeq>>,
    attempt: AtomicU32,
}

impl HostClient {
    pub(crate) fn new(
        store: Db<RunnerStore>,
        clock: Arc<dyn Clock>,
        notifier: Arc<Notifier>,
        config: &Config,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            notifier,
            retry: (config.retry_base, config.retry_max),
            poll_interval: config.poll_interval,
            incarnation: config.incarnation,
            workspace: config.workspace.clone(),
            received_dir: config.received_dir.clone(),
            current: Mutex::new(None),
            attempt: AtomicU32::new(0),
        })
    }

    /// Runs a call that may wait for the disk.
    pub(crate) async fn on_disk<R: Send + 'static>(
        &self,
        call: impl FnOnce() -> R + Send + 'static,
    ) -> R {
        self.store.beside(call).await
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// From now on what is said in the middle of a turn replies to this message.
    pub(crate) fn work_on(&self, message: MessageSeq) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
    }

    /// What is in hand is handed over from the beginning: what is asked for from now on may have been
    /// asked for before.
    pub(crate) fn begin_attempt(&self) {
        self.attempt.fetch_add(1, Ordering::Relaxed);
    }

    fn attempt(&self) -> u32 {
        self.attempt.load(Ordering::Relaxed)
    }

    pub(crate) fn current(&self) -> Option<MessageSeq> {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows what the answer to the message at hand reads like so far.
    pub(crate) fn draft(&self, text: &str) {
        if let Some(current) = self.current() {
            self.notifier.draft(Draft::new(current, text));
        }
    }

    /// Messages that wait for this incarnation; a claim of `unsure` failed.
    pub(crate) async fn due(&self, unsure: Vec<MessageSeq>) -> Result<Vec<Inbound>, StoreError> {
        let now = self.clock.now();
        self.store.read(move |store| store.due(now, &unsure)).await
    }

    /// Claims messages, all or none. Not repeated: who failed to claim looks again later.
    pub(crate) async fn claim(&self, messages: &[Inbound]) -> Result<(), StoreError> {
        let seqs: Vec<MessageSeq> = messages.iter().map(|it| it.seq).collect();
        let now = self.clock.now();
        self.store.write("a claim", move |store| store.claim(&seqs, now)).await?;
        self.notifier.claimed();
        Ok(())
    }

    /// Stores the end of a turn, however long that takes.
    pub(crate) async fn end_turn(&self, end: TurnEnd, keep: Vec<Kept>) -> Result<(), RunnerError> {
        self.notifier.forget_draft();
        let work = Arc::new((end, keep));
        self.persist("the end of a turn", move |store, now| {
            let (end, keep) = &*work;
            store.end_turn(end, &borrowed(keep), now)
        })
        .await
    }

    /// Lets go of everything that is in hand, until the host says that the wait is over.
    pub(crate) async fn wait(&self, wait: Wait, keep: Vec<Kept>) -> Result<(), RunnerError> {
        self.notifier.forget_draft();
        self.begin_attempt();
        let keep = Arc::new(keep);
        self.persist("a wait", move |store, _| store.wait(wait.class, wait.until, &borrowed(&keep)))
            .await
    }

    /// Tells the host what the provider runs, or that it runs nothing.
    pub(crate) fn running(&self, tool: Option<Tool>) {
        self.notifier.tool(tool);
    }

    /// Tells the host whether work goes on after the turn that began it.
    pub(crate) fn background(&self, runs: bool) {
        self.notifier.background(runs);
    }

    /// Sends a text that no turn ends with, such as the end of a background task, in reply to the
    /// message that began it; without one, to the last that was worked on.
    pub(crate) async fn send_unsolicited(
        &self,
        to: Option<MessageSeq>,
        text: String,
    ) -> Result<(), RunnerError> {
        let Some(to) = to.or_else(|| self.current()) else {
            tracing::warn!("the provider spoke before anybody asked; dropped");
            return Ok(());
        };
        let text = Arc::new(text);
        self.persist("a message", move |store, now| store.say(to, &text, now).map(drop)).await
    }

    pub(crate) async fn keep(&self, keep: Vec<Kept>) -> Result<(), RunnerError> {
        let keep = Arc::new(keep);
        self.persist("a state", move |store, _| store.set_state(&borrowed(&keep))).await
    }

    /// Writes down that a tool was used, for people who ask. No turn is held up or lost for it.
    pub(crate) async fn note_tool(&self, news: ToolNews) {
        let (now, current) = (self.clock.now(), self.current());
        let noted = match (news, current) {
            (ToolNews::Started { call, name, .. }, Some(message)) => {
                let start =
                    move |store: &mut RunnerStore| store.tool_started(message, &call, &name, now);
                self.store.write("a tool", start).await
            }
            (ToolNews::Ended { call, ok }, Some(_)) => {
                let end = move |store: &mut RunnerStore| store.tool_ended(&call, ok, now);
                self.store.write("the end of a tool", end).await
            }
            (ToolNews::Started { .. } | ToolNews::Ended { .. }, None) => Ok(()),
        };
        if let Err(err) = noted {
            tracing::warn!(error = %err, "the use of a tool was not noted");
        }
    }

    /// What an earlier incarnation kept. A database that cannot be read right now is waited for.
    pub(crate) async fn kept(&self, key: &'static str) -> Result<Option<String>, RunnerError> {
        let mut failures = 0;
        loop {
            match self.store.read(move |store| store.state(key)).await {
                Ok(value) => return Ok(value),
                Err(err) => self.wait_out(err, &mut failures).await?,
            }
        }
    }

    async fn persist(
        &self,
        op: &'static str,
        write: impl Fn(&mut RunnerStore, domain::time::Timestamp) -> Result<(), StoreError>
        + Clone
        + Send
        + 'static,
    ) -> Result<(), RunnerError> {
        let mut failures = 0;
        loop {
            let (write, now) = (write.clone(), self.clock.now());
            match self.store.write(op, move |store| write(store, now)).await {
                Ok(()) => {
                    self.notifier.look();
                    return Ok(());
                }
                Err(err) => self.wait_out(err, &mut failures).await?,
            }
        }
    }

    /// Waits before the next try, unless there is no point in one.
    async fn wait_out(&self, err: StoreError, failures: &mut u32) -> Result<(), RunnerError> {
        if err.is_permanent() {
            return Err(RunnerError::Store(err));
        }
        if self.notifier.is_stopped() {
            return Err(RunnerError::Unstored(err));
        }
        *failures += 1;
        tracing::warn!(error = %err, failures, "the database refused; will try again");
        let wait = tokio::time::sleep(backoff(self.retry.0, self.retry.1, *failures));
        tokio::select! {
            biased;
            () = wait => {}
            // One last try follows at once.
            () = self.notifier.stopped() => {}
        }
        Ok(())
    }
}

fn borrowed(keep: &[Kept]) -> Vec<(&str, Option<&str>)> {
    keep.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect()
}
