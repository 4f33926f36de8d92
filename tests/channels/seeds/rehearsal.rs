//! The checker itself: every law can be broken, and is then named.

use std::time::Duration;

use harness::conformance::{Fault, Visible};
use harness::discord::FakeDiscord;
use harness::telegram::FakeTelegram;

use super::laws::{Record, check};
use super::life::run;
use super::plan::{Plan, Strike};
use crate::ann::PATIENCE;

/// Breaks a law in a record; the rest of it stays as it was.
type Flaw = fn(&mut Record);

const FLAWS: [(&str, Flaw); 8] = [
    ("the answer to 0 was shown 2 times without saying so", |record| {
        record.visible.push(first_answer(record).clone());
    }),
    ("1 repeats, for 0 excuses", |record| {
        let mut again = first_answer(record).clone();
        again.text.insert_str(0, "(possibly a repeat)\n\n");
        record.visible.push(again);
    }),
    ("number 0 was met with silence", |record| {
        let first = first_answer(record).id.clone();
        record.visible.retain(|it| it.id != first);
    }),
    ("number 3 was answered before 0", |record| {
        let first = first_answer(record).clone();
        record.visible.retain(|it| it.id != first.id);
        record.visible.push(first);
    }),
    ("nobody asked in 4242 for", |record| {
        let elsewhere = record.visible.iter_mut().find(|it| it.place.is_group).unwrap();
        elsewhere.place.chat = "4242".into();
    }),
    ("number 0 ended as []", |record| {
        let id = record.posted[0].id.clone();
        record.outcomes.retain(|it| it.0 != id);
    }),
    ("number 0 ended as [Some(Answered), Some(Answered)]", |record| {
        let again = record.outcomes.iter().find(|end| end.0 == record.posted[0].id).cloned();
        record.outcomes.extend(again);
    }),
    ("it did not come to rest", |it| it.at_rest = false),
];

/// What answers the first message. Chats do not wait for each other, so it need not be shown first.
fn first_answer(record: &Record) -> &Visible {
    record.posted[0].answers(&record.visible).next().unwrap()
}

#[tokio::test]
async fn a_broken_law_is_named() {
    let double = FakeTelegram::start().await;
    let record = run(&double, &Plan::undisturbed(), PATIENCE).await;
    assert_eq!(check(&record), Vec::<String>::new(), "{}", record.shown());
    for (wanted, flaw) in FLAWS {
        let mut broken = record.clone();
        flaw(&mut broken);
        let found = check(&broken);
        assert!(found.iter().any(|it| it.contains(wanted)), "{wanted}: {found:?}");
    }
}

/// A whole run with an answer that a platform refuses for good.
#[tokio::test]
async fn an_answer_that_never_arrives_is_missed() {
    let refused = (Duration::ZERO, Strike::Send(Fault::Forbidden));
    let plan = Plan { strikes: vec![refused], ..Plan::undisturbed() };
    // What did not come by then does not come.
    let record = run(&FakeDiscord::start().await, &plan, Duration::from_secs(3)).await;
    let found = check(&record);
    // One part was refused; it may have answered all messages but one of its chat.
    let silent = found.iter().filter(|it| it.ends_with("was met with silence")).count();
    let here = record.posted.len() / 3;
    assert!((1..here).contains(&silent), "{found:?}\n{}", record.shown());
}
