//! Everything but plain text that goes through a session: edits, status lines, requests, files,
//! other chats, stops.

use std::time::Duration;

use domain::Incarnation;
use domain::delivery::{PartKey, Verdict};
use domain::message::{Address, Admitted, Attachment, FileKind, Form, InboundKind, Incoming};
use domain::outgoing::{Card, Content};
use domain::stop::StopReport;

use super::*;
use super::{M1, NOW, Pair, answer, context, incoming, pair};
use crate::outbox::ClaimedPart;
use crate::{Fetched, NewMessage, RunnerStore};

/// A runner with one message in hand.
pub(super) fn at_work(pair: &mut Pair) -> RunnerStore {
    pair.say("m1");
    let mut runner = pair.runner();
    runner.claim(&[M1], NOW).unwrap();
    runner
}

pub(super) fn edits() -> SessionContext {
    with_caps(&[("cli", EDITS)])
}

/// What the chats of [`edits`] can do.
pub(super) const EDITS: Caps = Caps {
    edits: true,
    reactions: true,
    file_bytes_max: 1_000,
    ..Caps::plain(TextLimit::chars(100))
};

pub(super) fn send(pair: &mut Pair, platform_id: &str) -> ClaimedPart {
    let key = pair.host.rows().open_parts().unwrap()[0].key.clone();
    let part = pair.host.claim_part(&key, NOW).unwrap().unwrap();
    let sent = Verdict::Sent { platform_id: platform_id.into() };
    pair.host.conclude(&key, &sent, NOW).unwrap();
    part
}

#[test]
fn an_answer_takes_the_place_of_the_line_that_said_that_work_goes_on() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    pair.host.posting().show_status(M1, Duration::ZERO, "working", NOW).unwrap();
    pair.host.posting().show_status(M1, Duration::ZERO, "again", NOW).unwrap();
    assert_eq!(send(&mut pair, "p7").content, Content::Text("working".into()));
    runner.end_turn(&answer("done"), &[], NOW).unwrap();
    pair.host.import(&edits(), NOW).unwrap();
    let card = Card { text: "done".into(), buttons: vec![] };
    assert_eq!(send(&mut pair, "p7").content, Content::Edit { target: "p7".into(), card });
}

#[test]
fn a_line_that_was_not_sent_yet_is_not_sent_any_more() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    pair.host.posting().show_status(M1, Duration::ZERO, "working", NOW).unwrap();
    runner.end_turn(&answer("done"), &[], NOW).unwrap();
    pair.host.import(&edits(), NOW).unwrap();
    assert_eq!(send(&mut pair, "p1").content, Content::Text("done".into()));
    assert!(pair.host.rows().open_parts().unwrap().is_empty());
}

#[test]
fn an_answer_is_not_lost_with_the_message_that_it_would_have_replaced() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    pair.host.posting().show_status(M1, Duration::ZERO, "working", NOW).unwrap();
    send(&mut pair, "p7");
    runner.end_turn(&answer("done"), &[], NOW).unwrap();
    pair.host.import(&edits(), NOW).unwrap();
    let key = PartKey("o1.0".into());
    pair.host.claim_part(&key, NOW).unwrap().unwrap();
    let dead = Verdict::Dead { why: "somebody deleted it".into() };
    pair.host.conclude(&key, &dead, NOW).unwrap();
    assert_eq!(send(&mut pair, "p8").content, Content::Text("done".into()));
}

#[test]
fn a_chat_that_was_not_granted_is_not_written_to_and_the_own_one_hears_it() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    let to = |name: &str| NewMessage {
        form: Form::Text,
        destination: Some(name.into()),
        ..NewMessage::text(M1, "hello")
    };
    runner.add(&to("team"), NOW).unwrap();
    runner.add(&to("boss"), NOW).unwrap();
    let mut context = edits();
    let team = Address { chat: "t".into(), ..incoming("x").from };
    context.destinations.insert("team".into(), team.clone());
    pair.host.import(&context, NOW).unwrap();
    let parts = pair.host.rows().open_parts().unwrap();
    let mut claim = |at: usize| pair.host.claim_part(&parts[at].key, NOW).unwrap().unwrap();
    let (granted, refused) = (claim(0), claim(1));
    assert_eq!((&granted.to, granted.content.text()), (&team, "hello"));
    assert_eq!(granted.reply_to, "");
    assert_eq!(refused.to, incoming("m1").from);
    assert!(refused.content.text().contains("not allowed"), "{refused:?}");
}

