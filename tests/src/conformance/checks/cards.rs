//! Buttons, presses, edits and reactions.

use channel::DeliverError;
use domain::message::Click;
use domain::outgoing::{BUTTON_DATA_BYTES_MAX, BUTTON_LABEL_CHARS_MAX, BUTTONS_MAX};
use domain::outgoing::{Button, Card, Content};

use crate::conformance::driven::{Driven, click};
use crate::conformance::{Double, TestChat};

fn card(text: &str, buttons: &[(&str, &str)]) -> Card {
    let button = |it: &(&str, &str)| Button { label: it.0.into(), data: it.1.into() };
    Card { text: text.into(), buttons: buttons.iter().map(button).collect() }
}

fn yes_or_no() -> Card {
    card("May I?", &[("Yes", "q7:0"), ("No", "q7:1")])
}

/// Whether the adapter has buttons, and a driven one with a card on show.
async fn asked<'a>(double: &'a dyn Double, place: &TestChat) -> Option<(Driven<'a>, String)> {
    let mut driven = Driven::connect(double).await;
    if !driven.caps().buttons {
        return None;
    }
    let id = driven.send(place, Content::Card(yes_or_no())).await;
    Some((driven, id))
}

pub async fn a_card_shows_its_text_and_buttons(double: &dyn Double) {
    let place = double.places().direct;
    let Some((driven, id)) = asked(double, &place).await else { return };
    let shown = driven.visible(&id).await;
    assert_eq!(shown.place, place);
    assert!(shown.text.contains("May I?"), "{shown:?}");
    let buttons = [("Yes", "q7:0"), ("No", "q7:1")].map(|it| (it.0.to_owned(), it.1.to_owned()));
    assert_eq!(shown.buttons, buttons);
    assert_eq!(double.visible().await.len(), 1);
}

pub async fn a_card_of_the_largest_size_is_shown(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    if !driven.caps().buttons {
        return;
    }
    let button = |n: usize| Button {
        label: format!("{n:0>width$}", width = BUTTON_LABEL_CHARS_MAX),
        data: format!("{n:0>width$}", width = BUTTON_DATA_BYTES_MAX),
    };
    let buttons: Vec<Button> = (0..BUTTONS_MAX).map(button).collect();
    let large = Card { text: "which?".into(), buttons: buttons.clone() };
    let id = driven.send(&double.places().direct, Content::Card(large)).await;
    let wanted: Vec<_> = buttons.into_iter().map(|it| (it.label, it.data)).collect();
    assert_eq!(driven.visible(&id).await.buttons, wanted);
}

fn assert_is(got: &Click, driven: &Driven<'_>, place: &TestChat, by: &str, data: &str) {
    assert_eq!(got.from, driven.address(place));
    assert_eq!(got.chat.is_group, place.is_group);
    assert_eq!((got.sender.id.as_str(), got.data.as_str()), (by, data));
    assert!(!got.platform_id.is_empty());
}

pub async fn a_press_says_what_who_and_where(double: &dyn Double) {
    let place = double.places().direct;
    let Some((mut driven, id)) = asked(double, &place).await else { return };
    let [(ann, _), _] = double.people();
    double.click(&place, &id, "q7:1", &ann).await;
    let got = driven.click().await;
    assert_is(&got, &driven, &place, &ann, "q7:1");
}

pub async fn a_press_in_a_group_says_what_who_and_where(double: &dyn Double) {
    if !double.habits().groups {
        return;
    }
    let place = double.places().group;
    let Some((mut driven, id)) = asked(double, &place).await else { return };
    let [_, (bob, _)] = double.people();
    double.click(&place, &id, "q7:0", &bob).await;
    let got = driven.click().await;
    assert_is(&got, &driven, &place, &bob, "q7:0");
}

