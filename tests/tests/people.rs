//! Who may come in: pairing, unknown users, new chats, and who decides.

use domain::admission::Policy;
use domain::people::Role;
use harness::crash::Crash;
use harness::host::World;
use harness::platform::{FakePlatform, TestMessage, address};
use store::{PairingRole, Wiring};

use super::rig::{
    HOUR, MINUTE, SECOND, andy, by, central, direct, grant, open_code, press, public, shown_in,
};

#[tokio::test(start_paused = true)]
async fn the_first_owner_proves_themselves_with_a_code_and_is_answered_from_then_on() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    let code = open_code(&world, Some(PairingRole::Owner));
    world.platform.post("ann-chat", "m1", &code);
    world.pass(5 * SECOND).await;
    assert_eq!(
        world.platform.texts("ann-chat"),
        [
            "Paired. You can write to me now. Your time zone is UTC. If that's wrong, send `/timezone CITY`."
        ]
    );
    assert!(central(&world).has_owner().unwrap());
    world.platform.post("ann-chat", "m2", "hello");
    world.pass(5 * SECOND).await;
    assert!(world.platform.texts("ann-chat")[1].contains("you said \"hello\""));
    world.platform.write(TestMessage::new("eve-chat", "m3", &code).by("eve", "Eve"));
    world.pass(5 * SECOND).await;
    let eve = world.platform.texts("eve-chat").join("\n");
    assert!(!eve.contains("Paired"), "a code works once: {eve}");
}

#[tokio::test(start_paused = true)]
async fn a_new_group_asks_the_owner_for_access_and_its_first_message_is_answered_after_a_yes() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    grant(&world, "ann", &Role::Owner);
    let hello = TestMessage::new("g", "m1", "hello there").by("bob", "Bob").in_group("Family Chat");
    world.platform.write(hello.mention());
    world.pass(5 * SECOND).await;
    let told = world.platform.texts("g");
    assert_eq!(told.len(), 1, "the requester hears that somebody was asked: {told:?}");
    assert!(world.engine.log().is_empty(), "nothing ran for an unknown user");
    press(&world, &direct("ann"), "New agent `family-chat`", by("ann", "Ann"));
    world.pass(10 * SECOND).await;
    let texts = world.platform.texts("g");
    assert!(texts.last().unwrap().contains("hello there"), "{texts:?}");
    let agents: Vec<String> =
        central(&world).agents().unwrap().iter().map(|it| it.name.to_string()).collect();
    assert_eq!(agents, ["andy", "family-chat"]);
    let card = &shown_in(&world, &direct("ann"))[0];
    assert!(card.buttons.is_empty() && card.text.contains("Decided by"), "{card:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_chat_stays_refused_without_another_word() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    grant(&world, "ann", &Role::Owner);
    let say = |id: &str| TestMessage::new("g", id, "hi").by("bob", "Bob").in_group("X").mention();
    world.platform.write(say("m1"));
    world.pass(5 * SECOND).await;
    press(&world, &direct("ann"), "Refuse", by("ann", "Ann"));
    world.pass(5 * SECOND).await;
    let before = world.platform.sent().len();
    world.platform.write(say("m2"));
    world.pass(HOUR).await;
    assert_eq!(world.platform.sent().len(), before);
    let dropped = central(&world).dropped().unwrap();
    assert!(dropped.iter().any(|it| it.reason == "chat-denied" && it.count == 1), "{dropped:?}");
}

#[tokio::test(start_paused = true)]
async fn connecting_a_chat_by_hand_answers_the_question_about_it() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    grant(&world, "ann", &Role::Owner);
    let message =
        TestMessage::new("g", "m1", "hello there").by("bob", "Bob").in_group("X").mention();
    world.platform.write(message);
    world.pass(5 * SECOND).await;
    let mut db = central(&world);
    let chat = db.chat(&address("g")).unwrap().unwrap().id;
    db.set_wiring(&Wiring::usual(chat, andy(), true)).unwrap();
    world.pass(2 * MINUTE).await;
    assert!(world.platform.texts("g").last().unwrap().contains("hello there"));
    let card = &shown_in(&world, &direct("ann"))[0];
    assert!(card.buttons.is_empty() && card.text.contains("the command line"), "{card:?}");
}

/// A group that belongs to andy, in which ann is known and others have to be asked about.
fn family(world: &World) {
    let mut central = central(world);
    let info = domain::message::ChatInfo { title: "Family".into(), is_group: true };
    let chat = central.ensure_chat(&address("g"), &info, None, world.now()).unwrap();
    central.set_policy(chat.id, Policy::Ask).unwrap();
    central.set_wiring(&Wiring::usual(chat.id, andy(), true)).unwrap();
    grant(world, "ann", &Role::Owner);
}

fn access_request(id: &str) -> TestMessage {
    TestMessage::new("g", id, &format!("please {id}")).by("bob", "Bob").in_group("Family").mention()
}

