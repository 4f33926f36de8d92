//! Calls to the router and platforms that run beside the mailbox, so that one that is wedged
//! delays no other question: at most one at a time for each key, and a bounded number in all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ractor::ActorRef;
use tokio::task::JoinSet;

use super::ApprovalMessage;

/// Calls of one kind at a time; more wait for one to end.
const CALLS_MAX: usize = 64;

/// The state of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call<R> {
    Underway,
    Ended(R),
}

#[derive(Debug)]
pub(super) struct Beside<K, R> {
    calls: Arc<Mutex<BTreeMap<K, Call<R>>>>,
}

impl<K: Ord + Clone + Send + 'static, R: Clone + Send + 'static> Beside<K, R> {
    pub(super) fn get(&self, key: &K) -> Option<Call<R>> {
        self.locked().get(key).cloned()
    }

    pub(super) fn forget(&self, key: &K) {
        self.locked().remove(key);
    }

    /// Starts a call, after which the actor looks again. `false` when there are too many.
    pub(super) fn start(
        &self,
        key: K,
        (tasks, myself): (&mut JoinSet<()>, &ActorRef<ApprovalMessage>),
        call: impl Future<Output = R> + Send + 'static,
    ) -> bool {
        let mut calls = self.locked();
        if CALLS_MAX <= calls.values().filter(|it| matches!(it, Call::Underway)).count() {
            return false;
        }
        calls.insert(key.clone(), Call::Underway);
        drop(calls);
        // Forgotten when the task is cut off, so that the call is made once more.
        let mut note = Note { calls: Arc::clone(&self.calls), key: Some(key) };
        let myself = myself.clone();
        tasks.spawn(async move {
            note.end(call.await);
            let _ = myself.cast(ApprovalMessage::Look);
        });
        true
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<K, Call<R>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, R> Default for Beside<K, R> {
    fn default() -> Self {
        Self { calls: Arc::default() }
    }
}

struct Note<K: Ord, R> {
    calls: Arc<Mutex<BTreeMap<K, Call<R>>>>,
    /// `None` once it has ended.
    key: Option<K>,
}

impl<K: Ord, R> Note<K, R> {
    fn end(&mut self, result: R) {
        if let Some(key) = self.key.take() {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            calls.insert(key, Call::Ended(result));
        }
    }
}

impl<K: Ord, R> Drop for Note<K, R> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        }
    }
}
