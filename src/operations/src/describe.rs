//! What an operation will do, in plain words: for the card that asks somebody, and before a `wire`.

use domain::AgentName;
use domain::agent::AgentGroup;
use store::CentralStore;

use crate::agents::wishes;
use crate::caller::Caller;
use crate::chats::unknown_users;
use crate::find::{View, who};
use crate::heartbeat;
use crate::operation::{
    AgentsOperation, ApprovalsOperation, ChatsOperation, DestinationsOperation, DroppedOperation,
    MembersOperation, Operation, RoleWord, RolesOperation, UnwireArgs, UsersOperation,
};
use crate::output::Result;
use crate::resolve::resolve;
use crate::wire;

/// Says what the operation will do and what will be shared by it. Names what it does not find as it was
/// written, since the approver should see all the same what was asked for.
///
/// # Errors
/// When it cannot be done, or the database fails.
pub fn describe(operation: &Operation, store: &CentralStore, caller: &Caller) -> Result<String> {
    // Names are found with the eyes of the caller. The approver has to see everything
    // that it touches, so it is told with the eyes of the host.
    let operation = &resolve(operation, store, caller)?;
    let view = View::new(store, &Caller::Host)?;
    let named = Named(&view);
    Ok(match operation {
        Operation::Wire(args) => {
            let mut args = args.clone();
            args.agent =
                args.agent.or_else(|| caller.own().filter(|_| args.own.is_none()).cloned());
            wire::describe(&args, store, &view)?
        }
        Operation::Unwire(args) => unwire(args, &view)?,
        Operation::Chats(it) => chats(&it.operation, &named),
        Operation::Agents(it) => agents(&it.operation, &view)?,
        Operation::Users(it) => users(&it.operation, &named),
        Operation::Roles(it) => roles(&it.operation, &named),
        Operation::Members(it) => members(&it.operation, &named),
        Operation::Destinations(it) => destinations(&it.operation, &named),
        Operation::Tasks(_) => format!("Does `{operation}`."),
        Operation::Sessions(_) => "Shows conversations.".to_owned(),
        Operation::Approvals(it) => match &it.operation {
            ApprovalsOperation::List | ApprovalsOperation::Show { .. } => {
                "Shows questions.".to_owned()
            }
            ApprovalsOperation::Answer { id, answer, .. } => {
                format!("Answers question {id}: `{answer}`.")
            }
        },
        Operation::Dropped(it) => match &it.operation {
            DroppedOperation::List => "Shows which messages reached nobody.".to_owned(),
            DroppedOperation::Clear { chat: None } => {
                "Forgets all counts of dropped messages.".to_owned()
            }
            DroppedOperation::Clear { chat: Some(chat) } => {
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

fn unwire(args: &UnwireArgs, view: &View) -> Result<String> {
    let chat = view.chat(&args.chat)?;
    let wiring = wire::unwired(args, chat, view)?;
    Ok(format!(
        "{} is disconnected from the agent `{}`, which no longer answers there. What was said stays \
         stored.",
        view.label(chat),
        wiring.agent
    ))
}

fn chats(operation: &ChatsOperation, named: &Named<'_>) -> String {
    let ChatsOperation::Set { chat, policy, deny, undeny } = operation else {
        return "Shows chats.".to_owned();
    };
    let mut parts = Vec::new();
    if let Some(policy) = policy {
        parts.push(format!("people whom nobody knows are {}", unknown_users(*policy)));
    }
    if *deny {
        parts.push("everything in it is ignored".to_owned());
    }
    if *undeny {
        parts.push("it is listened to again".to_owned());
    }
    format!("In {}: {}.", named.chat(chat), parts.join("; "))
}

fn agents(operation: &AgentsOperation, view: &View) -> Result<String> {
    Ok(match operation {
        AgentsOperation::List | AgentsOperation::Show { .. } => "Shows agents.".to_owned(),
        AgentsOperation::Add { name, settings } => {
            let mut lines = vec![format!(
                "The agent `{name}` is added, with a workspace and a memory of its own. If there was \
                 one of that name before, it comes back with what it remembers."
            )];
            lines.extend(wishes(settings, &AgentGroup::new(name.clone())));
            lines.join("\n")
        }
        AgentsOperation::Set { name, settings } => {
            let mut lines = vec![format!("The agent `{name}` is changed:")];
            lines.extend(wishes(settings, view.agent(name)?));
            lines.join("\n")
        }
        AgentsOperation::Heartbeat(it) => heartbeat::describe(it, view)?,
        AgentsOperation::Remove { name } => {
            view.agent(name)?;
            format!("The agent `{name}` is taken out of service. Its files and memory stay.")
        }
    })
}

fn users(operation: &UsersOperation, named: &Named<'_>) -> String {
    match operation {
        UsersOperation::List
        | UsersOperation::Show { .. }
        | UsersOperation::Timezone { zone: None, .. }
        | UsersOperation::Quiet { hours: None, .. } => "Shows people.".to_owned(),
        UsersOperation::Timezone { user, zone: Some(zone) } => {
            format!("The time zone of {} becomes `{zone}`.", named.user(user))
        }
        UsersOperation::Quiet { user, hours: Some(hours) } => {
            format!("The quiet hours of {} become `{hours}`.", named.user(user))
        }
        UsersOperation::Add { handle, name } => format!("{handle} becomes known here as `{name}`."),
        UsersOperation::Rename { user, name } => {
            format!("{} is called `{name}` from now on.", named.user(user))
        }
        UsersOperation::Link { user, handle } => format!(
            "The user of {handle} is taken for {} and gets all their rights.",
            named.user(user)
        ),
        UsersOperation::Unlink { handle } => format!("The user of {handle} loses their rights."),
        UsersOperation::Remove { user } => {
            format!("{} is forgotten and loses every right.", named.user(user))
        }
    }
}

fn roles(operation: &RolesOperation, named: &Named<'_>) -> String {
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
    match operation {
        RolesOperation::List => "Shows roles.".to_owned(),
        RolesOperation::Grant { user, role, agent } => {
            format!("{} becomes {}.", named.user(user), what(role, agent))
        }
        RolesOperation::Revoke { user, role, agent } => {
            format!("{} is no longer {}.", named.user(user), what(role, agent))
        }
    }
}

fn members(operation: &MembersOperation, named: &Named<'_>) -> String {
    let of = |agent: &Option<AgentName>| agent.as_ref().map_or("", AgentName::as_str).to_owned();
    match operation {
        MembersOperation::List { .. } => "Shows members.".to_owned(),
        MembersOperation::Add { user, agent } => {
            format!("{} may talk to the agent `{}`, wherever it is.", named.user(user), of(agent))
        }
        MembersOperation::Remove { user, agent } => format!(
            "{} may no longer talk to the agent `{}` as a member.",
            named.user(user),
            of(agent)
        ),
    }
}

fn destinations(operation: &DestinationsOperation, named: &Named<'_>) -> String {
    match operation {
        DestinationsOperation::List { .. } => "Shows destinations.".to_owned(),
        DestinationsOperation::Add { agent, chat, .. } => format!(
            "The agent `{agent}` may write to {} from any of its conversations; what it knows from \
             them can turn up there.",
            named.chat(chat)
        ),
        DestinationsOperation::Remove { agent, name } => {
            format!("The agent `{agent}` may no longer write to `{name}` unasked.")
        }
    }
}
