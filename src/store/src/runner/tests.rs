//! What the runner reads of an inbound database and writes into its own, row by row.

use std::time::Duration;

use domain::OutSeq;
use domain::inbound::{CONTEXT_BYTES_MAX, CONTEXT_MESSAGES_MAX, FileIn, FileLocation, Inbound};
use domain::message::{ChatInfo, FileKind, Form, InboundKind, Quote};
use rusqlite::params;

use super::*;
use crate::layout::Layout;
use crate::row::only;
use crate::{Destination, SessionStore};

mod sharing;

const NOW: Timestamp = Timestamp(1_000_000);
const ME: Incarnation = Incarnation(3);

/// The files of a session; the host's rows are written one by one.
struct Files {
    _dir: tempfile::TempDir,
    inbound_dir: PathBuf,
    outbound_dir: PathBuf,
    host: SessionStore,
    next: i64,
}

impl Files {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let paths = layout.session(domain::SessionId(1));
        let (inbound_dir, outbound_dir) = (paths.inbound_dir(), paths.outbound_dir());
        let mut host = SessionStore::create(&layout, NOW).unwrap();
        for _ in 0..ME.0 {
            host.posting().launch(NOW).unwrap();
        }
        Self { _dir: dir, inbound_dir, outbound_dir, host, next: 0 }
    }

    fn runner(&self) -> RunnerStore {
        RunnerStore::open(&self.inbound_dir, &self.outbound_dir, ME).unwrap()
    }

    fn execute(&mut self, sql: &str, values: impl rusqlite::Params) {
        self.host.central().conn.execute(sql, values).unwrap();
        self.host.post().unwrap();
    }

    /// Stores a message as the host does: context messages have ended already.
    fn say(&mut self, kind: &str, text: &str) -> i64 {
        self.next += 2;
        let outcome = (kind == "context").then_some("silent");
        let body = serde_json::json!({
            "sender": {"id": "u", "name": "Ann"}, "text": text,
            "chat": {"title": "Team", "is_group": true},
            "quote": {"sender": "Bob", "text": "what?"}, "sent_at": 5,
        });
        let seq = self.next;
        self.execute(
            "INSERT INTO message (session, seq, kind, channel, account, chat, thread, platform_id,
                 sender_id, received_at, not_before, outcome, ended_at, body)
             VALUES (1, ?1, ?2, 'telegram', 'bot', 'c', '7', ?1, 'u', ?3, ?3, ?4,
                 iif(?4 IS NULL, NULL, ?3), ?5)",
            params![seq, kind, NOW.0, outcome, body.to_string()],
        );
        seq
    }

    fn file(&mut self, message: i64, ordinal: i64, state: &str) {
        let path = (state == "here").then(|| format!("files/{message}/{ordinal}.png"));
        self.execute(
            "INSERT INTO attachment (session, message, ordinal, kind, name, mime, source, state, path,
                 reason)
             VALUES (1, ?1, ?2, 'image', 'a.png', 'image/png', 's', ?3, ?4, 'gone')",
            params![message, ordinal, state, path],
        );
    }

    fn fetched(&mut self) {
        self.execute("UPDATE attachment SET state = 'failed' WHERE state = 'pending'", []);
    }
}

fn seqs(messages: &[Inbound]) -> Vec<i64> {
    messages.iter().map(|it| it.seq.0).collect()
}

fn context_messages(message: &Inbound) -> (Vec<i64>, u32) {
    (seqs(&message.context_messages.messages), message.context_messages.left_out)
}

#[test]
fn a_message_is_read_with_all_that_is_known_of_it() {
    let mut files = Files::new();
    let seq = files.say("chat", "hello");
    files.file(seq, 0, "here");
    files.file(seq, 1, "failed");
    let due = files.runner().due(NOW, &[]).unwrap();
    let [message] = due.as_slice() else { panic!("{due:?}") };
    assert_eq!((message.kind, message.from.thread.as_deref()), (InboundKind::Chat, Some("7")));
    assert_eq!(message.body.chat, ChatInfo { title: "Team".into(), is_group: true });
    assert_eq!(
        message.body.quote,
        Some(Quote { sender: "Bob".into(), text: "what?".into(), ..Quote::default() })
    );
    assert_eq!((message.body.sent_at, message.at()), (Some(Timestamp(5)), Timestamp(5)));
    let file = |location| FileIn {
        is_quoted: false,
        kind: FileKind::Image,
        name: "a.png".into(),
        mime: "image/png".into(),
        location,
    };
    let (here, gone) =
        (FileLocation::Here("files/2/0.png".into()), FileLocation::Failed("gone".into()));
    assert_eq!(message.files, [file(here), file(gone)]);
}

