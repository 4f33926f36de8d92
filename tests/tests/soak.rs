//! A small soak, and the boot of a copy. The large soak is a benchmark: `./nanoclaw.sh bench soak`.

use std::path::PathBuf;

use harness::soak::{Soak, run};

/// Memory where there is some: the run writes a lot.
fn folder() -> tempfile::TempDir {
    let shm = PathBuf::from("/dev/shm");
    if shm.is_dir() { tempfile::tempdir_in(shm).unwrap() } else { tempfile::tempdir().unwrap() }
}

#[test]
fn two_thousand_messages_with_faults_keep_the_laws_and_leave_no_handles() {
    let dir = folder();
    let soak = Soak { messages: 2_000, chats: 20, seed: 1 };
    let report = run(soak, dir.path(), |_| ());
    assert!(report.violations.is_empty(), "{:#?}", report.violations);
    assert!(0 < report.faults);
    let (first, last) = (report.samples[0], report.samples[2]);
    // Each live session has a few handles; both ends and a restart are in flight at most.
    assert!(last.handles <= first.handles + 40, "{first:?} {last:?}");
    assert_eq!(report.kept, soak.chats, "the last message of each chat stays");
    assert!(report.pruned.files < last.files, "{last:?} {:?}", report.pruned);
}

#[test]
fn a_copy_boots_answers_and_comes_to_rest() {
    let dir = folder();
    let soak = Soak { messages: 200, chats: 5, seed: 2 };
    let report = run(soak, dir.path(), |_| ());
    assert!(report.violations.is_empty(), "{:#?}", report.violations);
    let layout = store::layout::Layout::new(dir.path());
    store::copies::mark_restored(&layout, domain::time::Timestamp(1)).unwrap();
    let said = harness::verify::boot(&layout).unwrap();
    assert!(said.contains("6 sessions came to rest"), "{said}");
}

#[test]
fn a_copy_that_is_damaged_does_not_boot() {
    let dir = folder();
    let layout = store::layout::Layout::new(dir.path());
    std::fs::write(layout.central(), "no database at all, and long enough to be read as one")
        .unwrap();
    assert!(harness::verify::boot(&layout).is_err());
}
