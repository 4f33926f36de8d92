//! How many files a session keeps open.

use std::fs;
use std::sync::Arc;

use domain::SessionId;
use domain::time::Timestamp;

use super::{SessionDb, SessionStore};
use crate::layout::Layout;
use crate::{CentralStore, Db, NoGate, Reader};

const SESSIONS: i64 = 60;
/// The mailbox and its journal. What the runner wrote is read from memory.
const HANDLES_MAX: usize = 2;
/// Of the central database: the writer and its readers, each with the write-ahead log, and its index.
const CENTRAL_MAX: usize = 16;

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// nextest runs each test in a process of its own.
#[tokio::test]
async fn a_session_keeps_its_mailbox_open_while_a_container_reads_it_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::new(dir.path());
    let mut first = SessionStore::create(&layout, Timestamp(0)).unwrap();
    let sql = "INSERT INTO session (id, agent_group, thread, messaging_group)
               VALUES (?1, 'andy', ?1, 1)";
    for id in 2..=SESSIONS {
        first.central().conn.execute(sql, [id]).unwrap();
        let paths = layout.session(SessionId(id));
        fs::create_dir_all(paths.inbound_dir()).unwrap();
        fs::create_dir_all(paths.outbound_dir()).unwrap();
        fs::copy(layout.session(SessionId(1)).inbound(), paths.outbound()).unwrap();
    }
    drop(first);
    let before = open_files();
    let central = {
        let path = layout.central();
        Db::new(Arc::new(NoGate), move || CentralStore::open(&path))
    };
    let all: Vec<SessionDb> = (1..=SESSIONS)
        .map(|id| SessionDb::new(central.clone(), Arc::new(NoGate), &layout, SessionId(id)))
        .collect();
    let count = all.len();

    for session in &all {
        session.look(Reader::Gone).await.unwrap();
    }
    assert!(open_files() <= before + CENTRAL_MAX, "{} files are open", open_files() - before);

    for session in &all {
        session.look(Reader::MayRun).await.unwrap();
    }
    assert!(open_files() <= before + CENTRAL_MAX, "there is no runner");

    for session in &all {
        session.renew().await.unwrap();
        session.write("a launch", |it| it.launch(Timestamp(1))).await.unwrap();
        session.look(Reader::MayRun).await.unwrap();
    }
    let open = open_files() - before;
    assert!(open <= CENTRAL_MAX + count * HANDLES_MAX, "{open} files are open");

    // Their containers are gone.
    for session in &all {
        session.look(Reader::Gone).await.unwrap();
    }
    assert!(open_files() <= before + CENTRAL_MAX, "{} files are open", open_files() - before);
}
