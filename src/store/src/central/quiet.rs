//! When people want to be left alone, and which of their chats that concerns right now.

use domain::message::Address;
use domain::people::PersonId;
use domain::quiet::Hours;
use domain::time::Timestamp;
use rusqlite::params;
use schedule::{Zone, within_until};

use super::CentralStore;
use crate::StoreError;

impl CentralStore {
    /// The quiet hours of a person, in their zone.
    ///
    /// # Errors
    /// When the database fails; so for every method below.
    pub fn person_quiet(&self, person: PersonId) -> Result<Option<Hours>, StoreError> {
        let sql = "SELECT quiet FROM person WHERE id = ?1";
        let hours: Option<Option<String>> =
            self.one("read the quiet hours of a person", sql, [person.0])?;
        Ok(hours.flatten().and_then(|it| Hours::parse(&it).ok()))
    }

    /// Sets or ends a person's quiet hours; whether there is such a person.
    pub fn set_person_quiet(
        &mut self,
        person: PersonId,
        hours: Option<Hours>,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE person SET quiet = ?2 WHERE id = ?1";
        let values = params![person.0, hours.map(|it| it.to_string())];
        Ok(self.run("the quiet hours of a person", sql, values)? == 1)
    }

    /// The private chats of people who want to be left alone right now, each with the end of that.
    /// Addresses have no thread.
    pub fn quiet_chats(&self, now: Timestamp) -> Result<Vec<(Address, Timestamp)>, StoreError> {
        let sql = "SELECT g.channel, g.account, g.chat, NULL, p.quiet, p.zone FROM person p
             JOIN handle h ON h.person = p.id
             JOIN messaging_group g ON g.channel = h.channel AND g.peer = h.id AND g.is_group = 0
             WHERE p.quiet IS NOT NULL ORDER BY g.id";
        let rows: Vec<(Address, String, Option<String>)> =
            self.list("read the quiet hours", sql, [])?;
        if rows.is_empty() {
            return Ok(vec![]);
        }
        let install = self.install_zone()?.unwrap_or_else(Zone::utc);
        let until = |(address, hours, zone): (_, String, Option<String>)| {
            let own = zone.and_then(|it| Zone::parse(&it).ok());
            let hours = Hours::parse(&hours).ok()?;
            let until = within_until(hours, own.as_ref().unwrap_or(&install), now)?;
            Some((address, until))
        };
        Ok(rows.into_iter().filter_map(until).collect())
    }
}

#[cfg(test)]
mod tests {
    use domain::message::ChatInfo;
    use domain::people::Handle;

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
        assert_eq!(central.person_quiet(ann).unwrap(), Some(hours));
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
}
