//! What a person may do to a part: send it again, or let it go.

/// How a part stands, as the databases say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    Ready,
    Claimed,
    Sent,
    Unsent,
    Uncertain,
    Dead,
}

impl Standing {
    pub const ALL: [Self; 6] =
        [Self::Ready, Self::Claimed, Self::Sent, Self::Unsent, Self::Uncertain, Self::Dead];

    /// The word in the databases.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Claimed => "claimed",
            Self::Sent => "sent",
            Self::Unsent => "unsent",
            Self::Uncertain => "uncertain",
            Self::Dead => "dead",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Send it now, with all its tries anew.
    Retry,
    /// Never send it.
    Drop,
}

impl Order {
    /// The word on the command line and on the admin socket.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Drop => "drop",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Retry, Self::Drop].into_iter().find(|it| it.as_str() == text)
    }
}

/// Whether that can be done; else why not, as one clause.
///
/// # Errors
/// When it cannot be done; the text is for whoever asked.
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
