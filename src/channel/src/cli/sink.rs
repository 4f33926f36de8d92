//! Shows parts in the terminals of a chat.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::message::Address;
use domain::outgoing::Content;
use tokio::time::timeout;

use super::client::Clients;
use super::frames::ToClient;
use crate::{DeliverError, Part, Sink};

/// A terminal on this machine that does not answer within this has gone away.
const SHOWN_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct CliSink {
    pub(super) clients: Arc<Clients>,
}

#[async_trait]
impl Sink for CliSink {
    /// The part's key serves as the id: the terminal drops a key that it has shown.
    async fn deliver(&self, part: &Part) -> Result<String, DeliverError> {
        let shown = self.clients.expect_shown(&part.key);
        let line = ToClient::Part {
            key: part.key.clone(),
            reply_to: part.reply_to.clone(),
            also: part.also.clone(),
            text: shown_as(&part.content),
            last: part.last,
            no_answer: part.no_answer,
            repeat: part.repeat,
        };
        if self.clients.send(&part.to.chat, &line) == 0 {
            return Err(DeliverError::Unreachable("no terminal is open on this chat".into()));
        }
        match timeout(SHOWN_WITHIN, shown).await {
            Ok(Ok(())) => Ok(part.key.clone()),
            Ok(Err(err)) => Err(DeliverError::Unknown(err.into())),
            Err(err) => Err(DeliverError::Unknown(err.into())),
        }
    }

    async fn working(&self, chat: &Address) {
        self.clients.send(&chat.chat, &ToClient::Working);
    }
}

/// A terminal shows text alone; the host sends nothing else here unless it must.
fn shown_as(content: &Content) -> String {
    match content {
        Content::Text(text) => text.clone(),
        Content::Card(card) | Content::Edit { card, .. } => card.text.clone(),
        Content::File(file) => format!("{}\n(a file: {})", file.caption, file.path.display()),
        Content::Reaction { emoji, .. } => emoji.clone(),
    }
}
