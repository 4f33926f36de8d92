//! Outbound databases as an enemy writes them. The session lives, the host reads no more than it wants
//! to, and who waits is told. What would hang is ended by the runner of the tests.

mod crafted;

use std::fs;
use std::os::unix::fs::symlink;

use domain::message::{Form, Outcome};
use nix::fcntl::{FcntlArg, fcntl};
use rustix::fs::{CWD, Mode, mkfifoat};

use super::*;
use super::{M1, NOW, Pair, answer, context, pair};
use crate::{NewMessage, TurnEnd, outbound_problems};

/// A session whose runner has claimed the message M1.
fn at_work() -> Pair {
    let mut pair = pair();
    pair.say("m1");
    pair.runner().claim(&[M1], NOW).unwrap();
    pair
}

fn mailbox(pair: &mut Pair) -> Mailbox {
    let seen = pair.host.snapshot().unwrap();
    assert!(
        seen.mailbox == Mailbox::Sound || (!seen.news.is_news() && seen.waiting[0].claim.is_none())
    );
    assert!(!seen.waiting.is_empty(), "what waits is known whatever the container wrote");
    seen.mailbox
}

#[track_caller]
fn is_damaged(pair: &mut Pair) {
    let found = mailbox(pair);
    assert!(matches!(found, Mailbox::Damaged(_)), "{found:?}");
    // Nothing else fails because of it.
    assert_eq!(pair.host.import(&context(100), NOW).unwrap(), ImportReport::default());
    assert_eq!(outbound_problems(&pair.paths).len(), 1);
}

/// Runs SQL in the database, with no constraint in force, and leaves the schema as it was.
fn forge(pair: &Pair, sql: &str) {
    let tables = "SELECT name, sql FROM sqlite_schema WHERE type = 'table'";
    let conn = Connection::open(pair.outbound()).unwrap();
    let schema: Vec<(String, String)> = conn
        .prepare(tables)
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let version: i64 = conn.pragma_query_value(None, "schema_version", |row| row.get(0)).unwrap();
    let edit = |to: &dyn Fn(&str) -> String, version: i64| {
        let conn = Connection::open(pair.outbound()).unwrap();
        conn.pragma_update(None, "writable_schema", true).unwrap();
        for (name, sql) in &schema {
            let update = "UPDATE sqlite_schema SET sql = ?2 WHERE name = ?1";
            conn.execute(update, (name, to(sql))).unwrap();
        }
        conn.pragma_update(None, "schema_version", version).unwrap();
    };
    drop(conn);
    edit(
        &|sql| {
            sql.replace("STRICT", "")
                .replace("NOT NULL", "")
                .replace(") ,", ")")
                .replace("CHECK (", "CHECK (1 OR ")
        },
        version + 1,
    );
    let conn = Connection::open(pair.outbound()).unwrap();
    conn.pragma_update(None, "ignore_check_constraints", true).unwrap();
    conn.execute_batch(sql).unwrap();
    drop(conn);
    edit(&str::to_owned, version + 2);
}

#[test]
fn nothing_but_the_expected_schema_is_read() {
    const ENDLESS: &str = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT";
    for sql in [
        &format!(
            "ALTER TABLE claims RENAME TO old; CREATE VIEW claims AS {ENDLESS} x AS message,
             1 AS incarnation, NULL AS outcome, NULL AS reason, NULL AS reply, NULL AS cost FROM n"
        ),
        &format!("CREATE VIEW more AS {ENDLESS} x FROM n"),
        "CREATE TRIGGER t AFTER INSERT ON claims BEGIN DELETE FROM waits; END",
        "ALTER TABLE claims ADD COLUMN x ANY AS (zeroblob(10))",
        "CREATE INDEX i ON claims (abs(message))",
        "CREATE TABLE more (x)",
        "DROP TABLE tool_calls",
        "PRAGMA journal_mode = WAL",
    ] {
        let mut pair = at_work();
        Connection::open(pair.outbound()).unwrap().execute_batch(sql).unwrap();
        is_damaged(&mut pair);
    }
}

fn folders_named_like_those_of_a_removal(pair: &Pair) {
    (0..9).for_each(|n| fs::create_dir_all(pair.outbound().join(format!("{n}/x/y"))).unwrap());
}