#[test]
fn context_messages_are_shown_once_with_the_next_message() {
    let mut files = Files::new();
    let first = files.say("context", "tea?");
    files.file(first, 0, "here");
    files.say("chat", "hello");
    let second = files.say("context", "coffee?");
    files.say("command", "/cost");
    let third = files.say("context", "milk?");
    files.say("chat", "again");
    let mut runner = files.runner();
    let due = runner.due(NOW, &[]).unwrap();
    assert_eq!(due.iter().map(context_messages).collect::<Vec<_>>(), [(vec![first], 0)]);
    assert_eq!(due[0].context_messages.messages[0].files.len(), 1);
    for _ in 0..2 {
        let due: Vec<MessageSeq> = runner.due(NOW, &[]).unwrap().iter().map(|it| it.seq).collect();
        runner.claim(&due, NOW).unwrap();
        let end = TurnEnd {
            messages: due,
            outcome: Outcome::Answered,
            reason: String::new(),
            text: None,
            cost: None,
        };
        runner.end_turn(&end, &[], NOW).unwrap();
    }
    let due = runner.due(NOW, &[]).unwrap();
    assert_eq!(
        context_messages(&due[0]),
        (vec![second, third], 0),
        "a command between hides nothing"
    );

    files.say("command", "/new");
    let fourth = files.say("context", "sugar?");
    let last = files.say("chat", "and now");
    let decline = "UPDATE message SET outcome = 'declined', ended_at = 1
                   WHERE outcome IS NULL AND seq < ?1";
    files.execute(decline, [last]);
    assert_eq!(context_messages(&runner.due(NOW, &[]).unwrap()[0]), (vec![fourth], 0));
}

#[test]
fn only_the_latest_context_messages_are_shown_and_the_rest_counted() {
    let mut files = Files::new();
    for _ in 0..CONTEXT_MESSAGES_MAX + 3 {
        files.say("context", "x");
    }
    files.say("chat", "hello");
    let due = files.runner().due(NOW, &[]).unwrap();
    let (shown, left_out) = context_messages(&due[0]);
    assert_eq!((shown.len(), left_out), (CONTEXT_MESSAGES_MAX, 3));
    assert_eq!((shown.first(), shown.last()), (Some(&8), Some(&106)));

    let mut files = Files::new();
    files.say("context", "old");
    files.say("context", &"x".repeat(CONTEXT_BYTES_MAX));
    files.say("context", "new");
    files.say("chat", "hello");
    assert_eq!(context_messages(&files.runner().due(NOW, &[]).unwrap()[0]), (vec![6], 2));
}

#[test]
fn files_that_are_not_here_hold_up_their_message_and_those_behind_it() {
    let mut files = Files::new();
    files.say("chat", "at once");
    let context = files.say("context", "a picture");
    files.file(context, 0, "pending");
    files.say("chat", "what is it?");
    files.say("chat", "well?");
    let mut runner = files.runner();
    assert_eq!(seqs(&runner.due(NOW, &[]).unwrap()), [2]);
    files.fetched();
    assert_eq!(seqs(&runner.due(NOW, &[]).unwrap()), [2, 6, 8]);
    files.file(8, 0, "pending");
    assert_eq!(seqs(&runner.due(NOW, &[]).unwrap()), [2, 6]);
}

#[test]
fn a_command_runs_alone_and_after_what_is_in_hand() {
    let mut files = Files::new();
    files.say("chat", "hello");
    files.say("command", "/compact");
    files.say("chat", "again");
    let mut runner = files.runner();
    let end = |seq: i64| TurnEnd {
        messages: vec![MessageSeq(seq)],
        outcome: Outcome::Answered,
        reason: String::new(),
        text: None,
        cost: None,
    };
    assert_eq!(seqs(&runner.due(NOW, &[]).unwrap()), [2]);
    runner.claim(&[MessageSeq(2)], NOW).unwrap();
    assert_eq!(seqs(&runner.due(NOW, &[]).unwrap()), [0; 0]);
    runner.end_turn(&end(2), &[], NOW).unwrap();
    let due = runner.due(NOW, &[]).unwrap();
    assert_eq!((due[0].kind, seqs(&due)), (InboundKind::Command, vec![4]));
    runner.claim(&[MessageSeq(4)], NOW).unwrap();
    assert_eq!(seqs(&runner.due(NOW, &[]).unwrap()), [0; 0]);
    runner.end_turn(&end(4), &[], NOW).unwrap();
    assert_eq!(seqs(&runner.due(NOW, &[]).unwrap()), [6]);
}

