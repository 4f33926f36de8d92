//! The prompt: lines are typed and answers appear above them, each at its own time.

use channel::cli::frames::{FromClient, ToClient};
use tokio::sync::mpsc::channel;

use super::ChatEvent::{Back, Line, Lost};
use super::{ChatClient, editor};
use crate::term;

/// Lines that may be typed ahead of the host.
const LINES_AHEAD_MAX: usize = 64;

/// Talks until the user ends it with Ctrl-D.
pub(crate) async fn prompt(client: &mut ChatClient) -> anyhow::Result<()> {
    client.reach().await?;
    let (typed, mut lines) = channel(LINES_AHEAD_MAX);
    let typing = editor::start(client.layout.home().join("chat-history"), typed)?;
    let mut is_working = false;
    while !term::has_failed() {
        let event = tokio::select! {
            line = lines.recv() => {
                let Some(text) = line else { break };
                client.send(text).await?;
                continue;
            }
            event = client.next() => event,
        };
        match event {
            Lost => {
                is_working = false;
                typing.print("(the host is gone; waiting for it to come back)");
            }
            Back => typing.print("(the host is back)"),
            Line(ToClient::Stored { .. }) => {}
            Line(ToClient::Refused { why, .. }) => {
                typing.print(&format!("(not taken: {why})"));
            }
            Line(ToClient::Working) if is_working => {}
            Line(ToClient::Working) => {
                is_working = true;
                typing.print("(working…)");
            }
            Line(ToClient::Part { key, text, last, repeat, .. }) => {
                if let Some(text) = client.fresh(&key, text, repeat) {
                    is_working &= !last;
                    typing.print(&text);
                }
                if !term::has_failed() {
                    client.tell(&FromClient::Shown { key }).await;
                }
            }
        }
    }
    if !client.unsent.is_empty() {
        term::note("warning: the host does not have your last message; send it again later");
    }
    Ok(())
}
