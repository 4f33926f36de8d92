//! `nanoclaw chat`: one message, lines from a program, or a prompt.

use std::io::{self, IsTerminal, Read};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use store::layout::Layout;
use tokio::task::spawn_blocking;

use crate::args::ChatArgs;
use crate::chat::{self, AskEnd, AskFailed, ChatClient, Heard};
use crate::error::{Hint, fail};
use crate::{admin, term};

/// More than any message that the host takes, so that it can say what is wrong with it.
const INPUT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a message exits with that the agent asks something about first.
const ASKED: u8 = 2;

pub(super) async fn perform(args: ChatArgs, layout: &Layout) -> anyhow::Result<ExitCode> {
    let limit = Duration::from_secs(args.timeout);
    let mut client = ChatClient::new(layout, args.chat, args.agent);
    match args.message.as_deref() {
        Some("-") => say(&mut client, &read_all()?, limit, layout).await,
        Some(text) => say(&mut client, text, limit, layout).await,
        None if io::stdin().is_terminal() => {
            prompt(&mut client, layout).await.map(|()| ExitCode::SUCCESS)
        }
        None => each_line(&mut client, limit, layout).await,
    }
}

/// The prompt, with a word of welcome.
pub(crate) async fn prompt(client: &mut ChatClient, layout: &Layout) -> anyhow::Result<()> {
    let who = client.agent.as_ref().map_or_else(|| "the agent".to_owned(), ToString::to_string);
    term::note(&format!("you talk to {who}; Ctrl-D ends, answers still under way come next time"));
    chat::prompt(client, layout).await.map_err(|err| match err.downcast::<io::Error>() {
        Ok(_no_socket) => admin::no_host(layout),
        Err(err) => err,
    })
}

async fn each_line(
    client: &mut ChatClient,
    limit: Duration,
    layout: &Layout,
) -> anyhow::Result<ExitCode> {
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
            code = say(client, line.trim_end(), limit, layout).await?;
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
    layout: &Layout,
) -> anyhow::Result<ExitCode> {
    let id = chat::new_id()?;
    let mut screen = Screen::default();
    let asked = chat::ask(client, &id, text, limit, &mut |heard| screen.show(heard)).await;
    screen.clear();
    match asked.map_err(|failed| explain(failed, limit, layout))? {
        AskEnd::Answered => Ok(ExitCode::SUCCESS),
        AskEnd::Asked => {
            term::note("hint: the agent waits for your reply; send it with `nanoclaw chat`");
            Ok(ExitCode::from(ASKED))
        }
    }
}

fn explain(failed: AskFailed, limit: Duration, layout: &Layout) -> anyhow::Error {
    let seconds = limit.as_secs();
    match failed {
        AskFailed::NoHost(err) if err.kind() == io::ErrorKind::PermissionDenied => fail(
            format!("the host on {} belongs to another user", layout.home().display()),
            "run this as that user, or name your own data directory with `--home DIR`",
        ),
        AskFailed::NoHost(_) => admin::no_host(layout),
        AskFailed::Refused(why) => fail(
            format!("the message was not taken: {why}"),
            "nothing was stored; mend that, then send it again",
        ),
        AskFailed::TimedOut { connected: false, .. } => fail(
            format!("the host went away and did not come back within {seconds} s"),
            "start it with `nanoclaw start`; what was stored is answered then",
        ),
        AskFailed::Unanswered => fail(
            "the agent did not answer",
            "send the message again to let it try once more; `nanoclaw why last` says what happened",
        ),
        AskFailed::Unshown => fail(
            "the answer could not be written to the standard output",
            "the next `nanoclaw chat` shows it",
        ),
        AskFailed::TimedOut { stored: true, .. } => fail(
            format!("no answer came within {seconds} s"),
            "the message is kept and its answer shown by the next `nanoclaw chat`; \
             `nanoclaw status` says what it waits for",
        ),
        AskFailed::TimedOut { stored: false, .. } => fail(
            format!("the host did not take the message within {seconds} s"),
            "see what it does with `nanoclaw status` and `nanoclaw logs`",
        ),
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