#[test]
fn a_claim_that_may_have_taken_effect_is_made_again() {
    let mut files = Files::new();
    files.say("chat", "hello");
    files.say("chat", "again");
    let mut runner = files.runner();
    let first = [MessageSeq(2)];
    assert_eq!(seqs(&runner.due(NOW, &first).unwrap()), [2, 4], "it had taken no effect");
    runner.claim(&first, NOW).unwrap();
    assert_eq!(seqs(&runner.due(NOW, &[]).unwrap()), [4]);
    assert_eq!(seqs(&runner.due(NOW, &first).unwrap()), [2, 4]);
    runner.claim(&[MessageSeq(2), MessageSeq(4)], NOW).unwrap();
    assert_eq!(seqs(&runner.due(NOW, &[]).unwrap()), [0; 0]);
}

#[test]
fn an_answer_of_the_host_is_seen_once_it_is_complete() {
    let mut files = Files::new();
    files.say("chat", "hello");
    let mut runner = files.runner();
    assert_eq!(runner.answer(OutSeq(1)).unwrap(), None);
    files.execute(
        "INSERT INTO request (session, seq, cause, form, text, asked_at)
         VALUES (1, 1, 2, 'admin', 'x', 0)",
        [],
    );
    assert_eq!(runner.answer(OutSeq(1)).unwrap(), None);
    let answer = "UPDATE request SET state = 'answered', ok = 0, answer = 'nobody was there'";
    files.execute(answer, []);
    let text = "nobody was there".to_owned();
    assert_eq!(runner.answer(OutSeq(1)).unwrap(), Some(Answer { ok: false, text }));
}

#[test]
fn destinations_and_messages_are_found_by_what_names_them() {
    let mut files = Files::new();
    let seq = files.say("context", "hello");
    let group = "INSERT INTO messaging_group (id, channel, account, chat, title, active_at)
                 VALUES (9, 'telegram', 'bot', 't', 'The Team', 0)";
    files.execute(group, []);
    files.execute("INSERT INTO destination VALUES ('andy', 'team', 9, 0)", []);
    let mut runner = files.runner();
    let (name, title, channel) = ("team".into(), "The Team".into(), "telegram".into());
    assert_eq!(runner.destinations().unwrap(), [Destination { name, title, channel }]);
    assert!(runner.has_inbound(MessageSeq(seq)).unwrap());
    assert!(!runner.has_inbound(MessageSeq(seq + 2)).unwrap());
    let own = runner.say(MessageSeq(seq), "hi", NOW).unwrap();
    assert_eq!(runner.own_form(own).unwrap(), Some(Form::Text));
    assert_eq!(runner.own_form(OutSeq(own.0 + 2)).unwrap(), None);
}

