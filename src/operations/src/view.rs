//! What a caller sees, and finding in it what they mean.

use std::collections::HashSet;

use domain::AgentName;
use domain::agent::AgentGroup;
use domain::message::Address;
use domain::people::{Handle, PersonId, Role};
use domain::plain::{cut, one_line};
use domain::question::TITLE_CHARS_MAX;
use domain::session_key::ChatId;
use domain::time::Timestamp;
use store::{
    CentralStore, ChatRow, DestinationRow, MemberRow, PersonRow, RoleRow, StoreError, Wired,
};

use crate::Caller;
use crate::output::{OperationError, Result, joined, not_found, refused};

/// How many names an error lists.
const CANDIDATES_MAX: usize = 8;

/// What a caller sees of the host.
#[derive(Debug)]
pub(crate) struct View {
    /// The only agent that there is for the caller.
    pub(crate) own: Option<AgentName>,
    pub(crate) agents: Vec<AgentGroup>,
    pub(crate) chats: Vec<ChatRow>,
    /// Of the agents that are seen.
    pub(crate) wired: Vec<Wired>,
    pub(crate) people: Vec<PersonRow>,
    pub(crate) roles: Vec<RoleRow>,
    pub(crate) members: Vec<MemberRow>,
    /// Chats that agents are in that are not seen.
    others: HashSet<ChatId>,
    /// Chats that the only agent may write to, as it calls them.
    destinations: Vec<DestinationRow>,
}

/// The chat that a text means for the host's user: its number, its address, or its title.
pub fn find_chat(text: &str, store: &CentralStore) -> Result<ChatRow> {
    View::new(store, &Caller::Host)?.chat(text).cloned()
}

impl View {
    pub(crate) fn new(store: &CentralStore, caller: &Caller) -> Result<Self, StoreError> {
        let mut view = Self {
            own: caller.own().cloned(),
            agents: store.agents()?,
            chats: store.chats()?,
            wired: store.wirings()?,
            people: store.people()?,
            roles: store.roles()?,
            members: store.members()?,
            others: HashSet::new(),
            destinations: Vec::new(),
        };
        if let Some(own) = view.own.clone() {
            view.destinations = store.destinations_of(&own)?;
            view.narrow(&own);
        }
        Ok(view)
    }

    /// Leaves what concerns one agent.
    fn narrow(&mut self, own: &AgentName) {
        self.agents.retain(|it| it.name == *own);
        let foreign = self.wired.iter().filter(|it| it.wiring.agent != *own);
        self.others = foreign.map(|it| it.wiring.chat).collect();
        self.wired.retain(|it| it.wiring.agent == *own);
        let mine: HashSet<ChatId> = self.wired.iter().map(|it| it.wiring.chat).collect();
        self.chats.retain(|it| mine.contains(&it.id));
        self.members.retain(|it| it.agent == *own);
        self.roles.retain(|row| match &row.role {
            Role::Owner | Role::Admin { of: None } => true,
            Role::Admin { of: Some(agent) } => agent == own,
        });
        let members = self.members.iter().map(|it| it.person);
        let known: HashSet<PersonId> =
            members.chain(self.roles.iter().map(|it| it.person)).collect();
        self.people.retain(|it| known.contains(&it.id));
        // Where else its owner can be written to is none of an agent's business.
        let channels: HashSet<&str> =
            self.chats.iter().map(|it| it.address.channel.as_str()).collect();
        for person in &mut self.people {
            person.handles.retain(|it| channels.contains(it.channel.as_str()));
        }
    }

    pub(crate) fn sees_agent(&self, name: &AgentName) -> bool {
        self.own.as_ref().is_none_or(|own| own == name)
    }

    /// Whether agents that the caller does not see are in a chat too.
    pub(crate) fn shares_with_others(&self, chat: ChatId) -> bool {
        self.others.contains(&chat)
    }

    pub(crate) fn wired_in(&self, chat: ChatId) -> impl Iterator<Item = &Wired> {
        self.wired.iter().filter(move |it| it.wiring.chat == chat)
    }

    /// The chats that an agent is in.
    pub(crate) fn chats_of(&self, agent: &AgentName) -> impl Iterator<Item = &ChatRow> {
        let wired = self.wired.iter().filter(move |it| it.wiring.agent == *agent);
        wired.filter_map(|it| self.chat_by_id(it.wiring.chat))
    }

    pub(crate) fn chat_by_id(&self, id: ChatId) -> Option<&ChatRow> {
        self.chats.iter().find(|it| it.id == id)
    }

