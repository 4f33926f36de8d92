//! What a verb will do, in plain words: for the card that asks somebody, and before a `wire`.

use domain::AgentName;
use store::CentralStore;

use crate::agents::wishes;
use crate::caller::Caller;
use crate::chats::strangers;
use crate::find::{View, who};
use crate::heartbeat;
use crate::output::VerbError;
use crate::pin::pin;
use crate::verb::{
    AgentsVerb, ApprovalsVerb, ChatsVerb, DestinationsVerb, DroppedVerb, MembersVerb, RoleWord,
    RolesVerb, UnwireArgs, UsersVerb, Verb,
};
use crate::wire;

/// Says what the verb will do and what will be shared by it. Names what it does not find as it was
/// written, since whoever is asked should see all the same what was asked for.
///
/// # Errors
/// When it cannot be done, or the database fails.
pub fn describe(verb: &Verb, store: &CentralStore, caller: &Caller) -> Result<String, VerbError> {
    // What is meant is found with the eyes of whoever asks. Whoever agrees has to see everything
    // that it touches, so it is told with the eyes of the host.
    let verb = &pin(verb, store, caller)?;
    let view = View::new(store, &Caller::Host)?;
    let named = Named(&view);
    Ok(match verb {
        Verb::Wire(args) => {
            let mut args = args.clone();
            args.agent =
                args.agent.or_else(|| caller.own().filter(|_| args.own.is_none()).cloned());
            wire::describe(&args, store, &view)?
        }
        Verb::Unwire(args) => unwire(args, &view)?,
        Verb::Chats(it) => chats(&it.verb, &named),
        Verb::Agents(it) => agents(&it.verb, &view)?,
        Verb::Users(it) => users(&it.verb, &named),
        Verb::Roles(it) => roles(&it.verb, &named),
        Verb::Members(it) => members(&it.verb, &named),
        Verb::Destinations(it) => destinations(&it.verb, &named),
        Verb::Tasks(_) => format!("Does `{verb}`."),
        Verb::Sessions(_) => "Shows conversations.".to_owned(),
        Verb::Approvals(it) => match &it.verb {
            ApprovalsVerb::List | ApprovalsVerb::Show { .. } => "Shows questions.".to_owned(),
            ApprovalsVerb::Answer { id, answer, .. } => {
                format!("Answers question {id}: `{answer}`.")
            }
        },
        Verb::Dropped(it) => match &it.verb {
            DroppedVerb::List => "Shows which messages reached nobody.".to_owned(),
            DroppedVerb::Clear { chat: None } => {
                "Forgets all counts of dropped messages.".to_owned()
            }
            DroppedVerb::Clear { chat: Some(chat) } => {
                format!("Forgets the counts of messages dropped in {}.", named.chat(chat))
            }
        },
    })
}

/// Names of things, as known as they are.
struct Named<'a>(&'a View);

impl Named<'_> {
    fn chat(&self, text: &str) -> String {
        self.0.chat(text).map_or_else(|_| format!("`{text}`"), |it| self.0.label(it))
    }

    fn user(&self, text: &str) -> String {
        match self.0.person(text) {
            Ok(it) => {
                let handles: Vec<String> = it.handles.iter().map(ToString::to_string).collect();
                format!("{} [{}]", who(it), handles.join(", "))
            }
            Err(_) => format!("`{text}`, whom nobody here knows yet"),
        }
    }
}

fn unwire(args: &UnwireArgs, view: &View) -> Result<String, VerbError> {
    let chat = view.chat(&args.chat)?;
    let wiring = wire::unwired(args, chat, view)?;
    Ok(format!(
        "{} is disconnected from the agent `{}`, which no longer answers there. What was said stays \
         stored.",
        view.label(chat),
        wiring.agent
    ))
}

fn chats(verb: &ChatsVerb, named: &Named<'_>) -> String {
    let ChatsVerb::Set { chat, policy, deny, undeny } = verb else {
        return "Shows chats.".to_owned();
    };
    let mut parts = Vec::new();
    if let Some(policy) = policy {
        parts.push(format!("people whom nobody knows are {}", strangers(*policy)));
    }
    if *deny {
        parts.push("everything in it is ignored".to_owned());
    }
    if *undeny {
        parts.push("it is listened to again".to_owned());
    }
    format!("In {}: {}.", named.chat(chat), parts.join("; "))
}

