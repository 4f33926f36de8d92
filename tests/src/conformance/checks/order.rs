//! Nothing is lost, nothing comes twice after it was committed, and all of it in order.

use std::time::Duration;

use channel::{Cursor, Event, Verdict};
use domain::message::Incoming;
use tokio::time::timeout;

use crate::conformance::driven::{Driven, connect, is_news, message, within};
use crate::conformance::{Double, Post};

fn ids(messages: &[Incoming]) -> Vec<&str> {
    messages.iter().map(|it| it.platform_id.as_str()).collect()
}

/// An adapter that was committed to once, so that its cursor says something.
async fn settled_in(double: &dyn Double) -> Driven<'_> {
    let mut driven = Driven::connect(double).await;
    let id = driven.post(&double.places().direct, "the first of all").await;
    assert_eq!(ids(&driven.messages(1).await), [id]);
    driven
}

pub async fn messages_arrive_in_the_order_in_which_they_were_written(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let place = double.places().direct;
    let mut posted = Vec::new();
    for n in 0..30 {
        posted.push(driven.post(&place, &format!("number {n}")).await);
    }
    let got = driven.messages(posted.len()).await;
    assert_eq!(ids(&got), posted);
}

pub async fn the_same_words_twice_are_two_messages(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let place = double.places().direct;
    driven.post(&place, "again").await;
    driven.post(&place, "again").await;
    let got = driven.messages(2).await;
    assert_ne!(got[0].platform_id, got[1].platform_id);
}

pub async fn what_was_not_committed_comes_again_under_the_same_ids(double: &dyn Double) {
    let mut driven = settled_in(double).await;
    let place = double.places().direct;
    let posted = [driven.post(&place, "one").await, driven.post(&place, "two").await];
    for _ in 0..2 {
        let first = driven.batch_with_events().await.remove(0);
        assert_eq!(message(first).platform_id, posted[0]);
        let before = driven.cursor();
        driven.reconnect(before).await;
    }
    assert_eq!(ids(&driven.messages(2).await), posted);
}

pub async fn what_was_committed_does_not_come_again(double: &dyn Double) {
    let mut driven = settled_in(double).await;
    let place = double.places().direct;
    let one = driven.post(&place, "one").await;
    assert_eq!(ids(&driven.messages(1).await), [one]);
    let behind = driven.cursor();
    driven.reconnect(behind).await;
    let two = driven.post(&place, "two").await;
    assert_eq!(ids(&driven.messages(1).await), [two]);
}

pub async fn what_is_written_while_nobody_listens_arrives_once(double: &dyn Double) {
    if !double.habits().backfills {
        return;
    }
    let mut driven = settled_in(double).await;
    let place = double.places().direct;
    let behind = driven.cursor();
    driven.disconnect().await;
    let mut posted = Vec::new();
    for n in 0..5 {
        posted.push(driven.post(&place, &format!("missed {n}")).await);
    }
    driven.reconnect(behind).await;
    posted.push(driven.post(&place, "not missed").await);
    assert_eq!(ids(&driven.messages(6).await), posted);
    let behind = driven.cursor();
    driven.reconnect(behind).await;
    let last = driven.post(&place, "the last").await;
    assert_eq!(ids(&driven.messages(1).await), [last]);
}

/// The host drops a `receive` whenever it stops; whatever that future had in hand must come again.
pub async fn a_receive_that_is_dropped_loses_nothing(double: &dyn Double) {
    let connected = connect(double, &double.account()).await;
    let mut source = connected.unwrap_or_else(|err| panic!("it does not connect: {err}")).source;
    let mut cursor = Cursor::default();
    let (mut posted, mut got): (Vec<String>, Vec<String>) = (vec![], vec![]);
    // Whatever came while the double got ready counts as well.
    let mut early = within("the double to be ready", async {
        tokio::select! {
            batch = source.receive(&cursor) => Some(batch),
            () = double.ready() => None,
        }
    })
    .await;
    for n in 0..6 {
        let place = double.places().direct;
        posted.push(double.post(Post::plain(double, &place, &format!("number {n}"))).await);
        // Drops it sooner than it can answer, then later and later, so at many different points.
        let mut patience = Duration::from_micros(1 << n);
        while got.len() < posted.len() {
            let received = match early.take() {
                Some(batch) => Ok(batch),
                None => timeout(patience, source.receive(&cursor)).await,
            };
            patience = patience.saturating_mul(2);
            assert!(patience < Duration::from_secs(60), "lost; {got:?} of {posted:?} came");
            // As the pump does: a statement about the gap is taken with every batch.
            let _ = source.gap();
            let Ok(received) = received else { continue };
            let batch = received.unwrap_or_else(|err| panic!("it stopped receiving: {err}"));
            cursor = batch.cursor;
            let stored = vec![Verdict::Stored; batch.events.len()];
            source.settle(&stored).await.unwrap_or_else(|err| panic!("it does not settle: {err}"));
            let news = batch.events.into_iter().filter(is_news);
            got.extend(news.map(|it: Event| message(it).platform_id));
        }
    }
    assert_eq!(got, posted);
}
