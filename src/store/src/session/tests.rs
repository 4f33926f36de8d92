//! Both databases of a session, written by their two writers on real files.

mod events;
mod file_texts;
mod files;
mod forms;
#[cfg(target_os = "linux")]
mod handle;
#[cfg(target_os = "linux")]
mod hostile;
mod long;
mod quiet;
mod ringing;
mod stops;
mod tasks;
mod waits;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::Incarnation;
use domain::MessageSeq;
use domain::delivery::Verdict;
use domain::delivery::by_hand::Standing;
use domain::message::{Address, Admitted, Author, Body, InboundKind, Incoming, Outcome};
use domain::outgoing::{Caps, Content, TextLimit};
use domain::session::{FailReason, QUEUE_MAX};
use domain::stop::StopId;
use domain::stop::StopReport;

use super::*;
use crate::layout::{Layout, SessionLayout};
use crate::{RunnerStore, TurnEnd};

pub(super) const NOW: Timestamp = Timestamp(1_000_000);
pub(super) const M1: MessageSeq = MessageSeq(2);

pub(super) struct Pair {
    _dir: tempfile::TempDir,
    pub(super) paths: SessionLayout,
    pub(super) host: SessionStore,
}

pub(super) fn pair() -> Pair {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::new(dir.path());
    let host = SessionStore::create(&layout, NOW).unwrap();
    let paths = layout.session(SessionId(1));
    Pair { _dir: dir, paths, host }
}

impl Pair {
    /// Carries out the stop of this number, which is ordered now if it was not before.
    pub(super) fn apply_stop(&mut self, stop: i64) -> StopReport {
        let order = StopOrder { stop: StopId(stop), by: "Ann".into(), agent: "andy".into() };
        let sql = "INSERT INTO stop (id, by, at, last, resumed_at)
                   SELECT ?1, 'Ann', 0, coalesce(max(id), 0), 0 FROM message
                   WHERE true ON CONFLICT DO NOTHING";
        self.host.rows().scope.execute(sql, [stop]).unwrap();
        self.host.posting().apply_stop(&order, NOW).unwrap()
    }

    /// Connects every chat with the agent, and lets it write to none by name.
    pub(super) fn wire(&self) {
        let sql = "INSERT OR IGNORE INTO wiring (messaging_group, agent_group, session_mode)
                   SELECT m.id, s.agent_group, 'shared' FROM session s, messaging_group m";
        self.host.rows().scope.execute(sql, []).unwrap();
    }

    pub(super) fn runner(&mut self) -> RunnerStore {
        let incarnation = self.host.posting().launch(NOW).unwrap();
        RunnerStore::open(&self.paths.inbound_dir(), &self.paths.outbound_dir(), incarnation)
            .unwrap()
    }

    pub(super) fn outbound(&self) -> PathBuf {
        self.paths.outbound()
    }

    pub(super) fn say(&mut self, id: &str) {
        let admitted = Admitted { message: incoming(id), kind: InboundKind::Chat, rule: None };
        self.host.posting().insert(&[admitted], NOW).unwrap();
    }
}

pub(super) fn incoming(id: &str) -> Incoming {
    Incoming {
        from: Address {
            channel: "cli".into(),
            account: "local".into(),
            chat: "c".into(),
            thread: None,
        },
        platform_id: id.into(),
        body: Body::new(Author::new("u", "U"), format!("text of {id}")),
        ..Incoming::default()
    }
}

pub(super) fn context(chars_max: usize) -> SessionContext {
    let caps = Caps { text: TextLimit::chars(chars_max), ..Caps::default() };
    with_caps(&[("cli", caps)])
}

fn text_of(part: &crate::ClaimedPart) -> &str {
    assert!(matches!(&part.content, Content::Text(_)), "{part:?}");
    part.content.text()
}

pub(super) fn answer(text: &str) -> TurnEnd {
    let text = Some(text.to_owned());
    TurnEnd {
        messages: vec![M1],
        outcome: Outcome::Answered,
        reason: String::new(),
        text,
        cost: None,
    }
}

