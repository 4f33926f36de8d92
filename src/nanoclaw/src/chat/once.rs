//! One message and its answer.

use std::time::Duration;

use channel::cli::frames::{FromClient, ToClient};
use domain::command;
use tokio::time::timeout;

use super::ChatClient;
use super::ChatEvent::{Back, Line, Lost};
use crate::error::{TIMEOUT, end, fail};
use crate::term;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Answer(String),
    /// An answer to a message of before, which nobody had been there to read.
    Earlier(String),
    Working,
    /// The host is gone; it is waited for.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AskEnd {
    Answered,
    /// The agent asks something first.
    Asked,
    /// The agent is stopped; the message waits until it is resumed.
    Stopped,
}

/// Sends the message and waits for the last part of its answer, or for a question.
/// Fails when no host runs, or the message is not taken, not answered, or its answer cannot be shown.
pub(crate) async fn ask(
    client: &mut ChatClient,
    text: &str,
    limit: Duration,
    hear: &mut (dyn FnMut(Heard) + Send),
) -> anyhow::Result<AskEnd> {
    client.unsent.clear();
    client.reach().await?;
    let ended = timeout(limit, until_answered(client, text, hear)).await;
    let (is_stored, is_connected) = (client.unsent.is_empty(), client.wire.is_some());
    // Nobody reads what comes meanwhile; so it is kept for the next connection.
    client.wire = None;
    let seconds = limit.as_secs();
    ended.unwrap_or_else(|_| {
        Err(match (is_connected, is_stored) {
            (false, _) => end(
                TIMEOUT,
                format!("the host went away and did not come back within {seconds} s"),
                "start it with `nanoclaw start`; what was stored is answered then",
            ),
            (true, true) => end(
                TIMEOUT,
                format!("no answer came within {seconds} s"),
                "the message is kept and its answer shown by the next `nanoclaw chat`; \
                 `nanoclaw status` says what it waits for",
            ),
            (true, false) => end(
                TIMEOUT,
                format!("the host did not take the message within {seconds} s"),
                "see what it does with `nanoclaw status` and `nanoclaw logs`",
            ),
        })
    })
}

async fn until_answered(
    client: &mut ChatClient,
    text: &str,
    hear: &mut (dyn FnMut(Heard) + Send),
) -> anyhow::Result<AskEnd> {
    // To a command the host says the last word itself.
    let is_command = command::parse(text).is_some();
    let id = client.send(text.to_owned()).await?;
    loop {
        match client.next().await {
            Lost => hear(Heard::Lost),
            Back | Line(ToClient::Stored { .. }) => {}
            Line(ToClient::Refused { id: refused, why }) => {
                if refused.is_none_or(|it| it == id) {
                    let hint = "nothing was stored; mend that, then send it again";
                    return Err(fail(format!("the message was not taken: {why}"), hint));
                }
            }
            Line(ToClient::Working) => hear(Heard::Working),
            Line(ToClient::Part { key, reply_to, also, text, last, no_answer, repeat }) => {
                let mut end = None;
                if let Some(text) = client.fresh(&key, text, repeat) {
                    if reply_to == id || also.contains(&id) {
                        hear(Heard::Answer(text));
                        end = end_with(last, no_answer && !is_command);
                        if end.is_none() && client.is_stopped()? {
                            end = Some(Ok(AskEnd::Stopped));
                        }
                    } else {
                        hear(Heard::Earlier(text));
                    }
                }
                if term::has_failed() {
                    // Not acknowledged: the next terminal gets it.
                    let what = "the answer could not be written to the standard output";
                    return Err(fail(what, "the next `nanoclaw chat` shows it"));
                }
                client.tell(&FromClient::Shown { key }).await;
                if let Some(end) = end {
                    return end;
                }
            }
        }
    }
}

/// How the wait ends with a part of the answer, if it does.
fn end_with(last: bool, no_answer: bool) -> Option<anyhow::Result<AskEnd>> {
    match (last, no_answer) {
        (true, false) => Some(Ok(AskEnd::Answered)),
        (true, true) => Some(Err(fail(
            "the agent did not answer",
            "send the message again to let it try once more; `nanoclaw why last` says what happened",
        ))),
        (false, true) => Some(Ok(AskEnd::Asked)),
        (false, false) => None,
    }
}
