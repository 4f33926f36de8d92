//! The terminals that are connected now, by chat.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::message::Address;
use tokio::sync::{mpsc, oneshot};

use super::NAME;
use super::frames::ToClient;

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
    pub(super) fn send(&self, chat: &str, line: &ToClient) -> usize {
        let inner = self.lock();
        let here = inner.clients.values().filter(|it| it.0 == chat);
        here.filter(|it| it.1.try_send(line.clone()).is_ok()).count()
    }

    /// Resolves when a terminal says that the part was shown.
    pub(super) fn expect_shown(&self, key: &str) -> oneshot::Receiver<()> {
        let (told, waits) = oneshot::channel();
        self.lock().shown.entry(key.to_owned()).or_default().push(told);
        waits
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
