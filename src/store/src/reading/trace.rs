//! Finds a message by what people call it, and gathers all that is known of it.

use domain::cost::Cost;
use domain::delivery::by_hand::HostKey;
use domain::message::{Address, Outcome};
use domain::texts::chat_name;
use domain::time::Timestamp;
use domain::trace::{Approval, Asked, End, Facts, Fetching, Question, Rule, Taker, TraceContext};
use domain::waits::ProviderWait;
use domain::{Incarnation, MessageSeq, SessionId};
use rusqlite::Params;

use super::PartRow;
use crate::outbound::OutboundReader;
use crate::row::{Columns, FromRow, json_column, row};
use crate::{CentralStore, Result, SessionRow};

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
    Several(Vec<(SessionId, MessageSeq)>),
    Nothing,
}

row!(Question { id, is_change, asked_at, answered });
row!(Fetching { name, state, tries, retry_at, reason });

/// What a session asked.
const REQUESTS: &str = "SELECT q.id, r.form = 'admin', r.asked_at, r.state = 'answered'
    FROM request r LEFT JOIN question q ON q.session = r.session AND q.out_seq = r.seq
    WHERE r.session = ?1";

/// Why a container ended.
const REASON: &str = "coalesce((SELECT detail ->> 'reason' FROM event WHERE kind = 'exit'
    AND scope = launch.session AND item = incarnation ORDER BY id DESC LIMIT 1), '')";

impl CentralStore {
    /// What a name stands for.
    pub fn find_message(&self, name: &Naming) -> Result<Found> {
        const OP: &str = "find a message";
        let last =
            "SELECT session, seq FROM message WHERE kind <> 'context' ORDER BY id DESC LIMIT 1";
        let part = match name {
            Naming::Last => return self.find("find the last message", last, []),
            Naming::Seq(session, seq) => {
                let sql = "SELECT session, seq FROM message WHERE session = ?1 AND seq = ?2";
                return self.find(OP, sql, [session.0, seq.0]);
            }
            Naming::Part(key) => self.part(key)?,
            Naming::Platform(id) => {
                let sql = "SELECT session, seq FROM message WHERE platform_id = ?1
                           UNION SELECT session, cause FROM part
                           WHERE platform_id = ?1 AND cause IS NOT NULL ORDER BY 1, 2";
                let found = self.find(OP, sql, [id])?;
                if found != Found::Nothing {
                    return Ok(found);
                }
                self.select_parts("platform_id = ?1", &[id])?.into_iter().next()
            }
        };
        Ok(match part {
            None => Found::Nothing,
            Some(part) => match part.sent.key.session.zip(part.cause) {
                Some((session, cause)) => Found::Message(session, MessageSeq(cause)),
                None => Found::Part(Box::new(part)),
            },
        })
    }

    /// The messages of a query.
    fn find(&self, op: &'static str, sql: &str, params: impl Params) -> Result<Found> {
        let mut all: Vec<(SessionId, MessageSeq)> = self.list(op, sql, params)?;
        all.truncate(CANDIDATES_MAX);
        Ok(match all[..] {
            [] => Found::Nothing,
            [(session, seq)] => Found::Message(session, seq),
            _ => Found::Several(all),
        })
    }

    /// All that is known of a message; `None` when there is none. What only a running host knows is
    /// left for the caller.
    pub fn message_facts(
        &self,
        session: SessionId,
        seq: MessageSeq,
        now: Timestamp,
    ) -> Result<Option<Facts>> {
        let Some(row) = self.session(session)? else { return Ok(None) };
        let key = [session.0, seq.0];
        let sql = "SELECT session, seq, body, outcome, ended_at, coalesce(reason, ''), kind,
                       sender_id, platform_id, received_at, rule, tries, not_before, channel,
                       account, chat, thread, reply
                   FROM message WHERE session = ?1 AND seq = ?2";
        let found: Option<(Asked, Address, Option<i64>)> = self.one("read a message", sql, key)?;
        let Some((mut message, from, reply)) = found else { return Ok(None) };
        message.chat =
            chat_name(&message.body.chat.title, &from.chat, &from.channel, from.thread.as_deref());
        message.agent = row.agent.to_string();
        message.approval = self.approval(key)?;
        let mut outbound = OutboundReader::new(self.layout.session(session).outbound_dir());
        // What the container says is worth telling, and no reason to tell nothing else.
        let (claims, tools) = outbound.history(seq).unwrap_or_default();
        let parts = self.select_parts(
            "p.session = ?1 AND (cause = ?2 OR (?3 IS NOT NULL AND out_seq = ?3))",
            &[&session.0, &seq.0, &reply],
        )?;
        let files = "SELECT name, state, tries, retry_at, coalesce(reason, '') FROM attachment
                     WHERE session = ?1 AND message = ?2 ORDER BY ordinal";
        let questions = format!("{REQUESTS} AND r.cause = ?2 ORDER BY r.seq");
        let cost = "SELECT sum(detail ->> 'micros') FROM event
                    WHERE kind = 'cost' AND scope = ?1 AND item = ?2";
        let cost: Option<i64> = self.only("read what a turn cost", cost, key)?;
        let taker = |claim| self.taker(session, claim);
        Ok(Some(Facts {
            containers: claims.into_iter().map(taker).collect::<Result<_, _>>()?,
            tools,
            parts: parts.into_iter().map(|it| it.sent).collect(),
            files: self.list("read the files of a message", files, key)?,
            questions: self.list("read the requests", &questions, key)?,
            message,
            cost: cost.and_then(Cost::total),
            context: self.trace_context(&row, seq, now)?,
        }))
    }

