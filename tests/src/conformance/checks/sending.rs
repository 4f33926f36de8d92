//! Hints, private chats, and what a platform has not.

use channel::{DeliverError, Part};
use domain::outgoing::{Card, Content};

use crate::conformance::driven::{Driven, eventually, within};
use crate::conformance::{Double, TestChat};

pub async fn it_shows_that_it_works(double: &dyn Double) {
    let driven = Driven::connect(double).await;
    let address = driven.address(&double.places().direct);
    driven.post(&double.places().direct, "work, please").await;
    within("the hint", driven.sink().working(&address)).await;
    eventually("the hint to be shown", async || 0 < double.typing_count().await).await;
    assert_eq!(double.visible().await, [], "a hint is no message");
}

pub async fn a_draft_never_adds_a_message(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    if !driven.caps().edits {
        return;
    }
    let place = double.places().direct;
    let id = driven.send_text(&place, "one moment").await;
    let address = driven.address(&place);
    for text in ["one moment, here it", "one moment, here it comes"] {
        within("the draft", driven.sink().draft(&address, &id, text)).await;
    }
    let card = Card { text: "here it is".into(), buttons: vec![] };
    driven.edit(&place, &id, card).await;
    assert!(driven.visible(&id).await.text.contains("here it is"));
    assert_eq!(double.visible().await.len(), 1);
}

pub async fn a_private_chat_is_opened_with_a_person(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let [(person, _), _] = double.people();
    let opened = open(&driven, &person).await;
    if !double.habits().opens_direct {
        assert!(matches!(opened, Err(DeliverError::Refused(_))), "{opened:?}");
        return;
    }
    let chat = opened.unwrap_or_else(|err| panic!("it opens no private chat: {err:?}"));
    let place = TestChat { chat, thread: None, is_group: false };
    assert_eq!(place, double.places().direct);
    assert_eq!(open(&driven, &person).await.ok(), Some(place.chat.clone()), "twice");
    let id = driven.send_text(&place, "between us").await;
    assert_eq!(driven.visible(&id).await.place, place);
}

async fn open(driven: &Driven<'_>, person: &str) -> Result<String, DeliverError> {
    within("the chat to be opened", driven.sink().open_direct(person)).await
}

/// The host asks for nothing that the capabilities rule out, but if it did, somebody must notice.
pub async fn what_the_platform_has_not_is_refused_or_shown_in_words(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let (caps, place) = (driven.caps(), double.places().direct);
    let target = driven.send_text(&place, "the one before").await;
    let card = Card { text: "take your pick".into(), buttons: vec![] };
    let emoji = "👍".to_owned();
    let cases = [
        (caps.buttons, Content::Card(card.clone()), "take your pick"),
        (caps.edits, Content::Edit { target: target.clone(), card }, "take your pick"),
        (caps.reactions, Content::Reaction { target, emoji }, "👍"),
    ];
    for (has, content, words) in cases {
        if has {
            continue;
        }
        let before = double.visible().await.len();
        let part = driven.part(&place, content);
        match driven.try_send(&part).await {
            Ok(id) => assert!(driven.visible(&id).await.text.contains(words)),
            Err(DeliverError::Refused(_)) => {
                assert_eq!(double.visible().await.len(), before, "refused and shown");
            }
            Err(other) => panic!("{:?} ended with {other:?}", part.content),
        }
    }
}

pub async fn a_silent_text_rings_nobody_up_and_another_does(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    if !driven.caps().silent {
        return;
    }
    let ([(person, _), _], place) = (double.people(), double.places().group);
    for silent in [true, false] {
        let mut part = driven.part(&place, Content::Text("one moment".into()));
        part.silent = silent;
        part.notify = (!silent).then(|| person.clone());
        let id = driven.try_send(&part).await.unwrap_or_else(|err| panic!("not sent: {err:?}"));
        if let Some(rang) = double.rang(&id).await {
            assert_eq!((rang.is_silent, rang.notifies), (silent, part.notify));
        }
    }
}

pub async fn a_message_of_ours_is_taken_away(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    if !driven.caps().deletes {
        return;
    }
    let place = double.places().direct;
    let (gone, stays) =
        (driven.send_text(&place, "not for long").await, driven.send_text(&place, "stays").await);
    let delete = Content::Delete { target: gone.clone() };
    driven.send(&place, delete.clone()).await;
    let left: Vec<String> = double.visible().await.into_iter().map(|it| it.id).collect();
    assert_eq!(left, [stays]);
    // A second attempt, after an answer that was lost, ends; it is no outage.
    let part = driven.part(&place, delete);
    let again = driven.try_send(&part).await;
    assert!(matches!(again, Ok(_) | Err(DeliverError::Refused(_))), "{again:?}");
}

pub async fn the_same_part_again_is_shown_once_where_the_platform_knows_it(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    if !driven.caps().idempotent {
        return;
    }
    let part = driven.part(&double.places().direct, Content::Text("once".into()));
    let first = driven.send_part(&part).await;
    let again = driven.send_part(&Part { repeat: true, ..part }).await;
    assert_eq!((again, double.visible().await.len()), (first, 1), "shown again");
}
