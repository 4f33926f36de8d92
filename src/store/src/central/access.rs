//! Access requests: an unknown user or chat asks to be let in. What is beyond the limits is told its
//! sender once, and summed up for the owner; it leaves no chat behind. Whatever reaches nobody is
//! counted, without what it said.

use std::time::Duration;

use domain::admission::Why;
use domain::approval::{RequestLoad, SPAN, TOLD_MAX};
use domain::message::{Author, Incoming};
use domain::question::QuestionId;
use domain::texts;

use super::questions::{Put, Question, insert, same};
use crate::central::prelude::*;
use crate::outbox::NewPart;
use crate::row::{json_column, only, row, run, to_json};

/// Pending messages of one request; a user who goes on writing is told nothing new.
const PENDING_MAX: i64 = 20;
/// The setting that says when the owner was told of users whom nobody was asked about.
const TOLD_AT: &str = "unasked_told_at";

/// Unknown users whom nobody was asked about, since the owner was told of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unasked {
    pub users: usize,
    pub oldest: Timestamp,
    pub last_told: Option<Timestamp>,
}

json_column!(Incoming);
row!(RequestLoad { account_open, account_span, chat_open, requester_open });

/// An open request is at most a day old, and then as old as it takes to close it.
const OPEN_MAX: Duration = SPAN.saturating_mul(49);
/// Rows that are kept; unknown users decide how many there would be.
const ROWS_MAX: i64 = 5_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedRow {
    pub from: Address,
    pub sender: Author,
    /// One of a few fixed words of the router.
    pub reason: String,
    pub count: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

row!(Author { id, name; kind });

row!(DroppedRow { from, sender, reason, count, first_at, last_at });

impl CentralStore {
    /// Every count, the latest first.
    pub fn dropped(&self) -> Result<Vec<DroppedRow>> {
        let sql =
            "SELECT channel, account, chat, NULL, sender, sender_name, reason, count, first_at, last_at
             FROM dropped ORDER BY last_at DESC, channel, account, chat, sender, reason";
        self.list("list the dropped messages", sql, [])
    }

    /// Opens an access request about the sender or the chat of a message, which waits for its
    /// answer; what is said about it (`None`: its sender cannot be told anything) and the chat's row are the
    /// same commit. A request that is open already is joined; then nothing is said.
    pub fn request_access(
        &mut self,
        question: &Question,
        message: &Incoming,
        peer: Option<&str>,
        say: Option<impl FnOnce(QuestionId) -> NewPart>,
    ) -> Result<Put> {
        let (now, mut question) = (question.asked_at, question.clone());
        self.change("an access request", |central| {
            let from = &message.from;
            let of = (question.agent.clone(), question.requester.clone());
            question.chat = central.chat(from)?.map(|it| it.id);
            let has_chat = question.chat.is_some();
            let open = if has_chat { same(&central.conn, &question)? } else { None };
            let (id, put) = match open {
                Some(id) => (id, Put::Joined(id)),
                None if !central.has_role(&question.requester, &from.channel)?
                    && !central.request_load(of, from, now)?.has_room() =>
                {
                    central.turn_away(message, say.is_some(), now)?;
                    return Ok(Put::Full);
                }
                None => {
                    let chat = central.ensure_chat(from, &message.body.chat, peer, now)?;
                    question.chat = Some(chat.id);
                    let id = insert(&central.conn, &question)?;
                    if let Some(say) = say {
                        central.say(&say(id), now)?;
                    }
                    (id, Put::New(id))
                }
            };
            // Unless it is kept already, or there are enough.
            let sql = "INSERT INTO pending_message (question, ordinal, platform_id, message)
                       SELECT ?1, count(*), ?2, ?3 FROM pending_message
                       WHERE question = ?1 HAVING count(*) < ?4 ON CONFLICT DO NOTHING";
            let values = params![id.0, message.platform_id, to_json(message)?, PENDING_MAX];
            run(&central.conn, sql, values)?;
            Ok(put)
        })
    }

    /// Counts a message whose sender nobody is asked about, and tells the sender the first time, if it
    /// `can_hear`.
    fn turn_away(&mut self, message: &Incoming, can_hear: bool, now: Timestamp) -> Result<()> {
        let (from, why) = (&message.from, Why::TooManyRequests.as_str());
        let is_first = self.record_drop(from, &message.body.sender, why, now)?;
        let sql = "SELECT count(*) FROM dropped
                   WHERE channel = ?1 AND account = ?2 AND reason = ?3 AND ?4 < first_at";
        let lately = params![from.channel, from.account, why, (now - SPAN).0];
        if is_first && can_hear && self.only::<u32>("count who was told", sql, lately)? <= TOLD_MAX
        {
            self.add_refusal(message, texts::access::TOO_MANY, now)?;
        }
        Ok(())
    }

    /// Whom nobody was asked about, and the owner was not told of.
    pub fn unasked(&self) -> Result<Option<Unasked>> {
        let last_told = self.setting(TOLD_AT)?.and_then(|it| it.parse().ok()).map(Timestamp);
        let sql = format!(
            "SELECT count(DISTINCT channel || ':' || sender), min(last_at) FROM dropped
             WHERE reason = '{}' AND ?1 < last_at",
            Why::TooManyRequests.as_str()
        );
        let since = last_told.map_or(i64::MIN, |it| it.0);
        let (users, oldest): (usize, Option<Timestamp>) =
            self.only("count who was not asked about", &sql, [since])?;
        Ok(oldest.map(|oldest| Unasked { users, oldest, last_told }))
    }

    /// Tells the owner of all of them so far; the message and that they were told are one commit.
    pub fn tell_unasked(&mut self, part: &NewPart, now: Timestamp) -> Result<()> {
        self.change("tell of unknown users", |central| {
            central.say(part, now)?;
            central.set_setting(TOLD_AT, &now.0.to_string())
        })
    }

    /// Counts a message that reached nobody. Tells whether it is the first of this sender in this
    /// chat for this reason.
    pub fn record_drop(
        &mut self,
        from: &Address,
        sender: &Author,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool> {
        self.change("count a dropped message", |central| {
            let sql = "INSERT INTO dropped (channel, account, chat, sender, sender_name, reason,
                                            count, first_at, last_at)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?7)
                       ON CONFLICT DO UPDATE SET count = count + 1, last_at = excluded.last_at,
                           sender_name = excluded.sender_name
                       RETURNING count";
            let (Address { channel, account, chat, .. }, Author { id, name, .. }) = (from, sender);
            let values = params![channel, account, chat, id, name, reason, now.0];
            let is_first = only::<i64>(&central.conn, sql, values)? == 1;
            if is_first {
                let sql = "DELETE FROM dropped WHERE (channel, account, chat, sender, reason) IN
                               (SELECT channel, account, chat, sender, reason FROM dropped
                                ORDER BY last_at DESC LIMIT -1 OFFSET ?1)";
                run(&central.conn, sql, [ROWS_MAX])?;
            }
            Ok(is_first)
        })
    }

    /// Forgets the counts of one chat, or all; returns how many rows there were.
    pub fn clear_dropped(&self, of: Option<&Address>) -> Result<usize> {
        const OP: &str = "clear the dropped messages";
        let Some(of) = of else { return self.run(OP, "DELETE FROM dropped", []) };
        let sql = "DELETE FROM dropped WHERE channel = ?1 AND account = ?2 AND chat = ?3";
        self.run(OP, sql, [&of.channel, &of.account, &of.chat])
    }

    /// Whether one more event of a chat can wait until somebody connects that, where nobody has yet. `unread`: what
    /// its account brought and nobody decided on.
    pub(super) fn may_wait(&self, from: &Address, unread: i64, now: Timestamp) -> Result<bool> {
        let chat = self.chat(from)?;
        if let Some(chat) = &chat
            && (chat.denied_at.is_some() || !self.wirings_of(chat.id)?.is_empty())
        {
            return Ok(true);
        }
        let sql = "SELECT (SELECT count(*) FROM pending_message WHERE question = q.id)
                   FROM question q WHERE q.messaging_group = ?1 AND q.kind = 'chat' AND q.settled_at IS NULL";
        let waiting: Option<i64> = match chat {
            Some(chat) => self.one("count what waits", sql, [chat.id.0])?,
            None => None,
        };
        let has_room =
            waiting.is_some() || self.request_load((None, String::new()), from, now)?.has_room();
        Ok(has_room && waiting.unwrap_or(0) + unread < PENDING_MAX)
    }

    /// Whether the handle `channel:id` has a role. Such people are no mob.
    fn has_role(&self, handle: &str, channel: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM handle h JOIN role r ON r.person = h.person
                   WHERE h.channel = ?1 AND ?1 || ':' || h.id = ?2";
        self.is_there("find the role of a requester", sql, [channel, handle])
    }

    /// How much is open and was asked lately where a request comes from, by people without a role.
    fn request_load(
        &self,
        (agent, requester): (Option<AgentName>, String),
        at: &Address,
        now: Timestamp,
    ) -> Result<RequestLoad> {
        let agent = agent.as_ref().map(AgentName::as_str);
        let Address { channel, account, chat, .. } = at;
        let (lately, oldest) = ((now - SPAN).0, (now - OPEN_MAX).0);
        let sql = "SELECT count(*) FILTER (WHERE settled_at IS NULL AND agent_group IS ?4),
                    count(*) FILTER (WHERE ?5 < asked_at),
                    count(*) FILTER (WHERE settled_at IS NULL AND g.chat = ?3),
                    count(*) FILTER (WHERE settled_at IS NULL AND requester = ?6)
             FROM question q JOIN messaging_group g ON g.id = q.messaging_group
             WHERE q.kind IN ('sender', 'chat') AND ?7 < q.asked_at
               AND g.channel = ?1 AND g.account = ?2 AND NOT EXISTS
                   (SELECT 1 FROM handle h JOIN role r ON r.person = h.person
                    WHERE h.channel = ?1 AND h.id = substr(q.requester, length(?1) + 2))";
        let values = params![channel, account, chat, agent, lately, requester, oldest];
        self.only("count the requests", sql, values)
    }
}
