//! What the errors of Discord mean and what to do about them. Pure.

use std::time::Duration;

use channel::{Cause, ChannelError, DeliverError};

/// An answer that says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} (discord: {}, {code})", self.advice(), self.message())]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// 0 where Discord gave none
    /// (<https://discord.com/developers/docs/topics/opcodes-and-status-codes#json>).
    pub(crate) code: u64,
    pub(crate) message: String,
}

/// Why a request has no result, sorted by what is known of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Certainly without effect.
    #[error("discord asks to wait {} s", after.as_secs())]
    Throttled { after: Duration },
    /// Certainly without effect.
    #[error("discord cannot be reached")]
    Unreachable(#[source] Cause),
    /// Nobody knows whether it took effect.
    #[error("discord did not answer")]
    Unknown(#[source] Cause),
    /// Certainly without effect.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

const TOKEN: &str = "discord does not know the bot's token; make a new one in the developer portal \
    (your application > Bot > Reset Token) and store it with `nanoclaw channels add discord`";
const MAY_NOT: &str = "the bot may not do this here; give its role View Channel, Send Messages, Send \
    Messages in Threads, Attach Files, Add Reactions and Read Message History in this channel";
const UNSEEN: &str = "the bot does not see this channel; give its role View Channel there, or invite \
    the bot to the server again";

impl Refusal {
    pub(crate) fn is_bad_token(&self) -> bool {
        self.status == 401
    }

    /// Read Message History is missing, or the message that was replied to cannot be.
    pub(crate) fn is_about_reference(&self) -> bool {
        matches!(self.code, 160_002 | 50_035 | 50_021)
    }

    fn message(&self) -> &str {
        if self.message.is_empty() { "no reason given" } else { &self.message }
    }

    fn advice(&self) -> &'static str {
        match (self.status, self.code) {
            (401, _) => TOKEN,
            (_, 10_003) => "this channel does not exist any more",
            (_, 10_008) => "this message does not exist any more",
            (_, 10_014) => "discord does not know this emoji; use another one",
            (413, _) | (_, 40_005) => "the file is larger than discord takes; send a smaller one",
            (_, 50_001) => UNSEEN,
            (_, 50_005) => "only messages of the bot itself can be edited",
            (_, 50_007) => {
                "this person takes no private messages from the bot; share a server with it and \
                 allow direct messages from its members"
            }
            (_, 50_013) => MAY_NOT,
            (_, 50_083) => "this thread is archived; open it again",
            (403, _) => MAY_NOT,
            (404, _) => "this chat does not exist any more, or the bot does not see it",
            _ => "discord does not take this",
        }
    }
}

impl From<Failure> for DeliverError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Throttled { after } => Self::Throttled { after },
            Failure::Unreachable(cause) => Self::Unreachable(cause),
            Failure::Unknown(cause) => Self::Unknown(cause),
            // It waits until there is a token that works.
            Failure::Refused(why) if why.is_bad_token() => Self::Unreachable(why.into()),
            Failure::Refused(why) => Self::Refused(why.into()),
        }
    }
}

impl From<Failure> for ChannelError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(why) if why.is_bad_token() => Self::Unauthorized(why.into()),
            Failure::Unreachable(cause) | Failure::Unknown(cause) => Self::Unreachable(cause),
            other @ (Failure::Throttled { .. } | Failure::Refused(_)) => {
                Self::Unreachable(other.into())
            }
        }
    }
}

/// Why the gateway closed for good, and what to do
/// (<https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway>). `None` where a
/// new connection may help.
pub(crate) fn closed(code: u16) -> Option<ChannelError> {
    let misconfigured = |why: String| Some(ChannelError::Misconfigured(why.into()));
    match code {
        4004 => Some(ChannelError::Unauthorized(TOKEN.into())),
        4010 | 4011 => misconfigured(format!(
            "the bot is in more servers than one connection may serve ({code}); use a bot of your own \
             that is only in your servers"
        )),
        4012 => {
            misconfigured("discord has ended this version of its gateway; update nanoclaw".into())
        }
        4013 | 4014 => misconfigured(format!(
            "the bot may not read messages ({code}); open the Discord developer portal > your \
             application > Bot > Privileged Gateway Intents, switch Message Content Intent on, save, \
             then `nanoclaw restart`"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, code: u64) -> Refusal {
        Refusal { status, code, message: "Nope".into() }
    }

    #[test]
    fn a_refusal_says_what_to_do_and_what_discord_said() {
        let text = refusal(403, 50_013).to_string();
        assert!(
            text.contains("Send Messages") && text.contains("(discord: Nope, 50013)"),
            "{text}"
        );
        assert!(refusal(403, 50_007).to_string().contains("direct messages"));
        assert!(refusal(413, 0).to_string().contains("smaller"));
        assert!(refusal(400, 1).to_string().starts_with("discord does not take this"));
    }

    #[test]
    fn only_what_is_certain_is_given_up() {
        let refused = DeliverError::from(Failure::Refused(refusal(404, 10_003)));
        assert!(matches!(refused, DeliverError::Refused(_)));
        let token = DeliverError::from(Failure::Refused(refusal(401, 0)));
        assert!(matches!(token, DeliverError::Unreachable(_)));
        let unknown = DeliverError::from(Failure::Unknown("reset".into()));
        assert!(matches!(unknown, DeliverError::Unknown(_)));
        let token = ChannelError::from(Failure::Refused(refusal(401, 0)));
        assert!(matches!(token, ChannelError::Unauthorized(_)));
    }

    #[test]
    fn a_close_that_a_person_must_mend_is_not_tried_again() {
        assert!(matches!(closed(4004), Some(ChannelError::Unauthorized(_))));
        for code in [4010, 4011, 4012, 4013, 4014] {
            assert!(matches!(closed(code), Some(ChannelError::Misconfigured(_))), "{code}");
        }
        for code in [1000, 1006, 4000, 4007, 4008, 4009] {
            assert!(closed(code).is_none(), "{code}");
        }
        let Some(ChannelError::Misconfigured(why)) = closed(4014) else { panic!("it is closed") };
        assert!(why.to_string().contains("Message Content Intent"));
    }
}
