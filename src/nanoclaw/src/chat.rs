//! `nanoclaw chat`: one message, lines from a program, or a prompt; and going on after the host went away in
//! the middle.

mod once;
mod prompt;

use std::collections::HashSet;
use std::io::{self, ErrorKind, IsTerminal, Read};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use channel::cli::frames::{FromClient, ToClient};
use clap::value_parser;
use domain::AgentName;
use engine::protocol::SessionStatus;
use store::ChatRow;
use store::layout::Layout;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, sleep};

use crate::error::{CONVERT, Hint, fail};
use crate::{admin, home, lock};

pub(crate) use self::once::say;
pub(crate) use self::prompt::prompt;

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

pub(crate) async fn perform(args: ChatArgs, layout: &Layout) -> anyhow::Result<ExitCode> {
    let limit = Duration::from_secs(args.timeout);
    let mut client = ChatClient::new(layout, args.chat, args.agent);
    if args.message.is_empty() && io::stdin().is_terminal() {
        return prompt(&mut client).await.map(|()| ExitCode::SUCCESS);
    }
    if args.message.is_empty() {
        let mut code = ExitCode::SUCCESS;
        // Nothing else is under way while a line is waited for.
        for line in io::stdin().lines() {
            let line =
                line.context("the standard input could not be read as text").hint(CONVERT)?;
            if !line.trim().is_empty() {
                // It may answer what the agent asked about the one before.
                code = say(&mut client, line.trim_end(), limit).await?;
            }
        }
        return Ok(code);
    }
    let mut text = args.message.join(" ");
    if text == "-" {
        text = io::read_to_string(io::stdin().take(INPUT_BYTES_MAX))
            .context("the standard input could not be read, or is not UTF-8 text")
            .hint(CONVERT)?;
    }
    say(&mut client, &text, limit).await
}

/// A host that has its lock has its socket soon.
const STARTING_MAX: Duration = Duration::from_secs(10);
const STARTING_LOOK: Duration = Duration::from_millis(20);
/// Between two tries to reach a host that went away; it is back within a second or two.
const RETRY_EVERY: Duration = Duration::from_millis(200);

/// One conversation from this terminal.
///
/// Invariant: a message has one id from the first try to the last, and the host stores an id once. So
/// sending it again after a lost connection asks nothing twice.
#[derive(Debug)]
pub(crate) struct ChatClient {
    layout: Layout,
    chat: String,
    agent: Option<AgentName>,
    /// `None` while the host is away.
    wire: Option<Wire>,
    /// By their ids the messages that are not known to be stored, the oldest first.
    unsent: Vec<(String, FromClient)>,
    /// The keys of the parts that were shown, so that one which comes again is dropped.
    shown: HashSet<String>,
}

enum ChatEvent {
    Lost,
    Back,
    Line(ToClient),
}

impl ChatClient {
    pub(crate) fn new(layout: &Layout, chat: Option<String>, agent: Option<AgentName>) -> Self {
        let usual = agent.as_ref().map_or("terminal".into(), |name| format!("terminal-{name}"));
        let (layout, chat) = (layout.clone(), chat.unwrap_or(usual));
        Self { layout, chat, agent, wire: None, unsent: Vec::new(), shown: HashSet::new() }
    }

    /// Connects, says which chat this is, and sends what may not have arrived.
    async fn open(&mut self) -> io::Result<()> {
        let (reading, out) = UnixStream::connect(self.layout.cli_socket()).await?.into_split();
        let mut wire = Wire { lines: BufReader::new(reading).lines(), out };
        wire.send(&FromClient::Hello { chat: self.chat.clone() }).await?;
        for (_, message) in &self.unsent {
            wire.send(message).await?;
        }
        self.wire = Some(wire);
        Ok(())
    }