fn agents(verb: &AgentsVerb, view: &View) -> Result<String, VerbError> {
    Ok(match verb {
        AgentsVerb::List | AgentsVerb::Show { .. } => "Shows agents.".to_owned(),
        AgentsVerb::Add { name, .. } => format!(
            "The agent `{name}` is added, with a workspace and a memory of its own. If there was one \
             of that name before, it comes back with what it remembers."
        ),
        AgentsVerb::Set { name, settings } => {
            let mut lines = vec![format!("The agent `{name}` is changed:")];
            lines.extend(wishes(settings, view.agent(name)?));
            lines.join("\n")
        }
        AgentsVerb::Heartbeat(it) => heartbeat::describe(it, view)?,
        AgentsVerb::Remove { name } => {
            view.agent(name)?;
            format!("The agent `{name}` is taken out of service. Its files and memory stay.")
        }
    })
}

fn users(verb: &UsersVerb, named: &Named<'_>) -> String {
    match verb {
        UsersVerb::List
        | UsersVerb::Show { .. }
        | UsersVerb::Timezone { zone: None, .. }
        | UsersVerb::Quiet { hours: None, .. } => "Shows people.".to_owned(),
        UsersVerb::Timezone { user, zone: Some(zone) } => {
            format!("The time zone of {} becomes `{zone}`.", named.user(user))
        }
        UsersVerb::Quiet { user, hours: Some(hours) } => {
            format!("The quiet hours of {} become `{hours}`.", named.user(user))
        }
        UsersVerb::Add { handle, name } => format!("{handle} becomes known here as `{name}`."),
        UsersVerb::Rename { user, name } => {
            format!("{} is called `{name}` from now on.", named.user(user))
        }
        UsersVerb::Link { user, handle } => format!(
            "Whoever writes as {handle} is taken for {} and gets all their rights.",
            named.user(user)
        ),
        UsersVerb::Unlink { handle } => format!("Whoever writes as {handle} loses their rights."),
        UsersVerb::Remove { user } => {
            format!("{} is forgotten and loses every right.", named.user(user))
        }
    }
}

fn roles(verb: &RolesVerb, named: &Named<'_>) -> String {
    let what = |role: &RoleWord, agent: &Option<AgentName>| match (role, agent) {
        (RoleWord::Owner, _) => {
            "an owner of this host, who may do everything and decide about everything".to_owned()
        }
        (RoleWord::Admin, None) => "an admin of all agents, who decides about them".to_owned(),
        (RoleWord::Admin, Some(agent)) => {
            format!(
                "an admin of the agent `{agent}`, who may change it and decides who may talk to it"
            )
        }
    };
    match verb {
        RolesVerb::List => "Shows roles.".to_owned(),
        RolesVerb::Grant { user, role, agent } => {
            format!("{} becomes {}.", named.user(user), what(role, agent))
        }
        RolesVerb::Revoke { user, role, agent } => {
            format!("{} is no longer {}.", named.user(user), what(role, agent))
        }
    }
}

fn members(verb: &MembersVerb, named: &Named<'_>) -> String {
    let of = |agent: &Option<AgentName>| agent.as_ref().map_or("", AgentName::as_str).to_owned();
    match verb {
        MembersVerb::List { .. } => "Shows members.".to_owned(),
        MembersVerb::Add { user, agent } => {
            format!("{} may talk to the agent `{}`, wherever it is.", named.user(user), of(agent))
        }
        MembersVerb::Remove { user, agent } => format!(
            "{} may no longer talk to the agent `{}` as a member.",
            named.user(user),
            of(agent)
        ),
    }
}

fn destinations(verb: &DestinationsVerb, named: &Named<'_>) -> String {
    match verb {
        DestinationsVerb::List { .. } => "Shows destinations.".to_owned(),
        DestinationsVerb::Add { agent, chat, .. } => format!(
            "The agent `{agent}` may write to {} from any of its conversations; what it knows from \
             them can turn up there.",
            named.chat(chat)
        ),
        DestinationsVerb::Remove { agent, name } => {
            format!("The agent `{agent}` may no longer write to `{name}` by itself.")
        }
    }
}
