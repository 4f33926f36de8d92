//! In whose time things are meant: a person's zone, else that of the install, else UTC.

use domain::people::PersonId;
use rusqlite::params;
use schedule::Zone;

use super::CentralStore;
use crate::StoreError;

/// The setting that holds the zone of the install.
const INSTALL_ZONE: &str = "zone";

impl CentralStore {
    /// The zone that counts for somebody: their own, else that of the install, else UTC. A name that
    /// this build does not know (the database of zones changes) counts as none.
    ///
    /// # Errors
    /// When the database fails; so for every method below.
    pub fn zone_for(&self, person: Option<PersonId>) -> Result<Zone, StoreError> {
        let own = person.map(|it| self.person_zone(it)).transpose()?.flatten();
        let zone = if own.is_some() { own } else { self.install_zone()? };
        Ok(zone.unwrap_or_else(Zone::utc))
    }

    pub fn person_zone(&self, person: PersonId) -> Result<Option<Zone>, StoreError> {
        let sql = "SELECT zone FROM person WHERE id = ?1";
        let name: Option<Option<String>> = self.one("read a person's zone", sql, [person.0])?;
        Ok(name.flatten().and_then(|it| Zone::parse(&it).ok()))
    }

    /// Sets or forgets a person's zone; whether there is such a person.
    pub fn set_person_zone(
        &mut self,
        person: PersonId,
        zone: Option<&Zone>,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE person SET zone = ?2 WHERE id = ?1";
        let values = params![person.0, zone.map(Zone::name)];
        Ok(self.run("a person's zone", sql, values)? == 1)
    }

    pub fn install_zone(&self) -> Result<Option<Zone>, StoreError> {
        Ok(self.setting(INSTALL_ZONE)?.and_then(|it| Zone::parse(&it).ok()))
    }

    pub fn set_install_zone(&self, zone: &Zone) -> Result<(), StoreError> {
        self.set_setting(INSTALL_ZONE, zone.name())
    }
}

#[cfg(test)]
mod tests {
    use domain::people::Handle;
    use domain::time::Timestamp;

    use super::*;

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
