//! What the runner reads from the inbound database: messages that are due, with all that belongs to
//! them, and what the host lets the agent know.

use domain::inbound::{
    FileIn, Inbound, OVERHEARD_BYTES_MAX, OVERHEARD_MAX, Overheard, Place, claimable,
};
use domain::message::{Address, ChatInfo, FileKind, InboundKind, Quote};
use domain::session::BACKOFF_MAX;
use domain::time::Timestamp;
use domain::waits::ProviderWait;
use domain::{Incarnation, MessageSeq, OutSeq};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{RunnerStore, waits};
use crate::StoreError;
use crate::inbound::{ERRAND, errand, read_wait};

/// A chat that the agent may write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub name: String,
    pub title: String,
    pub channel: String,
}

/// What became of something that the agent asked of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Otherwise the text says why there is none.
    pub ok: bool,
    pub text: String,
}

/// What became of a message that somebody took up.
enum Taken {
    InHand,
    Ended,
}

/// A message that waits, without what belongs to it.
struct Candidate {
    message: Inbound,
    not_before: Timestamp,
    is_complete: bool,
    wait: Option<ProviderWait>,
}

impl Candidate {
    fn is_due(&self, now: Timestamp) -> bool {
        let waits = self.wait.as_ref().is_some_and(|it| !it.is_over(now));
        self.is_complete && !waits && self.not_before.is_due(now, BACKOFF_MAX)
    }
}

impl RunnerStore {
    /// Messages that are due and that this incarnation has neither claimed nor ended, as far as they
    /// may share a turn with each other and with what is claimed; see [`claimable`]. One that
    /// waits for the provider, or backs off, or whose files are not here yet, holds up those behind it, so that answers come in
    /// the order of their questions.
    ///
    /// # Errors
    /// When a database fails. A failing inbound database is often just being recovered by the
    /// host: try again soon. So for every method below, as far as it reads.
    pub fn due(&mut self, now: Timestamp) -> Result<Vec<Inbound>, StoreError> {
        let incarnation = self.incarnation;
        self.read_both(|inbound, own| {
            let halted = halted(inbound)?;
            if incarnation <= halted {
                return Ok(vec![]); // Stopped, and not killed yet: it gets nothing more.
            }
            let held = waits::untold(inbound, own)?;
            let (mut due, mut claimed) = (Vec::new(), Vec::new());
            for it in waiting(inbound)? {
                if held.is_some_and(|held| held <= it.message.seq) {
                    break;
                }
                match claim_of(own, it.message.seq, incarnation, halted)? {
                    Some(Taken::InHand) => claimed.push(it.message),
                    Some(Taken::Ended) => {}
                    None if it.is_due(now) => due.push(it.message),
                    None => break,
                }
            }
            due.truncate(claimable(&turn_keys(&due), &turn_keys(&claimed)));
            due.iter_mut().try_for_each(|it| complete(inbound, it))?;
            Ok(due)
        })
    }

    /// Whether there is a message with this number, overheard ones included.
    pub fn has_inbound(&mut self, seq: MessageSeq) -> Result<bool, StoreError> {
        self.read_inbound(|conn| {
            conn.prepare_cached("SELECT 1 FROM messages_in WHERE seq = ?1")?.exists([seq.0])
        })
    }

    /// Chats that the agent may write to, by name.
    pub fn destinations(&mut self) -> Result<Vec<Destination>, StoreError> {
        self.read_inbound(|conn| {
            conn.prepare_cached("SELECT name, title, channel FROM destinations ORDER BY name")?
                .query_map([], |row| {
                    Ok(Destination { name: row.get(0)?, title: row.get(1)?, channel: row.get(2)? })
                })?
                .collect()
        })
    }

    /// What the host said to a question or request of ours; `None` as long as it is open.
    pub fn answer(&mut self, seq: OutSeq) -> Result<Option<Answer>, StoreError> {
        self.read_inbound(|conn| {
            conn.prepare_cached(
                "SELECT ok, answer FROM requests WHERE out_seq = ?1 AND state = 'answered'",
            )?
            .query_row([seq.0], |row| Ok(Answer { ok: row.get(0)?, text: row.get(1)? }))
            .optional()
        })
    }

    /// The last message of ours that the host took over, copies of its files included.
    pub fn taken_over(&mut self) -> Result<OutSeq, StoreError> {
        self.read_inbound(|conn| {
            conn.prepare_cached("SELECT coalesce(max(out_seq), 0) FROM taken_over")?
                .query_row([], |row| row.get(0).map(OutSeq))
        })
    }
}

fn turn_keys(messages: &[Inbound]) -> Vec<(&Address, bool)> {
    messages.iter().map(|it| (&it.from, it.runs_alone())).collect()
}

/// The last incarnation that somebody stopped.
fn halted(inbound: &Connection) -> rusqlite::Result<Incarnation> {
    inbound
        .prepare_cached("SELECT incarnation FROM halted")?
        .query_row([], |row| row.get(0).map(Incarnation))
}

/// What an incarnation up to `halted` ended after somebody stopped it, the host has not heard.
fn claim_of(
    own: &Connection,
    message: MessageSeq,
    incarnation: Incarnation,
    halted: Incarnation,
) -> rusqlite::Result<Option<Taken>> {
    let ended: Option<bool> = own
        .prepare_cached(
            "SELECT outcome IS NOT NULL FROM claims
             WHERE message = ?1
               AND (incarnation = ?2 OR (outcome IS NOT NULL AND ?3 < incarnation))
             ORDER BY outcome IS NULL LIMIT 1",
        )?
        .query_row([message.0, incarnation.0, halted.0], |row| row.get(0))
        .optional()?;
    Ok(ended.map(|ended| if ended { Taken::Ended } else { Taken::InHand }))
}