    pub(crate) fn chat_at(&self, address: &Address) -> Option<&ChatRow> {
        self.chats.iter().find(|it| it.address == *address)
    }

    /// A chat as people know it, or as the only agent does.
    pub(crate) fn label_of(&self, id: ChatId) -> String {
        let named = || self.destinations.iter().find(|it| it.chat == id).map(|it| it.name.clone());
        let known = self.chat_by_id(id).map(|it| self.label(it));
        known.or_else(named).unwrap_or_else(|| id.to_string())
    }

    /// A chat as people know it, whether it is seen or not.
    pub(crate) fn label_at(&self, at: &Address) -> String {
        let unseen = || format!("{}:{}", at.channel, at.chat);
        self.chat_at(at).map_or_else(unseen, |it| self.label(it))
    }

    /// The chat that a text means: its number, its address, or its title. Fails when there is none, or
    /// several, with what to say.
    pub(crate) fn chat(&self, text: &str) -> Result<&ChatRow> {
        let text = text.trim();
        if let Some(found) = number(text, "c").and_then(|id| self.chat_by_id(ChatId(id))) {
            return Ok(found);
        }
        let is_at = |chat: &&ChatRow| {
            let Address { channel, account, chat, .. } = &chat.address;
            text == format!("{channel}:{chat}") || text == format!("{channel}/{account}:{chat}")
        };
        let addressed: Vec<&ChatRow> = self.chats.iter().filter(is_at).collect();
        let titled = || self.chats.iter().filter(|it| is_called(&it.title, text, "c")).collect();
        let found: Vec<&ChatRow> = if addressed.is_empty() { titled() } else { addressed };
        let full = |chat: &ChatRow| format!("{} ({})", chat.id, self.label(chat));
        let missing = || {
            let known = some(self.chats.iter().map(full));
            not_found(
                format!("there is no chat `{text}`"),
                format!("there is {known}; write something in it first, so that it becomes known"),
            )
        };
        only(&found, &format!("chats `{text}`"), full, missing)
    }

    /// The shortest address that is unique here and stays so: only chats of the usual account of a channel
    /// go without its name.
    pub(crate) fn address(&self, chat: &ChatRow) -> String {
        let at = &chat.address;
        let twin = |it: &&ChatRow| it.address.channel == at.channel && it.address.chat == at.chat;
        let is_usual = matches!(at.account.as_str(), "main" | "local" | "");
        if is_usual && self.chats.iter().filter(twin).count() < 2 {
            return format!("{}:{}", at.channel, at.chat);
        }
        format!("{}/{}:{}", at.channel, at.account, at.chat)
    }

    /// A chat as people know it.
    pub(crate) fn label(&self, chat: &ChatRow) -> String {
        if chat.title.is_empty() {
            return self.address(chat);
        }
        // The users of a platform choose it, and it stands in cards.
        let title = cut(&one_line(&chat.title), TITLE_CHARS_MAX);
        format!("\"{title}\", {}", self.address(chat))
    }

    pub(crate) fn agent(&self, name: &AgentName) -> Result<&AgentGroup> {
        self.agents.iter().find(|it| it.name == *name).ok_or_else(|| no_agent(self, name))
    }

    /// The agent that was named, or the only one.
    pub(crate) fn agent_or_only(&self, name: Option<&AgentName>) -> Result<&AgentGroup> {
        match (name, &self.agents[..]) {
            (Some(name), _) => self.agent(name),
            (None, [one]) => Ok(one),
            (None, all) => Err(refused(
                "no agent given",
                format!("name one of {}", joined(all.iter().map(|it| &it.name))),
            )),
        }
    }

    /// The person that a text means: a number, a handle, or a name.
    pub(crate) fn person(&self, text: &str) -> Result<&PersonRow> {
        let text = text.trim();
        if let Some(found) = number(text, "p").and_then(|id| self.person_by_id(PersonId(id))) {
            return Ok(found);
        }
        // A name that looks like somebody's handle must not stand for them; platforms let people choose
        // names.
        let handle = Handle::parse(text);
        let is_meant = |person: &&PersonRow| match &handle {
            Some(handle) => person.handles.contains(handle),
            None => is_called(&person.name, text, "p"),
        };
        let found: Vec<&PersonRow> = self.people.iter().filter(is_meant).collect();
        let missing = || {
            not_found(
                format!("there is nobody called `{text}`"),
                "see `nanoclaw users list`, or say what a platform calls them, like telegram:123",
            )
        };
        only(&found, &format!("people called `{text}`"), who, missing)
    }

