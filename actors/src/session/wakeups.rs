//! Wake-ups from a container: at most one of each kind is pending, and one message in the mailbox of
//! the session stands for all of them. What a container writes is hostile: neither the number of its
//! lines nor their speed may cost the host memory, or the session more than a few looks a second.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::link::{DRAFT_LINE_BYTES_MAX, Draft, Notification, Tool};
use ractor::ActorRef;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::time::{Instant, sleep_until};

use super::SessionMessage;

/// Bytes of short lines that one wake-up may take with it.
const BUFFER_BYTES: usize = 4 * 1024;
/// Interval between wake-ups of one session that writes without end. A person sees no difference.
const INTERVAL: Duration = Duration::from_millis(50);
/// The host spends one in so many parts of its time on reading the mailbox of a session that notifies it
/// without end, and the longest interval that follows.
const READING_SHARE: u32 = 20;
const INTERVAL_MAX: Duration = Duration::from_secs(5);
/// How many come at once after a silence; a runner that commits often has its looks undelayed.
const BURST: u32 = 20;

/// What the streams of one session have said and its actor has not seen yet.
#[derive(Debug)]
pub(super) struct Wakeups {
    session: ActorRef<SessionMessage>,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    pending: Pending,
    pace: Pace,
    /// What one costs, if more than [`INTERVAL`]: the mailbox takes long to read.
    cost: Duration,
}

/// At most one of each kind; the newest counts.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// A [`SessionMessage::Wakeup`] is in the mailbox.
    is_queued: bool,
    pub(super) look: bool,
    pub(super) progress: bool,
    pub(super) tool: Option<Option<Tool>>,
    /// Whether work goes on after the turn that began it.
    pub(super) background: Option<bool>,
    pub(super) draft: Option<Draft>,
}

/// How often a container may have something done.
#[derive(Debug, Default)]
pub(super) struct Pace {
    paid_until: Option<Instant>,
}

impl Pace {
    /// When the next may be done, of which each costs so much: a few at once after a silence.
    pub(super) fn next(&mut self, cost: Duration) -> Instant {
        let now = Instant::now();
        let paid = self.paid_until.map_or(now, |until| until.max(now)) + cost;
        self.paid_until = Some(paid);
        paid.checked_sub(cost * BURST).unwrap_or(now)
    }
}

impl Wakeups {
    pub(super) fn new(session: ActorRef<SessionMessage>) -> Arc<Self> {
        Arc::new(Self { session, heard: Mutex::default() })
    }

    /// Empties it; what comes from now on needs a new message.
    pub(super) fn take(&self) -> Pending {
        std::mem::take(&mut self.locked().pending)
    }

    /// How long the mailbox took to read, which is the container's doing: then it has fewer wake-ups.
    pub(super) fn reading_took(&self, took: Duration) {
        self.locked().cost = took.saturating_mul(READING_SHARE).min(INTERVAL_MAX);
    }

    /// Reads a notify stream to its end, at a bounded speed. Lines of a later version are ignored.
    pub(super) async fn read(&self, stream: impl AsyncRead + Unpin) {
        let mut lines = BufReader::with_capacity(BUFFER_BYTES, stream);
        while let Ok(line) = next_line(&mut lines).await {
            let is_new = self.locked().pending.add(&line);
            if is_new && self.session.cast(SessionMessage::Wakeup).is_err() {
                return;
            }
            // Lines that are here already belong to the same wake-up.
            if !lines.buffer().contains(&b'\n') {
                sleep_until(self.next()).await;
            }
        }
    }

    fn next(&self) -> Instant {
        let mut heard = self.locked();
        let cost = heard.cost.max(INTERVAL);
        heard.pace.next(cost)
    }

