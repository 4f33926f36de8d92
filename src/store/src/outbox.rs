//! Parts on their way to platforms: the one place that can mint a [`ClaimedPart`], which is the only
//! thing that can be sent.
//!
//! One table for all chats, whether an agent or the host wrote a part.

use std::fs;
use std::ops::Deref;
use std::path::Path;

use domain::delivery::by_hand::{HostKey, Order, Standing, permit};
use domain::delivery::{PartKey, PartView, Tried, Verdict, exhausted};
use domain::message::Address;
use domain::outgoing::{Button, Card, Content, FileOut};
use domain::time::Timestamp;
use domain::words;
use domain::{MessageSeq, OutSeq, SessionId};
use rusqlite::{Result, params};
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
    /// Several people can be in the chat.
    pub in_group: bool,
    /// It says that work goes on: what ends that rings.
    pub is_silent: bool,
    /// The platform's id of who asked, where it goes to their chat.
    pub asker: Option<String>,
    /// What was tried with it before.
    pub tried: Tried,
    /// Of its files.
    pub bytes: u64,
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
    /// Shown together; the caption is that of the first.
    Files(Vec<FileOut>),
    Edit(Target, Card),
    Reaction(Target, String),
    Delete(Target),
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
) -> Result<bool> {
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
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
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
) -> Result<Option<ClaimedPart>> {
    // The message that it changes: by the platform's id, or the one that another part became.
    // Whose message it answers there. While that has no outcome, or more of the same follows, nobody
    // is rung up.
    let sql = "SELECT p.session, p.key, p.channel, p.account, p.chat, p.thread, p.reply_to, p.kind,
             p.was_uncertain,
             EXISTS (SELECT 1 FROM messaging_group g WHERE g.channel = p.channel
                         AND g.account = p.account AND g.chat = p.chat AND g.is_group = 1),
             p.kind = 'interim' AND p.form <> 'card' AND m.seq IS NOT NULL
                 AND (p.out_seq IS NOT NULL OR p.key LIKE 's%')
                 AND (m.outcome IS NULL OR EXISTS (SELECT 1 FROM part l WHERE l.session = p.session
                          AND l.out_seq = p.out_seq AND l.id > p.id AND l.state <> 'dead')),
             substr(m.sender_id, length(m.channel) + 2),
             p.key, p.tries, p.misses, p.form = 'edit' AND p.target LIKE 'key:s%',
             p.form, p.text, p.changes, p.file, p.buttons, p.uncertain_attempts,
             p.target IS NOT NULL AND p.changes IS NULL
         FROM (SELECT *, CASE WHEN target LIKE 'key:%'
                   THEN (SELECT platform_id FROM part t WHERE t.session = part.session
                             AND t.key = substr(part.target, 5) AND t.state = 'sent')
                   ELSE substr(target, 4) END AS changes
               FROM part WHERE session = ?1 AND key = ?2
                   AND state IN ('ready', 'unsent', 'uncertain')) p
         LEFT JOIN message m ON m.session = p.session AND m.seq = p.cause AND m.task IS NULL
             AND m.channel = p.channel AND m.account = p.account AND m.chat = p.chat";
    let found: Option<(SentPart, _, bool)> = one(&tx, sql, params![tx.session, key.0])?;
    let Some((mut part, uncertain_attempts, is_target_missing)) = found else { return Ok(None) };
    let missing = || "the message that it changes was not sent".to_owned();
    if let Some(why) = exhausted(uncertain_attempts).or_else(|| is_target_missing.then(missing)) {
        give_up(tx, key, &why, now)?;
        return Ok(None);
    }
    let files = match &mut part.content {
        Content::File(file) => std::slice::from_mut(file),
        Content::Album(files) => files.as_mut_slice(),
        Content::Text(_)
        | Content::Card(_)
        | Content::Edit { .. }
        | Content::Reaction { .. }
        | Content::Delete { .. } => &mut [],
    };
    for file in files {
        file.path = root.join(&file.path);
        part.bytes += fs::metadata(&file.path).map_or(0, |it| it.len());
    }
    let sql = "UPDATE part SET state = 'claimed', changed_at = ?3, claimed_at = ?3
               WHERE session = ?1 AND key = ?2";
    run(&tx, sql, params![tx.session, key.0, now.0])?;
    Ok(Some(ClaimedPart(part)))
}

