//! The operations, in families, and what each knows of itself.

use std::fmt::Debug;

use clap::{Args, Subcommand};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::CentralStore;

use crate::{
    AgentsOperation, ApprovalsOperation, Caller, ChatsOperation, DestinationsOperation,
    DroppedOperation, MembersOperation, Result, RolesOperation, SessionsOperation, TasksOperation,
    UsersOperation, View,
};

/// Something that can be administered.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Operation {
    /// Connect chats to agents, and set whom they let in
    Chats(Family<ChatsOperation>),
    /// Add, change, stop and remove agents
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

/// An expression for each family of operations.
macro_rules! each {
    ($operation:expr, $family:ident => $value:expr) => {
        match $operation {
            Operation::Chats($family) => $value,
            Operation::Agents($family) => $value,
            Operation::Users($family) => $value,
            Operation::Roles($family) => $value,
            Operation::Members($family) => $value,
            Operation::Destinations($family) => $value,
            Operation::Sessions($family) => $value,
            Operation::Approvals($family) => $value,
            Operation::Dropped($family) => $value,
            Operation::Tasks($family) => $value,
        }
    };
}

impl Operation {
    /// Whether it changes anything.
    pub fn is_change(&self) -> bool {
        self.command().is_change()
    }

    /// Whether the result is wanted for a program.
    pub fn wants_json(&self) -> bool {
        each!(self, family => family.json)
    }

    pub(crate) fn command(&self) -> &dyn Command {
        each!(self, family => &family.operation)
    }

    pub(crate) fn command_mut(&mut self) -> &mut dyn Command {
        each!(self, family => &mut family.operation)
    }
}

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) store: &'a mut CentralStore,
    /// What the caller sees.
    pub(crate) view: &'a View,
    pub(crate) caller: &'a Caller,
    pub(crate) now: Timestamp,
}

/// A command with its arguments.
pub(crate) trait Command: Debug {
    /// Whether it changes anything.
    fn is_change(&self) -> bool;

    /// Whether an agent may ask for it that knows only of itself, which is all that `view` shows.
    fn check_own(&self, view: &View) -> Result<()>;

    /// Puts the numbers of what is meant in the place of names, as the caller sees them in `view`. Says
    /// what it will do and what will be shared by it, in plain words, for the approver, who has to see
    /// everything that it touches: as the host sees it. Empty where nobody is asked.
    fn prepare(&mut self, _store: &CentralStore, _view: &View, _host: &View) -> Result<String> {
        Ok(String::new())
    }

    fn run(&self, context: &mut Context<'_>) -> Result;
}
