//! Connections that have not shown a right signature yet. Each has little time; an address has only so many of
//! them, and when there is no room for another one, the oldest of the address that has most is dropped.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::lock;

/// Connections at a time, signed or not.
pub(super) const CONNECTIONS_MAX: usize = 64;
/// Of one address, this machine's apart: programs here are trusted with more, and a proxy passes on
/// everybody.
const OF_ADDRESS_MAX: usize = 16;
/// What each has at least: a signed request needs milliseconds, and many may come at once.
pub(super) const GRACE: Duration = Duration::from_millis(250);

/// Who is behind a connection.
#[derive(Debug)]
pub(super) struct Guest {
    /// The other end, or who that is passing on.
    peer: Mutex<IpAddr>,
    /// It has shown a right signature.
    is_known: AtomicBool,
}

impl Guest {
    pub(super) fn new(peer: IpAddr) -> Self {
        Self { peer: Mutex::new(network(peer)), is_known: AtomicBool::new(false) }
    }

    pub(super) fn peer(&self) -> IpAddr {
        *lock(&self.peer)
    }

    /// What a proxy says that is believed: the last address is the one that the proxy saw.
    pub(super) fn is_passed_on(&self, forwarded_for: &str, proxies: &[IpAddr]) {
        let mut peer = lock(&self.peer);
        let last = forwarded_for.rsplit(',').next().unwrap_or_default().trim();
        if let Ok(address) = last.parse()
            && (peer.is_loopback() || proxies.iter().any(|it| network(*it) == *peer))
        {
            *peer = network(address);
        }
    }

    pub(super) fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Relaxed)
    }

    pub(super) fn has_shown_it(&self) {
        self.is_known.store(true, Ordering::Relaxed);
    }
}

/// One customer of a provider has a whole /64 of IPv6 addresses (RFC 6177), and counts once.
fn network(address: IpAddr) -> IpAddr {
    let address = address.to_canonical();
    if let IpAddr::V6(whole) = address
        && !whole.is_loopback()
    {
        return IpAddr::V6((whole.to_bits() >> 64 << 64).into());
    }
    address
}

#[derive(Debug)]
struct Held {
    guest: Arc<Guest>,
    since: Instant,
    task: AbortHandle,
}

/// The oldest first.
#[derive(Debug, Default)]
pub(super) struct Guests(Vec<Held>);

impl Guests {
    /// Makes room for one more connection. Returns whether there is room; else all others are at work
    /// or have just come.
    pub(super) fn make_room(&mut self, connections: usize) -> bool {
        if connections < CONNECTIONS_MAX {
            return true;
        }
        self.0.retain(|it| !it.guest.is_known() && !it.task.is_finished());
        let held: Vec<(IpAddr, Duration)> =
            self.0.iter().map(|it| (it.guest.peer(), it.since.elapsed())).collect();
        let Some(at) = dropped(&held) else { return false };
        self.0.remove(at).task.abort();
        true
    }

    pub(super) fn add(&mut self, guest: Arc<Guest>, task: AbortHandle) {
        self.0.retain(|it| !it.guest.is_known() && !it.task.is_finished());
        let peer = guest.peer();
        let is_of = |it: &Held| it.guest.peer() == peer;
        if !peer.is_loopback()
            && OF_ADDRESS_MAX <= self.0.iter().filter(|it| is_of(it)).count()
            && let Some(at) = self.0.iter().position(is_of)
        {
            self.0.remove(at).task.abort();
        }
        self.0.push(Held { guest, since: Instant::now(), task });
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
    use tokio::task::JoinSet;

    use super::*;

    const MOB: [u8; 4] = [10, 0, 0, 1];

    #[test]
    fn who_has_most_connections_loses_the_oldest() {
        let (mob, ann) = (IpAddr::from(MOB), IpAddr::from([10, 0, 0, 2]));
        let old = Duration::from_secs(1);
        assert_eq!(dropped(&[]), None);
        assert_eq!(dropped(&[(mob, GRACE / 2), (mob, Duration::ZERO)]), None, "they just came");
        assert_eq!(dropped(&[(ann, old), (mob, old), (mob, old)]), Some(1));
        assert_eq!(dropped(&[(ann, old), (mob, Duration::ZERO), (mob, old)]), Some(2));
        assert_eq!(dropped(&[(ann, old), (mob, Duration::ZERO)]), Some(0));
    }

    #[tokio::test]
    async fn an_address_has_so_many_connections_and_this_machine_more() {
        let mut tasks = JoinSet::new();
        let (mut guests, last) = (Guests::default(), Guest::new(MOB.into()));
        last.has_shown_it();
        for peer in [MOB, [127, 0, 0, 1]] {
            for _ in 0..OF_ADDRESS_MAX + 4 {
                let task = tasks.spawn(std::future::pending::<()>());
                guests.add(Arc::new(Guest::new(peer.into())), task);
            }
        }
        guests.add(Arc::new(last), tasks.spawn(std::future::pending()));
        let of = |peer: [u8; 4]| {
            guests.0.iter().filter(|it| it.guest.peer() == IpAddr::from(peer)).count()
        };
        // One more was dropped for one that has not shown anything yet when it was added.
        assert_eq!((of(MOB), of([127, 0, 0, 1])), (OF_ADDRESS_MAX, OF_ADDRESS_MAX + 4));
    }

    #[test]
    fn only_a_proxy_is_believed_and_only_what_it_saw() {
        let passed_on = |peer: &str, header: &str| {
            let guest = Guest::new(peer.parse().unwrap());
            guest.is_passed_on(header, &["10.0.0.9".parse().unwrap()]);
            guest.peer().to_string()
        };
        assert_eq!(passed_on("127.0.0.1", "6.6.6.6, 203.0.113.7"), "203.0.113.7");
        assert_eq!(passed_on("10.0.0.9", "203.0.113.7"), "203.0.113.7");
        assert_eq!(passed_on("10.0.0.1", "203.0.113.7"), "10.0.0.1");
        assert_eq!(passed_on("::1", "2001:db8:1:2:3::4"), "2001:db8:1:2::");
        assert_eq!(passed_on("::ffff:127.0.0.1", "203.0.113.7"), "203.0.113.7");
        assert_eq!(passed_on("127.0.0.1", "me"), "127.0.0.1");
        assert_eq!(passed_on("127.0.0.1", ""), "127.0.0.1");
    }
}
