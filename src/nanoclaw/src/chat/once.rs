//! One message and its answer.
//!
//! Invariant: the message has one id from the first try to the last, and the host stores an id
//! once. So sending it again after every lost connection asks nothing twice.

use std::io;
use std::time::Duration;

use channel::cli::frames::ToClient;
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

#[derive(Debug)]
pub(crate) enum AskFailed {
    NoHost(io::Error),
    Refused(String),
    /// The answer came and could not be written to the standard output.
    Unshown,
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

enum WaitOutcome {
    Answered,
    Refused(String),
    Unshown,
}

/// Sends the message and waits for the last part of its answer.
pub(crate) async fn ask(
    client: &mut ChatClient,
    id: &str,
    text: &str,
    limit: Duration,
    hear: &mut (dyn FnMut(Heard) + Send),
) -> Result<(), AskFailed> {
    let mut stand = Stand::default();
    let first = client.reach().await.map_err(AskFailed::NoHost)?;
    match timeout(limit, until_answered(client, first, id, text, &mut stand, hear)).await {
        Ok(WaitOutcome::Answered) => Ok(()),
        Ok(WaitOutcome::Refused(why)) => Err(AskFailed::Refused(why)),
        Ok(WaitOutcome::Unshown) => Err(AskFailed::Unshown),
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
) -> WaitOutcome {
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
) -> io::Result<WaitOutcome> {
    wire.send(&client.message(id, text)).await?;
    loop {
        let line = wire.next().await?;
        match line {
            ToClient::Stored { id: stored } => stand.stored |= stored == id,
            ToClient::Refused { id: refused, why } => {
                if refused.is_none_or(|it| it == id) {
                    return Ok(WaitOutcome::Refused(why));
                }
            }
            ToClient::Working => hear(Heard::Working),
            ToClient::Part { .. } => {
                let Some((shown, fresh)) = client.take(line) else { continue };
                let is_last = fresh.is_some_and(|part| show(part, id, hear));
                if term::has_failed() {
                    // Not acknowledged: the next terminal gets it.
                    return Ok(WaitOutcome::Unshown);
                }
                let told = wire.send(&shown).await;
                if is_last {
                    // Shown is shown: the host marks it when it sends it to the next terminal.
                    return Ok(WaitOutcome::Answered);
                }
                told?;
            }
        }
    }
}

/// Tells whether it was the last part of our answer.
fn show(part: Fresh, id: &str, hear: &mut (dyn FnMut(Heard) + Send)) -> bool {
    let is_ours = part.reply_to == id || part.also.iter().any(|it| it == id);
    hear(if is_ours { Heard::Answer(part.text) } else { Heard::Earlier(part.text) });
    is_ours && part.last
}
