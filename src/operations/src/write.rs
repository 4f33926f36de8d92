//! An operation as a line that [`crate::parse_line`] reads back.

use std::fmt;

use clap::ValueEnum;
use domain::admission::{Ignored, Policy, Scope};
use domain::agent::{AdminScope, Provider};
use domain::plain::shell_word;

use crate::operation::{
    AgentSettings, AgentsOperation, ApprovalsOperation, ChatsOperation, DestinationsOperation,
    DroppedOperation, MembersOperation, Operation, RoleWord, RolesOperation, SessionsOperation,
    UsersOperation, WireArgs,
};
use crate::tasks::words::tasks;
use crate::values::cpus_text;

/// Words of a line, each quoted where it has to be.
#[derive(Default)]
pub(crate) struct Words {
    options: Vec<String>,
    /// Behind a `--`, so that none is taken for an option.
    plain: Vec<String>,
}

impl Words {
    pub(crate) fn say(mut self, word: impl ToString) -> Self {
        self.plain.push(shell_word(&word.to_string()));
        self
    }

    pub(crate) fn may_say(self, word: Option<impl ToString>) -> Self {
        match word {
            Some(word) => self.say(word),
            None => self,
        }
    }

    pub(crate) fn flag(mut self, name: &str, set: bool) -> Self {
        if set {
            self.options.push(format!("--{name}"));
        }
        self
    }

    pub(crate) fn option(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.options.push(shell_word(&format!("--{name}={}", value.to_string())));
        }
        self
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (family, words) = match self {
            Self::Chats(it) => ("chats", chats(&it.operation)),
            Self::Wire(it) => ("wire", (None, wire(it))),
            Self::Unwire(it) => {
                ("unwire", (None, Words::default().say(&it.chat).may_say(it.agent.as_ref())))
            }
            Self::Agents(it) => ("agents", agents(&it.operation)),
            Self::Users(it) => ("users", users(&it.operation)),
            Self::Roles(it) => ("roles", roles(&it.operation)),
            Self::Members(it) => ("members", members(&it.operation)),
            Self::Destinations(it) => ("destinations", destinations(&it.operation)),
            Self::Sessions(it) => ("sessions", sessions(&it.operation)),
            Self::Approvals(it) => ("approvals", approvals(&it.operation)),
            Self::Dropped(it) => ("dropped", dropped(&it.operation)),
            Self::Tasks(it) => ("tasks", tasks(&it.operation)),
        };
        let (operation, words) = words;
        let json = self.wants_json().then(|| "--json".to_owned());
        let mut all: Vec<String> = vec![family.to_owned()];
        all.extend(operation.map(str::to_owned));
        all.extend(words.options.into_iter().chain(json));
        if !words.plain.is_empty() {
            all.push("--".to_owned());
            all.extend(words.plain);
        }
        f.write_str(&all.join(" "))
    }
}

pub(crate) type Said = (Option<&'static str>, Words);

pub(crate) fn said(operation: &'static str, words: Words) -> Said {
    (Some(operation), words)
}

fn wire(it: &WireArgs) -> Words {
    let new = it.own.as_ref();
    let context = it.ignored_word();
    Words::default()
        .say(&it.chat)
        .may_say(it.agent.as_ref())
        .option("own", new.and_then(|it| it.as_ref()))
        .flag("own", new.is_some_and(Option::is_none))
        .flag("same-conversation", it.same_conversation)
        .flag("per-thread", it.per_thread)
        .flag("own-conversation", it.own_conversation)
        .option("engage", it.engage.as_ref().and_then(value_name))
        .option("pattern", it.pattern.as_ref())
        .option("scope", it.scope.map(Scope::as_str))
        .option("context", context)
        .option("priority", it.priority)
        .flag("yes", it.yes)
        .flag("dry-run", it.dry_run)
}

impl WireArgs {
    fn ignored_word(&self) -> Option<&'static str> {
        self.context.map(|it| match it {
            Ignored::Drop => "drop",
            Ignored::Accumulate => "keep",
        })
    }
}

fn value_name(value: &impl ValueEnum) -> Option<String> {
    value.to_possible_value().map(|it| it.get_name().to_owned())
}

fn chats(operation: &ChatsOperation) -> Said {
    let words = Words::default();
    match operation {
        ChatsOperation::List => said("list", words),
        ChatsOperation::Show { chat } => said("show", words.say(chat)),
        ChatsOperation::Set { chat, policy, deny, undeny } => {
            let words = words.say(chat).option("policy", policy.map(Policy::as_str));
            said("set", words.flag("deny", *deny).flag("undeny", *undeny))
        }
    }
}

