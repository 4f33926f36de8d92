//! Which adapters are linked into this program, and what they are given. Each registers itself; there is
//! no list to edit.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::outgoing::Caps;
use domain::time::{Clock, SystemClock, Timestamp};
pub use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::{ChannelError, Sink, Source};

#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    /// Where the running host keeps its sockets.
    pub run_dir: PathBuf,
    /// From the vault; `None` where the platform needs none or none is stored.
    pub credential: Option<SecretString>,
    /// Where the platform is instead of its usual place: a local server, a test's double. Each
    /// adapter documents its names.
    pub urls: BTreeMap<String, String>,
    /// Takes the platform's signs of life.
    pub pulse: Pulse,
    /// The last sign of life before this connection; `None` when there never was one.
    pub heard_until: Option<Timestamp>,
}

impl Account {
    /// Fails with [`ChannelError::Unauthorized`] with what to do when no credential is stored.
    pub fn require_credential(&self, channel: &str) -> Result<&SecretString, ChannelError> {
        self.credential.as_ref().ok_or_else(|| {
            let name = &self.name;
            let why = format!(
                "none is stored; add it with `nanoclaw channels add {channel} --name {name}`"
            );
            ChannelError::Unauthorized(why.into())
        })
    }
}

/// Given to an adapter with its account. It beats whenever the platform showed that it is there and
/// hears us, above all while nothing happens: an empty answer to a poll, a heartbeat. Batches and
/// what was sent the host counts itself.
#[derive(Clone, Debug)]
pub struct Pulse {
    clock: Arc<dyn Clock>,
    last: Arc<Mutex<Option<Sign>>>,
}

/// When the platform gave a sign, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Sign {
    pub at: Timestamp,
    pub when: Instant,
}

impl Pulse {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, last: Arc::default() }
    }

    pub fn beat(&self) {
        let sign = Sign { at: self.clock.now(), when: Instant::now() };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(sign);
    }

    /// The last sign; `None` when there was none yet.
    pub fn last(&self) -> Option<Sign> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

#[derive(Debug)]
pub struct Connection {
    pub source: Box<dyn Source>,
    pub sink: Arc<dyn Sink>,
}

#[async_trait]
pub trait Adapter: fmt::Debug + Send + Sync {
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError>;
}

/// An adapter's entry: `inventory::submit! { Registration { .. } }`.
#[derive(Debug)]
pub struct Registration {
    /// The channel's name in the database and on the command line.
    pub name: &'static str,
    pub caps: Caps,
    pub adapter: &'static dyn Adapter,
}

inventory::collect!(Registration);

pub fn registration(channel: &str) -> Option<&'static Registration> {
    inventory::iter::<Registration>.into_iter().find(|it| it.name == channel)
}

/// Every adapter in this program, by name.
pub fn registrations() -> Vec<&'static Registration> {
    let mut all: Vec<_> = inventory::iter::<Registration>.into_iter().collect();
    all.sort_by_key(|it| it.name);
    all
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn a_credential_that_is_missing_is_asked_for_by_the_name_of_its_account() {
        let account = Account {
            name: "work".into(),
            run_dir: PathBuf::new(),
            credential: None,
            urls: BTreeMap::new(),
            pulse: Pulse::default(),
            heard_until: None,
        };
        let err = account.require_credential("telegram").unwrap_err();
        let why = err.source().unwrap().to_string();
        assert!(why.contains("`nanoclaw channels add telegram --name work`"), "{why}");
    }
}
