//! The tools over a connection of our own.

use std::net::Ipv4Addr;
use std::time::Duration;

use domain::agent::Provider;
use domain::time::SystemClock;
use domain::{Incarnation, MessageSeq, SessionId};
use store::layout::{Layout, SessionLayout};
use store::{Journal, NoGate, RunnerStore, SessionStore, Surroundings};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::*;
use crate::Config;
use crate::doorbell::Doorbell;

fn desk(paths: &SessionLayout) -> Arc<Desk> {
    let config = Config::new(Incarnation(1), Provider::Demo);
    let (inbound, outbound) = (paths.inbound_dir(), paths.outbound_dir());
    let store = RunnerStore::shared(inbound, outbound, config.incarnation, Arc::new(NoGate));
    Desk::new(store, Arc::new(SystemClock), Doorbell::new(), &config)
}

#[tokio::test]
async fn who_hangs_up_is_waited_for_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let paths = Layout::new(dir.path()).session(SessionId(1));
    std::fs::create_dir_all(paths.inbound_dir()).unwrap();
    std::fs::create_dir_all(paths.outbound_dir()).unwrap();
    let mut host = SessionStore::open(&paths, Journal::Wal).unwrap();
    let desk = desk(&paths);
    desk.work_on(MessageSeq(2));
    let loopback = listen().await.unwrap();
    let port = loopback.port;
    let mut serving = JoinSet::new();
    serving.spawn(serve(loopback, Arc::clone(&desk)));

    let body = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "ask_user_question", "arguments": {"question": "tea?", "options": ["yes"]},
    }})
    .to_string();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut caller = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let idle = Arc::strong_count(&desk);
    caller.write_all(request.as_bytes()).await.unwrap();
    let asked = async {
        loop {
            // A commit may be under way.
            let _ = host.absorb(&Surroundings::default(), domain::time::Timestamp(0));
            if host.snapshot().is_ok_and(|it| it.news) || idle < Arc::strong_count(&desk) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    within(asked).await;
    drop(caller);
    let let_go = async {
        while idle < Arc::strong_count(&desk) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    within(let_go).await;
}

async fn within(done: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(30), done).await.unwrap();
}
