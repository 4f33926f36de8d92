//! Finds a message by what people call it, and gathers all that is known of it.

use domain::cost::Cost;
use domain::delivery::by_hand::HostKey;
use domain::message::{Address, InboundKind, Outcome};
use domain::session::Launches;
use domain::time::Timestamp;
use domain::trace::{
    Approval, Asked, End, Facts, Fetching, Question, Taker, TraceContext, chat_name,
};
use domain::waits::ProviderWait;
use domain::{Incarnation, MessageSeq, SessionId};

use super::{PartRow, Reading};
use crate::outbound::OutboundReader;
use crate::row::{Columns, FromRow, is_there, list, one, only, row};
use crate::session::{Body, Scope};
use crate::{SessionRow, StoreError};

/// Messages that a name may stand for; more are an error of the caller.
const CANDIDATES_MAX: usize = 20;

/// What people call a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming {
    /// The newest one that was for an agent.
    Last,
    Seq(SessionId, MessageSeq),
    Part(HostKey),
    /// A platform's id, of a message that came or of one that went.
    Platform(String),
}

impl Naming {
    /// Everything is some name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if text == "last" {
            return Self::Last;
        }
        if let Some((session, seq)) = text.split_once('.')
            && let (Some(session), Ok(seq)) = (SessionId::parse(session), seq.parse())
        {
            return Self::Seq(session, MessageSeq(seq));
        }
        match HostKey::parse(text) {
            Some(key) => Self::Part(key),
            None => Self::Platform(text.to_owned()),
        }
    }
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Message(SessionId, MessageSeq),
    /// A part of the host; nothing led to it but what it says.
    Part(Box<PartRow>),
    /// Several.
    Several(Vec<(SessionId, MessageSeq)>),
    Nothing,
}

impl Reading {
    /// # Errors
    /// When a database fails. So for every method below.
    pub fn find(&self, name: &Naming) -> Result<Found, StoreError> {
        Ok(match name {
            Naming::Last => self.last()?.map_or(Found::Nothing, |it| Found::Message(it.0, it.1)),
            Naming::Seq(session, seq) if self.has(*session, *seq)? => {
                Found::Message(*session, *seq)
            }
            Naming::Seq(..) => Found::Nothing,
            Naming::Part(key) => match (self.part(key)?, key.session) {
                (Some(PartRow { cause: Some(cause), .. }), Some(session)) => {
                    Found::Message(session, MessageSeq(cause))
                }
                (Some(part), _) => Found::Part(Box::new(part)),
                (None, _) => Found::Nothing,
            },
            Naming::Platform(id) => self.by_platform_id(id)?,
        })
    }

