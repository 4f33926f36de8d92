//! Both directions of a notify stream over an in-memory stream, on a paused clock.

use tokio::io::{DuplexStream, Lines, ReadHalf, WriteHalf, duplex, split};
use tokio::task::JoinSet;
use tokio::time::{Instant, advance};

use super::*;
use crate::Stream;

/// Gives out one stream and is down from then on.
#[derive(Debug)]
struct Once(Mutex<Option<DuplexStream>>);

#[async_trait::async_trait]
impl Connect for Once {
    async fn open(&self, header: Header) -> io::Result<Box<dyn Stream>> {
        assert_eq!(header, Header::Notify);
        let stream = self.0.lock().unwrap().take().ok_or(io::ErrorKind::ConnectionRefused)?;
        Ok(Box::new(stream))
    }
}

struct Host {
    wakeups: WakeupListener,
    notifier: Arc<Notifier>,
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
    _serving: JoinSet<()>,
}

fn host() -> Host {
    host_of(Arc::<Notifier>::default())
}

fn host_of(notifier: Arc<Notifier>) -> Host {
    let (near, far) = duplex(1024);
    let wakeups = notifier.wakeups();
    let connect = Arc::new(Once(Mutex::new(Some(far))));
    let mut serving = JoinSet::new();
    serving.spawn(Arc::clone(&notifier).serve(connect));
    let (reader, writer) = split(near);
    Host { wakeups, notifier, lines: BufReader::new(reader).lines(), writer, _serving: serving }
}

impl Host {
    async fn hears(&mut self) -> String {
        self.lines.next_line().await.unwrap().unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn both_sides_look_once_they_are_connected() {
    let mut host = host();
    assert_eq!(host.hears().await, "look");
    host.wakeups.next().await;
}

#[tokio::test(start_paused = true)]
async fn notifications_pass_both_ways() {
    let mut host = host();
    host.hears().await;
    host.wakeups.next().await;
    host.writer.write_all(b"dance\nlook\n").await.unwrap();
    host.wakeups.next().await;
    assert!(!host.notifier.is_stopped());
    host.writer.write_all(b"stop\n").await.unwrap();
    host.notifier.stopped().await;
    host.notifier.look();
    assert_eq!(host.hears().await, "look");
}

#[tokio::test(start_paused = true)]
async fn a_claim_is_told_a_moment_later_with_what_follows_it() {
    let mut host = host();
    host.hears().await;
    let start = Instant::now();
    host.notifier.claimed();
    host.notifier.look();
    assert_eq!(host.hears().await, "look");
    assert_eq!(start.elapsed(), Duration::ZERO);
    host.notifier.progress();
    assert_eq!(host.hears().await, "progress");
    host.notifier.claimed();
    assert_eq!(host.hears().await, "look");
    assert_eq!(start.elapsed(), CLAIM_DELAY);
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_once_a_second_and_holds_no_look_up() {
    let mut host = host();
    host.hears().await;
    let start = Instant::now();
    host.notifier.progress();
    assert_eq!(host.hears().await, "progress");
    host.notifier.progress();
    advance(Duration::from_millis(100)).await;
    host.notifier.look();
    assert_eq!(host.hears().await, "look");
    assert!(start.elapsed() < PROGRESS_INTERVAL);
}

#[tokio::test(start_paused = true)]
async fn background_work_is_told_when_it_begins_and_ends_and_to_a_new_host() {
    let notifier = Arc::<Notifier>::default();
    notifier.background(true);
    let mut first = host_of(Arc::clone(&notifier));
    assert_eq!(first.hears().await, "look");
    assert_eq!(first.hears().await, "background");
    drop(first);
    let mut second = host_of(notifier);
    assert_eq!(second.hears().await, "look");
    assert_eq!(second.hears().await, "background");
    second.notifier.background(true);
    second.notifier.background(false);
    assert_eq!(second.hears().await, "background-ended");
}

#[tokio::test(start_paused = true)]
async fn what_ended_while_no_stream_was_there_is_told_by_the_next() {
    let notifier = Arc::<Notifier>::default();
    notifier.background(true);
    notifier.tool(Some(Tool::new("Bash", Duration::from_secs(7_200))));
    let mut first = host_of(Arc::clone(&notifier));
    for line in ["look", "tool 7200 Bash", "background"] {
        assert_eq!(first.hears().await, line);
    }
    drop(first);
    notifier.tool(None);
    notifier.background(false);
    let mut second = host_of(notifier);
    for line in ["look", "tool", "background-ended"] {
        assert_eq!(second.hears().await, line);
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_latest_draft_is_told_and_none_after_its_answer() {
    let mut host = host();
    host.hears().await;
    let draft = |text: &str| Draft::new(domain::MessageSeq(2), text);
    host.notifier.draft(draft("on"));
    assert_eq!(host.hears().await, "draft 2 on");
    let start = Instant::now();
    host.notifier.draft(draft("one"));
    host.notifier.progress();
    host.notifier.draft(draft("one\ntwo"));
    assert_eq!(host.hears().await, "progress", "a draft holds nothing else up");
    assert_eq!(host.hears().await, "draft 2 one\rtwo");
    assert!(DRAFT_INTERVAL <= start.elapsed());

    host.notifier.draft(draft("one two three"));
    host.notifier.forget_draft();
    host.notifier.look();
    assert_eq!(host.hears().await, "look");
    host.notifier.progress();
    assert_eq!(host.hears().await, "progress");
}

#[tokio::test(start_paused = true)]
async fn what_was_drafted_without_a_stream_is_dropped() {
    let notifier = Arc::<Notifier>::default();
    notifier.draft(Draft::new(domain::MessageSeq(2), "early"));
    let mut host = host_of(notifier);
    assert_eq!(host.hears().await, "look");
    host.notifier.progress();
    assert_eq!(host.hears().await, "progress");
}

#[tokio::test(start_paused = true)]
async fn an_endless_line_ends_the_stream() {
    let mut host = host();
    host.hears().await;
    host.writer.write_all(&[b'x'; 2 * LINE_BYTES_MAX]).await.unwrap();
    assert_eq!(host.lines.next_line().await.unwrap(), None);
}
