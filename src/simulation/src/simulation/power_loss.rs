//! What a power loss leaves behind, and what a disk forgets that is broken on purpose.
//!
//! Nothing here sees which pages were synced: that would need a file system below SQLite, in code that
//! the compiler does not check. Instead the connection is asked what it promises, and what SQLite's
//! documentation does not promise for that is lost: with less than `FULL`, every commit since the log was
//! last copied back.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use store::{CentralStore, Store};

use super::plan::Mailbox;
use crate::host::{TestHost, World};
use crate::mutation::Mutation;

/// A piece of a frame, as a torn write leaves it.
const TORN: [u8; 100] = [0x5A; 100];

/// `PRAGMA synchronous`: each commit is on the disk before its caller hears of it.
const FULL: i64 = 2;

/// Whether what the host commits survives a power cut.
pub(super) async fn keeps_commits(host: &TestHost) -> bool {
    let asked = host.host.central.read(|central| {
        let level = central.connection().pragma_query_value(None, "synchronous", |row| row.get(0));
        Ok(level.unwrap_or(0))
    });
    // A read that fails on purpose says nothing.
    asked.await.map_or(true, |level: i64| FULL <= level)
}

/// The host was killed; its files are closed.
pub(super) fn lost(world: &World, mailboxes: Option<Mailbox>, keeps_commits: bool) {
    let layout = world.layout();
    if !keeps_commits || world.env.breaks(Mutation::SyncNothing) {
        let _ = fs::remove_file(beside(&layout.central(), "-wal"));
    }
    if world.env.breaks(Mutation::ForgetMessages) {
        let central = CentralStore::open(&layout.central()).unwrap();
        central.connection().execute("DELETE FROM message WHERE outcome IS NULL", []).unwrap();
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
