//! The gate that a stop closes: read right before anything that an agent could do outside. What it
//! holds is a copy of what the central database says, so that asking it costs nothing and waits for
//! nobody. A new stop closes it first and is written down then: it holds on a full disk too.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::stop::{Scope, Stop, StopId, Stops};
use domain::time::Timestamp;
use domain::{AgentName, SessionId};
use store::{CentralStore, SessionRow, StopOrder};
use tokio::sync::Notify;

use crate::Result;
use crate::host::{Host, Wake};

#[derive(Debug, Default)]
pub struct StopGate {
    inner: Mutex<Inner>,
    /// Wakes who waits for a change in the order in which they wait; a `watch` channel would not, and no
    /// simulated run could be repeated.
    changed: Notify,
    /// Held while orders are written down, so that a retry never outlives a resume.
    pub(crate) orders: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Inner {
    stops: Stops,
    /// Stops that hold and could not be written down yet; they have no number.
    unwritten: Vec<(Scope, Stop)>,
    /// Sessions whose turn somebody ended since this process started.
    epochs: HashMap<SessionId, TurnEpoch>,
}

#[derive(Clone, Copy, Debug, Default)]
struct TurnEpoch {
    /// How often.
    count: u64,
    /// Orders that are being carried out right now.
    guards: usize,
}

/// What a part on its way to a platform must show at the door.
#[derive(Clone, Debug)]
pub struct SendPermit {
    session: SessionId,
    agent: AgentName,
    epoch: u64,
}

impl StopGate {
    pub fn new(stops: Stops) -> Self {
        Self { inner: Mutex::new(Inner { stops, ..Inner::default() }), ..Self::default() }
    }

    /// Takes over what the database says. Returns whether that is new.
    pub fn set(&self, stops: Stops) -> bool {
        let is_new = self.inner().stops != stops;
        if is_new {
            self.inner().stops = stops;
            self.changed.notify_waiters();
        }
        is_new
    }

    /// Closes it for good, before the order is on disk.
    pub fn close(&self, scope: &Scope, by: &str, why: &str, at: Timestamp) {
        let stop = Stop { id: StopId::default(), at, by: by.to_owned(), why: why.to_owned() };
        let mut inner = self.inner();
        inner.unwritten.retain(|it| it.0 != *scope);
        inner.unwritten.push((scope.clone(), stop));
        self.changed.notify_waiters();
    }

    pub fn unwritten(&self) -> Vec<(Scope, Stop)> {
        self.inner().unwritten.clone()
    }

    /// Takes over what the database says now that these orders are part of it. Returns whether one of
    /// them was not written down before.
    pub fn confirm_written(&self, scopes: &[Scope], stops: Stops) -> bool {
        self.set(stops);
        let mut inner = self.inner();
        let before = inner.unwritten.len();
        inner.unwritten.retain(|it| !scopes.contains(&it.0));
        self.changed.notify_waiters();
        inner.unwritten.len() != before
    }

    pub fn stops(&self) -> Stops {
        let inner = self.inner();
        let mut stops = inner.stops.clone();
        for (scope, stop) in &inner.unwritten {
            match scope {
                Scope::All => stops.all.get_or_insert_with(|| stop.clone()),
                Scope::Agent(name) => {
                    stops.agents.entry(name.clone()).or_insert_with(|| stop.clone())
                }
            };
        }
        stops
    }

    pub fn is_stopped(&self, agent: &AgentName) -> bool {
        self.inner().is_stopped(agent)
    }

    /// The stop that holds an agent, once it is written down, for a session of it.
    pub fn order(&self, agent: &AgentName) -> Option<StopOrder> {
        let inner = self.inner();
        let stop = inner.stops.of(agent)?;
        // Whom `nanoclaw agents resume` has to name so that the agent goes on.
        let agent = if inner.stops.all.is_some() { "--all".to_owned() } else { agent.to_string() };
        Some(StopOrder { stop: stop.id, by: stop.by.clone(), agent })
    }

    /// Whether nothing may happen for a session right now: its agent is stopped, or its turn is just
    /// being ended.
    pub fn is_closed(&self, session: SessionId, agent: &AgentName) -> bool {
        let inner = self.inner();
        inner.is_stopped(agent) || inner.epoch_of(session).guards != 0
    }

