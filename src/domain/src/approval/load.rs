//! Limits on open access requests. Unknown users write as they like, so there are limits
//! for each of them and for each account, and none that one of them could use up for everybody.

use std::time::Duration;

use crate::time::Timestamp;

/// Open requests of one account about one agent, or about no agent yet.
const ACCOUNT_OPEN_MAX: u32 = 20;
/// Requests of one account within [`SPAN`]; more cards nobody reads.
pub const ACCOUNT_SPAN_MAX: u32 = 10;
/// Open requests that came up in one chat, which is one group full of unknown users.
const CHAT_OPEN_MAX: u32 = 5;
/// Open requests of one unknown user, who may be in many groups.
const REQUESTER_OPEN_MAX: u32 = 3;
pub const SPAN: Duration = Duration::from_secs(60 * 60);
/// Unknown users beyond the limits who are told so, of one account and within [`SPAN`].
pub const TOLD_MAX: u32 = 50;

/// How long the first user whom nobody was asked about waits for others before the owner is told.
const GATHER: Duration = Duration::from_secs(10 * 60);

/// The requests that are counted when one more comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestLoad {
    pub account_open: u32,
    pub account_span: u32,
    pub chat_open: u32,
    pub requester_open: u32,
}

impl RequestLoad {
    /// Whether people are asked about one more.
    pub fn has_room(&self) -> bool {
        self.account_open < ACCOUNT_OPEN_MAX
            && self.account_span < ACCOUNT_SPAN_MAX
            && self.chat_open < CHAT_OPEN_MAX
            && self.requester_open < REQUESTER_OPEN_MAX
    }
}

/// When the owner is told about users whom nobody was asked about: `oldest` is the first of them, and
/// `last_told` when the owner was told about others.
pub fn unasked_due_at(oldest: Timestamp, last_told: Option<Timestamp>) -> Timestamp {
    let gathered = oldest + GATHER;
    last_told.map_or(gathered, |it| gathered.max(it + SPAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_counts_for_itself() {
        let empty = RequestLoad::default();
        assert!(empty.has_room());
        for full in [
            RequestLoad { account_open: ACCOUNT_OPEN_MAX, ..empty },
            RequestLoad { account_span: ACCOUNT_SPAN_MAX, ..empty },
            RequestLoad { chat_open: CHAT_OPEN_MAX, ..empty },
            RequestLoad { requester_open: REQUESTER_OPEN_MAX, ..empty },
        ] {
            assert!(!full.has_room(), "{full:?}");
        }
        let one_less = RequestLoad {
            account_open: ACCOUNT_OPEN_MAX - 1,
            account_span: ACCOUNT_SPAN_MAX - 1,
            chat_open: CHAT_OPEN_MAX - 1,
            requester_open: REQUESTER_OPEN_MAX - 1,
        };
        assert!(one_less.has_room());
    }

    #[test]
    fn the_owner_hears_of_many_at_once_and_once_an_hour() {
        let at = Timestamp(5_000_000);
        assert_eq!(unasked_due_at(at, None), at + GATHER);
        assert_eq!(unasked_due_at(at, Some(at)), at + SPAN);
    }
}