    fn has(&self, session: SessionId, seq: MessageSeq) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM message WHERE session = ?1 AND seq = ?2";
        is_there(&self.central.conn, sql, [session.0, seq.0])
            .map_err(StoreError::query("find a message"))
    }

    fn last(&self) -> Result<Option<(SessionId, MessageSeq)>, StoreError> {
        let sql =
            "SELECT session, seq FROM message WHERE kind <> 'context' ORDER BY id DESC LIMIT 1";
        one(&self.central.conn, sql, []).map_err(StoreError::query("find the last message"))
    }

    fn by_platform_id(&self, id: &str) -> Result<Found, StoreError> {
        let sql = "SELECT session, seq FROM message WHERE platform_id = ?1
                   UNION SELECT session, cause FROM part
                   WHERE platform_id = ?1 AND cause IS NOT NULL ORDER BY 1, 2";
        let mut all: Vec<(SessionId, MessageSeq)> =
            list(&self.central.conn, sql, [id]).map_err(StoreError::query("find a message"))?;
        all.truncate(CANDIDATES_MAX);
        Ok(match all[..] {
            [] => {
                let mine = self.select("platform_id = ?1", &[&id])?.into_iter().next();
                mine.map_or(Found::Nothing, |it| Found::Part(Box::new(it)))
            }
            [(session, seq)] => Found::Message(session, seq),
            _ => Found::Several(all),
        })
    }

    /// All that is known of a message; `None` when there is none. What only a running host knows is
    /// left for the caller.
    pub fn facts(
        &self,
        session: SessionId,
        seq: MessageSeq,
        now: Timestamp,
    ) -> Result<Option<Facts>, StoreError> {
        let Some(row) = self.central.session(session)? else { return Ok(None) };
        let rows = self.rows(session);
        let Some((mut message, reply)) = message(rows, &row, seq)? else { return Ok(None) };
        message.approval = self.approval(rows, seq)?;
        let mut outbound = OutboundReader::new(self.layout.session(session).outbound_dir());
        // What the container says is worth telling, and no reason to tell nothing else.
        let (claims, tools) = outbound.history(seq).unwrap_or_default();
        let mut context = context(rows, seq, now)?;
        let stops = self.central.stops()?;
        context.stopped = stops.of(&row.agent).map(|stop| {
            let is_of_all = stops.all.as_ref() == Some(stop);
            (stop.by.clone(), if is_of_all { "--all".into() } else { row.agent.to_string() })
        });
        let parts = self.select(
            "p.session = ?1 AND (cause = ?2 OR (?3 IS NOT NULL AND out_seq = ?3))",
            &[&session.0, &seq.0, &reply],
        )?;
        Ok(Some(Facts {
            containers: takers(rows, claims)?,
            tools,
            parts: parts.into_iter().map(|it| it.sent).collect(),
            files: files(rows, seq)?,
            questions: questions(rows, seq).map_err(StoreError::query("read the requests"))?,
            message,
            cost: cost(rows, seq).map_err(StoreError::query("read what a turn cost"))?,
            context,
        }))
    }

    /// A message that waited for an answer about its sender or its chat.
    fn approval(&self, rows: Scope<'_>, seq: MessageSeq) -> Result<Option<Approval>, StoreError> {
        let sql = "SELECT q.id, coalesce(q.answered_by, '') FROM message i
                   JOIN messaging_group m
                       ON m.channel = i.channel AND m.account = i.account AND m.chat = i.chat
                   JOIN question q ON q.messaging_group = m.id
                   JOIN pending_message h ON h.question = q.id AND h.platform_id = i.platform_id
                   WHERE i.session = ?1 AND i.seq = ?2 AND q.state = 'answered'
                   ORDER BY q.id DESC LIMIT 1";
        let found: Option<(i64, String)> = one(&rows, sql, [rows.session, seq.0])
            .map_err(StoreError::query("read an approval"))?;
        let Some((question, by)) = found else { return Ok(None) };
        let is_known = !by.is_empty();
        let by = if is_known { self.central.name_of(&by)? } else { "somebody".to_owned() };
        Ok(Some(Approval { question, by }))
    }
}

row!(Question { id, is_change, asked_at, answered });
row!(Fetching { name, state, tries, retry_at, reason });

/// What a session asked.
const REQUESTS: &str = "SELECT q.id, r.form = 'admin', r.asked_at, r.state = 'answered'
    FROM request r LEFT JOIN question q ON q.session = r.session AND q.out_seq = r.seq
    WHERE r.session = ?1";

fn questions(rows: Scope<'_>, seq: MessageSeq) -> rusqlite::Result<Vec<Question>> {
    let sql = format!("{REQUESTS} AND r.cause = ?2 ORDER BY r.seq");
    list(&rows, &sql, [rows.session, seq.0])
}

/// A message and the number of its reply.
type StoredMessage = (Asked, Option<i64>);

fn message(
    rows: Scope<'_>,
    of: &SessionRow,
    seq: MessageSeq,
) -> Result<Option<StoredMessage>, StoreError> {
    let sql = "SELECT session, seq, body, channel, account, chat, thread, outcome, ended_at,
                   coalesce(reason, ''), kind, sender_id, platform_id, received_at, tries, not_before,
                   reply
               FROM message WHERE session = ?1 AND seq = ?2";
    let found: Option<StoredMessage> =
        one(&rows, sql, [rows.session, seq.0]).map_err(StoreError::query("read a message"))?;
    Ok(found.map(|(asked, reply)| (Asked { agent: of.agent.to_string(), ..asked }, reply)))
}

/// What the turn cost that a message began.
fn cost(rows: Scope<'_>, seq: MessageSeq) -> rusqlite::Result<Option<Cost>> {
    let sql = "SELECT sum(detail ->> 'micros') FROM event
               WHERE kind = 'cost' AND scope = ?1 AND item = ?2";
    Ok(only::<Option<i64>>(&rows, sql, [rows.session, seq.0])?.and_then(Cost::total))
}

