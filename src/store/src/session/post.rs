//! What the mailbox of a session has to hold, read from the central database.

use std::collections::BTreeMap;

use domain::inbound::{FileIn, Inbound, OVERHEARD_BYTES_MAX, OVERHEARD_MAX, Overheard, Place};
use domain::message::{FileKind, InboundKind};
use domain::time::Timestamp;
use domain::{Incarnation, MessageSeq, OutSeq};
use rusqlite::{OptionalExtension, Row, params};

use super::body::{from_json, from_json_or_none, to_json};
use super::{Body, Scope, SessionRows};
use crate::StoreError;
use crate::central::full_address as address;
use crate::mailbox::{Destination, Item, MailboxContent, RunnerFacts};

/// Messages that are posted; the rest follows when these have their outcomes.
const MESSAGES_MAX: i64 = 100;
/// Bytes of messages that are posted, the first one always.
const BYTES_MAX: usize = 1024 * 1024;
/// Answers to requests that are posted, the newest; nobody waits for older ones.
const ANSWERS_MAX: i64 = 50;
/// Messages that the agent may name, the newest.
const KNOWN_MAX: i64 = 200;

impl SessionRows<'_> {
    pub(crate) fn content(&self) -> Result<MailboxContent, StoreError> {
        self.at_one_moment(|| {
            let read = || -> rusqlite::Result<MailboxContent> {
                Ok(MailboxContent {
                    messages: messages(self.scope)?,
                    answers: answers(self.scope)?,
                    facts: to_json(&facts(self.scope)?)?,
                })
            };
            read().map_err(StoreError::query("read what to post"))
        })
    }
}

fn messages(scope: Scope<'_>) -> rusqlite::Result<BTreeMap<i64, String>> {
    let mut statement = scope.prepare_cached(&format!(
        "SELECT {COLUMNS}, not_before,
             NOT EXISTS (SELECT 1 FROM attachment f WHERE f.session = m.session
                             AND f.state = 'pending' AND f.message <= m.seq),
             wait
         FROM message m
         WHERE session = ?1 AND outcome IS NULL AND kind <> 'context' ORDER BY seq LIMIT ?2"
    ))?;
    let items = statement.query_map([scope.session, MESSAGES_MAX], |row| {
        Ok(Item {
            message: message(scope, row)?,
            not_before: Timestamp(row.get(COLUMN_COUNT)?),
            is_complete: row.get(COLUMN_COUNT + 1)?,
            wait: from_json_or_none(row, COLUMN_COUNT + 2)?,
        })
    })?;
    let (mut all, mut bytes) = (BTreeMap::new(), 0);
    for item in items {
        let mut item = item?;
        let message = &mut item.message;
        if message.kind == InboundKind::Chat {
            message.files = files(scope, message.seq)?;
            message.overheard = overheard(scope, message.seq)?;
        }
        let (seq, text) = (item.message.seq.0, to_json(&item)?);
        bytes += text.len();
        if !all.is_empty() && BYTES_MAX < bytes {
            break;
        }
        all.insert(seq, text);
    }
    Ok(all)
}

const COLUMNS: &str = "seq, kind, channel, account, chat, thread, received_at, tries, body, task, \
    slot, sender_id";
const COLUMN_COUNT: usize = 12;

fn message(scope: Scope<'_>, row: &Row<'_>) -> rusqlite::Result<Inbound> {
    let kind: String = row.get(1)?;
    let body = Body::read(row, 8)?;
    let sender_id: String = row.get(11)?;
    Ok(Inbound {
        seq: MessageSeq(row.get(0)?),
        kind: InboundKind::parse(&kind).unwrap_or(InboundKind::Chat),
        from: address(row, 2)?,
        task: body.errand(row.get(9)?, row.get(10)?),
        chat: body.chat,
        sender_name: body.sender,
        sender_role: body.rule.map(|it| it.detail).unwrap_or_default(),
        text: body.text,
        quote: body.quote,
        received_at: Timestamp(row.get(6)?),
        sent_at: body.sent_at,
        tries: row.get(7)?,
        zone: zone(scope, &sender_id)?,
        sender_id,
        files: vec![],
        overheard: Overheard::default(),
    })
}

/// The zone of a sender, else that of the install; empty without either.
fn zone(scope: Scope<'_>, sender_id: &str) -> rusqlite::Result<String> {
    let (channel, id) = sender_id.split_once(':').unwrap_or_default();
    scope
        .prepare_cached(
            "SELECT coalesce((SELECT p.zone FROM handle h JOIN person p ON p.id = h.person
                              WHERE h.channel = ?1 AND h.id = ?2),
                             (SELECT value FROM setting WHERE key = 'zone'), '')",
        )?
        .query_row([channel, id], |row| row.get(0))
}

