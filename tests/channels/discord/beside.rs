//! What people and Discord do besides writing.

use channel::Event;
use domain::message::{Change, Incoming};
use domain::outgoing::{Button, Card, Content};
use harness::conformance::driven::{Driven, click, message};
use harness::conformance::{Double, Post};
use harness::discord::FakeDiscord;
use serde_json::json;

use super::rig::{ANN, BOB, away, ids, settled_in, text};

fn changes(messages: &[Incoming]) -> Vec<Change> {
    messages.iter().filter_map(|it| it.body.change.clone()).collect()
}

#[tokio::test]
async fn a_preview_that_discord_adds_is_no_edit() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let id = double.write(&double.general(), ANN, "see https://example.org");
    driven.message().await;
    double.preview(&id);
    double.rewrite(&id, "see https://example.org/b");
    let edited = driven.message().await;
    assert_eq!(edited.body.change, Some(Change::Edited { of: id.clone() }));
    assert_eq!(edited.body.text, "see https://example.org/b");
    double.preview(&id);
    double.rewrite(&id, "never mind");
    let [again, last] = &driven.messages(2).await[..] else { panic!("not two") };
    assert_eq!(again.platform_id, edited.platform_id, "the host knows it already");
    assert_eq!(
        (last.body.text.as_str(), last.platform_id == edited.platform_id),
        ("never mind", false)
    );
}

#[tokio::test]
async fn several_messages_that_are_removed_at_once_are_told_one_by_one() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let group = double.places().group;
    let posted = [driven.post(&group, "one").await, driven.post(&group, "two").await];
    driven.messages(2).await;
    double.delete_all(&double.general(), &posted);
    let gone = driven.messages(2).await;
    let of = |id: &String| Change::Deleted { of: id.clone() };
    assert_eq!(changes(&gone), [of(&posted[0]), of(&posted[1])]);
    assert_ne!(gone[0].platform_id, gone[1].platform_id);
    assert!(gone[0].body.chat.is_group && gone[0].body.sender.id.is_empty());
}

#[tokio::test]
async fn what_the_bot_does_itself_is_no_news() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let place = double.places().group;
    let ours = driven.send_text(&place, "working").await;
    driven.send(&place, Content::Reaction { target: ours.clone(), emoji: "👍".into() }).await;
    driven.send(&place, Content::Delete { target: ours.clone() }).await;
    let last = driven.post(&place, "the only news").await;
    assert_eq!(ids(&driven.messages(1).await), [last]);
}

#[tokio::test]
async fn a_reaction_that_comes_back_is_another_one_and_has_a_name() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let place = double.places().group;
    let ours = driven.send_text(&place, "done").await;
    for added in [true, false, true] {
        double.react(&ours, BOB, "👍", added);
    }
    let got = driven.messages(3).await;
    let all: std::collections::BTreeSet<_> = ids(&got).into_iter().collect();
    assert_eq!(all.len(), 3);
    assert!(got.iter().all(|it| it.body.sender.id == BOB), "{got:?}");
    assert_eq!(got[0].body.sender.name, "Bob");
}

#[tokio::test]
async fn a_poll_is_told_in_words() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let answers = json!([{ "answer_id": 1, "poll_media": { "text": "Yes" } }]);
    let poll = json!({ "question": { "text": "Tea?" }, "answers": answers });
    double.write_with(&double.general(), BOB, "", json!({ "poll": poll }));
    let got = driven.message().await;
    assert_eq!((got.body.text.as_str(), got.mentioned), ("[poll: Tea? Yes]", false));
    let before = double.visible().await.len();
    driven.post(&double.places().group, "so that the batch is settled").await;
    driven.message().await;
    assert_eq!(double.visible().await.len(), before, "the adapter answered");
}

#[tokio::test]
async fn a_thread_has_its_title_and_the_message_that_it_began_with() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let began = double.write(&double.general(), ANN, "the boiler is broken");
    driven.message().await;
    let thread = double.add_thread_from(&began, "boiler");
    double.write(&thread, BOB, "since when?");
    double.write(&thread, ANN, "today");
    for got in driven.messages(2).await {
        let about = got.body.thread.unwrap();
        assert_eq!((about.title.as_str(), about.root.as_str()), ("boiler", "the boiler is broken"));
        assert_eq!(got.from.thread, Some(thread.clone()));
    }
    let path = format!("GET /api/v10/channels/{}/messages/{thread}", double.general());
    assert_eq!(double.requests().iter().filter(|it| **it == path).count(), 1, "it is asked once");
}

#[tokio::test]
async fn a_name_that_changes_is_told() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    double.rename(&double.general(), "general");
    double.rename(&double.general(), "lobby");
    let [Event::Renamed { chat, title }] = &driven.next_events(1).await[..] else {
        panic!("it was not told")
    };
    assert_eq!((&chat.chat, title.as_str()), (&double.general(), "#lobby (Home)"));
}

