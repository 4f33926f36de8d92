//! A sender is told after the commit, and what it was told to be taken comes out, again and again until it was
//! accepted.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::message::Incoming;
use domain::time::SystemClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::timeout;

use super::testing::MemorySpool;
use super::*;
use crate::door::{Challenge, Door, Route, Settings};
use crate::signature::Verify;
use crate::signature::schemes::BEARER;

/// The body is the id, and what is said.
#[derive(Debug)]
struct Words;

#[async_trait]
impl Decode for Words {
    fn raw(&self, request: &Request) -> Result<Raw, Reply> {
        if request.body.is_empty() {
            return Err(Reply::line(StatusCode::BAD_REQUEST, "empty"));
        }
        let id = String::from_utf8_lossy(&request.body).into_owned();
        let (sent_as, bytes) = (request.id.clone(), request.body.to_vec());
        Ok(Raw { id, sent_as, known_for: Duration::from_secs(60), chat: None, bytes })
    }

    async fn events(&self, row: SpoolRow) -> Vec<Event> {
        vec![Event::Message(Incoming { platform_id: row.id, ..Incoming::default() })]
    }
}

/// Holds each commit back until it is opened, or fails it.
#[derive(Debug, Default)]
struct Slow {
    inner: MemorySpool,
    open: Arc<Notify>,
    is_slow: AtomicBool,
    fails: AtomicBool,
    pruned: Mutex<Vec<i64>>,
}

#[async_trait]
impl Spool for Slow {
    async fn put(&self, raw: Raw) -> Result<Put, Cause> {
        if self.is_slow.load(Ordering::SeqCst) {
            self.open.notified().await;
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err("the disk is full".into());
        }
        self.inner.put(raw).await
    }

    async fn after(&self, number: i64, max: usize) -> Result<Vec<SpoolRow>, Cause> {
        self.inner.after(number, max).await
    }

    async fn prune(&self, number: i64) -> Result<(), Cause> {
        self.pruned.lock().unwrap().push(number);
        self.inner.prune(number).await
    }
}

struct Rig {
    door: Door,
    spool: Arc<Slow>,
    source: Spooled<Words>,
}

impl Rig {
    async fn start(spool: Arc<Slow>) -> Self {
        let settings = Settings { listen: "127.0.0.1:0".into(), ..Settings::default() };
        let door = Door::new(settings, Arc::new(SystemClock)).of("test", "main");
        let route = Route {
            verify: Verify::new([BEARER], "key".into()).unwrap(),
            challenge: Challenge::None,
            bytes_max: 1024,
            ids: &["x-id"],
            patience: Duration::from_secs(8),
        };
        let inbox = door.open(route).await.unwrap();
        let source = Spooled::new(inbox, Arc::clone(&spool) as _, Words, Gap::None);
        Self { door, spool, source }
    }

    async fn ids(&mut self, after: &str) -> (Vec<String>, String) {
        let batch = self.source.receive(&Cursor(after.into())).await.unwrap();
        let id = |event| {
            let Event::Message(message) = event else { panic!("{event:?}") };
            message.platform_id
        };
        (batch.events.into_iter().map(id).collect(), batch.cursor.0)
    }
}

async fn post_to(door: &Door, path: &str, id: &str, body: &str) -> u16 {
    let (mut sender, stream) = duplex(64 * 1024);
    let text = format!(
        "POST /in/test/main{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\nX-Id: {id}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let talk = async {
        sender.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        sender.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    };
    let (told, ()) = tokio::join!(talk, door.serve(stream, [127, 0, 0, 1].into()));
    told
}

async fn post(door: &Door, body: &str) -> u16 {
    post_to(door, "", "d-1", body).await
}

#[tokio::test(start_paused = true)]
async fn a_sender_is_told_after_the_commit_while_the_host_is_busy() {
    let rig = Rig::start(Arc::default()).await;
    rig.spool.is_slow.store(true, Ordering::SeqCst);
    // Nobody receives.
    let door = rig.door.clone();
    let mut sent = Box::pin(post(&door, "a"));
    let early = timeout(Duration::from_secs(3), &mut sent).await;
    assert!(early.is_err(), "nothing is committed: {early:?}");
    rig.spool.open.notify_one();
    assert_eq!(sent.await, 202);
    // One that is not committed in time is to come again.
    assert_eq!(post(&door, "b").await, 503);
}

