//! What the errors of Discord mean and what to do about them. Pure.

use std::time::Duration;

use channel::ChannelError;
use channel::http::{Answer, Failure, Refusal};
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde_json::Value;

use crate::wire::text;

/// When Discord asks to wait and does not say how long.
const WAIT_DEFAULT: Duration = Duration::from_secs(5);
/// Characters of a reason of Discord's that are passed on.
const REASON_CHARS_MAX: usize = 200;

const TOKEN: &str = "discord does not know the bot's token; make a new one in the developer portal \
    (your application > Bot > Reset Token) and store it with `nanoclaw channels add discord`";
const MAY_NOT: &str = "the bot may not do this here; give its role View Channel, Send Messages, Send \
    Messages in Threads, Attach Files, Add Reactions and Read Message History in this channel";
const UNSEEN: &str = "the bot does not see this channel; give its role View Channel there, or invite \
    the bot to the server again";

/// The code for a message that is gone.
pub(crate) const UNKNOWN_MESSAGE: u64 = 10_008;

/// What an answer means that is no success: a code
/// (<https://discord.com/developers/docs/topics/opcodes-and-status-codes#json>) and a message or, with status 429,
/// how many seconds to wait, and whether with all requests.
pub(crate) fn failure(answer: &Answer) -> Failure {
    let said = answer.json::<Value>();
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        let header = answer.headers.get(RETRY_AFTER);
        let header = header.and_then(|it| it.to_str().ok()?.parse().ok());
        let said = said.unwrap_or_default();
        let secs = said["retry_after"].as_f64().or(header);
        let after =
            secs.and_then(|it| Duration::try_from_secs_f64(it).ok()).unwrap_or(WAIT_DEFAULT);
        let is_global = said["global"] == true;
        return if is_global { Failure::Paused { after } } else { Failure::Throttled { after } };
    }
    match said {
        Ok(said) => {
            let code = said["code"].as_u64().unwrap_or_default();
            refused(answer.status.as_u16(), code, text(&said["message"]))
        }
        Err(foreign) => foreign,
    }
}

pub(crate) fn bad_token(message: &str) -> Failure {
    refused(401, 0, message)
}

fn refused(status: u16, code: u64, message: &str) -> Failure {
    let message: String = message.chars().take(REASON_CHARS_MAX).collect();
    let message: &str = if message.is_empty() { "no reason given" } else { &message };
    let why = format!("{} (discord: {message}, {code})", advice(status, code));
    match status {
        401 => Failure::Unauthorized(why.into()),
        408 | 500.. => Failure::Unknown(why.into()),
        _ => Refusal { status, code, why, moved_to: None }.into(),
    }
}

/// Read Message History is missing, or the message that was replied to cannot be.
pub(crate) fn is_about_reference(refusal: &Refusal) -> bool {
    matches!(refusal.code, 160_002 | 50_035 | 50_021)
}

/// The thread is closed, or does not exist any more.
pub(crate) fn is_thread_gone(refusal: &Refusal) -> bool {
    matches!(refusal.code, 10_003 | 50_083 | 160_005)
}

fn advice(status: u16, code: u64) -> &'static str {
    match (status, code) {
        (401, _) => TOKEN,
        (_, 10_003) => "this channel does not exist any more",
        (_, UNKNOWN_MESSAGE) => "this message does not exist any more",
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

pub(crate) fn may_not_read() -> ChannelError {
    let why = "the bot may not read messages; open the Discord developer portal > your application > Bot > \
        Privileged Gateway Intents, switch Message Content Intent on, save, then `nanoclaw restart`";
    ChannelError::Misconfigured(why.into())
}

/// Why the gateway closed for good, and what to do
/// (<https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway>). `None` where a new connection
/// may help.
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
        4013 | 4014 => Some(may_not_read()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_to_do_and_what_discord_said() {
        let said = |status, code| refused(status, code, "Nope").to_string();
        let text = said(403, 50_013);
        assert!(
            text.contains("Send Messages") && text.contains("(discord: Nope, 50013)"),
            "{text}"
        );
        assert!(said(403, 50_007).contains("direct messages"));
        assert!(said(413, 0).contains("smaller"));
        assert!(said(400, 1).starts_with("discord does not take this"));
    }

    #[test]
    fn only_what_is_certain_is_given_up() {
        assert!(matches!(refused(404, 10_003, ""), Failure::Refused(_)));
        assert!(matches!(refused(401, 0, ""), Failure::Unauthorized(_)));
        assert!(matches!(refused(500, 0, ""), Failure::Unknown(_)));
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
