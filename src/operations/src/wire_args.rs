//! What can be said about connecting a chat to an agent. No IO.

use clap::Args;
use domain::AgentName;
use domain::admission::{Ignored, Scope};
use serde::{Deserialize, Serialize};

use crate::operation::CHAT;
use crate::values::{self, NewAgent};

/// When an agent handles a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Every message
    Always,
    /// Messages that mention it
    Mention,
    /// Messages that mention it, and what follows them
    Sticky,
    /// Messages in which --pattern is found
    Pattern,
}

/// What happens to messages that an agent does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContextChoice {
    /// The agent never sees them
    Drop,
    /// The agent sees them with the next message that it answers
    Keep,
}

impl ContextChoice {
    pub(crate) fn ignored(self) -> Ignored {
        match self {
            Self::Drop => Ignored::Drop,
            Self::Keep => Ignored::Accumulate,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[command(after_help = "\
Three ways to connect a chat, from nothing shared to everything:
  nanoclaw wire CHAT --own                        an agent of its own
  nanoclaw wire CHAT andy                         andy's workspace and memory, its own conversation
  nanoclaw wire CHAT andy --same-conversation     also the conversation

What is not said stays as it is; at first a chat with one person is answered always, a group when
the agent is mentioned by people it knows, with the rest kept for background.

Examples:
  nanoclaw wire \"Our family\" --own
  nanoclaw wire telegram:-1001234 andy --engage sticky
  nanoclaw wire 3 andy --pattern '(?i)^(todo|buy)\\b' --context drop")]
pub struct WireArgs {
    #[arg(help = CHAT)]
    pub chat: String,
    /// The agent [default: the only one that there is]
    #[arg(conflicts_with = "own")]
    pub agent: Option<AgentName>,
    /// Make a new agent for it, called NAME [default: after the chat's title]
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "",
          value_parser = NewAgent::parse)]
    pub own: Option<NewAgent>,
    /// One conversation with all other chats of the agent that are connected so
    #[arg(long, conflicts_with_all = ["own", "per_thread", "own_conversation"])]
    pub same_conversation: bool,
    /// A conversation for each thread, where the chat has threads (the default in groups)
    #[arg(long, conflicts_with = "own_conversation")]
    pub per_thread: bool,
    /// One conversation for this chat, all its threads (the default with one person)
    #[arg(long)]
    pub own_conversation: bool,
    /// Which messages the agent answers
    #[arg(long, value_name = "WHEN")]
    pub engage: Option<When>,
    /// Messages in which this regular expression is found
    #[arg(long, value_name = "RE")]
    pub pattern: Option<String>,
    /// Whose messages a public chat gives it: everybody's, or those of people it knows
    #[arg(long, value_name = "WHO",
          value_parser = values::parse_enum(Scope::ALL.map(Scope::as_str), Scope::parse))]
    pub scope: Option<Scope>,
    /// What happens to the other messages
    #[arg(long, value_name = "HOW", alias = "overheard")]
    pub context: Option<ContextChoice>,
    /// The order among several agents; the highest comes first
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub priority: Option<i64>,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Show what would be shared, change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnwireArgs {
    #[arg(help = CHAT)]
    pub chat: String,
    /// The agent [default: the only one that it is connected to]
    pub agent: Option<AgentName>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}
