//! The tools over a connection of our own.

use std::net::Ipv4Addr;
use std::time::Duration;

use domain::agent::Provider;
use domain::message::{Admitted, Author, Body, InboundKind, Incoming};
use domain::time::SystemClock;
use domain::{Incarnation, MessageSeq, SessionId};
use store::layout::{Layout, SessionLayout};
use store::{NoGate, RunnerStore, SessionContext, SessionStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::*;
use crate::Config;
use crate::forward::listen;
use crate::notifier::Notifier;

fn host_client(paths: &SessionLayout) -> Arc<HostClient> {
    let config = Config::new(Incarnation(1), Provider::Demo);
    let (inbound, outbound) = (paths.inbound_dir(), paths.outbound_dir());
    let store = RunnerStore::shared(inbound, outbound, config.incarnation, Arc::new(NoGate));
    HostClient::new(store, Arc::new(SystemClock), Arc::<Notifier>::default(), config)
}

#[tokio::test]
async fn who_hangs_up_is_waited_for_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::new(dir.path());
    let paths = layout.session(SessionId(1));
    let mut host = SessionStore::create(&layout, domain::time::Timestamp(0)).unwrap();
    let host_client = host_client(&paths);
    host_client.work_on(MessageSeq(2));
    let (loopback, port) = listen().await.unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(serve(loopback, Arc::clone(&host_client)));

    let question = serde_json::json!({"question": "tea?", "options": ["yes"]});
    let params = serde_json::json!({"name": "ask_user_question", "arguments": question});
    let request = request(port, "tools/call", &params);
    let mut caller = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let idle = Arc::strong_count(&host_client);
    caller.write_all(request.as_bytes()).await.unwrap();
    let asked = async {
        loop {
            // A commit may be under way.
            let _ = host.import(&SessionContext::default(), domain::time::Timestamp(0));
            if host.snapshot().is_ok_and(|it| it.news.is_news())
                || idle < Arc::strong_count(&host_client)
            {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    within(asked).await;
    drop(caller);
    let let_go = async {
        while idle < Arc::strong_count(&host_client) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    within(let_go).await;
}

async fn within<T>(done: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), done).await.unwrap()
}

fn request(port: u16, method: &str, params: &serde_json::Value) -> String {
    let body = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let body = body.to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What is answered, head and all.
async fn asked(port: u16, method: &str, params: &serde_json::Value) -> String {
    let mut caller = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    caller.write_all(request(port, method, params).as_bytes()).await.unwrap();
    let mut answer = String::new();
    caller.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn all_tools_are_offered_with_what_they_take() {
    let dir = tempfile::tempdir().unwrap();
    let host_client = host_client(&Layout::new(dir.path()).session(SessionId(1)));
    let (loopback, port) = listen().await.unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(serve(loopback, host_client));
    let answer = within(asked(port, "tools/list", &serde_json::json!({}))).await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body = &body[body.find('{').unwrap()..=body.rfind('}').unwrap()];
    let listed: serde_json::Value = serde_json::from_str(body).unwrap();
    let tools = listed["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|it| it["name"].as_str().unwrap()).collect();
    for name in [
        "send_message",
        "nanoclaw",
        "schedule_task",
        "list_tasks",
        "update_task",
        "pause_task",
        "resume_task",
        "cancel_task",
        "run_task_now",
        "task_history",
    ] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
    let schedule = tools.iter().find(|it| it["name"] == "schedule_task").unwrap();
    let schema = &schedule["inputSchema"];
    assert_eq!(schema["required"], serde_json::json!(["when", "prompt"]));
    for name in ["timezone", "missed", "script", "destination"] {
        assert!(schema["properties"][name]["description"].is_string(), "{schema:#}");
    }
}

#[tokio::test]
async fn a_tool_about_tasks_gives_what_the_host_says() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::new(dir.path());
    let paths = layout.session(SessionId(1));
    let mut host = SessionStore::create(&layout, domain::time::Timestamp(0)).unwrap();
    let now = domain::time::Timestamp(0);
    let body = Body::new(Author::default(), "x");
    let message = Incoming { platform_id: "m1".into(), body, ..Incoming::default() };
    let admitted = Admitted { message, kind: InboundKind::Chat, rule: None };
    host.posting().insert(&[admitted], now).unwrap();
    let host_client = host_client(&paths);
    host_client.work_on(MessageSeq(2));
    let (loopback, port) = listen().await.unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(serve(loopback, host_client));
    let arguments = serde_json::json!({
        "when": "every weekday at 9", "prompt": "say what's on", "timezone": "Europe/Berlin",
        "destination": "team",
    });
    let call = serde_json::json!({"name": "schedule_task", "arguments": arguments});
    let carried_out = async {
        loop {
            // A commit may be under way.
            let _ = host.import(&SessionContext::default(), now);
            if let Some(seq) = host.snapshot().unwrap().request {
                let text = host.posting().request(seq).unwrap().text;
                host.posting().answer(seq, true, "t1 is scheduled").unwrap();
                return text;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let both = async { tokio::join!(asked(port, "tools/call", &call), carried_out) };
    let (answer, line) = within(both).await;
    assert_eq!(
        line,
        "tasks add --zone=Europe/Berlin --chat=team -- 'every weekday at 9' 'say what'\\''s on'"
    );
    assert!(answer.contains("t1 is scheduled"), "{answer}");
}