    /// The same for the first time: a host that is just starting is waited for.
    /// Fails when no host runs, or its socket is another user's.
    async fn reach(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let Err(err) = self.open().await else { return Ok(()) };
            if err.kind() == ErrorKind::PermissionDenied {
                let hint =
                    "run this as that user, or name your own data directory with `--home DIR`";
                let home = self.layout.home().display();
                return Err(fail(format!("the host on {home} belongs to another user"), hint));
            }
            let is_absent =
                matches!(err.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused);
            let has_time = began.elapsed() < STARTING_MAX;
            if !(is_absent && has_time && lock::holder(&self.layout).is_some()) {
                return Err(admin::no_host(&self.layout));
            }
            sleep(STARTING_LOOK).await;
        }
    }

    /// Sends a message under an id that no other terminal makes, which is returned.
    async fn send(&mut self, text: String) -> anyhow::Result<String> {
        let id = format!("t{}", crate::install::random_hex(12)?);
        let agent = self.agent.as_ref().map(ToString::to_string);
        let message = FromClient::Message { id: id.clone(), text, agent };
        // First, since this may be dropped while the host does not read.
        self.unsent.push((id.clone(), message.clone()));
        self.tell(&message).await;
        Ok(id)
    }

    async fn tell(&mut self, line: &FromClient) {
        if let Some(wire) = &mut self.wire {
            // Where this fails, reading fails next.
            let _ = wire.send(line).await;
        }
    }

    /// Loses nothing when dropped before something happens.
    async fn next(&mut self) -> ChatEvent {
        loop {
            let Some(wire) = &mut self.wire else {
                sleep(RETRY_EVERY).await;
                if self.open().await.is_ok() {
                    return ChatEvent::Back;
                }
                continue;
            };
            let Ok(line) = wire.next().await else {
                self.wire = None;
                return ChatEvent::Lost;
            };
            if let ToClient::Stored { id } | ToClient::Refused { id: Some(id), .. } = &line {
                self.unsent.retain(|it| it.0 != *id);
            }
            return ChatEvent::Line(line);
        }
    }

    /// Whether the agent of this chat is stopped until somebody resumes it.
    fn is_stopped(&self) -> anyhow::Result<bool> {
        if !self.layout.central().is_file() {
            return Ok(false);
        }
        let central = home::central(&self.layout)?;
        let stops = central.stops()?;
        if let Some(agent) = &self.agent {
            return Ok(stops.of(agent).is_some());
        }
        let is_here = |it: &ChatRow| it.address.channel == "cli" && it.address.chat == self.chat;
        let here = central.chats()?.into_iter().find(is_here);
        let wired = here.map(|it| central.wirings_of(it.id)).transpose()?.unwrap_or_default();
        Ok(stops.all.is_some() || wired.iter().any(|it| stops.of(&it.wiring.agent).is_some()))
    }

    /// After a colon the reason that `nanoclaw status` shows for this chat, if there is one.
    async fn trouble(&self) -> String {
        let Ok(Some(status)) = admin::status(&self.layout).await else { return String::new() };
        let chat = format!("cli:{}", self.chat);
        let agent = self.agent.as_ref().map(AgentName::as_str);
        let fits = |it: &SessionStatus| it.chat == chat && agent.is_none_or(|of| of == it.agent);
        let why = status.sessions.into_iter().filter(fits).find_map(|it| it.why);
        why.map(|it| format!(": {it}")).unwrap_or_default()
    }

    /// What to show of a part; nothing if it was shown before.
    fn fresh(&mut self, key: &str, text: String, repeat: bool) -> Option<String> {
        let is_fresh = self.shown.insert(key.to_owned());
        is_fresh.then(|| if repeat { format!("(may be a repeat) {text}") } else { text })
    }
}

#[derive(Debug)]
struct Wire {
    lines: Lines<BufReader<OwnedReadHalf>>,
    out: OwnedWriteHalf,
}

impl Wire {
    async fn send(&mut self, line: &FromClient) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.out.write_all(&bytes).await
    }

    /// The next line; loses nothing when dropped before it came. A line of another version that is
    /// not known here is passed over.
    async fn next(&mut self) -> io::Result<ToClient> {
        loop {
            let line = self.lines.next_line().await?.ok_or(ErrorKind::UnexpectedEof)?;
            if let Ok(line) = serde_json::from_str(&line) {
                return Ok(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn a_message_that_a_busy_host_does_not_read_is_not_taken_for_stored() {
        let mut client = ChatClient::new(&Layout::new("/none"), None, None);
        let (near, _host) = UnixStream::pair().unwrap();
        let (reading, out) = near.into_split();
        client.wire = Some(Wire { lines: BufReader::new(reading).lines(), out });
        assert!(client.send("x".repeat(8 << 20)).now_or_never().is_none());
        assert_eq!(client.unsent.len(), 1);
    }

    #[tokio::test]
    async fn a_host_that_is_starting_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        drop(home::make(&layout).unwrap());
        let mut client = ChatClient::new(&layout, None, None);
        let lock = lock::take(&layout).unwrap();
        let socket = layout.cli_socket();
        let (opened, listener) = tokio::join!(client.reach(), async {
            sleep(Duration::from_millis(100)).await;
            UnixListener::bind(&socket).unwrap()
        });
        opened.unwrap();
        drop((listener, lock));
        let refused = client.reach().await.unwrap_err().to_string();
        assert!(refused.starts_with("no host runs"), "{refused}");
    }
}
