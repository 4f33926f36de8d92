//! Discord: the adapter against the double, and the double against a client that we did not write.

mod beside;
mod catching_up;
mod foreign;
mod gaps;
mod incoming;
mod outgoing;
mod rig;

use harness::conformance::Double;
use harness::discord::FakeDiscord;

async fn make() -> Box<dyn Double> {
    Box::new(FakeDiscord::start().await)
}

harness::conformance_tests!(make);