#[tokio::test]
async fn a_chat_that_is_lost_is_left_and_reachable_once_the_bot_is_back() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let other = double.add_channel("other");
    double.rename(&other, "another");
    double.remove_channel(&other);
    assert_eq!(next_left(&mut driven).await, other);
    double.lose_server(true);
    double.join_server();
    driven.post(&double.places().group, "it was out of order").await;
    // Nothing else is told of it.
    assert_eq!(driven.batch().await.events.len(), 1);
    driven.commit().await;
    double.lose_server(false);
    assert_eq!(next_left(&mut driven).await, double.general());
    double.join_server();
    let events = driven.batch().await.events;
    let [Event::Reachable { chat, by: None, title: None }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(chat.chat, double.general());
}

#[tokio::test]
async fn a_server_that_took_the_bot_back_while_no_host_ran_is_reachable() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    double.lose_server(false);
    assert_eq!(next_left(&mut driven).await, double.general());
    let cursor = driven.cursor();
    away(&mut driven, &double).await;
    double.join_server();
    driven.reconnect(cursor).await;
    let reachable = driven.batch().await.events;
    driven.commit().await;
    let [Event::Reachable { chat, .. }] = &reachable[..] else { panic!("{reachable:?}") };
    assert_eq!(chat.chat, double.general());
    // Once is enough.
    let cursor = driven.cursor();
    away(&mut driven, &double).await;
    driven.reconnect(cursor).await;
    let posted = driven.post(&double.places().group, "welcome back").await;
    let events = driven.batch_with_events().await;
    let [Event::Message(got)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(got.platform_id, posted);
}

#[tokio::test]
async fn who_is_called_stands_before_the_text_and_breaks_none_of_its_blocks() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    for words in ["# A heading", "- an item", "```\ncode\n```"] {
        let part = driven.part(&double.places().group, text(words));
        let id = driven.send_part(&channel::Part { notify: Some(ANN.into()), ..part }).await;
        assert_eq!(double.written(&id), format!("<@{ANN}>\n{words}"));
        assert_eq!(double.notified_by(&id), [ANN]);
    }
}

/// The chat of the next batch's only event.
async fn next_left(driven: &mut Driven<'_>) -> String {
    let events = driven.batch().await.events;
    driven.commit().await;
    match &events[..] {
        [Event::Left(chat)] => chat.chat.clone(),
        other => panic!("it was not told: {other:?}"),
    }
}

#[tokio::test]
async fn a_command_from_the_menu_is_a_message_and_nothing_waits() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let commands = [
        channel::CommandInfo { name: "status", about: "What runs" },
        channel::CommandInfo { name: "timezone", about: "Set your time zone" },
    ];
    driven.sink().publish_commands(&commands).await;
    driven.sink().publish_commands(&commands).await;
    let puts = double.requests().into_iter().filter(|it| it.starts_with("PUT")).count();
    assert_eq!(puts, 1, "it is written once");
    assert_eq!(double.menu()[0], ("status".into(), "What runs".into()));
    driven.sink().publish_commands(&commands[..1]).await;
    assert_eq!(double.menu().len(), 1);
    driven.sink().publish_commands(&commands).await;
    let chosen = double.choose(&double.general(), BOB, "timezone", "new york");
    let got = driven.message().await;
    assert_eq!((got.platform_id.as_str(), got.mentioned), (chosen.as_str(), true));
    assert_eq!((got.body.text.as_str(), got.body.sender.id.as_str()), ("/timezone new york", BOB));
    assert_eq!(got.body.chat.title, "#general (Home)");
    double.wait("the command to be answered", |it| it.presses() == (1, 1)).await;
    assert_eq!(double.whispers(), ["Received: `/timezone new york`"]);
    let answer = driven.part(&double.places().group, text("set"));
    driven.send_part(&channel::Part { reply_to: chosen, ..answer }).await;
}

#[tokio::test]
async fn who_pressed_in_vain_alone_is_told_why() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let place = double.places().group;
    let button = Button { label: "Yes".into(), data: "q1:0".into() };
    let id = driven
        .send(&place, Content::Card(Card { text: "May I?".into(), buttons: vec![button] }))
        .await;
    for words in [None, Some("This question is closed.")] {
        double.click(&place, &id, "q1:0", BOB).await;
        let press = click(driven.next_events(1).await.remove(0)).press;
        let asked = double.presses().1;
        double.wait("the press to be answered", |it| it.presses() == (asked, asked)).await;
        driven.sink().answer(&press, words).await;
    }
    assert_eq!(double.whispers(), ["This question is closed."]);
}

#[tokio::test]
async fn a_quoted_answer_of_the_bot_is_known_as_its_own() {
    let double = FakeDiscord::start().await;
    let mut driven = Driven::connect(&double).await;
    let place = double.places().group;
    let ours = driven.send_text(&place, "noon").await;
    double
        .post(Post { reply_to: Some(ours.clone()), ..Post::plain(&double, &place, "sure?") })
        .await;
    let quote = message(driven.next_events(1).await.remove(0)).body.quote.unwrap();
    assert_eq!((quote.id, quote.is_ours), (ours, true));
}
