//! Wirings, engagements and destinations.

use domain::admission::{Ignored, Scope};
use domain::engage::Engage;
use domain::session_key::SessionMode;

use super::*;

fn known(store: &mut CentralStore, name: &str, info: &ChatInfo) -> ChatId {
    store.ensure_chat(&at("telegram", name), info, None, NOW).unwrap().id
}

#[test]
fn a_wiring_is_stored_changed_and_listed_by_priority() {
    let (_dir, mut store) = store_with(&["abby", "andy", "ben"]);
    let id = known(&mut store, "-1", &group("G"));
    for name in ["andy", "abby", "ben"] {
        store.set_wiring(&Wiring::usual(id, agent(name), true)).unwrap();
    }
    let ben = Wiring {
        chat: id,
        agent: agent("ben"),
        engage: Engage::Pattern("^!".into()),
        scope: Scope::All,
        ignored: Ignored::Drop,
        session_mode: SessionMode::AgentShared,
        priority: 5,
    };
    store.set_wiring(&ben).unwrap();
    let mut andy = store.agent(&agent("andy")).unwrap().unwrap();
    andy.trigger = Some("hey you".into());
    store.set_agent(&andy).unwrap();

    let all = store.wirings_of(id).unwrap();
    assert_eq!(all[0].wiring, ben);
    assert_eq!(all[1].wiring, Wiring::usual(id, agent("abby"), true));
    let triggers: Vec<&str> = all.iter().map(|it| &*it.trigger).collect();
    assert_eq!(triggers, ["@ben", "@abby", "hey you"]);
    assert_eq!(store.wirings().unwrap(), all);

    store.remove_agent(&agent("ben"), NOW).unwrap();
    assert_eq!(store.wirings_of(id).unwrap().len(), 2, "a removed agent is reached by nobody");
    assert!(store.unwire(id, &agent("andy")).unwrap());
    assert!(!store.unwire(id, &agent("andy")).unwrap());
    assert!(store.set_wiring(&Wiring::usual(id, agent("eve"), true)).is_err(), "no such agent");
    assert!(store.set_wiring(&Wiring::usual(ChatId(9), agent("abby"), true)).is_err());
}

#[test]
fn an_engagement_is_remembered_for_each_thread_and_goes_with_its_wiring() {
    let (_dir, mut store) = store_with(&["andy"]);
    let id = known(&mut store, "-1", &group("G"));
    let andy = agent("andy");
    store.touch_engaged(id, &andy, None, NOW).unwrap();
    assert_eq!(store.engaged_at(id, &andy, None).unwrap(), None, "not wired");
    store.set_wiring(&Wiring::usual(id, andy.clone(), true)).unwrap();
    store.touch_engaged(id, &andy, None, Timestamp(1)).unwrap();
    store.touch_engaged(id, &andy, Some("t"), Timestamp(2)).unwrap();
    store.touch_engaged(id, &andy, Some("t"), Timestamp(3)).unwrap();
    assert_eq!(store.engaged_at(id, &andy, None).unwrap(), Some(Timestamp(1)));
    assert_eq!(store.engaged_at(id, &andy, Some("t")).unwrap(), Some(Timestamp(3)));

    // Changing how it is wired forgets nothing; unwiring does.
    store.set_wiring(&Wiring::usual(id, andy.clone(), false)).unwrap();
    assert_eq!(store.engaged_at(id, &andy, None).unwrap(), Some(Timestamp(1)));
    store.unwire(id, &andy).unwrap();
    store.set_wiring(&Wiring::usual(id, andy.clone(), true)).unwrap();
    assert_eq!(store.engaged_at(id, &andy, None).unwrap(), None);
}

#[test]
fn a_wired_chat_gets_one_name_that_is_its_own() {
    let (_dir, mut store) = store_with(&["andy", "ben"]);
    let one = known(&mut store, "-1", &group("Our Family"));
    let two = known(&mut store, "-2", &group("our family!"));
    for id in [one, two, one] {
        store.set_wiring(&Wiring::usual(id, agent("andy"), true)).unwrap();
    }
    store.set_wiring(&Wiring::usual(two, agent("ben"), true)).unwrap();
    let names = |store: &CentralStore, of: &str| -> Vec<(String, ChatId)> {
        let all = store.destinations_of(&agent(of)).unwrap();
        all.into_iter().map(|it| (it.name, it.chat)).collect()
    };
    let (first, second) = ("our-family".to_owned(), "our-family-2".to_owned());
    assert_eq!(names(&store, "andy"), [(first.clone(), one), (second.clone(), two)]);
    assert_eq!(names(&store, "ben"), [(first.clone(), two)], "names are each agent's own");

    assert_eq!(wired(&store, &at("telegram", "-2")), [agent("andy"), agent("ben")]);
    assert_eq!(wired(&store, &at("discord", "-2")), [], "ids are each platform's own");

    store.unwire(one, &agent("andy")).unwrap();
    assert_eq!(names(&store, "andy"), [(second, two)]);
    assert_eq!(store.destination(&agent("ben"), &first).unwrap().unwrap().chat, two);
}

#[test]
fn a_name_that_was_given_by_hand_stays_when_a_chat_is_unwired() {
    let (_dir, mut store) = store_with(&["andy"]);
    let id = known(&mut store, "-1", &group("G"));
    assert!(store.add_destination(&agent("andy"), "g", id).unwrap());
    assert!(!store.add_destination(&agent("andy"), "g", id).unwrap());
    store.set_wiring(&Wiring::usual(id, agent("andy"), true)).unwrap();
    store.unwire(id, &agent("andy")).unwrap();
    assert_eq!(store.destinations().unwrap().len(), 1);
    assert!(store.remove_destination(&agent("andy"), "g").unwrap());
    assert!(!store.remove_destination(&agent("andy"), "g").unwrap());
}
