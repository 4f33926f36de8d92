//! The prompt: lines are typed and answers appear above them, each at its own time.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use channel::cli::frames::ToClient;
use store::layout::Layout;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::sleep;

use super::editor::{self, Typing};
use super::wire::Wire;
use super::{ChatClient, new_id};
use crate::term;

const RETRY_EVERY: Duration = Duration::from_millis(300);
/// Lines that may be typed ahead of the host.
const LINES_AHEAD_MAX: usize = 64;

/// What the host does not have yet, and where to say what it does.
struct Prompt<'a> {
    client: &'a mut ChatClient,
    /// Typed but not known to be stored, the oldest first.
    unsent: VecDeque<(String, String)>,
    typing: Typing,
    is_working: bool,
}

/// Talks until the user ends it with Ctrl-D.
pub(crate) async fn prompt(client: &mut ChatClient, layout: &Layout) -> anyhow::Result<()> {
    let wire = client.reach().await?;
    let (typed, mut lines) = channel(LINES_AHEAD_MAX);
    let typing = editor::start(layout.home().join("chat-history"), typed)?;
    let mut prompt = Prompt { client, unsent: VecDeque::new(), typing, is_working: false };
    prompt.run(Some(wire), &mut lines).await?;
    if !prompt.unsent.is_empty() {
        term::note("warning: the host does not have your last message; send it again later");
    }
    Ok(())
}

impl Prompt<'_> {
    async fn run(
        &mut self,
        first: Option<Wire>,
        lines: &mut Receiver<String>,
    ) -> anyhow::Result<()> {
        let mut wire = first;
        while !term::has_failed() {
            tokio::select! {
                line = lines.recv() => {
                    let Some(text) = line else { return Ok(()) };
                    let id = new_id()?;
                    let message = self.client.message(&id, &text);
                    self.unsent.push_back((id, text));
                    if let Some(to) = &mut wire && to.send(&message).await.is_err() {
                        wire = self.lost();
                    }
                }
                heard = next(&mut wire) => {
                    let went_well = match heard {
                        Ok(line) => self.hear(line, &mut wire).await,
                        Err(err) => Err(err),
                    };
                    if went_well.is_err() {
                        wire = self.lost();
                    }
                }
                () = sleep(RETRY_EVERY), if wire.is_none() => wire = self.reopen().await,
            }
        }
        Ok(())
    }

    fn lost(&mut self) -> Option<Wire> {
        self.is_working = false;
        self.say("(the host is gone; waiting for it to come back)");
        None
    }

    /// Connects and sends again what may not have arrived.
    async fn reopen(&mut self) -> Option<Wire> {
        let mut wire = self.client.open().await.ok()?;
        for (id, text) in &self.unsent {
            wire.send(&self.client.message(id, text)).await.ok()?;
        }
        self.say("(the host is back)");
        Some(wire)
    }

    async fn hear(&mut self, line: ToClient, wire: &mut Option<Wire>) -> io::Result<()> {
        match line {
            ToClient::Stored { id } => self.unsent.retain(|it| it.0 != id),
            ToClient::Refused { id, why } => {
                self.unsent.retain(|it| Some(&it.0) != id.as_ref());
                self.say(&format!("(not taken: {why})"));
            }
            ToClient::Working if self.is_working => {}
            ToClient::Working => {
                self.is_working = true;
                self.say("(working…)");
            }
            ToClient::Part { .. } => {
                let Some((shown, fresh)) = self.client.take(line) else { return Ok(()) };
                if let Some(part) = fresh {
                    self.is_working &= !part.last;
                    self.say(&part.text);
                }
                if let Some(to) = wire
                    && !term::has_failed()
                {
                    to.send(&shown).await?;
                }
            }
        }
        Ok(())
    }

    fn say(&self, text: &str) {
        self.typing.print(text);
    }
}

/// Never returns without a connection.
async fn next(wire: &mut Option<Wire>) -> io::Result<ToClient> {
    match wire {
        Some(wire) => wire.next().await,
        None => std::future::pending().await,
    }
}
