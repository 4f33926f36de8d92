//! How a message came about and what became of it, for people who ask why; `texts::why` says it.

use serde::{Deserialize, Serialize};

use crate::cost::Cost;
use crate::delivery::by_hand::{HostKey, Standing};
use crate::message::{Body, InboundKind, Outcome};
use crate::session::Launches;
use crate::time::Timestamp;
use crate::waits::ProviderWait;
use crate::{Incarnation, MessageSeq, SessionId};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// `trigger`, `direct`, `mention`, `sticky`, `pattern` or `context` from the router;
    /// `undelivered` from the host.
    pub word: String,
    /// As whom its sender may write (the agent is told), or which part the host tells of.
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub message: Asked,
    /// The containers of its session that had to do with it, oldest first.
    pub containers: Vec<Taker>,
    pub tools: Vec<Tool>,
    pub parts: Vec<Sent>,
    pub files: Vec<Fetching>,
    pub questions: Vec<Question>,
    pub cost: Option<Cost>,
    pub context: TraceContext,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub session: SessionId,
    pub seq: MessageSeq,
    pub agent: String,
    pub kind: InboundKind,
    pub body: Body,
    /// `channel:id`.
    pub handle: String,
    pub chat: String,
    pub platform_id: String,
    pub received_at: Timestamp,
    pub rule: Option<Rule>,
    pub approval: Option<Approval>,
    pub end: Option<End>,
    /// Containers that ended with it in hand, since it was last given a chance.
    pub tries: u32,
    pub not_before: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub question: i64,
    pub by: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub outcome: Outcome,
    pub reason: String,
    pub at: Timestamp,
}

/// A container that took a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taker {
    pub incarnation: Incarnation,
    /// `None` when the host does not know of it; then it is the program's word alone.
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub reason: String,
    /// The program's word.
    pub claimed_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    pub name: String,
    pub started_at: Timestamp,
    pub end: Option<(Timestamp, bool)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub key: HostKey,
    /// `answer`, `interim` or `notice`, and `text`, `file`, `card`, `edit` or `reaction`.
    pub kind: String,
    pub form: String,
    pub chat: String,
    pub standing: Standing,
    /// Its reader wants quiet, and nobody waits for it; it goes out with the rest afterwards.
    pub held: bool,
    pub tries: u32,
    pub misses: u32,
    /// Its reader may have it more than once.
    pub was_uncertain: bool,
    pub retry_at: Timestamp,
    pub created_at: Option<Timestamp>,
    pub claimed_at: Option<Timestamp>,
    /// The last change of any kind; of what was sent, when it was.
    pub changed_at: Timestamp,
    pub platform_id: String,
    pub reason: String,
}

impl Sent {
    pub fn sent_at(&self) -> Option<Timestamp> {
        (self.standing == Standing::Sent).then_some(self.changed_at)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetching {
    pub name: String,
    /// `pending`, `here` or `failed`.
    pub state: String,
    pub tries: u32,
    pub retry_at: Timestamp,
    pub reason: String,
}

/// Something that the agent asked of the host or of a person for this message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub id: Option<i64>,
    /// Of a change, not for a person to choose.
    pub is_change: bool,
    pub asked_at: Timestamp,
    pub answered: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    pub now: Timestamp,
    pub host_runs: bool,
    /// The running host's word for the container of the session, and why it stands as it does.
    pub container: Option<(String, String)>,
    pub launches: Launches,
    pub last_bad_reason: String,
    /// Who stopped the agent, if a stop holds, and what `nanoclaw agents resume` has to name.
    pub stopped: Option<(String, String)>,
    /// The wait for the model that holds up the session.
    pub wait: Option<ProviderWait>,
    pub behind: Option<MessageSeq>,
    /// What the agent asked for an older message, and has no answer to.
    pub asked_before: Option<Question>,
    /// The channel of the message is connected; `None` when nobody knows.
    pub channel_trouble: Option<String>,
}
