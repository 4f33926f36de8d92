//! Copies that are made while both writers are at work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use domain::message::{Admitted, Author, InboundKind, Incoming, Outcome};
use domain::{Incarnation, MessageSeq, OutSeq};

use super::*;
use crate::layout::SessionLayout;
use crate::{RunnerStore, Surroundings, TurnEnd};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const MESSAGES: i64 = 1_000;

fn paths(home: &Path) -> SessionLayout {
    let paths = Layout::new(home).session(SessionId(1));
    std::fs::create_dir_all(paths.inbound_dir()).unwrap();
    std::fs::create_dir_all(paths.outbound_dir()).unwrap();
    paths
}

/// Both writers put so many messages through a session.
fn work(paths: &SessionLayout) {
    let mut host = SessionStore::open(paths, Journal::Wal).unwrap();
    let by = host.inbound.launch(NOW).unwrap();
    let mut runner = RunnerStore::open(&paths.inbound_dir(), &paths.outbound_dir(), by).unwrap();
    for n in 1..=MESSAGES {
        let message = Incoming {
            platform_id: format!("m{n}"),
            sender: Author { id: "u".into(), name: "U".into() },
            ..Incoming::default()
        };
        host.inbound
            .insert(&[Admitted { message, kind: InboundKind::Chat, rule: None }], NOW)
            .unwrap();
        let seq = MessageSeq(n * 2);
        runner.claim(&[seq], NOW).unwrap();
        let text = Some("x".repeat(300));
        let (outcome, reason) = (Outcome::Answered, String::new());
        let end = TurnEnd { messages: vec![seq], outcome, reason, text, cost: None };
        runner.end_turn(&end, &[], NOW).unwrap();
        host.absorb(&Surroundings::default(), NOW).unwrap();
    }
}

#[test]
fn copies_made_under_two_writers_are_sound_and_fit_together() {
    // Memory where there is some: thousands of commits take their time on a disk.
    let shm = Path::new("/dev/shm");
    let dir = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    let dir = dir.unwrap();
    let original = paths(&dir.path().join("live"));
    drop(SessionStore::open(&original, Journal::Wal).unwrap());
    let done = AtomicBool::new(false);
    let mut copies = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            work(&original);
            done.store(true, Ordering::SeqCst);
        });
        while !done.load(Ordering::SeqCst) {
            copies += 1;
            let copy = paths(&dir.path().join(format!("copy{copies}")));
            copy_database(&original.inbound(), &copy.inbound()).unwrap();
            match copy_outbound(&original.outbound_dir(), &copy.outbound()) {
                Ok(true) => {}
                // The runner has not made it yet, or is in the middle of a commit: a close by one
                // thread takes away the locks of the other.
                Ok(false) | Err(StoreError::NeedsWriter) => continue,
                Err(err) => panic!("{err}"),
            }
            let mut host = SessionStore::open(&copy, Journal::Wal).unwrap();
            assert!(host.integrity().unwrap().is_empty());
            assert_eq!(host.outbound_problems(), Vec::<String>::new());
            // The runner goes on behind everything that the host has seen.
            let seen = host.inbound.last_out_seq().unwrap();
            let mut runner =
                RunnerStore::open(&copy.inbound_dir(), &copy.outbound_dir(), Incarnation(9))
                    .unwrap();
            let next: OutSeq = runner.say(MessageSeq(2), "more", NOW).unwrap();
            assert!(seen < next, "{seen:?} {next:?}");
        }
    });
    assert!(1 < copies, "nothing was copied while it was written");
}

#[test]
fn a_copy_of_an_untrusted_file_follows_no_link() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("central.db");
    drop(CentralStore::open(&secret).unwrap());
    std::os::unix::fs::symlink(&secret, dir.path().join("outbound.db")).unwrap();
    let copied = copy_outbound(dir.path(), &dir.path().join("copy.db"));
    assert!(matches!(copied, Err(StoreError::Hostile(_))), "{copied:?}");
}