#[test]
fn what_is_no_plain_file_of_a_sensible_size_is_not_read() {
    let kinds: [fn(&Pair); 7] = [
        |it| symlink(it.paths.inbound(), it.outbound()).unwrap(),
        |it| mkfifoat(CWD, it.outbound(), Mode::RWXU).unwrap(),
        |it| fs::create_dir(it.outbound()).unwrap(),
        folders_named_like_those_of_a_removal,
        |it| drop(std::os::unix::net::UnixListener::bind(it.outbound()).unwrap()),
        |it| fs::write(it.outbound(), vec![0x53; 4_096]).unwrap(),
        |it| fs::File::create(it.outbound()).unwrap().set_len(3 << 40).unwrap(),
    ];
    for make in kinds {
        let mut pair = at_work();
        fs::remove_file(pair.outbound()).unwrap();
        make(&pair);
        is_damaged(&mut pair);
        // It can be set aside, and the next container makes a new one.
        pair.host.quarantine().unwrap();
        let kept = fs::symlink_metadata(pair.paths.quarantine().join("outbound.db"));
        let bytes = kept.map_or(0, |kept| kept.len());
        assert!(bytes <= 32 << 20, "{bytes} bytes are kept outside of any limit");
        pair.host.quarantine().unwrap();
        assert_eq!(mailbox(&mut pair), Mailbox::Sound);
        let mut runner = pair.runner();
        runner.end_turn(&answer("hello"), &[], NOW).unwrap();
        assert_eq!(mailbox(&mut pair), Mailbox::Sound);
    }
}

#[test]
fn logs_and_shared_memory_beside_it_are_never_opened() {
    let mut pair = at_work();
    let seen = pair.host.snapshot().unwrap();
    assert_eq!(seen.waiting[0].claim, Some(Incarnation(1)));
    for suffix in ["db-wal", "db-shm"] {
        // A pipe would stop a reader that opened it.
        mkfifoat(CWD, pair.outbound().with_extension(suffix), Mode::RWXU).unwrap();
    }
    assert_eq!(pair.host.snapshot().unwrap(), seen);
    assert_eq!(outbound_problems(&pair.paths), Vec::<String>::new());
    // Neither may a new database meet them.
    pair.host.quarantine().unwrap();
    assert_eq!(fs::read_dir(pair.paths.outbound_dir()).unwrap().count(), 0);
}

#[test]
fn a_file_that_takes_the_place_of_the_one_that_was_read_is_noticed() {
    let mut pair = at_work();
    assert!(!pair.host.snapshot().unwrap().news.is_news());
    let (path, copy) = (pair.outbound(), pair.outbound().with_extension("copy"));
    fs::copy(&path, &copy).unwrap();
    let mut runner = pair.runner();
    runner.claim(&[M1], NOW).unwrap();
    runner.end_turn(&answer("hello"), &[], NOW).unwrap();
    drop(runner);
    fs::rename(&path, path.with_extension("new")).unwrap();
    fs::rename(&copy, &path).unwrap();
    assert!(!pair.host.snapshot().unwrap().news.is_news());
    fs::rename(path.with_extension("new"), &path).unwrap();
    assert!(pair.host.snapshot().unwrap().news.is_news());
    fs::remove_file(&path).unwrap();
    assert!(!pair.host.snapshot().unwrap().news.is_news());
}

#[test]
fn who_holds_it_locked_delays_nobody_and_not_for_ever() {
    let mut pair = at_work();
    let holder = fs::File::options().write(true).open(pair.outbound()).unwrap();
    let range = nix::libc::flock {
        l_type: nix::libc::F_WRLCK.try_into().unwrap(),
        l_whence: 0,
        l_start: 0x4000_0000,
        l_len: 512,
        l_pid: 0,
    };
    fcntl(&holder, FcntlArg::F_OFD_SETLK(&range)).unwrap();
    assert_eq!(mailbox(&mut pair), Mailbox::Busy);
    let damaged = (0..1_000).find(|_| mailbox(&mut pair) != Mailbox::Busy);
    assert!(damaged.is_some(), "locked for ever is as good as damaged");
    drop(holder);
    assert_eq!(mailbox(&mut pair), Mailbox::Sound);
}

#[test]
fn numbers_at_the_end_of_all_numbers_poison_nothing() {
    for sql in [
        "INSERT INTO messages_out (seq, in_reply_to, kind, text, created_at)
         VALUES (9223372036854775807, 2, 'answer', 'x', 0)",
        "INSERT INTO waits (id, message, incarnation, class)
         VALUES (9223372036854775807, 2, 1, 'limit')",
    ] {
        let mut pair = at_work();
        forge(&pair, sql);
        assert!(matches!(mailbox(&mut pair), Mailbox::Damaged(_)), "{sql}");
        pair.host.quarantine().unwrap();
        let mut runner = pair.runner();
        runner.claim(&[M1], NOW).unwrap();
        runner.end_turn(&answer("hello"), &[], NOW).unwrap();
        let ended = pair.host.import(&context(100), NOW).unwrap().ended;
        assert_eq!(ended, [(M1, Outcome::Answered)]);
    }
}

