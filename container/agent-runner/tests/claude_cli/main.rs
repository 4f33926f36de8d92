//! The runner with the real Claude Code CLI and a fake model behind it.
//!
//! `NANOCLAW_TEST_CLAUDE` is the path of the binary, which is proprietary and therefore not part of
//! this repository: `npm pack @anthropic-ai/claude-code-linux-x64@2.1.330`, unpack, `package/claude`.

#[cfg(test)]
mod background;
#[cfg(test)]
mod costs;
#[cfg(test)]
mod seen;
#[cfg(test)]
#[path = "../support/mod.rs"]
mod support;
#[cfg(test)]
mod worked;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agent_runner::{Config, Connect, Stream};
use async_trait::async_trait;
use domain::agent::Provider;
use domain::link::Header;
use domain::message::Outcome;
use harness::model_api::FakeModelApi;
use serde_json::json;
use store::NoGate;
use support::Session;
use tokio::net::TcpStream;

const ANSWERED: Option<Outcome> = Some(Outcome::Answered);
const FAILED: Option<Outcome> = Some(Outcome::Failed);

/// A link at whose other end the model answers directly, without a host in between.
#[derive(Debug)]
struct Direct(SocketAddr);

#[async_trait]
impl Connect for Direct {
    async fn open(&self, header: Header) -> std::io::Result<Box<dyn Stream>> {
        assert_eq!(header, Header::Model);
        Ok(Box::new(TcpStream::connect(self.0).await?))
    }
}

fn config(session: &mut Session) -> Config {
    let claude = std::env::var_os("NANOCLAW_TEST_CLAUDE").unwrap_or_else(|| {
        panic!(
            "set NANOCLAW_TEST_CLAUDE to the path of the Claude Code CLI; see the top of this file"
        )
    });
    let mut config = session.config(Provider::Claude);
    config.claude_bin = claude.into();
    config.poll_interval = Duration::from_millis(50);
    config.link_patience = Duration::from_millis(200);
    // As root the CLI insists on being told that it is in a sandbox.
    config.extra_env =
        vec![("IS_SANDBOX".into(), "1".into()), ("CLAUDE_CODE_MAX_RETRIES".into(), "1".into())];
    config
}

fn link(api: &FakeModelApi) -> Arc<Direct> {
    Arc::new(Direct(api.address()))
}

#[tokio::test]
async fn two_turns_in_one_conversation() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    let config = config(&mut session);
    let runner = session.start(config, link(&api));
    session.say("hello");
    assert_eq!(session.wait_for_said(1).await, ["answer: model says: hello"]);
    session.say("and again");
    assert_eq!(session.wait_for_said(2).await[1], "answer: model says: and again");
    assert_eq!(session.outcomes(), [ANSWERED; 2]);
    assert!(api.requests()[1].mentions("model says: hello"), "the same conversation");
    assert_eq!(api.requests()[0].key(), Some("placeholder"));
    runner.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_turn_is_resumed_by_the_next_incarnation() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    let first = config(&mut session);
    let gone = first.incarnation;
    let runner = session.start(first, link(&api));
    session.say("hello");
    session.wait_for_said(1).await;
    let _held = api.next().hangs();
    session.say("the big job");
    api.wait_for_requests(2).await;
    drop(runner);
    // The CLI is gone, not just its owner.
    api.wait_for_abandoned(1).await;
    assert_eq!(session.outcomes(), [ANSWERED, None]);

    session.release(gone);
    let second = config(&mut session);
    api.next().says("all done");
    let _runner = session.start(second, link(&api));
    assert_eq!(session.wait_for_said(2).await[1], "answer: all done");
    let asked = api.requests().pop().unwrap().body["messages"].to_string();
    assert!(asked.contains("An earlier attempt at this message was interrupted"), "{asked}");
    assert!(asked.contains("model says: hello"), "not resumed: {asked}");
}

#[tokio::test]
async fn a_kill_in_the_very_first_turn_is_no_lost_conversation() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    let first = config(&mut session);
    let gone = first.incarnation;
    let _held = api.next().hangs();
    session.say("the big job");
    let runner = session.start(first, link(&api));
    api.wait_for_requests(1).await;
    drop(runner);
    api.wait_for_abandoned(1).await;
    session.release(gone);
    let second = config(&mut session);
    api.next().says("all done");
    let _runner = session.start(second, link(&api));
    assert_eq!(session.wait_for_said(1).await, ["answer: all done"]);
}

