//! Parts on their way to platforms: the one place that can mint a [`ClaimedPart`], which is the only
//! thing that can be sent.
//!
//! One table for all chats, whether an agent or the host wrote a part.

use std::ops::Deref;
use std::path::Path;

use domain::delivery::by_hand::{HostKey, Order, Standing, permit};
use domain::delivery::{PartKey, PartView, Tried, Verdict, exhausted};
use domain::message::Address;
use domain::outgoing::{Button, Card, Content, FileOut};
use domain::time::Timestamp;
use domain::words;
use domain::{MessageSeq, OutSeq, SessionId};
use rusqlite::params;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::reasons::{DROPPED_BY_HAND, STOPPED};
use crate::row::{Columns, FromRow, Json, enum_column, one, row, run, to_json};
use crate::session::Scope;

/// How final a part is for the messages that it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum PartKind {
    /// More follows.
    Interim,
    Answer,
    /// What the host has to say when no answer comes.
    Notice,
}

words!(PartKind);
enum_column!(PartKind);

/// A part whose sending is committed. Cannot be made or changed outside this crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedPart(SentPart);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentPart {
    /// Its name across the host, which is also the key that the platform gets.
    pub host_key: HostKey,
    pub to: Address,
    pub content: Content,
    pub kind: PartKind,
    /// The platform's id of the message that led to this part; empty when none did.
    pub reply_to: String,
    /// The platform's ids of the other messages that this part answers.
    pub also: Vec<String>,
    /// The recipient may have seen it already.
    pub is_repeat: bool,
    /// What was tried with it before.
    pub tried: Tried,
}

impl Deref for ClaimedPart {
    type Target = SentPart;

    fn deref(&self) -> &SentPart {
        &self.0
    }
}

impl ClaimedPart {
    pub(crate) fn set_also(&mut self, also: Vec<String>) {
        self.0.also = also;
    }

    /// Says more texts in the same message, behind its own and under a heading if there is one.
    /// What is no text stays as it is.
    pub(crate) fn join(&mut self, heading: Option<&str>, more: &[String], between: &str) {
        if let Content::Text(text) = &mut self.0.content {
            let all = heading.into_iter().chain([text.as_str()]);
            *text = all.chain(more.iter().map(String::as_str)).collect::<Vec<_>>().join(between);
        }
    }
}

/// A message of ours or of somebody else that a part changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// What this part became on its platform.
    Part(PartKey),
    /// What has this id there.
    Platform(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Draft {
    Text(String),
    Card(Card),
    File(FileOut),
    Edit(Target, Card),
    Reaction(Target, String),
}

/// What led to a part of a session: the message that it answers, and the runner's own, if that said it.
type Origin = (MessageSeq, Option<OutSeq>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPart {
    pub key: PartKey,
    pub to: Address,
    pub reply_to: String,
    pub kind: PartKind,
    pub content: Draft,
}

impl NewPart {
    pub fn new(key: String, to: Address, kind: PartKind, content: Draft) -> Self {
        Self { key: PartKey(key), to, reply_to: String::new(), kind, content }
    }

    pub fn replying_to(self, reply_to: String) -> Self {
        Self { reply_to, ..self }
    }
}

/// Adds a part; one with that key that is there already is left as it is. Returns whether it is new.
pub(crate) fn add(
    tx: Scope<'_>,
    part: &NewPart,
    origin: Option<Origin>,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let NewPart { key, to, reply_to, kind, content } = part;
    let Address { channel, account, chat, thread } = to;
    let (form, text, target, file, buttons) = columns(content)?;
    let (key, kind) = (&key.0, kind.as_str());
    let out_seq = origin.and_then(|it| it.1).map(|it| it.0);
    let cause = origin.map(|it| it.0.0);
    // What answers a message whose answer may be known already is a repetition, perhaps.
    let sql = "INSERT INTO part (session, key, out_seq, cause, channel, account, chat, thread,
             reply_to, kind, form, text, target, file, buttons, state, changed_at, created_at, was_uncertain)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 'ready', ?16,
             ?16, coalesce((SELECT m.may_be_answered FROM message m
                            WHERE m.session = ?1 AND m.seq = ?4), 0))
         ON CONFLICT DO NOTHING";
    let values = params![
        tx.session, key, out_seq, cause, channel, account, chat, thread, reply_to, kind, form,
        text, target, file, buttons, now.0
    ];
    Ok(run(&tx, sql, values)? == 1)
}

