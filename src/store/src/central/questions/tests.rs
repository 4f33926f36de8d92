//! A question from the access request to its end, on a real file.

use std::time::Duration;

use domain::agent::AgentGroup;
use domain::approval::{ACCOUNT_SPAN_MAX, SPAN, TOLD_MAX};
use domain::delivery::Verdict;
use domain::delivery::by_hand::HostKey;
use domain::message::{Address, Author, Body, ChatInfo};
use domain::outgoing::Content;
use domain::session_key::SessionKey;

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
        body: Body::new(Author::new("bob", "Bob"), id),
        ..Incoming::default()
    }
}

fn access_question(chat: ChatId) -> Question {
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

fn telling(id: QuestionId) -> NewPart {
    say(&format!("q{id}.asked"), "asked")
}

fn opened(put: Put) -> QuestionId {
    match put {
        Put::New(id) => id,
        Put::Joined(_) | Put::Full => panic!("{put:?}"),
    }
}

#[test]
fn a_second_access_request_joins_the_first_and_hears_nothing_new() {
    let Rig { mut central, chat, _dir } = rig();
    let asked = Some(telling);
    let id = opened(
        central.request_access(&access_question(chat), &message("m1"), None, asked).unwrap(),
    );
    for again in ["m1", "m2"] {
        let put =
            central.request_access(&access_question(chat), &message(again), None, asked).unwrap();
        assert_eq!(put, Put::Joined(id));
    }
    let pending: Vec<String> =
        central.pending_messages(id).unwrap().into_iter().map(|it| it.platform_id).collect();
    assert_eq!(pending, ["m1", "m2"]);
    assert_eq!(central.rows(SessionId(0)).open_parts().unwrap().len(), 1);
}

#[test]
fn one_answer_counts_and_what_is_said_about_it_is_committed_with_its_end() {
    let Rig { mut central, chat, _dir } = rig();
    let id = opened(central.ask(&access_question(chat)).unwrap());
    central.put(id, None, &say("card", "May they?"), NOW).unwrap();
    central.put(id, None, &say("card", "twice"), NOW).unwrap();
    assert_eq!(central.questions_in(&at("ann"), NOW).unwrap()[0].cards.len(), 1);
    assert!(central.answer_question(id, "yes", "telegram:ann", Some("m7"), NOW).unwrap());
    assert!(!central.answer_question(id, "no", "telegram:eve", Some("m8"), NOW).unwrap());
    let context = |central: &CentralStore, chat: &str, message: &str| {
        let keys = [PartKey("which".into()), PartKey("end".into())];
        central.reply_context(&at(chat), message, &keys, NOW).unwrap()
    };
    let answered = ["m7", "m8"].map(|it| context(&central, "ann", it).has_answered);
    assert_eq!(answered, [true, false]);
    assert!(context(&central, "ann", "m8").has_cards);
    let of_another = ReplyContext::default();
    assert_eq!(context(&central, "bob", "m7"), of_another, "another chat counts for itself");
    let row = central.question(id).unwrap().unwrap();
    let by_ann = QuestionState::Answered { value: "yes".into(), by: "telegram:ann".into() };
    assert_eq!((&row.state, row.settled), (&by_ann, false));
    assert_eq!(central.unsettled().unwrap(), [row]);
    central.settle_question(id, false, &[say("end", "let in")], NOW).unwrap();
    assert!(central.unsettled().unwrap().is_empty());
    let row = central.question(id).unwrap().unwrap();
    assert_eq!((row.state, row.settled), (by_ann, true));
    let in_chat = |since: Timestamp| central.questions_in(&at("ann"), since).unwrap().len();
    assert_eq!([in_chat(NOW), in_chat(NOW + Duration::from_millis(1))], [1, 0]);
    assert!(central.has_said(&PartKey("end".into())).unwrap());
    assert!(context(&central, "bob", "m9").has_pairing, "this one was said already");
    // The same chat may be asked about again.
    opened(central.ask(&access_question(chat)).unwrap());
}

#[test]
fn what_waited_is_due_once_its_user_was_let_in_and_until_it_was_routed() {
    let Rig { mut central, chat, _dir } = rig();
    let ask = |central: &mut CentralStore| {
        let (question, message) = (access_question(chat), message("m1"));
        opened(central.request_access(&question, &message, None, Some(telling)).unwrap())
    };
    let refused = ask(&mut central);
    central.settle_question(refused, false, &[], NOW).unwrap();
    let row = central.question(refused).unwrap().unwrap();
    assert_eq!((row.state, row.settled), (QuestionState::Expired, true), "nobody answered");
    let approved = ask(&mut central);
    assert_eq!(central.due_questions().unwrap(), []);
    central.settle_question(approved, true, &[], NOW).unwrap();
    assert_eq!(central.due_questions().unwrap(), [approved]);
    // As the router counted each while it waited; one that was not kept reached nobody. What was routed may
    // wait once more, until somebody lets in who wrote it.
    let eve = message("m1").body.sender;
    for why in ["chat-not-connected", "chat-not-connected", "not-called", "unknown-ask"] {
        central.record_drop(&message("m1").from, &eve, why, NOW).unwrap();
    }
    for _ in ["now", "after a crash"] {
        central.messages_routed(approved).unwrap();
    }
    let mut dropped: Vec<_> =
        central.dropped().unwrap().into_iter().map(|it| (it.reason, it.count)).collect();
    dropped.sort();
    let expected = ["chat-not-connected", "not-called", "unknown-ask"].map(|it| (it.to_owned(), 1));
    assert_eq!(dropped, expected);
    assert_eq!(central.due_questions().unwrap(), []);
    assert_eq!(central.pending_messages(approved).unwrap().len(), 1, "`why` tells of it");
}

#[test]
fn an_agent_with_many_conversations_cannot_fill_the_chat_of_an_admin() {
    let Rig { mut central, _dir, .. } = rig();
    let agent = |name: &str| AgentName::parse(name).unwrap();
    for name in ["andy", "abby"] {
        central.add_agent(&AgentGroup::new(agent(name))).unwrap();
    }
    let mut seq = 0;
    let mut ask = |central: &mut CentralStore, of: &str, thread: i64, kind: QuestionKind| {
        let chat = central.ensure_chat(&at("g"), &ChatInfo::default(), None, NOW).unwrap().id;
        let (agent, thread) = (agent(of), Some(thread.to_string()));
        let key = SessionKey { agent, chat: Some(chat), thread };
        let session = central.session_for(&key, NOW).unwrap();
        seq += 1;
        // Whom a change is about is not who asks.
        let agent = Some(AgentName::parse("abby").unwrap());
        let session = Some((session.id, OutSeq(seq)));
        central.ask(&Question { kind, agent, session, ..access_question(chat) }).unwrap()
    };
    let changes: Vec<QuestionId> = (0..CHANGES_OPEN_MAX)
        .map(|n| opened(ask(&mut central, "andy", n, QuestionKind::Change)))
        .collect();
    assert_eq!(ask(&mut central, "andy", 99, QuestionKind::Change), Put::Full);
    opened(ask(&mut central, "andy", 99, QuestionKind::Agent));
    opened(ask(&mut central, "abby", 99, QuestionKind::Change));
    central.settle_question(changes[0], false, &[], NOW).unwrap();
    opened(ask(&mut central, "andy", 99, QuestionKind::Change));
    assert_eq!(ask(&mut central, "andy", 98, QuestionKind::Change), Put::Full);
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
    let key = HostKey { session: None, part: PartKey("hello".into()) };
    central.say(&say("hello", "hello"), NOW).unwrap();
    central.say(&say("hello", "again"), NOW).unwrap();
    let claim = |central: &mut CentralStore| {
        central.claim_parts(std::slice::from_ref(&key), NOW).unwrap().remove(0)
    };
    let part = claim(&mut central).unwrap();
    assert_eq!((&part.content), &Content::Text("hello".into()));
    assert_eq!(part.host_key, key);
    assert_eq!(claim(&mut central), None, "it is being sent");
    let unknown = Verdict::Uncertain { retry_at: NOW };
    central.conclude_parts(&[(key.clone(), unknown)], NOW).unwrap();
    assert!(claim(&mut central).unwrap().is_repeat);
}

/// A message of somebody in a chat of their own, on one account of the bot.
fn from(account: &str, who: &str) -> Incoming {
    let mut message = message(who);
    message.from = Address { account: account.into(), ..at(who) };
    message.body.sender.id = who.into();
    message
}

fn request(message: &Incoming, now: Timestamp) -> Question {
    let requester = format!("telegram:{}", message.body.sender.id);
    Question { requester, asked_at: now, chat: None, ..access_question(ChatId(0)) }
}

/// How many on an account heard that nobody is asked about them.
fn told(central: &CentralStore, account: &str) -> u32 {
    let sql = "SELECT count(*) FROM part WHERE account = ?1 AND key LIKE 'refused.%'";
    central.conn.query_row(sql, [account], |row| row.get(0)).unwrap()
}

#[test]
fn unknown_users_of_one_account_cannot_use_up_what_another_has() {
    let Rig { mut central, _dir, .. } = rig();
    let mut ask = |account: &str, who: String, now: Timestamp| {
        let message = from(account, &who);
        central.request_access(&request(&message, now), &message, None, Some(telling)).unwrap()
    };
    for n in 0..ACCOUNT_SPAN_MAX {
        opened(ask("main", format!("eve{n}"), NOW));
    }
    for n in 0..300 {
        assert_eq!(ask("main", format!("mob{n}"), NOW), Put::Full);
    }
    opened(ask("other", "bob".into(), NOW));
    assert!(matches!(ask("main", "eve0".into(), NOW), Put::Joined(_)), "who waits goes on waiting");
    let later = NOW + SPAN + Duration::from_secs(1);
    opened(ask("main", "bob".into(), later));
    let chats = central.chats().unwrap().len();
    assert_eq!(chats, 1 + 10 + 1 + 1, "no chat for those whom nobody is asked about");
    assert_eq!(told(&central, "main"), TOLD_MAX, "as many are told, and no more");
    let unasked = central.unasked().unwrap().unwrap();
    assert_eq!((unasked.users, unasked.oldest, unasked.last_told), (300, NOW, None));
    central.tell_unasked(&say("unasked.1", "300 more"), NOW).unwrap();
    assert_eq!(central.unasked().unwrap(), None);
}

#[test]
fn who_is_not_asked_about_is_told_on_each_account() {
    let Rig { mut central, _dir, .. } = rig();
    let mut ask = |account: &str, who: &str| {
        let message = from(account, who);
        central.request_access(&request(&message, NOW), &message, None, Some(telling)).unwrap()
    };
    for account in ["main", "other"] {
        for n in 0..ACCOUNT_SPAN_MAX {
            opened(ask(account, &format!("{account}{n}")));
        }
    }
    for n in 0..=TOLD_MAX {
        assert_eq!(ask("main", &format!("mob{n}")), Put::Full);
    }
    assert_eq!(ask("other", "zoe"), Put::Full);
    assert_eq!(["main", "other"].map(|it| told(&central, it)), [TOLD_MAX, 1]);
}

#[test]
fn one_user_in_many_groups_and_one_group_of_many_users_have_limits_of_their_own() {
    let Rig { mut central, _dir, .. } = rig();
    let andy = AgentGroup::new(AgentName::parse("andy").unwrap());
    assert!(central.add_agent(&andy).unwrap());
    let mut ask = |who: &str, chat: &str, kind: QuestionKind| {
        let mut message = from("main", who);
        message.from.chat = chat.into();
        let agent = (kind == QuestionKind::Sender).then(|| AgentName::parse("andy").unwrap());
        let question = Question { kind, agent, ..request(&message, NOW) };
        central.request_access(&question, &message, None, Some(telling)).unwrap()
    };
    for n in 0..3 {
        opened(ask("eve", &format!("group{n}"), QuestionKind::Chat));
    }
    assert_eq!(ask("eve", "group3", QuestionKind::Chat), Put::Full);
    opened(ask("bob", "group3", QuestionKind::Chat));
    for n in 0..4 {
        opened(ask(&format!("mob{n}"), "group3", QuestionKind::Sender));
    }
    assert_eq!(ask("mob4", "group3", QuestionKind::Sender), Put::Full);
    opened(ask("ann", "home", QuestionKind::Sender));
}