#[tokio::test]
async fn a_tool_call_sends_a_message_in_the_middle_of_a_turn() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    api.next().calls_tool("mcp__nanoclaw__send_message", json!({"text": "half way"}));
    api.next().calls_tool("mcp__nanoclaw__send_message", json!({"text": " "}));
    api.next().says("done");
    let config = config(&mut session);
    let _runner = session.start(config, link(&api));
    session.say("work");
    assert_eq!(session.wait_for_said(2).await, ["interim: half way", "answer: done"]);
    let requests = api.requests();
    assert_eq!(requests[1].tool_result().as_deref(), Some("sent as message 1"));
    assert!(requests[2].tool_result().unwrap().contains("the text is empty"));
}

#[tokio::test]
async fn a_refused_credential_is_told_in_our_words_and_the_talk_goes_on() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    let config = config(&mut session);
    let _runner = session.start(config, link(&api));
    for _ in 0..2 {
        api.next().fails(401, "authentication_error", "no {secret} details", &[]);
    }
    session.say("try");
    let said = session.wait_for_said(1).await.pop().unwrap();
    assert!(said.starts_with("notice: ") && said.contains("refused the credential"), "{said}");
    assert!(!said.contains("secret"), "{said}");
    assert_eq!(api.unused(), 0);
    session.say("and now");
    assert_eq!(session.wait_for_said(2).await[1], "answer: model says: and now");
    assert_eq!(session.outcomes(), [FAILED, ANSWERED]);
}

#[tokio::test]
async fn a_passing_failure_is_waited_for_and_then_answered_by_the_same_runner() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    let config = config(&mut session);
    let _runner = session.start(config, link(&api));
    for (index, (status, kind, words)) in [
        (429, "rate_limit_error", "limit of the model's account"),
        (529, "overloaded_error", "overloaded"),
    ]
    .into_iter()
    .enumerate()
    {
        for _ in 0..2 {
            api.next().fails(status, kind, "no {secret} details", &[]);
        }
        session.say(&format!("try {index}"));
        let said = session.wait_for_said(2 * index + 1).await.pop().unwrap();
        assert!(said.starts_with("interim: ") && said.contains(words), "{status}: {said}");
        assert!(!said.contains("secret"), "{said}");
        assert_eq!(api.unused(), 0, "{status}");
        session.end_waits();
        let said = session.wait_for_said(2 * index + 2).await.pop().unwrap();
        assert!(said.starts_with("answer: model says: "), "{said}");
    }
    assert_eq!(session.outcomes(), [ANSWERED, ANSWERED]);
}

#[tokio::test]
async fn a_conversation_that_the_model_keeps_rejecting_is_put_aside() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    let config = config(&mut session);
    let _runner = session.start(config, link(&api));
    // The CLI retries several times, with less of what the API might not like.
    for _ in 0..8 {
        api.next().fails(400, "invalid_request_error", "image cannot be processed", &[]);
    }
    for round in 1..=2 {
        session.say(&format!("look {round}"));
        let said = session.wait_for_said(round).await.pop().unwrap();
        assert!(said.starts_with("notice: "), "{said}");
        assert_eq!(said.contains("begin a new one"), round == 2, "{said}");
    }
    let mut said = String::new();
    for round in 3..9 {
        if said.starts_with("answer: ") {
            break;
        }
        session.say(&format!("fresh {round}"));
        said = session.wait_for_said(round).await.pop().unwrap();
    }
    let asked = api.requests().pop().unwrap().body["messages"].to_string();
    assert!(asked.contains("fresh") && !asked.contains("look 1"), "{asked}");
}

#[tokio::test]
async fn a_link_that_is_down_is_waited_for() {
    let mut session = Session::new();
    let config = config(&mut session);
    let _runner = session.start(config, Arc::new(support::NoLink));
    session.say("hello");
    let said = session.wait_for_said(1).await.pop().unwrap();
    assert!(said.contains("model cannot be reached"), "{said}");
    assert_eq!(session.outcomes(), [None]);
}

