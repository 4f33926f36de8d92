//! The sending half: there is none.

use async_trait::async_trait;
use channel::{DeliverError, Part, Sink};
use domain::message::Address;

#[derive(Debug)]
pub(crate) struct WebhookSink;

#[async_trait]
impl Sink for WebhookSink {
    async fn deliver(&self, _part: &Part) -> Result<String, DeliverError> {
        Err(DeliverError::Refused("a webhook takes no answers".into()))
    }

    async fn working(&self, _chat: &Address) {}
}