#[test]
fn a_message_goes_there_and_its_answer_comes_back() {
    let mut pair = pair();
    pair.say("m1");
    pair.say("m1");
    let mut runner = pair.runner();
    let due = runner.due(NOW, &[]).unwrap();
    assert_eq!(due.iter().map(|it| it.body.text.as_str()).collect::<Vec<_>>(), ["text of m1"]);
    runner.claim(&[M1], NOW).unwrap();
    assert_eq!(runner.due(NOW, &[]).unwrap(), []);
    let seen = pair.host.snapshot().unwrap();
    assert_eq!(seen.waiting[0].claim, Some(Incarnation(1)));
    assert!(!seen.news.is_news());
    runner.end_turn(&answer("hello"), &[("continuation", Some("c1"))], NOW).unwrap();
    assert!(pair.host.snapshot().unwrap().news.is_news());
    let report = pair.host.import(&context(100), NOW).unwrap();
    assert_eq!(report.ended, [(M1, Outcome::Answered)]);
    let seen = pair.host.snapshot().unwrap();
    assert!(!seen.news.is_news() && seen.waiting.is_empty());
    let key = pair.host.rows().open_parts().unwrap()[0].key.clone();
    let part = pair.host.claim_part(&key, NOW).unwrap().unwrap();
    assert_eq!((text_of(&part), part.reply_to.as_str(), part.is_repeat), ("hello", "m1", false));
    assert_eq!(runner.state("continuation").unwrap().as_deref(), Some("c1"));
    let sent = Verdict::Sent { platform_id: "p".into() };
    pair.host.conclude(&part.host_key.part, &sent, NOW).unwrap();
    assert_eq!(pair.host.rows().open_parts().unwrap(), []);
    assert_eq!(pair.host.claim_part(&part.host_key.part, NOW).unwrap(), None);
}

#[test]
fn a_queue_that_is_full_takes_no_more_and_says_so() {
    let pair = pair();
    let admitted =
        |at: i64, kind| Admitted { message: incoming(&format!("m{at}")), kind, rule: None };
    let rows = pair.host.rows();
    let all: Vec<Admitted> = (0..QUEUE_MAX).map(|it| admitted(it, InboundKind::Chat)).collect();
    let (stored, refused) =
        (Inserted { stored: 1, refused: 0 }, Inserted { stored: 0, refused: 1 });
    assert_eq!(rows.insert(&all, NOW).unwrap(), Inserted { stored: all.len(), refused: 0 });
    let one = |at, kind| rows.insert(&[admitted(at, kind)], NOW).unwrap();
    assert_eq!(one(0, InboundKind::Chat), Inserted::default(), "it is there: no refusal");
    assert_eq!(one(QUEUE_MAX, InboundKind::Context), stored);
    assert_eq!(one(QUEUE_MAX + 1, InboundKind::Chat), refused);
    // What has an outcome makes room.
    rows.fail(M1, FailReason::Crashes, "andy", NOW).unwrap();
    assert_eq!(one(QUEUE_MAX + 2, InboundKind::Chat), stored);
    assert_eq!(one(QUEUE_MAX + 3, InboundKind::Chat), refused);
}

#[test]
fn a_turn_whose_end_was_committed_and_not_heard_of_is_answered_once() {
    let mut pair = pair();
    pair.say("m1");
    let mut runner = pair.runner();
    runner.claim(&[M1], NOW).unwrap();
    for _ in 0..2 {
        runner.end_turn(&answer("hello"), &[], NOW).unwrap();
    }
    pair.host.import(&context(100), NOW).unwrap();
    assert_eq!(pair.host.rows().open_parts().unwrap().len(), 1);
}

#[test]
fn an_answer_to_several_messages_names_them_all() {
    let mut pair = pair();
    pair.say("m1");
    pair.say("m2");
    let mut runner = pair.runner();
    let both = vec![M1, MessageSeq(4)];
    runner.claim(&both, NOW).unwrap();
    let end = TurnEnd { messages: both, ..answer("to both") };
    runner.end_turn(&end, &[], NOW).unwrap();
    assert_eq!(pair.host.import(&context(100), NOW).unwrap().ended.len(), 2);
    let key = pair.host.rows().open_parts().unwrap()[0].key.clone();
    let part = pair.host.claim_part(&key, NOW).unwrap().unwrap();
    assert_eq!((part.reply_to.as_str(), &part.also[..]), ("m2", &["m1".to_owned()][..]));
}