#[tokio::test]
async fn follow_ups_during_an_answer_are_merged_into_the_next_turn() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    let held = api.next().streams_held(&["first ", "answer"]);
    api.next().says("both");
    let config = config(&mut session);
    let incarnation = config.incarnation;
    let _runner = session.start(config, link(&api));
    session.say("one");
    api.wait_for_requests(1).await;
    session.say("two");
    session.say("three");
    wait_for_claims(&mut session, incarnation, 3).await;
    assert_eq!(session.said(), [""; 0]);
    held.release();
    assert_eq!(session.wait_for_said(2).await, ["answer: first answer", "answer: both"]);
    assert_eq!(session.outcomes(), [ANSWERED; 3]);
    let asked = api.requests().pop().unwrap().body["messages"].to_string();
    assert!(asked.contains("two") && asked.contains("three"), "{asked}");
}

#[tokio::test]
async fn follow_ups_in_other_threads_have_turns_of_their_own() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    api.next().calls_tool("Bash", json!({"command": "sleep 2; echo done"}));
    for text in ["for zoe", "for ann", "for bob"] {
        api.next().says(text);
    }
    let config = config(&mut session);
    let _runner = session.start(config, link(&api));
    session.say_in("t-zoe", "take your time");
    api.wait_for_requests(1).await;
    session.say_in("t-ann", "what is my salary again?");
    session.say_in("t-bob", "when is the meeting?");
    assert_eq!(
        session.wait_for_said(3).await,
        ["answer in t-zoe: for zoe", "answer in t-ann: for ann", "answer in t-bob: for bob"]
    );
    assert_eq!(session.outcomes(), [ANSWERED; 3]);
}

#[tokio::test]
async fn a_follow_up_during_a_tool_call_joins_the_turn() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    api.next().calls_tool("Bash", json!({"command": "sleep 1.5; echo done"}));
    api.next().says("both");
    let config = config(&mut session);
    let incarnation = config.incarnation;
    let _runner = session.start(config, link(&api));
    session.say("one");
    api.wait_for_requests(1).await;
    session.say("two");
    wait_for_claims(&mut session, incarnation, 2).await;
    assert_eq!(session.wait_for_said(1).await, ["answer: both"]);
    assert_eq!(session.outcomes(), [ANSWERED; 2]);
}

#[tokio::test]
async fn a_conversation_that_is_gone_starts_over_and_said_so() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    let config = config(&mut session);
    let store = session.store(config.incarnation, Arc::new(NoGate));
    let unknown = "11111111-1111-4111-8111-111111111111";
    store
        .write("a state", move |store| {
            let keys = ["continuation:claude", "continuation:claude:proven"];
            store.set_state(&keys.map(|key| (key, Some(unknown))))
        })
        .await
        .unwrap();
    let _runner = session.start(config, link(&api));
    session.say("hello");
    let said = session.wait_for_said(1).await;
    assert_eq!(
        said,
        ["answer: (Our earlier conversation could not be found, so I begin a new one.)\n\n\
          model says: hello"]
    );
    let kept = store.read(|store| store.state("continuation:claude")).await.unwrap();
    assert!(kept.is_some_and(|it| it != unknown));
}

#[tokio::test]
async fn a_cli_that_dies_is_started_again_and_given_up_in_the_end() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    let config = config(&mut session);
    let _runner = session.start(config, link(&api));
    let kill = json!({"command": "kill -9 $PPID"});
    api.next().calls_tool("Bash", kill.clone());
    api.next().says("survived");
    session.say("once");
    assert_eq!(session.wait_for_said(1).await, ["answer: survived"]);
    for _ in 0..3 {
        api.next().calls_tool("Bash", kill.clone());
    }
    session.say("always");
    let said = session.wait_for_said(2).await.pop().unwrap();
    assert!(said.starts_with("notice: ") && said.contains("ended several times"), "{said}");
    session.say("better");
    assert_eq!(session.wait_for_said(3).await[2], "answer: model says: better");
    assert_eq!(session.outcomes(), [ANSWERED, FAILED, ANSWERED]);
}

#[cfg(test)]
async fn wait_for_claims(session: &mut Session, by: domain::Incarnation, count: usize) {
    for _ in 0..200 {
        let waiting = session.host.snapshot().unwrap().waiting;
        if count <= waiting.iter().filter(|it| it.claim == Some(by)).count() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no {count} claims");
}
