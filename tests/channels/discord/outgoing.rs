//! What only Discord has, on the way out.

use channel::{DeliverError, Part};
use harness::conformance::driven::{Driven, chain};
use harness::conformance::{Double, Fault};
use harness::discord::FakeDiscord;

use super::rig::{ANN, group, settled_in, text};

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
    assert_eq!(double.written(&id), "```\na   | bb\n----|---\nccc | d\n```\n");
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
