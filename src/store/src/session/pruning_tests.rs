//! What is forgotten, and what never is.

use std::time::Duration;

use domain::delivery::Verdict;
use domain::message::{Admitted, Attachment, Author, Body, FileKind, InboundKind, Incoming};
use domain::retention::{LAUNCHES_KEPT, Retention};
use domain::session::FailReason;
use domain::{Incarnation, MessageSeq, SessionId};

use super::*;
use crate::layout::{Layout, SessionLayout};
use crate::{Fetched, Inserted, SessionStore};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct Files {
    dir: tempfile::TempDir,
    paths: SessionLayout,
    host: SessionStore,
}

fn files() -> Files {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::new(dir.path());
    let paths = layout.session(SessionId(1));
    let host = SessionStore::create(&layout, NOW).unwrap();
    Files { dir, paths, host }
}

fn message(chat: &str, id: &str) -> Incoming {
    Incoming {
        from: domain::message::Address {
            channel: "cli".into(),
            account: "local".into(),
            chat: chat.into(),
            thread: None,
        },
        platform_id: id.into(),
        body: Body::new(Author::new("u", "U"), ""),
        ..Incoming::default()
    }
}

impl Files {
    fn store(&mut self, message: Incoming, kind: InboundKind) {
        self.host.posting().insert(&[Admitted { message, kind, rule: None }], NOW).unwrap();
    }

    /// Stores a message, gives it up, and has its notice sent.
    fn ended(&mut self, chat: &str, id: &str) {
        self.store(message(chat, id), InboundKind::Chat);
        let waiting = self.host.posting().waiting().unwrap();
        let seq = waiting.last().unwrap().0.message;
        self.host.posting().fail(seq, FailReason::CannotStart, "", NOW).unwrap();
        self.send_all();
    }

    fn send_all(&mut self) {
        while let Some(part) = self.host.rows().open_parts().unwrap().into_iter().next() {
            self.host.claim_part(&part.key, NOW).unwrap();
            let verdict = Verdict::Sent { platform_id: "p".into() };
            self.host.conclude(&part.key, &verdict, NOW).unwrap();
        }
    }

    fn prune(&mut self, after: Duration) -> usize {
        let cutoffs = Retention::default().cutoffs(Timestamp((NOW + after).0 + 1));
        self.host.posting().prune(cutoffs).unwrap()
    }

    fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.host.rows().scope.query_row(&sql, [], |row| row.get(0)).unwrap()
    }
}

/// A file that came with a message and was not fetched yet.
fn image() -> Attachment {
    Attachment {
        kind: FileKind::Image,
        name: "a".into(),
        mime: "image/png".into(),
        bytes: None,
        source: "s".into(),
        is_quoted: false,
    }
}

#[test]
fn what_ended_a_year_ago_goes_with_all_that_belongs_to_it() {
    let mut files = files();
    for n in 0..4 {
        files.ended("c", &format!("m{n}"));
    }
    files.prune(DAY * 364);
    assert_eq!((files.count("message"), files.count("part")), (4, 4));
    while files.prune(DAY * 365) != 0 {}
    assert_eq!((files.count("message"), files.count("part")), (1, 0));
}

#[test]
fn no_number_is_given_out_twice() {
    let mut files = files();
    files.ended("c", "m1");
    files.ended("c", "m2");
    for _ in 0..40 {
        let by = files.host.posting().launch(NOW).unwrap();
        files.host.posting().record_exit(by, true, "", None, NOW).unwrap();
    }
    let failures = files.host.posting().launches().unwrap().failures;
    while files.prune(DAY * 1_000) != 0 {}
    assert_eq!(files.count("launch"), i64::from(LAUNCHES_KEPT));
    assert_eq!(files.host.posting().launches().unwrap().failures, failures, "still parked");
    assert_eq!(files.host.posting().launch(NOW).unwrap(), Incarnation(41));
    files.store(message("c", "m3"), InboundKind::Chat);
    let waiting = files.host.posting().waiting().unwrap();
    assert_eq!(waiting.last().unwrap().0.message, MessageSeq(6));
}

#[test]
fn what_is_unfinished_stays() {
    let mut files = files();
    // One waits for its answer, one for its notice, one for its file.
    files.store(message("c", "waits"), InboundKind::Chat);
    files.store(message("c", "told"), InboundKind::Chat);
    files.host.posting().fail(MessageSeq(4), FailReason::CannotStart, "", NOW).unwrap();
    let with_file = Incoming { files: vec![image()], ..message("c", "file") };
    files.store(with_file, InboundKind::Context);
    files.ended("d", "last");
    // The notice of the last one is sent, and so is that of `told`, which is in another chat.
    let before = files.count("message");
    let sql = "UPDATE part SET state = 'unsent' WHERE cause = 4";
    files.host.rows().scope.execute(sql, []).unwrap();
    while files.prune(DAY * 1_000) != 0 {}
    assert_eq!(files.count("message"), before);
    assert_eq!(files.host.rows().open_parts().unwrap().len(), 1);
}

#[test]
fn the_last_message_of_each_chat_stays_because_it_says_where_to_write() {
    let mut files = files();
    files.ended("a", "a1");
    files.ended("a", "a2");
    files.ended("b", "b1");
    files.store(message("b", "context"), InboundKind::Context);
    while files.prune(DAY * 1_000) != 0 {}
    let left = files.host.posting().outcomes().unwrap();
    let ids: Vec<&str> = left.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(ids, ["a2", "b1", "context"]);
}

#[test]
fn a_redelivery_within_the_year_is_still_known() {
    let mut files = files();
    files.ended("c", "m1");
    files.ended("c", "m2");
    files.prune(DAY * 364);
    let again = Admitted { message: message("c", "m1"), kind: InboundKind::Chat, rule: None };
    assert_eq!(files.host.posting().insert(&[again], NOW).unwrap(), Inserted::default());
}

