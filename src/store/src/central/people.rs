//! People: how platforms name them, in whose time they mean things, and when they are left alone.

use domain::people::Role;
use domain::quiet::Hours;
use schedule::{Zone, within_until};

use crate::central::prelude::*;
use crate::row::{Columns, FromRow, is_there, only, run, statements};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRow {
    pub id: PersonId,
    pub name: String,
    pub created_at: Timestamp,
    /// `None` is that of the install, also where this build does not know theirs any more.
    pub zone: Option<Zone>,
    /// When they want to be left alone, in their zone.
    pub quiet: Option<Hours>,
    pub handles: Vec<Handle>,
}

/// Without their handles.
impl FromRow for PersonRow {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (id, name, created_at) = columns.next()?;
        let (zone, quiet): (Option<String>, Option<String>) = columns.next()?;
        let zone = zone.and_then(|it| Zone::parse(&it).ok());
        let quiet = quiet.and_then(|it| Hours::parse(&it).ok());
        Ok(Self { id, name, created_at, zone, quiet, handles: Vec::new() })
    }
}

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

const PERSONS: &str = "SELECT id, name, created_at, zone, quiet FROM person";

/// The setting that holds the zone of the install.
const INSTALL_ZONE: &str = "zone";

statements! {
    /// Whose handle it is, if it is anybody's.
    pub fn person_of(handle: &Handle) -> Option<PersonId> = one("look a person up",
        "SELECT person FROM handle WHERE channel = ?1 AND id = ?2", [&handle.channel, &handle.id]);
    pub fn handles_of(person: PersonId) -> Vec<Handle> = list("list the handles",
        "SELECT channel, id FROM handle WHERE person = ?1 ORDER BY channel, id", [person.0]);
    /// `false` when there is no such person.
    pub fn rename_person(id: PersonId, name: &str) -> bool = changes("rename a person",
        "UPDATE person SET name = ?2 WHERE id = ?1", params![id.0, name]);
    /// Sets or forgets a person's zone; whether there is such a person.
    pub fn set_person_zone(id: PersonId, zone: Option<&Zone>) -> bool = changes("a person's zone",
        "UPDATE person SET zone = ?2 WHERE id = ?1", params![id.0, zone.map(Zone::name)]);
    /// Sets or ends a person's quiet hours; whether there is such a person.
    pub fn set_person_quiet(id: PersonId, hours: Option<Hours>) -> bool =
        changes("the quiet hours of a person",
        "UPDATE person SET quiet = ?2 WHERE id = ?1",
        params![id.0, hours.map(|it| it.to_string())]);
    fn insert_handle(person: PersonId, handle: &Handle) -> () = execute("add a handle",
        "INSERT INTO handle (channel, id, person) VALUES (?1, ?2, ?3)",
        params![handle.channel, handle.id, person.0]);
}

impl CentralStore {
    /// Everybody, in the order in which they came.
    pub fn people(&self) -> Result<Vec<PersonRow>> {
        let sql = format!("{PERSONS} ORDER BY id");
        let mut people: Vec<PersonRow> = self.list("list the people", &sql, [])?;
        for row in &mut people {
            row.handles = self.handles_of(row.id)?;
        }
        Ok(people)
    }

    pub fn person(&self, id: PersonId) -> Result<Option<PersonRow>> {
        let sql = format!("{PERSONS} WHERE id = ?1");
        let row: Option<PersonRow> = self.one("read a person", &sql, [id.0])?;
        row.map(|row| Ok(PersonRow { handles: self.handles_of(id)?, ..row })).transpose()
    }

    /// How people call somebody; the handle itself where nobody knows them.
    pub fn name_of(&self, handle: &str) -> Result<String> {
        let person = Handle::parse(handle).map(|it| self.person_of(&it)).transpose()?.flatten();
        let person = person.map(|it| self.person(it)).transpose()?.flatten();
        Ok(person.map_or_else(|| handle.to_owned(), |it| it.name))
    }

