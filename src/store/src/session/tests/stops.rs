//! Stops that hold, on the files of a session and in the central database.

use domain::AgentName;
use domain::agent::AgentGroup;
use domain::delivery::Verdict;
use domain::message::{Address, Admitted, InboundKind, Incoming, Outcome};
use domain::stop::Scope;
use domain::stop::StopReport;

use super::*;
use super::{M1, NOW, Pair, answer, context, incoming, pair};
use crate::{CentralStore, ClaimedPart};

fn claim_next(pair: &mut Pair) -> ClaimedPart {
    let key = pair.host.rows().open_parts().unwrap()[0].key.clone();
    pair.host.claim_part(&key, NOW).unwrap().unwrap()
}

/// The texts of what is left to send, which is sent.
fn drain(pair: &mut Pair) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some(part) = pair.host.rows().open_parts().unwrap().first().cloned() {
        let claimed = pair.host.claim_part(&part.key, NOW).unwrap().unwrap();
        texts.push(claimed.content.text().to_owned());
        let sent = Verdict::Sent { platform_id: "p".into() };
        pair.host.conclude(&part.key, &sent, NOW).unwrap();
    }
    texts
}

/// An answer of three parts, of which one is sent and one is with the platform.
fn half_sent(pair: &mut Pair) -> ClaimedPart {
    pair.say("m1");
    let mut runner = pair.runner();
    runner.claim(&[M1], NOW).unwrap();
    runner.end_turn(&answer("aaaaa bbbbb ccccc"), &[], NOW).unwrap();
    pair.host.import(&context(6), NOW).unwrap();
    let first = claim_next(pair);
    let sent = Verdict::Sent { platform_id: "p".into() };
    pair.host.conclude(&first.host_key.part, &sent, NOW).unwrap();
    claim_next(pair)
}

#[test]
fn a_half_sent_answer_is_voided_and_what_went_out_is_said() {
    let mut pair = pair();
    let with_platform = half_sent(&mut pair);
    let stop_report = pair.apply_stop(1);
    let want = StopReport { voided: 1, sent_here: 1, uncertain: 1, ..StopReport::default() };
    assert_eq!(stop_report, want);
    assert_eq!(pair.apply_stop(1), want, "again changes nothing");
    // It did not arrive, and is not tried again, nor is an uncertain one.
    let unsent = Verdict::Unsent { retry_at: NOW, counts: false };
    pair.host.conclude(&with_platform.host_key.part, &unsent, NOW).unwrap();
    let texts = drain(&mut pair);
    assert!(texts.len() == 1 && texts[0].contains("stopped by Ann. 1 pending answer cancelled"));
}

#[test]
fn what_was_stopped_while_a_host_died_is_not_sent_again() {
    let mut pair = pair();
    let with_platform = half_sent(&mut pair);
    pair.apply_stop(1);
    pair.host
        .conclude(&with_platform.host_key.part, &Verdict::Uncertain { retry_at: NOW }, NOW)
        .unwrap();
    assert_eq!(drain(&mut pair).len(), 1, "the report alone");
}

#[test]
fn a_stopped_incarnation_says_nothing_more_whatever_it_names_as_its_cause() {
    let mut pair = pair();
    let mut runner = {
        pair.say("m1");
        let mut runner = pair.runner();
        runner.claim(&[M1], NOW).unwrap();
        runner.end_turn(&answer("one"), &[], NOW).unwrap();
        runner
    };
    pair.host.import(&context(100), NOW).unwrap();
    drain(&mut pair);
    pair.apply_stop(1);
    // About a message that was answered before, and a claim on one that comes after.
    runner.add(&crate::NewMessage::text(M1, "psst"), NOW).unwrap();
    pair.say("m2");
    let m2 = MessageSeq(4);
    runner.claim(&[m2], NOW).unwrap();
    assert_eq!(pair.host.snapshot().unwrap().waiting[0].claim, None, "nobody has it in hand");
    let silent = TurnEnd { messages: vec![m2], ..answer("psst") };
    runner.end_turn(&silent, &[], NOW).unwrap();
    pair.host.import(&context(100), NOW).unwrap();
    let seen = pair.host.snapshot().unwrap();
    assert!(!seen.news.is_news() && !seen.undelivered && seen.waiting.len() == 1, "{seen:?}");
}

#[test]
fn a_successor_says_nothing_about_what_was_set_aside() {
    let mut pair = pair();
    pair.say("m1");
    pair.runner().claim(&[M1], NOW).unwrap();
    pair.apply_stop(1);
    assert_eq!(drain(&mut pair).len(), 1, "the report");
    let mut next = pair.runner();
    next.say(M1, "psst", NOW).unwrap();
    pair.host.import(&context(100), NOW).unwrap();
    assert_eq!(drain(&mut pair), [""; 0]);
}

#[test]
fn what_waits_without_a_container_is_kept_and_each_chat_is_told_once() {
    let mut pair = pair();
    pair.say("m1");
    let stop_report = pair.apply_stop(1);
    assert_eq!(stop_report, StopReport::default());
    pair.say("m2");
    let seen = pair.host.snapshot().unwrap();
    assert!(!seen.stop_state.told);
    pair.apply_stop(1);
    let texts = drain(&mut pair);
    assert!(texts.len() == 1 && texts[0].contains("`nanoclaw agents resume andy`"), "{texts:?}");
    pair.apply_stop(2);
    assert_eq!(drain(&mut pair).len(), 1, "another stop is told again");
    let outcomes = pair.host.posting().outcomes().unwrap();
    assert!(outcomes.iter().all(|it| it.1.is_none()), "{outcomes:?}");
}

