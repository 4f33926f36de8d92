//! Databases without a row, as the program makes them. Making them takes longer than most runs, so
//! they are made once and copied.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use domain::{Incarnation, SessionId};
use store::layout::Layout;
use store::{CentralStore, RunnerStore};

/// Sessions that get theirs; more make them as usual.
const SESSIONS: i64 = 8;

/// Paths below the home folder, and what is there.
type Files = Vec<(PathBuf, Vec<u8>)>;

/// Puts them where a host will look for them.
pub(super) fn put(layout: &Layout) {
    static MADE: OnceLock<Files> = OnceLock::new();
    for (path, content) in MADE.get_or_init(made) {
        let path = layout.home().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn made() -> Files {
    let shm = Path::new("/dev/shm");
    let dir = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    let dir = dir.unwrap();
    let layout = Layout::new(dir.path());
    CentralStore::open(&layout.central()).unwrap();
    for id in 1..=SESSIONS {
        let session = layout.session(SessionId(id));
        fs::create_dir_all(session.inbound_dir()).unwrap();
        fs::create_dir_all(session.outbound_dir()).unwrap();
        let (inbound, outbound) = (session.inbound_dir(), session.outbound_dir());
        RunnerStore::open(&inbound, &outbound, Incarnation(1)).unwrap();
    }
    let mut files = Files::new();
    collect(dir.path(), dir.path(), &mut files);
    files
}

/// The index of a write-ahead log belongs to who has it open.
fn collect(root: &Path, folder: &Path, into: &mut Files) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, into);
        } else if !path.to_string_lossy().ends_with("-shm") {
            let content = fs::read(&path).unwrap();
            into.push((path.strip_prefix(root).unwrap().to_owned(), content));
        }
    }
}
