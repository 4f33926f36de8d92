//! What only Discord has, on the way out.

use std::time::Duration;

use channel::{DeliverError, Part};
use domain::outgoing::{Content, FileOut};
use harness::conformance::driven::{Driven, chain};
use harness::conformance::{Double, Fault};
use harness::discord::FakeDiscord;

use super::rig::{ANN, BOB, group, settled_in, text};

#[tokio::test]
async fn nobody_is_notified_by_what_a_model_writes() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let place = double.places().group;
    driven.send_text(&place, &format!("@everyone, <@{ANN}>, look")).await;
    assert_eq!(double.notified(), Vec::<String>::new());
}

#[tokio::test]
async fn a_part_that_is_sent_again_within_minutes_is_the_same_message() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let part = driven.part(&double.places().group, text("once"));
    let first = driven.send_part(&part).await;
    let again = driven.send_part(&Part { repeat: true, ..part.clone() }).await;
    assert_eq!(again, first);
    assert_eq!(double.written(&first), "once", "no note is needed");
    double.forget_nonces();
    let later = driven.send_part(&Part { repeat: true, ..part }).await;
    assert_ne!(later, first);
    assert_eq!(double.written(&later), "(possibly a repeat)\n\nonce");
}

#[tokio::test]
async fn an_answer_replies_in_a_group_and_not_in_private() {
    let double = FakeDiscord::start().await;
    let mut driven = Driven::connect(&double).await;
    let places = double.places();
    for (place, replies) in [(&places.group, true), (&places.direct, false)] {
        let asked = driven.post(place, "what time is it?").await;
        driven.message().await;
        let part = driven.part(place, text("noon"));
        let id = driven.send_part(&Part { reply_to: asked.clone(), ..part }).await;
        assert_eq!(double.replied_to(&id), Some(asked).filter(|_| replies));
    }
}

#[tokio::test]
async fn an_answer_to_a_message_that_was_deleted_is_sent_all_the_same() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let place = double.places().group;
    let asked = driven.post(&place, "never mind").await;
    driven.message().await;
    double.delete(&asked);
    let part = driven.part(&place, text("noon"));
    let id = driven.send_part(&Part { reply_to: asked, ..part }).await;
    assert_eq!((double.written(&id), double.replied_to(&id)), ("noon".into(), None));
}

#[tokio::test]
async fn a_table_is_shown_in_columns() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let id = driven.send_text(&double.places().group, "|a|bb|\n|-|-|\n|ccc|d|\n").await;
    assert_eq!(double.written(&id), "```\na   | bb\n----|---\nccc | d\n```");
}

#[tokio::test]
async fn limits_are_kept_before_discord_has_to_complain() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    double.limit(2);
    let place = double.places().group;
    for n in 0..5 {
        driven.send_text(&place, &format!("number {n}")).await;
    }
    assert_eq!(double.limits_exceeded(), 0);
    assert_eq!(double.visible().await.len(), 5);
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let gone = driven.part(&group("123456789"), text("hello?"));
    let foreign = driven.part(&group("not-a-number/../../users/@me"), text("hello?"));
    let cases = [(gone, "does not exist any more"), (foreign, "not a chat of discord")];
    for (part, words) in cases {
        let err = driven.try_send(&part).await.unwrap_err();
        assert!(matches!(err, DeliverError::Refused(_)), "{err:?}");
        assert!(chain(&err).contains(words), "{}", chain(&err));
    }
    double.fault(Fault::Forbidden).await;
    let part = driven.part(&double.places().group, text("hello?"));
    let said = chain(&driven.try_send(&part).await.unwrap_err());
    assert!(said.contains("Send Messages") && said.contains("50013"), "{said}");
    let err = driven.sink().open_direct("99").await.unwrap_err();
    assert!(matches!(err, DeliverError::Refused(_)), "{err:?}");
}

#[tokio::test]
async fn two_parts_of_the_same_words_are_two_messages() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let place = double.places().group;
    let first = driven.send_text(&place, "ok").await;
    assert_ne!(driven.send_text(&place, "ok").await, first);
}

const SUPPRESS_EMBEDS: u64 = 1 << 2;
const SUPPRESS_NOTIFICATIONS: u64 = 1 << 12;

