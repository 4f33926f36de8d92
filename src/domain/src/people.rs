//! Who somebody is, and what they may do with an agent.
//!
//! A platform vouches for a [`Handle`]; one person may have several. What somebody may do hangs on
//! the person, and is looked up again for every message and every click.

use std::fmt;

use strum::IntoStaticStr;

pub use crate::ids::PersonId;
use crate::{AgentName, BadText};

/// The longest id that people may give an account.
const ID_BYTES_MAX: usize = 256;

/// An account on a platform, written `channel:id`. Two channels never share a handle.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle {
    /// Without `:`.
    pub channel: String,
    /// The platform's id; may contain `:`.
    pub id: String,
}

impl Handle {
    pub fn new(channel: &str, id: &str) -> Self {
        Self { channel: channel.into(), id: id.into() }
    }

    /// Reads what [`fmt::Display`] writes, the channel in any case. Both halves have to be there.
    pub fn parse(text: &str) -> Option<Self> {
        let (channel, id) = text.trim().split_once(':')?;
        let whole = !channel.is_empty() && !id.is_empty();
        whole.then(|| Self::new(&channel.to_lowercase(), id))
    }

    /// Whether the id looks like one of a platform; what people type may be anything.
    pub fn is_plain(&self) -> bool {
        let is_odd = |c: char| c.is_whitespace() || c.is_control();
        self.id.len() <= ID_BYTES_MAX && !self.id.contains(is_odd)
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.channel, self.id)
    }
}

crate::as_text!(Handle);

/// Somebody who wrote or clicked. A passer-by has a handle and is no person of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub handle: Handle,
    pub person: Option<PersonId>,
}

impl Identity {
    /// Whether both are one human: by the handle, or by the person behind two handles.
    pub fn is_same(&self, other: &Self) -> bool {
        self.handle == other.handle || (self.person.is_some() && self.person == other.person)
    }
}

/// What a person was granted. An owner is one everywhere, an admin of one agent or, for `None`, of all.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Role {
    Owner,
    Admin { of: Option<AgentName> },
}

