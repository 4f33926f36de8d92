//! Which adapters are linked into this program. Each registers itself; there is no list to edit.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{ChannelError, Sink, Source};

/// What a platform can do; fixed per adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// The longest text of one message, in characters.
    pub text_chars_max: usize,
    /// Only the person who owns this host can write here.
    pub owner_only: bool,
}

/// One account on a platform.
#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    /// Where the running host keeps its sockets.
    pub run_dir: PathBuf,
}

/// Both halves of a connected account.
#[derive(Debug)]
pub struct Connection {
    pub source: Box<dyn Source>,
    pub sink: Arc<dyn Sink>,
}

/// Connects accounts of one platform.
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

/// Every adapter in this program, by name.
#[must_use]
pub fn registrations() -> Vec<&'static Registration> {
    let mut all: Vec<_> = inventory::iter::<Registration>.into_iter().collect();
    all.sort_by_key(|it| it.name);
    all
}