#[test]
fn what_answers_a_channel_that_takes_nothing_goes_to_the_last_other_chat() {
    let mut pair = pair();
    pair.wire();
    pair.say("m1");
    let from = Address { channel: "hook".into(), ..incoming("h").from };
    let event = Incoming { from, platform_id: "e1".into(), ..incoming("h") };
    let admitted = Admitted { message: event, kind: InboundKind::Chat, rule: None };
    pair.host.posting().insert(&[admitted], NOW).unwrap();
    let mut runner = pair.runner();
    let seqs = [M1, MessageSeq(4)];
    runner.claim(&seqs, NOW).unwrap();
    let end = TurnEnd { messages: vec![seqs[1]], ..answer("it failed") };
    runner.end_turn(&end, &[], NOW).unwrap();
    let mute = Caps { mute: true, ..Caps::default() };
    let context = with_caps(&[("cli", EDITS), ("hook", mute)]);
    pair.host.import(&context, NOW).unwrap();
    let part = send(&mut pair, "p1");
    assert_eq!((&part.to, part.reply_to.as_str()), (&incoming("m1").from, ""));
}

#[test]
fn a_request_is_passed_on_once_and_its_first_answer_counts() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    let ask = NewMessage { form: Form::Admin, ..NewMessage::text(M1, "chats list") };
    let seq = runner.add(&ask, NOW).unwrap();
    pair.host.import(&edits(), NOW).unwrap();
    assert_eq!(pair.host.snapshot().unwrap().request, Some(seq));
    assert_eq!(pair.host.posting().request(seq).unwrap().text, "chats list");
    pair.host.posting().request_forwarded(seq).unwrap();
    assert_eq!(pair.host.snapshot().unwrap().request, None);
    assert_eq!(runner.answer(seq).unwrap(), None);
    pair.host.posting().answer(seq, true, "none").unwrap();
    pair.host.posting().answer(seq, false, "too late").unwrap();
    let answer = runner.answer(seq).unwrap().unwrap();
    assert!(answer.ok && answer.text == "none", "{answer:?}");
    assert!(pair.host.rows().open_parts().unwrap().is_empty(), "a request is no message");
}

fn ask(runner: &mut RunnerStore, text: &str, attempt: u32) -> OutSeq {
    let ask = NewMessage { form: Form::Admin, attempt, ..NewMessage::text(M1, text) };
    runner.add(&ask, NOW).unwrap()
}

impl Pair {
    /// What a request repeats; it is treated as a change.
    fn pass(&mut self, seq: OutSeq) -> Option<OutSeq> {
        self.host.import(&edits(), NOW).unwrap();
        let request = self.host.posting().request(seq).unwrap();
        assert!(request.is_counted);
        match request.repeats {
            Some(first) => self.host.posting().repeated(seq, first).unwrap(),
            None => self.host.posting().request_forwarded(seq).unwrap(),
        }
        request.repeats
    }
}

#[test]
fn what_a_later_attempt_asks_for_again_is_not_asked_for_twice() {
    let mut pair = pair();
    let mut first = at_work(&mut pair);
    let (one, two) = (ask(&mut first, "run", 0), ask(&mut first, "run", 0));
    assert_eq!((pair.pass(one), pair.pass(two)), (None, None), "twice on purpose is twice");
    pair.host.posting().answer(one, true, "runs").unwrap();
    drop(first);
    pair.host.posting().release(M1, Incarnation(1), NOW, "andy", NOW).unwrap();

    let mut second = pair.runner();
    second.claim(&[M1], NOW).unwrap();
    let again = ask(&mut second, "run", 0);
    assert_eq!(pair.pass(again), Some(one));
    let told = second.answer(again).unwrap().unwrap();
    assert!(told.ok && told.text.starts_with("runs\n(An earlier attempt"), "{told:?}");
    let again = ask(&mut second, "run", 0);
    assert_eq!(pair.pass(again), Some(two));
    assert_eq!(second.answer(again).unwrap(), None, "the first has no answer yet");
    pair.host.posting().answer(two, true, "runs too").unwrap();
    assert!(second.answer(again).unwrap().unwrap().text.starts_with("runs too\n"));
    let third = ask(&mut second, "run", 0);
    assert_eq!(pair.pass(third), None, "there was no third");
    let other = ask(&mut second, "run it", 0);
    assert_eq!(pair.pass(other), None, "other words are another request");
    pair.host.posting().answer(third, true, "").unwrap();

    // The same incarnation starts over when the agent's program dies, too.
    let known: Vec<_> =
        (0..4).map(|_| ask(&mut second, "run", 1)).map(|seq| pair.pass(seq)).collect();
    assert_eq!(known, [Some(one), Some(two), Some(third), None]);
}