row!(PartView { key, standing, retry_at, since });

impl FromRow for HostKey {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (session, part): (SessionId, _) = columns.next()?;
        // The host wrote it outside of any session.
        Ok(Self { session: Some(session).filter(|it| *it != SessionId(0)), part })
    }
}

/// Commits, with the caller's transaction, that a part is being sent. `None` when it is finished
/// already, cannot be sent as it is because the message that it changes is not there, or may have been
/// seen too often. Paths of files are taken from `root`.
pub(crate) fn claim(
    tx: Scope<'_>,
    root: &Path,
    key: &PartKey,
    now: Timestamp,
) -> rusqlite::Result<Option<ClaimedPart>> {
    let sql =
        "SELECT session, key, channel, account, chat, thread, reply_to, kind, was_uncertain, tries,
                   misses, form, text, target, file, buttons, uncertain_attempts
               FROM part WHERE session = ?1 AND key = ?2
                   AND state IN ('ready', 'unsent', 'uncertain')";
    let found: Option<(ClaimedPart, Raw, _)> = one(&tx, sql, params![tx.session, key.0])?;
    let Some((mut part, raw, uncertain_attempts)) = found else { return Ok(None) };
    if let Some(why) = exhausted(uncertain_attempts) {
        give_up(tx, key, &why, now)?;
        return Ok(None);
    }
    let Some(content) = raw.content(tx, root)? else {
        give_up(tx, key, "the message that it changes was not sent", now)?;
        return Ok(None);
    };
    part.0.content = content;
    let sql = "UPDATE part SET state = 'claimed', changed_at = ?3, claimed_at = ?3
               WHERE session = ?1 AND key = ?2";
    run(&tx, sql, params![tx.session, key.0, now.0])?;
    Ok(Some(part))
}

/// Without its content and what else it answers.
impl FromRow for ClaimedPart {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let host_key: HostKey = columns.next()?;
        let key = host_key.part.clone();
        Ok(Self(SentPart {
            host_key,
            to: columns.next()?,
            content: Content::Text(String::new()),
            reply_to: columns.next()?,
            kind: columns.next()?,
            also: Vec::new(),
            is_repeat: columns.next()?,
            tried: Tried { key, tries: columns.next()?, misses: columns.next()? },
        }))
    }
}

pub(crate) fn conclude(
    tx: Scope<'_>,
    key: &PartKey,
    verdict: &Verdict,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let (state, retry_at, platform_id, counts) = match verdict {
        Verdict::Sent { platform_id } => ("sent", 0, Some(platform_id), 0),
        Verdict::Unsent { retry_at, counts } => ("unsent", retry_at.0, None, i64::from(*counts)),
        Verdict::Uncertain { retry_at } => ("uncertain", retry_at.0, None, 0),
        Verdict::Dead { why } => return give_up(tx, key, why, now),
    };
    // What was stopped meanwhile is not tried again.
    let sql = format!(
        "UPDATE part SET state = iif(reason = '{STOPPED}' AND ?3 <> 'sent', 'dead', ?3),
                retry_at = ?4, platform_id = ?5, tries = tries + ?6,
                misses = iif(?3 = 'sent' OR ?6 > 0, 0, misses + 1), changed_at = ?7,
                uncertain_attempts = uncertain_attempts + (?3 = 'uncertain'), was_uncertain = was_uncertain OR ?3 = 'uncertain'
         WHERE session = ?1 AND key = ?2 AND state = 'claimed'"
    );
    let end = params![tx.session, key.0, state, retry_at, platform_id, counts, now.0];
    run(&tx, &sql, end).map(drop)
}

/// Gives a part up. A new text for a message that is gone becomes a message of its own first: what
/// it says must not be lost with what it would have replaced.
fn give_up(tx: Scope<'_>, key: &PartKey, why: &str, now: Timestamp) -> rusqlite::Result<()> {
    let sql = format!(
        "UPDATE part SET form = 'text', target = NULL, buttons = NULL, state = 'ready',
                retry_at = 0, tries = 0, misses = 0, uncertain_attempts = 0, reason = ?3, changed_at = ?4
         WHERE session = ?1 AND key = ?2 AND form = 'edit' AND state NOT IN ('sent', 'dead')
             AND reason IS NOT '{STOPPED}'"
    );
    let end = params![tx.session, key.0, why, now.0];
    if run(&tx, &sql, end)? == 0 {
        let sql = "UPDATE part SET state = 'dead', retry_at = 0, reason = ?3, changed_at = ?4
                   WHERE session = ?1 AND key = ?2 AND state NOT IN ('sent', 'dead')";
        run(&tx, sql, end)?;
    }
    Ok(())
}

