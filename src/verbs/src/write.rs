//! A verb as a line that [`crate::parse_line`] reads back.

use std::fmt;

use clap::ValueEnum;
use domain::admission::{Ignored, Policy, Scope};
use domain::agent::{Provider, Reach};
use domain::plain::shell_word;

use crate::tasks::words::tasks;
use crate::values::cpus_text;
use crate::verb::{
    AgentSettings, AgentsVerb, ApprovalsVerb, ChatsVerb, DestinationsVerb, DroppedVerb,
    MembersVerb, RoleWord, RolesVerb, SessionsVerb, UsersVerb, Verb, WireArgs,
};

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

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (family, words) = match self {
            Self::Chats(it) => ("chats", chats(&it.verb)),
            Self::Wire(it) => ("wire", (None, wire(it))),
            Self::Unwire(it) => {
                ("unwire", (None, Words::default().say(&it.chat).may_say(it.agent.as_ref())))
            }
            Self::Agents(it) => ("agents", agents(&it.verb)),
            Self::Users(it) => ("users", users(&it.verb)),
            Self::Roles(it) => ("roles", roles(&it.verb)),
            Self::Members(it) => ("members", members(&it.verb)),
            Self::Destinations(it) => ("destinations", destinations(&it.verb)),
            Self::Sessions(it) => ("sessions", sessions(&it.verb)),
            Self::Approvals(it) => ("approvals", approvals(&it.verb)),
            Self::Dropped(it) => ("dropped", dropped(&it.verb)),
            Self::Tasks(it) => ("tasks", tasks(&it.verb)),
        };
        let (verb, words) = words;
        let json = self.wants_json().then(|| "--json".to_owned());
        let mut all: Vec<String> = vec![family.to_owned()];
        all.extend(verb.map(str::to_owned));
        all.extend(words.options.into_iter().chain(json));
        if !words.plain.is_empty() {
            all.push("--".to_owned());
            all.extend(words.plain);
        }
        f.write_str(&all.join(" "))
    }
}

pub(crate) type Said = (Option<&'static str>, Words);

pub(crate) fn said(verb: &'static str, words: Words) -> Said {
    (Some(verb), words)
}

fn wire(it: &WireArgs) -> Words {
    let new = it.own.as_ref();
    let overheard = it.ignored_word();
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
        .option("overheard", overheard)
        .option("priority", it.priority)
        .flag("yes", it.yes)
        .flag("dry-run", it.dry_run)
}

impl WireArgs {
    fn ignored_word(&self) -> Option<&'static str> {
        self.overheard.map(|it| match it {
            Ignored::Drop => "drop",
            Ignored::Accumulate => "keep",
        })
    }
}

fn value_name(value: &impl ValueEnum) -> Option<String> {
    value.to_possible_value().map(|it| it.get_name().to_owned())
}

fn chats(verb: &ChatsVerb) -> Said {
    let words = Words::default();
    match verb {
        ChatsVerb::List => said("list", words),
        ChatsVerb::Show { chat } => said("show", words.say(chat)),
        ChatsVerb::Set { chat, policy, deny, undeny } => {
            let words = words.say(chat).option("policy", policy.map(Policy::as_str));
            said("set", words.flag("deny", *deny).flag("undeny", *undeny))
        }
    }
}

fn agents(verb: &AgentsVerb) -> Said {
    let words = Words::default();
    match verb {
        AgentsVerb::List => said("list", words),
        AgentsVerb::Show { name } => said("show", words.say(name)),
        AgentsVerb::Add { name, settings: it } => said("add", settings(it, words.say(name))),
        AgentsVerb::Set { name, settings: it } => said("set", settings(it, words.say(name))),
        AgentsVerb::Heartbeat(it) => {
            let words = words
                .say(&it.name)
                .option("hours", it.hours)
                .option("prompt", it.prompt.as_ref())
                .option("chat", it.chat.as_ref());
            said("heartbeat", it.when.iter().fold(words, Words::say))
        }
        AgentsVerb::Remove { name } => said("remove", words.say(name)),
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
        .option("reach", it.reach.map(Reach::as_str))
}

fn users(verb: &UsersVerb) -> Said {
    let words = Words::default();
    match verb {
        UsersVerb::List => said("list", words),
        UsersVerb::Show { user } => said("show", words.say(user)),
        UsersVerb::Add { handle, name } => {
            said("add", words.say(handle).option("name", Some(name)))
        }
        UsersVerb::Rename { user, name } => said("rename", words.say(user).say(name)),
        UsersVerb::Link { user, handle } => said("link", words.say(user).say(handle)),
        UsersVerb::Unlink { handle } => said("unlink", words.say(handle)),
        UsersVerb::Timezone { user, zone } => {
            said("timezone", words.say(user).may_say(zone.as_ref()))
        }
        UsersVerb::Quiet { user, hours } => said("quiet", words.say(user).may_say(hours.as_ref())),
        UsersVerb::Remove { user } => said("remove", words.say(user)),
    }
}

fn roles(verb: &RolesVerb) -> Said {
    let words = Words::default();
    let role = |it: &RoleWord| value_name(it).unwrap_or_default();
    match verb {
        RolesVerb::List => said("list", words),
        RolesVerb::Grant { user, role: it, agent } => {
            said("grant", words.say(user).say(role(it)).option("agent", agent.as_ref()))
        }
        RolesVerb::Revoke { user, role: it, agent } => {
            said("revoke", words.say(user).say(role(it)).option("agent", agent.as_ref()))
        }
    }
}

fn members(verb: &MembersVerb) -> Said {
    let words = Words::default();
    match verb {
        MembersVerb::List { agent } => said("list", words.option("agent", agent.as_ref())),
        MembersVerb::Add { user, agent } => said("add", words.say(user).may_say(agent.as_ref())),
        MembersVerb::Remove { user, agent } => {
            said("remove", words.say(user).may_say(agent.as_ref()))
        }
    }
}

fn destinations(verb: &DestinationsVerb) -> Said {
    let words = Words::default();
    match verb {
        DestinationsVerb::List { agent } => said("list", words.option("agent", agent.as_ref())),
        DestinationsVerb::Add { agent, chat, name } => {
            said("add", words.say(agent).say(chat).option("name", name.as_ref()))
        }
        DestinationsVerb::Remove { agent, name } => said("remove", words.say(agent).say(name)),
    }
}

fn sessions(verb: &SessionsVerb) -> Said {
    match verb {
        SessionsVerb::List => said("list", Words::default()),
        SessionsVerb::Show { id } => said("show", Words::default().say(id)),
    }
}

fn approvals(verb: &ApprovalsVerb) -> Said {
    let words = Words::default();
    match verb {
        ApprovalsVerb::List => said("list", words),
        ApprovalsVerb::Show { id } => said("show", words.say(id)),
        ApprovalsVerb::Answer { id, answer, yes } => {
            said("answer", words.say(id).say(answer).flag("yes", *yes))
        }
    }
}

fn dropped(verb: &DroppedVerb) -> Said {
    match verb {
        DroppedVerb::List => said("list", Words::default()),
        DroppedVerb::Clear { chat } => said("clear", Words::default().may_say(chat.as_ref())),
    }
}
