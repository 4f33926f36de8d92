//! What goes wrong on the double, apart from what goes wrong on every platform.

use std::time::Duration;

use super::FakeTelegram;
use super::call::Refusal;
use super::state::Stored;
use crate::conformance::Fault;

impl FakeTelegram {
    /// The next poll is told to wait.
    pub fn throttle_poll(&self, given: Duration) {
        self.state.lock().polls_refused.push_back(Refusal::wait(given));
    }

    /// The next poll meets this fault, a lost answer the next one that has updates in it.
    ///
    /// # Panics
    /// When polls know no such fault.
    pub fn fail_read(&self, fault: Fault) {
        match fault {
            Fault::Throttle(given) => self.throttle_poll(given),
            Fault::ServerError => {
                self.state.lock().polls_refused.push_back(Refusal::new(502, "Bad Gateway"));
            }
            Fault::AnswerLost => self.state.lock().poll_is_lost = true,
            Fault::Forbidden | Fault::BadFormat | Fault::Disconnect | Fault::Garbage => {
                panic!("a poll knows no {fault:?}")
            }
        }
    }

    /// The bot is told of this message once more, in an update of another number.
    ///
    /// # Panics
    /// When there is no such message.
    pub fn tell_again(&self, message: &str) {
        let mut inner = self.state.lock();
        let is_it = |it: &&Stored| format!("{}:{}", it.chat, it.id) == message;
        let found = inner.messages.iter().find(is_it).cloned().unwrap();
        let shown = inner.show(&found);
        inner.push("message", shown);
        drop(inner);
        self.state.news.notify_waiters();
    }

    /// What no poll has confirmed is forgotten, as after a day
    /// (<https://core.telegram.org/bots/api#getting-updates>); returns the messages in it.
    pub fn forget_updates(&self) -> Vec<String> {
        let updates = std::mem::take(&mut self.state.lock().updates);
        let message = |(_, update): (i64, serde_json::Value)| {
            let message = update.get("message")?;
            Some(format!("{}:{}", message["chat"]["id"], message["message_id"]))
        };
        updates.into_iter().filter_map(message).collect()
    }

    /// Faults that nothing has met yet are taken back.
    pub fn calm_down(&self) {
        let mut inner = self.state.lock();
        inner.faults.clear();
        inner.polls_refused.clear();
        inner.poll_is_lost = false;
    }
}
