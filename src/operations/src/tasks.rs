//! What agents are to do at set times: scheduled, changed, looked at. When those times are is the
//! matter of the crate `schedule`, who may do what that of `domain::task::rights`.

mod add;
mod change;
mod find;
mod history;
mod minimum;
pub(crate) mod operation;
mod show;

use domain::AgentName;
use domain::session_key::ChatId;
use domain::task::rights::{Belongs, Standpoint, is_listed, may_change};
use domain::time::Timestamp;
use store::{CentralStore, StoreError, TaskRow};

use crate::caller::{Asker, Caller, beyond, by_agent};
use crate::command::{Command, Context};
use crate::find::View;
use crate::output::Result;
use crate::tasks::operation::TasksOperation;

/// Who asks, what they see, and when.
#[derive(Debug)]
struct TaskContext<'a> {
    store: &'a mut CentralStore,
    asker: Option<&'a Asker>,
    view: &'a View,
    /// Chats that the asker's agent may write to by name, and what it calls them.
    destinations: Vec<(ChatId, String)>,
    now: Timestamp,
}

impl<'a> TaskContext<'a> {
    fn new(context: &'a mut Context<'_>) -> Result<Self, StoreError> {
        let Context { store, view, caller, now } = context;
        let asker = match caller {
            Caller::Chat(asker) => Some(asker),
            Caller::Host | Caller::Agent { .. } => None,
        };
        let destinations = match asker {
            Some(asker) => store.destinations_of(&asker.agent)?,
            None => Vec::new(),
        };
        let destinations = destinations.into_iter().map(|it| (it.chat, it.name)).collect();
        Ok(Self { store, asker, view, destinations, now: *now })
    }

    /// When it was asked; what is said in relation to now counts from then.
    fn asked_at(&self) -> Timestamp {
        self.asker.map_or(self.now, |it| it.at.min(self.now))
    }

    /// How the operations are called where the answer is read.
    fn prefix(&self) -> &'static str {
        if self.asker.is_some() { "/tasks" } else { "nanoclaw tasks" }
    }

    fn sees(&self, row: &TaskRow) -> bool {
        self.rules(row, may_change)
    }

    fn lists(&self, row: &TaskRow) -> bool {
        self.rules(row, is_listed)
    }

    fn rules(&self, row: &TaskRow, rule: fn(&Standpoint<'_>, &Belongs<'_>) -> bool) -> bool {
        let Some(asker) = self.asker else { return true };
        let from = Standpoint { agent: &asker.agent, chat: asker.chat, who: &asker.who };
        let task = &row.task;
        let belongs = Belongs {
            agent: &task.agent,
            chat: task.chat,
            owner: task.owner,
            owner_handle: task.owner_handle.as_ref(),
            is_agents: task.created_by == by_agent(&task.agent),
        };
        rule(&from, &belongs)
    }

    /// A chat as people know it.
    fn chat(&self, id: ChatId) -> String {
        let here = self.asker.is_some_and(|it| it.chat == id);
        match self.view.chat_by_id(id) {
            _ if here => "this chat".to_owned(),
            Some(chat) => self.view.label(chat),
            None => {
                let named = self.destinations.iter().find(|it| it.0 == id);
                named.map_or_else(|| id.to_string(), |it| it.1.clone())
            }
        }
    }

    /// The only agent that the caller asks as.
    fn own(&self) -> Option<&AgentName> {
        self.asker.map(|it| &it.agent)
    }
}

impl Command for TasksOperation {
    fn is_change(&self) -> bool {
        !matches!(
            self,
            Self::List { .. }
                | Self::Show { .. }
                | Self::History { .. }
                | Self::Preview(_)
                | Self::Minimum { span: None }
        )
    }

    fn check_own(&self, view: &View) -> Result<()> {
        Err(beyond("ask for tasks outside of a chat", view))
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let context = &mut TaskContext::new(context)?;
        match self {
            Self::List { agent, all } => show::list(agent.as_ref(), *all, context),
            Self::Show { task } => show::show(&find::find(task, context)?, context),
            Self::Add(args) => add::add(args, context),
            Self::Edit(args) => change::edit(args, context),
            Self::Pause { task } => change::pause(&find::find(task, context)?, context),
            Self::Resume { task } => change::resume(&find::find(task, context)?, context),
            Self::Cancel { task } => change::cancel(task, context),
            Self::Run { task } => change::run(&find::find(task, context)?, context),
            Self::History { task, limit } => {
                history::history(&find::find(task, context)?, *limit, context)
            }
            Self::Preview(args) => history::preview(args, context),
            Self::Minimum { span } => minimum::perform(span.as_deref(), context.store),
        }
    }
}
