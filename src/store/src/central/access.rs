//! Access requests: an unknown user or chat asks to be let in. What is beyond the limits is counted,
//! told its sender once, and summed up for the owner; it leaves no chat behind.

use std::time::Duration;

use domain::AgentName;
use domain::admission::Why;
use domain::approval::{RequestLoad, SPAN, TOLD_MAX};
use domain::message::{Address, Incoming};
use domain::question::QuestionId;
use domain::texts;
use domain::time::Timestamp;
use rusqlite::{Connection, params};

use super::questions::{Put, Question, same};
use super::{CentralStore, chats, dropped, questions, refusals};
use crate::StoreError;
use crate::outbox::{self, NewPart};
use crate::row::{json_column, only, row, run, to_json};
use crate::session::Scope;

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

impl CentralStore {
    /// Opens an access request about the sender or the chat of a message, which waits for its
    /// answer; what is said about it and the chat's row are the same commit. A request that is open
    /// already is joined; then nothing is said.
    ///
    /// # Errors
    /// When the database fails; so for every method below.
    pub fn request_access(
        &mut self,
        question: &Question,
        message: &Incoming,
        peer: Option<&str>,
        say: impl FnOnce(QuestionId) -> Vec<NewPart>,
    ) -> Result<Put, StoreError> {
        let (now, mut question) = (question.asked_at, question.clone());
        self.change("an access request", |tx| {
            question.chat = chats::find(tx, &message.from)?.map(|it| it.id);
            let open = if question.chat.is_some() { same(tx, &question)? } else { None };
            let (id, put) = match open {
                Some(id) => (id, Put::Joined(id)),
                None if !load(tx, &question, &message.from, now)?.has_room() => {
                    turn_away(tx, message, now)?;
                    return Ok(Put::Full);
                }
                None => {
                    let chat = chats::ensure(tx, &message.from, &message.body.chat, peer, now)?;
                    question.chat = Some(chat.id);
                    let id = questions::insert(tx, &question)?;
                    for part in say(id) {
                        outbox::add(Scope::host(tx), &part, None, now)?;
                    }
                    (id, Put::New(id))
                }
            };
            // Unless it is kept already, or there are enough.
            let sql = "INSERT INTO pending_message (question, ordinal, platform_id, message)
                       SELECT ?1, count(*), ?2, ?3 FROM pending_message
                       WHERE question = ?1 HAVING count(*) < ?4 ON CONFLICT DO NOTHING";
            run(tx, sql, params![id.0, message.platform_id, to_json(message)?, PENDING_MAX])?;
            Ok(put)
        })
    }

    /// Whom nobody was asked about, and the owner was not told of.
    pub fn unasked(&self) -> Result<Option<Unasked>, StoreError> {
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
    pub fn tell_unasked(&mut self, part: &NewPart, now: Timestamp) -> Result<(), StoreError> {
        self.whole("tell of unknown users", |central| {
            central.say(part, now)?;
            central.set_setting(TOLD_AT, &now.0.to_string())
        })
    }
}

/// An open request is at most a day old, and then as old as it takes to close it.
const OPEN_MAX: Duration = SPAN.saturating_mul(49);

fn load(
    tx: &Connection,
    question: &Question,
    from: &Address,
    now: Timestamp,
) -> rusqlite::Result<RequestLoad> {
    only(
        tx,
        "SELECT count(*) FILTER (WHERE settled_at IS NULL AND agent_group IS ?4),
                count(*) FILTER (WHERE ?5 < asked_at),
                count(*) FILTER (WHERE settled_at IS NULL AND g.chat = ?3),
                count(*) FILTER (WHERE settled_at IS NULL AND requester = ?6)
         FROM question q JOIN messaging_group g ON g.id = q.messaging_group
         WHERE q.kind IN ('sender', 'chat') AND ?7 < q.asked_at
           AND g.channel = ?1 AND g.account = ?2",
        params![
            from.channel,
            from.account,
            from.chat,
            question.agent.as_ref().map(AgentName::as_str),
            (now - SPAN).0,
            question.requester,
            (now - OPEN_MAX).0
        ],
    )
}

/// Counts a message whose sender nobody is asked about, and tells the sender the first time.
fn turn_away(tx: &Connection, message: &Incoming, now: Timestamp) -> rusqlite::Result<()> {
    let why = Why::TooManyRequests.as_str();
    let count = dropped::count(tx, &message.from, &message.body.sender, why, now)?;
    let told: u32 = only(
        tx,
        "SELECT count(*) FROM dropped
         WHERE channel = ?1 AND account = ?2 AND reason = ?3 AND ?4 < first_at",
        params![message.from.channel, message.from.account, why, (now - SPAN).0],
    )?;
    if count == 1 && told <= TOLD_MAX {
        refusals::add(tx, message, texts::access::TOO_MANY, now)?;
    }
    Ok(())
}
