//! Chats: what platforms say, what was decided, and moving.

use domain::admission::Policy;
use domain::message::{Admitted, InboundKind, Incoming};
use domain::question::Opt;
use rusqlite::params;

use super::*;
use crate::central::questions::{Put, Question, QuestionKind};

fn session_in(store: &CentralStore, chat: &Address, agent_name: &str) -> Option<SessionId> {
    let chat = store.chat(chat).unwrap().map(|it| it.id);
    let key = SessionKey { agent: agent(agent_name), chat, thread: None };
    store.session_of(&key).unwrap().map(|it| it.id)
}

#[test]
fn a_chat_is_made_once_and_follows_what_its_platform_says() {
    let (_dir, mut store) = store();
    let here = at("telegram", "-5");
    let first = store.ensure_chat(&here, &group("Family"), None, NOW).unwrap();
    assert_eq!((&*first.title, first.is_group, first.policy), ("Family", true, Policy::Ask));
    assert!(first.is_current(&group("Family"), None, NOW));
    assert!(first.is_current(&group(""), Some("1"), NOW), "a group has no peer");
    assert!(!first.is_current(&group("Friends"), None, NOW));
    let day = std::time::Duration::from_secs(24 * 3600);
    assert!(!first.is_current(&group("Family"), None, NOW + day), "it is active again");

    let unnamed = store.ensure_chat(&here, &group(""), None, NOW).unwrap();
    assert_eq!(unnamed, first, "no title is no news");
    let named = store.ensure_chat(&here, &group("Friends"), None, NOW).unwrap();
    assert_eq!((named.id, &*named.title), (first.id, "Friends"));
    let in_thread = Address { thread: Some("3".into()), ..here.clone() };
    assert_eq!(store.chat(&in_thread).unwrap().as_ref(), Some(&named));
    assert_eq!(store.chats().unwrap(), [named]);
}

#[test]
fn the_direct_chat_of_a_person_is_found_on_any_account() {
    let (_dir, mut store) = store();
    let direct = ChatInfo::default();
    let one = store.ensure_chat(&at("telegram", "7"), &direct, Some("7"), NOW).unwrap();
    let other = Address { account: "second".into(), ..at("telegram", "7") };
    store.ensure_chat(&other, &direct, Some("7"), NOW).unwrap();
    store.ensure_chat(&at("telegram", "-1"), &group("G"), Some("7"), NOW).unwrap();

    let find = |channel| store.direct_chat(channel, "7").unwrap();
    assert_eq!(find("telegram"), Some(one.clone()), "the first of them");
    assert_eq!(find("discord"), None);

    // A platform that says nothing of the peer takes nothing back.
    let again = store.ensure_chat(&at("telegram", "7"), &direct, None, NOW).unwrap();
    assert_eq!(again, one);
}

#[test]
fn a_decision_about_a_chat_holds_until_it_is_taken_back() {
    let (_dir, mut store) = store_with(&["andy"]);
    let id = store.ensure_chat(&chat("a"), &ChatInfo::default(), None, NOW).unwrap().id;
    assert!(store.set_policy(id, Policy::Strict).unwrap());
    assert!(store.set_denied(id, Some(Timestamp(5))).unwrap());
    assert!(store.set_denied(id, Some(Timestamp(6))).unwrap());
    let row = store.chat_by_id(id).unwrap().unwrap();
    assert_eq!((row.policy, row.denied_at), (Policy::Strict, Some(Timestamp(5))));
    assert!(store.set_denied(id, None).unwrap());
    assert_eq!(store.chat_by_id(id).unwrap().unwrap().denied_at, None);

    store.set_denied(id, Some(NOW)).unwrap();
    store.set_wiring(&Wiring::usual(id, agent("andy"), false)).unwrap();
    assert_eq!(store.chat_by_id(id).unwrap().unwrap().denied_at, None, "wiring takes it back");
    let nobody = ChatId(99);
    assert!(!store.set_policy(nobody, Policy::Ask).unwrap());
    assert!(!store.set_denied(nobody, Some(NOW)).unwrap());
}

#[test]
fn a_moved_chat_goes_on_under_its_new_id() {
    let (_dir, mut store) = store_with(&["andy"]);
    let (old, new) = (at("telegram", "-5"), at("telegram", "-100"));
    store.ensure_chat(&old, &group("G"), None, NOW).unwrap();
    store.wire(&old, &agent("andy"), NOW).unwrap();
    let session = store.create_session(&old, &agent("andy"), NOW).unwrap();
    let id = store.chat(&old).unwrap().unwrap().id;
    waiting_part(&store, &old);

    assert_eq!(store.move_chat(&old, &new).unwrap(), Some(id));
    assert_eq!(store.chat(&old).unwrap(), None);
    assert_eq!(wired(&store, &new), [agent("andy")]);
    assert_eq!(session_in(&store, &new, "andy"), Some(session));
    assert_eq!(part_goes_to(&store), "-100");
    assert_eq!(store.move_chat(&old, &new).unwrap(), None, "told again");
    assert_eq!(store.move_chat(&new, &new).unwrap(), Some(id));
}