#[test]
fn a_new_database_goes_on_behind_the_numbers_that_the_host_knows() {
    let mut pair = at_work();
    pair.runner().end_turn(&answer("of another"), &[], NOW).unwrap();
    pair.host.import(&context(100), NOW).unwrap();
    pair.say("m2");
    fs::remove_file(pair.outbound()).unwrap();
    let mut runner = pair.runner();
    runner.claim(&[MessageSeq(4)], NOW).unwrap();
    let end = TurnEnd { messages: vec![MessageSeq(4)], ..answer("the second") };
    runner.end_turn(&end, &[], NOW).unwrap();
    let ended = pair.host.import(&context(100), NOW).unwrap().ended;
    assert_eq!(ended, [(MessageSeq(4), Outcome::Answered)]);
    let texts: Vec<String> = texts(&mut pair);
    assert!(texts.contains(&"the second".to_owned()), "{texts:?}");
}

/// Everything that is to be sent, sent.
fn texts(pair: &mut Pair) -> Vec<String> {
    let mut texts = vec![];
    while let Some(part) = pair.host.rows().open_parts().unwrap().first() {
        let part = pair.host.claim_part(&part.key, NOW).unwrap().unwrap();
        let sent = Verdict::Sent { platform_id: format!("p{}", texts.len()) };
        pair.host.conclude(&part.host_key.part, &sent, NOW).unwrap();
        texts.push(part.content.text().to_owned());
    }
    texts
}

#[test]
fn claims_of_incarnations_that_were_never_launched_do_not_count() {
    let mut pair = at_work();
    let sql = "INSERT INTO claims VALUES (2, 9, 0, 'answered', NULL, NULL, NULL)";
    Connection::open(pair.outbound()).unwrap().execute_batch(sql).unwrap();
    let seen = pair.host.snapshot().unwrap();
    assert!(!seen.news.is_news());
    assert_eq!(seen.waiting[0].claim, Some(Incarnation(1)));
}

#[test]
fn who_claims_to_have_answered_without_a_word_has_failed() {
    for (outcome, sql) in [
        ("answered", "UPDATE claims SET outcome = 'answered'"),
        ("declined", "UPDATE claims SET outcome = 'declined', reply = 4711"),
        ("dancing", "UPDATE claims SET outcome = 'dancing'"),
        ("a number", "UPDATE claims SET outcome = 7"),
        ("too long", "UPDATE claims SET outcome = hex(zeroblob(50000))"),
    ] {
        let mut pair = at_work();
        forge(&pair, sql);
        let ended = pair.host.import(&context(1_000), NOW).unwrap().ended;
        assert_eq!(ended, [(M1, Outcome::Failed)], "{outcome}");
        assert_eq!(texts(&mut pair), [domain::texts::notices::SAID_NOTHING], "{outcome}");
    }
}

#[test]
fn what_was_said_before_a_message_does_not_answer_it() {
    let mut pair = at_work();
    pair.runner().end_turn(&answer("the first"), &[], NOW).unwrap();
    pair.host.import(&context(100), NOW).unwrap();
    pair.say("m2");
    let m2 = MessageSeq(4);
    pair.runner().claim(&[m2], NOW).unwrap();
    forge(&pair, "UPDATE claims SET outcome = 'answered', reply = 1 WHERE message = 4");
    let ended = pair.host.import(&context(100), NOW).unwrap().ended;
    assert_eq!(ended, [(m2, Outcome::Failed)]);
    assert_eq!(texts(&mut pair), ["the first", domain::texts::notices::SAID_NOTHING]);
}

#[test]
fn what_was_said_about_an_earlier_message_does_not_answer_a_later_one() {
    let mut pair = at_work();
    pair.say("m2");
    let m2 = MessageSeq(4);
    pair.runner().claim(&[m2], NOW).unwrap();
    pair.runner().say(M1, "half way", NOW).unwrap();
    forge(&pair, "UPDATE claims SET outcome = 'answered', reply = 1");
    let ended = pair.host.import(&context(100), NOW).unwrap().ended;
    assert_eq!(ended, [(M1, Outcome::Answered), (m2, Outcome::Failed)]);
    assert_eq!(texts(&mut pair), ["half way", domain::texts::notices::SAID_NOTHING]);
}

