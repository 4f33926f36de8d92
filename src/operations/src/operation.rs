//! The operations: each family of them, or one that stands alone.

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use crate::agents::AgentsOperation;
use crate::approvals::ApprovalsOperation;
use crate::chats::ChatsOperation;
use crate::command::Command;
use crate::destinations::DestinationsOperation;
use crate::dropped::DroppedOperation;
use crate::members::MembersOperation;
use crate::people::UsersOperation;
use crate::roles::RolesOperation;
use crate::sessions::SessionsOperation;
use crate::tasks::operation::TasksOperation;
use crate::wire_args::{UnwireArgs, WireArgs};

/// Something that can be administered.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Operation {
    /// Show chats, and set whom they let in
    Chats(Family<ChatsOperation>),
    /// Connect a chat to an agent, or change how
    Wire(WireArgs),
    /// Disconnect a chat from an agent
    Unwire(UnwireArgs),
    /// List, add, change and remove agents
    Agents(Family<AgentsOperation>),
    /// People, and how platforms name them
    Users(Family<UsersOperation>),
    /// Who owns this host, and who is admin of an agent
    Roles(Family<RolesOperation>),
    /// Who may talk to an agent
    Members(Family<MembersOperation>),
    /// The chats that an agent may write to by name
    Destinations(Family<DestinationsOperation>),
    /// Conversations with agents
    Sessions(Family<SessionsOperation>),
    /// What waits for somebody's answer
    Approvals(Family<ApprovalsOperation>),
    /// Messages that reached nobody, counted
    Dropped(Family<DroppedOperation>),
    /// What agents do at set times: reminders, and what recurs
    Tasks(Family<TasksOperation>),
}

/// A group of operations about one kind of thing.
#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family<T: Subcommand> {
    /// As JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub operation: T,
}

pub(crate) const CHAT: &str = "Its number, `channel:chat`, or its title where that is unique";
pub(crate) const USER: &str = "A number like p1, `channel:id`, or a name that is unique";

impl Operation {
    /// Whether it changes anything.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.command().0.is_change()
    }

    /// Whether the result is wanted for a program.
    #[must_use]
    pub fn wants_json(&self) -> bool {
        self.command().1
    }

    /// What was asked for, and whether as JSON.
    pub(crate) fn command(&self) -> (&dyn Command, bool) {
        match self {
            Self::Chats(it) => (&it.operation, it.json),
            Self::Wire(it) => (it, it.json),
            Self::Unwire(it) => (it, it.json),
            Self::Agents(it) => (&it.operation, it.json),
            Self::Users(it) => (&it.operation, it.json),
            Self::Roles(it) => (&it.operation, it.json),
            Self::Members(it) => (&it.operation, it.json),
            Self::Destinations(it) => (&it.operation, it.json),
            Self::Sessions(it) => (&it.operation, it.json),
            Self::Approvals(it) => (&it.operation, it.json),
            Self::Dropped(it) => (&it.operation, it.json),
            Self::Tasks(it) => (&it.operation, it.json),
        }
    }

    pub(crate) fn command_mut(&mut self) -> &mut dyn Command {
        match self {
            Self::Chats(it) => &mut it.operation,
            Self::Wire(it) => it,
            Self::Unwire(it) => it,
            Self::Agents(it) => &mut it.operation,
            Self::Users(it) => &mut it.operation,
            Self::Roles(it) => &mut it.operation,
            Self::Members(it) => &mut it.operation,
            Self::Destinations(it) => &mut it.operation,
            Self::Sessions(it) => &mut it.operation,
            Self::Approvals(it) => &mut it.operation,
            Self::Dropped(it) => &mut it.operation,
            Self::Tasks(it) => &mut it.operation,
        }
    }
}
