//! What rings and what does not, where an answer ends a line, and files that are shown together.

use std::time::Duration;

use domain::delivery::{PartKey, Verdict};
use domain::message::{ChatInfo, Form};
use domain::outgoing::Content;

use super::forms::{EDITS, edits, send};
use super::*;
use super::{M1, NOW, Pair, answer, incoming, pair, with_caps};
use crate::outbox::ClaimedPart;
use crate::{NewMessage, RunnerStore};

const LATER: Timestamp = Timestamp(NOW.0 + 30_000);

/// A runner with a message in hand whose line is shown as `p7`.
fn with_line(pair: &mut Pair) -> (RunnerStore, ClaimedPart) {
    pair.say("m1");
    let mut runner = pair.runner();
    runner.claim(&[M1], NOW).unwrap();
    pair.host.posting().show_status(M1, Duration::ZERO, "working", NOW).unwrap();
    let line = send(pair, "p7");
    (runner, line)
}

/// All that waits, sent.
fn send_all(pair: &mut Pair) -> Vec<ClaimedPart> {
    let count = pair.host.rows().open_parts().unwrap().len();
    (0..count).map(|at| send(pair, &format!("p{}", 20 + at))).collect()
}

/// A line goes away once its answer was sent, which rings and names who asked.
fn check_apart(pair: &mut Pair) {
    let [done, gone] = &send_all(pair)[..] else { panic!("an answer, and the end of its line") };
    assert_eq!(done.content, Content::Text("done".into()));
    assert_eq!((done.is_silent, done.asker.as_deref()), (false, Some("u")));
    assert_eq!(gone.content, Content::Delete { target: "p7".into() });
    assert_eq!((gone.kind, gone.reply_to.as_str()), (crate::PartKind::Interim, "m1"));
}

#[test]
fn an_answer_to_an_old_line_is_a_message_that_rings_and_the_line_did_not() {
    let mut pair = pair();
    let (mut runner, line) = with_line(&mut pair);
    assert!(line.is_silent);
    runner.end_turn(&answer("done"), &[], NOW).unwrap();
    pair.host.import(&edits(), LATER).unwrap();
    check_apart(&mut pair);
}

#[test]
fn an_answer_in_a_group_never_hides_in_its_line() {
    let mut pair = pair();
    let (mut runner, _) = with_line(&mut pair);
    let group = ChatInfo { title: "G".into(), is_group: true };
    pair.host.central().ensure_chat(&incoming("m1").from, &group, None, NOW).unwrap();
    runner.end_turn(&answer("done"), &[], NOW).unwrap();
    pair.host.import(&edits(), NOW).unwrap();
    check_apart(&mut pair);
}

#[test]
fn an_answer_does_not_replace_a_line_that_something_followed() {
    let mut pair = pair();
    let (mut runner, _) = with_line(&mut pair);
    runner.say(M1, "by the way", NOW).unwrap();
    pair.host.import(&edits(), NOW).unwrap();
    let aside = send(&mut pair, "p8");
    assert!(aside.is_silent, "the answer rings: {aside:?}");
    runner.end_turn(&answer("done"), &[], NOW).unwrap();
    pair.host.import(&edits(), NOW).unwrap();
    check_apart(&mut pair);
}

#[test]
fn an_answer_whose_edit_would_have_to_wait_is_a_message_of_its_own_and_its_line_goes_away() {
    let mut pair = pair();
    let (mut runner, _) = with_line(&mut pair);
    runner.end_turn(&answer("done"), &[], NOW).unwrap();
    pair.host.import(&edits(), NOW).unwrap();
    let key = PartKey("o1.0".into());
    let part = pair.host.claim_part(&key, NOW).unwrap().unwrap();
    assert!(part.tried.replaces_line);
    pair.host.conclude(&key, &Verdict::Apart, NOW).unwrap();
    check_apart(&mut pair);
}

#[test]
fn of_a_long_answer_the_last_part_rings() {
    let mut pair = pair();
    pair.say("m1");
    let mut runner = pair.runner();
    runner.claim(&[M1], NOW).unwrap();
    runner.end_turn(&answer(&"word ".repeat(50)), &[], NOW).unwrap();
    pair.host.import(&edits(), NOW).unwrap();
    let silent: Vec<bool> = send_all(&mut pair).iter().map(|it| it.is_silent).collect();
    assert_eq!(silent, [true, true, false]);
}

/// What becomes of files with this caption: how many, and the caption; or a text.
fn sent(caps: Caps, names: &[&str], caption: &str) -> Vec<(usize, String)> {
    let mut pair = pair();
    pair.say("m1");
    let mut runner = pair.runner();
    runner.claim(&[M1], NOW).unwrap();
    let folder = runner.files_dir().join("1-1");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["a", "b", "c"] {
        std::fs::write(folder.join(name), name).unwrap();
    }
    let form = Form::File(names.iter().map(|it| format!("1-1/{it}")).collect());
    runner.add(&NewMessage { form, ..NewMessage::text(M1, caption) }, NOW).unwrap();
    pair.host.import(&with_caps(&[("cli", caps)]), NOW).unwrap();
    let files = |part: &ClaimedPart| match &part.content {
        Content::File(_) => 1,
        Content::Album(files) => files.len(),
        Content::Text(_)
        | Content::Card(_)
        | Content::Edit { .. }
        | Content::Reaction { .. }
        | Content::Delete { .. } => 0,
    };
    let all = send_all(&mut pair);
    let shown = all.iter().map(|it| (files(it), it.content.text().to_owned())).collect();
    assert_eq!(std::fs::read_dir(pair.host.root().join("sending")).unwrap().count(), 0);
    assert_eq!(all.iter().map(|it| it.bytes).sum::<u64>(), names.len().min(3) as u64);
    shown
}

#[test]
fn files_are_shown_together_as_far_as_that_is_possible() {
    let of = |n: usize, text: &str| (n, text.to_owned());
    let album = Caps { album_max: 2, ..EDITS };
    assert_eq!(sent(album, &["a", "b", "c"], "look"), [of(2, "look"), of(1, "")]);
    assert_eq!(sent(EDITS, &["a", "b"], "look"), [of(1, "look"), of(1, "")]);
    let shown = sent(album, &["a", "missing", "b", "c"], "look");
    assert_eq!((shown[0].0, shown[1].0), (2, 1));
    assert!(shown[0].1.starts_with("look\n") && shown[0].1.contains("not there"), "{shown:?}");
}

#[test]
fn a_caption_that_is_too_long_follows_as_a_message_of_its_own() {
    let caps = Caps { caption_max: 5, ..EDITS };
    assert_eq!(sent(caps, &["a"], "brief"), [(1, "brief".to_owned())]);
    assert_eq!(sent(caps, &["a"], "longer"), [(1, String::new()), (0, "longer".to_owned())]);
}
