//! Keeps one notify stream to the host open, and turns notifications into wake-ups and back.
//!
//! Invariants
//! - Notifying never waits and never fails: it sets a flag that a later write picks up.
//! - Progress is written at most once a second and a draft every 700 ms, the latest one; a look goes
//!   as soon as the stream takes it, one after a claim a moment later.
//! - What was drafted while there was no stream is dropped, and so is what its turn's end overtook.
//! - After each (re)connection both sides look once, for notifications while there was no stream.

mod wakeup;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::link::{Draft, Header, LINE_BYTES_MAX, Notification, Tool};
use domain::time::backoff;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout, timeout_at};

pub(crate) use self::wakeup::WakeupListener;
use self::wakeup::WakeupSource;
use crate::{Config, Connect};

/// The host needs no more to tell "working" from "silent".
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// Platforms slow down a bot that edits a message much more often.
const DRAFT_INTERVAL: Duration = Duration::from_millis(700);
/// Delay of a look after a claim. A quick answer follows within it, and then the host does not read the
/// database just when the answer is to be committed.
const CLAIM_DELAY: Duration = Duration::from_millis(30);
/// A host that is there takes a connection at once.
const OPEN_MAX: Duration = Duration::from_secs(5);

/// Both directions of the notify stream, shared by its callers and its listeners.
#[derive(Debug)]
pub(crate) struct Notifier {
    look: AtomicBool,
    /// When the host is told of a claim, unless it looks earlier.
    look_from: Mutex<Option<Instant>>,
    progress: AtomicBool,
    draft: Mutex<Option<Draft>>,
    /// What the provider runs, and whether the host was told.
    tool: Mutex<(Option<Tool>, bool)>,
    /// Whether work goes on after its turn, and whether the host was told.
    background: Mutex<(bool, bool)>,
    woken: Notify,
    /// Notifications from the host.
    heard: Arc<WakeupSource>,
    stop: Arc<WakeupSource>,
}

