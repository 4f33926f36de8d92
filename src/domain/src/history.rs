//! Kinds of events: what the history keeps, for people and for what is worked out from it.

crate::words! {
    pub enum EventKind {
        Change,
        Answer,
        Pairing,
        Stop,
        Resume,
        /// A container ended: of which session and incarnation, and why.
        Exit,
        /// What a turn cost: of which session, begun by which message.
        Cost,
        /// A slot of a task ended or was skipped: what came of it.
        Run,
        /// Requests of an agent that the vault did not let out.
        Refused,
    }
}

impl EventKind {
    pub const BY_PEOPLE: [Self; 5] =
        [Self::Change, Self::Answer, Self::Pairing, Self::Stop, Self::Resume];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_stored_stay_what_they_are() {
        let words =
            ["change", "answer", "pairing", "stop", "resume", "exit", "cost", "run", "refused"];
        assert_eq!(EventKind::ALL.map(EventKind::as_str), words);
        assert!(EventKind::ALL.into_iter().all(|it| EventKind::parse(it.as_str()) == Some(it)));
        assert_eq!(EventKind::parse("Change"), None);
    }
}
