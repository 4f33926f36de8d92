//! One message and its answer: that on the standard output, all else on the standard error.

use std::process::ExitCode;
use std::time::Duration;

use channel::cli::frames::{FromClient, ToClient};
use domain::command;
use tokio::time::timeout;

use super::ChatClient;
use super::ChatEvent::{Back, Line, Lost};
use crate::error::{ASKS, STOPPED, TIMEOUT, end, fail};
use crate::term;

/// By then a stopped agent has sent its notice, which comes once for each stop and chat.
const NOTICE_WITHIN: Duration = Duration::from_secs(2);

const WAITS: (u8, &str) = (
    STOPPED,
    "the message is kept and answered after `nanoclaw agents resume`; the answer comes with the next \
     `nanoclaw chat`",
);

/// Sends a message and prints its answer up to the last part of it, or to a question; the code says which.
/// Fails when no host runs, or the message is not taken, not answered, or its answer cannot be shown.
pub(crate) async fn say(
    client: &mut ChatClient,
    text: &str,
    limit: Duration,
) -> anyhow::Result<ExitCode> {
    client.unsent.clear();
    client.reach().await?;
    let ended = timeout(limit, until_answered(client, text)).await;
    term::rewrite("");
    let (is_stored, is_connected) = (client.unsent.is_empty(), client.wire.is_some());
    // Nobody reads what comes meanwhile; so it is kept for the next connection.
    client.wire = None;
    if let Ok(ended) = ended {
        return ended;
    }
    let seconds = limit.as_secs();
    let (what, hint) = match (is_connected, is_stored) {
        (false, _) => (
            format!("the host went away and did not come back within {seconds} s"),
            "start it with `nanoclaw start`; what was stored is answered then",
        ),
        (true, true) if command::parse(text).is_none() && is_stopped(client) => {
            return Ok(hinted(WAITS));
        }
        (true, true) => (
            format!("no answer came within {seconds} s{}", client.trouble().await),
            "the message is kept and its answer shown by the next `nanoclaw chat`; \
             `nanoclaw status` says what it waits for",
        ),
        (true, false) => (
            format!("the host did not take the message within {seconds} s"),
            "see what it does with `nanoclaw status` and `nanoclaw logs`",
        ),
    };
    Err(end(TIMEOUT, what, hint))
}

/// A database that cannot be read right now ends no wait.
fn is_stopped(client: &ChatClient) -> bool {
    client.is_stopped().unwrap_or(false)
}

async fn until_answered(client: &mut ChatClient, text: &str) -> anyhow::Result<ExitCode> {
    // To a command the host says the last word itself.
    let is_command = command::parse(text).is_some();
    let id = client.send(text.to_owned()).await?;
    let mut silence_max = Duration::MAX;
    loop {
        let Ok(event) = timeout(silence_max, client.next()).await else {
            if !is_command && is_stopped(client) {
                return Ok(hinted(WAITS));
            }
            silence_max = Duration::MAX;
            continue;
        };
        match event {
            Lost => {
                term::rewrite("");
                term::note("(the host is gone; waiting for it to come back)");
            }
            Back => {}
            Line(ToClient::Stored { .. }) => silence_max = NOTICE_WITHIN,
            Line(ToClient::Refused { id: refused, why }) => {
                if refused.is_none_or(|it| it == id) {
                    let hint = "nothing was stored; mend that, then send it again";
                    return Err(fail(format!("the message was not taken: {why}"), hint));
                }
            }
            Line(ToClient::Working) => {
                silence_max = Duration::MAX;
                term::rewrite("working…");
            }
            Line(ToClient::Part { key, reply_to, also, text, last, no_answer, repeat }) => {
                let fresh = client.fresh(&key, text, repeat);
                let is_answer = fresh.is_some() && (reply_to == id || also.contains(&id));
                if let Some(text) = fresh {
                    term::rewrite("");
                    match is_answer {
                        true => term::out(&text),
                        // To a message of before, when nobody was there to read it.
                        false => term::aside(&format!("(earlier answer) {text}")),
                    }
                }
                if term::has_failed() {
                    // Not acknowledged: the next terminal gets it.
                    let what = "the answer could not be written to the standard output";
                    return Err(fail(what, "the next `nanoclaw chat` shows it"));
                }
                client.tell(&FromClient::Shown { key }).await;
                if is_answer && let Some(end) = end_with(last, no_answer && !is_command, client)? {
                    return Ok(end);
                }
            }
        }
    }
}

/// How the wait ends with a part of the answer, if it does.
fn end_with(last: bool, no_answer: bool, client: &ChatClient) -> anyhow::Result<Option<ExitCode>> {
    let wait = match (last, no_answer) {
        (true, false) => return Ok(Some(ExitCode::SUCCESS)),
        (true, true) => {
            let hint = "send the message again to let it try once more; `nanoclaw why last` says what \
                        happened";
            return Err(fail("the agent did not answer", hint));
        }
        (false, true) => (ASKS, "the agent waits for your reply; send it with `nanoclaw chat`"),
        (false, false) if client.is_stopped()? => WAITS,
        (false, false) => return Ok(None),
    };
    Ok(Some(hinted(wait)))
}

fn hinted((code, hint): (u8, &str)) -> ExitCode {
    term::rewrite("");
    term::note(&format!("hint: {hint}"));
    ExitCode::from(code)
}
