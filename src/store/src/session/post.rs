//! What the mailbox of a session has to hold, read from the central database.

use domain::MessageSeq;
use domain::inbound::{
    CONTEXT_BYTES_MAX, CONTEXT_CHANGES_MAX, CONTEXT_MESSAGES_MAX, ContextMessages, FileIn,
    FileLocation, Inbound,
};
use domain::message::{Body, InboundKind};
use domain::task::TaskRun;

use super::{Scope, SessionRows};
use crate::mailbox::{ANSWER, FACTS, Item, MESSAGE, MailboxContent, RunnerFacts};
use crate::row::{Columns, FromRow, enum_column, json_column, list, one, only, read, row, to_json};
use crate::{Answer, Result, StoreError};

/// Messages that are posted; the rest follows when these have their outcomes.
const MESSAGES_MAX: i64 = 100;
/// Bytes of messages that are posted, the first one always.
const BYTES_MAX: usize = 1024 * 1024;
/// Answers to requests that are posted, the newest, each no longer than `requests.rs` keeps it; nobody
/// waits for older ones.
const ANSWERS_MAX: i64 = 50;
/// Messages that the agent may name, the newest.
const KNOWN_MAX: i64 = 200;

impl SessionRows<'_> {
    pub(crate) fn content(&self) -> Result<MailboxContent> {
        self.at_one_moment(|| {
            let read = || -> rusqlite::Result<MailboxContent> {
                let mut content = messages(self.scope)?;
                for (seq, answer) in answers(self.scope)? {
                    content.insert((ANSWER, seq), to_json(&answer)?);
                }
                content.insert(FACTS, to_json(&facts(self.scope)?)?);
                Ok(content)
            };
            read().map_err(StoreError::query("read what to post"))
        })
    }
}

fn messages(scope: Scope<'_>) -> rusqlite::Result<MailboxContent> {
    let mut statement = scope.prepare_cached(&format!(
        "SELECT {COLUMNS}, not_before,
             NOT EXISTS (SELECT 1 FROM attachment f WHERE f.session = m.session
                             AND f.state = 'pending' AND f.message <= m.seq),
             wait
         FROM message m
         WHERE session = ?1 AND outcome IS NULL AND kind <> 'context' ORDER BY seq LIMIT ?2"
    ))?;
    let (mut all, mut bytes) = (MailboxContent::new(), 0);
    for found in statement.query_map([scope.session, MESSAGES_MAX], read)? {
        let (mut message, not_before, is_complete, wait): (Inbound, _, _, _) = found?;
        if message.kind == InboundKind::Chat {
            message.files = files(scope, message.seq)?;
            message.context_messages = context_messages(scope, message.seq)?;
        }
        let seq = message.seq.0;
        let text = to_json(&Item { message, not_before, is_complete, wait })?;
        bytes += text.len();
        if !all.is_empty() && BYTES_MAX < bytes {
            break;
        }
        all.insert((MESSAGE, seq), text);
    }
    Ok(all)
}

/// What [`Inbound`] is read from; at last the zone of its sender, else that of the install, empty
/// without either.
const COLUMNS: &str = "seq, kind, channel, account, chat, thread, body, sender_id,
    coalesce(rule ->> '$.detail', ''), received_at, tries, run, coalesce(
        (SELECT p.zone FROM handle h JOIN person p ON p.id = h.person
         WHERE h.channel = substr(sender_id, 1, instr(sender_id, ':') - 1)
             AND h.id = substr(sender_id, instr(sender_id, ':') + 1)),
        (SELECT value FROM setting WHERE key = 'zone'), '')";

enum_column!(InboundKind);
json_column!(Body, TaskRun);
// Its files and the context messages are found elsewhere.
row!(Inbound {
    seq, kind, from, body, sender_id, sender_role, received_at, tries, task, zone;
    files, context_messages
});

fn files(scope: Scope<'_>, of: MessageSeq) -> rusqlite::Result<Vec<FileIn>> {
    let sql = "SELECT kind, name, mime, quoted, path, reason FROM attachment
               WHERE session = ?1 AND message = ?2 ORDER BY ordinal";
    list(&scope, sql, [scope.session, of.0])
}

row!(FileIn { kind, name, mime, is_quoted, location });

