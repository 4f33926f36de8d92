//! What is held back while people want to be left alone. Whether they do is read anew at each look,
//! since they may change their mind in the night.

use domain::message::Address;
use domain::session::Held;
use store::{CentralStore, SessionRows};

use super::SessionError;
use super::state::SessionState;

impl SessionState {
    /// Until when each of these chats is left alone.
    pub(super) async fn held(&self, chats: Vec<Address>) -> Result<Vec<Held>, SessionError> {
        if chats.is_empty() {
            return Ok(vec![]);
        }
        let now = self.now();
        let quiet =
            self.host().central.read(move |it: &mut CentralStore| it.quiet_chats(now)).await?;
        let held = |chat: Address| {
            let until = quiet.iter().find(|it| it.0 == chat).map(|it| it.1);
            Held { chat, until }
        };
        Ok(chats.into_iter().map(held).collect())
    }

    pub(super) async fn end_quiet(&mut self, chat: Address) -> Result<(), SessionError> {
        let (limit, now) = (self.manners_of(&chat.channel).text, self.now());
        let end = move |it: &SessionRows<'_>| it.end_quiet(&chat, limit, now);
        self.store.write("the end of quiet hours", end).await?;
        Ok(())
    }
}
