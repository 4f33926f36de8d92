//! Stops: what a person froze, for one agent or for the whole host, and what it came to.
//!
//! A stop holds until somebody resumes. While it holds no container of the agent runs, nothing that
//! the agent wrote leaves, and what people write is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::AgentName;
use crate::time::Timestamp;

/// Numbers stops in the order in which they were ordered; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StopId(pub i64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    pub id: StopId,
    pub at: Timestamp,
    pub by: String,
    /// Empty when nobody said why.
    pub why: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stops {
    pub all: Option<Stop>,
    pub agents: BTreeMap<AgentName, Stop>,
}

impl Stops {
    /// The stop that holds an agent; the latest, if there are two.
    pub fn of(&self, agent: &AgentName) -> Option<&Stop> {
        self.all.iter().chain(self.agents.get(agent)).max_by_key(|it| it.id)
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_none() && self.agents.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    Agent(AgentName),
}

impl Scope {
    pub fn agent(&self) -> Option<&AgentName> {
        match self {
            Self::All => None,
            Self::Agent(name) => Some(name),
        }
    }

    pub fn concerns(&self, agent: &AgentName) -> bool {
        self.agent().is_none_or(|it| it == agent)
    }
}

/// What a stop found in one conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StopReport {
    /// Messages that were being worked on, or waited behind one that was.
    pub aside: usize,
    /// Parts that were not sent yet and will not be.
    pub voided: usize,
    /// Parts of the stopped work that had already gone out, to the chat that asked for them.
    pub sent_here: usize,
    /// And to other chats.
    pub sent_elsewhere: usize,
    /// Parts that were just being sent: they may have gone out.
    pub uncertain: usize,
}

impl std::iter::Sum for StopReport {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, report| Self {
            aside: sum.aside + report.aside,
            voided: sum.voided + report.voided,
            sent_here: sum.sent_here + report.sent_here,
            sent_elsewhere: sum.sent_elsewhere + report.sent_elsewhere,
            uncertain: sum.uncertain + report.uncertain,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_stop_counts_and_one_agents_stop_is_nobody_elses() {
        let stop =
            |id| Stop { id: StopId(id), at: Timestamp(1), by: "x".into(), why: String::new() };
        let (andy, ben) = (AgentName::parse("andy").unwrap(), AgentName::parse("ben").unwrap());
        let mut stops = Stops::default();
        assert!(stops.is_empty() && stops.of(&andy).is_none());
        stops.agents.insert(andy.clone(), stop(1));
        assert!(stops.of(&andy).is_some() && stops.of(&ben).is_none());
        stops.all = Some(stop(2));
        assert_eq!(stops.of(&andy).map(|it| it.id), Some(StopId(2)));
        assert_eq!(stops.of(&ben).map(|it| it.id), Some(StopId(2)));
    }
}
