//! Keeps one notify stream to the host open, and turns notifications into wake-ups and back.
//!
//! Invariants
//! - Notifying never waits and never fails: it notes what a later write picks up.
//! - Progress is written at most once a second and a draft every 700 ms, the latest one; a look goes
//!   as soon as the stream takes it, one after a claim a moment later.
//! - What was drafted while there was no stream is dropped, and so is what its turn's end overtook.
//! - After each (re)connection both sides look once, for notifications while there was no stream.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::link::{Draft, Header, LINE_BYTES_MAX, Notification, Tool};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::Connect;
use crate::config::retry_wait;

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
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    unsent: Mutex<Unsent>,
    woken: Notify,
    /// Notifications from the host.
    heard: Arc<WakeupSource>,
    stop: Arc<WakeupSource>,
}

/// What the host is still to be told.
#[derive(Debug, Default)]
struct Unsent {
    look_at: Option<Instant>,
    progress: bool,
    /// No progress before.
    progress_from: Option<Instant>,
    draft: Option<Draft>,
    /// No draft before.
    draft_from: Option<Instant>,
    tool: Option<Tool>,
    told_tool: Option<Tool>,
    /// Whether work goes on after its turn.
    background: bool,
    told_background: bool,
}

impl Unsent {
    /// The next line that may be written, the most urgent first. One look stands for all notifications
    /// and claims so far.
    fn take(&mut self, now: Instant) -> Option<String> {
        let is_due = |from: Option<Instant>| from.is_none_or(|at| at <= now);
        if self.look_at.take_if(|at| *at <= now).is_some() {
            return Some(Notification::Look.as_str().to_owned());
        }
        if self.told_tool != self.tool {
            self.told_tool.clone_from(&self.tool);
            return Some(Tool::as_line(self.tool.as_ref()));
        }
        if self.told_background != self.background {
            self.told_background = self.background;
            let (runs, ended) = (Notification::Background, Notification::BackgroundEnded);
            return Some(if self.background { runs } else { ended }.as_str().to_owned());
        }
        if is_due(self.progress_from) && std::mem::take(&mut self.progress) {
            self.progress_from = Some(now + PROGRESS_INTERVAL);
            return Some(Notification::Progress.as_str().to_owned());
        }
        let draft = self.draft.take_if(|_| is_due(self.draft_from))?;
        self.draft_from = Some(now + DRAFT_INTERVAL);
        Some(draft.as_line())
    }

    /// When something that waits may be written.
    fn due(&self) -> Option<Instant> {
        let progress = self.progress_from.filter(|_| self.progress);
        let draft = self.draft_from.filter(|_| self.draft.is_some());
        self.look_at.into_iter().chain(progress).chain(draft).min()
    }

    /// A host that reconnects knows nothing, or what it was told last: what ended meanwhile is told too.
    fn begin_stream(&mut self) {
        (self.draft, self.draft_from, self.progress_from) = (None, None, None);
        self.told_tool.take_if(|_| self.tool.is_some());
        self.told_background &= !self.background;
    }
}

impl Notifier {
    fn unsent(&self) -> MutexGuard<'_, Unsent> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Unsent)) {
        change(&mut self.unsent());
        self.woken.notify_one();
    }

    pub(crate) fn look(&self) {
        self.change(|it| it.look_at = Some(Instant::now()));
    }

    pub(crate) fn claimed(&self) {
        self.change(|unsent| {
            unsent.look_at.get_or_insert_with(|| Instant::now() + CLAIM_DELAY);
        });
    }

    pub(crate) fn progress(&self) {
        self.change(|it| it.progress = true);
    }

    pub(crate) fn draft(&self, draft: Draft) {
        self.change(|it| it.draft = Some(draft));
    }

    /// Forgets a draft that was not told yet: the answer itself is there.
    pub(crate) fn forget_draft(&self) {
        self.unsent().draft = None;
    }

    pub(crate) fn tool(&self, tool: Option<Tool>) {
        self.change(|it| it.tool = tool);
    }

    /// Tells the host whether work goes on after the turn that began it.
    pub(crate) fn background(&self, runs: bool) {
        self.change(|it| it.background = runs);
    }

    /// Notifications of the host from now on. Each listener has its own.
    pub(crate) fn wakeups(&self) -> WakeupListener {
        let heard = self.heard.count.load(Ordering::SeqCst);
        WakeupListener { source: Arc::clone(&self.heard), heard }
    }

    /// Asks the program to finish, as the host does with [`Notification::Stop`].
    pub(crate) fn stop(&self) {
        self.stop.wake();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.count.load(Ordering::SeqCst) != 0
    }

    /// Returns once somebody asked to finish, however long ago.
    pub(crate) async fn stopped(&self) {
        WakeupListener { source: Arc::clone(&self.stop), heard: 0 }.next().await;
    }

    pub(crate) async fn serve(self: Arc<Self>, connect: Arc<dyn Connect>) {
        let mut failures = 0;
        loop {
            match timeout(OPEN_MAX, connect.open(Header::Notify)).await {
                Ok(Ok(stream)) => {
                    tracing::debug!("notify stream connected");
                    failures = 0;
                    self.unsent().begin_stream();
                    self.look();
                    self.heard.wake();
                    let (reader, writer) = tokio::io::split(stream);
                    // Whichever direction ends first, the stream is of no more use.
                    let ended = tokio::select! {
                        biased;
                        ended = self.listen(reader) => ended,
                        ended = self.speak(writer) => ended,
                    };
                    tracing::debug!(error = ?ended.err(), "notify stream lost");
                }
                Ok(Err(err)) => tracing::debug!(error = %err, "the host's socket does not answer"),
                Err(_) => {}
            }
            failures += 1;
            sleep(retry_wait(failures)).await;
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
            let line = std::str::from_utf8(&line).unwrap_or_default();
            match Notification::parse(line.trim_end()) {
                Some(Notification::Look) => self.heard.wake(),
                Some(Notification::Stop) => self.stop(),
                Some(
                    Notification::Progress
                    | Notification::Background
                    | Notification::BackgroundEnded,
                )
                | None => {}
            }
        }
    }

    async fn speak(&self, mut writer: impl AsyncWrite + Unpin) -> io::Result<()> {
        loop {
            let line = self.unsent().take(Instant::now());
            if let Some(line) = line {
                writer.write_all(format!("{line}\n").as_bytes()).await?;
                writer.flush().await?;
                continue;
            }
            let due = self.unsent().due();
            match due {
                // Either way there is another look.
                Some(at) => drop(timeout_at(at, self.woken.notified()).await),
                None => self.woken.notified().await,
            }
        }
    }
}

/// Wake-ups for several listeners. A listener misses none; several between two looks count as one. They
/// wake in the order in which they wait: a `watch` channel would wake them in a random one, and no
/// simulated run could be repeated.
#[derive(Debug, Default)]
struct WakeupSource {
    count: AtomicU64,
    woken: Notify,
}

#[derive(Debug)]
pub(crate) struct WakeupListener {
    source: Arc<WakeupSource>,
    heard: u64,
}

impl WakeupSource {
    fn wake(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.woken.notify_waiters();
    }
}

impl WakeupListener {
    /// Returns when it was woken since the last call.
    pub(crate) async fn next(&mut self) {
        loop {
            // Registers before the count is read, so that no wake-up is missed.
            let woken = self.source.woken.notified();
            let count = self.source.count.load(Ordering::SeqCst);
            if count != self.heard {
                self.heard = count;
                return;
            }
            woken.await;
        }
    }
}

#[cfg(test)]
mod tests;
