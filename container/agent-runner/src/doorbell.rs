//! Keeps one doorbell stream to the host open, and turns rings into wake-ups and back.
//!
//! Invariants
//! - Ringing never waits and never fails: it sets a flag that a later write picks up.
//! - Progress is written at most once a second, everything else as soon as the stream takes it.
//! - After each (re)connection both sides look once, for what was rung while there was no stream.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::link::{Header, LINE_BYTES_MAX, Ring};
use domain::time::backoff;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use crate::{Config, Connect};

/// The host needs no more to tell "working" from "silent".
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// A host that is there takes a connection at once.
const OPEN_MAX: Duration = Duration::from_secs(5);

/// Both directions of the doorbell. Shared by whoever rings and whoever listens.
#[derive(Debug)]
pub(crate) struct Doorbell {
    look: AtomicBool,
    progress: AtomicBool,
    rung: Notify,
    wake: Notify,
    stop: watch::Sender<bool>,
}

impl Doorbell {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            look: AtomicBool::new(false),
            progress: AtomicBool::new(false),
            rung: Notify::new(),
            wake: Notify::new(),
            stop: watch::Sender::new(false),
        })
    }

    /// Tells the host that something was committed.
    pub(crate) fn look(&self) {
        self.look.store(true, Ordering::Relaxed);
        self.rung.notify_one();
    }

    /// Tells the host that the provider emitted something.
    pub(crate) fn progress(&self) {
        if !self.progress.swap(true, Ordering::Relaxed) {
            self.rung.notify_one();
        }
    }

    /// Returns when the host rang since the last call.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Asks the program to finish, as the host does with [`Ring::Stop`].
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Returns once somebody asked to finish.
    pub(crate) async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // The sender lives in `self`, so that the wait cannot fail.
        let _ = stop.wait_for(|it| *it).await;
    }

    /// Serves the stream for ever.
    pub(crate) async fn serve(self: Arc<Self>, connect: Arc<dyn Connect>, config: Config) {
        let mut failures = 0;
        loop {
            let was_open = match timeout(OPEN_MAX, connect.open(Header::Doorbell)).await {
                Ok(Ok(stream)) => {
                    tracing::debug!("doorbell connected");
                    self.look();
                    self.wake.notify_one();
                    let (reader, writer) = tokio::io::split(stream);
                    // Whichever direction ends first, the stream is of no more use.
                    let ended = tokio::select! {
                        ended = self.listen(reader) => ended,
                        ended = self.speak(writer) => ended,
                    };
                    tracing::debug!(error = ?ended.err(), "doorbell lost");
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
            match std::str::from_utf8(&line).ok().and_then(Ring::parse) {
                Some(Ring::Look) => self.wake.notify_one(),
                Some(Ring::Stop) => self.stop(),
                Some(Ring::Progress) | None => {}
            }
        }
    }

    async fn speak(&self, mut writer: impl AsyncWrite + Unpin) -> io::Result<()> {
        loop {
            if self.look.swap(false, Ordering::Relaxed) {
                writer.write_all(Ring::Look.as_line().as_bytes()).await?;
                writer.flush().await?;
                continue;
            }
            if self.progress.load(Ordering::Relaxed) {
                writer.write_all(Ring::Progress.as_line().as_bytes()).await?;
                writer.flush().await?;
                self.pause().await;
                self.progress.store(false, Ordering::Relaxed);
                continue;
            }
            self.rung.notified().await;
        }
    }

    /// The time until the next progress may be written; a look ends it early.
    async fn pause(&self) {
        let look = async {
            while !self.look.load(Ordering::Relaxed) {
                self.rung.notified().await;
            }
        };
        // Either way the caller goes on.
        let _ = timeout(PROGRESS_INTERVAL, look).await;
    }
}

#[cfg(test)]
mod tests;
