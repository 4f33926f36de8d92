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
            Self::Chats(family) => (&family.operation, family.json),
            Self::Wire(args) => (args, args.json),
            Self::Unwire(args) => (args, args.json),
            Self::Agents(family) => (&family.operation, family.json),
            Self::Users(family) => (&family.operation, family.json),
            Self::Roles(family) => (&family.operation, family.json),
            Self::Members(family) => (&family.operation, family.json),
            Self::Destinations(family) => (&family.operation, family.json),
            Self::Sessions(family) => (&family.operation, family.json),
            Self::Approvals(family) => (&family.operation, family.json),
            Self::Dropped(family) => (&family.operation, family.json),
            Self::Tasks(family) => (&family.operation, family.json),
        }
    }

    pub(crate) fn command_mut(&mut self) -> &mut dyn Command {
        match self {
            Self::Chats(family) => &mut family.operation,
            Self::Wire(args) => args,
            Self::Unwire(args) => args,
            Self::Agents(family) => &mut family.operation,
            Self::Users(family) => &mut family.operation,
            Self::Roles(family) => &mut family.operation,
            Self::Members(family) => &mut family.operation,
            Self::Destinations(family) => &mut family.operation,
            Self::Sessions(family) => &mut family.operation,
            Self::Approvals(family) => &mut family.operation,
            Self::Dropped(family) => &mut family.operation,
            Self::Tasks(family) => &mut family.operation,
        }
    }
}