enum_column!(Standing);

/// What became of an order; an error says why nothing did.
pub type Ordered = Result<Done, String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    pub was: Standing,
    /// Its reader may have it already; it is marked as a possible repeat.
    pub may_be_seen: bool,
}

/// Does what a person says, with the caller's transaction.
pub(crate) fn order(
    tx: Scope<'_>,
    key: &PartKey,
    order: Order,
    now: Timestamp,
) -> rusqlite::Result<Ordered> {
    let sql = "SELECT state, was_uncertain FROM part WHERE session = ?1 AND key = ?2";
    let Some((was, may_be_seen)) = one(&tx, sql, params![tx.session, key.0])? else {
        return Ok(Err("there is no such part".to_owned()));
    };
    if let Err(why) = permit(order, was) {
        return Ok(Err(why.to_owned()));
    }
    match order {
        // From the start, but a part that was uncertain once stays marked.
        Order::Retry => tx.execute(
            "UPDATE part SET state = 'ready', retry_at = 0, tries = 0, misses = 0, uncertain_attempts = 0,
                    reason = NULL, unreported = NULL, changed_at = ?3 WHERE session = ?1 AND key = ?2",
            params![tx.session, key.0, now.0],
        )?,
        Order::Drop => tx.execute(
            "UPDATE part SET state = 'dead', retry_at = 0, unreported = 0, reason = ?4,
                    changed_at = ?3 WHERE session = ?1 AND key = ?2",
            params![tx.session, key.0, now.0, DROPPED_BY_HAND],
        )?,
    };
    Ok(Ok(Done { was, may_be_seen }))
}

/// Form, text, target, file and buttons of a new part.
type DraftColumns<'a> = (&'static str, &'a str, Option<String>, Option<String>, Option<String>);

fn columns(content: &Draft) -> rusqlite::Result<DraftColumns<'_>> {
    Ok(match content {
        Draft::Text(text) => ("text", text, None, None, None),
        Draft::Card(card) => ("card", &card.text, None, None, Some(to_json(&card.buttons)?)),
        Draft::File(file) => ("file", &file.caption, None, Some(to_json(file)?), None),
        Draft::Edit(target, card) => {
            let buttons = Some(to_json(&card.buttons)?);
            ("edit", &card.text, Some(target_column(target)), None, buttons)
        }
        Draft::Reaction(target, emoji) => {
            ("reaction", emoji, Some(target_column(target)), None, None)
        }
    })
}

fn target_column(target: &Target) -> String {
    match target {
        Target::Part(key) => format!("key:{}", key.0),
        Target::Platform(id) => format!("id:{id}"),
    }
}

/// The same columns, read for sending.
struct Raw {
    form: String,
    text: String,
    target: Option<String>,
    file: Option<Json<FileOut>>,
    buttons: Option<Json<Vec<Button>>>,
}

row!(Raw { form, text, target, file, buttons });

impl Raw {
    fn content(self, tx: Scope<'_>, root: &Path) -> rusqlite::Result<Option<Content>> {
        let target = self.target.as_deref().map(|it| resolve(tx, it)).transpose()?;
        let Some(target) = target.unwrap_or(Some(String::new())) else { return Ok(None) };
        let buttons = self.buttons.map(|it| it.0).unwrap_or_default();
        let card = |text| Card { text, buttons };
        Ok(Some(match (self.form.as_str(), self.file) {
            ("card", _) => Content::Card(card(self.text)),
            ("edit", _) => Content::Edit { target, card: card(self.text) },
            ("reaction", _) => Content::Reaction { target, emoji: self.text },
            (_, Some(Json(file))) => {
                Content::File(FileOut { path: root.join(file.path), caption: self.text, ..file })
            }
            (_, None) => Content::Text(self.text),
        }))
    }
}

/// The platform's id of the message that a part changes.
fn resolve(tx: Scope<'_>, target: &str) -> rusqlite::Result<Option<String>> {
    if let Some(id) = target.strip_prefix("id:") {
        return Ok(Some(id.to_owned()));
    }
    let key = target.strip_prefix("key:").unwrap_or_default();
    let sql = "SELECT platform_id FROM part WHERE session = ?1 AND key = ?2 AND state = 'sent'";
    Ok(one(&tx, sql, params![tx.session, key])?.flatten())
}
