//! Lets people and chats in: puts questions to those who may decide, carries out what they decide,
//! and says what the host has to say outside of any session.
//!
//! Messages  [`ApprovalMessage`]; all of them mean "look", after what they bring was stored.
//! Parent    [`crate::tree::RootSupervisor`].
//! Holds     nothing that a restart could not read back from the central database.
//!
//! Invariants
//! - What follows from an answer, and what is said about it, is committed with the end of the question.
//! - Nobody waits for this actor: who brings something for it writes to the database and casts a hint.
//! - It waits for nobody: calls to the router and platforms run beside the mailbox, so that one that is
//!   wedged delays no other question.

mod access_request;
mod answers;
mod asking;
mod closing;
mod dead_letters;
mod requests;
mod settling;
mod tasks;
mod wiring;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::approval::{self, ESCALATE_AFTER, Effect};
use domain::people::PersonId;
use domain::plain::chain;
use domain::time::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use store::{QuestionRow, QuestionState, StoreError};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{instrument, warn};

pub(crate) use self::access_request::{pair, pair_key, request_access};
pub(crate) use self::answers::{Answer, answer, ask_which, typed_in, which_key};
use self::asking::{Answered, Direct};
pub(crate) use self::requests::{forward_request, run};
use crate::actor_handle::Timer;
use crate::host::Host;

/// Rounds of one look; every round asks, tells or settles something.
const ROUNDS_MAX: usize = 32;
/// Delay after a passing failure.
const SOON: Duration = Duration::from_secs(1);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct ApprovalActor;

#[derive(Debug)]
pub enum ApprovalMessage {
    /// Compare what should be with what is. Carries no data, so losing one costs only time.
    Look,
}

#[derive(Debug)]
pub struct ApprovalState {
    host: Arc<Host>,
    myself: ActorRef<ApprovalMessage>,
    calls: JoinSet<()>,
    timer: Option<Timer<ApprovalMessage>>,
    /// Who could not be reached where, and since when.
    unreachable: Vec<(PersonId, String, Instant)>,
    /// Private chats that platforms are asked for, one call at a time for each.
    directs: BTreeMap<Direct, Answered>,
    /// Shared while messages are routed, all that are due at once.
    replaying: Arc<()>,
}

impl Actor for ApprovalActor {
    type Msg = ApprovalMessage;
    type State = ApprovalState;
    type Arguments = Arc<Host>;

    async fn pre_start(
        &self,
        myself: ActorRef<ApprovalMessage>,
        host: Arc<Host>,
    ) -> Result<ApprovalState, ActorProcessingErr> {
        myself.cast(ApprovalMessage::Look)?;
        Ok(ApprovalState {
            host,
            myself,
            calls: JoinSet::new(),
            timer: None,
            unreachable: Vec::new(),
            directs: BTreeMap::new(),
            replaying: Arc::default(),
        })
    }

    #[instrument(name = "approvals", skip_all)]
    async fn handle(
        &self,
        _myself: ActorRef<ApprovalMessage>,
        message: ApprovalMessage,
        state: &mut ApprovalState,
    ) -> Result<(), ActorProcessingErr> {
        while state.calls.try_join_next().is_some() {}
        let ApprovalMessage::Look = message;
        if let Err(err) = state.reconcile().await {
            if err.is_permanent() {
                return Err(err.into());
            }
            warn!(why = chain(&err), "will look again");
            state.arm(SOON);
        }
        Ok(())
    }
}

impl ApprovalState {
    fn now(&self) -> Timestamp {
        self.host.clock.now()
    }

    async fn reconcile(&mut self) -> Result<(), StoreError> {
        let hour_ago = |since: &Instant| ESCALATE_AFTER <= since.elapsed();
        self.unreachable.retain(|it| !hour_ago(&it.2));
        let mut next = None;
        for _ in 0..ROUNDS_MAX {
            self.route_due().await?;
            let mut steps = vec![self.report_dead_letters().await?, self.tell_unasked().await?];
            let rows = self.host.central.read(|central| central.unsettled()).await?;
            let mut failed = Ok(());
            for row in rows {
                match self.advance(row).await {
                    Ok(step) => steps.push(step),
                    Err(err) if err.is_permanent() => return Err(err),
                    // One row that cannot be settled keeps no other from it.
                    Err(err) => failed = Err(err),
                }
            }
            failed?;
            next = steps.iter().filter_map(|it| it.1).min();
            if !steps.iter().any(|it| it.0) {
                break;
            }
        }
        if let Some(at) = next {
            self.arm(at.since(self.now()).min(WAIT_MAX).max(Duration::from_millis(100)));
        }
        Ok(())
    }

    /// Takes one question a step further. Returns whether it did, and else when to look again.
    async fn advance(&mut self, row: QuestionRow) -> Result<(bool, Option<Timestamp>), StoreError> {
        if row.state != QuestionState::Open {
            return self.settle(row.id, None).await.map(|()| (true, None));
        }
        let (view, place, overtaken) = self.known(&row).await?;
        if overtaken.is_some() {
            return self.settle(row.id, overtaken).await.map(|()| (true, None));
        }
        let did = match approval::decide(&view, self.now()) {
            None => self.ask_in_chat(&row, place).await?,
            Some(Effect::Ask(approver)) => self.ask(&row, &approver).await?,
            Some(Effect::TellNobody) if row.question.session.is_none() => {
                self.tell_nobody(&row, place).await.map(|()| true)?
            }
            // An agent is told at once.
            Some(Effect::TellNobody | Effect::Expire) => {
                self.settle(row.id, None).await.map(|()| true)?
            }
        };
        Ok((did, Some(approval::next_look(&view))))
    }

    fn arm(&mut self, after: Duration) {
        self.timer = Some(Timer(self.myself.send_after(after, || ApprovalMessage::Look)));
    }
}
