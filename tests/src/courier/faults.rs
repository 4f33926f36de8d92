//! What goes wrong on the double.

use std::time::Duration;

use serde_json::Value;

use super::FakeCourier;
use crate::conformance::Fault;

/// What the next request that sends meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mishap {
    Throttled(Duration),
    /// Has its effect, and the connection breaks.
    AnswerLost,
    /// The connection breaks before there is an effect.
    RequestLost,
    ServerError,
    Forbidden,
    /// Has its effect, and is answered so much later.
    Slow(Duration),
}

impl FakeCourier {
    /// The next request that sends breaks off before it has an effect.
    pub fn lose_request(&self) {
        self.state.lock().mishaps.push_back(Mishap::RequestLost);
    }

    /// The next request that sends has its effect, and is not answered.
    pub fn lose_answer(&self) {
        self.state.lock().mishaps.push_back(Mishap::AnswerLost);
    }

    /// The next request that sends is answered late.
    pub fn be_slow(&self, given: Duration) {
        self.state.lock().mishaps.push_back(Mishap::Slow(given));
    }

    /// The next poll meets this fault, a lost answer the next one that has updates in it.
    ///
    /// # Panics
    /// When polls know no such fault.
    pub fn fail_read(&self, fault: Fault) {
        let is_known = match fault {
            Fault::Throttle(_) | Fault::ServerError | Fault::AnswerLost => true,
            Fault::Forbidden | Fault::BadFormat | Fault::Disconnect | Fault::Garbage => false,
        };
        assert!(is_known, "a poll knows no {fault:?}");
        self.state.lock().reads.push_back(fault);
    }

    /// The bot's token is exchanged for the one that is returned; the former one is not taken any more.
    pub fn renew_token(&self) -> String {
        let token = format!("{}-renewed", super::TOKEN);
        self.state.lock().token.clone_from(&token);
        self.state.cut.notify_waiters();
        token
    }

    /// The bot is told of this message once more, in an update of another number.
    ///
    /// # Panics
    /// When there is no such message.
    pub fn tell_again(&self, message: &str) {
        self.tell(|inner| {
            inner.tell(message, "message");
            None
        });
    }

    /// The updates so far are forgotten, as after a day; returns the messages in those that no poll has asked
    /// to go on behind.
    pub fn forget_updates(&self) -> Vec<String> {
        let mut inner = self.state.lock();
        let (asked, updates) = (inner.asked_after, std::mem::take(&mut inner.updates));
        let unread = updates.into_iter().filter(|it| asked < it.0);
        let id = |update: Value| Some(update["id"].as_str()?.to_owned());
        unread.filter_map(|it| id(it.1)).collect()
    }

    /// Faults that nothing has met yet are taken back.
    pub fn calm_down(&self) {
        let mut inner = self.state.lock();
        inner.mishaps.clear();
        inner.reads.clear();
    }
}