impl Notifier {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            look: AtomicBool::new(false),
            look_from: Mutex::default(),
            progress: AtomicBool::new(false),
            draft: Mutex::default(),
            tool: Mutex::new((None, true)),
            background: Mutex::new((false, true)),
            woken: Notify::new(),
            heard: Arc::default(),
            stop: Arc::default(),
        })
    }

    /// Tells the host that something was committed.
    pub(crate) fn look(&self) {
        self.look.store(true, Ordering::Relaxed);
        self.woken.notify_one();
    }

    /// Tells the host that messages were claimed.
    pub(crate) fn claimed(&self) {
        self.look_due().get_or_insert_with(|| Instant::now() + CLAIM_DELAY);
        self.woken.notify_one();
    }

    fn look_due(&self) -> MutexGuard<'_, Option<Instant>> {
        self.look_from.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the host that the provider emitted something.
    pub(crate) fn progress(&self) {
        if !self.progress.swap(true, Ordering::Relaxed) {
            self.woken.notify_one();
        }
    }

    /// Shows the host what the answer reads like so far.
    pub(crate) fn draft(&self, draft: Draft) {
        *self.drafted() = Some(draft);
        self.woken.notify_one();
    }

    /// Forgets a draft that was not told yet: the answer itself is there.
    pub(crate) fn forget_draft(&self) {
        *self.drafted() = None;
    }

    /// Tells the host what the provider runs now.
    pub(crate) fn tool(&self, tool: Option<Tool>) {
        *self.tool.lock().unwrap_or_else(PoisonError::into_inner) = (tool, false);
        self.woken.notify_one();
    }

    /// Tells the host whether work goes on after its turn.
    pub(crate) fn background(&self, runs: bool) {
        let mut background = self.background.lock().unwrap_or_else(PoisonError::into_inner);
        if background.0 != runs {
            *background = (runs, false);
            self.woken.notify_one();
        }
    }

    fn unsent_background(&self) -> Option<Notification> {
        let mut background = self.background.lock().unwrap_or_else(PoisonError::into_inner);
        let told = std::mem::replace(&mut background.1, true);
        let notification = if background.0 {
            Notification::BackgroundStarted
        } else {
            Notification::BackgroundEnded
        };
        (!told).then_some(notification)
    }

    /// The line that says it, if the host does not know yet.
    fn unsent_tool(&self) -> Option<String> {
        let mut tool = self.tool.lock().unwrap_or_else(PoisonError::into_inner);
        let told = std::mem::replace(&mut tool.1, true);
        (!told).then(|| Tool::as_line(tool.0.as_ref()))
    }

    /// A host that reconnects knows nothing.
    fn forget_told(&self) {
        let mut tool = self.tool.lock().unwrap_or_else(PoisonError::into_inner);
        tool.1 &= tool.0.is_none();
        let mut background = self.background.lock().unwrap_or_else(PoisonError::into_inner);
        background.1 &= !background.0;
    }

    fn drafted(&self) -> MutexGuard<'_, Option<Draft>> {
        self.draft.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notifications of the host from now on. Each listener has its own.
    pub(crate) fn wakeups(&self) -> WakeupListener {
        self.heard.listen()
    }

    fn wake(&self) {
        self.heard.wake();
    }

    /// Asks the program to finish, as the host does with [`Notification::Stop`].
    pub(crate) fn stop(&self) {
        self.stop.wake();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.was_woken()
    }

    /// Returns once somebody asked to finish.
    pub(crate) async fn stopped(&self) {
        self.stop.woken().await;
    }

    /// Serves the stream for ever.
    pub(crate) async fn serve(self: Arc<Self>, connect: Arc<dyn Connect>, config: Config) {
        let mut failures = 0;
        loop {
            let was_open = match timeout(OPEN_MAX, connect.open(Header::Notify)).await {
                Ok(Ok(stream)) => {
                    tracing::debug!("notify stream connected");
                    self.forget_draft();
                    self.forget_told();
                    self.look();
                    self.wake();
                    let (reader, writer) = tokio::io::split(stream);
                    // Whichever direction ends first, the stream is of no more use.
                    let ended = tokio::select! {
                        biased;
                        ended = self.listen(reader) => ended,
                        ended = self.speak(writer) => ended,
                    };
                    tracing::debug!(error = ?ended.err(), "notify stream lost");
                    true
                }
                Ok(Err(err)) => {
                    tracing::debug!(error = %err, "the host's socket does not answer");
                    false
                }
                Err(_) => false,
            };
            failures = if was_open { 1 } else { failures + 1 };
            sleep(backoff(config.retry_base, config.retry_max, failures)).await;
        }
    }

    async fn listen(&self, reader: impl AsyncRead + Unpin) -> io::Result<()> {
        let line_max = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
        let mut reader = BufReader::with_capacity(LINE_BYTES_MAX, reader);
        let mut line = Vec::new();
        loop {
            line.clear();
            (&mut reader).take(line_max).read_until(b'\n', &mut line).await?;
            if !line.ends_with(b"\n") {
                // The end, or a line that is too long to be one of ours.
                return Ok(());
            }
            match std::str::from_utf8(&line).ok().and_then(Notification::parse) {
                Some(Notification::Look) => self.wake(),
                Some(Notification::Stop) => self.stop(),
                Some(
                    Notification::Progress
                    | Notification::BackgroundStarted
                    | Notification::BackgroundEnded,
                )
                | None => {}
            }
        }
    }

    async fn speak(&self, mut writer: impl AsyncWrite + Unpin) -> io::Result<()> {
        let (mut progress_from, mut draft_from) = (Instant::now(), Instant::now());
        loop {
            let now = Instant::now();
            if self.takes_look(now) {
                write(&mut writer, Notification::Look.as_line()).await?;
            } else if let Some(line) = self.unsent_tool() {
                write(&mut writer, &line).await?;
            } else if let Some(notification) = self.unsent_background() {
                write(&mut writer, notification.as_line()).await?;
            } else if progress_from <= now && self.progress.swap(false, Ordering::Relaxed) {
                write(&mut writer, Notification::Progress.as_line()).await?;
                progress_from = now + PROGRESS_INTERVAL;
            } else if let Some(draft) = self.due_draft(draft_from <= now) {
                write(&mut writer, &draft.as_line()).await?;
                draft_from = now + DRAFT_INTERVAL;
            } else {
                self.wait(progress_from, draft_from).await;
            }
        }
    }

    /// One look stands for all notifications and claims so far.
    fn takes_look(&self, now: Instant) -> bool {
        let mut due = self.look_due();
        let is_due = self.look.swap(false, Ordering::Relaxed) || due.is_some_and(|at| at <= now);
        *due = due.filter(|_| !is_due);
        is_due
    }

    fn due_draft(&self, is_due: bool) -> Option<Draft> {
        if is_due { self.drafted().take() } else { None }
    }

    /// Waits for something to write, or until what waits may be written.
    async fn wait(&self, progress_from: Instant, draft_from: Instant) {
        let progress = self.progress.load(Ordering::Relaxed).then_some(progress_from);
        let draft = self.drafted().is_some().then_some(draft_from);
        let look = *self.look_due();
        match progress.into_iter().chain(draft).chain(look).min() {
            // Either way the caller looks again.
            Some(at) => drop(timeout_at(at, self.woken.notified()).await),
            None => self.woken.notified().await,
        }
    }
}

async fn write(writer: &mut (impl AsyncWrite + Unpin), line: &str) -> io::Result<()> {
    writer.write_all(line.as_bytes()).await?;
    writer.flush().await
}

#[cfg(test)]
mod tests;
