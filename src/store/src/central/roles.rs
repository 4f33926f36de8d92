//! What people were granted and refused: roles, memberships, denials.

use domain::people::{Role, Standing};

use super::Removed;
use crate::central::prelude::*;
use crate::row::{Columns, FromRow, row, statements};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRow {
    pub person: PersonId,
    pub name: String,
    pub role: Role,
    /// The order in which roles were granted.
    pub order: i64,
}

row!(RoleRow { person, name, role, order });

impl FromRow for Role {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (word, of): (String, _) = columns.next()?;
        Self::parse(&word, of).map_err(|err| columns.bad(err))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    pub person: PersonId,
    pub name: String,
    pub agent: AgentName,
}

row!(MemberRow { person, name, agent });

/// Somebody who may not talk to an agent; making them a member undoes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenialRow {
    pub handle: Handle,
    pub agent: AgentName,
    pub name: String,
}

row!(DenialRow { handle, agent, name });

const ROLES: &str = "SELECT r.person, p.name, r.role, r.agent_group, r.id
     FROM role r JOIN person p ON p.id = r.person WHERE r.role <> 'member'";

statements! {
    /// Every owner and admin, in the order in which they were granted.
    pub fn roles() -> Vec<RoleRow> = list("list the roles", &format!("{ROLES} ORDER BY r.id"), []);
    pub fn has_owner() -> bool = is_there("look for an owner",
        "SELECT 1 FROM role WHERE role = 'owner'", []);
    /// Every membership, by agent and person.
    pub fn members() -> Vec<MemberRow> = list("list the members",
        "SELECT r.person, p.name, r.agent_group FROM role r JOIN person p ON p.id = r.person
            WHERE r.role = 'member' ORDER BY r.agent_group, r.person", []);
    /// `false` when they are none.
    pub fn remove_member(person: PersonId, agent: &AgentName) -> bool = changes("remove a member",
        "DELETE FROM role
            WHERE person = ?1 AND role = 'member' AND agent_group = ?2",
        params![person.0, agent.as_str()]);
    /// Remembers that somebody was refused, so that they are not asked about again. They need not
    /// be anybody known.
    pub fn deny(handle: &Handle, name: &str, agent: &AgentName) -> () = execute("remember a denial",
        "INSERT INTO denial (channel, handle, agent_group, name)
            VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        [&handle.channel, &handle.id, agent.as_str(), name]);
    pub fn is_denied(handle: &Handle, agent: &AgentName) -> bool = is_there("look for a denial",
        "SELECT 1 FROM denial WHERE channel = ?1 AND handle = ?2 AND agent_group = ?3",
        [&handle.channel, &handle.id, agent.as_str()]);
    pub fn denials() -> Vec<DenialRow> = list("list the denials",
        "SELECT channel, handle, agent_group, name FROM denial
            ORDER BY agent_group, channel, handle", []);
    fn insert_role(person: PersonId, role: &str, of: Option<&str>) -> bool = changes("grant a role",
        "INSERT INTO role (person, role, agent_group) VALUES (?1, ?2, ?3)
            ON CONFLICT DO NOTHING", params![person.0, role, of]);
    /// Takes back what somebody was denied: an agent, or all for `None`.
    pub(super) fn forgive(person: PersonId, agent: Option<&AgentName>) -> () =
        execute("forget a denial",
        "DELETE FROM denial WHERE (?2 IS NULL OR agent_group = ?2)
            AND (channel, handle) IN (SELECT channel, id FROM handle WHERE person = ?1)",
        params![person.0, agent.map(AgentName::as_str)]);
}

impl CentralStore {
    /// What a known person may do; `None` is somebody unknown.
    pub fn standing(&self, handle: &Handle) -> Result<Option<(PersonId, Standing)>> {
        let sql = "SELECT h.person, r.role, r.agent_group FROM handle h
                   LEFT JOIN role r ON r.person = h.person
                   WHERE h.channel = ?1 AND h.id = ?2 ORDER BY r.id";
        let key = [&handle.channel, &handle.id];
        let rows: Vec<(PersonId, Standing)> = self.list("read what a user may do", sql, key)?;
        Ok(rows.into_iter().reduce(|all, one| (all.0, both(all.1, one.1))))
    }

    pub fn standing_of(&self, person: PersonId) -> Result<Standing> {
        let sql = "SELECT role, agent_group FROM role WHERE person = ?1 ORDER BY id";
        let rows: Vec<Standing> = self.list("read what a user may do", sql, [person.0])?;
        Ok(rows.into_iter().reduce(both).unwrap_or_default())
    }

    /// `false` when they have it already. Fails when there is no such person or agent.
    pub fn grant(&mut self, person: PersonId, role: &Role) -> Result<bool> {
        self.insert_role(person, role.as_str(), role.agent())
    }

    pub fn revoke(&mut self, person: PersonId, role: &Role) -> Result<Removed> {
        self.change("revoke a role", |central| {
            if central.is_last(person, role)? {
                return Ok(Removed::LastOwner);
            }
            let sql = "DELETE FROM role WHERE person = ?1 AND role = ?2 AND agent_group IS ?3";
            let key = params![person.0, role.as_str(), role.agent()];
            let gone = central.conn.execute(sql, key)?;
            Ok(if gone == 0 { Removed::NotThere } else { Removed::Yes })
        })
    }

    /// Lets somebody talk to an agent, and takes back what they were denied. `false` when they were
    /// a member already.
    pub fn add_member(&mut self, person: PersonId, agent: &AgentName) -> Result<bool> {
        self.change("add a member", |central| {
            let is_new = central.insert_role(person, "member", Some(agent.as_str()))?;
            central.forgive(person, Some(agent))?;
            Ok(is_new)
        })
    }

    /// Everybody who may decide about an agent, or about the whole host for `None`: one row for each
    /// role that says so, in the order in which they were granted, with their handles.
    pub fn approver_candidates(
        &self,
        agent: Option<&AgentName>,
    ) -> Result<Vec<(RoleRow, Vec<Handle>)>> {
        let sql =
            format!("{ROLES} AND (r.agent_group IS NULL OR r.agent_group = ?1) ORDER BY r.id");
        let key = [agent.map(AgentName::as_str)];
        let rows: Vec<RoleRow> = self.list("list who may decide", &sql, key)?;
        rows.into_iter().map(|it| Ok((it.clone(), self.handles_of(it.person)?))).collect()
    }

    /// Whether it is the ownership of the only owner.
    pub(super) fn is_last(&self, person: PersonId, role: &Role) -> Result<bool> {
        let sql = "SELECT person FROM role WHERE role = 'owner'";
        let owners: Vec<PersonId> = self.list("read the owners", sql, [])?;
        Ok(*role == Role::Owner && owners == [person])
    }
}

/// What one row grants: a role, a membership, or nothing to a person who has neither.
impl FromRow for Standing {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (word, of): (Option<String>, Option<AgentName>) = columns.next()?;
        match (word.as_deref(), of) {
            (None, _) => Ok(Self::default()),
            (Some("member"), of) => {
                Ok(Self { member_of: of.into_iter().collect(), ..Self::default() })
            }
            (Some(word), of) => {
                let role = Role::parse(word, of).map_err(|err| columns.bad(err))?;
                Ok(Self { roles: vec![role], ..Self::default() })
            }
        }
    }
}

fn both(mut all: Standing, one: Standing) -> Standing {
    all.roles.extend(one.roles);
    all.member_of.extend(one.member_of);
    all
}
