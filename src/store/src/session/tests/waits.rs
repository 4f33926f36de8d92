//! Waits for the provider from the runner's row to the host's, last chances, and who may still write.

use domain::message::Outcome;
use domain::outgoing::Content;
use domain::session::FailReason;
use domain::trouble::Trouble;
use domain::waits::WaitClass;
use domain::{Incarnation, MessageSeq};
use rusqlite::params;

use super::*;
use super::{M1, NOW, Pair, answer, context, pair};
use crate::{ClaimedPart, PartKind, RunnerStore};

const M2: MessageSeq = MessageSeq(4);
const HOUR: Duration = Duration::from_secs(3_600);

/// A runner with two messages in hand.
fn at_work(pair: &mut Pair) -> RunnerStore {
    pair.say("m1");
    pair.say("m2");
    let mut runner = pair.runner();
    runner.claim(&[M1, M2], NOW).unwrap();
    runner
}

fn send_all(pair: &mut Pair) -> Vec<ClaimedPart> {
    let mut sent = vec![];
    while let Some(part) = pair.host.rows().open_parts().unwrap().first() {
        let part = pair.host.claim_part(&part.key, NOW).unwrap().unwrap();
        let platform_id = format!("p{}", sent.len());
        let verdict = Verdict::Sent { platform_id };
        pair.host.conclude(&part.host_key.part, &verdict, NOW).unwrap();
        sent.push(part);
    }
    sent
}

#[test]
fn a_wait_releases_all_that_is_in_hand_and_is_told_once() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    let until = NOW + HOUR;
    runner.wait(WaitClass::Limit, Some(until), &[("continuation", Some("c1"))]).unwrap();
    assert_eq!(runner.due(NOW, &[]).unwrap(), [], "not before the host knows");
    assert!(pair.host.snapshot().unwrap().news.is_news());
    assert_eq!(pair.host.import(&context(1_000), NOW).unwrap().ended, []);
    let seen = pair.host.snapshot().unwrap();
    assert!(!seen.news.is_news());
    let waits: Vec<_> =
        seen.waiting.iter().map(|it| (it.claim, it.tries, it.wait.map(|it| it.until))).collect();
    assert_eq!(waits, [(None, 0, Some(until)), (None, 0, None)]);
    assert!(seen.waiting.iter().all(|it| it.told), "one notice speaks for both");
    let sent = send_all(&mut pair);
    assert_eq!(sent.len(), 1);
    assert!(sent[0].content.text().contains("limit") && sent[0].kind == PartKind::Interim);
    assert_eq!(runner.due(NOW, &[]).unwrap(), []);
    assert_eq!(
        runner.due(until, &[]).unwrap().len(),
        2,
        "the same incarnation takes both up again"
    );
    assert_eq!(runner.state("continuation").unwrap().as_deref(), Some("c1"));
    // The same again an hour later: known to the chat.
    runner.claim(&[M1, M2], until).unwrap();
    runner.wait(WaitClass::Limit, None, &[]).unwrap();
    pair.host.import(&context(1_000), until).unwrap();
    assert_eq!(send_all(&mut pair).len(), 0);
    runner.wait(WaitClass::Billing, None, &[]).unwrap();
    assert!(!pair.host.snapshot().unwrap().news.is_news(), "nothing in hand, nothing to wait for");
}

#[test]
fn a_forged_wait_holds_up_only_what_waits_and_for_a_day_at_most() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    runner.wait(WaitClass::Limit, Some(Timestamp(i64::MAX)), &[]).unwrap();
    let forge = Connection::open(pair.outbound()).unwrap();
    forge
        .execute_batch(
            "INSERT INTO waits VALUES (7, 4, 99, 'dance', -5), (8, 999, 1, 'limit', NULL)",
        )
        .unwrap();
    pair.host.import(&context(1_000), NOW).unwrap();
    let seen = pair.host.snapshot().unwrap();
    assert!(!seen.news.is_news());
    assert_eq!(seen.waiting[0].wait.unwrap().until, NOW + 24 * HOUR);
    assert_eq!(seen.waiting[1].wait.unwrap().class, WaitClass::Network);
}