    /// The person behind a handle, made if there is none yet. A name that is known stays.
    pub fn add_person(&mut self, handle: &Handle, name: &str, now: Timestamp) -> Result<PersonId> {
        self.change("add a person", |central| {
            if let Some(person) = central.person_of(handle)? {
                let named = "UPDATE person SET name = ?2 WHERE id = ?1 AND name = ''";
                run(&central.conn, named, params![person.0, name])?;
                return Ok(person);
            }
            let sql = "INSERT INTO person (name, created_at) VALUES (?1, ?2) RETURNING id";
            let person = only(&central.conn, sql, params![name, now.0])?;
            central.insert_handle(person, handle)?;
            Ok(person)
        })
    }

    /// Makes a handle one of a person. One that is somebody else's is left alone.
    pub fn link(&mut self, person: PersonId, handle: &Handle) -> Result<Linked> {
        self.change("link a handle", |central| {
            if !is_there(&central.conn, "SELECT 1 FROM person WHERE id = ?1", [person.0])? {
                return Ok(Linked::NoPerson);
            }
            match central.person_of(handle)? {
                Some(owner) if owner == person => Ok(Linked::Already),
                Some(owner) => Ok(Linked::Anothers(owner)),
                None => {
                    central.insert_handle(person, handle)?;
                    Ok(Linked::Yes)
                }
            }
        })
    }

    /// Takes a handle from its person, who must have another one.
    pub fn unlink(&mut self, handle: &Handle) -> Result<Unlinked> {
        self.change("unlink a handle", |central| {
            let Some(person) = central.person_of(handle)? else { return Ok(Unlinked::NoHandle) };
            if central.handles_of(person)?.len() <= 1 {
                return Ok(Unlinked::OnlyOne(person));
            }
            let key = [&handle.channel, &handle.id];
            central.conn.execute("DELETE FROM handle WHERE channel = ?1 AND id = ?2", key)?;
            Ok(Unlinked::Yes(person))
        })
    }

    /// Forgets a person with their handles, roles and memberships. The last owner stays.
    pub fn remove_person(&mut self, id: PersonId) -> Result<Removed> {
        self.change("remove a person", |central| {
            if central.is_last(id, &Role::Owner)? {
                return Ok(Removed::LastOwner);
            }
            let gone = central.conn.execute("DELETE FROM person WHERE id = ?1", [id.0])?;
            Ok(if gone == 1 { Removed::Yes } else { Removed::NotThere })
        })
    }

    /// The zone that counts for somebody: their own, else that of the install, else UTC. A name that
    /// this build does not know (the database of zones changes) counts as none.
    pub fn zone_for(&self, person: Option<PersonId>) -> Result<Zone> {
        let person = person.map(|it| self.person(it)).transpose()?.flatten();
        let own = person.and_then(|it| it.zone);
        let zone = if own.is_some() { own } else { self.install_zone()? };
        Ok(zone.unwrap_or_else(Zone::utc))
    }

    pub fn install_zone(&self) -> Result<Option<Zone>> {
        Ok(self.setting(INSTALL_ZONE)?.and_then(|it| Zone::parse(&it).ok()))
    }

    pub fn set_install_zone(&self, zone: &Zone) -> Result<()> {
        self.set_setting(INSTALL_ZONE, zone.name())
    }

    /// The private chats of people who want to be left alone right now, each with the end of that.
    /// Addresses have no thread.
    pub fn quiet_chats(&self, now: Timestamp) -> Result<Vec<(Address, Timestamp)>> {
        let sql = "SELECT g.channel, g.account, g.chat, NULL,
                       p.id, p.name, p.created_at, p.zone, p.quiet FROM person p
             JOIN handle h ON h.person = p.id
             JOIN messaging_group g ON g.channel = h.channel AND g.peer = h.id AND g.is_group = 0
             WHERE p.quiet IS NOT NULL ORDER BY g.id";
        let rows: Vec<(Address, PersonRow)> = self.list("read the quiet hours", sql, [])?;
        if rows.is_empty() {
            return Ok(vec![]);
        }
        let install = self.install_zone()?.unwrap_or_else(Zone::utc);
        let until = |(address, person): (_, PersonRow)| {
            let zone = person.zone.as_ref().unwrap_or(&install);
            Some((address, within_until(person.quiet?, zone, now)?))
        };
        Ok(rows.into_iter().filter_map(until).collect())
    }
}

