//! What platforms say beside plain messages: changes, what cannot be read, accounts of several people, greetings,
//! chats that are left.

use channel::Event;
use domain::message::{Address, Author, AuthorKind, Change};
use domain::people::{Handle, Role};
use harness::crash::Crash;
use harness::host::World;
use harness::platform::{NAME, TestMessage, address};
use store::{PairingRole, Wiring};

use super::groups::{connect, say, usual};
use super::rig::{HOUR, MINUTE, SECOND, by, central, direct, grant, open_code, press, public};

async fn heard(world: &World, chat: &str) -> String {
    world.pass(10 * SECOND).await;
    world.platform.texts(chat).join("\n")
}

fn edit(of: &str, id: &str, text: &str) -> TestMessage {
    say("g", id, text).change(Change::Edited { of: of.into() })
}

fn delete(of: &str, id: &str) -> TestMessage {
    say("g", id, "").change(Change::Deleted { of: of.into() })
}

fn shared(message: TestMessage) -> TestMessage {
    message.with(|body| body.sender.kind = AuthorKind::Shared)
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_adds_the_mention_engages_once_and_its_answer_replies_to_the_message() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    for (chat, how) in [("g", usual as fn(&mut Wiring)), ("h", drops)] {
        connect(&world, chat, "andy", how);
        let id = |n: &str| format!("{chat}-{n}");
        let edit =
            |n: &str, text: &str| say(chat, &id(n), text).change(Change::Edited { of: id("m1") });
        world.platform.write(say(chat, &id("m1"), "are you there"));
        assert_eq!(heard(&world, chat).await, "");
        world.platform.write(edit("e1", "are you there, friend"));
        assert_eq!(heard(&world, chat).await, "", "no change of a message is for an agent");
        world.platform.write(edit("e2", "@andy are you there, friend").mention());
        let text = heard(&world, chat).await;
        assert!(text.contains("you said \"are you there, friend\""), "{text}");
        world.platform.write(edit("e3", "@andy are you there, my friend").mention());
        assert_eq!(heard(&world, chat).await, text, "it was engaged by the edit before");
        let sent = world.platform.sent();
        let answer = sent.iter().rfind(|it| it.to.chat == chat).unwrap();
        assert_eq!(answer.reply_to, id("m1"));
    }
}

/// What is not for the agent is not kept.
fn drops(wiring: &mut Wiring) {
    wiring.ignored = domain::admission::Ignored::Drop;
}

#[tokio::test(start_paused = true)]
async fn background_that_was_not_shown_reads_as_it_was_changed() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    connect(&world, "g", "andy", usual);
    for (id, text) in [("m1", "at nine"), ("m2", "the safe is 4711"), ("m3", "bring cake")] {
        world.platform.write(say("g", id, text));
    }
    world.platform.write(edit("m1", "e1", "at ten"));
    world.platform.write(delete("m2", "d1"));
    // Somebody else's edit, and one of a message that nobody here knows.
    connect_bob(&world);
    world.platform.write(edit("m3", "e2", "bring poison").by("bob", "Bob"));
    world.platform.write(edit("m9", "e3", "who is that"));
    world.platform.write(say("g", "m4", "context").mention());
    let text = heard(&world, "g").await;
    assert!(text.contains("3 context messages") && text.contains("Ann: at ten"), "{text}");
    assert!(text.contains("Ann deleted: ") && text.contains("Ann: bring cake"), "{text}");
    for gone in ["at nine", "4711", "poison", "who is that"] {
        assert!(!text.contains(gone), "{text}");
    }
}

