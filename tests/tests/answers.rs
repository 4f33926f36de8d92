//! Typed answers: each decides the card that it names, and a number alone decides nothing that its
//! writer may not have meant.

use std::sync::Arc;
use std::time::Duration;

use domain::AgentName;
use domain::agent::AgentGroup;
use domain::message::ChatInfo;
use domain::people::{Handle, Role};
use domain::session_key::ChatId;
use harness::crash::Crash;
use harness::host::World;
use harness::platform::{FakePlatform, NAME, TestMessage, address};
use store::{CentralStore, QuestionKind, QuestionRow, QuestionState, Store, Wiring};

const SECOND: Duration = Duration::from_secs(1);
const DM: &str = "dm-ann";

fn central(world: &World) -> CentralStore {
    CentralStore::open(&world.layout().central()).unwrap()
}

fn agent(name: &str) -> AgentName {
    AgentName::parse(name).unwrap()
}

fn chat(world: &World, name: &str, is_group: bool) -> ChatId {
    let info = ChatInfo { title: if is_group { "Family".into() } else { String::new() }, is_group };
    let peer = (!is_group).then_some("ann");
    central(world).ensure_chat(&address(name), &info, peer, world.now()).unwrap().id
}

fn wire(world: &World, chat: ChatId, name: &str, is_group: bool) {
    let wiring = Wiring::usual(chat, agent(name), is_group);
    central(world).set_wiring(&wiring).unwrap();
}

/// Ann owns the host and talks to andy in private, and in a group in which others write too.
fn home(world: &World) {
    wire(world, chat(world, DM, false), "andy", false);
    wire(world, chat(world, "g", true), "andy", true);
    let mut central = central(world);
    let ann = central.add_person(&Handle::new(NAME, "ann"), "Ann", world.now()).unwrap();
    central.grant(ann, &Role::Owner).unwrap();
}

fn in_group(id: &str, text: &str) -> TestMessage {
    TestMessage::new("g", id, &format!("@andy {text}")).in_group("Family")
}

fn question(world: &World, kind: QuestionKind) -> QuestionRow {
    let all = central(world).questions().unwrap();
    all.into_iter().find(|it| it.question.kind == kind).unwrap()
}

fn answer(world: &World, kind: QuestionKind) -> Option<String> {
    match question(world, kind).state {
        QuestionState::Answered { value, .. } => Some(value),
        QuestionState::Open | QuestionState::Expired => None,
    }
}

fn code(world: &World, kind: QuestionKind) -> String {
    let id = question(world, kind).id;
    central(world).card_code(id).unwrap().to_string()
}

fn is_member(world: &World, id: &str) -> bool {
    let standing = central(world).standing(&Handle::new(NAME, id)).unwrap();
    standing.is_some_and(|it| it.1.member_of.contains(&agent("andy")))
}

fn stored(world: &World) -> Vec<String> {
    world.all_outcomes().into_iter().map(|it| it.0).collect()
}

fn unknown_user(id: &str) -> TestMessage {
    in_group(id, "let me in").by("eve", "Eve")
}

/// An unknown user writes while an agent waits for an answer of the owner.
#[tokio::test(start_paused = true)]
async fn a_number_for_a_question_lets_no_unknown_user_in() {
    let world = World::on(FakePlatform::plain());
    let _host = world.start(Crash::never()).await;
    home(&world);
    world.platform.post(DM, "m1", "ask Tea or coffee? Tea | Coffee");
    world.pass(3 * SECOND).await;
    world.platform.write(unknown_user("m2"));
    world.pass(3 * SECOND).await;
    let cards = world.platform.texts(DM);
    assert_eq!(cards.len(), 2, "both cards are in the same chat: {cards:?}");
    for text in ["1", "Allow…", "tea"] {
        world.platform.post(DM, &format!("typed {text}"), text);
        world.pass(3 * SECOND).await;
        assert!(!is_member(&world, "eve"), "{text}");
        assert_eq!(answer(&world, QuestionKind::Sender), None, "{text}");
        assert_eq!(answer(&world, QuestionKind::Agent), None, "{text}");
        let hint = world.platform.texts(DM).pop().unwrap();
        assert!(hint.starts_with("I can't tell which question you mean"), "{hint}");
        assert!(hint.contains(&code(&world, QuestionKind::Sender)), "{hint}");
        assert!(!stored(&world).contains(&format!("typed {text}")), "no agent gets it");
    }
    // Delivered again when only one card is left, it is still no answer.
    let tea = format!("{} 1", code(&world, QuestionKind::Agent).to_lowercase());
    world.platform.post(DM, "named", &tea);
    world.pass(3 * SECOND).await;
    assert_eq!(answer(&world, QuestionKind::Agent).as_deref(), Some("Tea"));
    world.platform.redeliver();
    world.pass(5 * SECOND).await;
    assert_eq!(answer(&world, QuestionKind::Sender), None);
    world.platform.post(DM, "allow", "2");
    world.pass(10 * SECOND).await;
    assert!(
        !is_member(&world, "eve"),
        "one card is left, so a number is enough; it asks once more"
    );
    world.platform.post(DM, "sure", "3");
    world.pass(10 * SECOND).await;
    assert!(is_member(&world, "eve"));
    let said = world.platform.texts(DM).join("\n");
    assert!(said.contains("Allowed `Eve` to talk to `andy`."), "{said}");
}

