//! Finds a message by what people call it, and gathers all that is known of it.

use domain::cost::Cost;
use domain::delivery::by_hand::HostKey;
use domain::message::{InboundKind, Outcome};
use domain::session::Launches;
use domain::time::Timestamp;
use domain::trace::{
    Approval, Around, Asked, End, Facts, Fetching, Question, Rule, Taker, chat_name,
};
use domain::{Incarnation, MessageSeq, SessionId};
use rusqlite::{OptionalExtension, Row, params};

use super::{Inbound, PartRow, Reading};
use crate::outbound::OutboundReader;
use crate::{SessionRow, StoreError};

/// What a name of a message may stand for; more are an error of whoever asks.
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
    /// Something that the host said by itself; nothing led to it but what it says.
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
            Naming::Seq(session, seq) => match self.inbound(*session)? {
                Some(inbound) if inbound.has(*seq)? => Found::Message(*session, *seq),
                Some(_) | None => Found::Nothing,
            },
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

    fn last(&self) -> Result<Option<(SessionId, MessageSeq)>, StoreError> {
        let mut newest: Option<(i64, SessionId, MessageSeq)> = None;
        for session in self.sessions()? {
            let Some(inbound) = self.inbound(session.id)? else { continue };
            let sql = "SELECT received_at, seq FROM messages_in WHERE kind <> 'context'
                       ORDER BY seq DESC LIMIT 1";
            let found: Option<(i64, i64)> = inbound
                .conn
                .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
                .map_err(StoreError::query("find the last message"))?;
            if let Some((at, seq)) = found.filter(|it| newest.is_none_or(|old| old.0 <= it.0)) {
                newest = Some((at, session.id, MessageSeq(seq)));
            }
        }
        Ok(newest.map(|it| (it.1, it.2)))
    }

    fn by_platform_id(&self, id: &str) -> Result<Found, StoreError> {
        let mut all = Vec::new();
        for session in self.sessions()? {
            let Some(inbound) = self.inbound(session.id)? else { continue };
            let sql = "SELECT seq FROM messages_in WHERE platform_id = ?1
                       UNION SELECT cause FROM deliveries WHERE platform_id = ?1";
            let read = || -> rusqlite::Result<Vec<i64>> {
                inbound.conn.prepare(sql)?.query_map([id], |row| row.get(0))?.collect()
            };
            let found = read().map_err(StoreError::query("find a message"))?;
            all.extend(found.into_iter().map(|seq| (session.id, MessageSeq(seq))));
        }
        all.truncate(CANDIDATES_MAX);
        Ok(match all[..] {
            [] => {
                let mine = self.host_parts("platform_id = ?1", &[&id])?.into_iter().next();
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
        let (Some(row), Some(inbound)) = (self.central.session(session)?, self.inbound(session)?)
        else {
            return Ok(None);
        };
        let Some(mut message) = inbound.message(&row, seq)? else {
            return Ok(None);
        };
        message.approval = self.approval(&inbound, seq)?;
        let mut outbound = OutboundReader::new(self.layout.session(session).outbound_dir());
        // What the container says is worth telling, and no reason to tell nothing else.
        let (claims, tools) = outbound.history(seq).unwrap_or_default();
        let around = inbound.around(seq, now)?;
        let (reply, cost) = (inbound.reply(seq)?, inbound.cost(seq)?);
        let parts = self.parts_of(
            session,
            "cause = ?1 OR (?2 IS NOT NULL AND out_seq = ?2)",
            &[&seq.0, &reply],
        )?;
        Ok(Some(Facts {
            containers: inbound.takers(claims)?,
            tools,
            parts: parts.into_iter().map(|it| it.sent).collect(),
            files: inbound.files(seq)?,
            questions: self.questions(&inbound, session, seq)?,
            message,
            cost,
            around,
        }))
    }

    /// A message that waited for an answer about its sender or its chat.
    fn approval(&self, inbound: &Inbound, seq: MessageSeq) -> Result<Option<Approval>, StoreError> {
        const OP: &str = "read an approval";
        let sql = "SELECT channel, account, chat, platform_id FROM messages_in WHERE seq = ?1";
        let place: (String, String, String, String) = inbound
            .conn
            .query_row(sql, [seq.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .map_err(StoreError::query(OP))?;
        let found: Option<(i64, String)> = self
            .central
            .conn
            .query_row(
                "SELECT q.id, coalesce(q.answered_by, '') FROM held h
                 JOIN question q ON q.id = h.question
                 JOIN messaging_group m ON m.id = q.messaging_group
                 WHERE m.channel = ?1 AND m.account = ?2 AND m.chat = ?3 AND h.platform_id = ?4
                   AND q.state = 'answered' ORDER BY q.id DESC LIMIT 1",
                params![place.0, place.1, place.2, place.3],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()
            .map_err(StoreError::query(OP))?;
        match found {
            Some((question, by)) => {
                let by = if by.is_empty() { "somebody".to_owned() } else { self.name_of(&by)? };
                Ok(Some(Approval { question, by }))
            }
            None => Ok(None),
        }
    }

    fn questions(
        &self,
        inbound: &Inbound,
        session: SessionId,
        seq: MessageSeq,
    ) -> Result<Vec<Question>, StoreError> {
        const OP: &str = "read the requests of a message";
        let read = || -> rusqlite::Result<Vec<(i64, Question)>> {
            let sql = "SELECT out_seq, form = 'admin', asked_at, state = 'answered' FROM requests
                       WHERE cause = ?1 ORDER BY out_seq";
            inbound
                .conn
                .prepare(sql)?
                .query_map([seq.0], |row| {
                    let (is_change, asked_at) = (row.get(1)?, Timestamp(row.get(2)?));
                    let question =
                        Question { id: None, is_change, asked_at, answered: row.get(3)? };
                    Ok((row.get(0)?, question))
                })?
                .collect()
        };
        let mut found = read().map_err(StoreError::query(OP))?;
        for (out_seq, question) in &mut found {
            let sql = "SELECT id FROM question WHERE session = ?1 AND out_seq = ?2";
            let id = self.central.conn.query_row(sql, [session.0, *out_seq], |row| row.get(0));
            question.id = id.optional().map_err(StoreError::query(OP))?;
        }
        Ok(found.into_iter().map(|it| it.1).collect())
    }
}

impl Inbound {
    fn has(&self, seq: MessageSeq) -> Result<bool, StoreError> {
        self.conn
            .prepare("SELECT 1 FROM messages_in WHERE seq = ?1")
            .and_then(|mut it| it.exists([seq.0]))
            .map_err(StoreError::query("find a message"))
    }

    fn message(&self, of: &SessionRow, seq: MessageSeq) -> Result<Option<Asked>, StoreError> {
        let rule = if self.is_current { "rule, rule_detail" } else { "NULL, NULL" };
        let sql = format!(
            "SELECT kind, sender_name, sender_id, chat_title, chat, channel, thread, platform_id,
                 sent_at, received_at, outcome, coalesce(reason, ''), ended_at, tries, not_before,
                 {rule}
             FROM messages_in WHERE seq = ?1"
        );
        self.conn
            .query_row(&sql, [seq.0], |row| asked(row, of, seq))
            .optional()
            .map_err(StoreError::query("read a message"))
    }

    fn reply(&self, seq: MessageSeq) -> Result<Option<i64>, StoreError> {
        self.conn
            .query_row("SELECT reply FROM messages_in WHERE seq = ?1", [seq.0], |row| row.get(0))
            .map_err(StoreError::query("read a message"))
    }

    fn cost(&self, seq: MessageSeq) -> Result<Option<Cost>, StoreError> {
        let read = || -> rusqlite::Result<Option<i64>> {
            if !super::has_column(&self.conn, "messages_in", "cost")? {
                return Ok(None);
            }
            let sql = "SELECT cost FROM messages_in WHERE seq = ?1";
            self.conn.query_row(sql, [seq.0], |row| row.get(0))
        };
        let micros = read().map_err(StoreError::query("read what a message cost"))?;
        Ok(micros.and_then(Cost::of_turn))
    }

    /// Claims are the program's word; when its container began and how it ended is the host's.
    fn takers(&self, claims: Vec<(Incarnation, Timestamp)>) -> Result<Vec<Taker>, StoreError> {
        let taker = |(incarnation, claimed_at): (Incarnation, Timestamp)| {
            let sql = "SELECT started_at, ended_at, coalesce(reason, '') FROM launches
                       WHERE incarnation = ?1";
            let known: Option<(i64, Option<i64>, String)> = self
                .conn
                .query_row(sql, [incarnation.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()
                .map_err(StoreError::query("read the launches"))?;
            let (started_at, ended_at, reason) = match known {
                Some((started, ended, why)) => {
                    (Some(Timestamp(started)), ended.map(Timestamp), why)
                }
                None => (None, None, String::new()),
            };
            Ok(Taker { incarnation, started_at, ended_at, reason, claimed_at })
        };
        claims.into_iter().map(taker).collect()
    }

    fn files(&self, seq: MessageSeq) -> Result<Vec<Fetching>, StoreError> {
        let read = || -> rusqlite::Result<Vec<Fetching>> {
            let sql = "SELECT name, state, tries, retry_at, coalesce(reason, '') FROM files_in
                       WHERE message = ?1 ORDER BY ordinal";
            self.conn
                .prepare(sql)?
                .query_map([seq.0], |row| {
                    Ok(Fetching {
                        name: row.get(0)?,
                        state: row.get(1)?,
                        tries: row.get(2)?,
                        retry_at: Timestamp(row.get(3)?),
                        reason: row.get(4)?,
                    })
                })?
                .collect()
        };
        read().map_err(StoreError::query("read the files of a message"))
    }

    fn around(&self, seq: MessageSeq, now: Timestamp) -> Result<Around, StoreError> {
        let read = || -> rusqlite::Result<Around> {
            let launches: Launches = crate::inbound::launches_of(&self.conn)?;
            let sql = "SELECT min(seq) FROM messages_in WHERE outcome IS NULL AND seq < ?1";
            let behind: Option<i64> = self.conn.query_row(sql, [seq.0], |row| row.get(0))?;
            let sql = "SELECT coalesce(reason, '') FROM launches WHERE bad = 1
                       ORDER BY incarnation DESC LIMIT 1";
            let reason: Option<String> =
                self.conn.query_row(sql, [], |row| row.get(0)).optional()?;
            Ok(Around {
                now,
                host_runs: false,
                container: None,
                bad_starts: launches.failures,
                last_bad_end: launches.last_end.filter(|_| launches.failures != 0),
                last_bad_reason: reason.unwrap_or_default(),
                behind: behind.map(MessageSeq),
                channel_trouble: None,
            })
        };
        read().map_err(StoreError::query("read a session"))
    }
}

fn asked(row: &Row<'_>, of: &SessionRow, seq: MessageSeq) -> rusqlite::Result<Asked> {
    let kind: String = row.get(0)?;
    let (title, chat, channel): (String, String, String) = (row.get(3)?, row.get(4)?, row.get(5)?);
    let thread: Option<String> = row.get(6)?;
    let outcome: Option<String> = row.get(10)?;
    let (reason, ended_at): (String, Option<i64>) = (row.get(11)?, row.get(12)?);
    let end = outcome.as_deref().and_then(Outcome::parse).zip(ended_at);
    let word: Option<String> = row.get(15)?;
    Ok(Asked {
        session: of.id,
        seq,
        agent: of.agent.to_string(),
        kind: InboundKind::parse(&kind).unwrap_or(InboundKind::Chat),
        sender: row.get(1)?,
        handle: row.get(2)?,
        chat: chat_name(&title, &chat, &channel, thread.as_deref()),
        platform_id: row.get(7)?,
        sent_at: row.get::<_, Option<i64>>(8)?.map(Timestamp),
        received_at: Timestamp(row.get(9)?),
        rule: match word {
            Some(word) => {
                let detail: Option<String> = row.get(16)?;
                Some(Rule { word, detail: detail.unwrap_or_default() })
            }
            None => None,
        },
        approval: None,
        end: end.map(|(outcome, at)| End { outcome, reason, at: Timestamp(at) }),
        tries: row.get(13)?,
        not_before: Timestamp(row.get(14)?),
    })
}
