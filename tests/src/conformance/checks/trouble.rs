//! What goes wrong is sorted by what the host must do, and shows no credential.

use std::net::TcpListener;
use std::time::Duration;

use channel::{Account, ChannelError, Connection, Cursor, DeliverError, Fields, Part};
use domain::outgoing::Content;
use tokio::time::sleep;

use crate::conformance::driven::{
    Driven, assert_shows_no_secret, chain, connect, is_news, message, within,
};
use crate::conformance::{Double, Fault};

async fn shown(double: &dyn Double, words: &str) -> Vec<String> {
    let texts = double.visible().await.into_iter().map(|it| it.text);
    texts.filter(|it| it.contains(words)).collect()
}

/// A driven adapter and a part that meets the fault; `None` where it cannot happen.
async fn meets(double: &dyn Double, fault: Fault) -> Option<(Driven<'_>, Part)> {
    if !double.can_happen(fault) {
        return None;
    }
    let mut driven = Driven::connect(double).await;
    let part = driven.part(&double.places().direct, Content::Text("the thing to say".into()));
    double.fault(fault).await;
    Some((driven, part))
}

const WORDS: &str = "the thing to say";

pub async fn a_rate_limit_says_how_long_to_wait(double: &dyn Double) {
    let given = Duration::from_secs(2);
    let Some((driven, part)) = meets(double, Fault::Throttle(given)).await else { return };
    let ended = driven.try_send(&part).await;
    let Err(DeliverError::Throttled { after, .. }) = ended else { panic!("{ended:?}") };
    assert!(given <= after && after <= given + Duration::from_secs(1), "{after:?}");
    assert_eq!(shown(double, WORDS).await.len(), 0);
    sleep(after).await;
    driven.send_part(&part).await;
    assert_eq!(shown(double, WORDS).await.len(), 1);
}

pub async fn what_is_forbidden_is_refused_and_the_next_is_not(double: &dyn Double) {
    let Some((mut driven, part)) = meets(double, Fault::Forbidden).await else { return };
    let ended = driven.try_send(&part).await;
    assert!(matches!(ended, Err(DeliverError::Refused(_))), "{ended:?}");
    assert_eq!(shown(double, WORDS).await.len(), 0);
    driven.send_text(&double.places().direct, "another thing").await;
    assert_eq!(shown(double, "another thing").await.len(), 1);
}

pub async fn an_error_of_the_server_passes(double: &dyn Double) {
    let Some((driven, part)) = meets(double, Fault::ServerError).await else { return };
    let ended = driven.try_send(&part).await;
    let maybe = match ended {
        Err(DeliverError::Unreachable(_)) => false,
        Err(DeliverError::Unknown(_)) => true,
        other => panic!("{other:?}"),
    };
    assert_eq!(shown(double, WORDS).await.len(), 0);
    let id = driven.send_part(&Part { repeat: maybe, ..part }).await;
    assert!(driven.visible(&id).await.text.contains(WORDS));
}

/// The reader sees it once, or sees at the second that it may be one.
pub async fn a_lost_answer_is_told_and_a_repeat_is_marked(double: &dyn Double) {
    let Some((driven, part)) = meets(double, Fault::AnswerLost).await else { return };
    let ended = driven.try_send(&part).await;
    assert!(matches!(ended, Err(DeliverError::Unknown(_))), "{ended:?}");
    assert_eq!(shown(double, WORDS).await.len(), 1);
    let id = driven.send_part(&Part { repeat: true, ..part }).await;
    assert!(driven.visible(&id).await.text.contains(WORDS));
    match &shown(double, WORDS).await[..] {
        [_] => {}
        [first, second] => assert!(first.len() < second.len(), "{second:?} has no mark"),
        more => panic!("shown too often: {more:?}"),
    }
}

pub async fn formats_that_are_not_understood_are_left_out(double: &dyn Double) {
    let Some((driven, part)) = meets(double, Fault::BadFormat).await else { return };
    let id = driven.send_part(&part).await;
    assert!(driven.visible(&id).await.text.contains(WORDS));
    assert_eq!(shown(double, WORDS).await.len(), 1);
}

