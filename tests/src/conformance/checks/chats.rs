//! What happens to chats, and to what was sent there: see [`Double::happen`].

use channel::Event;
use domain::outgoing::Unit;

use crate::conformance::driven::Driven;
use crate::conformance::{Double, Happening};

/// A driven adapter to which this happened, and the group; `None` where nothing like it can happen.
async fn after(double: &dyn Double, happening: Happening) -> Option<Driven<'_>> {
    let driven = Driven::connect(double).await;
    double.happen(happening).await.then_some(driven)
}

/// The next event that is one of these, each batch committed.
async fn next(driven: &mut Driven<'_>, is_it: impl Fn(&Event) -> bool) -> Event {
    loop {
        let events = driven.batch().await.events;
        driven.commit().await;
        if let Some(found) = events.into_iter().find(&is_it) {
            return found;
        }
    }
}

pub async fn a_chat_that_the_bot_leaves_and_enters_is_told(double: &dyn Double) {
    let (place, [by, _]) = (double.places().group, double.people());
    let removed = Happening::Removed(place.clone());
    let Some(mut driven) = after(double, removed).await else { return };
    let left = next(&mut driven, |it| matches!(it, Event::Left(_))).await;
    assert_eq!(left, Event::Left(driven.address(&place)));
    if !double.happen(Happening::Invited { place: place.clone(), by: by.clone() }).await {
        return;
    }
    let entered = next(&mut driven, |it| matches!(it, Event::Reachable { .. })).await;
    let Event::Reachable { chat, by: inviter, .. } = entered else { panic!("{entered:?}") };
    assert_eq!(chat, driven.address(&place));
    let inviter = inviter.unwrap_or_else(|| panic!("who let the bot in is not told"));
    assert_eq!((inviter.id, inviter.name), by);
}

pub async fn a_new_title_of_a_chat_is_told(double: &dyn Double) {
    let (place, title) = (double.places().group, "The other team".to_owned());
    let renamed = Happening::Renamed { place: place.clone(), title: title.clone() };
    let Some(mut driven) = after(double, renamed).await else { return };
    let told = next(&mut driven, |it| matches!(it, Event::Renamed { .. })).await;
    assert_eq!(told, Event::Renamed { chat: driven.address(&place), title });
}

pub async fn what_did_not_arrive_after_all_is_told(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let place = double.places().direct;
    if driven.caps().mute {
        return;
    }
    let id = driven.send_text(&place, "can you read this?").await;
    let (message, why) = (id.clone(), "the phone is off".to_owned());
    let happening = Happening::Undelivered { place: place.clone(), message, why };
    if !double.happen(happening).await {
        return;
    }
    let told = next(&mut driven, |it| matches!(it, Event::Undelivered { .. })).await;
    let Event::Undelivered { chat, id: of, why } = told else { panic!("{told:?}") };
    assert_eq!((chat, of), (driven.address(&place), id), "it is said of another message");
    assert!(why.contains("the phone is off"), "{why:?}");
}

/// The host asks before it renders, and again before it sends.
pub async fn what_a_chat_can_do_is_no_more_than_its_account_can(double: &dyn Double) {
    let driven = Driven::connect(double).await;
    let (places, adapter) = (double.places(), double.registration().adapter);
    let all = driven.caps();
    for place in [Some(places.direct), Some(places.group), places.thread].into_iter().flatten() {
        let here = adapter.caps_in(all, &driven.address(&place));
        assert_eq!(here, adapter.caps_in(all, &driven.address(&place)), "asked twice");
        assert!(here.text.unit != all.text.unit || here.text.max <= all.text.max, "{here:?}");
        assert!(here.text.unit != Unit::Bytes || 64 <= here.text.max, "{here:?}");
        assert!(here.file_bytes_max <= all.file_bytes_max, "{here:?}");
        assert_eq!((here.mute, here.owner_only), (all.mute, all.owner_only));
    }
}