/// An agent asks for a change and, elsewhere, whether it shall be tea.
#[tokio::test(start_paused = true)]
async fn a_number_for_tea_allows_no_change() {
    let world = World::on(FakePlatform::plain());
    let _host = world.start(Crash::never()).await;
    home(&world);
    world.platform.write(in_group("m1", "admin members add fake:eve andy"));
    world.pass(3 * SECOND).await;
    world.platform.post(DM, "m2", "ask Tea or coffee? Tea | Coffee");
    world.pass(3 * SECOND).await;
    world.platform.post(DM, "typed", "1");
    world.pass(3 * SECOND).await;
    let answers = [QuestionKind::Change, QuestionKind::Agent].map(|it| answer(&world, it));
    assert_eq!(answers, [None, None]);
    let named = format!("{}: Coffee", code(&world, QuestionKind::Agent));
    world.platform.post(DM, "named", &named);
    world.pass(3 * SECOND).await;
    assert_eq!(answer(&world, QuestionKind::Agent).as_deref(), Some("Coffee"));
    assert_eq!(answer(&world, QuestionKind::Change), None);
    assert!(!is_member(&world, "eve"));
}

/// An agent's question ends in the moment in which the card for its change appears.
#[tokio::test(start_paused = true)]
async fn a_number_for_a_question_that_just_expired_allows_no_change() {
    let world = World::on(FakePlatform::plain());
    let _host = world.start(Crash::never()).await;
    home(&world);
    world.platform.post(DM, "m1", "ask Tea or coffee? Tea | Coffee");
    world.pass(5 * 60 * SECOND + 5 * SECOND).await;
    world.platform.write(in_group("m2", "admin members add fake:eve andy"));
    world.pass(3 * SECOND).await;
    assert_eq!(question(&world, QuestionKind::Agent).state, QuestionState::Expired);
    world.platform.post(DM, "typed", "1");
    world.pass(3 * SECOND).await;
    assert_eq!(answer(&world, QuestionKind::Change), None);
    world.pass(5 * 60 * SECOND).await;
    world.platform.post(DM, "later", "1");
    world.pass(5 * SECOND).await;
    assert_eq!(answer(&world, QuestionKind::Change).as_deref(), Some("allow"));
    let said = world.platform.texts(DM).join("\n");
    assert!(said.contains("Allowed the change. Decided by `Ann`."), "{said}");
}

/// Where there are buttons, a text is a message and nothing else.
#[tokio::test(start_paused = true)]
async fn with_buttons_a_number_is_a_message_to_the_agent() {
    let world = World::on(FakePlatform::public());
    let _host = world.start(Crash::never()).await;
    home(&world);
    world.platform.write(unknown_user("m1").mention());
    world.platform.post(DM, "m2", "ask Tea or coffee? Tea | Coffee");
    world.pass(3 * SECOND).await;
    let coded = format!("{} 1", code(&world, QuestionKind::Sender));
    for (id, text) in [("t1", "1"), ("t2", "Allow…"), ("t3", "Tea"), ("t4", coded.as_str())] {
        world.platform.post(DM, id, text);
        world.pass(3 * SECOND).await;
        assert!(stored(&world).contains(&id.to_owned()), "{text} is a message");
    }
    let answers = [QuestionKind::Sender, QuestionKind::Agent].map(|it| answer(&world, it));
    assert_eq!(answers, [None, None]);
    assert!(!is_member(&world, "eve"));
}

