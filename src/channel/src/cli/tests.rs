//! The adapter against plain lines on a real socket.

use std::path::Path;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::*;
use crate::{Cursor, DeliverError, Event, Part, Verdict};

struct Terminal {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writing: OwnedWriteHalf,
}

impl Terminal {
    async fn open(dir: &Path) -> Self {
        let stream = UnixStream::connect(dir.join(SOCKET)).await.unwrap();
        let (reading, writing) = stream.into_split();
        Self { lines: BufReader::new(reading).lines(), writing }
    }

    async fn say(&mut self, line: &[u8]) {
        self.writing.write_all(line).await.unwrap();
        self.writing.write_all(b"\n").await.unwrap();
    }

    async fn hear(&mut self) -> String {
        self.lines.next_line().await.unwrap().unwrap()
    }
}

async fn connect(dir: &Path) -> Connection {
    let account = Account { run_dir: dir.to_owned(), ..Account::new("local") };
    Cli.connect(&account).await.unwrap()
}

fn part(clients_chat: &str) -> Part {
    Part {
        to: Clients::new("local".into()).address(clients_chat),
        key: "k1".into(),
        content: domain::outgoing::Content::Text("hi".into()),
        reply_to: "m1".into(),
        also: vec![],
        last: true,
        no_answer: false,
        repeat: false,
        in_group: false,
        silent: false,
        notify: None,
    }
}

#[tokio::test]
async fn a_message_is_acknowledged_after_the_verdict_and_a_part_after_it_was_shown() {
    let dir = tempfile::tempdir().unwrap();
    let mut connection = connect(dir.path()).await;
    let mut terminal = Terminal::open(dir.path()).await;
    terminal.say(br#"{"type":"hello","chat":"c"}"#).await;
    let batch = connection.source.receive(&Cursor::default()).await.unwrap();
    assert!(matches!(&batch.events[..], [Event::Reachable { chat, .. }] if chat.chat == "c"));
    connection.source.settle(&[Verdict::Stored]).await.unwrap();
    terminal.say(br#"{"type":"message","id":"m1","text":"hello"}"#).await;
    let batch = connection.source.receive(&Cursor::default()).await.unwrap();
    assert!(
        matches!(&batch.events[..], [Event::Message(m)] if m.body.text == "hello" && m.platform_id == "m1")
    );
    connection.source.settle(&[Verdict::Stored]).await.unwrap();
    assert_eq!(terminal.hear().await, r#"{"type":"stored","id":"m1"}"#);
    let sink = Arc::clone(&connection.sink);
    let (delivered, ()) = tokio::join!(async move { sink.deliver(&part("c")).await }, async {
        let line = terminal.hear().await;
        assert!(line.contains(r#""reply_to":"m1""#), "{line}");
        terminal.say(br#"{"type":"shown","key":"k1"}"#).await;
    });
    assert_eq!(delivered.unwrap(), "k1");
}

#[tokio::test]
async fn what_a_terminal_said_before_it_went_is_heard_though_it_cannot_be_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let mut connection = connect(dir.path()).await;
    // Which side of the connection is looked at first is up to chance.
    for _ in 0..20 {
        let mut terminal = Terminal::open(dir.path()).await;
        terminal.say(br#"{"type":"hello","chat":"c"}"#).await;
        connection.source.receive(&Cursor::default()).await.unwrap();
        connection.source.settle(&[Verdict::Stored]).await.unwrap();
        let (sink, other) = (Arc::clone(&connection.sink), Arc::clone(&connection.sink));
        let (delivered, ()) = tokio::join!(async move { sink.deliver(&part("c")).await }, async {
            terminal.hear().await;
            terminal.say(br#"{"type":"shown","key":"k1"}"#).await;
            drop(terminal);
            let more = Part { key: "k2".into(), ..part("c") };
            let more = other.deliver(&more);
            let _ = tokio::time::timeout(std::time::Duration::from_millis(1), more).await;
        });
        assert_eq!(delivered.unwrap(), "k1");
    }
}

#[tokio::test]
async fn a_refusal_arrives_though_the_host_lets_go_of_the_connection_next() {
    let dir = tempfile::tempdir().unwrap();
    let mut connection = connect(dir.path()).await;
    let mut terminal = Terminal::open(dir.path()).await;
    terminal.say(br#"{"type":"hello","chat":"c"}"#).await;
    connection.source.receive(&Cursor::default()).await.unwrap();
    connection.source.settle(&[Verdict::Stored]).await.unwrap();
    terminal.say(br#"{"type":"message","id":"m1","text":"hello"}"#).await;
    connection.source.receive(&Cursor::default()).await.unwrap();
    connection.source.settle(&[Verdict::Refused("the disk is full".into())]).await.unwrap();
    drop(connection);
    assert!(terminal.hear().await.contains("the disk is full"));
}

#[tokio::test]
async fn bad_lines_are_refused_with_a_reason_and_the_terminal_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut connection = connect(dir.path()).await;
    let mut terminal = Terminal::open(dir.path()).await;
    let drive = async { connection.source.receive(&Cursor::default()).await.unwrap() };
    let talk = async {
        terminal.say(b"\xff\xfe").await;
        assert!(terminal.hear().await.contains("not UTF-8"));
        terminal.say(b"{nonsense").await;
        assert!(terminal.hear().await.contains("not a known frame"));
        terminal.say(br#"{"type":"message","id":"m","text":"x"}"#).await;
        assert!(terminal.hear().await.contains("hello"));
        terminal.say(br#"{"type":"hello","chat":"c"}"#).await;
        terminal.say(br#"{"type":"message","id":"m","text":""}"#).await;
        assert!(terminal.hear().await.contains("empty"));
        let huge = format!(r#"{{"type":"message","id":"m","text":"{}"}}"#, "x".repeat(1024 * 1024));
        terminal.say(huge.as_bytes()).await;
        assert!(terminal.hear().await.contains("KiB"));
    };
    let (batch, ()) = tokio::join!(drive, talk);
    assert!(matches!(&batch.events[..], [Event::Reachable { .. }]));
}

#[tokio::test]
async fn without_a_terminal_a_part_is_certainly_not_delivered() {
    let dir = tempfile::tempdir().unwrap();
    let connection = connect(dir.path()).await;
    assert!(matches!(connection.sink.deliver(&part("c")).await, Err(DeliverError::Unreachable(_))));
}