#[test]
fn an_answer_names_no_message_of_another_thread() {
    let mut pair = pair();
    let mut elsewhere = incoming("m1");
    elsewhere.from.thread = Some("t-ann".into());
    let admitted = Admitted { message: elsewhere, kind: InboundKind::Chat, rule: None };
    pair.host.posting().insert(&[admitted], NOW).unwrap();
    pair.say("m2");
    let mut runner = pair.runner();
    let both = vec![M1, MessageSeq(4)];
    runner.claim(&both, NOW).unwrap();
    let end = TurnEnd { messages: both, ..answer("to both") };
    runner.end_turn(&end, &[], NOW).unwrap();
    pair.host.import(&context(100), NOW).unwrap();
    let key = pair.host.rows().open_parts().unwrap()[0].key.clone();
    let part = pair.host.claim_part(&key, NOW).unwrap().unwrap();
    assert_eq!((part.reply_to.as_str(), &part.also[..]), ("m2", &[][..]));
}

#[test]
fn importing_again_after_a_crash_changes_nothing() {
    let mut pair = pair();
    pair.say("m1");
    let mut runner = pair.runner();
    runner.claim(&[M1], NOW).unwrap();
    runner.say(M1, "a word in between", NOW).unwrap();
    runner.end_turn(&answer("one two three"), &[], NOW).unwrap();
    pair.host.import(&context(8), NOW).unwrap();
    let before = pair.host.snapshot().unwrap();
    assert_eq!(pair.host.import(&context(8), NOW).unwrap().ended, []);
    assert_eq!(pair.host.snapshot().unwrap(), before);
}

#[test]
fn a_released_claim_is_forgotten_and_a_new_incarnation_may_claim() {
    let mut pair = pair();
    pair.say("m1");
    let mut first = pair.runner();
    first.claim(&[M1], NOW).unwrap();
    pair.host.posting().release(M1, Incarnation(1), NOW, "andy", NOW).unwrap();
    pair.host.posting().release(M1, Incarnation(1), NOW, "andy", NOW).unwrap();
    let waiting = &pair.host.snapshot().unwrap().waiting[0];
    assert_eq!((waiting.claim, waiting.tries), (None, 1), "released once");
    drop(first);
    let mut second = pair.runner();
    assert_eq!(second.due(NOW, &[]).unwrap()[0].tries, 1);
    second.claim(&[M1], NOW).unwrap();
    assert_eq!(pair.host.snapshot().unwrap().waiting[0].claim, Some(Incarnation(2)));
}

#[test]
fn a_claim_left_by_a_crash_is_uncertain_and_sent_again_as_a_repeat() {
    let mut pair = pair();
    pair.say("m1");
    pair.host.posting().fail(M1, FailReason::CannotStart, "andy", NOW).unwrap();
    pair.host.posting().fail(M1, FailReason::CannotStart, "andy", NOW).unwrap();
    let parts = pair.host.rows().open_parts().unwrap();
    assert_eq!(parts.len(), 1, "told once");
    pair.host.claim_part(&parts[0].key, NOW).unwrap().unwrap();
    assert_eq!(pair.host.rows().open_parts().unwrap()[0].standing, Standing::Claimed);
    pair.host.conclude(&parts[0].key, &Verdict::Uncertain { retry_at: NOW }, NOW).unwrap();
    let part = pair.host.claim_part(&parts[0].key, NOW).unwrap().unwrap();
    assert!(part.is_repeat && text_of(&part).contains("can't be started"));
}

