//! The whole runner with the demo provider, on real files and a paused clock.

#[cfg(test)]
mod hearing;
#[cfg(test)]
#[path = "../support/mod.rs"]
mod support;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agent_runner::{Connect, RunnerError, Stream};
use async_trait::async_trait;
use domain::agent::Provider;
use domain::link::{Draft, Header};
use domain::message::Outcome;
use domain::session::FailReason;
use domain::time::Timestamp;
use store::{Gate, StoreError};
use support::{NoLink, Session};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

const ANSWERED: Option<Outcome> = Some(Outcome::Answered);

fn said(text: &str) -> String {
    format!("answer: I am the demo agent, no model: {text}")
}

/// One answer to several messages.
fn said_together(texts: &[&str]) -> String {
    texts.iter().map(|it| said(it)).collect::<Vec<_>>().join("\n").replace("\nanswer: ", "\n")
}

#[tokio::test(start_paused = true)]
async fn the_slow_poll_alone_answers_everything_in_order() {
    let mut session = Session::new();
    let config = session.config(Provider::Demo);
    session.say("one");
    session.say("two");
    let runner = session.start(config, Arc::new(NoLink));
    session.wait_for_said(1).await;
    session.say("count");
    let all = session.wait_for_said(2).await;
    let both = said_together(&["you said \"one\"", "you said \"two\""]);
    assert_eq!(all, [both, said("message number 3.")]);
    assert_eq!(session.outcomes(), [ANSWERED; 3]);
    runner.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_report_goes_out_in_the_middle_of_a_turn() {
    let mut session = Session::new();
    let config = session.config(Provider::Demo);
    session.say("report all is well");
    let _runner = session.start(config, Arc::new(NoLink));
    let all = session.wait_for_said(2).await;
    assert_eq!(all, ["interim: all is well".to_owned(), said("I sent your report.")]);
}

#[tokio::test(start_paused = true)]
async fn a_follow_up_is_claimed_at_once_and_released_by_its_own_end() {
    let mut session = Session::new();
    let config = session.config(Provider::Demo);
    let incarnation = config.incarnation;
    session.say("wait 60");
    let _runner = session.start(config, Arc::new(NoLink));
    sleep(Duration::from_secs(10)).await;
    session.say("and this");
    sleep(Duration::from_secs(10)).await;
    let waiting = session.host.snapshot().unwrap().waiting;
    let claims: Vec<_> = waiting.iter().map(|it| it.claim).collect();
    assert_eq!(claims, [Some(incarnation); 2]);
    let all = session.wait_for_said(2).await;
    assert_eq!(all, [said("I waited 60 seconds."), said("you said \"and this\"")]);
}

#[tokio::test(start_paused = true)]
async fn what_came_during_a_turn_is_answered_together_but_per_thread() {
    let mut session = Session::new();
    let config = session.config(Provider::Demo);
    session.say_in("zoe", "wait 60");
    let _runner = session.start(config, Arc::new(NoLink));
    sleep(Duration::from_secs(10)).await;
    for (text, of) in [("one", "ann"), ("two", "ann"), ("three", "bob"), ("four", "zoe")] {
        session.say_in(of, text);
    }
    let all = session.wait_for_said(4).await;
    let echo = |text: &str| format!("you said \"{text}\"");
    let in_thread = |of: &str, said: String| said.replace("answer: ", &format!("answer in {of}: "));
    assert_eq!(
        all,
        [
            in_thread("zoe", said("I waited 60 seconds.")),
            in_thread("ann", said_together(&[&echo("one"), &echo("two")])),
            in_thread("bob", said(&echo("three"))),
            in_thread("zoe", said(&echo("four"))),
        ]
    );
    assert_eq!(session.outcomes(), [ANSWERED; 5]);
}

#[tokio::test(start_paused = true)]
async fn work_in_the_background_is_told_to_the_host_and_reported_to_who_asked() {
    let mut session = Session::new();
    let mut config = session.config(Provider::Demo);
    config.notifications = true;
    let (sender, mut streams) = mpsc::unbounded_channel();
    session.say("background 60 it is done");
    let _runner = session.start(config, Arc::new(Pipes(sender)));
    let mut host = BufReader::new(streams.recv().await.unwrap());
    let mut heard = String::new();
    while !heard.contains("background\n") {
        host.read_line(&mut heard).await.unwrap();
    }
    session.wait_for_said(1).await;
    session.say("hello");
    let all = session.wait_for_said(3).await;
    assert_eq!(all[1..], [said("you said \"hello\""), "interim: it is done".to_owned()]);
    while !heard.contains("background-ended\n") {
        host.read_line(&mut heard).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_kept_survives_a_crash() {
    let mut session = Session::new();
    let config = session.config(Provider::Demo);
    session.say("one");
    session.say("crash");
    let gone = config.incarnation;
    let ended = session.start(config, Arc::new(NoLink)).ended().await;
    assert!(matches!(ended, Err(RunnerError::DemoCrash)), "{ended:?}");
    session.wait_for_said(1).await;
    assert_eq!(session.outcomes(), [ANSWERED, None]);
    let crashing = session.host.snapshot().unwrap().waiting[0].message;
    session.host.posting().fail(crashing, FailReason::Crashes, "andy", Timestamp(0)).unwrap();
    session.release(gone);
    session.say("count");
    let config = session.config(Provider::Demo);
    let _runner = session.start(config, Arc::new(NoLink));
    assert_eq!(session.wait_for_said(3).await[2], said("message number 2."));
}

/// Turns away the first writes of one kind.
#[derive(Debug)]
struct FullDisk {
    op: &'static str,
    left: AtomicU32,
}

#[async_trait]
impl Gate for FullDisk {
    async fn before(&self, op: &'static str) -> Result<(), StoreError> {
        let full = op == self.op
            && self
                .left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                .is_ok();
        if full { Err(StoreError::Full { op, source: None }) } else { Ok(()) }
    }

    async fn after(&self, _: &'static str) {}
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_delays_a_reply_and_loses_none() {
    for op in ["a claim", "the end of a turn", "a message"] {
        let mut session = Session::new();
        let config = session.config(Provider::Demo);
        session.say("hello");
        session.say("report it");
        let gate = Arc::new(FullDisk { op, left: AtomicU32::new(7) });
        let runner = session.start_gated(config, Arc::new(NoLink), Arc::clone(&gate) as _);
        let all = if op == "a message" {
            // The tool says so instead of waiting: its caller can decide.
            let all = session.wait_for_said(1).await;
            assert!(all[0].contains("the disk is full"), "{all:?}");
            all
        } else {
            let all = session.wait_for_said(2).await;
            assert_eq!(gate.left.load(Ordering::SeqCst), 0);
            all
        };
        assert_eq!(session.outcomes(), [ANSWERED; 2], "{op}: {all:?}");
        runner.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_long_turn_and_loses_nothing() {
    let mut session = Session::new();
    let config = session.config(Provider::Demo);
    let gone = config.incarnation;
    session.say("wait 60");
    let runner = session.start(config, Arc::new(NoLink));
    sleep(Duration::from_secs(10)).await;
    let asked = Instant::now();
    runner.stop().await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(4));
    assert_eq!(session.outcomes(), [None]);

    session.release(gone);
    let config = session.config(Provider::Demo);
    let _runner = session.start(config, Arc::new(NoLink));
    assert_eq!(session.wait_for_said(1).await, [said("I waited 60 seconds.")]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_on_a_full_disk_ends_with_an_error() {
    let mut session = Session::new();
    let config = session.config(Provider::Demo);
    session.say("hello");
    let gate = Arc::new(FullDisk { op: "the end of a turn", left: AtomicU32::new(u32::MAX) });
    let runner = session.start_gated(config, Arc::new(NoLink), gate);
    sleep(Duration::from_secs(60)).await;
    let ended = runner.stop().await;
    assert!(matches!(ended, Err(RunnerError::Unstored(_))), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn an_inbound_database_that_cannot_be_read_is_looked_at_again() {
    let mut session = Session::new();
    let config = session.config(Provider::Demo);
    session.say("hello");
    let (there, away) = (session.paths.inbound(), session.paths.inbound_dir().join("away"));
    std::fs::rename(&there, &away).unwrap();
    let _runner = session.start(config, Arc::new(NoLink));
    sleep(Duration::from_secs(60)).await;
    std::fs::rename(&away, &there).unwrap();
    assert_eq!(session.wait_for_said(1).await.len(), 1);
}

/// Gives the host its end of every stream.
#[derive(Debug)]
struct Pipes(mpsc::UnboundedSender<DuplexStream>);

#[async_trait]
impl Connect for Pipes {
    async fn open(&self, header: Header) -> std::io::Result<Box<dyn Stream>> {
        assert_eq!(header, Header::Notify);
        let (near, far) = duplex(1024);
        self.0.send(far).map_err(std::io::Error::other)?;
        Ok(Box::new(near))
    }
}

#[tokio::test(start_paused = true)]
async fn a_notification_is_faster_than_the_poll_and_a_lost_stream_is_opened_again() {
    let mut session = Session::new();
    let mut config = session.config(Provider::Demo);
    config.notifications = true;
    config.poll_interval = Duration::from_secs(3_600);
    let (sender, mut streams) = mpsc::unbounded_channel();
    let runner = session.start(config, Arc::new(Pipes(sender)));
    drop(streams.recv().await.unwrap());
    let mut host = BufReader::new(streams.recv().await.unwrap());
    sleep(Duration::from_secs(10)).await;

    session.say("hello");
    let asked = Instant::now();
    host.write_all(b"look\n").await.unwrap();
    session.wait_for_said(1).await;
    assert!(asked.elapsed() < Duration::from_secs(1));
    let mut heard = String::new();
    while !heard.contains("progress") || heard.matches("look").count() < 2 {
        host.read_line(&mut heard).await.unwrap();
    }
    // The next turn can be watched.
    session.say("draft one two");
    host.write_all(b"look\n").await.unwrap();
    let mut drafts = vec![];
    while drafts.len() < 2 {
        heard.clear();
        host.read_line(&mut heard).await.unwrap();
        drafts.extend(Draft::parse(heard.trim_end()));
    }
    let texts: Vec<&str> = drafts.iter().map(Draft::text).collect();
    assert_eq!((texts, drafts[0].in_reply_to.0), (vec!["one", "one two"], 4));
    host.write_all(b"stop\n").await.unwrap();
    runner.ended().await.unwrap();
}
