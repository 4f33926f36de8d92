//! Messages that are given up.

use domain::MessageSeq;
use domain::session::FailReason;
use store::SessionRows;

use super::SessionError;
use super::state::SessionState;

impl SessionState {
    /// Gives a message up; its chat is told.
    pub(super) async fn give_up(
        &mut self,
        message: MessageSeq,
        why: FailReason,
    ) -> Result<(), SessionError> {
        let (agent, now) = (self.args.row.agent.clone(), self.now());
        let fail = move |it: &SessionRows<'_>| it.fail(message, why, agent.as_str(), now);
        self.store.write("a failure", fail).await?;
        self.tell_others();
        Ok(())
    }
}
