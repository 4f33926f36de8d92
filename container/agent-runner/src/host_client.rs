//! Writes replies for the host. The turn loop and the tools share one client, so that there is one
//! way for a text to leave. What tools ask of it is in the files below.
//!
//! Invariants
//! - The host is notified after each commit, never before.
//! - A write that must not be lost is repeated until it is stored; only a database that nobody can
//!   write any more, or the order to stop, ends that.

mod file;
mod say;

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domain::MessageSeq;
use domain::inbound::Inbound;
use domain::link::Draft;
use domain::time::{Clock, Timestamp};
use domain::waits::WaitClass;
use store::{Db, RunnerStore, StoreError, TurnEnd};
use tokio::time::timeout;

pub(crate) use self::file::FileToSend;
pub(crate) use self::say::{Question, task_line};
use crate::config::retry_wait;
use crate::notifier::Notifier;
use crate::provider::ToolNews;
use crate::{Config, RunnerError};

/// A key and its new value; no value forgets the key.
pub(crate) type Kept = (&'static str, Option<String>);

/// Why a tool did not do what a model asked for. Read by that model, so each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    #[error("{0}")]
    Refused(String),
    #[error("the file could not be copied ({0}); try again")]
    Io(#[from] io::Error),
    #[error(
        "it was not sent, because it could not be stored ({0}); try again in a minute, or put it \
         into your final answer"
    )]
    Store(#[from] StoreError),
}

/// What the model reads, of a success or a failure.
pub(crate) type ToolResult<T = String> = Result<T, ToolError>;

fn refused<T>(why: impl Into<String>) -> ToolResult<T> {
    Err(ToolError::Refused(why.into()))
}

#[derive(Debug)]
pub(crate) struct HostClient {
    pub(crate) store: Db<RunnerStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) notifier: Arc<Notifier>,
    pub(crate) config: Config,
    /// The message that the provider works on, or worked on last.
    current: Mutex<Option<MessageSeq>>,
    attempt: AtomicU32,
}

impl HostClient {
    pub(crate) fn new(
        store: Db<RunnerStore>,
        clock: Arc<dyn Clock>,
        notifier: Arc<Notifier>,
        config: Config,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            notifier,
            config,
            current: Mutex::new(None),
            attempt: AtomicU32::new(0),
        })
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

    pub(crate) fn current(&self) -> Option<MessageSeq> {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows what the answer to the message at hand reads like so far.
    pub(crate) fn draft(&self, text: &str) {
        if let Some(current) = self.current() {
            self.notifier.draft(Draft::new(current, text));
        }
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
        self.persist("the end of a turn", move |store, now| {
            store.end_turn(&end, &borrowed(&keep), now)
        })
        .await
    }

    /// Lets go of everything that is in hand, until the host says that the wait is over.
    pub(crate) async fn wait(
        &self,
        class: WaitClass,
        until: Option<Timestamp>,
        keep: Vec<Kept>,
    ) -> Result<(), RunnerError> {
        self.notifier.forget_draft();
        self.begin_attempt();
        self.persist("a wait", move |store, _| store.wait(class, until, &borrowed(&keep))).await
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
        self.persist("a message", move |store, now| store.say(to, &text, now).map(drop)).await
    }

    pub(crate) async fn keep(&self, keep: Vec<Kept>) -> Result<(), RunnerError> {
        self.persist("a state", move |store, _| store.set_state(&borrowed(&keep))).await
    }

    /// Removes old rows that the host has imported, a bounded number. Returns whether none is
    /// left; what fails is left for another time, since nothing depends on it.
    pub(crate) async fn prune(&self) -> bool {
        let now = self.clock.now();
        let gone = self.store.write("prune", move |store| store.prune(now)).await;
        let failed = |err| tracing::warn!(error = %err, "could not remove old rows");
        gone.map_err(failed).unwrap_or_default() == 0
    }

    /// Writes down that a tool was used, for people who ask. No turn is held up or lost for it.
    pub(crate) async fn note_tool(&self, news: ToolNews) {
        let Some(message) = self.current() else { return };
        let now = self.clock.now();
        let note = move |store: &mut RunnerStore| match news {
            ToolNews::Started { call, name, .. } => store.tool_started(message, &call, &name, now),
            ToolNews::Ended { call, ok } => store.tool_ended(&call, ok, now),
        };
        if let Err(err) = self.store.write("a tool", note).await {
            tracing::warn!(error = %err, "the use of a tool was not noted");
        }
    }

    /// Keeps what was found in the files of a message. No turn is held up or lost for it: at worst they are
    /// read again.
    pub(crate) async fn keep_file_texts(&self, message: &Inbound) {
        let (seq, texts) = (message.seq, message.body.file_texts.clone());
        let keep = move |store: &mut RunnerStore| store.keep_file_texts(seq, &texts);
        if let Err(err) = self.store.write("texts of files", keep).await {
            tracing::warn!(error = %err, "the texts of a message's files were not kept");
        }
    }

    /// What an earlier incarnation kept. A database that cannot be read right now is waited for.
    pub(crate) async fn kept(&self, key: &'static str) -> Result<Option<String>, RunnerError> {
        self.until_done(|| self.store.read(move |store| store.state(key))).await
    }

    async fn persist(
        &self,
        op: &'static str,
        write: impl Fn(&mut RunnerStore, Timestamp) -> Result<(), StoreError> + Clone + Send + 'static,
    ) -> Result<(), RunnerError> {
        let stored = self.until_done(|| {
            let (write, now) = (write.clone(), self.clock.now());
            self.store.write(op, move |store| write(store, now))
        });
        stored.await?;
        self.notifier.look();
        Ok(())
    }

    /// Tries again after an error, unless there is no point in it.
    async fn until_done<R, F>(&self, attempt: impl Fn() -> F) -> Result<R, RunnerError>
    where
        F: Future<Output = Result<R, StoreError>>,
    {
        let mut failures = 0;
        loop {
            let err = match attempt().await {
                Ok(done) => return Ok(done),
                Err(err) if err.is_permanent() => return Err(RunnerError::Store(err)),
                Err(err) if self.notifier.is_stopped() => return Err(RunnerError::Unstored(err)),
                Err(err) => err,
            };
            failures += 1;
            tracing::warn!(error = %err, failures, "the database refused; will try again");
            // After a stop one last try follows at once.
            let _ = timeout(retry_wait(failures), self.notifier.stopped()).await;
        }
    }
}

fn borrowed(keep: &[Kept]) -> Vec<(&str, Option<&str>)> {
    keep.iter().map(|(key, value)| (*key, value.as_deref())).collect()
}
