//! A question from the knock to its end, on a real file.

use std::time::Duration;

use domain::delivery::Verdict;
use domain::message::{Address, Author, ChatInfo};
use domain::outgoing::Content;

use super::*;
use crate::outbox::{Draft, PartKind};

const NOW: Timestamp = Timestamp(1_000_000);

struct Rig {
    _dir: tempfile::TempDir,
    central: CentralStore,
    chat: ChatId,
}

fn rig() -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let mut central = CentralStore::open(&dir.path().join("central.db")).unwrap();
    let chat = central.ensure_chat(&at("g"), &ChatInfo::default(), None, NOW).unwrap().id;
    Rig { _dir: dir, central, chat }
}

fn at(chat: &str) -> Address {
    Address { channel: "telegram".into(), account: "main".into(), chat: chat.into(), thread: None }
}

fn message(id: &str) -> Incoming {
    Incoming {
        from: at("g"),
        platform_id: id.into(),
        sender: Author { id: "bob".into(), name: "Bob".into() },
        text: id.into(),
        ..Incoming::default()
    }
}

fn knock(chat: ChatId) -> Question {
    Question {
        kind: QuestionKind::Chat,
        agent: None,
        chat: Some(chat),
        thread: None,
        session: None,
        requester: "telegram:bob".into(),
        requester_name: "Bob".into(),
        text: "May they?".into(),
        options: vec![Opt::new("Yes", "yes"), Opt::new("No", "no")],
        payload: String::new(),
        asked_at: NOW,
        expires_at: NOW + Duration::from_secs(60),
    }
}

fn say(key: &str, text: &str) -> NewPart {
    NewPart {
        key: PartKey(key.into()),
        to: at("ann"),
        reply_to: String::new(),
        kind: PartKind::Notice,
        content: Draft::Text(text.into()),
    }
}

fn opened(put: Put) -> QuestionId {
    match put {
        Put::New(id) => id,
        Put::Joined(_) | Put::Full => panic!("{put:?}"),
    }
}

#[test]
fn who_knocks_again_joins_the_first_knock_and_hears_nothing_new() {
    let Rig { mut central, chat, _dir } = rig();
    let asked = |id: QuestionId| vec![say(&format!("q{id}.asked"), "asked")];
    let id = opened(central.ask(&knock(chat), Some(&message("m1")), asked).unwrap());
    for again in ["m1", "m2"] {
        let put = central.ask(&knock(chat), Some(&message(again)), asked).unwrap();
        assert_eq!(put, Put::Joined(id));
    }
    let held: Vec<String> =
        central.held(id).unwrap().into_iter().map(|it| it.platform_id).collect();
    assert_eq!(held, ["m1", "m2"]);
    assert_eq!(central.open_parts().unwrap().len(), 1);
}

#[test]
fn one_answer_counts_and_what_is_said_about_it_is_committed_with_its_end() {
    let Rig { mut central, chat, _dir } = rig();
    let id = opened(central.ask(&knock(chat), None, |_| vec![]).unwrap());
    central.put(id, None, &say("card", "May they?"), NOW).unwrap();
    central.put(id, None, &say("card", "twice"), NOW).unwrap();
    assert_eq!(central.questions_in(&at("ann"), NOW).unwrap()[0].cards.len(), 1);
    assert!(central.answer_question(id, "yes", "telegram:ann", Some("m7")).unwrap());
    assert!(!central.answer_question(id, "no", "telegram:eve", Some("m8")).unwrap());
    let answered = ["m7", "m8"].map(|it| central.has_answered(&at("ann"), it).unwrap());
    assert_eq!(answered, [true, false]);
    assert!(!central.has_answered(&at("bob"), "m7").unwrap(), "another chat counts for itself");
    assert!(!central.expire_question(id).unwrap());
    let row = central.question(id).unwrap().unwrap();
    let by_ann = QuestionState::Answered { value: "yes".into(), by: "telegram:ann".into() };
    assert_eq!((row.state, row.settled), (by_ann, false));
    assert!(!central.settle_question(id, 1, &[say("end", "let in")], NOW).unwrap());
    assert_eq!(central.unsettled().unwrap().len(), 1, "another message joined");
    assert!(central.settle_question(id, 0, &[say("end", "let in")], NOW).unwrap());
    assert!(central.unsettled().unwrap().is_empty());
    let in_chat = |since: Timestamp| central.questions_in(&at("ann"), since).unwrap().len();
    assert_eq!([in_chat(NOW), in_chat(NOW + Duration::from_millis(1))], [1, 0]);
    assert!(central.has_said(&PartKey("end".into())).unwrap());
    // The same chat may be asked about anew.
    opened(central.ask(&knock(chat), None, |_| vec![]).unwrap());
}

#[test]
fn each_question_has_a_code_that_stays_and_another_install_has_others() {
    let codes = |rig: &Rig| -> Vec<String> {
        (1..20).map(|n| rig.central.card_code(QuestionId(n)).unwrap().to_string()).collect()
    };
    let (one, other) = (rig(), rig());
    assert_eq!(codes(&one), codes(&one));
    assert_ne!(codes(&one), codes(&other));
}

#[test]
fn a_part_of_the_host_is_claimed_before_it_is_sent() {
    let Rig { mut central, .. } = rig();
    let key = PartKey("hello".into());
    central.say(&say("hello", "hello"), NOW).unwrap();
    central.say(&say("hello", "again"), NOW).unwrap();
    let part = central.claim_part(&key, NOW).unwrap().unwrap();
    assert_eq!(part.content(), &Content::Text("hello".into()));
    assert_eq!(central.claim_part(&key, NOW).unwrap(), None, "it is being sent");
    let unknown = Verdict::Uncertain { retry_at: NOW };
    central.conclude_part(&key, &unknown, NOW).unwrap();
    assert!(central.claim_part(&key, NOW).unwrap().unwrap().is_repeat());
}

#[test]
fn strangers_cannot_fill_the_house() {
    let Rig { mut central, _dir, .. } = rig();
    for n in 0..KNOCKS_MAX {
        let chat = central.ensure_chat(&at(&n.to_string()), &ChatInfo::default(), None, NOW);
        let put = central.ask(&knock(chat.unwrap().id), Some(&message("m")), |_| vec![]);
        opened(put.unwrap());
    }
    let one_more = central.ensure_chat(&at("more"), &ChatInfo::default(), None, NOW).unwrap().id;
    let put = central.ask(&knock(one_more), Some(&message("m")), |_| vec![]).unwrap();
    assert_eq!(put, Put::Full);
    let agent = Question { kind: QuestionKind::Agent, session: None, ..knock(one_more) };
    assert!(central.ask(&agent, None, |_| vec![]).is_err(), "an agent's question has a session");
}
