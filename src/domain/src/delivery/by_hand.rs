//! What a person may do to a part: send it again, or let it go; and how they name one.

use std::fmt;

use super::PartKey;
use crate::SessionId;

/// Names a part across the host, for platforms too: `s7.o3.0` of a session, `host.q5.0` of the host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostKey {
    /// `None`: a part of the host.
    pub session: Option<SessionId>,
    pub part: PartKey,
}

impl HostKey {
    pub fn parse(text: &str) -> Option<Self> {
        let (whose, part) = text.trim().split_once('.').filter(|it| !it.1.is_empty())?;
        let session = match whose {
            "host" => None,
            whose => Some(SessionId::parse(whose)?),
        };
        Some(Self { session, part: PartKey(part.to_owned()) })
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = self.session.map_or_else(|| "host".to_owned(), |it| it.to_string());
        write!(f, "{whose}.{}", self.part.0)
    }
}

crate::words! {
    pub enum Standing {
        Ready,
        Claimed,
        Sent,
        Unsent,
        Uncertain,
        Dead,
    }

    pub enum Order {
        /// Send it now, with all its tries again.
        Retry,
        Drop,
    }
}

/// Whether that can be done; else why not, as one clause.
pub fn permit(order: Order, standing: Standing) -> Result<(), &'static str> {
    match (order, standing) {
        (Order::Retry | Order::Drop, Standing::Sent) => Err("it was sent already"),
        (Order::Retry | Order::Drop, Standing::Claimed) => Err("it is being sent right now"),
        (Order::Retry, Standing::Ready) => Err("it was not tried yet and is sent in its turn"),
        (Order::Drop, Standing::Dead) => Err("it was given up already"),
        (Order::Retry, Standing::Unsent | Standing::Uncertain | Standing::Dead)
        | (Order::Drop, Standing::Ready | Standing::Unsent | Standing::Uncertain) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back() {
        for key in ["s7.o3.0", "s12.nfailed.4", "host.pair.telegram.-100.5", "host.q5.0"] {
            assert_eq!(HostKey::parse(key).map(|it| it.to_string()).as_deref(), Some(key));
        }
        for none in ["", "s7", "s7.", "o3.0", "x.o3.0", "42"] {
            assert_eq!(HostKey::parse(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_on_its_way_or_there_is_out_of_reach() {
        let may = |order, standing| permit(order, standing).is_ok();
        let table = [
            (Standing::Ready, false, true),
            (Standing::Claimed, false, false),
            (Standing::Sent, false, false),
            (Standing::Unsent, true, true),
            (Standing::Uncertain, true, true),
            (Standing::Dead, true, false),
        ];
        for (standing, retry, drop) in table {
            assert_eq!(may(Order::Retry, standing), retry, "{standing:?}");
            assert_eq!(may(Order::Drop, standing), drop, "{standing:?}");
            assert_eq!(Standing::parse(standing.as_str()), Some(standing));
        }
    }
}
