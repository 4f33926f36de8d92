//! What can go wrong with a request, and what it means for the host.

use std::time::Duration;

use channel::{ChannelError, DeliverError, FetchError};
use reqwest::StatusCode;

/// What a Bot API server takes longer than this to allow is better retried by the host.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Why a request has no result. No text in it has the token: every error of the HTTP client is
/// stripped of its URL.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// Nothing left this machine.
    #[error("telegram cannot be reached")]
    Connect(#[source] reqwest::Error),
    /// It may have arrived.
    #[error("telegram did not answer")]
    Lost(#[source] reqwest::Error),
    /// Not the Bot API's answer: a proxy's page, or another server.
    #[error("the answer (status {status}) is not one of the Bot API")]
    Strange { status: StatusCode },
    #[error(transparent)]
    Refusal(#[from] Refusal),
}

/// The server's own words. It counts its errors as HTTP does
/// (<https://core.telegram.org/bots/api#making-requests>).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("telegram says: {description}{}", hint(description))]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) description: String,
    /// Seconds.
    pub(crate) retry_after: Option<u64>,
    /// The chat has another id now.
    pub(crate) migrate_to: Option<i64>,
}

/// What to do about the refusals that somebody can do something about. The words are the server's
/// (`fail_query_with_error` in
/// <https://github.com/tdlib/telegram-bot-api/blob/master/telegram-bot-api/Client.cpp>).
fn hint(description: &str) -> &'static str {
    let hints = [
        ("bot was blocked by the user", "; they can unblock it in the chat with the bot"),
        ("can't initiate conversation", "; the person has to open the bot and press Start first"),
        ("not enough rights", "; give the bot that right in the settings of the chat"),
        ("have no rights", "; give the bot that right in the settings of the chat"),
        ("CHAT_WRITE_FORBIDDEN", "; give the bot the right to write in the settings of the chat"),
        ("was kicked", "; add the bot to the chat again"),
        ("is not a member", "; add the bot to the chat again"),
        ("REACTION_INVALID", "; take one that Telegram has, such as 👍 👎 ❤ 🔥 🎉 👀"),
    ];
    hints.iter().find(|(words, _)| description.contains(words)).map_or("", |(_, hint)| hint)
}

#[derive(Debug, thiserror::Error)]
enum Advice {
    #[error(
        "telegram does not know this token; copy it again from @BotFather and store it with \
         `nanoclaw channels add telegram`"
    )]
    UnknownToken(#[source] ApiError),
    #[error(
        "another program reads this bot's messages (or a webhook is set); stop it, or make another \
         bot with @BotFather for this host"
    )]
    SecondReader(#[source] ApiError),
}

/// For a request that must not be sent twice.
pub(crate) fn deliver_error(err: ApiError) -> DeliverError {
    match err {
        ApiError::Connect(_) => DeliverError::Unreachable(err.into()),
        ApiError::Lost(_) => DeliverError::Unknown(err.into()),
        ApiError::Strange { status } => match status.as_u16() {
            // The file is larger than something on the way takes.
            413 => DeliverError::Refused(err.into()),
            // Something on the way wants to be logged in to, or leads elsewhere.
            300..500 => DeliverError::Unreachable(err.into()),
            _ => DeliverError::Unknown(err.into()),
        },
        ApiError::Refusal(ref refusal) => match refusal.code {
            // Waits until the token was renewed.
            401 => DeliverError::Unreachable(Advice::UnknownToken(err).into()),
            429 => DeliverError::Throttled { after: wait_of(refusal) },
            400..500 => DeliverError::Refused(err.into()),
            _ => DeliverError::Unknown(err.into()),
        },
    }
}

/// For the requests of the receiving half.
pub(crate) fn channel_error(err: ApiError) -> ChannelError {
    let code = match &err {
        ApiError::Refusal(refusal) => refusal.code,
        ApiError::Connect(_) | ApiError::Lost(_) | ApiError::Strange { .. } => 0,
    };
    match code {
        // 404 is what a token without the right form gets.
        401 | 404 => ChannelError::Unauthorized(Advice::UnknownToken(err).into()),
        409 => ChannelError::Unreachable(Advice::SecondReader(err).into()),
        _ => ChannelError::Unreachable(err.into()),
    }
}

