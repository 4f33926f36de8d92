//! What nobody waits for is held in quiet hours, and said together afterwards.

use domain::delivery::Verdict;
use domain::delivery::by_hand::Standing;
use domain::message::Address;
use domain::outgoing::TextLimit;
use domain::task::{FireKey, TaskId, TaskRun};
use domain::time::Timestamp;
use domain::{MessageSeq, OutSeq};

use super::forms::edits;
use super::{M1, NOW, Pair, answer, context, incoming, pair};
use crate::{ClaimedPart, NewMessage, SessionContext, TaskMessage, TurnEnd};

const LIMIT: usize = 100;

fn night() -> SessionContext {
    SessionContext { quiet: vec![incoming("x").from], ..context(LIMIT) }
}

fn task_run(key: FireKey) -> TaskRun {
    let late_by = std::time::Duration::ZERO;
    TaskRun { key, due: String::new(), late_by, missed: 0, script: None, found: None }
}

/// Tasks that ended with these answers, of which the runner wrote the last ones apart.
fn tasks(pair: &mut Pair, answers: &[&str], context: &SessionContext) {
    let mut seqs = Vec::new();
    for (at, _) in answers.iter().enumerate() {
        let slot = Timestamp(i64::try_from(at).unwrap());
        let key = FireKey { task: TaskId(7), slot };
        let task = TaskMessage { run: task_run(key), message: incoming("look") };
        assert!(pair.host.posting().insert_task(&task, NOW).unwrap());
        seqs.push(MessageSeq(M1.0 + 2 * i64::try_from(at).unwrap()));
    }
    let mut runner = pair.runner();
    for (seq, text) in seqs.iter().zip(answers) {
        runner.claim(&[*seq], NOW).unwrap();
        runner.end_turn(&TurnEnd { messages: vec![*seq], ..answer(text) }, &[], NOW).unwrap();
    }
    pair.host.import(context, NOW).unwrap();
}

fn claim(pair: &mut Pair) -> Option<ClaimedPart> {
    let key = pair.host.rows().open_parts().unwrap().first()?.key.clone();
    Some(pair.host.claim_part(&key, NOW).unwrap().unwrap())
}

fn conclude(pair: &mut Pair, part: &ClaimedPart, verdict: &Verdict) {
    pair.host.conclude(&part.host_key.part, verdict, NOW).unwrap();
}

fn sent(id: &str) -> Verdict {
    Verdict::Sent { platform_id: id.into() }
}

/// The chats for which something is held.
fn held(pair: &mut Pair) -> Vec<Address> {
    let Address { channel, account, .. } = incoming("x").from;
    let held = pair.host.central().held_chats(&channel, &account).unwrap();
    held.into_iter().map(|it| it.1).collect()
}

/// Sends all that can be sent; what it says.
fn drain(pair: &mut Pair) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some(part) = claim(pair) {
        texts.push(part.content.text().to_owned());
        conclude(pair, &part, &sent(&format!("p{}", texts.len())));
    }
    texts
}

fn end(pair: &mut Pair) {
    let chat = incoming("x").from;
    pair.host.posting().end_quiet(&chat, TextLimit::chars(LIMIT), NOW).unwrap();
}