    fn locked(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    /// Returns whether the session has to be told.
    fn add(&mut self, line: &str) -> bool {
        match (Notification::parse(line), Draft::parse(line), Tool::parse(line)) {
            (Some(Notification::Look), ..) => self.look = true,
            (Some(Notification::Progress), ..) => self.progress = true,
            (Some(Notification::Background), ..) => self.background = Some(true),
            (Some(Notification::BackgroundEnded), ..) => self.background = Some(false),
            (None, Some(draft), _) => self.draft = Some(draft),
            (None, None, Some(tool)) => self.tool = Some(tool),
            (Some(Notification::Stop), ..) | (None, None, None) => return false,
        }
        !std::mem::replace(&mut self.is_queued, true)
    }
}

/// A line of a notify stream, without its end.
async fn next_line<S: AsyncBufRead + Unpin>(lines: &mut S) -> io::Result<String> {
    let mut line = Vec::new();
    let limit = u64::try_from(DRAFT_LINE_BYTES_MAX).unwrap_or(u64::MAX);
    lines.take(limit).read_until(b'\n', &mut line).await?;
    if line.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    String::from_utf8(line).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use domain::MessageSeq;
    use ractor::{Actor, ActorProcessingErr};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncWriteExt, duplex};
    use tokio::sync::Notify;

    use super::*;

    /// Stands still with its first message until it is let go, as a session with a slow disk does.
    struct Stuck(Arc<Notify>, Arc<AtomicUsize>);

    impl Actor for Stuck {
        type Msg = SessionMessage;
        type State = ();
        type Arguments = ();

        async fn pre_start(
            &self,
            _: ActorRef<SessionMessage>,
            (): (),
        ) -> Result<(), ActorProcessingErr> {
            Ok(())
        }

        async fn handle(
            &self,
            _: ActorRef<SessionMessage>,
            _: SessionMessage,
            (): &mut (),
        ) -> Result<(), ActorProcessingErr> {
            if self.1.fetch_add(1, Ordering::SeqCst) == 0 {
                self.0.notified().await;
            }
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn any_number_of_lines_is_one_message_and_the_newest_of_each_kind() {
        let (free, count) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let stuck = Stuck(Arc::clone(&free), Arc::clone(&count));
        let (actor, ended) = Actor::spawn(None, stuck, ()).await.unwrap();
        let wakeups = Wakeups::new(actor.clone());
        let (mut container, host) = duplex(64 * 1024);
        let flood = async {
            for at in 0..20_000 {
                let draft = Draft::new(MessageSeq(2), &at.to_string());
                container.write_all(b"look\nprogress\ntool 5 Bash\ntool\n").await.unwrap();
                container.write_all(format!("{}\n", draft.as_line()).as_bytes()).await.unwrap();
            }
            drop(container);
        };
        tokio::join!(flood, wakeups.read(host));
        let seen = wakeups.take();
        assert!(seen.look && seen.progress && seen.tool == Some(None));
        assert_eq!(seen.draft.unwrap().text(), "19999");
        free.notify_one();
        actor.drain().unwrap();
        ended.await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn streams_of_one_session_share_one_pace_by_what_reading_takes() {
        for (took, interval) in
            [(1, INTERVAL), (100, Duration::from_secs(2)), (9_000, INTERVAL_MAX)]
        {
            flood(Duration::from_millis(took), interval).await;
        }
    }

    async fn flood(took: Duration, interval: Duration) {
        let stuck = Stuck(Arc::default(), Arc::default());
        let (actor, _) = Actor::spawn(None, stuck, ()).await.unwrap();
        let (wakeups, started) = (Wakeups::new(actor), Instant::now());
        wakeups.reading_took(took);
        let stream = || {
            // No two lines fit.
            let (mut container, host) = duplex("look\n".len());
            let flood = async move {
                container.write_all("look\n".repeat(100).as_bytes()).await.unwrap();
            };
            let wakeups = &wakeups;
            async move { tokio::join!(flood, wakeups.read(host)) }
        };
        tokio::join!(stream(), stream());
        let least = interval * (200 - BURST - 1);
        assert!((least..least * 2).contains(&started.elapsed()), "{:?}", started.elapsed());
    }
}