#[test]
fn bad_launches_count_until_one_brings_a_message_to_its_end() {
    let mut pair = pair();
    for incarnation in (1..=3).map(Incarnation) {
        assert_eq!(pair.host.posting().launch(NOW).unwrap(), incarnation);
        assert_eq!(pair.host.snapshot().unwrap().launches.open, Some(incarnation));
        pair.host.posting().record_exit(incarnation, true, "exit 1", None, NOW).unwrap();
    }
    assert_eq!(pair.host.snapshot().unwrap().launches.failures, 3);
    pair.say("m1");
    let mut runner = pair.runner();
    runner.claim(&[M1], NOW).unwrap();
    runner.end_turn(&answer("x"), &[], NOW).unwrap();
    pair.host.import(&context(100), NOW).unwrap();
    pair.host.posting().record_exit(Incarnation(4), true, "exit 1", None, NOW).unwrap();
    assert_eq!(pair.host.snapshot().unwrap().launches.failures, 0);
}

#[test]
fn a_hostile_outbound_database_is_refused_and_hurts_nobody() {
    let mut pair = pair();
    pair.say("m1");
    let outbound = pair.paths.outbound();
    drop(pair.runner());
    // A write-ahead log would map memory that the agent can cut off.
    let conn = Connection::open(&outbound).unwrap();
    conn.pragma_update(None, "journal_mode", "WAL").unwrap();
    assert!(matches!(pair.host.snapshot().unwrap().mailbox, Mailbox::Damaged(_)));
    drop(conn);
    std::fs::remove_file(&outbound).unwrap();
    std::os::unix::fs::symlink(pair.paths.inbound(), &outbound).unwrap();
    assert!(matches!(pair.host.snapshot().unwrap().mailbox, Mailbox::Damaged(_)));
    std::fs::remove_file(&outbound).unwrap();
    std::fs::write(&outbound, [0x53; 4096]).unwrap();
    assert!(matches!(pair.host.snapshot().unwrap().mailbox, Mailbox::Damaged(_)));
    // A reply to a message that never was goes to the session's own chat or nowhere.
    std::fs::remove_file(&outbound).unwrap();
    let mut runner = pair.runner();
    runner.say(MessageSeq(4_000), "forged", NOW).unwrap();
    pair.host.import(&context(100), NOW).unwrap();
    let parts = pair.host.rows().open_parts().unwrap();
    let part = pair.host.claim_part(&parts[0].key, NOW).unwrap().unwrap();
    assert_eq!(part.to.chat, "c");
}

#[test]
fn a_writer_that_died_in_mid_transaction_is_waited_for() {
    let mut pair = pair();
    pair.say("m1");
    let mut runner = pair.runner();
    runner.claim(&[M1], NOW).unwrap();
    drop(runner);
    // A journal beside a file that was changed is what a power cut leaves.
    let journal = pair.paths.outbound().with_extension("db-journal");
    let conn = Connection::open(pair.paths.outbound()).unwrap();
    conn.pragma_update(None, "journal_mode", "PERSIST").unwrap();
    conn.pragma_update(None, "cache_size", 1).unwrap();
    conn.pragma_update(None, "cache_spill", 1).unwrap();
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    for n in 0..500 {
        let sql = "INSERT INTO session_state VALUES (?1, ?2)";
        conn.execute(sql, (format!("k{n}"), "x".repeat(1_000))).unwrap();
    }
    let db = std::fs::read(pair.paths.outbound()).unwrap();
    let hot = std::fs::read(&journal).unwrap();
    drop(conn);
    std::fs::write(pair.paths.outbound(), db).unwrap();
    std::fs::write(&journal, hot).unwrap();
    let seen = pair.host.snapshot().unwrap();
    assert!(seen.mailbox == Mailbox::NeedsRunner && !seen.news.is_news());
    let mut runner = pair.runner();
    assert_eq!(runner.state("k1").unwrap(), None, "rolled back");
    assert_eq!(pair.host.snapshot().unwrap().mailbox, Mailbox::Sound);
}

/// A context in which channels can do this.
pub(super) fn with_caps(caps: &[(&str, Caps)]) -> SessionContext {
    let caps: BTreeMap<String, Caps> = caps.iter().map(|it| (it.0.to_owned(), it.1)).collect();
    SessionContext { caps: Arc::new(caps), ..SessionContext::default() }
}
