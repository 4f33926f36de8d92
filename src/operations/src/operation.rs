//! The operations, in families, and what each knows of itself.

use std::fmt::Debug;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use domain::AgentName;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::CentralStore;

use crate::{Caller, Result, View};
use crate::{
    agents, approvals, chats, destinations, dropped, members, roles, sessions, tasks, users,
};

/// Declares the families, and what is the same for each.
macro_rules! families {
    ($($(#[$doc:meta])* $name:ident($operation:ty),)*) => {
        /// Something that can be administered.
        #[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub enum Operation { $($(#[$doc])* $name(Family<$operation>),)* }

        impl Operation {
            /// Whether the result is wanted for a program.
            pub fn wants_json(&self) -> bool {
                match self { $(Self::$name(family) => family.json,)* }
            }

            pub(crate) fn command(&self) -> &dyn Command {
                match self { $(Self::$name(family) => &family.operation,)* }
            }

            pub(crate) fn command_mut(&mut self) -> &mut dyn Command {
                match self { $(Self::$name(family) => &mut family.operation,)* }
            }
        }
    };
}

families! {
    /// Connect chats to agents, and set whom they let in
    Chats(chats::ChatsOperation),
    /// Add, change, stop and remove agents
    Agents(agents::AgentsOperation),
    /// People, and how platforms name them
    Users(users::UsersOperation),
    /// Who owns this host, and who is admin of an agent
    Roles(roles::RolesOperation),
    /// Who may talk to an agent
    Members(members::MembersOperation),
    /// The chats that an agent may write to by name
    Destinations(destinations::DestinationsOperation),
    /// Conversations with agents
    Sessions(sessions::SessionsOperation),
    /// What waits for somebody's answer
    Approvals(approvals::ApprovalsOperation),
    /// Messages that reached nobody, counted
    Dropped(dropped::DroppedOperation),
    /// What agents do at set times: reminders, and what recurs
    Tasks(tasks::operation::TasksOperation),
}

impl Operation {
    /// Whether it changes anything.
    pub fn is_change(&self) -> bool {
        !matches!(self.command().right(), Right::Look(_))
    }
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

/// One of a few words, listed in the help; turned into what it names.
pub(crate) fn parse_enum<T: Clone + Send + Sync + 'static>(
    words: impl IntoIterator<Item = &'static str>,
    parse: fn(&str) -> Option<T>,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words.into_iter().collect::<Vec<_>>())
        .try_map(move |it| parse(&it).ok_or("is not one of the words"))
}

/// What an operation needs; [`crate::check`] compares it with who asks. All but `Look` change something.
#[derive(Debug)]
pub(crate) enum Right<'a> {
    /// It only looks. An agent that knows only of itself may name no other.
    Look(Option<&'a AgentName>),
    /// It changes what concerns one agent: the one that is named, or the caller's own.
    Agent(Option<&'a AgentName>),
    /// It changes a chat, for every agent that is connected to it.
    Chat(&'a str),
    /// It does this to the whole host, or widens what an agent may do.
    Host(&'static str),
    /// No agent does it, whatever it may administer; why, and what to do instead.
    People((&'static str, &'static str)),
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
    fn right(&self) -> Right<'_>;

    /// Puts the numbers of what is meant in the place of names, as the caller sees them in `view`. Says
    /// what it will do and what will be shared by it, in plain words, for the approver, who has to see
    /// everything that it touches: as the host sees it. Empty where nobody is asked.
    fn prepare(&mut self, _store: &CentralStore, _view: &View, _host: &View) -> Result<String> {
        Ok(String::new())
    }

    fn run(&self, context: &mut Context<'_>) -> Result;
}
