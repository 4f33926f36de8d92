//! Lets people and chats in: puts questions to those who may decide, carries out what they decide,
//! and says what the host has to say outside of any session.
//!
//! Invariants
//! - What follows from an answer, and what is said about it, is committed with the end of the question.
//! - Nobody waits for a look: who brings something for it writes to the database and gives a hint.
//! - A look waits for nobody: messages are routed and platforms asked beside it, so that one that is
//!   wedged delays no other question.

mod asking;
mod dead_letters;
mod incoming;
mod requests;
mod settling;

use std::sync::Arc;
use std::time::Duration;

use domain::approval::{self, Effect};
use domain::plain::chain;
use domain::time::Timestamp;
use store::{QuestionRow, QuestionState, StoreError};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{instrument, warn};

use self::asking::Directs;
pub(crate) use self::incoming::{
    Answer, answer, ask_which, pair, pair_key, request_access, typed_in, which_key,
};
pub use self::requests::forward_request;
pub(crate) use self::requests::run;
use crate::Result;
use crate::host::Host;

/// Rounds of one look; every round asks, tells or settles something.
const ROUNDS_MAX: usize = 32;
/// Delay after a passing failure.
const SOON: Duration = Duration::from_secs(1);
/// The shortest and the longest time between two looks while something is due later.
const WAIT_MIN: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Looks again and again: when something is due, and at every hint.
/// Ends when the database is unusable.
pub async fn keep_looking(host: Arc<Host>) -> StoreError {
    let mut approvals = Approvals {
        host: Arc::clone(&host),
        calls: JoinSet::new(),
        directs: Directs::default(),
        replaying: Arc::default(),
    };
    loop {
        let wait = match approvals.look().await {
            Ok(wait) => wait,
            Err(err) if err.is_permanent() => return err,
            Err(err) => {
                warn!(why = chain(&err), "will look again");
                SOON
            }
        };
        let _ = timeout(wait, host.hints.approvals.notified()).await;
    }
}

/// What is under way for open questions. Nothing that a restart could not read back.
#[derive(Debug)]
struct Approvals {
    host: Arc<Host>,
    calls: JoinSet<()>,
    directs: Directs,
    /// Shared while messages are routed, all that are due at once.
    replaying: Arc<()>,
}

impl Approvals {
    fn now(&self) -> Timestamp {
        self.host.clock.now()
    }

    /// Compares what should be with what is. Returns when to look again, if nothing else causes it.
    #[instrument(name = "approvals", skip_all)]
    async fn look(&mut self) -> Result<Duration> {
        while self.calls.try_join_next().is_some() {}
        self.forget_unreachable();
        let mut next = None;
        for _ in 0..ROUNDS_MAX {
            self.route_due().await?;
            self.give_up_left().await?;
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
        Ok(next.map_or(WAIT_MAX, |at| at.since(self.now()).clamp(WAIT_MIN, WAIT_MAX)))
    }

    /// Takes one question a step further. Returns whether it did, and else when to look again.
    async fn advance(&mut self, row: QuestionRow) -> Result<(bool, Option<Timestamp>)> {
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
}