/// Adds rows of waits of the first message, each for another reason and until later than the last.
fn forge_waits(pair: &Pair, ids: std::ops::Range<i64>) {
    let forge = Connection::open(pair.outbound()).unwrap();
    for id in ids {
        let class = if id % 2 == 0 { "billing" } else { "limit" };
        let until = NOW.0 + id * 7_200_000;
        let sql = "INSERT INTO waits VALUES (?1, ?2, 1, ?3, ?4)";
        forge.execute(sql, params![id, M1.0, class, until]).unwrap();
    }
}

#[test]
fn waits_without_end_are_told_once_in_five_minutes() {
    let mut pair = pair();
    let _runner = at_work(&mut pair);
    forge_waits(&pair, 1..51);
    pair.host.import(&context(1_000), NOW).unwrap();
    let sent = send_all(&mut pair);
    assert!(sent.len() == 1 && sent[0].content.text().contains("no credit"), "the last: {sent:?}");
    for id in 51..101 {
        forge_waits(&pair, id..id + 1);
        pair.host.import(&context(1_000), NOW + Duration::from_secs(2)).unwrap();
    }
    assert_eq!(send_all(&mut pair), []);
    assert!(!pair.host.snapshot().unwrap().news.is_news());
    // What is true later is told, also where an earlier version wrote down what was told.
    forge_waits(&pair, 101..102);
    pair.host.import(&context(1_000), NOW + Duration::from_secs(300)).unwrap();
    assert_eq!(send_all(&mut pair).len(), 1);
}

#[test]
fn the_notice_takes_the_place_of_the_line_and_the_answer_does_not() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    pair.host.posting().show_status(M2, Duration::ZERO, "working", NOW).unwrap();
    send_all(&mut pair);
    runner.wait(WaitClass::Overloaded, None, &[]).unwrap();
    pair.host.import(&context(1_000), NOW).unwrap();
    let sent = send_all(&mut pair);
    assert!(matches!(&sent[0].content, Content::Edit { target, .. } if target == "p0"));
    assert_eq!(pair.host.posting().shown_status().unwrap(), None);
    assert_eq!(pair.host.posting().draft_line(M2).unwrap(), None);
    runner.claim(&[M1, M2], NOW).unwrap();
    let end = TurnEnd { messages: vec![M1, M2], ..answer("done") };
    runner.end_turn(&end, &[], NOW).unwrap();
    pair.host.import(&context(1_000), NOW).unwrap();
    assert_eq!(send_all(&mut pair)[0].content, Content::Text("done".into()));
}

#[test]
fn who_writes_during_a_wait_is_told_of_it_once() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    runner.wait(WaitClass::Limit, Some(NOW + HOUR), &[]).unwrap();
    pair.host.import(&context(1_000), NOW).unwrap();
    assert_eq!(send_all(&mut pair).len(), 1);
    pair.say("m3");
    pair.say("m4");
    for message in [MessageSeq(6), MessageSeq(8), MessageSeq(6)] {
        pair.host.posting().tell(message, NOW).unwrap();
    }
    let sent = send_all(&mut pair);
    assert_eq!(sent.len(), 1);
    assert!(sent[0].content.text().contains("limit"), "{sent:?}");
}

#[test]
fn a_last_chance_ends_every_wait_and_is_given_once() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    runner.wait(WaitClass::Limit, Some(NOW + HOUR), &[]).unwrap();
    pair.host.import(&context(1_000), NOW).unwrap();
    pair.host.posting().last_chance(M1, NOW + HOUR, NOW).unwrap();
    pair.host.posting().last_chance(M1, NOW + 2 * HOUR, NOW).unwrap();
    let waiting = &pair.host.snapshot().unwrap().waiting[0];
    assert_eq!(waiting.last_chance, Some(NOW + HOUR));
    assert!(waiting.wait.unwrap().is_over(NOW));
    assert_eq!(runner.due(NOW, &[]).unwrap().len(), 2);
}