#[test]
fn what_was_refused_may_be_asked_for_again() {
    let mut pair = pair();
    let mut first = at_work(&mut pair);
    let (bad, good) = (ask(&mut first, "run", 0), ask(&mut first, "run", 0));
    assert_eq!((pair.pass(bad), pair.pass(good)), (None, None));
    pair.host.posting().answer(bad, false, "no").unwrap();
    let again = ask(&mut first, "run", 1);
    assert_eq!(pair.pass(again), Some(good));
    pair.host.posting().answer(good, false, "no").unwrap();
    let told = first.answer(again).unwrap().unwrap();
    assert!(!told.ok && told.text == "no", "{told:?}");
    let again = ask(&mut first, "run", 2);
    assert_eq!(pair.pass(again), None);
}

#[test]
fn a_turn_is_known_by_its_first_message() {
    let mut pair = pair();
    let mut first = at_work(&mut pair);
    pair.say("m2");
    let m2 = MessageSeq(4);
    first.claim(&[m2], NOW).unwrap();
    let one = ask(&mut first, "run", 0);
    assert_eq!(pair.pass(one), None);
    pair.host.posting().answer(one, true, "runs").unwrap();
    // The next attempt has both at once, and works on the last of them.
    let ask_for = |message, attempt| NewMessage {
        form: Form::Admin,
        attempt,
        ..NewMessage::text(message, "run")
    };
    let again = first.add(&ask_for(m2, 1), NOW).unwrap();
    assert_eq!(pair.pass(again), Some(one));
    // Another turn is another request.
    first.end_turn(&answer("done"), &[], NOW).unwrap();
    let other = first.add(&ask_for(m2, 2), NOW).unwrap();
    assert_eq!(pair.pass(other), None);
}

#[test]
fn what_was_stopped_is_set_aside_and_says_nothing_more() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    let stop = Incoming { platform_id: "stop".into(), ..incoming("m1") };
    let text = |it: &StopReport| format!("{} {}", it.aside, it.voided);
    pair.host.posting().cancel_turn(&stop, text, NOW).unwrap();
    pair.host.posting().cancel_turn(&stop, text, NOW).unwrap();
    runner.end_turn(&answer("too late"), &[], NOW).unwrap();
    pair.host.import(&edits(), NOW).unwrap();
    assert_eq!(pair.host.snapshot().unwrap().stopped_incarnation, Incarnation(1));
    assert_eq!(send(&mut pair, "p1").content.text(), "1 0");
    assert!(pair.host.rows().open_parts().unwrap().is_empty());
}

#[test]
fn a_message_waits_until_its_files_are_here_or_will_not_be() {
    let mut pair = pair();
    let file = Attachment {
        kind: FileKind::Image,
        name: "a.png".into(),
        mime: "image/png".into(),
        bytes: Some(3),
        source: "s".into(),
        is_quoted: false,
    };
    let message = Incoming { files: vec![file; 2], ..incoming("m1") };
    let admitted = Admitted { message, kind: InboundKind::Chat, rule: None };
    pair.host.posting().insert(&[admitted], NOW).unwrap();
    let first = pair.host.snapshot().unwrap().file.unwrap().1;
    for how in [
        Fetched::Failed { why: "gone".into() },
        Fetched::Here {
            path: "files/2/a.png".into(),
            name: "a.png".into(),
            mime: "image/png".into(),
            bytes: 3,
        },
    ] {
        let snapshot = pair.host.snapshot().unwrap();
        assert!(snapshot.waiting[0].fetching);
        pair.host.posting().fetched(&snapshot.file.unwrap().1, &how).unwrap();
    }
    let snapshot = pair.host.snapshot().unwrap();
    assert!(snapshot.file.is_none() && !snapshot.waiting[0].fetching);
    let late = PendingFile { ordinal: first.ordinal + 1, ..first };
    for how in [Fetched::Later { at: NOW }, Fetched::Failed { why: "too late".into() }] {
        pair.host.posting().fetched(&late, &how).unwrap();
    }
    let sql = "SELECT group_concat(state || tries) FROM attachment";
    let kept: String = pair.host.rows().scope.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(kept, "failed0,here0", "what ended stays as it ended");
}