#[test]
fn every_form_of_a_message_reads_back() {
    let files = Files::new();
    let mut runner = files.runner();
    let question = Form::Question {
        options: vec!["yes \"sir\"".into(), "no".into()],
        timeout: Duration::from_secs(300),
    };
    let asked = r#"{"question":{"options":["yes \"sir\"","no"],"timeout":{"secs":300,"nanos":0}}}"#;
    let cases = [
        (Form::Text, Some("team"), r#""text""#),
        (Form::File(vec!["3-1/a.txt".into(), "b".into()]), None, r#"{"file":["3-1/a.txt","b"]}"#),
        (Form::Edit(1), None, r#"{"edit":1}"#),
        (Form::Reaction(2), None, r#"{"reaction":2}"#),
        (question, None, asked),
        (Form::Admin, None, r#""admin""#),
    ];
    for (form, to, expected) in cases {
        let (in_reply_to, destination) = (MessageSeq(2), to.map(str::to_owned));
        let kept = form.clone();
        let message = NewMessage { in_reply_to, destination, form, text: "t".into(), attempt: 0 };
        let seq = runner.add(&message, NOW).unwrap();
        assert_eq!(seq.0 % 2, 1);
        assert_eq!(runner.own_form(seq).unwrap(), Some(kept));
        let sql = "SELECT form, destination FROM messages_out
                   WHERE seq = ?1 AND kind = 'interim' AND text = 't' AND in_reply_to = 2";
        let stored: (String, Option<String>) = only(&runner.conn, sql, [seq.0]).unwrap();
        assert_eq!((stored.0.as_str(), stored.1.as_deref()), (expected, to));
    }
}

#[test]
fn one_file_may_stand_for_itself() {
    assert!(matches!(serde_json::from_str(r#"{"file":"a"}"#), Ok(Form::File(it)) if it == ["a"]));
}

#[test]
fn files_wait_until_the_host_took_them_over() {
    let mut files = Files::new();
    let mut runner = files.runner();
    for name in ["3-1/a.txt", "3-2/b.txt"] {
        let form = Form::File(vec![name.into()]);
        let (in_reply_to, text) = (MessageSeq(2), String::new());
        let message = NewMessage { form, text, ..NewMessage::text(in_reply_to, "") };
        runner.add(&message, NOW).unwrap();
    }
    // A row that is no JSON hides none of them.
    let bad = "INSERT INTO messages_out (seq, in_reply_to, kind, text, created_at, form)
               VALUES (99, 2, 'interim', '', 0, 'dance')";
    runner.conn.execute(bad, []).unwrap();
    assert_eq!(runner.files_waiting().unwrap(), ["3-1/a.txt", "3-2/b.txt"]);
    files.execute("UPDATE session SET imported_seq = 1", []);
    assert_eq!(runner.files_waiting().unwrap(), ["3-2/b.txt"]);
    assert_eq!(runner.files_dir(), files.outbound_dir.join("files"));
}

#[test]
fn the_cost_of_a_turn_counts_for_its_first_message() {
    let mut files = Files::new();
    let messages = ["one", "two"].map(|text| MessageSeq(files.say("chat", text))).to_vec();
    let mut runner = files.runner();
    runner.claim(&messages, NOW).unwrap();
    let end = TurnEnd {
        messages,
        outcome: Outcome::Answered,
        reason: String::new(),
        text: Some("to both".into()),
        cost: Cost::of_turn(140),
    };
    runner.end_turn(&end, &[], NOW).unwrap();
    let sql = "SELECT cost FROM claims ORDER BY message";
    let mut costs = runner.conn.prepare(sql).unwrap();
    let costs: Vec<Option<i64>> =
        costs.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(costs, [Some(140), None]);
}

#[test]
fn a_mailbox_that_is_gone_is_made_again_with_numbers_above_and_what_was_kept() {
    let mut files = Files::new();
    let message = MessageSeq(files.say("chat", "hello"));
    let mut runner = files.runner();
    runner.claim(&[message], NOW).unwrap();
    runner.say(message, "half way", NOW).unwrap();
    runner.set_state(&[("continuation", Some("c1"))]).unwrap();
    files.host.import(&crate::SessionContext::default(), NOW).unwrap();
    std::fs::remove_file(files.outbound_dir.join(OUTBOUND)).unwrap();
    let lost = runner.say(message, "to nobody", NOW);
    assert!(matches!(lost, Err(StoreError::Superseded)), "{lost:?}");
    drop(runner);
    let mut next = files.runner();
    assert_eq!(next.due(NOW, &[]).unwrap().len(), 1, "it is claimed by nobody");
    assert_eq!(next.state("continuation").unwrap().as_deref(), Some("c1"));
    assert_eq!(next.say(message, "more", NOW).unwrap(), OutSeq(3));
    next.set_state(&[("continuation", None)]).unwrap();
    drop(next);
    assert_eq!(files.runner().state("continuation").unwrap(), None, "what it forgot stays so");
    std::fs::remove_file(files.inbound_dir.join(INBOUND)).unwrap();
    files.host.post().unwrap();
    assert_eq!(files.runner().due(NOW, &[]).unwrap().len(), 1);
}

#[test]
fn the_next_incarnation_handles_what_a_stopped_one_ended_unheard() {
    let mut files = Files::new();
    let message = MessageSeq(files.say("chat", "hello"));
    let mut stopped = files.runner();
    stopped.claim(&[message], NOW).unwrap();
    let end = TurnEnd {
        messages: vec![message],
        outcome: Outcome::Answered,
        reason: String::new(),
        text: Some("hi".into()),
        cost: None,
    };
    stopped.end_turn(&end, &[], NOW).unwrap();
    files.execute("UPDATE session SET stopped_incarnation = ?1", [ME.0]);
    files.say("chat", "more");
    assert_eq!(stopped.due(NOW, &[]).unwrap(), [], "it gets nothing more");
    drop(stopped);
    let next = Incarnation(ME.0 + 1);
    let mut next = RunnerStore::open(&files.inbound_dir, &files.outbound_dir, next).unwrap();
    let due: Vec<MessageSeq> = next.due(NOW, &[]).unwrap().iter().map(|it| it.seq).collect();
    assert_eq!(due.first(), Some(&message));
}
