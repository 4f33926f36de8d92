//! What a chat and a wiring can be set to.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// What a chat does with people who are not known to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, EnumString, VariantArray)]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Policy {
    /// Ignores them.
    Strict,
    /// Asks an admin of the agent.
    Ask,
    /// Lets them in.
    Public,
}

crate::words!(Policy);

/// Whose messages a wiring takes, on top of what the chat's [`Policy`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, EnumString, VariantArray)]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Scope {
    All,
    /// Only of people with access to the agent, even in a public chat.
    Known,
}

crate::words!(Scope);

/// What a wiring does with messages that do not call for its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Ignored {
    Drop,
    /// Kept, and shown to the agent along with the next message that does.
    Accumulate,
}

crate::words!(Ignored);
