//! What stands in the lines of a remote; `remote.md` describes them.

use domain::outgoing::Caps;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::Failure;
use crate::{ChannelError, Cursor, Event, Gap, Me};

pub(super) const VERSION: u64 = 1;

/// A line of the remote. It has no debug text, since a field may be a secret.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum FromRemote {
    Ok {
        id: u64,
        #[serde(default)]
        value: Value,
    },
    Error {
        id: u64,
        error: RemoteFailure,
    },
    Pulse {},
    PutField {
        name: String,
        value: String,
    },
}

/// Why a request came to nothing, as the remote sorted it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RemoteFailure {
    pub(super) kind: FailureKind,
    #[serde(default)]
    pub(super) why: String,
    /// Of a throttled one.
    #[serde(default)]
    seconds: u32,
    #[serde(default)]
    everywhere: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FailureKind {
    Unreachable,
    Unauthorized,
    Misconfigured,
    Throttled,
    Refused,
    TooLarge,
    Unknown,
}

impl RemoteFailure {
    pub(super) fn new(kind: FailureKind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into(), seconds: 0, everywhere: false }
    }
}

impl From<RemoteFailure> for Failure {
    fn from(RemoteFailure { kind, why, seconds, everywhere }: RemoteFailure) -> Self {
        let after = std::time::Duration::from_secs(seconds.into());
        match kind {
            FailureKind::Unreachable => Self::Unreachable(why.into()),
            // Both wait until somebody acts.
            FailureKind::Unauthorized | FailureKind::Misconfigured => {
                Self::Unauthorized(why.into())
            }
            FailureKind::Throttled if everywhere => Self::Paused { after },
            FailureKind::Throttled => Self::Throttled { after },
            FailureKind::Refused | FailureKind::TooLarge => Self::refused(why),
            FailureKind::Unknown => Self::Unknown(why.into()),
        }
    }
}

impl From<RemoteFailure> for ChannelError {
    fn from(failure: RemoteFailure) -> Self {
        if failure.kind == FailureKind::Misconfigured {
            return Self::Misconfigured(failure.why.into());
        }
        Failure::from(failure).into()
    }
}

/// The answer to `connect` and `check`, without the version, which is known to be ours.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Welcome {
    #[serde(default)]
    pub(super) me: Me,
    #[serde(default)]
    pub(super) caps: Caps,
}

/// The answer to `receive`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Received {
    #[serde(default)]
    pub(super) events: Vec<Event>,
    /// Behind the events; where it was asked from, if it does not say.
    pub(super) cursor: Option<Cursor>,
    /// Counts in the first answer of a connection.
    pub(super) gap: Option<Gap>,
}

/// The answer to `deliver` and `open_direct`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    pub(super) id: String,
}

/// Reads an answer. What was asked for may have happened though the answer is malformed.
pub(super) fn parse<T: DeserializeOwned>(kind: &str, answer: Value) -> Result<T, RemoteFailure> {
    serde_json::from_value(answer).map_err(|err| {
        let why = format!("its answer to `{kind}` is malformed: {}", unquoted(&err));
        RemoteFailure::new(FailureKind::Unknown, why)
    })
}

/// Where a line is wrong, without what people wrote there.
pub(super) fn unquoted(err: &serde_json::Error) -> String {
    err.to_string().split('"').next().unwrap_or_default().trim_end().to_owned()
}
