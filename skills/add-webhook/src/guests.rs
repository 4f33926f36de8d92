//! Connections that have not shown a right signature yet. They are few, each has little time, and one
//! that keeps others out is dropped, the oldest first.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::AbortHandle;

/// Connections at a time, signed or not.
pub(crate) const CONNECTIONS_MAX: usize = 64;
/// Those of one address that have shown no signature. Senders behind one proxy share its address, and
/// need milliseconds each.
const GUESTS_OF_PEER_MAX: usize = 32;

/// Set once the connection has shown a right signature.
#[derive(Clone, Debug, Default)]
pub(crate) struct IsKnown(Arc<AtomicBool>);

impl IsKnown {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct Guest {
    peer: IpAddr,
    is_known: IsKnown,
    task: AbortHandle,
}

/// The oldest first.
#[derive(Debug, Default)]
pub(crate) struct Guests(Vec<Guest>);

impl Guests {
    /// Makes room for one more connection of `peer`. Returns whether there is room; else all others
    /// are at work.
    pub(crate) fn make_room(&mut self, peer: IpAddr, connections: usize) -> bool {
        self.0.retain(|it| !it.is_known.is_set() && !it.task.is_finished());
        let peers: Vec<IpAddr> = self.0.iter().map(|it| it.peer).collect();
        match dropped(&peers, peer, connections) {
            Some(at) => {
                self.0.remove(at).task.abort();
                true
            }
            None => connections < CONNECTIONS_MAX,
        }
    }

    pub(crate) fn add(&mut self, peer: IpAddr, is_known: IsKnown, task: AbortHandle) {
        self.0.push(Guest { peer, is_known, task });
    }
}

/// Which of the guests is dropped for one more of `peer`: its oldest one where it has too many, else
/// the oldest one of whoever has most.
fn dropped(guests: &[IpAddr], peer: IpAddr, connections: usize) -> Option<usize> {
    let count = |of: &IpAddr| guests.iter().filter(|it| *it == of).count();
    let from = if GUESTS_OF_PEER_MAX <= count(&peer) {
        peer
    } else if CONNECTIONS_MAX <= connections {
        *guests.iter().max_by_key(|it| count(it))?
    } else {
        return None;
    };
    guests.iter().position(|it| *it == from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_most_connections_loses_the_oldest() {
        let (mob, ann) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let of = |ann_first: usize, count: usize| -> Vec<IpAddr> {
            std::iter::repeat_n(ann, ann_first).chain(std::iter::repeat_n(mob, count)).collect()
        };
        assert_eq!(dropped(&[], ann, 0), None);
        assert_eq!(dropped(&of(1, 31), mob, 32), None);
        assert_eq!(dropped(&of(1, 32), mob, 33), Some(1), "its own oldest one");
        assert_eq!(dropped(&of(1, 32), ann, 33), None, "others are not concerned");
        assert_eq!(dropped(&of(2, 3), ann, CONNECTIONS_MAX), Some(2));
        assert_eq!(dropped(&[], ann, CONNECTIONS_MAX), None, "all are at work");
    }
}
