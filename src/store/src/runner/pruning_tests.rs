//! What the runner removes of its own database, and what it never does.

use domain::message::{Admitted, Author, Body, InboundKind, Incoming, Outcome};
use domain::retention::MACHINERY;
use domain::time::Timestamp;
use domain::{MessageSeq, OutSeq, SessionId};

use crate::layout::Layout;
use crate::{RunnerStore, SessionContext, SessionStore, TurnEnd};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

#[test]
fn only_what_the_host_has_taken_over_goes_and_numbers_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::new(dir.path());
    let paths = layout.session(SessionId(1));
    let mut host = SessionStore::create(&layout, NOW).unwrap();
    let message = |n: i64| Incoming {
        platform_id: format!("m{n}"),
        body: Body::new(Author::new("u", "U"), ""),
        ..Incoming::default()
    };
    let all: Vec<Admitted> = (1..=4)
        .map(|n| Admitted { message: message(n), kind: InboundKind::Chat, rule: None })
        .collect();
    host.posting().insert(&all, NOW).unwrap();
    let by = host.posting().launch(NOW).unwrap();
    let mut runner = RunnerStore::open(&paths.inbound_dir(), &paths.outbound_dir(), by).unwrap();
    let mut turn = |seq: i64| {
        let message = MessageSeq(seq);
        runner.claim(&[message], NOW).unwrap();
        let end = TurnEnd {
            messages: vec![message],
            outcome: Outcome::Answered,
            reason: String::new(),
            text: Some(format!("answer {seq}")),
            cost: None,
        };
        runner.end_turn(&end, &[], NOW).unwrap();
    };
    turn(2);
    turn(4);
    host.import(&SessionContext::default(), NOW).unwrap();
    turn(6);

    let later = NOW + MACHINERY;
    assert_eq!(runner.prune(later).unwrap(), 0, "not old enough");
    let later = Timestamp(later.0 + 1);
    assert_eq!(runner.prune(later).unwrap(), 4, "two replies, two claims");
    assert_eq!(runner.prune(later).unwrap(), 0);
    assert_eq!(runner.own_form(OutSeq(1)).unwrap(), None);
    assert!(runner.own_form(OutSeq(5)).unwrap().is_some(), "the host has not got it yet");

    host.import(&SessionContext::default(), later).unwrap();
    assert_eq!(runner.prune(later).unwrap(), 1, "a claim; the last reply keeps its number");
    let next = runner.say(MessageSeq(8), "more", later).unwrap();
    assert_eq!(next, OutSeq(7));
    assert!(host.snapshot().unwrap().news.is_news(), "it is taken for new");
}
