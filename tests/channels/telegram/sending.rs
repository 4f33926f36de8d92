//! What is special to the sending half: forms of a text, replies, topics, reactions.

use std::path::Path;
use std::sync::Arc;

use channel::{Account, CommandInfo, DeliverError, Part, Shelf};
use domain::outgoing::{Button, Card, Content};
use harness::conformance::driven::{Driven, chain, connect, eventually};
use harness::conformance::{Double, Fault, Post};
use harness::telegram::{FakeTelegram, TOPIC};
use serde_json::json;

use super::polling::Kept;

const TABLE: &str = "The figures:\n\n| what | how many |\n|---|---|\n| apples | 5 |\n\n<tg-button>";

#[tokio::test]
async fn a_text_goes_out_with_formats_that_telegram_takes() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let text = "# Hi\n\n- **a** & `b<c>`\n- [x](https://e.org)\n\n> said\n\n```rust\nf()\n```";
    let id = driven.send_text(&double.places().direct, text).await;
    let calls = double.calls("sendMessage");
    assert_eq!(calls.len(), 1, "the first form is good enough");
    assert_eq!(calls[0]["parse_mode"], "HTML");
    assert_eq!(driven.visible(&id).await.text, "Hi\n\n• a & b<c>\n• x\n\nsaid\n\nf()");
}

#[tokio::test]
async fn a_table_is_aligned_text_in_which_nobody_makes_buttons_of_his_own() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let id = driven.send_text(&double.places().direct, TABLE).await;
    let text = double.calls("sendMessage")[0]["text"].as_str().unwrap().to_owned();
    assert!(
        text.contains("<pre>what   | how many") && text.contains("&lt;tg-button&gt;"),
        "{text}"
    );
    assert!(driven.visible(&id).await.text.contains("apples | 5"));
}

#[tokio::test]
async fn a_table_whose_form_is_refused_goes_out_as_text() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    double.fault(Fault::BadFormat).await;
    let id = driven.send_text(&double.places().direct, TABLE).await;
    assert_eq!(driven.visible(&id).await.text, TABLE, "as it was written");
    assert_eq!(double.visible().await.len(), 1);
}

#[tokio::test]
async fn an_answer_in_a_group_shows_what_it_answers_and_one_between_two_does_not() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let places = double.places();
    for (place, shown) in [(&places.group, true), (&places.direct, false)] {
        let asked = driven.post(place, "what time is it?").await;
        driven.message().await;
        let mut part = driven.part(place, Content::Text("noon".into()));
        part.reply_to = asked.clone();
        driven.send_part(&part).await;
        let calls = double.calls("sendMessage");
        let reply = &calls.last().unwrap()["reply_parameters"]["message_id"];
        assert_eq!(reply.as_i64().map(|it| format!("{}:{it}", place.chat)), shown.then_some(asked));
    }
}

#[tokio::test]
async fn an_answer_to_a_message_that_is_gone_or_elsewhere_goes_out_all_the_same() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let group = double.places().group;
    for gone in [format!("{}:999", group.chat), "5:5".to_owned(), "x".to_owned()] {
        let mut part = driven.part(&group, Content::Text("noon".into()));
        part.reply_to = gone;
        driven.send_part(&part).await;
    }
    assert_eq!(double.visible().await.len(), 3);
}

#[tokio::test]
async fn a_topic_gets_its_answers_and_shows_that_they_are_worked_on() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let topic = double.places().thread.unwrap();
    let post = Post::plain(&double, &topic, "in here?");
    double.post(post).await;
    let asked = driven.message().await;
    assert_eq!((asked.body.quote, asked.mentioned), (None, false));
    driven.sink().working(&driven.address(&topic)).await;
    eventually("the hint to be shown", async || double.typing_count().await == 1).await;
    assert_eq!(double.calls("sendChatAction")[0]["message_thread_id"], TOPIC);
    let id = driven.send_text(&topic, "in here").await;
    assert_eq!(driven.visible(&id).await.place, topic);
}

#[tokio::test]
async fn an_answer_to_a_topic_that_is_gone_goes_to_its_chat() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let mut topic = double.places().thread.unwrap();
    topic.thread = Some("99".into());
    let id = driven.send_text(&topic, "hello?").await;
    assert_eq!(driven.visible(&id).await.place, double.places().group);
    assert_eq!(double.visible().await.len(), 1);
}

#[tokio::test]
async fn the_general_topic_shows_that_an_answer_is_worked_on() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let general = double.places().group;
    driven.post(&general, "are you there?").await;
    driven.message().await;
    driven.sink().working(&driven.address(&general)).await;
    eventually("the hint to be shown", async || double.typing_count().await == 1).await;
    assert_eq!(driven.send_text(&general, "yes").await.split(':').next(), Some(&*general.chat));
    assert!(double.calls("sendMessage")[0].get("message_thread_id").is_none());
}

#[tokio::test]
async fn no_server_of_telegram_fetches_an_address_in_a_text() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let place = double.places().direct;
    let id = driven.send_text(&place, "[ok](https://evil.example/?d=secret)").await;
    driven.sink().draft(&driven.address(&place), &id, "https://evil.example/?d=more").await;
    let card = Card { text: "https://evil.example/?d=all".into(), buttons: vec![] };
    driven.edit(&place, &id, card).await;
    let calls = [double.calls("sendMessage"), double.calls("editMessageText")].concat();
    assert_eq!(calls.len(), 3);
    for call in calls {
        assert_eq!(call["link_preview_options"]["is_disabled"], true, "{call}");
    }
}

