//! What people were granted and refused: roles, memberships, denials.

use domain::AgentName;
use domain::people::{Handle, PersonId, Role, Standing};
use rusqlite::{Connection, params};

use super::{CentralStore, Removed};
use crate::StoreError;
use crate::row::{Columns, FromRow, list, row, run};

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

impl CentralStore {
    /// What a known person may do; `None` is somebody unknown.
    pub fn standing(&self, handle: &Handle) -> Result<Option<(PersonId, Standing)>, StoreError> {
        let Some(person) = self.person_of(handle)? else { return Ok(None) };
        Ok(Some((person, self.standing_of(person)?)))
    }

    pub fn standing_of(&self, person: PersonId) -> Result<Standing, StoreError> {
        let sql = "SELECT role, agent_group FROM role WHERE person = ?1 AND role <> 'member'
                   ORDER BY id";
        let roles = self.list("read the roles of a person", sql, [person.0])?;
        let sql = "SELECT agent_group FROM role WHERE person = ?1 AND role = 'member'
                   ORDER BY agent_group";
        let member_of = self.list("read the memberships of a person", sql, [person.0])?;
        Ok(Standing { roles, member_of })
    }

    /// Every owner and admin, in the order in which they were granted.
    pub fn roles(&self) -> Result<Vec<RoleRow>, StoreError> {
        let sql = format!("{ROLES} ORDER BY r.id");
        self.list("list the roles", &sql, [])
    }

    pub fn has_owner(&self) -> Result<bool, StoreError> {
        self.is_there("look for an owner", "SELECT 1 FROM role WHERE role = 'owner'", [])
    }

    /// `false` when they have it already. Fails when there is no such person or agent.
    pub fn grant(&mut self, person: PersonId, role: &Role) -> Result<bool, StoreError> {
        self.change("grant a role", |tx| grant(tx, person, role.as_str(), role.agent()))
    }

    pub fn revoke(&mut self, person: PersonId, role: &Role) -> Result<Removed, StoreError> {
        self.change("revoke a role", |tx| {
            if is_last(tx, person, role)? {
                return Ok(Removed::LastOwner);
            }
            let sql = "DELETE FROM role WHERE person = ?1 AND role = ?2 AND agent_group IS ?3";
            let gone = tx.execute(sql, params![person.0, role.as_str(), role.agent()])?;
            Ok(if gone == 0 { Removed::NotThere } else { Removed::Yes })
        })
    }

    /// Every membership, by agent and person.
    pub fn members(&self) -> Result<Vec<MemberRow>, StoreError> {
        let sql =
            "SELECT r.person, p.name, r.agent_group FROM role r JOIN person p ON p.id = r.person
                   WHERE r.role = 'member' ORDER BY r.agent_group, r.person";
        self.list("list the members", sql, [])
    }

    /// Lets somebody talk to an agent, and takes back what they were denied. `false` when they were
    /// a member already.
    pub fn add_member(&mut self, person: PersonId, agent: &AgentName) -> Result<bool, StoreError> {
        self.change("add a member", |tx| add_member(tx, person, agent))
    }

    /// `false` when they are none.
    pub fn remove_member(&self, person: PersonId, agent: &AgentName) -> Result<bool, StoreError> {
        let sql = "DELETE FROM role
                   WHERE person = ?1 AND role = 'member' AND agent_group = ?2";
        Ok(self.run("remove a member", sql, params![person.0, agent.as_str()])? == 1)
    }

    /// Remembers that somebody was refused, so that they are not asked about again. They need not
    /// be anybody known.
    pub fn deny(&self, handle: &Handle, name: &str, agent: &AgentName) -> Result<(), StoreError> {
        let sql = "INSERT INTO denial (channel, handle, agent_group, name)
                   VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        let values = [&handle.channel, &handle.id, agent.as_str(), name];
        self.run("remember a denial", sql, values).map(drop)
    }

    pub fn is_denied(&self, handle: &Handle, agent: &AgentName) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM denial WHERE channel = ?1 AND handle = ?2 AND agent_group = ?3";
        let key = [&handle.channel, &handle.id, agent.as_str()];
        self.is_there("look for a denial", sql, key)
    }

    pub fn denials(&self) -> Result<Vec<DenialRow>, StoreError> {
        let sql = "SELECT channel, handle, agent_group, name FROM denial
                   ORDER BY agent_group, channel, handle";
        self.list("list the denials", sql, [])
    }

    /// Everybody who may decide about an agent, or about the whole host for `None`: one row for each
    /// role that says so, in the order in which they were granted, with their handles.
    pub fn approver_candidates(
        &self,
        agent: Option<&AgentName>,
    ) -> Result<Vec<(RoleRow, Vec<Handle>)>, StoreError> {
        let sql =
            format!("{ROLES} AND (r.agent_group IS NULL OR r.agent_group = ?1) ORDER BY r.id");
        let key = [agent.map(AgentName::as_str)];
        let rows: Vec<RoleRow> = self.list("list who may decide", &sql, key)?;
        rows.into_iter().map(|it| Ok((it.clone(), self.handles_of(it.person)?))).collect()
    }
}

pub(super) fn grant(
    conn: &Connection,
    person: PersonId,
    role: &str,
    of: Option<&str>,
) -> rusqlite::Result<bool> {
    let sql = "INSERT INTO role (person, role, agent_group) VALUES (?1, ?2, ?3)
               ON CONFLICT DO NOTHING";
    Ok(conn.execute(sql, params![person.0, role, of])? == 1)
}

pub(super) fn add_member(
    conn: &Connection,
    person: PersonId,
    agent: &AgentName,
) -> rusqlite::Result<bool> {
    let added = grant(conn, person, "member", Some(agent.as_str()))?;
    forgive(conn, person, Some(agent))?;
    Ok(added)
}

/// Takes back what somebody was denied: an agent, or all for `None`.
pub(super) fn forgive(
    conn: &Connection,
    person: PersonId,
    agent: Option<&AgentName>,
) -> rusqlite::Result<()> {
    let sql = "DELETE FROM denial WHERE (?2 IS NULL OR agent_group = ?2)
                   AND (channel, handle) IN (SELECT channel, id FROM handle WHERE person = ?1)";
    run(conn, sql, params![person.0, agent.map(AgentName::as_str)]).map(drop)
}

/// Whether it is the ownership of the only owner.
pub(super) fn is_last(conn: &Connection, person: PersonId, role: &Role) -> rusqlite::Result<bool> {
    let owners = "SELECT person FROM role WHERE role = 'owner'";
    let owners: Vec<PersonId> = list(conn, owners, [])?;
    Ok(*role == Role::Owner && owners == [person])
}
