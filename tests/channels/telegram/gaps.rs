//! What the adapter says about the time when it did not poll.

use std::time::Duration;

use channel::{Account, Cursor, Gap, Pulse};
use domain::time::Timestamp;
use harness::conformance::Double;
use harness::conformance::driven::{connect, eventually};
use harness::telegram::FakeTelegram;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What is said after such a silence, and how often the server was asked until then.
async fn said_after(silence: Duration) -> (Option<Gap>, usize) {
    let double = FakeTelegram::start().await;
    let pulse = Pulse::default();
    let until = Timestamp(pulse.now().0 - i64::try_from(silence.as_millis()).unwrap());
    let account = Account { pulse, heard_until: Some(until), ..double.account() };
    let mut source = connect(&double, &account).await.unwrap().source;
    assert_eq!(source.gap(), None, "nothing was read yet");
    let cursor = Cursor("7".into());
    let batch = source.receive(&cursor).await.unwrap();
    assert_eq!((batch.events.len(), batch.cursor), (0, cursor), "nothing happened");
    let said = source.gap();
    assert_eq!(source.gap(), None);
    (said, double.calls("getUpdates").len())
}

#[tokio::test]
async fn a_day_is_covered_and_more_than_a_day_is_not() {
    let minute = Duration::from_secs(60);
    assert_eq!(said_after(DAY - minute).await, (Some(Gap::None), 1));
    assert_eq!(said_after(DAY + minute).await, (Some(Gap::Unknown), 1));
}

#[tokio::test]
async fn a_poll_that_brings_nothing_and_a_refusal_are_signs_of_life() {
    let double = FakeTelegram::start().await;
    let pulse = Pulse::default();
    let account = Account { pulse: pulse.clone(), ..double.account() };
    let mut source = connect(&double, &account).await.unwrap().source;
    let first = pulse.last().unwrap().when;
    let cursor = Cursor::default();
    tokio::select! {
        received = source.receive(&cursor) => panic!("{received:?}"),
        () = eventually("a sign of life", async || {
            double.quiet().await;
            first < pulse.last().unwrap().when
        }) => {}
    }
    let before = pulse.last().unwrap().when;
    let wrong = Account { pulse: pulse.clone(), ..double.account_with_wrong_credential() };
    connect(&double, &wrong).await.unwrap_err();
    assert!(before < pulse.last().unwrap().when, "it answered, if only to refuse");
}