#[tokio::test]
async fn a_line_comes_silently_and_an_answer_does_not() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let line = driven.part(&double.places().direct, Content::Text("working on it".into()));
    driven.send_part(&Part { silent: true, ..line.clone() }).await;
    driven.send_part(&line).await;
    let silent =
        double.calls("sendMessage").into_iter().map(|it| it["disable_notification"].clone());
    assert_eq!(silent.collect::<Vec<_>>(), [json!(true), json!(null)]);
}

#[tokio::test]
async fn a_message_of_ours_is_taken_away_and_need_not_be_there() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let place = double.places().direct;
    let target = driven.send_text(&place, "working on it").await;
    for _ in 0..2 {
        driven.send(&place, Content::Delete { target: target.clone() }).await;
        assert_eq!(double.visible().await, []);
    }
}

#[tokio::test]
async fn people_see_what_they_can_say_to_the_host() {
    let double = FakeTelegram::start().await;
    let driven = Driven::connect(&double).await;
    let about = "shows what goes on ".repeat(20);
    let about: &'static str = about.leak();
    let commands = [("status", about), ("not-a-name", "is left out"), ("stop", "ends the turn")]
        .map(|(name, about)| CommandInfo { name, about });
    driven.sink().publish_commands(&commands).await;
    let menu = double.menu();
    let names: Vec<_> = menu.as_array().unwrap().iter().map(|it| &it["command"]).collect();
    assert_eq!(names, ["status", "stop"]);
}

#[tokio::test]
async fn the_menu_is_written_again_only_where_it_has_changed() {
    let double = FakeTelegram::start().await;
    let keeper = Arc::new(Kept::default());
    let account = Account { shelf: Shelf::new(keeper, Path::new("")), ..double.account() };
    let menu = |about| [CommandInfo { name: "status", about }];
    for (about, written) in [("What runs", 1), ("What runs", 1), ("What goes on", 2)] {
        let sink = connect(&double, &account).await.unwrap().sink;
        sink.publish_commands(&menu(about)).await;
        assert_eq!(double.calls("setMyCommands").len(), written, "{about}");
    }
}

#[tokio::test]
async fn nobody_is_called_by_what_a_model_writes() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let place = double.places().group;
    let words = "ask @somebody or a@example.org";
    let id = driven.send_text(&place, words).await;
    driven.sink().draft(&driven.address(&place), &id, words).await;
    double.fault(Fault::BadFormat).await;
    driven.send_text(&place, words).await;
    let calls = [double.calls("sendMessage"), double.calls("editMessageText")].concat();
    assert_eq!(calls.len(), 4);
    for call in calls {
        assert_eq!(call["text"], "ask @\u{200b}somebody or a@example.org");
    }
}

#[tokio::test]
async fn buttons_lie_in_rows_that_a_phone_shows() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let button = |label: &str| Button { label: label.into(), data: label.into() };
    let long = "let me think about it for a while";
    let buttons = ["Yes", "No", "Maybe", "Never", long].map(button).to_vec();
    let card = Card { text: "**May I?**".into(), buttons };
    driven.send(&double.places().direct, Content::Card(card)).await;
    let rows = double.calls("sendMessage")[0]["reply_markup"]["inline_keyboard"].clone();
    let lengths: Vec<_> =
        rows.as_array().unwrap().iter().map(|it| it.as_array().unwrap().len()).collect();
    assert_eq!(lengths, [3, 1, 1]);
}

#[tokio::test]
async fn a_reaction_that_telegram_has_not_is_refused_with_some_that_it_has() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let place = double.places().direct;
    let asked = driven.post(&place, "thanks!").await;
    driven.message().await;
    let react = |emoji: &str| Content::Reaction { target: asked.clone(), emoji: emoji.into() };
    // With the sign for its coloured variant, which Telegram's name for it has not.
    driven.send(&place, react("❤\u{fe0f}")).await;
    assert_eq!(
        double.calls("setMessageReaction")[0]["reaction"],
        json!([{"type": "emoji", "emoji": "❤"}])
    );
    let part = driven.part(&place, react("🦀"));
    let err = driven.try_send(&part).await.unwrap_err();
    assert!(matches!(err, DeliverError::Refused(_)), "{err:?}");
    assert!(
        chain(&err).contains("REACTION_INVALID; take one that Telegram has"),
        "{}",
        chain(&err)
    );
}

#[tokio::test]
async fn half_a_text_is_shown_without_formats_and_the_whole_with_them() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let place = double.places().direct;
    let id = driven.send_text(&place, "…").await;
    let address = driven.address(&place);
    driven.sink().draft(&address, &id, "this is **ha").await;
    assert_eq!(driven.visible(&id).await.text, "this is **ha");
    driven.sink().draft(&address, &id, &"x".repeat(10_000)).await;
    assert_eq!(driven.visible(&id).await.text.len(), 4096);
    driven.edit(&place, &id, Card { text: "this is **half**".into(), buttons: vec![] }).await;
    assert_eq!(driven.visible(&id).await.text, "this is half");
}

#[tokio::test]
async fn a_draft_that_is_too_soon_is_left_out_and_so_are_those_after_it() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let place = double.places().direct;
    let id = driven.send_text(&place, "…").await;
    let address = driven.address(&place);
    double.fault(Fault::Throttle(std::time::Duration::from_secs(60))).await;
    for text in ["one", "two", "three"] {
        driven.sink().draft(&address, &id, text).await;
    }
    assert_eq!(double.calls("editMessageText").len(), 1);
    assert_eq!(driven.visible(&id).await.text, "…");
}