fn connect_bob(world: &World) {
    let mut central = central(world);
    let bob = central.add_person(&Handle::new(NAME, "bob"), "Bob", world.now()).unwrap();
    central.add_member(bob, &super::rig::andy()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_agent_is_told_of_what_changed_after_it_had_read_it() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    connect(&world, "g", "andy", usual);
    world.platform.write(say("g", "m1", "book the red room").mention());
    let answer = heard(&world, "g").await;
    assert!(answer.contains("book the red room"), "{answer}");
    let ours = world.platform.shown().last().unwrap().id.clone();
    world.platform.write(edit("m1", "e1", "book the blue room").mention());
    world.platform.write(delete("m1", "d1"));
    let reacted = Change::Reacted { to: ours, emoji: "👎".into(), added: true };
    world.platform.write(say("g", "r1", "").change(reacted));
    assert_eq!(heard(&world, "g").await, answer, "nothing is answered to a change");
    world.platform.redeliver();
    world.platform.write(say("g", "m2", "context").mention());
    let text = heard(&world, "g").await;
    assert!(text.contains("3 context messages"), "{text}");
    for told in [
        "Ann edited \"book the red room\": book the blue room",
        "Ann deleted \"book the red room\": ",
        "Ann reacted 👎 \"",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_and_forwarded_words_are_no_code_and_no_command() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    let code = open_code(&world, Some(PairingRole::Owner));
    let change = Change::Edited { of: "m1".into() };
    world.platform.write(TestMessage::new("eve-chat", "e1", &code).by("eve", "Eve").change(change));
    assert_eq!(heard(&world, "eve-chat").await, "");
    assert!(!central(&world).has_owner().unwrap());
    connect(&world, "g", "andy", usual);
    let passed_on = say("g", "m2", "/status").mention();
    let passed_on = passed_on.with(|body| body.forwarded_from = Some("Mallory".into()));
    world.platform.write(passed_on);
    let text = heard(&world, "g").await;
    assert!(text.contains("you passed on what Mallory said \"/status\""), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_told_to_the_agent_and_to_nobody_who_did_not_mean_it() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    let checklist =
        |message: TestMessage| message.with(|body| body.unread = Some("a checklist".into()));
    connect(&world, "g", "andy", usual);
    world.platform.write(checklist(say("g", "m1", "").mention()));
    let text = heard(&world, "g").await;
    assert!(text.contains("I could not read a checklist"), "{text}");
    for (id, chat) in [("m2", "g"), ("m3", "unconnected")] {
        world.platform.write(checklist(say(chat, id, "").by("eve", "Eve")));
    }
    assert_eq!(heard(&world, "unconnected").await, "");
    assert_eq!(heard(&world, "g").await, text);
}

#[tokio::test(start_paused = true)]
async fn an_account_of_several_people_gets_no_role_by_any_way() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    let code = open_code(&world, Some(PairingRole::Owner));
    world.platform.write(shared(say("g", "m1", &code).by("-100", "The group")));
    let text = heard(&world, "g").await;
    assert!(text.contains("This account writes for several people"), "{text}");
    assert!(!central(&world).has_owner().unwrap());
    // The code is still good for a person.
    world.platform.post(&direct("ann"), "m2", &code);
    world.pass(5 * SECOND).await;
    assert!(central(&world).has_owner().unwrap());
    // What was granted to it before counts for nothing.
    grant(&world, "-100", &Role::Owner);
    world.platform.write(shared(say("g", "m3", "@andy hello").by("-100", "The group")));
    world.pass(5 * SECOND).await;
    press(&world, &direct("ann"), "Share andy…", by("ann", "Ann"));
    world.pass(5 * SECOND).await;
    press(&world, &direct("ann"), "Yes, share andy", by("ann", "Ann"));
    let text = heard(&world, "g").await;
    assert!(!text.contains("you said") && text.contains("Write as yourself"), "{text}");
    assert_eq!(central(&world).members().unwrap(), [], "the chat was connected, and nobody let in");
    world.platform.write(shared(say("g", "m4", "/panic").mention().by("-100", "The group")));
    world.pass(MINUTE).await;
    world.platform.post(&direct("ann"), "m5", "hello");
    let text = heard(&world, &direct("ann")).await;
    assert!(text.contains("you said \"hello\""), "nobody was stopped: {text}");
}

#[tokio::test(start_paused = true)]
async fn who_presses_start_is_greeted_and_gives_no_task() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    let code = open_code(&world, Some(PairingRole::Owner));
    world.platform.post("ann-chat", "m1", "/start");
    let text = heard(&world, "ann-chat").await;
    assert!(text.contains("pairing code") && !text.contains("I asked"), "{text}");
    world.platform.post("ann-chat", "m2", &format!("/start {code}"));
    let text = heard(&world, "ann-chat").await;
    assert!(text.contains("Paired."), "{text}");
    world.platform.post("ann-chat", "m3", "/start from-a-link");
    let text = heard(&world, "ann-chat").await;
    assert!(text.ends_with("`/help` shows what else I understand."), "{text}");
    world.platform.write(TestMessage::new("eve-chat", "m4", "/start").by("eve", "Eve"));
    let text = heard(&world, "eve-chat").await;
    assert!(text.contains("I'll ask for permission"), "{text}");
    assert!(world.engine.log().is_empty(), "no agent was started for a greeting");
}

#[tokio::test(start_paused = true)]
async fn a_command_for_another_bot_gets_nothing_from_us() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    grant(&world, "ann", &Role::Owner);
    let always = |it: &mut Wiring| it.engage = domain::engage::Engage::Pattern(".".into());
    connect(&world, "g", "andy", always);
    world.platform.write(say("g", "m1", "/help@other_bot"));
    world.platform.write(say("unconnected", "m2", "/help"));
    world.platform.write(say("unconnected", "m3", "/start"));
    assert_eq!(heard(&world, "unconnected").await, "");
    assert_eq!(heard(&world, "g").await, "");
    world.platform.write(say("g", "m4", "/help"));
    assert!(heard(&world, "g").await.contains("I also understand"));
}

