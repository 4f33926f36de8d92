//! Who may see and change a task. What somebody may not change they do not see either.

use crate::AgentName;
use crate::people::{Access, Handle, PersonId};
use crate::session_key::ChatId;

/// Who led to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Somebody who wrote it, or whose message an agent is working on.
    Person {
        /// `None` for a passer-by.
        person: Option<PersonId>,
        handle: Handle,
        /// What they are to the agent that they ask.
        access: Access,
        /// Nobody else reads the chat.
        is_direct: bool,
    },
    /// The agent itself: one of its tasks runs, or what led to it is over already.
    Agent,
}

/// From where tasks are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Standpoint<'a> {
    pub agent: &'a AgentName,
    pub chat: ChatId,
    /// Other chats that the agent may write to.
    pub destinations: &'a [ChatId],
    pub who: &'a Who,
}

/// What a task is to them.
#[derive(Clone, Copy, Debug)]
pub struct Belongs<'a> {
    pub agent: &'a AgentName,
    pub chat: ChatId,
    pub owner: Option<PersonId>,
    pub owner_handle: Option<&'a Handle>,
}

impl Who {
    /// An owner in private: everything on this host is theirs to see.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        matches!(self, Self::Person { access: Access::Owner, is_direct: true, .. })
    }

    /// Whether new tasks may be made for them. A passer-by in a public chat would spend what others
    /// pay for.
    #[must_use]
    pub fn may_add(&self) -> bool {
        match self {
            Self::Person { access, .. } => access.is_known(),
            Self::Agent => true,
        }
    }

    fn owns(&self, task: &Belongs<'_>) -> bool {
        match self {
            Self::Person { person, handle, .. } => {
                (person.is_some() && *person == task.owner) || task.owner_handle == Some(handle)
            }
            Self::Agent => false,
        }
    }
}

/// Whether a task may be seen and changed from here.
#[must_use]
pub fn may_change(from: &Standpoint<'_>, task: &Belongs<'_>) -> bool {
    if from.who.sees_all() {
        return true;
    }
    if from.agent != task.agent {
        return false;
    }
    let is_here = from.chat == task.chat;
    match from.who {
        Who::Agent => is_here || from.destinations.contains(&task.chat),
        Who::Person { access, .. } => {
            access.is_admin() || from.who.owns(task) || (access.is_known() && is_here)
        }
    }
}

/// Whether a task belongs into a list that is shown here. A group is shown what is its own alone,
/// whatever the one who asks might see.
#[must_use]
pub fn is_listed(from: &Standpoint<'_>, task: &Belongs<'_>) -> bool {
    let is_private = match from.who {
        Who::Person { is_direct, .. } => *is_direct,
        Who::Agent => false,
    };
    may_change(from, task) && (is_private || from.chat == task.chat)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> AgentName {
        AgentName::parse(text).unwrap()
    }

    fn ann(access: Access, is_direct: bool) -> Who {
        let handle = Handle::new("telegram", "7");
        Who::Person { person: Some(PersonId(1)), handle, access, is_direct }
    }

    /// Whether tasks may be changed and are listed: here of anybody; elsewhere of their own, of
    /// others; of another agent.
    fn rights(who: &Who) -> [(bool, bool); 4] {
        let (andy, ben) = (name("andy"), name("ben"));
        let from = Standpoint { agent: &andy, chat: ChatId(1), destinations: &[ChatId(3)], who };
        let task = |agent, chat, owner| Belongs {
            agent,
            chat: ChatId(chat),
            owner: Some(PersonId(owner)),
            owner_handle: None,
        };
        [task(&andy, 1, 2), task(&andy, 2, 1), task(&andy, 2, 2), task(&ben, 2, 2)]
            .map(|it| (may_change(&from, &it), is_listed(&from, &it)))
    }

    #[test]
    fn rights_follow_from_who_asks_and_where() {
        const YES: (bool, bool) = (true, true);
        const NO: (bool, bool) = (false, false);
        const UNSEEN: (bool, bool) = (true, false);
        for (who, wanted) in [
            (ann(Access::Owner, true), [YES, YES, YES, YES]),
            (ann(Access::Owner, false), [YES, UNSEEN, UNSEEN, NO]),
            (ann(Access::GlobalAdmin, true), [YES, YES, YES, NO]),
            (ann(Access::Admin, false), [YES, UNSEEN, UNSEEN, NO]),
            (ann(Access::Member, true), [YES, YES, NO, NO]),
            (ann(Access::Member, false), [YES, UNSEEN, NO, NO]),
            (ann(Access::Stranger, false), [NO, UNSEEN, NO, NO]),
            (Who::Agent, [YES, NO, NO, NO]),
        ] {
            assert_eq!(rights(&who), wanted, "{who:?}");
        }
    }

    #[test]
    fn an_account_owns_without_being_a_person_here() {
        let (andy, handle) = (name("andy"), Handle::new("telegram", "7"));
        let who = Who::Person {
            person: None,
            handle: handle.clone(),
            access: Access::Stranger,
            is_direct: false,
        };
        let from = Standpoint { agent: &andy, chat: ChatId(1), destinations: &[], who: &who };
        let task =
            |owner_handle| Belongs { agent: &andy, chat: ChatId(1), owner: None, owner_handle };
        assert!(may_change(&from, &task(Some(&handle))) && !may_change(&from, &task(None)));
        assert!(!who.may_add());
    }

    #[test]
    fn an_agent_by_itself_reaches_where_it_may_write() {
        let andy = name("andy");
        let destinations = [ChatId(3)];
        let from = Standpoint {
            agent: &andy,
            chat: ChatId(1),
            destinations: &destinations,
            who: &Who::Agent,
        };
        let task = |chat| Belongs { agent: &andy, chat, owner: None, owner_handle: None };
        assert!(may_change(&from, &task(ChatId(3))) && !may_change(&from, &task(ChatId(4))));
    }
}
