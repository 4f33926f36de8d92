//! The prompt: lines are typed and answers appear above them, each at its own time.
//!
//! rustyline's own printer is not used: with it, version 17 stops reading while more than one key
//! waits, as with typing ahead. So the line is drawn again by us. Where it is longer than the
//! terminal is wide, what it looks like in between is not exact; what is sent always is.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Context;
use channel::cli::frames::{FromClient, ToClient};
use domain::plain::for_a_terminal;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{Editor, Helper};
use tokio::sync::mpsc::{Sender, channel};

use super::ChatClient;
use super::ChatEvent::{Back, Line, Lost};
use crate::term;

const PROMPT: &str = "> ";
/// Lines that may be typed ahead of the host.
const LINES_AHEAD_MAX: usize = 64;

/// Talks until the user ends it with Ctrl-D.
pub(crate) async fn prompt(client: &mut ChatClient) -> anyhow::Result<()> {
    let who = client.agent.as_ref().map_or_else(|| "the agent".to_owned(), ToString::to_string);
    term::note(&format!("you talk to {who}; Ctrl-D ends, answers still under way come next time"));
    client.reach().await?;
    let (typed, mut lines) = channel(LINES_AHEAD_MAX);
    let typing = read_lines(client.layout.home().join("chat-history"), typed)?;
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
            Line(ToClient::Refused { why, .. }) => typing.print(&format!("(not taken: {why})")),
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

/// What is typed so far; `None` while nothing is asked for.
#[derive(Clone, Debug, Default)]
struct Typing(Arc<Mutex<Option<String>>>);

impl Typing {
    fn set(&self, line: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }

    fn print(&self, text: &str) {
        let line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*line {
            Some(line) => {
                let text = for_a_terminal(text);
                term::out_piece(&format!("\r\x1b[K{text}\n{PROMPT}{line}"));
            }
            None => term::out(text),
        }
    }
}

/// Sees every change of the line; offers nothing.
struct Watch(Typing);

impl Hinter for Watch {
    type Hint = String;

    fn hint(&self, line: &str, _at: usize, _: &rustyline::Context<'_>) -> Option<String> {
        self.0.set(Some(line.to_owned()));
        None
    }
}

impl Completer for Watch {
    type Candidate = String;
}
impl Highlighter for Watch {}
impl Validator for Watch {}
impl Helper for Watch {}

/// Reads lines on a thread of its own until the user ends it; then the channel closes.
fn read_lines(history: PathBuf, typed: Sender<String>) -> anyhow::Result<Typing> {
    let mut editor: Editor<Watch, DefaultHistory> =
        Editor::new().context("the terminal cannot be used")?;
    let typing = Typing::default();
    editor.set_helper(Some(Watch(typing.clone())));
    // There is none the first time.
    let _ = editor.load_history(&history);
    let watched = typing.clone();
    let read = move || {
        loop {
            watched.set(Some(String::new()));
            let line = editor.readline(PROMPT);
            watched.set(None);
            match line {
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) => {
                    let _ = editor.add_history_entry(&line);
                    // Each time, since a closed terminal ends this without a last word.
                    let _ = editor.save_history(&history);
                    if typed.blocking_send(line).is_err() {
                        return;
                    }
                }
                // Ctrl-C drops the line.
                Err(ReadlineError::Interrupted) => {}
                Err(_) => return,
            }
        }
    };
    thread::Builder::new().name("prompt".into()).spawn(read)?;
    Ok(typing)
}