#[test]
fn an_answer_to_what_was_given_up_is_not_shown() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    let why = FailReason::Deadline(None);
    pair.host.posting().fail(M1, why, "andy", NOW).unwrap();
    send_all(&mut pair);
    runner.end_turn(&answer("late"), &[], NOW).unwrap();
    pair.host.import(&context(1_000), NOW).unwrap();
    assert_eq!(send_all(&mut pair), []);
    assert_eq!(pair.host.posting().outcomes().unwrap()[0].1, Some(Outcome::Failed));
}

#[test]
fn a_runner_whose_successor_was_launched_commits_nothing() {
    let mut pair = pair();
    let mut old = at_work(&mut pair);
    let mut new = pair.runner();
    let refused = |done: Result<(), StoreError>| matches!(done, Err(StoreError::Superseded));
    assert!(refused(old.end_turn(&answer("late"), &[], NOW)));
    assert!(refused(old.claim(&[M1], NOW)));
    assert!(refused(old.wait(WaitClass::Limit, None, &[])));
    assert!(refused(old.say(M1, "late", NOW).map(drop)));
    assert!(!pair.host.snapshot().unwrap().news.is_news());
    new.claim(&[M1], NOW).unwrap();
    new.end_turn(&answer("mine"), &[], NOW).unwrap();
}

#[test]
fn an_interruption_is_told_once_with_what_helps() {
    let mut pair = pair();
    at_work(&mut pair);
    let silent = Trouble::Silent { tool: Some("Bash".into()) };
    pair.host.posting().record_exit(Incarnation(1), true, "tail", Some(&silent), NOW).unwrap();
    pair.host.posting().release(M1, Incarnation(1), NOW, "andy", NOW).unwrap();
    let sent = send_all(&mut pair);
    assert!(sent[0].content.text().contains("`Bash`"), "{sent:?}");
    pair.runner().claim(&[M1], NOW).unwrap();
    pair.host.posting().record_exit(Incarnation(2), true, "tail", Some(&silent), NOW).unwrap();
    pair.host.posting().release(M1, Incarnation(2), NOW, "andy", NOW).unwrap();
    assert_eq!(send_all(&mut pair), []);
    pair.host.posting().fail(M1, FailReason::Crashes, "andy", NOW).unwrap();
    let text = send_all(&mut pair)[0].content.text().to_owned();
    assert!(text.contains("`Bash`") && !text.contains("tail"), "{text}");
}

#[test]
fn nobody_hears_of_an_interruption_of_what_is_over() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    runner.end_turn(&answer("done"), &[], NOW).unwrap();
    pair.host.import(&context(1_000), NOW).unwrap();
    assert_eq!(send_all(&mut pair).len(), 1);
    let silent = Trouble::Silent { tool: None };
    pair.host.posting().record_exit(Incarnation(1), true, "", Some(&silent), NOW).unwrap();
    pair.host.posting().release(M1, Incarnation(1), NOW, "andy", NOW).unwrap();
    assert_eq!(send_all(&mut pair), []);
}

#[test]
fn what_was_the_matter_may_be_unreadable() {
    let mut pair = pair();
    at_work(&mut pair);
    pair.host.posting().record_exit(Incarnation(1), true, "tail", None, NOW).unwrap();
    let sql = "UPDATE launch SET trouble = '{\"on-fire\":{}}'";
    pair.host.rows().scope.execute(sql, []).unwrap();
    pair.host.posting().release(M1, Incarnation(1), NOW, "andy", NOW).unwrap();
    assert_eq!(send_all(&mut pair), []);
    pair.host.posting().fail(M1, FailReason::Crashes, "andy", NOW).unwrap();
    assert_eq!(send_all(&mut pair).len(), 1);
}