row!(SentPart {
    host_key, to, reply_to, kind, is_repeat, in_group, is_silent, asker, tried, content; also, bytes
});
row!(Tried { key, tries, misses, replaces_line });

pub(crate) fn conclude(tx: Scope<'_>, key: &PartKey, end: &Verdict, now: Timestamp) -> Result<()> {
    let (state, retry_at, platform_id, counts) = match end {
        Verdict::Sent { platform_id } => ("sent", 0, Some(platform_id), 0),
        Verdict::Unsent { retry_at, counts } => ("unsent", retry_at.0, None, i64::from(*counts)),
        Verdict::Uncertain { retry_at } => ("uncertain", retry_at.0, None, 0),
        Verdict::Apart => return give_up(tx, key, "the platform wanted the edit to wait", now),
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
    let values = params![tx.session, key.0, state, retry_at, platform_id, counts, now.0];
    run(&tx, &sql, values).map(drop)
}

/// Takes the line away that says that work goes on, once what ends that was sent.
pub(crate) fn remove_line(tx: Scope<'_>, line: &PartKey, now: Timestamp) -> Result<()> {
    let sql = "SELECT channel, account, chat, thread, reply_to, cause FROM part
               WHERE session = ?1 AND key = ?2";
    let found: Option<(Address, _, _)> = one(&tx, sql, params![tx.session, line.0])?;
    let Some((to, reply_to, cause)) = found else { return Ok(()) };
    let (key, content) = (format!("ngone.{}", line.0), Draft::Delete(Target::Part(line.clone())));
    let part = NewPart::new(key, to, PartKind::Interim, content).replying_to(reply_to);
    add(tx, &part, Some((cause, None)), now).map(drop)
}

/// Gives a part up. A new text for a message that is gone becomes a message of its own first: what
/// it says must not be lost with what it would have replaced.
fn give_up(tx: Scope<'_>, key: &PartKey, why: &str, now: Timestamp) -> Result<()> {
    let sql = "SELECT substr(target, 5) FROM part
               WHERE session = ?1 AND key = ?2 AND form = 'edit' AND target LIKE 'key:s%'";
    if let Some(line) = one(&tx, sql, params![tx.session, key.0])? {
        remove_line(tx, &line, now)?;
    }
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
pub(crate) fn order(tx: Scope<'_>, key: &PartKey, order: Order, now: Timestamp) -> Result<Ordered> {
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

fn columns(content: &Draft) -> Result<DraftColumns<'_>> {
    Ok(match content {
        Draft::Text(text) => ("text", text, None, None, None),
        Draft::Card(card) => ("card", &card.text, None, None, Some(to_json(&card.buttons)?)),
        Draft::Files(files) => {
            let caption = files.first().map_or("", |it| &it.caption);
            ("file", caption, None, Some(to_json(files)?), None)
        }
        Draft::Edit(target, card) => {
            let buttons = Some(to_json(&card.buttons)?);
            ("edit", &card.text, Some(target_column(target)), None, buttons)
        }
        Draft::Reaction(target, emoji) => {
            ("reaction", emoji, Some(target_column(target)), None, None)
        }
        Draft::Delete(target) => ("delete", "", Some(target_column(target)), None, None),
    })
}

fn target_column(target: &Target) -> String {
    match target {
        Target::Part(key) => format!("key:{}", key.0),
        Target::Platform(id) => format!("id:{id}"),
    }
}

/// The same columns, read for sending, with the platform's id of what it changes.
impl FromRow for Content {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let (form, text, target): (String, String, Option<String>) = columns.next()?;
        let files: Option<Json<Vec<FileOut>>> = columns.next()?;
        let buttons: Option<Json<Vec<Button>>> = columns.next()?;
        let mut files = files.map(|it| it.0).unwrap_or_default();
        let target = target.unwrap_or_default();
        let buttons = buttons.map(|it| it.0).unwrap_or_default();
        Ok(match (form.as_str(), files.as_mut_slice()) {
            ("card", _) => Self::Card(Card { text, buttons }),
            ("edit", _) => Self::Edit { target, card: Card { text, buttons } },
            ("reaction", _) => Self::Reaction { target, emoji: text },
            ("delete", _) => Self::Delete { target },
            (_, []) => Self::Text(text),
            (_, [file]) => Self::File(FileOut { caption: text, ..file.clone() }),
            (_, [first, ..]) => {
                first.caption = text;
                Self::Album(files)
            }
        })
    }
}
