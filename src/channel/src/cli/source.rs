//! Takes lines from terminals and turns them into events.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::message::{Author, Body, Incoming, refusal};
use domain::plain::chain;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::debug;

use super::client::{Clients, Lines};
use super::frames::{FromClient, LINE_BYTES_MAX, ToClient};
use crate::{Batch, ChannelError, Cursor, Event, Gap, Source, Verdict};

/// Who can open the socket owns the host.
const OWNER: &str = "owner";
/// Events that clients may have sent ahead of the host's commits; then they have to wait.
const EVENTS_AHEAD_MAX: usize = 256;
/// Events taken in one batch, and so in one commit per session.
const BATCH_MAX: usize = 64;
/// Lines that may wait for one slow terminal; beyond that it is taken for dead.
const LINES_MAX: usize = 1_024;

/// An event and where its verdict goes.
type Asked = (Event, Option<(String, Lines)>);

/// A terminal that reads nothing for so long holds up the others no longer.
const WRITTEN_WITHIN: Duration = Duration::from_millis(200);

/// Serves until dropped, and its connections with it; returns when nothing can be accepted.
async fn accept(listener: UnixListener, clients: Arc<Clients>, events: Sender<Asked>) -> io::Error {
    let mut connections = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(err) => return err,
        };
        while connections.try_join_next().is_some() {}
        let (clients, events) = (Arc::clone(&clients), events.clone());
        connections.spawn(async move {
            if let Err(err) = serve(stream, &clients, &events).await {
                debug!(why = chain(&err), "a terminal went away");
            }
        });
    }
}

/// What terminals bring, each with where its verdict goes. The cursor stays empty: what a terminal was not told to
/// be stored, it sends again.
#[derive(Debug)]
pub(super) struct Terminals {
    /// One task, which ends when nothing can be accepted. It goes with this value, and so does what it listens on.
    server: JoinSet<io::Error>,
    inbox: Receiver<Asked>,
    /// Who waits for each event of the last batch.
    unsettled: Vec<Option<(String, Lines)>>,
    gap: Option<Gap>,
}

impl Terminals {
    pub(super) fn listen(listener: UnixListener, clients: Arc<Clients>) -> Self {
        let ((events, inbox), mut server) = (mpsc::channel(EVENTS_AHEAD_MAX), JoinSet::new());
        server.spawn(accept(listener, clients, events));
        Self { server, inbox, unsettled: Vec::new(), gap: Some(Gap::None) }
    }
}

#[async_trait]
impl Source for Terminals {
    async fn receive(&mut self, _after: &Cursor) -> Result<Batch, ChannelError> {
        self.unsettled.clear();
        let mut asked = Vec::new();
        tokio::select! {
            biased;
            Some(first) = self.inbox.recv() => asked.push(first),
            ended = self.server.join_next() => {
                return Err(ChannelError::Unreachable(match ended {
                    Some(Ok(err)) => err.into(),
                    Some(Err(err)) => err.into(),
                    None => "nothing is listened to any more".into(),
                }));
            }
        }
        while asked.len() < BATCH_MAX
            && let Ok(next) = self.inbox.try_recv()
        {
            asked.push(next);
        }
        let (events, unsettled) = asked.into_iter().unzip();
        self.unsettled = unsettled;
        Ok(Batch { events, cursor: Cursor::default() })
    }

    fn gap(&mut self) -> Option<Gap> {
        self.gap.take()
    }

    async fn settle(&mut self, verdicts: &[Verdict]) -> Result<(), ChannelError> {
        for (asked, verdict) in self.unsettled.drain(..).zip(verdicts) {
            if let Some((id, lines)) = asked {
                tell(id, &lines, verdict).await;
            }
        }
        Ok(())
    }
}

