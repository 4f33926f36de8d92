//! Which adapters are linked into this program. Each registers itself; there is no list to edit.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::outgoing::{RenderCaps, TextLimit};
use domain::time::Timestamp;
pub use secrecy::{ExposeSecret, SecretString};

use crate::{ChannelError, Pulse, Sink, Source};

/// What a platform can do; fixed per adapter. The host renders everything else in plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// The longest text of one message.
    pub text: TextLimit,
    /// Only the person who owns this host can write here.
    pub owner_only: bool,
    pub buttons: bool,
    pub edits: bool,
    pub reactions: bool,
    /// The platform says when the bot is meant; else only the trigger word does.
    pub mentions: bool,
    pub threads: bool,
    /// The largest file that can be sent, in bytes; 0 where none can.
    pub file_bytes_max: u64,
    /// Nothing can be sent there; answers go to the conversation's last other chat.
    pub mute: bool,
    /// The longest time without a sign of life that is normal; `None` where there is no platform on
    /// the other side that could fall silent.
    pub alive_every: Option<Duration>,
    /// Set where an account needs a credential; says what it is, for the prompt that asks for it.
    pub credential: Option<&'static str>,
}

impl Caps {
    /// A platform that takes text of at most this length, and nothing else.
    #[must_use]
    pub const fn plain(text: TextLimit) -> Self {
        Self {
            text,
            owner_only: false,
            buttons: false,
            edits: false,
            reactions: false,
            mentions: false,
            threads: false,
            file_bytes_max: 0,
            mute: false,
            alive_every: None,
            credential: None,
        }
    }
}

impl Caps {
    #[must_use]
    pub const fn render_caps(&self) -> RenderCaps {
        RenderCaps {
            text: self.text,
            buttons: self.buttons,
            edits: self.edits,
            reactions: self.reactions,
            file_bytes_max: self.file_bytes_max,
            mute: self.mute,
        }
    }
}

/// One account on a platform.
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
    /// # Errors
    /// [`ChannelError::Unauthorized`] with what to do when no credential is stored.
    pub fn require_credential(&self, channel: &str) -> Result<&SecretString, ChannelError> {
        self.credential.as_ref().ok_or_else(|| {
            let why = format!("none is stored; add it with `nanoclaw channels add {channel}`");
            ChannelError::Unauthorized(why.into())
        })
    }
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

/// The adapter of a channel, if it is in this program.
#[must_use]
pub fn registration(channel: &str) -> Option<&'static Registration> {
    inventory::iter::<Registration>.into_iter().find(|it| it.name == channel)
}

/// Every adapter in this program, by name.
#[must_use]
pub fn registrations() -> Vec<&'static Registration> {
    let mut all: Vec<_> = inventory::iter::<Registration>.into_iter().collect();
    all.sort_by_key(|it| it.name);
    all
}
