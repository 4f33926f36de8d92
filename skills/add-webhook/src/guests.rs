//! Connections that have not shown a right signature yet. Each has little time, and when there is no
//! room for another one, the oldest of the address that has most of them is dropped.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

/// Connections at a time, signed or not.
pub(crate) const CONNECTIONS_MAX: usize = 64;
/// What each has at least: a signed request needs milliseconds, and many may come at once.
pub(crate) const GRACE: Duration = Duration::from_millis(250);

/// Set once the connection has shown a right signature.
pub(crate) type IsKnown = Arc<AtomicBool>;

#[derive(Debug)]
struct Guest {
    peer: IpAddr,
    since: Instant,
    is_known: IsKnown,
    task: AbortHandle,
}

/// The oldest first.
#[derive(Debug, Default)]
pub(crate) struct Guests(Vec<Guest>);

impl Guests {
    /// Makes room for one more connection. Returns whether there is room; else all others are at work
    /// or have just come.
    pub(crate) fn make_room(&mut self, connections: usize) -> bool {
        if connections < CONNECTIONS_MAX {
            return true;
        }
        self.0.retain(|it| !it.is_known.load(Ordering::Relaxed) && !it.task.is_finished());
        let guests: Vec<(IpAddr, Duration)> =
            self.0.iter().map(|it| (it.peer, it.since.elapsed())).collect();
        let Some(at) = dropped(&guests) else { return false };
        self.0.remove(at).task.abort();
        true
    }

    pub(crate) fn add(&mut self, peer: IpAddr, is_known: IsKnown, task: AbortHandle) {
        self.0.retain(|it| !it.task.is_finished());
        self.0.push(Guest { peer, since: Instant::now(), is_known, task });
    }
}

/// Which of the guests is dropped for another one.
fn dropped(guests: &[(IpAddr, Duration)]) -> Option<usize> {
    let count = |of: IpAddr| guests.iter().filter(|it| it.0 == of).count();
    let old = || guests.iter().filter(|it| GRACE <= it.1);
    let most = old().map(|it| count(it.0)).max()?;
    guests.iter().position(|it| GRACE <= it.1 && count(it.0) == most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_most_connections_loses_the_oldest() {
        let (mob, ann) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let old = Duration::from_secs(1);
        assert_eq!(dropped(&[]), None);
        assert_eq!(dropped(&[(mob, GRACE / 2), (mob, Duration::ZERO)]), None, "they just came");
        assert_eq!(dropped(&[(ann, old), (mob, old), (mob, old)]), Some(1));
        assert_eq!(dropped(&[(ann, old), (mob, Duration::ZERO), (mob, old)]), Some(2));
        assert_eq!(dropped(&[(ann, old), (mob, Duration::ZERO)]), Some(0));
    }
}