/// A path, else why there is none.
impl FromRow for FileLocation {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (path, reason): (Option<String>, Option<String>) = columns.next()?;
        Ok(path.map_or_else(|| Self::Failed(reason.unwrap_or_default()), Self::Here))
    }
}

/// Between which numbers the context messages of a message lie: since the last message that the agent was
/// shown. A command shows nothing, but one that begins a new conversation leaves behind what was before it.
pub(super) fn context_range(scope: Scope<'_>, before: MessageSeq) -> rusqlite::Result<(i64, i64)> {
    let sql = "SELECT seq FROM message WHERE session = ?1 AND seq < ?2
                   AND (kind = 'chat' OR (kind = 'command' AND body ->> '$.text' LIKE '/new%'))
               ORDER BY seq DESC LIMIT 1";
    let since: i64 = one(&scope, sql, [scope.session, before.0])?.unwrap_or(0);
    Ok((since, before.0))
}

fn context_messages(scope: Scope<'_>, before: MessageSeq) -> rusqlite::Result<ContextMessages> {
    let (since, before) = context_range(scope, before)?;
    let sql = "SELECT count(*) FROM message
               WHERE session = ?1 AND seq > ?2 AND seq < ?3 AND kind = 'context'";
    let range = [scope.session, since, before];
    let count: usize = only(&scope, sql, range)?;
    let mut shown = Vec::new();
    if 0 < count {
        let mut newest = scope.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM message WHERE session = ?1 AND seq IN
                 (SELECT * FROM (SELECT seq FROM message WHERE session = ?1 AND seq > ?2 AND seq < ?3
                      AND kind = 'context' AND body ->> '$.change' IS NULL
                      ORDER BY seq DESC LIMIT {CONTEXT_MESSAGES_MAX})
                  UNION ALL
                  SELECT * FROM (SELECT seq FROM message WHERE session = ?1 AND seq > ?2 AND seq < ?3
                      AND kind = 'context' AND body ->> '$.change' IS NOT NULL
                      ORDER BY seq DESC LIMIT {CONTEXT_CHANGES_MAX}))
             ORDER BY seq DESC"
        ))?;
        let mut bytes = 0;
        for found in newest.query_map(range, read::<Inbound>)? {
            let mut found = found?;
            let body = &found.body;
            bytes += body.text.len() + body.quote.as_ref().map_or(0, |it| it.text.len());
            if CONTEXT_BYTES_MAX < bytes {
                break;
            }
            found.files = files(scope, found.seq)?;
            // Which is shown with messages for the agent.
            if let Some(thread) = &mut found.body.thread {
                thread.root.clear();
            }
            shown.push(found);
        }
    }
    let left_out = u32::try_from(count.saturating_sub(shown.len())).unwrap_or(u32::MAX);
    shown.reverse();
    Ok(ContextMessages { messages: shown, left_out })
}

fn answers(scope: Scope<'_>) -> rusqlite::Result<Vec<(i64, Answer)>> {
    let sql = "SELECT seq, ok, answer FROM request WHERE session = ?1 AND state = 'answered'
               ORDER BY seq DESC LIMIT ?2";
    list(&scope, sql, [scope.session, ANSWERS_MAX])
}

fn facts(scope: Scope<'_>) -> rusqlite::Result<RunnerFacts> {
    let facts = "SELECT coalesce((SELECT max(incarnation) FROM launch WHERE session = s.id), 0),
            stopped_incarnation, imported_seq, imported_wait, runner_state,
            coalesce((SELECT min(seq) FROM message WHERE session = s.id AND outcome IS NULL),
                     (SELECT max(seq) FROM message WHERE session = s.id), 0),
            (SELECT transcribe FROM agent_group WHERE name = s.agent_group)
        FROM session s WHERE id = ?1";
    let known = "SELECT seq FROM message WHERE session = ?1 ORDER BY seq DESC LIMIT ?2";
    let destinations = "SELECT d.name, m.title, m.channel
        FROM session s JOIN destination d ON d.agent_group = s.agent_group
        JOIN messaging_group m ON m.id = d.messaging_group WHERE s.id = ?1 ORDER BY d.name";
    Ok(RunnerFacts {
        known: list(&scope, known, [scope.session, KNOWN_MAX])?,
        destinations: list(&scope, destinations, [scope.session])?,
        ..only(&scope, facts, [scope.session])?
    })
}