#[tokio::test]
async fn what_was_taken_comes_again_until_it_was_accepted_and_once_then() {
    let spool = Arc::<Slow>::default();
    let mut rig = Rig::start(Arc::clone(&spool)).await;
    for body in ["a", "b"] {
        assert_eq!(post(&rig.door, body).await, 202);
    }
    let (ids, cursor) = rig.ids("").await;
    assert_eq!(ids, ["a", "b"]);
    // The host died before it stored the cursor.
    drop(rig);
    let mut rig = Rig::start(Arc::clone(&spool)).await;
    assert_eq!(rig.ids("").await, (ids, cursor.clone()));
    assert_eq!(post(&rig.door, "a").await, 202, "its sender did not hear it");
    assert_eq!(post(&rig.door, "c").await, 202);
    let (ids, last) = rig.ids(&cursor).await;
    assert_eq!(ids, ["c"], "what was accepted is not taken again");
    assert_eq!(*spool.pruned.lock().unwrap(), [cursor.parse::<i64>().unwrap()]);
    let later = timeout(Duration::from_millis(50), rig.ids(&last)).await;
    assert!(later.is_err(), "nothing is left: {later:?}");
}

#[tokio::test]
async fn a_receive_that_is_dropped_loses_nothing_and_one_that_waits_wakes() {
    let mut rig = Rig::start(Arc::default()).await;
    let door = rig.door.clone();
    let dropped = timeout(Duration::from_millis(50), rig.ids("")).await;
    assert!(dropped.is_err(), "{dropped:?}");
    assert_eq!(post(&door, "a").await, 202);
    assert_eq!(rig.ids("").await.0, ["a"]);
    let ((ids, _), told) = tokio::join!(rig.ids("1"), post(&door, "b"));
    assert_eq!((ids, told), (vec!["b".to_owned()], 202));
}

#[tokio::test]
async fn what_cannot_be_stored_is_not_taken() {
    let mut rig = Rig::start(Arc::default()).await;
    assert_eq!(post(&rig.door, "").await, 400);
    assert_eq!(post(&rig.door, "a").await, 202);
    assert_eq!(post_to(&rig.door, "", "d-2", "a").await, 409, "as another event");
    rig.spool.fails.store(true, Ordering::SeqCst);
    assert_eq!(post(&rig.door, "b").await, 503);
    assert_eq!(rig.ids("").await.0, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_path_has_a_pace_and_repeats_keep_no_new_event_out() {
    let rig = Rig::start(Arc::default()).await;
    for _ in 0..BURST * 2 {
        assert_eq!(post(&rig.door, "caught").await, 202);
    }
    let mut told = Vec::new();
    for n in 0..BURST + 5 {
        told.push(post(&rig.door, &n.to_string()).await);
    }
    let taken = told.iter().take_while(|it| **it == 202).count();
    assert!((59..=61).contains(&taken), "{told:?}");
    assert_eq!(told.last(), Some(&429));
    assert_eq!(post_to(&rig.door, "/other", "d-1", "x").await, 202);
    tokio::time::advance(ONE_EVERY * 2).await;
    assert_eq!(post(&rig.door, "y").await, 202);
}

#[tokio::test]
async fn a_door_that_closes_ends_the_source() {
    let mut rig = Rig::start(Arc::default()).await;
    let other = Settings {
        listen: "127.0.0.1:0".into(),
        url: Some("https://x".into()),
        ..Settings::default()
    };
    let door = rig.door.clone();
    let cursor = Cursor::default();
    let (ended, ()) = tokio::join!(rig.source.receive(&cursor), door.set(other));
    assert!(matches!(ended, Err(ChannelError::Unreachable(_))), "{ended:?}");
}
