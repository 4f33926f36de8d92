//! Who may see and change a task. What somebody may not change they do not see either.

use crate::AgentName;
use crate::people::{Access, Handle, PersonId};
use crate::session_key::ChatId;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Somebody who wrote it, or whose message an agent is working on; a passer-by is no `person`.
    Person { person: Option<PersonId>, handle: Handle, access: Access, is_direct: bool },
    /// The agent itself: nobody led to it, or what did is over already.
    Agent,
}

#[derive(Clone, Copy, Debug)]
pub struct Standpoint<'a> {
    pub agent: &'a AgentName,
    pub chat: ChatId,
    pub who: &'a Who,
}

/// What a task is to them.
#[derive(Clone, Copy, Debug)]
pub struct Belongs<'a> {
    pub agent: &'a AgentName,
    pub chat: ChatId,
    pub owner: Option<PersonId>,
    pub owner_handle: Option<&'a Handle>,
    /// Nobody wanted it; the agent made it unasked.
    pub is_agents: bool,
}

impl Who {
    /// An owner in private: everything on this host is theirs to see.
    pub fn sees_all(&self) -> bool {
        matches!(self, Self::Person { access: Access::Owner, is_direct: true, .. })
    }

    /// What is left of somebody's rights for a task of theirs that runs: their own, and what belongs to
    /// the chat. Else a writer of the task's words could do more with it.
    pub fn for_a_task(person: Option<PersonId>, handle: Handle, access: Access) -> Self {
        let access = if access.is_known() { Access::Member } else { Access::Unknown };
        Self::Person { person, handle, access, is_direct: false }
    }

    /// What an agent has of somebody whom it answers: all but the tasks of other agents, whatever it was
    /// told to do by texts that it read. Those are for people themselves, with `/tasks` and in the terminal.
    pub fn lent_to_an_agent(mut self) -> Self {
        if let Self::Person { access: access @ Access::Owner, .. } = &mut self {
            *access = Access::Admin;
        }
        self
    }

    /// Whether they may have new tasks: a passer-by in a public chat would spend what others pay for.
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

pub fn may_change(from: &Standpoint<'_>, task: &Belongs<'_>) -> bool {
    if from.who.sees_all() {
        return true;
    }
    if from.agent != task.agent {
        return false;
    }
    let is_here = from.chat == task.chat;
    match from.who {
        Who::Agent => is_here || task.is_agents,
        Who::Person { access, .. } => {
            access.is_admin() || from.who.owns(task) || (access.is_known() && is_here)
        }
    }
}

/// Whether a list here shows a task: a group is shown what is its own alone, for all who ask.
pub fn is_listed(from: &Standpoint<'_>, task: &Belongs<'_>) -> bool {
    let is_private = matches!(from.who, Who::Person { is_direct: true, .. });
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
        let from = Standpoint { agent: &andy, chat: ChatId(1), who };
        let task = |agent, chat, owner| Belongs {
            agent,
            chat: ChatId(chat),
            owner: Some(PersonId(owner)),
            owner_handle: None,
            is_agents: false,
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
            (ann(Access::Admin, true), [YES, YES, YES, NO]),
            (ann(Access::Admin, false), [YES, UNSEEN, UNSEEN, NO]),
            (ann(Access::Member, true), [YES, YES, NO, NO]),
            (ann(Access::Member, false), [YES, UNSEEN, NO, NO]),
            (ann(Access::Unknown, false), [NO, UNSEEN, NO, NO]),
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
            access: Access::Unknown,
            is_direct: false,
        };
        let from = Standpoint { agent: &andy, chat: ChatId(1), who: &who };
        let task = |owner_handle| Belongs {
            agent: &andy,
            chat: ChatId(1),
            owner: None,
            owner_handle,
            is_agents: false,
        };
        assert!(may_change(&from, &task(Some(&handle))) && !may_change(&from, &task(None)));
        assert!(!who.may_add());
    }

    #[test]
    fn an_unattended_agent_reaches_its_chat_and_what_it_made() {
        let andy = name("andy");
        let from = Standpoint { agent: &andy, chat: ChatId(1), who: &Who::Agent };
        let task = |is_agents| Belongs {
            agent: &andy,
            chat: ChatId(4),
            owner: None,
            owner_handle: None,
            is_agents,
        };
        assert!(may_change(&from, &task(true)) && !may_change(&from, &task(false)));
        assert!(!is_listed(&from, &task(true)));
    }

    #[test]
    fn an_agent_reaches_no_task_of_another_agent_whomever_it_answers() {
        for access in Access::ALL {
            let lent = ann(access, true).lent_to_an_agent();
            assert_eq!(rights(&lent)[3], (false, false), "{access:?}");
            assert_eq!(rights(&lent)[..3], rights(&ann(access, true))[..3], "{access:?}");
        }
    }

    #[test]
    fn a_task_that_runs_has_less_than_its_owner() {
        let handle = || Handle::new("telegram", "7");
        let who = Who::for_a_task(Some(PersonId(1)), handle(), Access::Owner);
        assert_eq!(rights(&who), [(true, true), (true, false), (false, false), (false, false)]);
        assert!(!Who::for_a_task(None, handle(), Access::Unknown).may_add());
    }
}