/// For `getFile` and the download behind it.
pub(crate) fn fetch_error(err: ApiError, bytes_max: u64) -> FetchError {
    match &err {
        ApiError::Refusal(refusal) if refusal.description.contains("file is too big") => {
            FetchError::TooLarge { bytes_max }
        }
        ApiError::Refusal(Refusal { code: 400 | 403 | 404, .. }) => FetchError::Gone(err.into()),
        ApiError::Refusal(_)
        | ApiError::Connect(_)
        | ApiError::Lost(_)
        | ApiError::Strange { .. } => FetchError::Unreachable(err.into()),
    }
}

pub(crate) fn wait_of(refusal: &Refusal) -> Duration {
    Duration::from_secs(refusal.retry_after.unwrap_or(1))
}

impl ApiError {
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refusal(refusal) => Some(refusal),
            Self::Connect(_) | Self::Lost(_) | Self::Strange { .. } => None,
        }
    }

    /// Certainly not done, and another form of the same may be: not because of where it goes.
    pub(crate) fn is_about_the_content(&self) -> bool {
        let places = ["chat not found", "thread not found", "rights", "to edit not found"];
        self.refusal().is_some_and(|refusal| {
            refusal.code == 400
                && refusal.migrate_to.is_none()
                && !places.iter().any(|words| refusal.description.contains(words))
        })
    }

    /// A server of before this method.
    pub(crate) fn is_unknown_method(&self) -> bool {
        self.refusal().is_some_and(|it| it.code == 404)
    }

    pub(crate) fn says(&self, words: &str) -> bool {
        self.refusal().is_some_and(|it| it.description.contains(words))
    }

    pub(crate) fn moved_to(&self) -> Option<i64> {
        self.refusal().and_then(|it| it.migrate_to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: u16, description: &str, retry_after: Option<u64>) -> ApiError {
        Refusal { code, description: description.into(), retry_after, migrate_to: None }.into()
    }

    #[test]
    fn a_refusal_is_sorted_by_what_the_host_must_do() {
        let sort = |code| deliver_error(refusal(code, "why", Some(7)));
        assert!(matches!(sort(400), DeliverError::Refused(_)));
        assert!(matches!(sort(403), DeliverError::Refused(_)));
        assert!(matches!(sort(401), DeliverError::Unreachable(_)));
        assert!(matches!(sort(500), DeliverError::Unknown(_)));
        let seven = Duration::from_secs(7);
        assert!(matches!(sort(429), DeliverError::Throttled { after } if after == seven));
    }

    #[test]
    fn an_answer_of_something_on_the_way_is_no_answer_of_telegram() {
        let sort = |status| {
            let status = StatusCode::from_u16(status).unwrap();
            deliver_error(ApiError::Strange { status })
        };
        assert!(matches!(sort(413), DeliverError::Refused(_)));
        assert!(matches!(sort(302), DeliverError::Unreachable(_)));
        assert!(matches!(sort(407), DeliverError::Unreachable(_)));
        assert!(matches!(sort(502), DeliverError::Unknown(_)));
        assert!(matches!(sort(200), DeliverError::Unknown(_)));
    }

    #[test]
    fn a_refusal_names_its_cause_and_a_way_out() {
        let said = refusal(403, "Forbidden: bot was blocked by the user", None).to_string();
        assert!(said.contains("blocked by the user; they can unblock it"), "{said}");
        assert_eq!(
            refusal(400, "Bad Request: x", None).to_string(),
            "telegram says: Bad Request: x"
        );
    }

    #[test]
    fn a_token_that_is_not_known_is_for_somebody_to_mend_and_a_second_reader_is_waited_for() {
        for code in [401, 404] {
            let err = channel_error(refusal(code, "Unauthorized", None));
            assert!(matches!(err, ChannelError::Unauthorized(_)), "{err:?}");
        }
        let err = channel_error(refusal(409, "Conflict: terminated by other getUpdates", None));
        assert!(
            matches!(&err, ChannelError::Unreachable(why) if why.to_string().contains("stop it"))
        );
    }
}