    pub(crate) fn person_by_id(&self, id: PersonId) -> Option<&PersonRow> {
        self.people.iter().find(|it| it.id == id)
    }

    /// As [`Self::person`], or the handle that is nobody's yet.
    fn person_or_handle(&self, text: &str) -> Result<Result<&PersonRow, Handle>> {
        match (self.person(text), Handle::parse(text)) {
            (Err(OperationError::NotFound { .. }), Some(handle)) if handle.is_plain() => {
                Ok(Err(handle))
            }
            (found, _) => found.map(Ok),
        }
    }

    /// As [`Self::person`], with how they are known; a handle that is nobody's yet makes somebody.
    pub(crate) fn person_or_new(
        &self,
        text: &str,
        store: &mut CentralStore,
        now: Timestamp,
    ) -> Result<(PersonId, String)> {
        Ok(match self.person_or_handle(text)? {
            Ok(found) => (found.id, who(found)),
            Err(handle) => (store.add_person(&handle, "", now)?, handle.to_string()),
        })
    }

    /// Puts a number in the place of what somebody said, and gives back the chat as the host knows it.
    /// `c4` is taken for nothing else, as `4` is for a title when there is no chat 4 any more.
    pub(crate) fn resolve_chat(&self, text: &mut String, host: &View) -> Result<String> {
        let id = self.chat(text)?.id;
        *text = format!("c{id}");
        Ok(host.label_of(id))
    }

    /// Puts a number in the place of what somebody said, and gives back the user as the host knows them.
    /// A handle means the same account for ever.
    pub(crate) fn resolve_user(&self, text: &mut String, host: &View) -> Result<String> {
        *text = match self.person_or_handle(text)? {
            Ok(found) => found.id.to_string(),
            Err(handle) => handle.to_string(),
        };
        Ok(match host.person(text) {
            Ok(person) => format!("{} [{}]", who(person), joined(&person.handles)),
            Err(_) => format!("`{text}`, whom nobody here knows yet"),
        })
    }

    /// A person as they are known, by number.
    pub(crate) fn who_is(&self, id: PersonId) -> String {
        self.person_by_id(id).map_or_else(|| id.to_string(), who)
    }
}

/// A person as they are known.
pub(crate) fn who(person: &PersonRow) -> String {
    match (person.name.is_empty(), person.handles.first()) {
        (false, _) => format!("{} ({})", person.name, person.id),
        (true, Some(handle)) => handle.to_string(),
        (true, None) => person.id.to_string(),
    }
}

/// Somebody by the name that they chose, and by what does not change.
pub(crate) fn named(name: &str, handle: &str) -> String {
    match (name, handle) {
        ("", only) | (only, "") => only.to_owned(),
        (name, handle) => format!("{name} ({handle})"),
    }
}

pub(crate) fn no_agent(view: &View, name: &AgentName) -> OperationError {
    let all = joined(view.agents.iter().map(|it| &it.name));
    not_found(
        format!("there is no agent `{name}`"),
        format!("see `nanoclaw agents list`; there is {all}"),
    )
}

/// `7`, or `c7` with the prefix `c`.
fn number(text: &str, prefix: &str) -> Option<i64> {
    text.strip_prefix(prefix).unwrap_or(text).parse().ok().filter(|it| 0 < *it)
}

/// Whether a text is this name. One like `c7` is a number alone: what somebody agreed to must not
/// become another chat that is called so.
fn is_called(name: &str, text: &str, prefix: &str) -> bool {
    let is_number = text.starts_with(prefix) && number(text, prefix).is_some();
    !is_number && !name.is_empty() && name.to_lowercase() == text.to_lowercase()
}

/// The only one that was found; `full` tells several apart.
pub(crate) fn only<'a, T>(
    found: &[&'a T],
    what: &str,
    full: impl Fn(&T) -> String,
    missing: impl FnOnce() -> OperationError,
) -> Result<&'a T> {
    match found {
        [one] => Ok(one),
        [] => Err(missing()),
        [..] => Err(refused(
            format!("there are several {what}"),
            format!("say which one: {}", some(found.iter().map(|it| full(it)))),
        )),
    }
}

/// The first few, for an error.
fn some(all: impl Iterator<Item = String>) -> String {
    let mut shown: Vec<String> = all.take(CANDIDATES_MAX + 1).collect();
    if shown.is_empty() {
        return "none".to_owned();
    }
    if CANDIDATES_MAX < shown.len() {
        shown[CANDIDATES_MAX] = "others".to_owned();
    }
    shown.join(", ")
}