async fn tell(id: String, lines: &Lines, verdict: &Verdict) {
    let told = match verdict {
        Verdict::Stored => vec![ToClient::Stored { id }],
        Verdict::Ignored => vec![ToClient::Stored { id: id.clone() }, noted(id)],
        Verdict::Refused(why) => vec![ToClient::Refused { id: Some(id), why: why.clone() }],
    };
    // A terminal that is gone asks again with the same id.
    told.into_iter().for_each(|line| drop(lines.try_send(line)));
    if matches!(verdict, Verdict::Refused(_)) {
        // What made the host refuse may end the connection next: the line goes out first.
        let _ = timeout(WRITTEN_WITHIN, lines.reserve_many(lines.max_capacity())).await;
    }
}

/// Ends the wait for an answer that will not come.
fn noted(id: String) -> ToClient {
    ToClient::Part {
        key: format!("noted.{id}"),
        reply_to: id,
        also: Vec::new(),
        text: "(noted)".to_owned(),
        last: true,
        no_answer: false,
        repeat: false,
    }
}

async fn serve(stream: UnixStream, clients: &Clients, events: &Sender<Asked>) -> io::Result<()> {
    let (reading, writing) = stream.into_split();
    let (lines, mut queue) = mpsc::channel(LINES_MAX);
    let mut client = Client { clients, events, lines, chat: None };
    // What a terminal said last is read though nothing can be written to it any more.
    let writing = async move {
        let _ = write(writing, &mut queue).await;
        drop(queue);
        std::future::pending().await
    };
    let out = tokio::select! {
        out = client.read(BufReader::new(reading)) => out,
        out = writing => out,
    };
    if let Some((_, id)) = client.chat {
        clients.leave(id);
    }
    out
}

async fn write(mut writing: OwnedWriteHalf, queue: &mut Receiver<ToClient>) -> io::Result<()> {
    while let Some(line) = queue.recv().await {
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        writing.write_all(&bytes).await?;
    }
    Ok(())
}

struct Client<'a> {
    clients: &'a Clients,
    events: &'a Sender<Asked>,
    lines: Lines,
    chat: Option<(String, u64)>,
}

impl Client<'_> {
    async fn read(&mut self, mut reading: BufReader<OwnedReadHalf>) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
            let length = (&mut reading).take(limit).read_until(b'\n', &mut line).await?;
            if length == 0 {
                return Ok(());
            }
            if line.last() != Some(&b'\n') && LINE_BYTES_MAX <= length {
                self.refuse(None, "the line is too long".into()).await;
                return Ok(());
            }
            match parse(&line) {
                Ok(frame) => self.take(frame).await,
                Err(why) => self.refuse(None, why).await,
            }
        }
    }

    async fn take(&mut self, frame: FromClient) {
        match frame {
            FromClient::Hello { chat } => {
                if let Some((_, id)) = self.chat.take() {
                    self.clients.leave(id);
                }
                let id = self.clients.join(&chat, self.lines.clone());
                let address = self.clients.address(&chat);
                let reachable = Event::Reachable { chat: address, by: None, title: None };
                self.chat = Some((chat, id));
                // Fails only while the adapter is dropped.
                let _ = self.events.send((reachable, None)).await;
            }
            FromClient::Message { id, text, agent } => {
                let Some((chat, _)) = &self.chat else {
                    return self.refuse(Some(id), "say hello with a chat first".into()).await;
                };
                if let Some(why) = refusal(&text) {
                    return self.refuse(Some(id), why).await;
                }
                let sender = Author::new(OWNER, OWNER);
                let message = Incoming {
                    from: self.clients.address(chat),
                    platform_id: id.clone(),
                    body: Body::new(sender, text),
                    to_agent: agent,
                    ..Incoming::default()
                };
                let asked = (Event::Message(message), Some((id, self.lines.clone())));
                let _ = self.events.send(asked).await;
            }
            FromClient::Shown { key } => self.clients.shown(&key),
        }
    }

    async fn refuse(&self, id: Option<String>, why: String) {
        let _ = self.lines.send(ToClient::Refused { id, why }).await;
    }
}

fn parse(line: &[u8]) -> Result<FromClient, String> {
    let text = std::str::from_utf8(line).map_err(|_| "the line is not UTF-8".to_owned())?;
    serde_json::from_str(text).map_err(|err| format!("the line is not a known frame: {err}"))
}
