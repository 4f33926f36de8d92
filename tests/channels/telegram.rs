//! Telegram: the adapter against the double, the double against clients that we did not write, and
//! the adapter against a server that we did not write.

mod files;
mod foreign;
mod gaps;
mod polling;
mod sending;
mod test_api;

mod conformance {
    use harness::conformance::Double;
    use harness::telegram::FakeTelegram;

    async fn make() -> Box<dyn Double> {
        Box::new(FakeTelegram::start().await)
    }

    harness::conformance_tests!(make);
}