pub async fn two_presses_are_two_clicks(double: &dyn Double) {
    let place = double.places().direct;
    let Some((mut driven, id)) = asked(double, &place).await else { return };
    let [(ann, _), _] = double.people();
    double.click(&place, &id, "q7:0", &ann).await;
    double.click(&place, &id, "q7:0", &ann).await;
    let got: Vec<Click> = driven.next_events(2).await.into_iter().map(click).collect();
    assert_ne!(got[0].platform_id, got[1].platform_id);
}

pub async fn a_press_that_was_not_committed_comes_again_under_its_id(double: &dyn Double) {
    let place = double.places().direct;
    let Some((mut driven, id)) = asked(double, &place).await else { return };
    // So that the cursor says something.
    driven.post(&place, "let me see").await;
    driven.message().await;
    let [(ann, _), _] = double.people();
    double.click(&place, &id, "q7:0", &ann).await;
    let first = click(driven.batch_with_events().await.remove(0));
    let before = driven.cursor();
    driven.reconnect(before).await;
    let again = driven.click().await;
    assert_eq!(again, first);
    let behind = driven.cursor();
    driven.reconnect(behind).await;
    driven.post(&place, "what now?").await;
    assert_eq!(driven.message().await.body.text, "what now?");
}

pub async fn an_edit_replaces_the_text_and_takes_the_buttons_away(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    if !driven.caps().edits {
        return;
    }
    let place = double.places().direct;
    let first = if driven.caps().buttons {
        Content::Card(yes_or_no())
    } else {
        Content::Text("May I?".into())
    };
    let id = driven.send(&place, first).await;
    let edited = card("May I? — **Yes**, says Ann & <Bob>", &[]);
    driven.edit(&place, &id, edited.clone()).await;
    let shown = driven.visible(&id).await;
    assert!(shown.text.contains("says Ann & <Bob>"), "{shown:?}");
    assert_eq!(shown.buttons, []);
    assert!(0 < shown.edits);
    // The host does not know whether an attempt took effect, so the same edit may come again.
    driven.edit(&place, &id, edited).await;
    let all = double.visible().await;
    assert_eq!(all.len(), 1, "an edit adds nothing: {all:#?}");
    assert!(all[0].text.contains("says Ann & <Bob>"));
}

pub async fn an_edit_can_bring_other_buttons(double: &dyn Double) {
    let place = double.places().direct;
    let Some((mut driven, id)) = asked(double, &place).await else { return };
    if !driven.caps().edits {
        return;
    }
    driven.edit(&place, &id, card("Really?", &[("Sure", "q8:0")])).await;
    let shown = driven.visible(&id).await;
    assert!(shown.text.contains("Really?"));
    assert_eq!(shown.buttons, [("Sure".to_owned(), "q8:0".to_owned())]);
}

pub async fn a_reaction_is_set_and_taken_away(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    if !driven.caps().reactions {
        return;
    }
    let place = double.places().direct;
    let target = driven.send_text(&place, "done").await;
    let react = |emoji: &str| Content::Reaction { target: target.clone(), emoji: emoji.into() };
    for _ in 0..2 {
        driven.send(&place, react("👍")).await;
        assert_eq!(driven.visible(&target).await.reactions, ["👍"]);
    }
    for _ in 0..2 {
        driven.send(&place, react("")).await;
        assert_eq!(driven.visible(&target).await.reactions, Vec::<String>::new());
    }
    assert_eq!(double.visible().await.len(), 1, "a reaction is no message");
}

/// A message that its reader deleted, or an id of another channel: it will not get better.
pub async fn what_is_not_there_cannot_be_edited_and_is_refused(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let place = double.places().direct;
    let target = "999999999".to_owned();
    let (caps, emoji) = (driven.caps(), "👍".to_owned());
    let cases = [
        (caps.edits, Content::Edit { target: target.clone(), card: card("new", &[]) }),
        (caps.reactions, Content::Reaction { target, emoji }),
    ];
    for (has, content) in cases {
        if has {
            let part = driven.part(&place, content);
            let ended = driven.try_send(&part).await;
            assert!(matches!(ended, Err(DeliverError::Refused(_))), "{ended:?}");
        }
    }
    assert_eq!(double.visible().await, []);
}