#[test]
fn a_command_that_was_answered_waits_for_nobody() {
    let mut pair = pair();
    for _ in 0..2 {
        pair.host.posting().answer_command(&incoming("m1"), "done", NOW).unwrap();
    }
    let snapshot = pair.host.snapshot().unwrap();
    assert!(snapshot.waiting.is_empty());
    assert_eq!(pair.host.rows().open_parts().unwrap().len(), 1);
}

#[test]
fn what_is_read_at_one_moment_is_read_in_one_transaction() {
    let pair = pair();
    let rows = pair.host.rows();
    let within = || rows.at_one_moment(|| Ok(rows.scope.is_autocommit()));
    assert!(!within().unwrap());
    assert!(!rows.at_one_moment(within).unwrap(), "also within another");
    assert!(rows.scope.is_autocommit());
}

#[test]
fn a_context_message_is_stored_ended() {
    let mut pair = pair();
    let admitted = Admitted { message: incoming("m1"), kind: InboundKind::Context, rule: None };
    pair.host.posting().insert(&[admitted], NOW).unwrap();
    assert!(pair.host.snapshot().unwrap().waiting.is_empty());
    assert_eq!(pair.host.posting().outcomes().unwrap().len(), 1);
}

#[test]
fn a_chat_whose_grant_was_taken_away_is_not_written_to_by_an_edit() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    let to = NewMessage { destination: Some("team".into()), ..NewMessage::text(M1, "hello") };
    runner.add(&to, NOW).unwrap();
    let team = Address { chat: "team".into(), ..incoming("x").from };
    let mut granted = edits();
    granted.destinations.insert("team".into(), team.clone());
    pair.host.import(&granted, NOW).unwrap();
    assert_eq!(send(&mut pair, "p1").to, team);
    let edit = || NewMessage { form: Form::Edit(1), ..NewMessage::text(M1, "more") };
    runner.add(&edit(), NOW).unwrap();
    pair.host.import(&granted, NOW).unwrap();
    assert_eq!(send(&mut pair, "p1").to, team);
    runner.add(&edit(), NOW).unwrap();
    pair.host.import(&edits(), NOW).unwrap();
    assert_eq!(send(&mut pair, "p2").to, incoming("x").from);
}

/// As many messages as are read at once, and the answer behind them.
#[test]
fn a_message_does_not_end_before_the_last_word_about_it_is_here() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    for n in 0..64 {
        runner.say(M1, &format!("line {n}"), NOW).unwrap();
    }
    runner.end_turn(&answer("done"), &[], NOW).unwrap();
    assert_eq!(pair.host.import(&context(100), NOW).unwrap().ended, [], "its answer is not here");
    let ended = pair.host.import(&context(100), NOW).unwrap().ended;
    assert_eq!(ended, [(M1, Outcome::Answered)]);
}

#[test]
fn a_file_goes_out_with_what_was_said_about_it() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    let folder = runner.files_dir().join("1-1");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a.txt"), "abc").unwrap();
    let form = Form::File(vec!["1-1/a.txt".into()]);
    runner.add(&NewMessage { form, ..NewMessage::text(M1, "look") }, NOW).unwrap();
    pair.host.import(&edits(), NOW).unwrap();
    let part = send(&mut pair, "p1");
    assert!(matches!(&part.content, Content::File(_)), "{part:?}");
    assert_eq!(part.content.text(), "look");
}
