//! Signs of life, and what an adapter says about the time when it was not connected.

use std::time::Duration;

use channel::{ChannelError, Gap};
use domain::message::Incoming;
use domain::time::Timestamp;
use tokio::time::sleep;

use crate::conformance::driven::{Driven, connect, eventually, message, within};
use crate::conformance::{Double, Fault};

/// Longer than a restart, and shorter than what any platform forgets within.
const AWAY: Duration = Duration::from_secs(10 * 60);

/// The last sign of life of a host that was away.
fn long_ago(driven: &Driven<'_>) -> Timestamp {
    Timestamp(driven.pulse().now().0 - i64::try_from(AWAY.as_millis()).unwrap())
}

/// An adapter that committed something, so that there is a place to go on from.
async fn settled_in(double: &dyn Double) -> Driven<'_> {
    let mut driven = Driven::connect(double).await;
    driven.post(&double.places().direct, "before").await;
    driven.message().await;
    driven
}

/// Drops the connection, and makes one as a host that was away.
async fn come_back<'a>(mut driven: Driven<'a>, double: &'a dyn Double) -> Driven<'a> {
    let (cursor, until) = (driven.cursor(), long_ago(&driven));
    driven.disconnect().await;
    Driven::connect_after(double, cursor, Some(until)).await
}

pub async fn it_gives_signs_of_life_while_nothing_happens(double: &dyn Double) {
    let Some(alive_every) = double.registration().caps.alive_every else { return };
    assert!(Duration::ZERO < alive_every && alive_every <= Duration::from_secs(120));
    let mut driven = settled_in(double).await;
    for _ in 0..2 {
        let before = within("a sign of life", async {
            loop {
                if let Some(sign) = driven.pulse().last() {
                    return sign.when;
                }
                sleep(Duration::from_millis(10)).await;
            }
        });
        let before = before.await;
        // By another clock tick.
        sleep(Duration::from_millis(2)).await;
        eventually("a sign of life while nothing happens", async || {
            double.quiet().await;
            driven.pulse().last().is_some_and(|it| before < it.when)
        })
        .await;
    }
    driven.post(&double.places().direct, "after").await;
    assert_eq!(driven.message().await.body.text, "after");
}

pub async fn what_became_of_a_gap_is_stated_while_nothing_happens(double: &dyn Double) {
    let driven = settled_in(double).await;
    let mut driven = come_back(driven, double).await;
    let (gap, events) = driven.gap().await;
    assert!(events.is_empty(), "{events:?}");
    assert!(gap != Gap::Unknown, "a platform that kept everything is not believed");
}

pub async fn what_became_of_a_gap_is_stated_once(double: &dyn Double) {
    let driven = settled_in(double).await;
    let mut driven = come_back(driven, double).await;
    driven.gap().await;
    for text in ["one", "two"] {
        driven.post(&double.places().direct, text).await;
        driven.message().await;
    }
    assert_eq!(driven.gap_now(), None, "stated again without another gap");
}

/// Whatever is said to be covered arrives.
pub async fn a_broken_connection_is_followed_by_a_statement_that_holds(double: &dyn Double) {
    if !double.can_happen(Fault::Disconnect) || !double.habits().backfills {
        return;
    }
    let mut driven = settled_in(double).await;
    let place = double.places().direct;
    double.fault(Fault::Disconnect).await;
    // An adapter may mend it alone, and then there was no gap.
    while let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(200), driven.try_batch()).await
    {
        driven.commit().await;
    }
    let (cursor, until) = (driven.cursor(), long_ago(&driven));
    driven.disconnect().await;
    let missed = [driven.post(&place, "one").await, driven.post(&place, "two").await];
    let mut driven = Driven::connect_after(double, cursor, Some(until)).await;
    let (gap, events) = driven.gap().await;
    let mut got: Vec<Incoming> = events.into_iter().map(message).collect();
    while got.len() < missed.len() {
        match driven.try_batch().await {
            Ok(batch) => {
                let messages = batch.events.into_iter().filter(crate::conformance::driven::is_news);
                got.extend(messages.map(message));
                driven.commit().await;
            }
            Err(ChannelError::Unreachable(_)) => panic!("the new connection broke, too"),
            Err(other) => panic!("{other:?}"),
        }
    }
    let ids: Vec<_> = got.into_iter().map(|it| it.platform_id).collect();
    assert_eq!(ids, missed);
    match gap {
        Gap::None => {}
        Gap::Backfilled(count) => assert_eq!(count, missed.len()),
        Gap::Unknown => panic!("everything came, and it is said that something may be missing"),
    }
}

pub async fn the_first_connection_misses_nothing(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    driven.post(&double.places().direct, "hello").await;
    let (gap, events) = driven.gap().await;
    assert!(gap != Gap::Unknown, "nobody was there who could have missed something");
    if events.is_empty() {
        driven.message().await;
    }
}

/// The host keeps the cursor when the new credential is of the same account.
pub async fn a_renewed_credential_goes_on_where_the_former_stopped(double: &dyn Double) {
    let mut driven = settled_in(double).await;
    let (cursor, adapter) = (driven.cursor(), double.registration().adapter);
    driven.disconnect().await;
    let former = connect(double, &double.account()).await;
    let former = former.unwrap_or_else(|err| panic!("it does not connect: {err}")).me;
    let Some(account) = double.renew().await else { return };
    let checked = within("the adapter to check", adapter.check(&account)).await;
    assert_eq!(checked.ok().as_ref(), Some(&former), "another bot, and the host starts over");
    let missed = driven.post(&double.places().direct, "while it was renewed").await;
    let connected = connect(double, &account).await;
    let mut connection = connected.unwrap_or_else(|err| panic!("it does not connect: {err}"));
    assert_eq!(connection.me, former, "another bot, and the host starts over");
    loop {
        let receiving = connection.source.receive(&cursor);
        let batch = within("the adapter to receive", receiving).await;
        let batch = batch.unwrap_or_else(|err| panic!("it stopped receiving: {err}"));
        if let Some(first) = batch.events.into_iter().find(crate::conformance::driven::is_news) {
            assert_eq!(message(first).platform_id, missed);
            return;
        }
    }
}