/// Why a container ended.
const REASON: &str = "coalesce((SELECT detail ->> 'reason' FROM event WHERE kind = 'exit'
    AND scope = launch.session AND item = incarnation ORDER BY id DESC LIMIT 1), '')";

/// Claims are the program's word; when its container began and how it ended is the host's.
fn takers(
    rows: Scope<'_>,
    claims: Vec<(Incarnation, Timestamp)>,
) -> Result<Vec<Taker>, StoreError> {
    let taker = |(incarnation, claimed_at): (Incarnation, Timestamp)| {
        let sql = format!(
            "SELECT started_at, ended_at, {REASON} FROM launch
             WHERE session = ?1 AND incarnation = ?2"
        );
        let known: Option<(Timestamp, Option<Timestamp>, String)> =
            one(&rows, &sql, [rows.session, incarnation.0])
                .map_err(StoreError::query("read the launches"))?;
        let (started_at, ended_at, reason) =
            known.map(|it| (Some(it.0), it.1, it.2)).unwrap_or_default();
        Ok(Taker { incarnation, started_at, ended_at, reason, claimed_at })
    };
    claims.into_iter().map(taker).collect()
}

fn files(rows: Scope<'_>, seq: MessageSeq) -> Result<Vec<Fetching>, StoreError> {
    let sql = "SELECT name, state, tries, retry_at, coalesce(reason, '') FROM attachment
               WHERE session = ?1 AND message = ?2 ORDER BY ordinal";
    list(&rows, sql, [rows.session, seq.0])
        .map_err(StoreError::query("read the files of a message"))
}

fn context(rows: Scope<'_>, seq: MessageSeq, now: Timestamp) -> Result<TraceContext, StoreError> {
    let read = || -> rusqlite::Result<TraceContext> {
        let launches: Launches = crate::session::launches_of(rows)?;
        let sql = "SELECT seq, wait FROM message
                   WHERE session = ?1 AND outcome IS NULL AND seq <= ?2 ORDER BY seq LIMIT 1";
        let first: Option<(MessageSeq, Option<ProviderWait>)> =
            one(&rows, sql, [rows.session, seq.0])?;
        let behind = first.as_ref().map(|it| it.0).filter(|it| *it != seq);
        let sql = format!(
            "{REQUESTS} AND r.state <> 'answered' AND r.cause < ?2 AND EXISTS (SELECT 1 FROM message m
                 WHERE m.session = r.session AND m.seq = r.cause AND m.outcome IS NULL)
             ORDER BY r.seq LIMIT 1"
        );
        let asked_before: Option<Question> = one(&rows, &sql, [rows.session, seq.0])?;
        let sql = format!(
            "SELECT {REASON} FROM launch WHERE session = ?1 AND bad = 1
             ORDER BY incarnation DESC LIMIT 1"
        );
        let reason: Option<String> = one(&rows, &sql, [rows.session])?;
        Ok(TraceContext {
            now,
            host_runs: false,
            container: None,
            bad_starts: launches.failures,
            last_bad_end: launches.last_end.filter(|_| launches.failures != 0),
            last_bad_reason: reason.unwrap_or_default(),
            stopped: None,
            wait: first.and_then(|it| it.1).filter(|it| !it.is_over(now)),
            behind,
            asked_before,
            channel_trouble: None,
        })
    };
    read().map_err(StoreError::query("read a session"))
}

/// Without its agent and what was asked about it.
impl FromRow for Asked {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (session, seq, body): (_, _, Body) = columns.next()?;
        let from: Address = columns.next()?;
        let (outcome, ended_at): (Option<String>, Option<Timestamp>) = columns.next()?;
        let reason: String = columns.next()?;
        let end = outcome.as_deref().and_then(Outcome::parse).zip(ended_at);
        Ok(Self {
            session,
            seq,
            agent: String::new(),
            kind: InboundKind::parse(&columns.next::<String>()?).unwrap_or(InboundKind::Chat),
            sender: body.sender,
            handle: columns.next()?,
            chat: chat_name(&body.chat.title, &from.chat, &from.channel, from.thread.as_deref()),
            platform_id: columns.next()?,
            sent_at: body.sent_at,
            received_at: columns.next()?,
            rule: body.rule,
            approval: None,
            end: end.map(|(outcome, at)| End { outcome, reason, at }),
            tries: columns.next()?,
            not_before: columns.next()?,
        })
    }
}
