//! When the owner of the host hears of parts that were given up: of many at once.

use std::time::Duration;

use crate::time::Timestamp;

/// How long the first of several is held back for the others.
pub const GATHER: Duration = Duration::from_secs(10);
/// The shortest time between two such messages to the owner.
pub const PERIOD: Duration = Duration::from_secs(15 * 60);
pub const NAMED_MAX: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Across the host.
    pub key: String,
    /// Empty where the host itself wrote it.
    pub agent: String,
    pub chat: String,
    pub why: String,
}

/// When the owner is to be told; `oldest` is the first part that they did not hear of.
pub fn due_at(oldest: Timestamp, last_told: Option<Timestamp>) -> Timestamp {
    let gathered = oldest + GATHER;
    last_told.map_or(gathered, |it| gathered.max(it + PERIOD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_told_soon_and_then_not_again_for_a_while() {
        let at = Timestamp(5_000_000);
        let is_due = |last_told, now| due_at(at, last_told).is_due(now, PERIOD);
        assert!(!is_due(None, at));
        assert!(is_due(None, at + GATHER));
        assert!(!is_due(Some(at), at + GATHER));
        assert!(is_due(Some(at), at + PERIOD));
        let before = Timestamp(at.0 - 3_600_000);
        assert!(is_due(Some(at), before), "a clock that stepped back silences nobody");
    }
}