/// Two agents of one terminal ask at the same time.
#[tokio::test(start_paused = true)]
async fn two_open_questions_on_the_terminal_are_told_apart_by_their_codes() {
    let world = World::new();
    let _host = world.start(Crash::never()).await;
    central(&world).add_agent(&AgentGroup::new(agent("hub"))).unwrap();
    let terminal = chat(&world, "tty", false);
    wire(&world, terminal, "andy", false);
    wire(&world, terminal, "hub", false);
    let ask = |id: &str, to: &str, text: &str| TestMessage::new("tty", id, text).to_agent(to);
    world.platform.write(ask("m1", "andy", "ask Drink? Tea | Coffee"));
    world.pass(3 * SECOND).await;
    world.platform.write(ask("m2", "hub", "ask Delete? Nothing | Everything"));
    world.pass(3 * SECOND).await;
    world.platform.post("tty", "typed", "2");
    world.pass(3 * SECOND).await;
    let open = |world: &World| -> Vec<QuestionRow> {
        let all = central(world).questions().unwrap();
        all.into_iter().filter(|it| it.state == QuestionState::Open).collect()
    };
    assert_eq!(open(&world).len(), 2, "{:?}", world.platform.texts("tty"));
    // Who waits for the answer hears that it does not come before theirs.
    let asked: Vec<_> = world.platform.sent().into_iter().filter(|it| it.no_answer).collect();
    let about: Vec<_> = asked.iter().map(|it| (it.reply_to.as_str(), it.last)).collect();
    assert_eq!(about, [("m1", false), ("m2", false)]);
    let drink = open(&world).into_iter().find(|it| it.question.text.contains("Drink")).unwrap();
    let code = central(&world).card_code(drink.id).unwrap();
    world.platform.post("tty", "named", &format!("{code} 2"));
    world.pass(3 * SECOND).await;
    assert_eq!(open(&world).len(), 1);
    let said = world.platform.texts("tty").join("\n");
    assert!(said.contains("The answer is `Coffee`."), "{said}");
}

/// Ann allows a change while the host stops at a point; the host starts again. Whether it got there.
async fn allowed_and_stopped_at(point: u64) -> bool {
    let world = World::on(FakePlatform::plain());
    let host = world.start(Crash::never()).await;
    home(&world);
    world.platform.write(in_group("m1", "admin members add fake:eve andy"));
    world.pass(3 * SECOND).await;
    host.kill().await;
    let crash = Crash::at(point);
    let host = world.start(Arc::clone(&crash)).await;
    world.platform.post(DM, "typed", "1");
    world.pass(15 * SECOND).await;
    let struck = crash.has_struck();
    host.kill().await;
    let _host = world.start(Crash::never()).await;
    world.pass(60 * SECOND).await;
    assert!(is_member(&world, "eve"), "stopped at {point}: {:?}", crash.trace());
    let said = world.platform.texts("g").join("\n");
    assert!(said.contains("may talk to andy now"), "stopped at {point}: {said}");
    assert!(!said.contains("already"), "the change was made again, stopped at {point}: {said}");
    struck
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_allowed_is_made_once_wherever_the_host_stops() {
    let mut point = 1;
    while allowed_and_stopped_at(point).await {
        point += 1;
    }
    assert!(12 < point, "only {point} points");
}

/// The card shows the operation that is stored, not the words for it; one that cannot be read is told.
#[tokio::test(start_paused = true)]
async fn a_change_that_cannot_be_read_is_not_made() {
    let world = World::on(FakePlatform::plain());
    let _host = world.start(Crash::never()).await;
    home(&world);
    world.platform.write(in_group("m1", "admin members add 'fake:eve'"));
    world.pass(3 * SECOND).await;
    let card = world.platform.texts(DM).join("\n");
    assert!(card.contains("`andy` wants to run `members add fake:eve andy`. Allow it?"), "{card}");
    let spoil = r#"UPDATE question SET payload = replace(payload, '"user"', '"by":"p1","user"')"#;
    assert_eq!(central(&world).connection().execute(spoil, []).unwrap(), 1);
    world.platform.post(DM, "typed", "1");
    world.pass(15 * SECOND).await;
    assert!(!is_member(&world, "eve"));
    let said = world.platform.texts("g").join("\n");
    assert!(said.contains("the stored change cannot be read: unknown field `by`"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_allowed_after_a_stop_says_that_it_was_not_made() {
    let world = World::on(FakePlatform::plain());
    let _host = world.start(Crash::never()).await;
    home(&world);
    world.platform.write(in_group("m1", "admin members add fake:eve andy"));
    world.pass(10 * SECOND).await;
    world.platform.post(DM, "m3", "/panic");
    world.pass(10 * SECOND).await;
    world.platform.post(DM, "typed", "1");
    world.pass(60 * SECOND).await;
    assert!(!is_member(&world, "eve"));
    let said = world.platform.texts(DM).join("\n");
    assert!(!said.contains("Allowed the change"), "{said}");
    assert!(said.contains("Allowed, but nothing was changed: `stopped`."), "{said}");
}
