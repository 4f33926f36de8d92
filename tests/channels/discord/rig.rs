//! What the tests of Discord share.

use domain::message::Incoming;
use domain::outgoing::Content;
use harness::conformance::driven::Driven;
use harness::conformance::{Double, TestChat};
use harness::discord::FakeDiscord;

pub(super) const ANN: &str = "4242";
pub(super) const BOB: &str = "4343";

pub(super) fn ids(messages: &[Incoming]) -> Vec<&str> {
    messages.iter().map(|it| it.platform_id.as_str()).collect()
}

/// An adapter that has committed a message of the group and one in private.
pub(super) async fn settled_in(double: &FakeDiscord) -> Driven<'_> {
    let mut driven = Driven::connect(double).await;
    let places = double.places();
    driven.post(&places.group, "first in the group").await;
    driven.post(&places.direct, "first in private").await;
    driven.messages(2).await;
    driven
}

/// The host ends, and Discord forgets the session before it is back.
pub(super) async fn away<'a>(driven: &mut Driven<'a>, double: &'a FakeDiscord) {
    driven.disconnect().await;
    double.forget_sessions();
}

pub(super) fn group(chat: &str) -> TestChat {
    TestChat { chat: chat.into(), thread: None, is_group: true }
}

pub(super) fn text(words: &str) -> Content {
    Content::Text(words.into())
}