impl Role {
    pub fn as_str(&self) -> &'static str {
        self.into()
    }

    /// The agent that it is about; `None` is all of them.
    pub fn agent(&self) -> Option<&str> {
        match self {
            Self::Owner => None,
            Self::Admin { of } => of.as_ref().map(AgentName::as_str),
        }
    }

    pub fn parse(word: &str, of: Option<AgentName>) -> Result<Self, BadText> {
        match (word, of) {
            ("owner", None) => Ok(Self::Owner),
            ("owner", Some(agent)) => Err(BadText(format!(
                "an owner owns the whole host; for somebody who is to run `{agent}` alone, make \
                 them its admin"
            ))),
            ("admin", of) => Ok(Self::Admin { of }),
            (word, _) => Err(BadText(format!("there is no role `{word}`; there is owner, admin"))),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub roles: Vec<Role>,
    pub member_of: Vec<AgentName>,
}

impl Standing {
    pub fn owner() -> Self {
        Self { roles: vec![Role::Owner], member_of: Vec::new() }
    }
}

crate::words! {
    /// What somebody is to one agent, the strongest that holds.
    pub enum Access {
        Owner,
        /// Of this agent or of all.
        Admin,
        Member,
        Unknown,
    }
}

impl Access {
    pub fn is_admin(self) -> bool {
        matches!(self, Self::Owner | Self::Admin)
    }

    /// May talk to the agent where unknown users may not.
    pub fn is_known(self) -> bool {
        self != Self::Unknown
    }
}

/// What somebody is to an agent; `None` is somebody unknown here. An admin of another agent is an
/// unknown user unless they are a member too.
pub fn access(standing: Option<&Standing>, agent: &AgentName) -> Access {
    let Some(standing) = standing else { return Access::Unknown };
    let is_admin = |role: &Role| match role {
        Role::Owner => false,
        Role::Admin { of } => of.as_ref().is_none_or(|it| it == agent),
    };
    if standing.roles.contains(&Role::Owner) {
        Access::Owner
    } else if standing.roles.iter().any(is_admin) {
        Access::Admin
    } else if standing.member_of.contains(agent) {
        Access::Member
    } else {
        Access::Unknown
    }
}

/// Whether somebody may decide about what belongs to no single agent, such as a new chat.
pub fn is_global_admin(standing: Option<&Standing>) -> bool {
    let wide = |role: &Role| matches!(role, Role::Owner | Role::Admin { of: None });
    standing.is_some_and(|it| it.roles.iter().any(wide))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(name: &str) -> AgentName {
        AgentName::parse(name).unwrap()
    }

    fn check(roles: &[Role], member_of: &[&str], want: Access) {
        let member_of = member_of.iter().map(|it| agent(it)).collect();
        let standing = Standing { roles: roles.to_vec(), member_of };
        assert_eq!(access(Some(&standing), &agent("andy")), want, "{standing:?}");
    }

    #[test]
    fn the_strongest_grant_counts_and_a_scoped_one_only_in_its_scope() {
        let scoped = |name| Role::Admin { of: Some(agent(name)) };
        check(&[], &[], Access::Unknown);
        check(&[], &["abby"], Access::Unknown);
        check(&[], &["abby", "andy"], Access::Member);
        check(&[scoped("abby")], &[], Access::Unknown);
        check(&[scoped("abby")], &["andy"], Access::Member);
        check(&[scoped("andy")], &[], Access::Admin);
        check(&[Role::Admin { of: None }, scoped("andy")], &["andy"], Access::Admin);
        check(&[scoped("andy"), Role::Owner], &[], Access::Owner);
        assert_eq!(access(None, &agent("andy")), Access::Unknown);
    }

    #[test]
    fn only_owners_and_admins_without_a_scope_decide_about_the_whole_host() {
        let with = |role| Standing { roles: vec![role], member_of: vec![] };
        assert!(is_global_admin(Some(&Standing::owner())));
        assert!(is_global_admin(Some(&with(Role::Admin { of: None }))));
        assert!(!is_global_admin(Some(&with(Role::Admin { of: Some(agent("andy")) }))));
        assert!(!is_global_admin(Some(&Standing::default())));
        assert!(!is_global_admin(None));
    }

    #[test]
    fn admins_are_known_and_members_are_no_admins() {
        let admins: Vec<Access> = Access::ALL.into_iter().filter(|it| it.is_admin()).collect();
        assert_eq!(admins, [Access::Owner, Access::Admin]);
        let known: Vec<Access> = Access::ALL.into_iter().filter(|it| it.is_known()).collect();
        assert_eq!(known.len(), 3);
        assert!(!known.contains(&Access::Unknown));
    }

    #[test]
    fn an_owner_of_one_agent_cannot_be_granted() {
        assert_eq!(Role::parse("owner", None), Ok(Role::Owner));
        let why = Role::parse("owner", Some(agent("andy"))).unwrap_err().to_string();
        assert!(why.contains("make them its admin"), "{why}");
        let of = Some(agent("andy"));
        assert_eq!(Role::parse("admin", of.clone()), Ok(Role::Admin { of }));
        assert!(Role::parse("root", None).is_err());
        assert!(Role::parse("Owner", None).is_err());
    }

    #[test]
    fn handles_and_persons_read_back() {
        for (channel, id) in [("telegram", "42"), ("teams", "29:a:b"), ("cli", "local")] {
            let handle = Handle::new(channel, id);
            assert_eq!(Handle::parse(&handle.to_string()), Some(handle));
        }
        assert_eq!(Handle::parse("Telegram:Ab"), Some(Handle::new("telegram", "Ab")));
        for (id, is_plain) in [("29:a", true), ("a b", false), ("a\u{7}", false)] {
            assert_eq!(Handle::new("teams", id).is_plain(), is_plain, "{id:?}");
        }
        assert!(!Handle::new("teams", &"x".repeat(257)).is_plain());
        for bad in ["", "telegram", "telegram:", ":42", ":"] {
            assert_eq!(Handle::parse(bad), None, "{bad}");
        }
        assert_eq!(PersonId::parse(&PersonId(7).to_string()), Some(PersonId(7)));
        assert_eq!(PersonId::parse("7"), None);
    }

    #[test]
    fn two_handles_are_one_human_only_by_a_person_that_both_have() {
        let who = |id: &str, person: Option<i64>| Identity {
            handle: Handle::new("telegram", id),
            person: person.map(PersonId),
        };
        assert!(who("1", None).is_same(&who("1", None)));
        assert!(who("1", Some(7)).is_same(&who("2", Some(7))));
        assert!(!who("1", None).is_same(&who("2", None)));
        assert!(!who("1", Some(7)).is_same(&who("2", Some(8))));
    }
}
