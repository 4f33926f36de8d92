//! The example of an adapter against the double of its platform, and the double against a client that we did not
//! write.

mod beside;

mod conformance {
    use harness::conformance::Double;
    use harness::courier::FakeCourier;

    async fn make() -> Box<dyn Double> {
        Box::new(FakeCourier::start().await)
    }

    harness::conformance_tests!(make);
}