fn files(scope: Scope<'_>, of: MessageSeq) -> rusqlite::Result<Vec<FileIn>> {
    scope
        .prepare_cached(
            "SELECT kind, name, mime, path, reason FROM attachment
             WHERE session = ?1 AND message = ?2 ORDER BY ordinal",
        )?
        .query_map([scope.session, of.0], |row| {
            let kind: String = row.get(0)?;
            let (path, reason): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
            Ok(FileIn {
                kind: FileKind::parse(&kind).unwrap_or(FileKind::Document),
                name: row.get(1)?,
                mime: row.get(2)?,
                place: path.map_or_else(|| Place::Failed(reason.unwrap_or_default()), Place::Here),
            })
        })?
        .collect()
}

/// Context messages since the last message that the agent was shown. A command shows nothing, but one
/// that begins a new conversation leaves behind what was before it.
fn overheard(scope: Scope<'_>, before: MessageSeq) -> rusqlite::Result<Overheard> {
    let since: i64 = scope
        .prepare_cached(
            "SELECT seq FROM message WHERE session = ?1 AND seq < ?2
                 AND (kind = 'chat' OR (kind = 'command' AND body ->> '$.text' LIKE '/new%'))
             ORDER BY seq DESC LIMIT 1",
        )?
        .query_row([scope.session, before.0], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let count: usize = scope
        .prepare_cached(
            "SELECT count(*) FROM message
             WHERE session = ?1 AND seq > ?2 AND seq < ?3 AND kind = 'context'",
        )?
        .query_row([scope.session, since, before.0], |row| row.get::<_, i64>(0))
        .map(|it| usize::try_from(it).unwrap_or(0))?;
    let mut shown = Vec::new();
    if 0 < count {
        let mut newest = scope.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM message
             WHERE session = ?1 AND seq > ?2 AND seq < ?3 AND kind = 'context'
             ORDER BY seq DESC LIMIT {OVERHEARD_MAX}"
        ))?;
        let range = params![scope.session, since, before.0];
        let mut bytes = 0;
        for found in newest.query_map(range, |row| message(scope, row))? {
            let mut found = found?;
            bytes += found.text.len() + found.quote.as_ref().map_or(0, |it| it.text.len());
            if OVERHEARD_BYTES_MAX < bytes {
                break;
            }
            found.files = files(scope, found.seq)?;
            shown.push(found);
        }
    }
    let left_out = u32::try_from(count.saturating_sub(shown.len())).unwrap_or(u32::MAX);
    shown.reverse();
    Ok(Overheard { messages: shown, left_out })
}

fn answers(scope: Scope<'_>) -> rusqlite::Result<BTreeMap<i64, (bool, String)>> {
    scope
        .prepare_cached(
            "SELECT seq, ok, answer FROM request WHERE session = ?1 AND state = 'answered'
             ORDER BY seq DESC LIMIT ?2",
        )?
        .query_map([scope.session, ANSWERS_MAX], |row| {
            Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
        })?
        .collect()
}

fn facts(scope: Scope<'_>) -> rusqlite::Result<RunnerFacts> {
    let known = scope
        .prepare_cached("SELECT seq FROM message WHERE session = ?1 ORDER BY seq DESC LIMIT ?2")?
        .query_map([scope.session, KNOWN_MAX], |row| row.get(0).map(MessageSeq))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let waiting_from = "SELECT coalesce(min(seq), ?2) FROM message
                        WHERE session = ?1 AND outcome IS NULL";
    let newest = known.first().map_or(0, |it| it.0);
    let waiting_from = scope
        .prepare_cached(waiting_from)?
        .query_row([scope.session, newest], |row| row.get(0).map(MessageSeq))?;
    scope
        .prepare_cached(
            "SELECT coalesce((SELECT max(incarnation) FROM launch WHERE session = s.id), 0),
                    halted, imported_seq, imported_wait, runner_state
             FROM session s WHERE id = ?1",
        )?
        .query_row([scope.session], |row| {
            Ok(RunnerFacts {
                newest: Incarnation(row.get(0)?),
                halted: Incarnation(row.get(1)?),
                imported_seq: OutSeq(row.get(2)?),
                imported_wait: row.get(3)?,
                waiting_from,
                known,
                destinations: destinations(scope)?,
                state: from_json(row, 4)?,
            })
        })
}

fn destinations(scope: Scope<'_>) -> rusqlite::Result<Vec<Destination>> {
    scope
        .prepare_cached(
            "SELECT d.name, m.title, m.channel
             FROM session s JOIN destination d ON d.agent_group = s.agent_group
             JOIN messaging_group m ON m.id = d.messaging_group
             WHERE s.id = ?1 ORDER BY d.name",
        )?
        .query_map([scope.session], |row| {
            Ok(Destination { name: row.get(0)?, title: row.get(1)?, channel: row.get(2)? })
        })?
        .collect()
}
