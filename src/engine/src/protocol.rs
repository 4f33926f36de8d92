//! What the command line and the running host say to each other: one request line, one answer
//! line, each a JSON object, on the unix socket `run/admin.sock` (0600).

use domain::AgentName;
use domain::stop::{Stop, StopReport, Stops};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    Status,
    /// Agents, credentials or the image changed: look again.
    Reload,
    /// Stop an agent, or all without a name, until somebody resumes.
    Stop {
        agent: Option<String>,
        by: String,
    },
    /// Let an agent go on, or all without a name; that ends the stops of single agents too.
    Resume {
        agent: Option<String>,
        by: String,
    },
    /// Finish what is under way and exit. Containers go on and are found again.
    Shutdown,
    /// Do this to parts: `retry` or `drop`. At most [`KEYS_MAX`] keys.
    Outbox {
        order: String,
        keys: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Response {
    Status(Box<Status>),
    Stopped(Stopped),
    Resumed(Resumed),
    Done,
    /// One for each key, in their order.
    Outbox {
        parts: Vec<OrderedPart>,
    },
    Failed {
        why: String,
    },
}

/// Keys in one request; together they fit into a line.
pub const KEYS_MAX: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedPart {
    pub key: String,
    /// How it stood before; `None` when nothing was done.
    pub was: Option<String>,
    /// Its reader may have it already.
    pub may_be_seen: bool,
    pub why: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub pid: u32,
    pub up_seconds: u64,
    pub home: String,
    pub engine: Engine,
    /// The tree in start order.
    pub actors: Vec<ActorStatus>,
    pub channels: Vec<ChannelStatus>,
    /// Sessions that have an actor. The rest is dormant.
    pub sessions: Vec<SessionStatus>,
    pub sessions_known: u64,
    pub containers_running: u64,
    pub containers_max: u64,
    /// Requests of agents that the vault did not let out.
    pub refused_requests: u64,
    #[serde(default)]
    pub stops: Vec<StopStatus>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    pub reachable: bool,
    pub why: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorStatus {
    pub name: String,
    pub running: bool,
    pub restarts: u64,
}

/// The `why` of an account that is being connected.
pub const CONNECTING: &str = "it is connecting";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelStatus {
    pub name: String,
    pub account: String,
    pub connected: bool,
    /// Why it is not connected; `None` when it is.
    pub why: Option<String>,
    /// Since the last sign of life of the platform; `None` when there was none yet.
    #[serde(default)]
    pub silent_seconds: Option<u64>,
    /// That is longer than what is normal there.
    #[serde(default)]
    pub quiet: bool,
    /// Its platform shows it only messages that mean it.
    #[serde(default)]
    pub hears_only_when_meant: bool,
    /// Who it is on its platform, where that said so.
    #[serde(default)]
    pub me: Option<String>,
    /// Since when it has this connection, in milliseconds since 1970.
    #[serde(default)]
    pub since: Option<i64>,
    /// The `renewed_at` of the fields that it uses.
    #[serde(default)]
    pub fields_of: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStatus {
    pub id: String,
    pub agent: String,
    pub chat: String,
    /// `absent`, `busy`, `running`, `exited` or `unknown`; `parked` when the session was taken out
    /// of service.
    pub container: String,
    /// The container's notify stream is connected.
    pub linked: bool,
    /// Accepted messages that have no outcome yet.
    pub waiting: u64,
    /// Parts that are not delivered yet.
    pub undelivered: u64,
    pub why: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Containers.
    pub killed: u64,
    pub sessions: Vec<StoppedSession>,
    /// What could not be done, in words.
    pub trouble: Vec<String>,
}

impl Stopped {
    /// Of all conversations together.
    pub fn stop_report(&self) -> StopReport {
        self.sessions.iter().map(|it| it.stop_report).sum()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedSession {
    pub id: String,
    pub agent: String,
    pub chat: String,
    /// `false` when it was busy; it sets its work aside later.
    pub answered: bool,
    #[serde(flatten)]
    pub stop_report: StopReport,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// `false` when nothing of what was asked about was stopped.
    pub any: bool,
    /// Messages that wait, by agent.
    pub waiting: std::collections::BTreeMap<String, u64>,
    /// Stops that go on.
    pub holds: Vec<StopStatus>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopStatus {
    /// `None`: all of them.
    pub agent: Option<String>,
    pub by: String,
    pub why: String,
    /// Milliseconds since 1970.
    pub at: i64,
}

impl StopStatus {
    pub fn of(stops: &Stops) -> Vec<Self> {
        let status = |agent: Option<&AgentName>, stop: &Stop| Self {
            agent: agent.map(ToString::to_string),
            by: stop.by.clone(),
            why: stop.why.clone(),
            at: stop.at.0,
        };
        let all = stops.all.iter().map(|it| status(None, it));
        all.chain(stops.agents.iter().map(|it| status(Some(it.0), it.1))).collect()
    }
}
