//! The operations, each family of them or one that stands alone, and what each knows of itself.

use std::fmt::Debug;

use clap::{Args, Subcommand};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::CentralStore;

use crate::{
    AgentsOperation, ApprovalsOperation, Caller, ChatsOperation, DestinationsOperation,
    DroppedOperation, MembersOperation, Result, RolesOperation, SessionsOperation, TasksOperation,
    UnwireArgs, UsersOperation, View, WireArgs,
};

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

/// An expression for each kind of operation: for families, and for those that stand alone.
macro_rules! each {
    ($operation:expr, $args:ident => $family:expr, $alone:expr) => {
        match $operation {
            Operation::Chats($args) => $family,
            Operation::Wire($args) => $alone,
            Operation::Unwire($args) => $alone,
            Operation::Agents($args) => $family,
            Operation::Users($args) => $family,
            Operation::Roles($args) => $family,
            Operation::Members($args) => $family,
            Operation::Destinations($args) => $family,
            Operation::Sessions($args) => $family,
            Operation::Approvals($args) => $family,
            Operation::Dropped($args) => $family,
            Operation::Tasks($args) => $family,
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
        each!(self, args => args.json, args.json)
    }

    pub(crate) fn command(&self) -> &dyn Command {
        each!(self, args => &args.operation, args)
    }

    pub(crate) fn command_mut(&mut self) -> &mut dyn Command {
        each!(self, args => &mut args.operation, args)
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