#[tokio::test(start_paused = true)]
async fn an_unknown_user_is_let_in_by_an_owner_and_all_they_wrote_meanwhile_is_answered() {
    let world = public();
    let host = world.start(Crash::never()).await;
    family(&world);
    world.platform.write(access_request("m1"));
    world.platform.write(access_request("m2"));
    world.pass(5 * SECOND).await;
    assert_eq!(shown_in(&world, &direct("ann")).len(), 1, "one card for one unknown user");
    // The answer survives a restart.
    host.kill().await;
    let _host = world.start(Crash::never()).await;
    world.pass(5 * SECOND).await;
    press(&world, &direct("ann"), "Allow…", by("ann", "Ann"));
    world.pass(5 * SECOND).await;
    assert!(world.engine.log().is_empty(), "sharing an agent takes a second tap");
    let card = &shown_in(&world, &direct("ann"))[0];
    assert!(card.text.starts_with("Share `andy` with `Bob`?"), "{card:?}");
    let labels: Vec<&str> = card.buttons.iter().map(|it| it.label.as_str()).collect();
    assert_eq!(labels, ["Refuse", "Yes, allow"]);
    press(&world, &direct("ann"), "Yes, allow", by("ann", "Ann"));
    world.pass(10 * SECOND).await;
    let texts = world.platform.texts("g").join("\n");
    assert!(texts.contains("please m1") && texts.contains("please m2"), "{texts}");
    let card = &shown_in(&world, &direct("ann"))[0];
    assert!(card.text.contains("Undo: `nanoclaw members remove fake:bob andy`."), "{card:?}");
    world.platform.write(access_request("m3"));
    world.pass(5 * SECOND).await;
    assert!(world.platform.texts("g").join("\n").contains("please m3"), "a member from now on");
}

#[tokio::test(start_paused = true)]
async fn only_somebody_who_may_decides_and_a_refusal_is_remembered() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    family(&world);
    world.platform.write(access_request("m1"));
    world.pass(5 * SECOND).await;
    press(&world, &direct("ann"), "Allow…", by("bob", "Bob"));
    world.pass(5 * SECOND).await;
    let card = &shown_in(&world, &direct("ann"))[0];
    assert!(card.text.contains("May they talk"), "an unknown user brought up the second card");
    world.platform.click(&card.id, "q:1:2", by("ann", "Ann"));
    world.pass(5 * SECOND).await;
    assert!(world.engine.log().is_empty(), "what the card does not show cannot be pressed");
    press(&world, &direct("ann"), "Refuse", by("ann", "Ann"));
    world.pass(5 * SECOND).await;
    let before = world.platform.sent().len();
    world.platform.write(access_request("m2"));
    world.pass(HOUR).await;
    assert_eq!(world.platform.sent().len(), before);
    assert!(world.engine.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_next_approver_is_asked_when_the_first_does_not_react_and_at_last_it_expires() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    family(&world);
    grant(&world, "zoe", &Role::Admin { of: Some(andy()) });
    world.platform.write(access_request("m1"));
    world.pass(MINUTE).await;
    assert_eq!(shown_in(&world, &direct("zoe")).len(), 1, "the agent's own admin first");
    assert!(shown_in(&world, &direct("ann")).is_empty());
    world.pass(11 * MINUTE).await;
    assert_eq!(shown_in(&world, &direct("ann")).len(), 1, "then the owner");
    world.pass(25 * HOUR).await;
    let told = world.platform.texts("g");
    assert_eq!(told.len(), 2, "on asking and at the end: {told:?}");
    for who in ["ann", "zoe"] {
        let card = &shown_in(&world, &direct(who))[0];
        assert!(card.buttons.is_empty() && card.text.contains("Expired"), "{card:?}");
    }
    press_old(&world, &direct("ann"));
    world.pass(MINUTE).await;
    assert!(world.engine.log().is_empty());
}

/// A click that was under way when the card was closed.
fn press_old(world: &World, chat: &str) {
    let id = shown_in(world, chat)[0].id.clone();
    world.platform.click(&id, "q:1:0", by("ann", "Ann"));
}

#[tokio::test(start_paused = true)]
async fn an_approver_who_cannot_be_reached_is_passed_over() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    family(&world);
    grant(&world, "zoe", &Role::Admin { of: Some(andy()) });
    world.platform.close_direct("zoe");
    world.platform.write(access_request("m1"));
    world.pass(MINUTE).await;
    assert_eq!(shown_in(&world, &direct("ann")).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_buttons_the_number_is_typed() {
    let world = World::on(FakePlatform::plain());
    let _host = world.start(Crash::never()).await;
    family(&world);
    let message =
        TestMessage::new("g", "m1", "@Andy, please m1").by("bob", "Bob").in_group("Family");
    world.platform.write(message);
    world.pass(5 * SECOND).await;
    let card = world.platform.texts(&direct("ann")).join("\n");
    assert!(card.contains("1. Refuse") && card.contains("2. Allow…"), "{card}");
    assert!(!card.contains("3."), "{card}");
    world.platform.write(TestMessage::new(&direct("ann"), "a1", "2"));
    world.pass(10 * SECOND).await;
    let second = world.platform.texts(&direct("ann")).pop().unwrap();
    assert!(second.contains("1. Refuse") && second.contains("3. Yes, allow"), "{second}");
    assert!(world.engine.log().is_empty());
    world.platform.write(TestMessage::new(&direct("ann"), "a2", "3"));
    world.pass(10 * SECOND).await;
    assert!(world.platform.texts("g").join("\n").contains("please m1"));
}

#[tokio::test(start_paused = true)]
async fn a_strict_chat_is_silent_and_a_public_one_open() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    family(&world);
    let chat = central(&world).chat(&address("g")).unwrap().unwrap().id;
    central(&world).set_policy(chat, Policy::Strict).unwrap();
    world.platform.write(access_request("m1"));
    world.pass(HOUR).await;
    assert!(world.platform.sent().is_empty() && world.engine.log().is_empty());
    central(&world).set_policy(chat, Policy::Public).unwrap();
    let mut open = Wiring::usual(chat, andy(), true);
    open.scope = domain::admission::Scope::All;
    central(&world).set_wiring(&open).unwrap();
    world.platform.write(access_request("m2"));
    world.pass(10 * SECOND).await;
    assert!(world.platform.texts("g").join("\n").contains("please m2"));
}
