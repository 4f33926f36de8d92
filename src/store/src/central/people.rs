//! People and how platforms name them.

use domain::people::{Handle, PersonId, Role};
use domain::time::Timestamp;
use rusqlite::{Connection, params};

use super::CentralStore;
use crate::StoreError;
use crate::row::{is_there, one, only, row};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRow {
    pub id: PersonId,
    pub name: String,
    pub created_at: Timestamp,
    pub handles: Vec<Handle>,
}

row!(PersonRow { id, name, created_at; handles });

/// What became of a handle that was to be a person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked {
    Yes,
    /// It was theirs before.
    Already,
    /// It is somebody else's; nothing was changed.
    Anothers(PersonId),
    /// There is no such person.
    NoPerson,
}

/// What became of a handle that was to be taken from its person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlinked {
    /// It was this person's.
    Yes(PersonId),
    /// It is their only one, without which nobody would know them; nothing was changed.
    OnlyOne(PersonId),
    NoHandle,
}

/// What became of a person or a role that was to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    Yes,
    NotThere,
    /// The last owner; nothing was changed.
    LastOwner,
}

const PERSONS: &str = "SELECT id, name, created_at FROM person";

impl CentralStore {
    /// Everybody, in the order in which they came.
    pub fn people(&self) -> Result<Vec<PersonRow>, StoreError> {
        let sql = format!("{PERSONS} ORDER BY id");
        let mut people: Vec<PersonRow> = self.list("list the people", &sql, [])?;
        let sql = "SELECT person, channel, id FROM handle ORDER BY person, channel, id";
        let handles: Vec<(PersonId, Handle)> = self.list("list the handles", sql, [])?;
        for (person, handle) in handles {
            if let Some(row) = people.iter_mut().find(|it| it.id == person) {
                row.handles.push(handle);
            }
        }
        Ok(people)
    }

    pub fn person(&self, id: PersonId) -> Result<Option<PersonRow>, StoreError> {
        let sql = format!("{PERSONS} WHERE id = ?1");
        let row: Option<PersonRow> = self.one("read a person", &sql, [id.0])?;
        row.map(|row| Ok(PersonRow { handles: self.handles_of(id)?, ..row })).transpose()
    }

    /// Whose handle it is, if it is anybody's.
    pub fn person_of(&self, handle: &Handle) -> Result<Option<PersonId>, StoreError> {
        owner_of(&self.conn, handle).map_err(StoreError::query("look a person up"))
    }

    /// How people call somebody; the handle itself where nobody knows them.
    pub fn name_of(&self, handle: &str) -> Result<String, StoreError> {
        let person = Handle::parse(handle).map(|it| self.person_of(&it)).transpose()?.flatten();
        let person = person.map(|it| self.person(it)).transpose()?.flatten();
        Ok(person.map_or_else(|| handle.to_owned(), |it| it.name))
    }

    pub fn handles_of(&self, person: PersonId) -> Result<Vec<Handle>, StoreError> {
        let sql = "SELECT channel, id FROM handle WHERE person = ?1 ORDER BY channel, id";
        self.list("list the handles", sql, [person.0])
    }

    /// The person behind a handle, made if there is none yet. A name that is known stays.
    pub fn add_person(
        &mut self,
        handle: &Handle,
        name: &str,
        now: Timestamp,
    ) -> Result<PersonId, StoreError> {
        self.change("add a person", |tx| add_person(tx, handle, name, now))
    }

    /// `false` when there is no such person.
    pub fn rename_person(&self, id: PersonId, name: &str) -> Result<bool, StoreError> {
        let sql = "UPDATE person SET name = ?2 WHERE id = ?1";
        Ok(self.run("rename a person", sql, params![id.0, name])? == 1)
    }

    /// Makes a handle one of a person. One that is somebody else's is left alone.
    pub fn link(&mut self, person: PersonId, handle: &Handle) -> Result<Linked, StoreError> {
        self.change("link a handle", |tx| {
            if !is_there(tx, "SELECT 1 FROM person WHERE id = ?1", [person.0])? {
                return Ok(Linked::NoPerson);
            }
            match owner_of(tx, handle)? {
                Some(owner) if owner == person => Ok(Linked::Already),
                Some(owner) => Ok(Linked::Anothers(owner)),
                None => {
                    insert_handle(tx, person, handle)?;
                    Ok(Linked::Yes)
                }
            }
        })
    }

    /// Takes a handle from its person, who must have another one.
    pub fn unlink(&mut self, handle: &Handle) -> Result<Unlinked, StoreError> {
        self.change("unlink a handle", |tx| {
            let Some(person) = owner_of(tx, handle)? else { return Ok(Unlinked::NoHandle) };
            let sql = "SELECT count(*) FROM handle WHERE person = ?1";
            if only::<i64>(tx, sql, [person.0])? <= 1 {
                return Ok(Unlinked::OnlyOne(person));
            }
            let key = [&handle.channel, &handle.id];
            tx.execute("DELETE FROM handle WHERE channel = ?1 AND id = ?2", key)?;
            Ok(Unlinked::Yes(person))
        })
    }

    /// Forgets a person with their handles, roles and memberships. The last owner stays.
    pub fn remove_person(&mut self, id: PersonId) -> Result<Removed, StoreError> {
        self.change("remove a person", |tx| {
            if super::roles::is_last(tx, id, &Role::Owner)? {
                return Ok(Removed::LastOwner);
            }
            let gone = tx.execute("DELETE FROM person WHERE id = ?1", [id.0])?;
            Ok(if gone == 1 { Removed::Yes } else { Removed::NotThere })
        })
    }
}

pub(super) fn owner_of(conn: &Connection, handle: &Handle) -> rusqlite::Result<Option<PersonId>> {
    let sql = "SELECT person FROM handle WHERE channel = ?1 AND id = ?2";
    one(conn, sql, [&handle.channel, &handle.id])
}

/// Finds or makes the person of a handle.
pub(super) fn add_person(
    conn: &Connection,
    handle: &Handle,
    name: &str,
    now: Timestamp,
) -> rusqlite::Result<PersonId> {
    if let Some(person) = owner_of(conn, handle)? {
        let named = "UPDATE person SET name = ?2 WHERE id = ?1 AND name = ''";
        conn.execute(named, params![person.0, name])?;
        return Ok(person);
    }
    let sql = "INSERT INTO person (name, created_at) VALUES (?1, ?2) RETURNING id";
    let person = only(conn, sql, params![name, now.0])?;
    insert_handle(conn, person, handle)?;
    Ok(person)
}

fn insert_handle(conn: &Connection, person: PersonId, handle: &Handle) -> rusqlite::Result<()> {
    let sql = "INSERT INTO handle (channel, id, person) VALUES (?1, ?2, ?3)";
    conn.execute(sql, params![handle.channel, handle.id, person.0]).map(drop)
}
