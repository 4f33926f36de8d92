//! The history: what happened, appended and not changed but for counts of refusals within an hour.
//! People read it, and what it adds up to; no decision does.

use domain::history::EventKind;
use domain::plain::{cut, one_line};
use serde_json::{Value, json};

use crate::central::prelude::*;
use crate::row::{row, run};

/// Refusals of one session and kind are one event for each span of this length, in milliseconds: an
/// agent decides how many there are.
const REFUSED_SPAN: i64 = 60 * 60 * 1_000;

/// The longest line of a command that is kept; its text may be a document.
const LINE_CHARS_MAX: usize = 300;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    pub id: i64,
    pub at: Timestamp,
    /// A word of [`EventKind`], or of a later version.
    pub kind: String,
    /// What it is about, by its kind.
    pub scope: Option<i64>,
    pub item: Option<i64>,
    /// Who did it: `host`, `agent:` and its name, `channel:id`, or `Name (channel:id)` for a
    /// stop ordered in a chat; empty where nobody did.
    pub by: String,
    /// A JSON object.
    pub detail: Value,
}

row!(EventRow { id, at, kind, scope, item, by, detail });

impl CentralStore {
    /// How many requests of all agents were not let out, as far back as the history goes.
    pub fn refusals(&self) -> Result<u64> {
        let sql = "SELECT coalesce(sum(detail ->> 'count'), 0) FROM event WHERE kind = 'refused'";
        self.only("count the refusals", sql, [])
    }

    /// How many rows this connection has changed so far.
    pub fn rows_changed(&self) -> u64 {
        self.conn.total_changes()
    }

    /// Writes down that the settings were changed with a command.
    pub fn record_change(&self, line: &str, by: &str, now: Timestamp) -> Result<()> {
        let detail = json!({ "line": cut(&one_line(line), LINE_CHARS_MAX) });
        add(&self.conn, EventKind::Change, (None, None), by, &detail, now)
            .map_err(StoreError::query("write the history"))
    }

    /// The newest events, oldest first; without `all`, only what people did.
    pub fn events(&self, all: bool, limit: u32) -> Result<Vec<EventRow>> {
        let by_people = EventKind::BY_PEOPLE.map(|it| format!("'{}'", it.as_str())).join(", ");
        let which = if all { "true".to_owned() } else { format!("kind IN ({by_people})") };
        let sql = format!(
            "SELECT * FROM (SELECT id, at, kind, scope, item, by, detail FROM event WHERE {which}
                            ORDER BY id DESC LIMIT ?1) ORDER BY id"
        );
        self.list("read the history", &sql, [limit])
    }

    /// Counts requests of a session that the vault did not let out.
    pub fn count_refusals(
        &mut self,
        session: SessionId,
        why: &str,
        count: u64,
        now: Timestamp,
    ) -> Result<()> {
        let span = now.0.div_euclid(REFUSED_SPAN);
        self.change("count a refusal", |central| {
            let tx = &central.conn;
            let sql = "UPDATE event SET detail = json_set(detail, '$.count', detail ->> 'count' + ?4)
                       WHERE kind = 'refused' AND scope = ?1 AND item = ?2 AND detail ->> 'why' = ?3";
            if run(tx, sql, params![session.0, span, why, count])? == 0 {
                let detail = json!({ "why": why, "count": count });
                add(tx, EventKind::Refused, (Some(session.0), Some(span)), "", &detail, now)?;
            }
            Ok(())
        })
    }
}

/// Appends an event about an item within a scope, as far as its kind has them.
pub(crate) fn add(
    tx: &Connection,
    kind: EventKind,
    (scope, item): (Option<i64>, Option<i64>),
    by: &str,
    detail: &Value,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let sql =
        "INSERT INTO event (at, kind, scope, item, by, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    run(tx, sql, params![now.0, kind.as_str(), scope, item, by, detail.to_string()]).map(drop)
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

    #[tokio::test]
    async fn a_disk_that_fills_up_within_a_whole_is_still_a_full_disk() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("central.db");
        let db = crate::Db::new(std::sync::Arc::new(crate::NoGate), move || {
            let central = CentralStore::open(&path)?;
            let pages: i64 =
                central.conn.query_row("PRAGMA page_count", [], |it| it.get(0)).unwrap();
            central.conn.pragma_update(None, "max_page_count", pages + 1).unwrap();
            Ok(central)
        });
        let fill = |central: &mut CentralStore| {
            central.whole("everything", |central| {
                (0..2_000).try_for_each(|_| central.record_change(&"x".repeat(300), "host", NOW))
            })
        };
        let out = db.write("a change", fill).await;
        assert!(matches!(out, Err(StoreError::Full { .. })), "{out:?}");
        assert_eq!(db.read(|it| it.events(true, 9)).await.unwrap(), []);
    }

    #[test]
    fn what_fails_within_a_whole_leaves_nothing() {
        let (_dir, mut central) = central();
        let agent = AgentName::parse("andy").unwrap();
        let group = domain::agent::AgentGroup::new(agent.clone());
        let out = central.whole("both", |central| {
            central.add_agent(&group)?;
            central.whole("inner", |it| it.record_change("agents add", "host", NOW))?;
            Err::<(), _>(StoreError::Lost { op: "a test" })
        });
        assert!(out.is_err());
        assert_eq!((central.agents().unwrap(), central.events(true, 9).unwrap()), (vec![], vec![]));
        let key = SessionKey { agent, chat: None, thread: None };
        central
            .whole("both", |central| {
                central.add_agent(&group)?;
                central
                    .whole("inner", |_| Err::<(), _>(StoreError::Lost { op: "a test" }))
                    .unwrap_err();
                central.session_for(&key, NOW)
            })
            .unwrap();
        assert_eq!(central.session_count().unwrap(), 1);
    }
}
