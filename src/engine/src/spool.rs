//! The spool of an account, in the central database.

use std::sync::Arc;

use async_trait::async_trait;
use channel::Cause;
use channel::spool::{Put, Raw, Spool, SpoolRow};
use domain::message::Address;
use domain::time::Clock;
use store::{CentralStore, Db};

#[derive(Debug)]
pub struct AccountSpool {
    pub central: Db<CentralStore>,
    pub clock: Arc<dyn Clock>,
    pub channel: &'static str,
    pub account: String,
}

impl AccountSpool {
    fn names(&self) -> (&'static str, String) {
        (self.channel, self.account.clone())
    }
}

#[async_trait]
impl Spool for AccountSpool {
    async fn put(&self, raw: Raw) -> Result<Put, Cause> {
        let ((channel, account), now) = (self.names(), self.clock.now());
        let put = move |it: &mut CentralStore| it.spool((channel, &account), &raw, now);
        Ok(self.central.write("spool a request", put).await?)
    }

    async fn after(&self, number: i64, max: usize) -> Result<Vec<SpoolRow>, Cause> {
        let ((channel, account), max) = (self.names(), i64::try_from(max)?);
        Ok(self.central.read(move |it| it.spooled(channel, &account, number, max)).await?)
    }

    async fn template(&self, chat: &str) -> Result<Option<String>, Cause> {
        let ((channel, account), chat) = (self.names(), chat.to_owned());
        let at = Address { channel: channel.into(), account, chat, thread: None };
        let row = self.central.read(move |it| it.chat(&at)).await?;
        Ok(row.and_then(|it| it.template))
    }

    async fn prune(&self, number: i64) -> Result<(), Cause> {
        let (channel, account) = self.names();
        let prune = move |it: &mut CentralStore| it.prune_spool(channel, &account, number);
        Ok(self.central.write("forget what was accepted", prune).await?)
    }
}
