//! `nanoclaw chat`: one message, lines from a program, or a prompt.

use std::io::{self, IsTerminal, Read};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::value_parser;
use domain::AgentName;
use store::layout::Layout;
use tokio::task::spawn_blocking;

use crate::chat::{self, AskEnd, ChatClient, Heard};
use crate::error::{ASKS, Hint, STOPPED};
use crate::term;

/// More than any message that the host takes, so that it can say what is wrong with it.
const INPUT_BYTES_MAX: u64 = 4 * 1024 * 1024;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nanoclaw chat                        a prompt; Ctrl-D ends it
  nanoclaw chat what is new            one message, one answer
  nanoclaw chat --agent ben \"hello\"    another agent
  nanoclaw chat --chat work \"go on\"    another conversation with its own context
  cat notes.txt | nanoclaw chat -      the message comes from a program
  printf 'one\\ntwo\\n' | nanoclaw chat  each line is a message

Exits with 0 after an answer, with 1 when it was given up, with 3 when the agent asks you something
first (reply with another `nanoclaw chat`), with 4 when the agent is stopped, and with 124 when no
answer comes in time; the message is kept then.")]
pub(crate) struct ChatArgs {
    /// Who is asked [default: the first agent]
    #[arg(long, value_name = "NAME")]
    agent: Option<AgentName>,
    /// Which conversation [default: terminal, or terminal-AGENT]
    #[arg(long, value_name = "NAME")]
    chat: Option<String>,
    /// How long to wait for each answer
    #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..))]
    timeout: u64,
    /// What to say; `-` reads it from the standard input
    message: Vec<String>,
}

pub(super) async fn perform(args: ChatArgs, layout: &Layout) -> anyhow::Result<ExitCode> {
    let limit = Duration::from_secs(args.timeout);
    let mut client = ChatClient::new(layout, args.chat, args.agent);
    if args.message.is_empty() {
        return if io::stdin().is_terminal() {
            prompt(&mut client).await.map(|()| ExitCode::SUCCESS)
        } else {
            each_line(&mut client, limit).await
        };
    }
    match args.message.join(" ").as_str() {
        "-" => say(&mut client, &read_all()?, limit).await,
        text => say(&mut client, text, limit).await,
    }
}

/// The prompt, with a word of welcome.
pub(crate) async fn prompt(client: &mut ChatClient) -> anyhow::Result<()> {
    let who = client.agent.as_ref().map_or_else(|| "the agent".to_owned(), ToString::to_string);
    term::note(&format!("you talk to {who}; Ctrl-D ends, answers still under way come next time"));
    chat::prompt(client).await
}

async fn each_line(client: &mut ChatClient, limit: Duration) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    loop {
        let mut line = String::new();
        let read = spawn_blocking(move || io::stdin().read_line(&mut line).map(|_| line)).await?;
        let line = read.context("the standard input could not be read as text")?;
        if line.is_empty() {
            return Ok(code);
        }
        if !line.trim().is_empty() {
            // It may answer what the agent asked about the one before.
            code = say(client, line.trim_end(), limit).await?;
        }
    }
}

fn read_all() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let input = io::stdin().take(INPUT_BYTES_MAX);
    { input }.read_to_end(&mut bytes).context("the standard input could not be read")?;
    let text = String::from_utf8(bytes).context("the message is not UTF-8 text");
    text.hint("convert it first, for example with `iconv`")
}

/// Sends a message and prints its answer.
pub(crate) async fn say(
    client: &mut ChatClient,
    text: &str,
    limit: Duration,
) -> anyhow::Result<ExitCode> {
    let mut screen = Screen::default();
    let asked = chat::ask(client, text, limit, &mut |heard| screen.show(heard)).await;
    screen.clear();
    match asked? {
        AskEnd::Answered => Ok(ExitCode::SUCCESS),
        AskEnd::Asked => {
            term::note("hint: the agent waits for your reply; send it with `nanoclaw chat`");
            Ok(ExitCode::from(ASKS))
        }
        AskEnd::Stopped => {
            term::note(
                "hint: the message is kept and answered after `nanoclaw agents resume`; the answer \
                 comes with the next `nanoclaw chat`",
            );
            Ok(ExitCode::from(STOPPED))
        }
    }
}

/// Answers on the standard output, all else on the standard error.
#[derive(Debug, Default)]
struct Screen {
    is_working: bool,
}

impl Screen {
    fn show(&mut self, heard: Heard) {
        match heard {
            Heard::Working => self.working(),
            Heard::Answer(text) => {
                self.clear();
                term::out(&text);
            }
            Heard::Earlier(text) => {
                self.clear();
                term::aside(&format!("(earlier answer) {text}"));
            }
            Heard::Lost => {
                self.clear();
                term::note("(the host is gone; waiting for it to come back)");
            }
        }
    }

    fn working(&mut self) {
        if !self.is_working && term::notes_are_seen() {
            self.is_working = true;
            term::note_piece("working…");
        }
    }

    fn clear(&mut self) {
        if self.is_working {
            self.is_working = false;
            term::note_piece("\r\x1b[K");
        }
    }
}