#[test]
fn what_was_kept_by_a_stop_is_not_told_again_that_it_waits() {
    let mut pair = pair();
    for id in ["m1", "m2"] {
        pair.say(id);
        pair.apply_stop(1);
    }
    assert_eq!(drain(&mut pair).len(), 1, "the chat knows");
    assert!(pair.host.snapshot().unwrap().waiting.iter().all(|it| it.told));
    for message in [M1, MessageSeq(4)] {
        pair.host.posting().tell(message, NOW).unwrap();
    }
    assert_eq!(drain(&mut pair), [""; 0]);
    // What comes after the resume and has to wait is told.
    pair.say("m3");
    pair.host.posting().tell(MessageSeq(6), NOW).unwrap();
    assert_eq!(drain(&mut pair).len(), 1);
}

#[test]
fn what_a_container_may_have_begun_with_is_set_aside() {
    let mut pair = pair();
    pair.say("m1");
    let _runner = pair.runner();
    assert_eq!(pair.apply_stop(1).aside, 1);
    assert_eq!(pair.host.posting().outcomes().unwrap(), [("m1".into(), Some(Outcome::Declined))]);
}

#[test]
fn a_turn_that_is_cancelled_is_told_to_everybody_who_waits_for_it() {
    let mut pair = pair();
    pair.say("m1");
    let from = Address { chat: "d".into(), ..incoming("m2").from };
    let other = Incoming { from: from.clone(), ..incoming("m2") };
    let admitted = Admitted { message: other, kind: InboundKind::Chat, rule: None };
    pair.host.posting().insert(&[admitted], NOW).unwrap();
    pair.say("m3");
    pair.host.posting().cancel_turn(&incoming("stop"), domain::texts::stop::stopped, NOW).unwrap();
    let open = pair.host.rows().open_parts().unwrap();
    let mut parts = open.iter().map(|it| pair.host.claim_part(&it.key, NOW).unwrap().unwrap());
    let (elsewhere, here) = (parts.next().unwrap(), parts.next().unwrap());
    assert_eq!((&elsewhere.to, elsewhere.reply_to.as_str()), (&from, "m2"));
    assert_eq!(
        (here.reply_to.as_str(), &here.also[..]),
        ("stop", &["m1".to_owned(), "m3".to_owned()][..])
    );
    assert!(elsewhere.also.is_empty() && parts.next().is_none());
}

#[test]
fn a_stop_holds_until_its_own_resume() {
    let dir = tempfile::tempdir().unwrap();
    let mut central = CentralStore::open(&dir.path().join("central.db")).unwrap();
    let andy = AgentName::parse("andy").unwrap();
    central.add_agent(&AgentGroup::new(andy.clone())).unwrap();
    let one = Scope::Agent(andy.clone());
    central.stop(&one, "Ann", "", NOW).unwrap();
    central.stop(&Scope::All, "Bob", "smoke", NOW).unwrap();
    central.stop(&one, "Eve", "", NOW).unwrap();
    let stops = central.stops().unwrap();
    assert_eq!(stops.agents[&andy].by, "Ann", "the first one holds");
    assert_eq!(stops.of(&andy).map(|it| it.why.as_str()), Some("smoke"));
    assert!(central.resume(&Scope::All, "Ann", NOW).unwrap());
    assert!(!central.resume(&Scope::All, "Ann", NOW).unwrap());
    assert!(central.stops().unwrap().of(&andy).is_some());
    let before = central.stops().unwrap().agents[&andy].id;
    central.resume(&one, "Ann", NOW).unwrap();
    central.stop(&one, "Ann", "", NOW).unwrap();
    assert!(before < central.stops().unwrap().agents[&andy].id);
    central.stop(&Scope::All, "Bob", "", NOW).unwrap();
    assert!(central.resume_all("Ann", NOW).unwrap());
    assert!(central.stops().unwrap().of(&andy).is_none(), "nobody is stopped any more");
    assert!(!central.resume_all("Ann", NOW).unwrap());
}

#[test]
fn an_end_that_was_silenced_does_not_hide_the_end_of_the_next_incarnation() {
    let mut pair = pair();
    pair.say("m1");
    // The engine did not say that this one began, and did not end it.
    let mut stopped = pair.runner();
    stopped.claim(&[M1], NOW).unwrap();
    pair.host.posting().record_exit(Incarnation(1), true, "no engine", None, NOW).unwrap();
    pair.apply_stop(1);
    stopped.end_turn(&answer("unheard"), &[], NOW).unwrap();
    pair.host.import(&context(100), NOW).unwrap();
    drain(&mut pair);
    let mut next = pair.runner();
    next.claim(&[M1], NOW).unwrap();
    next.end_turn(&answer("heard"), &[], NOW).unwrap();
    pair.host.import(&context(100), NOW).unwrap();
    assert_eq!(pair.host.posting().outcomes().unwrap(), [("m1".into(), Some(Outcome::Answered))]);
    assert_eq!(drain(&mut pair), ["heard"]);
}
