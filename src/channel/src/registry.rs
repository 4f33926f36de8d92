//! Which adapters are linked into this program. Each registers itself; there is no list to edit.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use domain::message::Address;
use domain::outgoing::Caps;

use crate::account::{Account, Me, Need};
use crate::{ChannelError, SecretString, Sink, Source, Steps};

#[derive(Debug)]
pub struct Connection {
    /// Who we are there.
    pub me: Me,
    /// What this account can do, as far as that is known now.
    pub caps: Caps,
    pub source: Box<dyn Source>,
    pub sink: Arc<dyn Sink>,
}

#[async_trait]
pub trait Adapter: fmt::Debug + Send + Sync {
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError>;

    /// Asks the platform whether the credentials are good and whose they are, and changes nothing there:
    /// another program may be connected with them.
    async fn check(&self, _account: &Account) -> Result<Me, ChannelError> {
        Ok(Me::default())
    }

    /// Gets fields of an account from its user, in the platform's own way: a code that is scanned, a page in
    /// the browser. What is needed and not returned is asked for afterwards. `account` has what is known
    /// by now.
    async fn enroll(
        &self,
        _account: &Account,
        _steps: &mut dyn Steps,
    ) -> Result<BTreeMap<String, SecretString>, ChannelError> {
        Ok(BTreeMap::new())
    }

    /// What can be done in one chat, of what its account can do. Pure.
    fn caps_in(&self, caps: Caps, _chat: &Address) -> Caps {
        caps
    }
}

/// An adapter's entry: `inventory::submit! { Registration { .. } }`.
#[derive(Debug)]
pub struct Registration {
    /// The channel's name in the database and on the command line.
    pub name: &'static str,
    /// What an account has to be given before it can connect; nothing where the channel is always there.
    pub needs: &'static [Need],
    /// What every account can do, until a connection says more.
    pub caps: Caps,
    pub adapter: &'static dyn Adapter,
}

impl Registration {
    /// Whether there is a connection only where somebody added an account.
    pub fn needs_account(&self) -> bool {
        !self.needs.is_empty()
    }
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