#[tokio::test]
async fn an_answer_notifies_who_asked_and_a_line_nobody() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let place = double.places().group;
    let asked = driven.post(&place, "what time is it?").await;
    driven.message().await;
    let part = driven.part(&place, text("working"));
    let line = Part { reply_to: asked.clone(), silent: true, ..part };
    let line = driven.send_part(&line).await;
    assert_eq!(double.flags(&line), SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS);
    assert_eq!(double.notified_by(&line), Vec::<String>::new());
    let part = driven.part(&place, text(&format!("noon, says <@{BOB}> at https://example.org")));
    let answer =
        driven.send_part(&Part { reply_to: asked, notify: Some(ANN.into()), ..part }).await;
    assert_eq!(double.flags(&answer), SUPPRESS_EMBEDS, "no previews");
    assert_eq!(double.notified_by(&answer), [ANN]);
    let part = driven.part(&place, text("it is done"));
    let later = driven.send_part(&Part { notify: Some(ANN.into()), ..part }).await;
    assert_eq!(double.notified_by(&later), [ANN]);
}

#[tokio::test]
async fn files_that_belong_together_are_one_message() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let dir = tempfile::tempdir().unwrap();
    let file = |n: u8| {
        let path = dir.path().join(n.to_string());
        std::fs::write(&path, [n; 9]).unwrap();
        let caption = if n == 0 { "ten charts".to_owned() } else { String::new() };
        FileOut { path, name: format!("chart {n}.png"), mime: "image/png".into(), caption }
    };
    let caps = driven.caps();
    let files: Vec<FileOut> = (0..10).map(file).collect();
    assert_eq!((files.len(), caps.deletes, caps.silent), (caps.album_max, true, true));
    let id = driven.send(&double.places().group, Content::Album(files)).await;
    let shown = double.visible().await;
    let album = shown.iter().find(|it| it.id == id).unwrap();
    assert_eq!((album.text.as_str(), album.files.len()), ("ten charts", 10));
    assert_eq!(album.files[9], ("chart 9.png".to_owned(), vec![9; 9]));
}

#[tokio::test]
async fn a_message_is_taken_away_once_and_a_second_time_in_peace() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let place = double.places().group;
    let id = driven.send_text(&place, "working").await;
    for _ in 0..2 {
        driven.send(&place, Content::Delete { target: id.clone() }).await;
        assert!(double.visible().await.is_empty());
    }
}

#[tokio::test]
async fn an_answer_to_a_thread_that_is_closed_or_gone_comes_into_its_channel() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let places = double.places();
    let (group, place) = (places.group, places.thread.unwrap());
    let thread = place.thread.clone().unwrap();
    let asked = double.write(&thread, ANN, "what time is it?");
    driven.message().await;
    for words in ["closed", "gone"] {
        if words == "gone" {
            double.remove_channel(&thread);
        } else {
            double.lock_thread(&thread);
        }
        let part = driven.part(&place, text(words));
        let id = driven.send_part(&Part { reply_to: asked.clone(), ..part }).await;
        let shown = double.visible().await;
        let sent = shown.iter().find(|it| it.id == id).unwrap();
        assert_eq!((sent.text.as_str(), &sent.place), (words, &group));
    }
}

#[tokio::test]
async fn a_limit_of_the_whole_bot_is_told_from_that_of_a_chat() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let place = double.places().group;
    let part = driven.part(&place, text("hello"));
    for of_all in [false, true] {
        let wait = Duration::from_secs(7);
        if of_all {
            double.pause(wait);
        } else {
            double.fault(Fault::Throttle(wait)).await;
        }
        let err = driven.try_send(&part).await.unwrap_err();
        let DeliverError::Throttled { after, everywhere } = err else { panic!("{err:?}") };
        assert_eq!((after, everywhere), (wait, of_all));
    }
}

#[tokio::test]
async fn a_token_is_checked_without_a_session() {
    let double = FakeDiscord::start().await;
    let adapter = double.registration().adapter;
    let me = adapter.check(&double.account()).await.unwrap();
    assert_eq!((me.id, me.name.as_str()), (double.bot(), "nano"));
    assert_eq!(double.requests(), ["GET /api/v10/users/@me"]);
    let err = adapter.check(&double.account_with_wrong_credential()).await.unwrap_err();
    assert!(chain(&err).contains("Reset Token"), "{}", chain(&err));
}
