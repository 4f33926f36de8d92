//! What the doubles offer to a run beyond [`Double`].

use async_trait::async_trait;
use harness::conformance::Double;
use harness::courier::FakeCourier;
use harness::discord::FakeDiscord;
use harness::telegram::FakeTelegram;

use super::plan::Strike;

#[async_trait]
pub(super) trait Platform: Double {
    /// What happens on this platform alone.
    const OWN: &[Strike];

    /// A strike that needs no more than the platform.
    async fn strike(&self, strike: Strike);

    fn tell_again(&self, message: &str);

    /// More than a day passes without the bot. Returns the messages that it will never be told.
    fn a_day_passes(&self) -> Vec<String>;

    /// From now on nothing that is sent is known again by its key.
    fn keep_no_keys(&self);

    /// What was to go wrong and did not yet is called off.
    fn calm_down(&self);
}

#[async_trait]
impl Platform for FakeTelegram {
    const OWN: &[Strike] = &[];

    async fn strike(&self, strike: Strike) {
        match strike {
            Strike::Send(fault) | Strike::Now(fault) => self.fault(fault).await,
            Strike::Read(fault) => self.fail_read(fault),
            Strike::TellAgain(_)
            | Strike::Reconnect { .. }
            | Strike::Close(_)
            | Strike::ForgetSessions => panic!("telegram has no {strike:?}"),
        }
    }

    fn tell_again(&self, message: &str) {
        Self::tell_again(self, message);
    }

    fn a_day_passes(&self) -> Vec<String> {
        self.forget_updates()
    }

    /// Telegram takes none.
    fn keep_no_keys(&self) {}

    fn calm_down(&self) {
        Self::calm_down(self);
    }
}

#[async_trait]
impl Platform for FakeDiscord {
    const OWN: &[Strike] = &[
        Strike::Reconnect { resumable: true },
        Strike::Reconnect { resumable: false },
        Strike::Close(4000),
        Strike::Close(4007),
        Strike::Close(4009),
        Strike::ForgetSessions,
    ];

    async fn strike(&self, strike: Strike) {
        match strike {
            Strike::Send(fault) | Strike::Now(fault) => self.fault(fault).await,
            Strike::Read(fault) => self.fail_read(fault),
            Strike::Reconnect { resumable } => self.ask_to_reconnect(resumable),
            Strike::Close(code) => self.close(code),
            Strike::ForgetSessions => self.forget_sessions(),
            Strike::TellAgain(_) => panic!("a message is needed"),
        }
    }

    fn tell_again(&self, message: &str) {
        Self::tell_again(self, message);
    }

    /// Whatever was written can be read afterwards.
    fn a_day_passes(&self) -> Vec<String> {
        self.forget_sessions();
        vec![]
    }

    fn keep_no_keys(&self) {
        self.keep_no_nonces();
    }

    fn calm_down(&self) {
        Self::calm_down(self);
    }
}

#[async_trait]
impl Platform for FakeCourier {
    const OWN: &[Strike] = &[];

    async fn strike(&self, strike: Strike) {
        match strike {
            Strike::Send(fault) | Strike::Now(fault) => self.fault(fault).await,
            Strike::Read(fault) => self.fail_read(fault),
            Strike::TellAgain(_)
            | Strike::Reconnect { .. }
            | Strike::Close(_)
            | Strike::ForgetSessions => panic!("courier has no {strike:?}"),
        }
    }

    fn tell_again(&self, message: &str) {
        Self::tell_again(self, message);
    }

    fn a_day_passes(&self) -> Vec<String> {
        self.forget_updates()
    }

    /// Keys are kept as long as messages are: the host counts on that, and marks no repeats.
    fn keep_no_keys(&self) {}

    fn calm_down(&self) {
        Self::calm_down(self);
    }
}
