//! Access requests: their limits, what they share, and pairing codes that somebody guesses.

use domain::people::Role;
use harness::crash::Crash;
use harness::platform::{TestMessage, address};
use store::PairingRole;

use super::rig::{
    HOUR, MINUTE, SECOND, by, central, direct, grant, open_code, press, public, shown_in,
};

#[tokio::test(start_paused = true)]
async fn an_unknown_user_who_guesses_uses_up_their_own_tries_and_nobody_elses() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    let code = open_code(&world, Some(PairingRole::Owner));
    for n in 0..9 {
        let guess = format!("00000{n}");
        world.platform.write(TestMessage::new("eve-chat", &guess, &guess).by("eve", "Eve"));
    }
    world.platform.write(TestMessage::new("eve-chat", "right", &code).by("eve", "Eve"));
    world.pass(5 * SECOND).await;
    assert!(!central(&world).has_owner().unwrap(), "five tries, then not even the right one");
    world.platform.post("ann-chat", "late", &code);
    world.pass(5 * SECOND).await;
    assert!(central(&world).has_owner().unwrap(), "{:?}", world.platform.texts("ann-chat"));
}

#[tokio::test(start_paused = true)]
async fn many_accounts_that_guess_are_slowed_down() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    let code = open_code(&world, Some(PairingRole::Owner));
    for n in 10..30 {
        let (chat, who) = (format!("chat-{n}"), format!("eve{n}"));
        let guess = format!("0000{n}");
        world.platform.write(TestMessage::new(&chat, &guess, &guess).by(&who, "Eve"));
    }
    world.platform.post("ann-chat", "m1", &code);
    world.pass(5 * SECOND).await;
    let told = world.platform.texts("ann-chat");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("Wait a minute"), "{told:?}");
    world.pass(MINUTE).await;
    world.platform.post("ann-chat", "m2", &code);
    world.pass(5 * SECOND).await;
    assert!(central(&world).has_owner().unwrap(), "{:?}", world.platform.texts("ann-chat"));
}

#[tokio::test(start_paused = true)]
async fn a_mob_gets_ten_cards_and_the_owner_one_sentence_about_the_rest() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    grant(&world, "ann", &Role::Owner);
    for n in 0..30 {
        let (chat, id) = (format!("chat-{n}"), format!("m{n}"));
        world.platform.write(TestMessage::new(&chat, &id, "hi").by(&format!("eve{n}"), "Eve"));
    }
    world.pass(MINUTE).await;
    assert_eq!(shown_in(&world, &direct("ann")).len(), 10, "cards");
    let told = world.platform.texts("chat-29");
    assert!(told.len() == 1 && told[0].contains("Write again in an hour"), "{told:?}");
    assert_eq!(central(&world).chats().unwrap().len(), 10);
    world.pass(15 * MINUTE).await;
    let texts = world.platform.texts(&direct("ann"));
    let summary: Vec<_> = texts.iter().filter(|it| it.contains("more unknown")).collect();
    assert_eq!(summary.len(), 1, "{texts:?}");
    assert!(summary[0].starts_with("20 more unknown users wrote to me, too many"), "{summary:?}");
    world.pass(HOUR).await;
    world.platform.write(TestMessage::new("chat-29", "again", "hi").by("eve29", "Eve"));
    world.pass(MINUTE).await;
    let told = world.platform.texts("chat-29");
    assert!(told.last().unwrap().contains("I asked for permission"), "{told:?}");
}

/// Ann shares andy with an unknown chat, or gives it an agent of its own.
#[tokio::test(start_paused = true)]
async fn one_tap_never_shares_the_agent_of_the_owner() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    grant(&world, "ann", &Role::Owner);
    for (chat, id) in [("c1", "cleo"), ("c2", "dora")] {
        world.platform.write(TestMessage::new(chat, id, &format!("hi from {id}")).by(id, id));
        world.pass(5 * SECOND).await;
        let card = shown_in(&world, &direct("ann")).pop().unwrap();
        let labels: Vec<&str> = card.buttons.iter().map(|it| it.label.as_str()).collect();
        let own = format!("New agent `{id}`");
        assert_eq!(labels[..3], [own.as_str(), "Refuse", "Share andy…"]);
        assert!(card.text.contains("can read its memory and files"), "{card:?}");
        press(&world, &direct("ann"), "Share andy…", by("ann", "Ann"));
        world.pass(5 * SECOND).await;
        assert!(!world.platform.texts(chat).join("\n").contains("hi from"), "one tap");
        let last = if id == "cleo" { "Yes, share andy" } else { own.as_str() };
        press(&world, &direct("ann"), last, by("ann", "Ann"));
        world.pass(10 * SECOND).await;
        assert!(world.platform.texts(chat).join("\n").contains(&format!("hi from {id}")));
        let card = shown_in(&world, &direct("ann")).pop().unwrap();
        assert!(card.text.contains("Undo: `nanoclaw chats disconnect"), "{card:?}");
    }
    let agents = |chat: &str| -> Vec<String> {
        let db = central(&world);
        let id = db.chat(&address(chat)).unwrap().unwrap().id;
        let wirings = db.wirings_of(id).unwrap();
        wirings.into_iter().map(|it| it.wiring.agent.to_string()).collect()
    };
    assert_eq!((agents("c1"), agents("c2")), (vec!["andy".into()], vec!["dora".into()]));
}

/// An agent of the same name was removed, or another chat of the same title got one meanwhile: a new
/// agent brings nobody's memory along.
#[tokio::test(start_paused = true)]
async fn a_new_agent_for_a_chat_is_new() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    grant(&world, "ann", &Role::Owner);
    for (chat, who) in [("g1", "bob"), ("g2", "eve")] {
        let message = TestMessage::new(chat, who, "hello").by(who, who).in_group("Club").mention();
        world.platform.write(message);
        world.pass(5 * SECOND).await;
    }
    for card in shown_in(&world, &direct("ann")) {
        let button = &card.buttons[0];
        assert_eq!(button.label, "New agent `club`");
        world.platform.click(&card.id, &button.data, by("ann", "Ann"));
        world.pass(5 * SECOND).await;
    }
    let names: Vec<String> =
        central(&world).agents().unwrap().iter().map(|it| it.name.to_string()).collect();
    assert_eq!(names, ["andy", "club", "club-2"]);
}
