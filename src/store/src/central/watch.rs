//! Tells the channels that the outbox may have changed: a writer of parts need not know who
//! sends it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::hooks::Action;

use super::CentralStore;

/// Called after a commit that changed parts of the outbox.
pub type Announce = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
pub(super) struct OutboxWatch {
    /// A part was added or changed and nobody was told of it.
    has_changed: Arc<AtomicBool>,
    announce: Option<Announce>,
}

impl OutboxWatch {
    pub(super) fn announce(&self) {
        if let Some(announce) = &self.announce
            && self.has_changed.swap(false, Ordering::SeqCst)
        {
            announce();
        }
    }
}

impl fmt::Debug for OutboxWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboxWatch")
            .field("has_changed", &self.has_changed)
            .finish_non_exhaustive()
    }
}

impl CentralStore {
    /// Has `announce` called after each commit of this connection that added or changed a part,
    /// whatever write it was. It is called once too often rather than once too little.
    pub fn announcing(mut self, announce: Announce) -> Self {
        let has_changed = Arc::clone(&self.outbox.has_changed);
        self.conn.update_hook(Some(move |action, _: &str, table: &str, _| {
            if table == "part" && action != Action::SQLITE_DELETE {
                has_changed.store(true, Ordering::SeqCst);
            }
        }));
        self.outbox.announce = Some(announce);
        self
    }

    /// Runs a change of parts that needs no announcement: the channel itself makes it, and looks
    /// at its lanes afterwards.
    pub(super) fn unannounced<R>(&mut self, change: impl FnOnce(&Self) -> R) -> R {
        let before = self.outbox.has_changed.load(Ordering::SeqCst);
        let out = change(self);
        self.outbox.has_changed.store(before, Ordering::SeqCst);
        out
    }
}
