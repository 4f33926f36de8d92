//! People's time: zones, and hours in which nobody is disturbed. It is 22:13 in UTC.

use std::time::Duration;

use domain::AgentName;
use domain::agent::AgentGroup;
use domain::message::ChatInfo;
use domain::people::{Handle, Role};
use harness::crash::Crash;
use harness::host::World;
use harness::platform::{FakePlatform, NAME, TestMessage, address};
use store::reading::PartFilter;
use store::{CentralStore, Wiring};
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// Ann owns the host; she and Bob talk to andy, each in a private chat. andy may write to Bob.
fn multi_user() -> World {
    let world = World::on(FakePlatform::public());
    let mut central = central(&world);
    let (now, andy) = (world.now(), AgentName::parse("andy").unwrap());
    central.add_agent(&AgentGroup::new(andy.clone())).unwrap();
    for id in ["ann", "bob"] {
        let person = central.add_person(&Handle::new(NAME, id), id, now).unwrap();
        if id == "ann" {
            central.grant(person, &Role::Owner).unwrap();
        }
        central.add_member(person, &andy).unwrap();
        let chat = central.ensure_chat(&address(id), &ChatInfo::default(), Some(id), now).unwrap();
        central.set_wiring(&Wiring::usual(chat.id, andy.clone(), false)).unwrap();
        central.add_destination(&andy, id, chat.id).unwrap();
    }
    world
}

fn central(world: &World) -> CentralStore {
    CentralStore::open(&world.layout().central()).unwrap()
}

fn say(world: &World, who: &str, id: &str, text: &str) {
    world.platform.write(TestMessage::new(who, id, text).by(who, who));
}

async fn answer(world: &World, who: &str, id: &str, text: &str) -> String {
    say(world, who, id, text);
    world.pass(5 * SECOND).await;
    world.platform.texts(who).last().cloned().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn everybody_says_where_they_live_without_a_model() {
    let world = multi_user();
    let _host = world.start(Crash::never()).await;
    let text = answer(&world, "bob", "m1", "/timezone").await;
    assert!(text.contains("UTC, the default"), "{text}");
    let text = answer(&world, "bob", "m2", "/timezone berlin").await;
    let want = "Your time zone is Europe/Berlin, set by you; `/timezone -` undoes that. It is Tue 14 Nov \
                2023 23:13";
    assert!(text.starts_with(want), "{text}");
    let text = answer(&world, "bob", "m3", "/timezone Berln").await;
    assert!(
        text.starts_with("There is no time zone `Berln`; did you mean `Europe/Berlin`"),
        "{text}"
    );
    let text = answer(&world, "ann", "m4", "/timezone").await;
    assert!(text.contains("UTC"), "it is Bob's own: {text}");
    let text = answer(&world, "bob", "m5", "/timezone -").await;
    assert!(text.contains("UTC, the default"), "{text}");
    assert!(world.engine.log().is_empty(), "nothing ran for that");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_comes_in_the_morning_as_one_message() {
    let world = multi_user();
    let host = world.start(Crash::never()).await;
    let text = answer(&world, "bob", "m1", "/quiet 22:00-7:00").await;
    assert!(
        text.contains("22:00-07:00 (UTC). They are on until Wed 15 Nov 2023 07:00 UTC"),
        "{text}"
    );
    let before = world.platform.texts("bob").len();
    say(&world, "ann", "m2", "send bob the roof leaks");
    world.pass(5 * SECOND).await;
    say(&world, "ann", "m3", "send bob and the cat is gone");
    world.pass(MINUTE).await;
    assert!(world.platform.texts("ann").len() >= 2, "Ann is answered");
    assert_eq!(world.platform.texts("bob").len(), before, "{:?}", world.platform.texts("bob"));

    let held = central(&world).parts(PartFilter::Unsent).unwrap();
    assert!(held.len() == 2 && held.iter().all(|it| it.sent.held), "{held:?}");

    // A user who writes is answered, past what is held.
    let text = answer(&world, "bob", "m4", "are you there").await;
    assert!(text.contains("are you there"), "{text}");
    // A host that dies in the night forgets nothing.
    host.kill().await;
    let _host = world.start(Crash::never()).await;
    world.pass(8 * HOUR).await;
    assert_eq!(world.platform.texts("bob").len(), before + 1);
    world.pass(HOUR).await;
    let morning = "While you were away:\n\nthe roof leaks\n\nand the cat is gone";
    assert_eq!(world.platform.texts("bob")[before + 1..], [morning]);
    world.pass(24 * HOUR).await;
    assert_eq!(world.platform.texts("bob").len(), before + 2, "once");
}

#[tokio::test(start_paused = true)]
async fn who_ends_the_quiet_hours_hears_what_was_held() {
    let world = multi_user();
    let _host = world.start(Crash::never()).await;
    answer(&world, "bob", "m1", "/quiet 22-7").await;
    say(&world, "ann", "m2", "send bob the roof leaks");
    world.pass(5 * MINUTE).await;
    let text = answer(&world, "bob", "m3", "/quiet off").await;
    assert!(text.starts_with("You have no quiet hours."), "{text}");
    let texts = world.platform.texts("bob");
    let held = "While you were away:\n\nthe roof leaks";
    let at = |text: &str| texts.iter().position(|it| it.starts_with(text));
    assert!(at(held).is_some() && at(held) < at("You have no quiet hours."), "first: {texts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_point_of_the_morning_loses_nothing() {
    for point in [
        "before the end of quiet hours",
        "after the end of quiet hours",
        "before the claim of a part",
        "after the claim of a part",
        "before the end of a part",
        "after the end of a part",
    ] {
        let world = multi_user();
        let host = world.start(Crash::never()).await;
        answer(&world, "bob", "m1", "/quiet 22:00-22:20").await;
        let before = world.platform.texts("bob").len();
        for (id, text) in [("m2", "send bob tea"), ("m3", "send bob milk")] {
            say(&world, "ann", id, text);
            world.pass(5 * SECOND).await;
        }
        host.kill().await;
        let host = world.start(Crash::at_name(point, 1)).await;
        timeout(HOUR, host.crash.struck()).await.unwrap_or_else(|_| panic!("{point} did not come"));
        host.kill().await;
        let _host = world.start(Crash::never()).await;
        world.pass(HOUR).await;
        let shown = &world.platform.texts("bob")[before..];
        let digest = "While you were away:\n\ntea\n\nmilk";
        assert!(shown.iter().all(|it| it.contains(digest)), "{point}: {shown:?}");
        // What may have been shown is shown again with a mark.
        let repeated = ["after the claim of a part", "before the end of a part"].contains(&point);
        assert!(shown.len() == 1 || (repeated && shown.len() == 2), "{point}: {shown:?}");
    }
}