#[tokio::test(start_paused = true)]
async fn who_lets_the_bot_in_is_greeted_and_a_chat_that_it_left_waits() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    connect(&world, "g", "andy", usual);
    let joined = |id: &str| {
        let by = Some(Author::new(id, "Somebody"));
        world.platform.happen(Event::Reachable { chat: address("g"), by, title: None });
    };
    joined("ann");
    let text = heard(&world, "g").await;
    assert!(text.starts_with("Hello! Mention me"), "{text}");
    world.platform.write(say("g", "m1", "wait 20").mention());
    world.pass(5 * SECOND).await;
    world.platform.happen(Event::Left(address("g")));
    world.pass(MINUTE).await;
    assert!(
        !heard(&world, "g").await.contains("20 seconds"),
        "nothing is sent to a chat that is left"
    );
    let title = "A new name".to_owned();
    world.platform.happen(Event::Renamed { chat: address("g"), title: title.clone() });
    joined("ann");
    world.pass(MINUTE).await;
    let text = heard(&world, "g").await;
    assert!(text.contains("20 seconds"), "{text}");
    assert_eq!(text.matches("Hello!").count(), 1, "once a day is enough: {text}");
    assert_eq!(central(&world).chat(&address("g")).unwrap().unwrap().title, title);
}

#[tokio::test(start_paused = true)]
async fn what_did_not_arrive_after_all_is_a_dead_letter() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    connect(&world, "g", "andy", usual);
    grant(&world, "ann", &Role::Owner);
    world.platform.post(&direct("ann"), "d1", "hello");
    world.platform.write(say("g", "m1", "hello").mention());
    heard(&world, "g").await;
    let is_answer =
        |it: &harness::platform::Shown| it.to.chat == "g" && it.text.contains("you said");
    let id = world.platform.shown().into_iter().find(is_answer).unwrap().id;
    let why = "the number is not reachable".to_owned();
    let chat: Address = address("g");
    world.platform.happen(Event::Undelivered { chat, id, why: why.clone() });
    world.pass(HOUR).await;
    let told = world.platform.texts(&direct("ann")).join("\n");
    assert!(told.contains(&why), "the owner hears of it: {told}");
    world.platform.write(say("g", "m2", "context").mention());
    let text = heard(&world, "g").await;
    assert!(text.contains(&why), "and so does the agent: {text}");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_nobody_knows_is_asked_about_by_its_name() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    grant(&world, "ann", &Role::Owner);
    world.platform.post(&direct("ann"), "d1", "hello");
    heard(&world, &direct("ann")).await;
    let (by, title) = (Some(Author::new("bob", "Bob")), Some("The neighbours".to_owned()));
    world.platform.happen(Event::Reachable { chat: address("new"), by, title });
    world.pass(MINUTE).await;
    let asked = world.platform.texts(&direct("ann")).join("\n");
    assert!(asked.contains("The neighbours"), "{asked}");
}
