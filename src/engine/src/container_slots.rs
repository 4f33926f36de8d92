//! The cap on containers that run at the same time, and the fair share of it.
//!
//! A session holds its slot from the start of its container until the container is known to be gone, also
//! while the engine does not answer, and while the session's actor starts again.
//!
//! Invariants
//! - No more containers are started than the cap allows, counting those that were found running. So none
//!   is started before the containers of an earlier host were listed.
//! - An agent that runs a container already leaves a part of the slots to agents that run none.
//! - Of those that wait, the one whose agent runs the fewest containers is served first, then the one that
//!   asked first.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{AgentName, SessionId};
use tokio::sync::oneshot;

/// The part of all slots, one in so many, that only an agent without a container may take.
const RESERVE: usize = 4;

#[derive(Debug)]
pub struct ContainerSlots {
    shared: Arc<Shared>,
    /// Shared with each container that goes in order to make room.
    leaving: Count,
}

#[derive(Debug)]
struct Shared {
    max: usize,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    /// The containers of an earlier host were listed.
    is_open: bool,
    held: BTreeMap<SessionId, AgentName>,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    session: SessionId,
    agent: AgentName,
    served: oneshot::Sender<Permit>,
}

/// A slot for a container that is about to start; dropped, it is free again.
#[derive(Debug)]
pub struct Permit {
    shared: Arc<Shared>,
    session: SessionId,
    is_kept: bool,
}

impl ContainerSlots {
    /// At most `max` containers, and at least one.
    pub fn new(max: usize) -> Self {
        let shared = Arc::new(Shared { max: max.max(1), slots: Mutex::default() });
        Self { shared, leaving: Arc::default() }
    }

    pub fn max(&self) -> usize {
        self.shared.max
    }

    /// Slots in use; above the cap if more containers were found running.
    pub fn taken(&self) -> usize {
        self.shared.lock().held.len()
    }

    /// Whether a waiting session would get the slot of a container of `agent`, and no other container
    /// is leaving for it yet; idle containers make room.
    pub fn contended(&self, agent: &AgentName) -> bool {
        let leaving = Arc::strong_count(&self.leaving) - 1;
        let slots = self.shared.lock();
        // Above the cap, each that goes helps; and an agent always makes room for itself.
        let taken = slots.held.len().saturating_sub(leaving + 1).min(self.shared.max - 1);
        let by_agent = slots.by_agent();
        let of = |agent: &AgentName| by_agent.get(agent).copied().unwrap_or_default();
        let agents = by_agent.len() - usize::from(of(agent) == 1);
        let helped = |waiter: &&Waiter| {
            let running = of(&waiter.agent);
            let may = waiter.agent == *agent || may_take(self.shared.max, taken, agents, running);
            may && !waiter.served.is_closed()
        };
        slots.is_open && leaving < slots.waiting.iter().filter(helped).count()
    }

    /// Waits for a slot, after calling `contended` if there is none.
    pub async fn take(
        &self,
        session: SessionId,
        agent: &AgentName,
        contended: impl FnOnce(),
    ) -> Permit {
        let (served, mut permit) = oneshot::channel();
        let waiter = Waiter { session, agent: agent.clone(), served };
        self.shared.lock().waiting.push_back(waiter);
        Shared::serve(&self.shared);
        if let Ok(permit) = permit.try_recv() {
            return permit;
        }
        contended();
        // Not reached: a waiter is removed when it is served, or when nobody waits for it.
        let lost = |_| Permit { shared: Arc::clone(&self.shared), session, is_kept: false };
        permit.await.unwrap_or_else(lost)
    }

    /// Held while a container goes in order to make room, so that one goes for one that waits.
    pub fn leave(&self) -> Count {
        Arc::clone(&self.leaving)
    }

    /// A container of the session was found running; it counts, also above the cap.
    pub fn adopt(&self, session: SessionId, agent: &AgentName) {
        self.shared.lock().held.insert(session, agent.clone());
    }

    pub fn release(&self, session: SessionId) {
        self.shared.lock().held.remove(&session);
        Shared::serve(&self.shared);
    }

    pub fn is_open(&self) -> bool {
        self.shared.lock().is_open
    }

    /// All that an earlier host left running was adopted: from now on slots are given.
    pub fn open(&self) {
        self.shared.lock().is_open = true;
        Shared::serve(&self.shared);
    }
}

/// Whether an agent with `running` containers may start one more while `agents` run `taken` together.
/// The first container of each agent does not count against the share of the others.
fn may_take(max: usize, taken: usize, agents: usize, running: usize) -> bool {
    let more_than_one_each = taken.saturating_sub(agents);
    taken < max && (running == 0 || more_than_one_each + 1 < max - max / RESERVE)
}

impl Shared {
    /// Gives free slots to those that wait.
    fn serve(this: &Arc<Self>) {
        loop {
            let Some((session, served)) = this.lock().next(this.max) else { return };
            let permit = Permit { shared: Arc::clone(this), session, is_kept: false };
            // After the lock: the permit of one that went meanwhile is dropped here, which locks again.
            drop(served.send(permit));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    fn by_agent(&self) -> BTreeMap<AgentName, usize> {
        let mut by_agent = BTreeMap::new();
        for agent in self.held.values() {
            *by_agent.entry(agent.clone()).or_default() += 1;
        }
        by_agent
    }

    /// Takes a slot for the waiter that is served next, if one may be.
    fn next(&mut self, max: usize) -> Option<(SessionId, oneshot::Sender<Permit>)> {
        self.waiting.retain(|waiter| !waiter.served.is_closed());
        if !self.is_open {
            return None;
        }
        let by_agent = self.by_agent();
        let running =
            |index: &usize| by_agent.get(&self.waiting[*index].agent).copied().unwrap_or(0);
        let may = |index: &usize| may_take(max, self.held.len(), by_agent.len(), running(index));
        let first = (0..self.waiting.len()).filter(may).min_by_key(running)?;
        let Waiter { session, agent, served } = self.waiting.remove(first)?;
        self.held.insert(session, agent);
        Some((session, served))
    }
}

impl Permit {
    /// The container is about to start: the slot stays taken until [`ContainerSlots::release`].
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.is_kept {
            self.shared.lock().held.remove(&self.session);
            Shared::serve(&self.shared);
        }
    }
}

/// Counts for as long as it lives, also when the future that holds it is dropped.
pub type Count = Arc<()>;

#[cfg(test)]
mod tests;