/// Key, state and platform id of each part.
fn rows(pair: &Pair) -> Vec<(String, String, Option<String>)> {
    let rows = pair.host.rows();
    let mut statement = rows
        .scope
        .prepare("SELECT key, state, platform_id FROM part WHERE session > 0 ORDER BY id")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn what_tasks_say_at_night_is_one_message_in_the_morning() {
    let mut pair = pair();
    tasks(&mut pair, &["tea", "milk", "bread"], &night());
    assert_eq!(drain(&mut pair), Vec::<String>::new());
    let seen = pair.host.snapshot().unwrap();
    assert!(seen.undelivered);
    assert_eq!(held(&mut pair), [incoming("x").from]);
    assert_eq!(pair.host.rows().open_parts().unwrap(), []);
    end(&mut pair);
    end(&mut pair);
    assert_eq!(held(&mut pair), []);
    assert_eq!(drain(&mut pair), ["While you were away:\n\ntea\n\nmilk\n\nbread"]);
    let all: Vec<_> = rows(&pair).into_iter().map(|it| (it.1, it.2)).collect();
    assert_eq!(all, vec![("sent".to_owned(), Some("p1".to_owned())); 3]);
}

#[test]
fn what_somebody_waits_for_leaves_at_once_and_so_do_errors() {
    let mut pair = pair();
    pair.say("m1");
    let mut runner = pair.runner();
    runner.claim(&[M1], NOW).unwrap();
    runner.end_turn(&answer("here"), &[], NOW).unwrap();
    pair.host.import(&night(), NOW).unwrap();
    assert_eq!(drain(&mut pair), ["here"]);

    let mut other = super::pair();
    tasks(&mut other, &["tea"], &night());
    let outcome = domain::message::Outcome::Failed;
    other.say("m2");
    let mut runner = other.runner();
    let failed = TurnEnd { messages: vec![MessageSeq(4)], outcome, ..answer("it broke") };
    runner.claim(&failed.messages, NOW).unwrap();
    runner.end_turn(&failed, &[], NOW).unwrap();
    other.host.import(&night(), NOW).unwrap();
    assert_eq!(drain(&mut other), ["it broke"], "and what is held holds nothing up");
    end(&mut other);
    assert_eq!(drain(&mut other), ["While you were away:\n\ntea"]);
}

#[test]
fn an_unasked_word_to_somebody_else_is_held_too() {
    let mut pair = pair();
    pair.say("m1");
    let mut runner = pair.runner();
    runner.claim(&[M1], NOW).unwrap();
    let bob = Address { chat: "bob".into(), ..incoming("x").from };
    let to = NewMessage { destination: Some("bob".into()), ..NewMessage::text(M1, "psst") };
    runner.add(&to, NOW).unwrap();
    let mut context = SessionContext { quiet: vec![bob.clone()], ..context(LIMIT) };
    context.destinations.insert("bob".into(), bob.clone());
    pair.host.import(&context, NOW).unwrap();
    assert_eq!(held(&mut pair), [bob]);
    assert_eq!(drain(&mut pair), Vec::<String>::new());
}

#[test]
fn too_much_for_one_message_becomes_several_within_the_limit() {
    let mut pair = pair();
    let (long, longer) = ("a".repeat(60), "b".repeat(150));
    tasks(&mut pair, &[&long, &longer, "c"], &night());
    end(&mut pair);
    let texts = drain(&mut pair);
    assert!(texts.iter().all(|it| it.chars().count() <= LIMIT), "{texts:?}");
    let all = texts.concat();
    assert_eq!(all.matches('b').count(), 150);
    assert_eq!(all.matches("While you were away:").count(), 1);
    assert!(texts.last().unwrap().ends_with("c"), "{texts:?}");
    assert!(rows(&pair).iter().all(|it| it.1 == "sent"), "{:?}", rows(&pair));
}

#[test]
fn a_crash_with_the_message_on_its_way_repeats_it_whole_and_marked() {
    let mut pair = pair();
    tasks(&mut pair, &["tea", "milk"], &night());
    end(&mut pair);
    let first = claim(&mut pair).unwrap();
    assert!(!first.is_repeat);
    let seen = pair.host.rows().open_parts().unwrap();
    assert_eq!((seen.len(), seen[0].standing), (1, Standing::Claimed));
    pair.host.conclude(&first.host_key.part, &Verdict::Uncertain { retry_at: NOW }, NOW).unwrap();
    let again = claim(&mut pair).unwrap();
    assert!(again.is_repeat);
    assert_eq!((&again.host_key.part, (&again.content)), (&first.host_key.part, (&first.content)));
    conclude(&mut pair, &again, &sent("p1"));
    assert_eq!(drain(&mut pair), Vec::<String>::new());
    assert!(rows(&pair).iter().all(|it| it.1 == "sent" && it.2.as_deref() == Some("p1")));
}

#[test]
fn if_the_message_is_refused_each_part_goes_on_alone() {
    let mut pair = pair();
    tasks(&mut pair, &["tea", "milk", "bread"], &night());
    end(&mut pair);
    let part = claim(&mut pair).unwrap();
    conclude(&mut pair, &part, &Verdict::Dead { why: "no".into() });
    assert_eq!(drain(&mut pair), ["milk", "bread"]);
    let states: Vec<_> = rows(&pair).into_iter().map(|it| it.1).collect();
    assert_eq!(states, ["dead", "sent", "sent"]);
    assert_eq!(pair.host.central().unreported_dead_letters(5).unwrap().unwrap().count, 1);
}

#[test]
fn a_stop_voids_what_is_held() {
    let mut pair = pair();
    tasks(&mut pair, &["tea", "milk"], &night());
    pair.apply_stop(1);
    assert_eq!(held(&mut pair), []);
    end(&mut pair);
    assert!(rows(&pair).iter().filter(|it| it.0.starts_with('o')).all(|it| it.1 == "dead"));
}

#[test]
fn a_held_message_that_is_changed_says_both() {
    let mut pair = pair();
    tasks(&mut pair, &["tea"], &night());
    let mut runner = pair.runner();
    let form = domain::message::Form::Edit(OutSeq(1).0);
    runner.add(&NewMessage { form, ..NewMessage::text(M1, "no, coffee") }, NOW).unwrap();
    let context = SessionContext { quiet: night().quiet, ..edits() };
    pair.host.import(&context, NOW).unwrap();
    end(&mut pair);
    assert_eq!(drain(&mut pair), ["While you were away:\n\ntea\n\nno, coffee"]);
}

#[test]
fn a_heartbeat_with_nothing_to_say_says_nothing() {
    let mut pair = pair();
    let beats = SessionContext { heartbeats: [TaskId(7)].into(), ..context(LIMIT) };
    tasks(&mut pair, &["NOTHING", " NOTHING.\n", "the roof leaks"], &beats);
    assert_eq!(drain(&mut pair), ["the roof leaks"]);
    let outcomes = pair.host.posting().outcomes().unwrap();
    assert!(outcomes.iter().all(|it| it.1 == Some(domain::message::Outcome::Answered)));

    let mut other = super::pair();
    tasks(&mut other, &["NOTHING"], &context(LIMIT));
    assert_eq!(drain(&mut other), ["NOTHING"], "of any other task it is an answer");
}

#[test]
fn work_on_a_task_shows_no_line() {
    let mut pair = pair();
    let key = FireKey { task: TaskId(7), slot: Timestamp(0) };
    let task = TaskMessage { run: task_run(key), message: incoming("ignored") };
    pair.host.posting().insert_task(&task, NOW).unwrap();
    pair.host.posting().show_status(M1, std::time::Duration::ZERO, "working", NOW).unwrap();
    assert_eq!(rows(&pair), []);
    assert!(pair.host.snapshot().unwrap().waiting[0].status, "and that is over");
}