#[cfg(test)]
mod tests {
    use domain::message::ChatInfo;

    use super::*;

    /// 2026-11-25T22:30:00Z, half past eleven in the evening in Berlin.
    const NIGHT: Timestamp = Timestamp(1_795_645_800_000);

    #[test]
    fn a_private_chat_is_quiet_in_the_zone_of_its_person() {
        let dir = tempfile::tempdir().unwrap();
        let mut central = CentralStore::open(&dir.path().join("central.db")).unwrap();
        let ann = central.add_person(&Handle::new("telegram", "1"), "Ann", Timestamp(0)).unwrap();
        let at = |chat: &str| Address {
            channel: "telegram".into(),
            account: "main".into(),
            chat: chat.into(),
            thread: None,
        };
        let direct = ChatInfo::default();
        central.ensure_chat(&at("1"), &direct, Some("1"), Timestamp(0)).unwrap();
        central.ensure_chat(&at("2"), &direct, Some("2"), Timestamp(0)).unwrap();
        let group = ChatInfo { title: "Team".into(), is_group: true };
        central.ensure_chat(&at("-1"), &group, Some("1"), Timestamp(0)).unwrap();
        assert_eq!(central.quiet_chats(NIGHT).unwrap(), []);

        let hours = Hours::parse("23:00-7:00").unwrap();
        assert!(central.set_person_quiet(ann, Some(hours)).unwrap());
        assert_eq!(central.person(ann).unwrap().unwrap().quiet, Some(hours));
        assert_eq!(central.quiet_chats(NIGHT).unwrap(), [], "half past ten in UTC");
        central.set_install_zone(&Zone::parse("Europe/Berlin").unwrap()).unwrap();
        // 06:00 in UTC.
        let morning = Timestamp(1_795_672_800_000);
        assert_eq!(central.quiet_chats(NIGHT).unwrap(), [(at("1"), morning)]);
        central.set_person_zone(ann, Some(&Zone::parse("Asia/Tokyo").unwrap())).unwrap();
        assert_eq!(central.quiet_chats(NIGHT).unwrap(), []);
        central.set_person_zone(ann, None).unwrap();
        central.set_person_quiet(ann, None).unwrap();
        assert_eq!(central.quiet_chats(NIGHT).unwrap(), []);
    }

    #[test]
    fn the_nearest_zone_counts() {
        let dir = tempfile::tempdir().unwrap();
        let mut central = CentralStore::open(&dir.path().join("central.db")).unwrap();
        let handle = Handle::parse("telegram:1").unwrap();
        let ann = central.add_person(&handle, "Ann", Timestamp(0)).unwrap();
        assert_eq!(central.zone_for(Some(ann)).unwrap(), Zone::utc());

        let berlin = Zone::parse("Europe/Berlin").unwrap();
        central.set_install_zone(&berlin).unwrap();
        assert_eq!(central.zone_for(Some(ann)).unwrap(), berlin);

        let tokyo = Zone::parse("asia/tokyo").unwrap();
        assert!(central.set_person_zone(ann, Some(&tokyo)).unwrap());
        assert_eq!(central.zone_for(Some(ann)).unwrap(), tokyo);
        assert_eq!(central.zone_for(None).unwrap(), berlin);

        assert!(central.set_person_zone(ann, None).unwrap());
        assert_eq!(central.zone_for(Some(ann)).unwrap(), berlin);
        assert!(!central.set_person_zone(PersonId(99), Some(&tokyo)).unwrap());
    }

    #[test]
    fn a_zone_that_is_gone_from_the_database_counts_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let central = CentralStore::open(&dir.path().join("central.db")).unwrap();
        central.set_setting(INSTALL_ZONE, "Europe/Atlantis").unwrap();
        assert_eq!(central.zone_for(None).unwrap(), Zone::utc());
    }
}
