//! Messages and parts that are given up, and what a person says about parts.

use domain::MessageSeq;
use domain::delivery::PartKey;
use domain::delivery::by_hand::Order;
use domain::session::FailReason;
use ractor::RpcReplyPort;
use store::{Ordered, SessionStore};
use tracing::info;

use super::SessionError;
use super::state::SessionState;
use crate::reception::ReceptionMessage;
use crate::sessions::child::chain;

impl SessionState {
    /// Gives a message up; its chat is told.
    pub(super) async fn give_up(
        &mut self,
        message: MessageSeq,
        why: FailReason,
    ) -> Result<(), SessionError> {
        let (agent, now) = (self.args.row.agent.clone(), self.now());
        let fail = move |it: &mut SessionStore| it.inbound.fail(message, why, agent.as_str(), now);
        self.store.write("a failure", fail).await?;
        Ok(())
    }

    /// Hands what could not be delivered to the central database, where the owner of the host is told
    /// from; then it is done here. Doing it again keeps each of them once.
    pub(super) async fn pass_lost(&mut self) -> Result<(), SessionError> {
        let lost = self.store.read(|it| it.inbound.lost()).await?;
        let (id, agent, letters) = (self.id(), self.args.row.agent.clone(), lost.clone());
        let keep = move |it: &mut store::CentralStore| it.keep_lost(id, agent.as_str(), &letters);
        self.host().central.write("dead letters", keep).await?;
        let done = move |it: &mut SessionStore| it.inbound.passed_on(&lost);
        self.store.write("dead letters passed on", done).await?;
        self.host().peers.reception.cast(ReceptionMessage::Look);
        Ok(())
    }

    pub(super) async fn take_order(
        &mut self,
        keys: Vec<PartKey>,
        order: Order,
        reply: RpcReplyPort<Result<Vec<Ordered>, String>>,
    ) -> Result<(), SessionError> {
        self.seen += 1;
        let done = self.obey_order(keys, order).await;
        let answer = match &done {
            Ok(done) => Ok(done.clone()),
            Err(err) => Err(chain(err)),
        };
        let _ = reply.send(answer);
        done.map(drop)
    }

    async fn obey_order(
        &mut self,
        keys: Vec<PartKey>,
        order: Order,
    ) -> Result<Vec<Ordered>, SessionError> {
        self.make_folders().await?;
        self.wake().await?;
        let now = self.now();
        let obey = move |it: &mut SessionStore| it.inbound.order(&keys, order, now);
        let done = self.store.write("an order", obey).await?;
        info!(order = order.as_str(), parts = done.iter().flatten().count(), "parts by hand");
        Ok(done)
    }
}