#[test]
fn a_chat_that_moves_to_a_known_one_brings_along_what_that_has_not() {
    let (_dir, mut store) = store_with(&["andy", "ben"]);
    let (old, new) = (at("telegram", "-5"), at("telegram", "-100"));
    for (address, names) in [(&old, &["andy", "ben"][..]), (&new, &["ben"][..])] {
        store.ensure_chat(address, &group("G"), None, NOW).unwrap();
        for name in names {
            store.wire(address, &agent(name), NOW).unwrap();
            store.create_session(address, &agent(name), NOW).unwrap();
        }
    }
    let (from, to) = (store.chat(&old).unwrap().unwrap(), store.chat(&new).unwrap().unwrap());
    store.touch_engaged(from.id, &agent("andy"), None, NOW).unwrap();
    store.set_policy(from.id, Policy::Strict).unwrap();
    let andys = session_in(&store, &old, "andy");
    let bens = session_in(&store, &new, "ben");

    assert_eq!(store.move_chat(&old, &new).unwrap(), Some(to.id));
    assert_eq!(wired(&store, &new), [agent("andy"), agent("ben")]);
    assert_eq!(wired(&store, &old), []);
    assert_eq!(session_in(&store, &new, "andy"), andys);
    assert_eq!(session_in(&store, &new, "ben"), bens);
    assert_eq!(store.session_count().unwrap(), 3, "nothing is lost");
    assert_eq!(store.chat_by_id(to.id).unwrap().unwrap().policy, Policy::Strict);
    assert!(store.destinations().unwrap().iter().all(|it| it.chat == to.id));
}

#[test]
fn a_chat_that_moves_to_one_just_heard_of_leaves_nothing_behind() {
    let (_dir, mut store) = store_with(&["andy"]);
    let (old, new) = (at("telegram", "-5"), at("telegram", "-100"));
    store.ensure_chat(&old, &group("G"), None, NOW).unwrap();
    store.wire(&old, &agent("andy"), NOW).unwrap();
    let to = store.ensure_chat(&new, &group(""), None, NOW).unwrap().id;
    assert_eq!(store.move_chat(&old, &new).unwrap(), Some(to));
    let chats = store.chats().unwrap();
    assert_eq!(chats.len(), 1);
    assert_eq!((&*chats[0].title, &chats[0].address), ("G", &new));
    assert_eq!(wired(&store, &new), [agent("andy")]);
}

#[test]
fn both_questions_about_a_chat_and_the_one_it_moves_to_stay() {
    let (_dir, mut store) = store();
    let (old, new) = (at("telegram", "-5"), at("telegram", "-100"));
    let ids = [&old, &new].map(|it| store.ensure_chat(it, &group("G"), None, NOW).unwrap().id);
    let asked = ids.map(|chat| match store.ask(&about(chat)).unwrap() {
        Put::New(id) => id,
        Put::Joined(_) | Put::Full => panic!("asked already"),
    });
    assert_eq!(store.move_chat(&old, &new).unwrap(), Some(ids[1]));
    for id in asked {
        assert!(store.question(id).unwrap().is_some(), "{id}");
    }
    assert_eq!(store.unsettled().unwrap().len(), 2);
}

fn about(chat: ChatId) -> Question {
    Question {
        kind: QuestionKind::Chat,
        agent: None,
        chat: Some(chat),
        thread: None,
        session: None,
        requester: "telegram:bob".into(),
        requester_name: "Bob".into(),
        text: "Which agent?".into(),
        options: vec![Opt::new("Yes", "yes"), Opt::new("No", "no")],
        payload: String::new(),
        asked_at: NOW,
        expires_at: Timestamp(2_000),
    }
}

#[test]
fn what_waits_for_a_chat_that_can_be_reached_again_is_due_there_and_nowhere_else() {
    let (_dir, mut store) = store_with(&["andy", "ben"]);
    let (here, there) = (at("telegram", "-1"), at("telegram", "-2"));
    let mut ids = Vec::new();
    for (chat, name) in [(&here, "andy"), (&here, "ben"), (&there, "andy")] {
        store.ensure_chat(chat, &group("G"), None, NOW).unwrap();
        store.wire(chat, &agent(name), NOW).unwrap();
        ids.push(store.create_session(chat, &agent(name), NOW).unwrap());
    }
    for (session, chat, state) in
        [(ids[0], &here, "unsent"), (ids[1], &here, "sent"), (ids[2], &there, "unsent")]
    {
        let message =
            Incoming { from: chat.clone(), platform_id: "m".into(), ..Incoming::default() };
        let admitted = Admitted { message, kind: InboundKind::Chat, rule: None };
        store.rows(session).insert(&[admitted], NOW).unwrap();
        let sql =
            "INSERT INTO part (session, cause, key, channel, account, chat, kind, text, state,
                                     changed_at, created_at, retry_at)
                   SELECT session, seq, 'k', ?2, ?3, ?4, 'notice', 'hello', ?5, 1, 1, 9000
                   FROM message WHERE session = ?1";
        let row = params![session.0, chat.channel, chat.account, chat.chat, state];
        store.conn.execute(sql, row).unwrap();
    }
    store.parts_reachable(&here).unwrap();
    let due: Vec<i64> =
        store.list("due", "SELECT session FROM part WHERE retry_at = 0", []).unwrap();
    assert_eq!(due, [ids[0].0]);
}

fn waiting_part(store: &CentralStore, to: &Address) {
    store
        .conn
        .execute(
            "INSERT INTO part (key, channel, account, chat, kind, text, state, changed_at, created_at)
             VALUES ('k', ?1, ?2, ?3, 'notice', 'hello', 'ready', 1, 1)",
            [&to.channel, &to.account, &to.chat],
        )
        .unwrap();
}

fn part_goes_to(store: &CentralStore) -> String {
    store.conn.query_row("SELECT chat FROM part", [], |row| row.get(0)).unwrap()
}
