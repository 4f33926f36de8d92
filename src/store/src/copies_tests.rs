//! Copies that are made while both writers are at work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use domain::message::{Admitted, InboundKind, Incoming};

use super::*;
use crate::SessionStore;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const MESSAGES: i64 = 1_000;

#[test]
fn copies_made_under_a_writer_are_sound() {
    // Memory where there is some: thousands of commits take their time on a disk.
    let shm = Path::new("/dev/shm");
    let dir = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    let dir = dir.unwrap();
    let original = Layout::new(dir.path().join("live"));
    drop(SessionStore::create(&original, NOW).unwrap());
    let done = AtomicBool::new(false);
    let mut copies = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            let host = SessionStore::open(&original, SessionId(1)).unwrap();
            for n in 1..=MESSAGES {
                let message = Incoming { platform_id: format!("m{n}"), ..Incoming::default() };
                let admitted = Admitted { message, kind: InboundKind::Chat, rule: None };
                host.rows().insert(&[admitted], NOW).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        while !done.load(Ordering::SeqCst) {
            copies += 1;
            let copy = dir.path().join(format!("copy{copies}.db"));
            copy_database(&original.central(), &copy).unwrap();
            let copy = CentralStore::open(&copy).unwrap();
            assert!(copy.integrity().unwrap().is_empty());
            assert!(copy.rows(SessionId(1)).outcomes().is_ok());
        }
    });
    assert!(1 < copies, "nothing was copied while it was written");
}
