//! The terminals that are connected now, by chat, in which parts are shown.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::message::Address;
use domain::outgoing::Content;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::NAME;
use super::frames::ToClient;
use crate::{DeliverError, Part, Sink};

/// A terminal on this machine that does not answer within this has gone away.
const SHOWN_WITHIN: Duration = Duration::from_secs(10);

pub(super) type Lines = mpsc::Sender<ToClient>;

/// Shared by both halves of the adapter. Holds nothing that a restart would miss.
#[derive(Debug)]
pub(super) struct Clients {
    account: String,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    clients: HashMap<u64, (String, Lines)>,
    /// Who waits to hear that a part was shown.
    shown: HashMap<String, Vec<oneshot::Sender<()>>>,
}

impl Clients {
    pub(super) fn new(account: String) -> Self {
        Self { account, inner: Mutex::default() }
    }

    pub(super) fn address(&self, chat: &str) -> Address {
        Address {
            channel: NAME.into(),
            account: self.account.clone(),
            chat: chat.into(),
            thread: None,
        }
    }

    pub(super) fn join(&self, chat: &str, lines: Lines) -> u64 {
        let mut inner = self.lock();
        inner.next += 1;
        let id = inner.next;
        inner.clients.insert(id, (chat.to_owned(), lines));
        id
    }

    pub(super) fn leave(&self, client: u64) {
        self.lock().clients.remove(&client);
    }

    /// Sends a line to every terminal of a chat; returns how many took it.
    fn send(&self, chat: &str, line: &ToClient) -> usize {
        let inner = self.lock();
        let here = inner.clients.values().filter(|it| it.0 == chat);
        here.filter(|it| it.1.try_send(line.clone()).is_ok()).count()
    }

    pub(super) fn shown(&self, key: &str) {
        for waits in self.lock().shown.remove(key).unwrap_or_default() {
            let _ = waits.send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Sink for Clients {
    /// The part's key serves as the id: the terminal drops a key that it has shown.
    async fn deliver(&self, part: &Part) -> Result<String, DeliverError> {
        let (told, shown) = oneshot::channel();
        self.lock().shown.entry(part.key.clone()).or_default().push(told);
        let line = ToClient::Part {
            key: part.key.clone(),
            reply_to: part.reply_to.clone(),
            also: part.also.clone(),
            text: shown_as(&part.content),
            last: part.last,
            no_answer: part.no_answer,
            repeat: part.repeat,
        };
        if self.send(&part.to.chat, &line) == 0 {
            return Err(DeliverError::Unreachable("no terminal is open on this chat".into()));
        }
        match timeout(SHOWN_WITHIN, shown).await {
            Ok(Ok(())) => Ok(part.key.clone()),
            Ok(Err(err)) => Err(DeliverError::Unknown(err.into())),
            Err(err) => Err(DeliverError::Unknown(err.into())),
        }
    }

    async fn working(&self, chat: &Address) {
        self.send(&chat.chat, &ToClient::Working);
    }
}

/// A terminal shows text alone; the host sends nothing else here unless it must.
fn shown_as(content: &Content) -> String {
    match content {
        Content::Text(text) => text.clone(),
        Content::Card(card) | Content::Edit { card, .. } => card.text.clone(),
        Content::File(file) => format!("{}\n(a file: {})", file.caption, file.path.display()),
        Content::Album(files) => {
            let paths: String =
                files.iter().map(|it| format!("\n(a file: {})", it.path.display())).collect();
            format!("{}{paths}", content.text())
        }
        Content::Reaction { emoji, .. } => emoji.clone(),
        Content::Delete { .. } => String::new(),
    }
}