pub async fn a_broken_connection_loses_nothing(double: &dyn Double) {
    if !double.can_happen(Fault::Disconnect) {
        return;
    }
    let mut driven = Driven::connect(double).await;
    let place = double.places().direct;
    driven.post(&place, "before").await;
    driven.message().await;
    double.fault(Fault::Disconnect).await;
    if !double.habits().backfills {
        within("the double to be ready", double.ready()).await;
    }
    let mut posted = vec![driven.post(&place, "meanwhile").await];
    let mut got = Vec::new();
    while got.len() < posted.len() {
        match driven.try_batch().await {
            Ok(batch) => {
                let news = batch.events.into_iter().filter(is_news);
                got.extend(news.map(|it| message(it).platform_id));
                driven.commit().await;
            }
            Err(ChannelError::Unreachable(_)) => {
                let behind = driven.cursor();
                driven.reconnect(behind).await;
            }
            Err(other) => panic!("a broken connection ended with {other:?}"),
        }
    }
    posted.push(driven.post(&place, "after").await);
    got.extend(driven.messages(1).await.into_iter().map(|it| it.platform_id));
    assert_eq!(got, posted);
    driven.send_text(&place, "all is well").await;
    assert_eq!(shown(double, "all is well").await.len(), 1);
}

pub async fn what_nobody_understands_is_passed_over(double: &dyn Double) {
    if !double.can_happen(Fault::Garbage) {
        return;
    }
    let mut driven = Driven::connect(double).await;
    let place = double.places().direct;
    double.fault(Fault::Garbage).await;
    let good = driven.post(&place, "good").await;
    assert_eq!(driven.message().await.platform_id, good);
    let behind = driven.cursor();
    driven.reconnect(behind).await;
    double.fault(Fault::Garbage).await;
    double.fault(Fault::Garbage).await;
    let better = driven.post(&place, "better").await;
    assert_eq!(driven.message().await.platform_id, better);
}

/// Why an account does not get so far as to receive, and its connection if it made one.
async fn why_not(double: &dyn Double, account: &Account) -> (ChannelError, Option<Connection>) {
    let mut connection = match connect(double, account).await {
        Ok(connection) => connection,
        Err(err) => return (err, None),
    };
    let start = Cursor::default();
    for _ in 0..5 {
        let receiving = connection.source.receive(&start);
        if let Err(err) = within("the adapter to receive", receiving).await {
            assert_shows_no_secret(double, "an error", &chain(&err));
            assert_shows_no_secret(double, "an error's debug text", &format!("{err:?}"));
            return (err, Some(connection));
        }
    }
    panic!("it receives");
}

pub async fn a_wrong_credential_is_told_apart(double: &dyn Double) {
    if !double.registration().needs_account() {
        return;
    }
    let (err, _) = why_not(double, &double.account_with_wrong_credential()).await;
    assert!(matches!(err, ChannelError::Unauthorized(_)), "{err:?}");
}

pub async fn without_a_credential_it_says_what_to_do(double: &dyn Double) {
    if !double.registration().needs_account() {
        return;
    }
    let account = Account { fields: Fields::fixed([]), ..double.account() };
    let (err, _) = why_not(double, &account).await;
    assert!(matches!(err, ChannelError::Unauthorized(_)), "{err:?}");
    let said = chain(&err);
    let command = format!("nanoclaw channels add {}", double.registration().name);
    assert!(said.contains(&command), "{said:?}");
}

/// Nobody listens at the platform's addresses.
pub async fn a_platform_that_is_down_is_waited_for(double: &dyn Double) {
    let mut account = double.account();
    if account.urls.is_empty() {
        return;
    }
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).unwrap();
    for url in account.urls.values_mut() {
        let (scheme, rest) = url.split_once("://").unwrap();
        let path = rest.find('/').map_or("", |at| &rest[at..]);
        *url = format!("{scheme}://{closed}{path}");
    }
    let (err, connection) = why_not(double, &account).await;
    assert!(matches!(err, ChannelError::Unreachable(_)), "{err:?}");
    let Some(connection) = connection else { return };
    let mut driven = Driven::connect(double).await;
    let part = driven.part(&double.places().direct, Content::Text(WORDS.into()));
    let out = connection.sink;
    let ended = within("the adapter to deliver", out.deliver(&part)).await;
    let Err(err) = ended else { panic!("delivered to nobody") };
    assert!(matches!(err, DeliverError::Unreachable(_)), "{err:?}");
    assert_shows_no_secret(double, "an error", &chain(&err));
    assert_shows_no_secret(double, "an error's debug text", &format!("{err:?}"));
}

pub async fn a_connection_shows_no_credential(double: &dyn Double) {
    let connected = connect(double, &double.account()).await;
    let connection = connected.unwrap_or_else(|err| panic!("it does not connect: {err}"));
    assert_shows_no_secret(double, "a connection", &format!("{connection:?}"));
}