    /// A message that waited for an answer about its sender or its chat.
    fn approval(&self, key: [i64; 2]) -> Result<Option<Approval>> {
        let sql = "SELECT q.id, coalesce(q.answered_by, '') FROM message i
                   JOIN messaging_group m
                       ON m.channel = i.channel AND m.account = i.account AND m.chat = i.chat
                   JOIN question q ON q.messaging_group = m.id
                   JOIN pending_message h ON h.question = q.id AND h.platform_id = i.platform_id
                   WHERE i.session = ?1 AND i.seq = ?2 AND q.state = 'answered'
                   ORDER BY q.id DESC LIMIT 1";
        let found: Option<(i64, String)> = self.one("read an approval", sql, key)?;
        let Some((question, by)) = found else { return Ok(None) };
        let by = if by.is_empty() { "somebody".to_owned() } else { self.name_of(&by)? };
        Ok(Some(Approval { question, by }))
    }

    /// Claims are the program's word; when its container began and how it ended is the host's.
    fn taker(
        &self,
        session: SessionId,
        (incarnation, claimed_at): (Incarnation, Timestamp),
    ) -> Result<Taker> {
        let sql = format!(
            "SELECT started_at, ended_at, {REASON} FROM launch
             WHERE session = ?1 AND incarnation = ?2"
        );
        let known: Option<(Option<Timestamp>, Option<Timestamp>, String)> =
            self.one("read the launches", &sql, [session.0, incarnation.0])?;
        let (started_at, ended_at, reason) = known.unwrap_or_default();
        Ok(Taker { incarnation, started_at, ended_at, reason, claimed_at })
    }

    fn trace_context(
        &self,
        row: &SessionRow,
        seq: MessageSeq,
        now: Timestamp,
    ) -> Result<TraceContext> {
        const OP: &str = "read a session";
        let key = [row.id.0, seq.0];
        let sql = "SELECT seq, wait FROM message
                   WHERE session = ?1 AND outcome IS NULL AND seq <= ?2 ORDER BY seq LIMIT 1";
        let first: Option<(MessageSeq, Option<ProviderWait>)> = self.one(OP, sql, key)?;
        let asked_before = format!(
            "{REQUESTS} AND r.state <> 'answered' AND r.cause < ?2 AND EXISTS (SELECT 1 FROM message m
                 WHERE m.session = r.session AND m.seq = r.cause AND m.outcome IS NULL)
             ORDER BY r.seq LIMIT 1"
        );
        let bad_reason = format!(
            "SELECT {REASON} FROM launch WHERE session = ?1 AND bad = 1
             ORDER BY incarnation DESC LIMIT 1"
        );
        let stops = self.stops()?;
        let stopped = stops.of(&row.agent).map(|stop| {
            let is_of_all = stops.all.as_ref() == Some(stop);
            (stop.by.clone(), if is_of_all { "--all".into() } else { row.agent.to_string() })
        });
        Ok(TraceContext {
            now,
            host_runs: false,
            container: None,
            launches: self.rows(row.id).launches()?,
            last_bad_reason: self.one(OP, &bad_reason, [row.id.0])?.unwrap_or_default(),
            stopped,
            behind: first.as_ref().map(|it| it.0).filter(|it| *it != seq),
            wait: first.and_then(|it| it.1).filter(|it| !it.is_over(now)),
            asked_before: self.one(OP, &asked_before, key)?,
            channel_trouble: None,
        })
    }
}

json_column!(Rule);

// Its chat is named by its address, and what else is known of it is found elsewhere.
row!(Asked {
    session, seq, body, end, kind, handle, platform_id, received_at, rule, tries, not_before;
    agent, chat, approval
});

impl FromRow for Option<End> {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (end, reason): (Option<(Outcome, Timestamp)>, String) = columns.next()?;
        Ok(end.map(|(outcome, at)| End { outcome, reason, at }))
    }
}
