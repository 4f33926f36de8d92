//! What the refusals of a Bot API server mean and what to do about them
//! (<https://core.telegram.org/bots/api#making-requests>).

use std::time::Duration;

use channel::ChannelError;
use channel::http::{Failure, Refusal};
use reqwest::StatusCode;
use serde_json::Value;

const UNKNOWN_TOKEN: &str = "telegram does not know this token; copy it again from @BotFather and store it with \
    `nanoclaw channels add telegram`";
pub(crate) const SECOND_READER: &str = "another program reads this bot's messages, and each takes some of them from \
    the other; stop that program, or make another bot with @BotFather for this host";

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

/// What an answer means whose `ok` is not true.
pub(crate) fn failure(answer: &Value, http: StatusCode) -> Failure {
    let status = answer["error_code"].as_u64().and_then(|it| it.try_into().ok());
    let (status, said) =
        (status.unwrap_or(http.as_u16()), answer["description"].as_str().unwrap_or_default());
    let why = format!("telegram says: {said}{}", hint(said));
    let about = &answer["parameters"];
    match status {
        401 => Failure::Unauthorized(format!("{UNKNOWN_TOKEN}: {why}").into()),
        429 => {
            let secs = about["retry_after"].as_u64().unwrap_or(1);
            Failure::Throttled { after: Duration::from_secs(secs) }
        }
        400..500 => {
            let moved_to = about["migrate_to_chat_id"].as_i64();
            Refusal { status, code: 0, why, moved_to }.into()
        }
        _ => Failure::Unknown(why.into()),
    }
}

/// For the requests of the receiving half.
pub(crate) fn channel_error(failure: Failure) -> ChannelError {
    if let Failure::Refused(why) = &failure {
        // What a token without the right form gets.
        if why.status == 404 {
            return ChannelError::Unauthorized(format!("{UNKNOWN_TOKEN}: {why}").into());
        }
    }
    failure.into()
}

/// Certainly not done, and without formats it may be: not because of where it goes.
pub(crate) fn is_about_the_content(failure: &Failure) -> bool {
    let others =
        ["chat not found", "thread not found", "rights", "to edit not found", "is not modified"];
    matches!(failure, Failure::Refused(refusal) if refusal.status == 400
        && refusal.moved_to.is_none()
        && !others.iter().any(|words| refusal.why.contains(words)))
}

#[cfg(test)]
mod tests {
    use channel::DeliverError;

    use super::*;

    fn failure(code: u16, description: &str, retry_after: Option<u64>) -> Failure {
        let about = serde_json::json!({ "retry_after": retry_after });
        let answer = serde_json::json!({
            "ok": false, "error_code": code, "description": description, "parameters": about,
        });
        super::failure(&answer, StatusCode::OK)
    }

    #[test]
    fn a_refusal_is_sorted_by_what_the_host_must_do() {
        let sort = |code| DeliverError::from(failure(code, "why", Some(7)));
        assert!(matches!(sort(400), DeliverError::Refused(_)));
        assert!(matches!(sort(403), DeliverError::Refused(_)));
        assert!(matches!(sort(401), DeliverError::Unreachable(_)));
        assert!(matches!(sort(500), DeliverError::Unknown(_)));
        let seven = Duration::from_secs(7);
        assert!(matches!(sort(429), DeliverError::Throttled { after, .. } if after == seven));
    }

    #[test]
    fn a_refusal_names_its_cause_and_a_way_out() {
        let said = failure(403, "Forbidden: bot was blocked by the user", None).to_string();
        assert!(said.contains("blocked by the user; they can unblock it"), "{said}");
        assert_eq!(
            failure(400, "Bad Request: x", None).to_string(),
            "telegram says: Bad Request: x"
        );
    }

    #[test]
    fn another_form_is_tried_only_where_the_form_was_the_reason() {
        assert!(is_about_the_content(&failure(400, "Bad Request: can't parse entities", None)));
        for other in ["Bad Request: chat not found", "Bad Request: message is not modified: x"] {
            assert!(!is_about_the_content(&failure(400, other, None)), "{other}");
        }
        assert!(!is_about_the_content(&failure(403, "Forbidden: x", None)));
    }

    #[test]
    fn a_token_that_is_not_known_is_for_somebody_to_mend() {
        for code in [401, 404] {
            let err = channel_error(failure(code, "Unauthorized", None));
            assert!(matches!(err, ChannelError::Unauthorized(_)), "{err:?}");
        }
    }
}
