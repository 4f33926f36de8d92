//! A connected adapter, a signature, and a sender that shows everything it is told.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use channel::{Account, Batch, ChannelError, Connection, Cursor, Event, Fields, Sink, Source};
use domain::message::Incoming;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(super) const SECRET: &str = "between us two";

/// What GitHub puts into `X-Hub-Signature-256`.
pub(super) fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    let tag = mac.finalize().into_bytes();
    tag.iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

pub(super) fn account(run_dir: &Path, listen: &str, secret: Option<&str>) -> Account {
    Account {
        run_dir: run_dir.into(),
        fields: secret.map_or_else(|| Fields::fixed([]), |it| Fields::fixed([("secret", it)])),
        urls: [("listen".to_owned(), listen.to_owned())].into(),
        ..Account::new("main")
    }
}

pub(super) async fn connect(account: &Account) -> Result<Connection, ChannelError> {
    channel::registration(webhook::NAME).unwrap().adapter.connect(account).await
}

/// An adapter that listens at an address of its own.
#[derive(Debug)]
pub(super) struct Rig {
    pub(super) connection: Connection,
    pub(super) at: SocketAddr,
    _run_dir: TempDir,
}

impl Rig {
    pub(super) async fn start() -> Self {
        let run_dir = tempfile::tempdir().unwrap();
        let connection = connect(&account(run_dir.path(), "127.0.0.1:0", Some(SECRET))).await;
        let written = fs::read_to_string(run_dir.path().join("webhook-main.addr")).unwrap();
        let at = written.trim().parse().unwrap();
        Self { connection: connection.unwrap(), at, _run_dir: run_dir }
    }

    pub(super) fn source(&mut self) -> &mut dyn Source {
        &mut *self.connection.source
    }

    pub(super) fn sink(&self) -> &dyn Sink {
        &*self.connection.sink
    }

    pub(super) async fn receive(&mut self) -> Vec<Incoming> {
        let batch = self.source().receive(&Cursor::default()).await.unwrap();
        messages(batch)
    }
}

fn messages(batch: Batch) -> Vec<Incoming> {
    assert_eq!(batch.cursor, Cursor::default(), "there is nothing to go on from");
    let message = |event| {
        let Event::Message(message) = event else { panic!("{event:?}") };
        message
    };
    batch.events.into_iter().map(message).collect()
}

/// What a sender is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) code: u16,
    pub(super) said: String,
}

/// A request of which each line is ours, so that it may be as wrong as it needs to be.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) first_line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Post {
    pub(super) fn unsigned(hook: &str, body: impl Into<Vec<u8>>) -> Self {
        let first_line = format!("POST /hook/{hook} HTTP/1.1");
        Self { first_line, headers: Vec::new(), body: body.into() }
    }

    pub(super) fn signed(hook: &str, body: impl Into<Vec<u8>>) -> Self {
        let post = Self::unsigned(hook, body);
        let signature = sign(SECRET, &post.body);
        post.with("X-Hub-Signature-256", &signature)
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// # Errors
    /// When the connection ends without an answer.
    pub(super) async fn send(self, to: SocketAddr) -> io::Result<Told> {
        let mut stream = TcpStream::connect(to).await?;
        let mut bytes = format!("{}\r\nHost: {to}\r\n", self.first_line);
        for (name, value) in &self.headers {
            bytes += &format!("{name}: {value}\r\n");
        }
        bytes += &format!("Content-Length: {}\r\n\r\n", self.body.len());
        stream.write_all(bytes.as_bytes()).await?;
        stream.write_all(&self.body).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        told(&answer).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

fn told(answer: &str) -> Option<Told> {
    let (head, said) = answer.split_once("\r\n\r\n")?;
    let code = head.split(' ').nth(1)?.parse().ok()?;
    Some(Told { code, said: said.trim().to_owned() })
}
