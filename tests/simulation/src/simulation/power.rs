//! What a power cut leaves behind, and what a disk forgets that is broken on purpose.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use store::CentralStore;

use super::plan::Mailbox;
use crate::host::World;
use crate::mutation::Mutation;

/// A piece of a frame, as a torn write leaves it.
const TORN: [u8; 100] = [0x5A; 100];

/// The host was killed; its files are closed.
pub(super) fn lost(world: &World, mailboxes: Option<Mailbox>) {
    let layout = world.layout();
    if world.stage.breaks(Mutation::ForgetMessages) {
        let central = CentralStore::open(&layout.central()).unwrap();
        central.forget_waiting().unwrap();
    }
    if let Some(which) = mailboxes {
        lose(world, which);
    }
    // A mailbox may be open in its runner, so only the central log is torn.
    tear(&layout.central());
}

/// Mailboxes of every session are gone.
pub(super) fn lose(world: &World, which: Mailbox) {
    for paths in world.sessions().into_iter().map(|it| world.layout().session(it)) {
        if which != Mailbox::Outbound {
            forget(&paths.inbound());
        }
        if which != Mailbox::Inbound {
            forget(&paths.outbound());
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// A half-written frame at the end of the log, and no index of it.
fn tear(database: &Path) {
    let _ = fs::remove_file(beside(database, "-shm"));
    let log = beside(database, "-wal");
    if log.exists() {
        let mut log = fs::OpenOptions::new().append(true).open(log).unwrap();
        log.write_all(&TORN).unwrap();
    }
}

fn forget(database: &Path) {
    for ending in ["", "-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(beside(database, ending));
    }
}
