//! The history: what happened, appended and never changed. People read it, and what it adds up to; no
//! decision does.

use domain::SessionId;
use domain::history::EventKind;
use domain::time::Timestamp;
use rusqlite::{Connection, Row, params};
use serde_json::{Value, json};

use super::{CentralStore, strange, word};
use crate::StoreError;

/// Refusals of one session and kind are one event for each span of this length, in milliseconds: an
/// agent decides how many there are.
const REFUSED_SPAN: i64 = 60 * 60 * 1_000;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    pub id: i64,
    pub at: Timestamp,
    pub kind: EventKind,
    /// What it is about, by its kind.
    pub scope: Option<i64>,
    pub item: Option<i64>,
    /// Who did it; empty where it happened by itself.
    pub by: String,
    /// A JSON object.
    pub detail: Value,
}

impl CentralStore {
    /// Runs several changes that hold together: all of them are kept, or none.
    ///
    /// # Errors
    /// What `f` returned, or that the database failed.
    pub fn whole<T, E: From<StoreError>>(
        &mut self,
        op: &'static str,
        f: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let (begin, keep, undo) = match self.conn.is_autocommit() {
            true => ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"),
            false => ("SAVEPOINT whole", "RELEASE whole", "ROLLBACK TO whole; RELEASE whole"),
        };
        let run = |store: &Self, sql| store.conn.execute_batch(sql).map_err(StoreError::query(op));
        run(self, begin)?;
        let out = match f(self) {
            Ok(out) => run(self, keep).map(|()| out).map_err(E::from),
            Err(err) => Err(err),
        };
        // A full disk may have ended it already.
        if out.is_err() && (begin != "BEGIN IMMEDIATE" || !self.conn.is_autocommit()) {
            run(self, undo)?;
        }
        out
    }

    /// Writes down that somebody changed the settings with a command.
    ///
    /// # Errors
    /// When the database fails; so for every method below.
    pub fn record_change(&self, line: &str, by: &str, now: Timestamp) -> Result<(), StoreError> {
        add(&self.conn, EventKind::Change, None, by, &json!({ "line": line }), now)
            .map_err(StoreError::query("write the history"))
    }

    /// The newest events, oldest first; without `all`, only what people did.
    pub fn events(&self, all: bool, limit: u32) -> Result<Vec<EventRow>, StoreError> {
        let by_people = EventKind::BY_PEOPLE.map(|it| format!("'{}'", it.as_str())).join(", ");
        let which = if all { "true".to_owned() } else { format!("kind IN ({by_people})") };
        let sql = format!(
            "SELECT id, at, kind, scope, item, by, detail FROM event WHERE {which}
             ORDER BY id DESC LIMIT ?1"
        );
        let mut rows = self.list("read the history", &sql, [limit], event_row)?;
        rows.reverse();
        Ok(rows)
    }

    /// Counts requests of a session that the vault did not let out.
    pub fn count_refusals(
        &mut self,
        session: SessionId,
        why: &str,
        count: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let span = now.0.div_euclid(REFUSED_SPAN);
        self.change("count a refusal", |tx| {
            let sql = "UPDATE event SET detail = json_set(detail, '$.count', detail ->> 'count' + ?4)
                       WHERE kind = 'refused' AND scope = ?1 AND item = ?2 AND detail ->> 'why' = ?3";
            if tx.prepare_cached(sql)?.execute(params![session.0, span, why, count])? == 0 {
                let detail = json!({ "why": why, "count": count });
                add(tx, EventKind::Refused, Some((session.0, span)), "", &detail, now)?;
            }
            Ok(())
        })
    }

    /// How many requests of all agents were not let out, as far back as the history goes.
    pub fn refusals(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(sum(detail ->> 'count'), 0) FROM event WHERE kind = 'refused'";
        Ok(self.one("count the refusals", sql, [], |row| row.get(0))?.unwrap_or(0))
    }
}

/// Appends an event, `about` a scope and an item of it where its kind has them.
pub(crate) fn add(
    tx: &Connection,
    kind: EventKind,
    about: Option<(i64, i64)>,
    by: &str,
    detail: &Value,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let (scope, item) = about.unzip();
    tx.prepare_cached(
        "INSERT INTO event (at, kind, scope, item, by, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![now.0, kind.as_str(), scope, item, by, detail.to_string()])
    .map(drop)
}

fn event_row(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    let detail: String = row.get(6)?;
    Ok(EventRow {
        id: row.get(0)?,
        at: Timestamp(row.get(1)?),
        kind: word(row, 2, EventKind::parse)?,
        scope: row.get(3)?,
        item: row.get(4)?,
        by: row.get(5)?,
        detail: serde_json::from_str(&detail).map_err(|err| strange(6, err))?,
    })
}

#[cfg(test)]
mod tests {
    use domain::session_key::SessionKey;

    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);
    const S1: SessionId = SessionId(1);

    fn central() -> (tempfile::TempDir, CentralStore) {
        let dir = tempfile::tempdir().unwrap();
        let central = CentralStore::open(&dir.path().join("central.db")).unwrap();
        (dir, central)
    }

    #[test]
    fn refusals_are_counted_by_the_hour_session_and_reason() {
        let (_dir, mut central) = central();
        let later = NOW + std::time::Duration::from_secs(3_600);
        for (session, why, at) in [
            (S1, "a", NOW),
            (S1, "a", NOW),
            (S1, "b", NOW),
            (SessionId(2), "a", NOW),
            (S1, "a", later),
        ] {
            central.count_refusals(session, why, 3, at).unwrap();
        }
        let all = central.events(true, 100).unwrap();
        let counts: Vec<i64> = all.iter().map(|it| it.detail["count"].as_i64().unwrap()).collect();
        assert_eq!(counts, [6, 3, 3, 3]);
        assert_eq!(central.events(false, 100).unwrap(), [], "nobody did that");
    }

    #[test]
    fn what_fails_within_a_whole_leaves_nothing() {
        let (_dir, mut central) = central();
        let agent = domain::AgentName::parse("andy").unwrap();
        let group = domain::agent::AgentGroup::new(agent.clone());
        let out = central.whole("both", |it| {
            it.add_agent(&group)?;
            it.whole("inner", |it| it.record_change("agents add", "host", NOW))?;
            Err::<(), _>(StoreError::Lost { op: "a test" })
        });
        assert!(out.is_err());
        assert_eq!((central.agents().unwrap(), central.events(true, 9).unwrap()), (vec![], vec![]));
        let key = SessionKey { agent, chat: None, thread: None };
        central
            .whole("both", |it| {
                it.add_agent(&group)?;
                it.whole("inner", |_| Err::<(), _>(StoreError::Lost { op: "a test" })).unwrap_err();
                it.session_for(&key, NOW)
            })
            .unwrap();
        assert_eq!(central.session_count().unwrap(), 1);
    }
}
