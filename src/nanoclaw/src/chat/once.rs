//! One message and its answer.
//!
//! Invariant: the message has one id from the first try to the last, and the host stores an id
//! once. So sending it again after every lost connection asks nothing twice.

use std::io;
use std::time::Duration;

use channel::cli::frames::ToClient;
use domain::command;
use tokio::time::{sleep, timeout};

use super::wire::Wire;
use super::{ChatClient, Fresh};
use crate::term;

/// Between two tries to reach a host that went away; it is back within a second or two.
const RETRY_EVERY: Duration = Duration::from_millis(200);

/// What happens meanwhile.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A part of the answer.
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
}

#[derive(Debug)]
pub(crate) enum AskFailed {
    NoHost(io::Error),
    Refused(String),
    /// The answer came and could not be written to the standard output.
    Unshown,
    /// The last word was no answer.
    Unanswered,
    /// `stored`: the message is kept and will be answered.
    TimedOut {
        stored: bool,
        connected: bool,
    },
}

/// Where a message stands, for the reason of a failure.
#[derive(Debug, Default)]
struct Stand {
    stored: bool,
    connected: bool,
}

/// Sends the message and waits for the last part of its answer, or for a question.
pub(crate) async fn ask(
    client: &mut ChatClient,
    id: &str,
    text: &str,
    limit: Duration,
    hear: &mut (dyn FnMut(Heard) + Send),
) -> Result<AskEnd, AskFailed> {
    let mut stand = Stand::default();
    let first = client.reach().await.map_err(AskFailed::NoHost)?;
    match timeout(limit, until_answered(client, first, id, text, &mut stand, hear)).await {
        Ok(ended) => ended,
        Err(_) => Err(AskFailed::TimedOut { stored: stand.stored, connected: stand.connected }),
    }
}

async fn until_answered(
    client: &mut ChatClient,
    first: Wire,
    id: &str,
    text: &str,
    stand: &mut Stand,
    hear: &mut (dyn FnMut(Heard) + Send),
) -> Result<AskEnd, AskFailed> {
    let mut wire = Some(first);
    loop {
        if let Some(mut wire) = wire.take() {
            stand.connected = true;
            if let Ok(end) = follow(client, &mut wire, id, text, stand, hear).await {
                return end;
            }
            stand.connected = false;
            hear(Heard::Lost);
        }
        sleep(RETRY_EVERY).await;
        wire = client.open().await.ok();
    }
}

/// As far as one connection goes; an error means that it was lost.
async fn follow(
    client: &mut ChatClient,
    wire: &mut Wire,
    id: &str,
    text: &str,
    stand: &mut Stand,
    hear: &mut (dyn FnMut(Heard) + Send),
) -> io::Result<Result<AskEnd, AskFailed>> {
    wire.send(&client.message(id, text)).await?;
    loop {
        let line = wire.next().await?;
        match line {
            ToClient::Stored { id: stored } => stand.stored |= stored == id,
            ToClient::Refused { id: refused, why } => {
                if refused.is_none_or(|it| it == id) {
                    return Ok(Err(AskFailed::Refused(why)));
                }
            }
            ToClient::Working => hear(Heard::Working),
            ToClient::Part { .. } => {
                let Some((shown, fresh)) = client.take(line) else { continue };
                let end = fresh.and_then(|part| show(part, id, text, hear));
                if term::has_failed() {
                    // Not acknowledged: the next terminal gets it.
                    return Ok(Err(AskFailed::Unshown));
                }
                let told = wire.send(&shown).await;
                if let Some(end) = end {
                    // Shown is shown: the host marks it when it sends it to the next terminal.
                    return Ok(end);
                }
                told?;
            }
        }
    }
}

/// How the wait ends with this part, if it does. To a command the host says the last word itself.
fn show(
    part: Fresh,
    id: &str,
    text: &str,
    hear: &mut (dyn FnMut(Heard) + Send),
) -> Option<Result<AskEnd, AskFailed>> {
    let is_ours = part.reply_to == id || part.also.iter().any(|it| it == id);
    hear(if is_ours { Heard::Answer(part.text) } else { Heard::Earlier(part.text) });
    match (part.last, part.no_answer && command::parse(text).is_none()) {
        _ if !is_ours => None,
        (true, false) => Some(Ok(AskEnd::Answered)),
        (true, true) => Some(Err(AskFailed::Unanswered)),
        (false, true) => Some(Ok(AskEnd::Asked)),
        (false, false) => None,
    }
}