#[test]
fn one_pass_takes_a_bounded_number() {
    let mut files = files();
    let all: Vec<Admitted> = (0..1_200)
        .map(|n| Admitted {
            message: message("c", &format!("m{n}")),
            kind: InboundKind::Context,
            rule: None,
        })
        .collect();
    files.host.posting().insert(&all, NOW).unwrap();
    let passes: Vec<usize> = (0..4).map(|_| files.prune(DAY * 1_000)).collect();
    assert_eq!(passes, [500, 500, 199, 0]);
}

#[test]
fn files_of_ended_messages_go_after_a_month_from_the_disk_too() {
    let mut files = files();
    let with_file = Incoming { files: vec![image()], ..message("c", "m1") };
    files.store(with_file, InboundKind::Chat);
    let pending = files.host.posting().next_file().unwrap().unwrap().1;
    let folder = files.paths.files_in().join("2");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a.png"), "x").unwrap();
    let here = Fetched::Here {
        path: "files/2/a.png".into(),
        name: "a.png".into(),
        mime: "image/png".into(),
        bytes: 1,
    };
    files.host.posting().fetched(&pending, &here).unwrap();
    files.prune(DAY * 30);
    assert!(folder.exists(), "its message has no outcome yet");
    files.host.posting().fail(MessageSeq(2), FailReason::CannotStart, "", NOW).unwrap();
    files.prune(DAY * 30);
    assert!(!folder.exists());
    assert_eq!((files.count("attachment"), files.count("message")), (0, 1));
}

#[test]
fn files_of_a_deleted_message_go_with_it_and_those_that_no_row_names_are_pruned() {
    let mut files = files();
    for (id, seq) in [("m1", "2"), ("m2", "4")] {
        let with_file = Incoming { files: vec![image()], ..message("c", id) };
        files.store(with_file, InboundKind::Chat);
        let folder = files.paths.files_in().join(seq);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.png"), "x").unwrap();
    }
    let late = files.host.posting().next_file().unwrap().unwrap().1;
    files.host.posting().take_away(MessageSeq(2), &message("c", "m1").body).unwrap();
    assert!(!files.paths.files_in().join("2").exists());
    let how = Fetched::Failed { why: "gone".into() };
    assert!(!files.host.posting().fetched(&late, &how).unwrap(), "it is wanted no more");
    // A fetch that ended after that.
    for left in ["2", "x"] {
        fs::create_dir_all(files.paths.files_in().join(left)).unwrap();
    }
    assert_eq!(files.host.posting().prune_leftovers().unwrap(), 2);
    let left: Vec<_> = fs::read_dir(files.paths.files_in()).unwrap().flatten().collect();
    assert_eq!(left.iter().map(|it| it.file_name()).collect::<Vec<_>>(), ["4"]);
}

#[test]
fn copies_of_files_that_nothing_waits_for_are_removed() {
    let mut files = files();
    files.ended("c", "m1");
    let folder = files.paths.sending();
    fs::create_dir_all(&folder).unwrap();
    for name in ["1-left.txt", "3-wanted.txt"] {
        fs::write(folder.join(name), "x").unwrap();
    }
    let open = files.host.posting().launch(NOW).unwrap();
    let links = files.paths.links();
    for by in [Incarnation(7), open] {
        fs::create_dir_all(links.join(by.to_string())).unwrap();
    }
    let sql = "UPDATE part SET form = 'file', state = 'ready',
                      file = '[{\"path\":\"sending/3-wanted.txt\",\"name\":\"x\",\"mime\":\"y\"}]'";
    files.host.rows().scope.execute(sql, []).unwrap();
    assert_eq!(files.host.posting().prune_leftovers().unwrap(), 2);
    assert_eq!(fs::read_dir(&links).unwrap().count(), 1, "that of the open launch");
    assert!(folder.join("3-wanted.txt").exists() && !folder.join("1-left.txt").exists());
    files.send_all();
    assert!(!folder.join("3-wanted.txt").exists(), "a copy goes as soon as it is sent");
}

#[test]
fn what_was_unfinished_in_a_backup_is_sent_with_a_mark() {
    let mut files = files();
    files.ended("c", "done");
    files.store(message("c", "waits"), InboundKind::Chat);
    let by = files.host.posting().launch(NOW).unwrap();
    let layout = Layout::new(files.dir.path());
    let marked = crate::copies::mark_restored(&layout, NOW).unwrap();
    assert_eq!((marked.waiting, marked.unsent), (1, 0));
    // Its answer comes only now, and may be known already.
    files.host.posting().fail(MessageSeq(4), FailReason::CannotStart, "", NOW).unwrap();
    let key = files.host.rows().open_parts().unwrap()[0].key.clone();
    assert!(files.host.claim_part(&key, NOW).unwrap().unwrap().is_repeat);
    // What comes after the restore is no repetition.
    files.store(message("d", "new"), InboundKind::Chat);
    files.host.posting().fail(MessageSeq(6), FailReason::CannotStart, "", NOW).unwrap();
    let parts = files.host.rows().open_parts().unwrap();
    let claimed = files.host.claim_part(&parts[1].key, NOW).unwrap().unwrap();
    assert!(!claimed.is_repeat);
    // A container from after the backup is stopped, a new one is not.
    let stopped_incarnation = files.host.snapshot().unwrap().stopped_incarnation;
    assert!(
        Incarnation(by.0 + 100) < stopped_incarnation
            && stopped_incarnation < files.host.posting().launch(NOW).unwrap()
    );
}