#[test]
fn a_row_that_makes_no_sense_spoils_no_other() {
    for bad in [
        "'answer', zeroblob(3000000), '\"text\"'",
        "'answer', hex(zeroblob(900000)), '\"text\"'",
        "'answer', x'41', '\"text\"'",
        "'answer', NULL, '\"text\"'",
        "'answer', CAST(x'ff' AS TEXT), '\"text\"'",
        "'dance', 'x', '\"text\"'",
        "'answer', 'x', 'dance'",
        "'answer', 'x', '\"dance\"'",
        "'answer', 'x', '{\"file\":\"' || hex(zeroblob(3000)) || '\"}'",
        "'answer', 'x', '{\"question\":{\"options\":7,\"timeout\":{\"secs\":1,\"nanos\":0}}}'",
        "'answer', 'x', replace(hex(zeroblob(20000)), '0', '[')",
        "x'00', 'x', zeroblob(3000000)",
    ] {
        let mut pair = at_work();
        let insert = "INSERT INTO messages_out (seq, in_reply_to, created_at, kind, text, form)";
        forge(
            &pair,
            &format!(
                "{insert} VALUES (1, 2, 0, {bad}), (3, 2, 0, 'answer', 'sound', '\"text\"');
                 UPDATE claims SET outcome = 'answered', reply = 3"
            ),
        );
        let ended = pair.host.import(&context(1_000), NOW).unwrap().ended;
        assert_eq!(ended, [(M1, Outcome::Answered)], "{bad}");
        let texts = texts(&mut pair);
        assert!(texts[0].contains("left out") && texts[1] == "sound", "{bad}: {texts:?}");
    }
}

#[test]
fn what_is_asked_without_end_fills_no_disk() {
    let mut pair = pair();
    pair.say("m1");
    let mut runner = pair.runner();
    runner.claim(&[M1], NOW).unwrap();
    let long = "x".repeat(32_001);
    let long = NewMessage { form: Form::Admin, ..NewMessage::text(M1, &long) };
    let seq = runner.add(&long, NOW).unwrap();
    let which = Form::Question { options: vec!["o".repeat(50)], timeout: Duration::ZERO };
    for _ in 0..25 {
        let which = NewMessage { form: which.clone(), ..NewMessage::text(M1, "which?") };
        runner.add(&which, NOW).unwrap();
    }
    pair.host.import(&context(100), NOW).unwrap();
    let (ok, why) = pair.host.posting().answer_of(seq).unwrap().unwrap();
    assert!(!ok && why.contains("too long"), "{why}");
    let kept = "SELECT count(*), sum(length(text) + length(options)) FROM request
                WHERE state = 'answered'";
    let kept = |pair: &Pair| -> (i64, i64) {
        pair.host.rows().scope.query_row(kept, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    assert_eq!(kept(&pair), (6, 12), "no words, and no options, of what is refused");
    for _ in 0..40 {
        for _ in 0..30 {
            runner.add(&long, NOW).unwrap();
        }
        pair.host.import(&context(100), NOW).unwrap();
    }
    assert_eq!(kept(&pair).0, 1_000);
}

#[test]
fn long_answers_are_cut_and_no_more_than_some_bytes_of_them_are_kept() {
    let mut pair = at_work();
    let mut runner = pair.runner();
    runner.claim(&[M1], NOW).unwrap();
    let ask = NewMessage { form: Form::Admin, ..NewMessage::text(M1, "tasks list --json") };
    let long = "é".repeat(1 << 20);
    let mut all = Vec::new();
    for _ in 0..300 {
        all.push(runner.add(&ask, NOW).unwrap());
        pair.host.import(&context(100), NOW).unwrap();
        pair.host.rows().answer(*all.last().unwrap(), true, &long).unwrap();
    }
    pair.host.post().unwrap();
    let last = runner.answer(*all.last().unwrap()).unwrap().unwrap();
    assert!(last.ok && last.text.len() < 33 << 10, "{} bytes", last.text.len());
    assert!(last.text.starts_with("éé") && last.text.ends_with("such as one task or one chat.)"));
    let mut posted = pair.host.rows().content().unwrap();
    posted.retain(|key, _| key.0 == crate::mailbox::ANSWER);
    let bytes: usize = posted.values().map(String::len).sum();
    assert!(posted.len() == 50 && bytes < 2 << 20, "{bytes} bytes of {} answers", posted.len());
    let rows = pair.host.rows();
    let kept: usize =
        all.iter().filter_map(|it| rows.answer_of(*it).unwrap()).map(|(_, text)| text.len()).sum();
    assert!(((7 << 20)..(9 << 20)).contains(&kept), "{kept} bytes are kept");
}
