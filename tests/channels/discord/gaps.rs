//! What the adapter says about the time when it had no session.

use std::time::Duration;

use channel::{Cursor, Gap};
use domain::time::Timestamp;
use harness::conformance::Double;
use harness::conformance::driven::Driven;
use harness::discord::FakeDiscord;

use super::rig::{ANN, away, settled_in};

/// Comes back as a host that was away for ten minutes.
async fn back<'a>(double: &'a FakeDiscord, cursor: Cursor) -> Driven<'a> {
    let now = channel::Pulse::default().now();
    let until = Timestamp(now.0 - i64::try_from(Duration::from_secs(600).as_millis()).unwrap());
    Driven::connect_after(double, cursor, Some(until)).await
}

#[tokio::test]
async fn a_session_that_is_resumed_leaves_no_gap() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let cursor = driven.cursor();
    driven.disconnect().await;
    let mut driven = back(&double, cursor).await;
    assert_eq!(driven.gap().await.0, Gap::None);
    assert_eq!(double.sessions(), (1, 1));
}

#[tokio::test]
async fn what_was_caught_up_is_counted() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let cursor = driven.cursor();
    away(&mut driven, &double).await;
    for n in 0..3 {
        double.write(&double.general(), ANN, &format!("number {n}"));
    }
    let mut driven = back(&double, cursor).await;
    let (gap, events) = driven.gap().await;
    let Gap::Backfilled(count) = gap else { panic!("{gap:?}") };
    // Catching up begins a little before the newest message, so it may find that one, too.
    assert!(3 <= count && 3 <= events.len(), "{count}, {events:?}");
}

#[tokio::test]
async fn more_than_is_read_of_a_channel_leaves_a_gap() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let cursor = driven.cursor();
    away(&mut driven, &double).await;
    for n in 0..1_100 {
        double.write(&double.general(), ANN, &format!("number {n}"));
    }
    let mut driven = back(&double, cursor).await;
    assert_eq!(driven.gap().await.0, Gap::Unknown);
}

#[tokio::test]
async fn beginning_with_now_after_there_was_somebody_leaves_a_gap() {
    let double = FakeDiscord::start().await;
    let mut driven = back(&double, Cursor("9;of another program".into())).await;
    assert_eq!(driven.gap().await.0, Gap::Unknown);
}

#[tokio::test]
async fn a_server_that_is_out_of_order_holds_the_statement_up() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let cursor = driven.cursor();
    away(&mut driven, &double).await;
    double.withhold("GUILD_CREATE");
    let mut driven = back(&double, cursor).await;
    let private = driven.post(&double.places().direct, "in private").await;
    assert_eq!(driven.message().await.platform_id, private);
    assert_eq!(driven.gap_now(), None);
}
