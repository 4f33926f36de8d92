//! Codes: opened, used once, closed.

use std::time::Duration;

use domain::message::{Author, Body, Incoming};
use domain::pairing::{ALL_SPAN, SENDER_SPAN};
use domain::people::Role;

use super::*;

const TTL: Duration = Duration::from_secs(600);

fn code(text: &str, role: Option<PairingRole>, agent_name: Option<&str>) -> NewPairing {
    NewPairing {
        code: text.into(),
        role,
        agent: agent_name.map(agent),
        wires: true,
        expires_at: NOW + TTL,
    }
}

fn by(id: &str, chat: &str, info: ChatInfo) -> Incoming {
    let sender = Author::new(id, "Ann");
    let body = Body { chat: info, ..Body::new(sender, "") };
    Incoming { from: at("telegram", chat), body, ..Incoming::default() }
}

/// Whether the code that was used last connected its chat.
fn has_wired(store: &CentralStore) -> bool {
    store.events(true, 1).unwrap()[0].detail["wired"] == true
}

#[test]
fn a_code_makes_an_owner_and_connects_the_chat_once() {
    let (_dir, mut store) = store_with(&["andy"]);
    let new = code("123456", Some(PairingRole::Owner), Some("andy"));
    let id = store.open_pairing(&new, NOW).unwrap().unwrap();
    assert_eq!(store.open_pairing(&new, NOW).unwrap(), None, "it is open already");
    assert_eq!(store.open_pairings(NOW).unwrap()[0].pairing, new);

    assert!(store.use_pairing(id, &by("1", "1", ChatInfo::default()), NOW).unwrap());
    assert!(has_wired(&store));
    assert_eq!(store.standing(&telegram("1")).unwrap().unwrap().1.roles, [Role::Owner]);
    let chat = store.chat(&at("telegram", "1")).unwrap().unwrap().id;
    let wired = store.wirings_of(chat).unwrap();
    assert_eq!(wired[0].wiring, Wiring::usual(chat, agent("andy"), false));
    let direct = store.direct_chat("telegram", "1").unwrap();
    assert_eq!(direct.map(|it| it.id), Some(chat));

    let again = store.use_pairing(id, &by("2", "2", ChatInfo::default()), NOW).unwrap();
    assert!(!again, "used up");
    assert_eq!(store.person_of(&telegram("2")).unwrap(), None);
    let row = store.pairing(id).unwrap().unwrap();
    assert_eq!((row.used_by, row.used_in), (Some("telegram:1".into()), Some(chat)));
    assert_eq!(store.open_pairings(NOW).unwrap(), []);
}

#[test]
fn a_code_in_a_group_admits_its_sender_and_leaves_a_wiring_as_it_is() {
    let (_dir, mut store) = store_with(&["andy"]);
    store.deny(&telegram("1"), "Ann", &agent("andy")).unwrap();
    let new = code("1", Some(PairingRole::Member), Some("andy"));
    let id = store.open_pairing(&new, NOW).unwrap().unwrap();
    assert!(store.use_pairing(id, &by("1", "-9", group("G")), NOW).unwrap());
    assert_eq!(store.standing(&telegram("1")).unwrap().unwrap().1.member_of, [agent("andy")]);
    assert!(!store.is_denied(&telegram("1"), &agent("andy")).unwrap());
    let chat = store.chat(&at("telegram", "-9")).unwrap().unwrap();
    let usual = Wiring::usual(chat.id, agent("andy"), true);
    assert_eq!(store.wirings_of(chat.id).unwrap()[0].wiring, usual);
    assert_eq!(chat.peer, None);

    let mine = Wiring { priority: 3, ..usual };
    store.set_wiring(&mine).unwrap();
    let id = store.open_pairing(&code("2", None, Some("andy")), NOW).unwrap().unwrap();
    assert!(store.use_pairing(id, &by("1", "-9", group("G")), NOW).unwrap());
    assert!(!has_wired(&store));
    assert_eq!(store.wirings_of(chat.id).unwrap()[0].wiring, mine);
}

#[test]
fn a_code_is_good_for_its_time_only() {
    let (_dir, mut store) = store();
    let id = store.open_pairing(&code("1", Some(PairingRole::Owner), None), NOW).unwrap().unwrap();
    let sender = by("1", "1", ChatInfo::default());
    assert!(!store.use_pairing(id, &sender, NOW + TTL).unwrap());
    let before = Timestamp(NOW.0 - 1);
    assert!(!store.use_pairing(id, &sender, before).unwrap(), "the clock stepped back");
    assert_eq!(store.open_pairings(NOW + TTL).unwrap(), []);
    assert!(!store.has_owner().unwrap());
    // A code that is over does not keep its digits.
    let again = NewPairing { expires_at: NOW + TTL * 2, ..code("1", None, None) };
    assert!(store.open_pairing(&again, NOW + TTL).unwrap().is_some());
}

#[test]
fn wrong_codes_are_counted_per_sender_and_close_nothing() {
    let (_dir, mut store) = store();
    let one = store.open_pairing(&code("1", None, None), NOW).unwrap().unwrap();
    let (eve, ann) = (Handle::new("telegram", "eve"), Handle::new("telegram", "ann"));
    for _ in 0..7 {
        store.count_wrong(&eve, NOW).unwrap();
    }
    let counted = |store: &CentralStore, by: &Handle, after: Duration| {
        let guesses = store.guesses(by, NOW + after).unwrap();
        (guesses.by_sender, guesses.by_all)
    };
    assert_eq!(counted(&store, &eve, Duration::ZERO), (7, 7));
    assert_eq!(counted(&store, &ann, Duration::ZERO), (0, 7));
    assert_eq!(counted(&store, &eve, ALL_SPAN), (7, 0));
    assert_eq!(counted(&store, &eve, SENDER_SPAN), (0, 0));
    assert_eq!(store.open_pairings(NOW).unwrap().len(), 1);
    assert_eq!(store.pairing(one).unwrap().unwrap().wrong, 7);
    assert_eq!(store.close_pairings(Some(one), NOW).unwrap(), 1);
    assert_eq!(store.close_pairings(None, NOW).unwrap(), 0);
}