fn agents(operation: &AgentsOperation) -> Said {
    let words = Words::default();
    match operation {
        AgentsOperation::List => said("list", words),
        AgentsOperation::Show { name } => said("show", words.say(name)),
        AgentsOperation::Add { name, settings: it } => said("add", settings(it, words.say(name))),
        AgentsOperation::Set { name, settings: it } => said("set", settings(it, words.say(name))),
        AgentsOperation::Heartbeat(it) => {
            let words = words
                .say(&it.name)
                .option("hours", it.hours)
                .option("prompt", it.prompt.as_ref())
                .option("chat", it.chat.as_ref());
            said("heartbeat", it.when.iter().fold(words, Words::say))
        }
        AgentsOperation::Remove { name } => said("remove", words.say(name)),
    }
}

fn settings(it: &AgentSettings, words: Words) -> Words {
    words
        .option("provider", it.provider.map(|one| one.0.map_or("auto", Provider::as_str)))
        .option("model", it.model.as_ref())
        .option("image", it.image.as_ref())
        .option("memory", it.memory)
        .option("cpus", it.cpus.map(|one| cpus_text(one.0)))
        .option("pids", it.pids)
        .option("disk", it.disk)
        .option("trigger", it.trigger.as_ref())
        .option("admin-scope", it.admin_scope.map(AdminScope::as_str))
}

fn users(operation: &UsersOperation) -> Said {
    let words = Words::default();
    match operation {
        UsersOperation::List => said("list", words),
        UsersOperation::Show { user } => said("show", words.say(user)),
        UsersOperation::Add { handle, name } => {
            said("add", words.say(handle).option("name", Some(name)))
        }
        UsersOperation::Rename { user, name } => said("rename", words.say(user).say(name)),
        UsersOperation::Link { user, handle } => said("link", words.say(user).say(handle)),
        UsersOperation::Unlink { handle } => said("unlink", words.say(handle)),
        UsersOperation::Timezone { user, zone } => {
            said("timezone", words.say(user).may_say(zone.as_ref()))
        }
        UsersOperation::Quiet { user, hours } => {
            said("quiet", words.say(user).may_say(hours.as_ref()))
        }
        UsersOperation::Remove { user } => said("remove", words.say(user)),
    }
}

fn roles(operation: &RolesOperation) -> Said {
    let words = Words::default();
    let role = |it: &RoleWord| value_name(it).unwrap_or_default();
    match operation {
        RolesOperation::List => said("list", words),
        RolesOperation::Grant { user, role: it, agent } => {
            said("grant", words.say(user).say(role(it)).option("agent", agent.as_ref()))
        }
        RolesOperation::Revoke { user, role: it, agent } => {
            said("revoke", words.say(user).say(role(it)).option("agent", agent.as_ref()))
        }
    }
}

fn members(operation: &MembersOperation) -> Said {
    let words = Words::default();
    match operation {
        MembersOperation::List { agent } => said("list", words.option("agent", agent.as_ref())),
        MembersOperation::Add { user, agent } => {
            said("add", words.say(user).may_say(agent.as_ref()))
        }
        MembersOperation::Remove { user, agent } => {
            said("remove", words.say(user).may_say(agent.as_ref()))
        }
    }
}

fn destinations(operation: &DestinationsOperation) -> Said {
    let words = Words::default();
    match operation {
        DestinationsOperation::List { agent } => {
            said("list", words.option("agent", agent.as_ref()))
        }
        DestinationsOperation::Add { agent, chat, name } => {
            said("add", words.say(agent).say(chat).option("name", name.as_ref()))
        }
        DestinationsOperation::Remove { agent, name } => said("remove", words.say(agent).say(name)),
    }
}

fn sessions(operation: &SessionsOperation) -> Said {
    match operation {
        SessionsOperation::List => said("list", Words::default()),
        SessionsOperation::Show { id } => said("show", Words::default().say(id)),
    }
}

fn approvals(operation: &ApprovalsOperation) -> Said {
    let words = Words::default();
    match operation {
        ApprovalsOperation::List => said("list", words),
        ApprovalsOperation::Show { id } => said("show", words.say(id)),
        ApprovalsOperation::Answer { id, answer, yes } => {
            said("answer", words.say(id).say(answer).flag("yes", *yes))
        }
    }
}

fn dropped(operation: &DroppedOperation) -> Said {
    match operation {
        DroppedOperation::List => said("list", Words::default()),
        DroppedOperation::Clear { chat } => said("clear", Words::default().may_say(chat.as_ref())),
    }
}
