//! The history of a session's containers. An incarnation number is given out by a commit before
//! its container is created, so that no two containers ever share one.

use domain::Incarnation;
use domain::history::EventKind;
use domain::plain::cut;
use domain::session::Launches;
use domain::time::Timestamp;
use domain::trouble::Trouble;
use rusqlite::params;
use serde_json::json;

use super::{Scope, SessionRows};
use crate::Result;
use crate::central::events;
use crate::row::{one, run, to_json};

/// How much of a container's last words is kept.
const REASON_CHARS_MAX: usize = 500;
/// More rows in a row than any limit on bad launches.
const LOOK_BACK: i64 = 32;

impl SessionRows<'_> {
    /// The history of starts, as far as it matters.
    pub(crate) fn launches(&self) -> Result<Launches> {
        let sql = "SELECT incarnation, ended_at, bad = 1 AND answered = 0 FROM launch
                   WHERE session = ?1 ORDER BY incarnation DESC LIMIT ?2";
        let rows: Vec<(Incarnation, Option<Timestamp>, bool)> =
            self.list("read the launches", sql, [self.scope.session, LOOK_BACK])?;
        let (mut launches, mut counting) = (Launches::default(), true);
        for (incarnation, ended_at, has_failed) in rows {
            launches.last = launches.last.or(Some(incarnation));
            if ended_at.is_none() {
                launches.open = launches.open.or(Some(incarnation));
                continue;
            }
            launches.last_end = launches.last_end.or(ended_at);
            counting &= has_failed;
            launches.failures += u32::from(counting);
        }
        Ok(launches)
    }

    /// Hands out the next incarnation. Nothing may be started after an error.
    pub fn launch(&self, now: Timestamp) -> Result<Incarnation> {
        let sql = "INSERT INTO launch (session, incarnation, started_at)
                   VALUES (?1, (SELECT coalesce(max(incarnation), 0) + 1 FROM launch
                                WHERE session = ?1), ?2) RETURNING incarnation";
        self.only("a launch", sql, [self.scope.session, now.0])
    }

    /// Records that the last incarnation was ended, if it was open, and that this is no failure.
    pub fn end_launch(&self, reason: &str, now: Timestamp) -> Result<()> {
        let open = self.launches()?.open;
        open.map_or(Ok(()), |it| self.record_exit(it, false, reason, None, now))
    }

    /// Notes that the last incarnation left a damaged mailbox, which is what its chats are told then.
    pub(crate) fn note_damage(&self) -> Result<()> {
        let sql = "UPDATE launch SET trouble = ?2 WHERE session = ?1
                   AND incarnation = (SELECT max(incarnation) FROM launch WHERE session = ?1)";
        self.commit("a damaged mailbox", |tx| {
            run(&tx, sql, params![tx.session, to_json(&Trouble::Damaged)?]).map(drop)
        })
    }

    /// Records how an incarnation ended, `reason` for the history and `trouble` for its chats. `bad`
    /// counts against the session unless the incarnation brought a message to its end.
    pub fn record_exit(
        &self,
        incarnation: Incarnation,
        bad: bool,
        reason: &str,
        trouble: Option<&Trouble>,
        now: Timestamp,
    ) -> Result<()> {
        self.commit("the end of a launch", |tx| {
            let trouble = trouble.map(to_json).transpose()?;
            let sql = "UPDATE launch SET ended_at = ?3, bad = ?4, trouble = ?5
                       WHERE session = ?1 AND incarnation = ?2 AND ended_at IS NULL";
            let end = params![tx.session, incarnation.0, now.0, bad, trouble];
            if run(&tx, sql, end)? == 1 {
                let about = (Some(tx.session), Some(incarnation.0));
                let reason = cut(reason, REASON_CHARS_MAX);
                events::add(&tx, EventKind::Exit, about, "", &json!({ "reason": reason }), now)?;
            }
            Ok(())
        })
    }
}

/// What was the matter with an incarnation, or else with the last one that ended. It only adds words to a
/// notice: one that cannot be read, such as a newer version's, must not keep a message from its end.
pub(super) fn trouble_of(
    tx: Scope<'_>,
    incarnation: Option<Incarnation>,
) -> rusqlite::Result<Option<Trouble>> {
    let sql = "SELECT trouble FROM launch
               WHERE session = ?1 AND trouble IS NOT NULL AND incarnation = coalesce(?2,
                   (SELECT max(incarnation) FROM launch
                    WHERE session = ?1 AND ended_at IS NOT NULL))";
    let kept: Option<String> = one(&tx, sql, params![tx.session, incarnation.map(|it| it.0)])?;
    Ok(kept.and_then(|it| serde_json::from_str(&it).ok()))
}