    /// Returns when the session is stopped, or its turn is ended, from now on.
    pub async fn closes(&self, session: SessionId, agent: &AgentName) {
        let epoch = self.inner().epoch_of(session).count;
        let permit = SendPermit { session, agent: agent.clone(), epoch };
        loop {
            // Hears of what changes from here on, also before it is waited for.
            let changed = self.changed.notified();
            if !self.allows(&permit) {
                return;
            }
            changed.await;
        }
    }

    /// For a part of a session that is about to be claimed; `None` when nothing of it may leave now.
    pub fn permit(&self, session: SessionId, agent: &AgentName) -> Option<SendPermit> {
        let inner = self.inner();
        let TurnEpoch { count: epoch, guards } = inner.epoch_of(session);
        let is_closed = inner.is_stopped(agent) || guards != 0;
        (!is_closed).then(|| SendPermit { session, agent: agent.clone(), epoch })
    }

    /// Whether a part may still leave.
    pub fn allows(&self, permit: &SendPermit) -> bool {
        let inner = self.inner();
        !inner.is_stopped(&permit.agent) && inner.epoch_of(permit.session).count == permit.epoch
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A thread that panicked held no half-made change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn is_stopped(&self, agent: &AgentName) -> bool {
        self.stops.of(agent).is_some() || self.unwritten.iter().any(|it| it.0.concerns(agent))
    }

    fn epoch_of(&self, session: SessionId) -> TurnEpoch {
        self.epochs.get(&session).copied().unwrap_or_default()
    }
}

/// Ends the turn of a session: what it sends and asks is cut at once, and nothing starts until this is
/// dropped.
#[derive(Debug)]
pub(crate) struct StopGuard<'a> {
    host: &'a Host,
    row: &'a SessionRow,
}

impl<'a> StopGuard<'a> {
    pub(crate) fn new(host: &'a Host, row: &'a SessionRow) -> Self {
        let advance =
            |it: &mut TurnEpoch| *it = TurnEpoch { count: it.count + 1, guards: it.guards + 1 };
        advance(host.stops.inner().epochs.entry(row.id).or_default());
        host.stops.changed.notify_waiters();
        Self { host, row }
    }
}

impl Drop for StopGuard<'_> {
    fn drop(&mut self) {
        if let Some(epoch) = self.host.stops.inner().epochs.get_mut(&self.row.id) {
            epoch.guards = epoch.guards.saturating_sub(1);
        }
        // It may have something to do again, and to say.
        self.host.wake(Wake::Outbox);
        self.host.wake(Wake::TurnEnded(self.row.clone()));
    }
}

/// Writes down what could not be so far, and reads the stops: the command line may have written one
/// without this process. Returns whether that changed anything.
/// Fails when the database fails; then what was known goes on to count.
pub async fn reread(host: &Host) -> Result<bool> {
    crate::stopping::write_down(host).await?;
    let stops = host.central.read(|it: &mut CentralStore| it.stops()).await?;
    let is_new = host.stops.set(stops);
    if is_new {
        host.wake(Wake::Outbox);
    }
    Ok(is_new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_allows_what_others_say() {
        let gate = StopGate::default();
        let [andy, ben] = ["andy", "ben"].map(|it| AgentName::parse(it).unwrap());
        let permits = [gate.permit(SessionId(1), &andy), gate.permit(SessionId(2), &ben)];
        let permits = permits.map(Option::unwrap);
        assert!(permits.iter().all(|it| gate.allows(it)));
        let stop = Stop { id: StopId(1), at: Timestamp(1), by: "x".into(), why: String::new() };
        let stops = Stops { all: None, agents: [(andy.clone(), stop)].into() };
        assert!(gate.set(stops.clone()) && !gate.set(stops));
        assert_eq!(permits.each_ref().map(|it| gate.allows(it)), [false, true]);
        assert!(gate.is_closed(SessionId(1), &andy) && !gate.is_closed(SessionId(2), &ben));
        gate.set(Stops::default());
        assert!(permits.iter().all(|it| gate.allows(it)));
    }
}