const COLUMNS: &str = "seq, kind, channel, account, chat, thread, chat_title, is_group, \
    sender_name, text, quote_sender, quote_text, received_at, sent_at, tries, sender_id, \
    coalesce(rule_detail, '')";
const ERRAND_AT: usize = 17;

fn message(row: &Row<'_>) -> rusqlite::Result<Inbound> {
    let kind: String = row.get(1)?;
    let quote: (Option<String>, Option<String>) = (row.get(10)?, row.get(11)?);
    Ok(Inbound {
        seq: MessageSeq(row.get(0)?),
        kind: InboundKind::parse(&kind).unwrap_or(InboundKind::Chat),
        from: Address {
            channel: row.get(2)?,
            account: row.get(3)?,
            chat: row.get(4)?,
            thread: row.get(5)?,
        },
        chat: ChatInfo { title: row.get(6)?, is_group: row.get(7)? },
        sender_name: row.get(8)?,
        sender_id: row.get(15)?,
        sender_role: row.get(16)?,
        text: row.get(9)?,
        quote: quote.1.map(|text| Quote { sender: quote.0.unwrap_or_default(), text }),
        received_at: Timestamp(row.get(12)?),
        sent_at: row.get::<_, Option<i64>>(13)?.map(Timestamp),
        tries: row.get(14)?,
        zone: String::new(),
        files: vec![],
        overheard: Overheard::default(),
        task: errand(row, ERRAND_AT)?,
    })
}

fn waiting(conn: &Connection) -> rusqlite::Result<Vec<Candidate>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS}, {ERRAND}, not_before,
                NOT EXISTS (SELECT 1 FROM files_in f
                            WHERE f.state = 'pending' AND f.message <= messages_in.seq),
                waits_for, wait_since, wait_until, wait_count, wait_known
         FROM messages_in WHERE outcome IS NULL AND kind <> 'context' ORDER BY seq LIMIT 100"
    ))?
    .query_map([], |row| {
        Ok(Candidate {
            message: message(row)?,
            not_before: Timestamp(row.get(23)?),
            is_complete: row.get(24)?,
            wait: read_wait(row, 25)?,
        })
    })?
    .collect()
}

/// Reads what belongs to a message.
fn complete(conn: &Connection, it: &mut Inbound) -> rusqlite::Result<()> {
    it.zone = zone(conn, it.seq)?;
    if it.kind == InboundKind::Chat {
        it.files = files(conn, it.seq)?;
        it.overheard = overheard(conn, it.seq)?;
    }
    Ok(())
}

/// The zone of whoever wrote a message, else that of everybody; empty without either.
fn zone(conn: &Connection, of: MessageSeq) -> rusqlite::Result<String> {
    conn.prepare_cached(
        "SELECT coalesce((SELECT zone FROM zones z WHERE z.sender = m.sender_id),
                         (SELECT zone FROM zones WHERE sender = ''), '')
         FROM messages_in m WHERE seq = ?1",
    )?
    .query_row([of.0], |row| row.get(0))
}

fn files(conn: &Connection, of: MessageSeq) -> rusqlite::Result<Vec<FileIn>> {
    conn.prepare_cached(
        "SELECT kind, name, mime, path, reason FROM files_in WHERE message = ?1 ORDER BY ordinal",
    )?
    .query_map([of.0], |row| {
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

/// What was overheard since the last message that the agent was shown. A command shows nothing, but
/// one that begins a new conversation leaves behind what was before it.
fn overheard(conn: &Connection, before: MessageSeq) -> rusqlite::Result<Overheard> {
    let since: i64 = conn
        .prepare_cached(
            "SELECT seq FROM messages_in
             WHERE seq < ?1 AND (kind = 'chat' OR (kind = 'command' AND text LIKE '/new%'))
             ORDER BY seq DESC LIMIT 1",
        )?
        .query_row([before.0], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let range = params![since, before.0];
    let count: usize = conn
        .prepare_cached(
            "SELECT count(*) FROM messages_in WHERE seq > ?1 AND seq < ?2 AND kind = 'context'",
        )?
        .query_row(range, |row| row.get::<_, i64>(0))
        .map(|it| usize::try_from(it).unwrap_or(0))?;
    let mut shown = Vec::new();
    if 0 < count {
        let mut newest = conn.prepare_cached(&format!(
            "SELECT {COLUMNS}, {ERRAND} FROM messages_in
             WHERE seq > ?1 AND seq < ?2 AND kind = 'context' ORDER BY seq DESC LIMIT {OVERHEARD_MAX}"
        ))?;
        let mut bytes = 0;
        for it in newest.query_map(range, message)? {
            let mut it = it?;
            bytes += it.text.len() + it.quote.as_ref().map_or(0, |it| it.text.len());
            if OVERHEARD_BYTES_MAX < bytes {
                break;
            }
            it.files = files(conn, it.seq)?;
            shown.push(it);
        }
    }
    let left_out = u32::try_from(count.saturating_sub(shown.len())).unwrap_or(u32::MAX);
    shown.reverse();
    Ok(Overheard { messages: shown, left_out })
}
