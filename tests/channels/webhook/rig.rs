//! A connected adapter, signatures, and a sender that shows everything it is told.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use channel::door::{Door, Settings};
use channel::spool::Spool;
use channel::{Account, ChannelError, Connection, Cursor, Event, Fields, Sink, Source};
use domain::message::Incoming;
use domain::time::SystemClock;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(super) const SECRET: &str = "between us two";

/// The HMAC in hex.
pub(super) fn tag(secret: &[u8], signed: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(signed);
    mac.finalize().into_bytes().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// What GitHub puts into `X-Hub-Signature-256`.
pub(super) fn sign(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", tag(secret.as_bytes(), body))
}

/// A door at an address of its own.
pub(super) fn door() -> Door {
    let settings = Settings { listen: "127.0.0.1:0".into(), ..Settings::default() };
    Door::new(settings, Arc::new(SystemClock)).of(webhook::NAME, "main")
}

pub(super) fn account(kind: &str, secret: Option<&str>) -> Account {
    Account {
        fields: match secret {
            Some(secret) => Fields::fixed([("secret", secret), ("kind", kind)]),
            None => Fields::fixed([("kind", kind)]),
        },
        door: door(),
        ..Account::new("main")
    }
}

pub(super) async fn connect(account: &Account) -> Result<Connection, ChannelError> {
    channel::registration(webhook::NAME).unwrap().adapter.connect(account).await
}

/// An adapter behind a door of its own.
#[derive(Debug)]
pub(super) struct Rig {
    pub(super) connection: Connection,
    pub(super) at: SocketAddr,
    pub(super) spool: Arc<dyn Spool>,
}

impl Rig {
    pub(super) async fn start() -> Self {
        Self::of("github", SECRET).await
    }

    pub(super) async fn of(kind: &str, secret: &str) -> Self {
        Self::on(account(kind, Some(secret))).await
    }

    /// As after a restart.
    pub(super) async fn again(spool: Arc<dyn Spool>) -> Self {
        Self::on(Account { spool, ..account("github", Some(SECRET)) }).await
    }

    async fn on(account: Account) -> Self {
        let connection = connect(&account).await.unwrap();
        let at = account.door.address().await.unwrap();
        Self { connection, at, spool: account.spool }
    }

    pub(super) fn source(&mut self) -> &mut dyn Source {
        &mut *self.connection.source
    }

    pub(super) fn sink(&self) -> &dyn Sink {
        &*self.connection.sink
    }

    /// What was not accepted yet, from the first on.
    pub(super) async fn receive(&mut self) -> Vec<Incoming> {
        self.receive_after(&Cursor::default()).await.0
    }

    pub(super) async fn receive_after(&mut self, after: &Cursor) -> (Vec<Incoming>, Cursor) {
        let batch = self.source().receive(after).await.unwrap();
        let message = |event| {
            let Event::Message(message) = event else { panic!("{event:?}") };
            message
        };
        (batch.events.into_iter().map(message).collect(), batch.cursor)
    }
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
    /// To a path behind the account.
    pub(super) fn unsigned(hook: &str, body: impl Into<Vec<u8>>) -> Self {
        let first_line = format!("POST /in/webhook/main/{hook} HTTP/1.1");
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

    pub(super) async fn code(self, to: SocketAddr) -> u16 {
        self.send(to).await.unwrap().code
    }
}

fn told(answer: &str) -> Option<Told> {
    let (head, said) = answer.split_once("\r\n\r\n")?;
    let code = head.split(' ').nth(1)?.parse().ok()?;
    Some(Told { code, said: said.trim().to_owned() })
}
