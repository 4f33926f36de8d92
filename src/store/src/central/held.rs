//! Messages that wait for the answer to a question about their sender or chat, kept whole.

use domain::message::{Address, Attachment, Author, ChatInfo, FileKind, Incoming, Quote};
use domain::question::QuestionId;
use domain::time::Timestamp;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct PendingMessage {
    channel: String,
    account: String,
    chat: String,
    thread: Option<String>,
    title: String,
    is_group: bool,
    platform_id: String,
    sender: (String, String),
    text: String,
    mentioned: bool,
    quote: Option<(String, String)>,
    files: Vec<HeldFile>,
    sent_at: Option<i64>,
    to_agent: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct HeldFile {
    kind: String,
    name: String,
    mime: String,
    bytes: Option<u64>,
    source: String,
}

/// Keeps a message, unless it is kept already or there are `max`.
pub(super) fn add(
    tx: &Connection,
    question: QuestionId,
    message: &Incoming,
    max: i64,
) -> rusqlite::Result<()> {
    let json = serde_json::to_string(&PendingMessage::from(message))
        .map_err(|err| rusqlite::Error::ToSqlConversionFailure(Box::new(err)))?;
    tx.execute(
        "INSERT INTO held
         SELECT ?1, count(*), ?2, ?3 FROM held WHERE question = ?1 HAVING count(*) < ?4
         ON CONFLICT DO NOTHING",
        params![question.0, message.platform_id, json, max],
    )
    .map(drop)
}

pub(super) fn of(conn: &Connection, question: QuestionId) -> rusqlite::Result<Vec<Incoming>> {
    conn.prepare_cached("SELECT message FROM held WHERE question = ?1 ORDER BY ordinal")?
        .query_map([question.0], |row| {
            let json: String = row.get(0)?;
            let held: PendingMessage = serde_json::from_str(&json).map_err(|err| {
                let text = rusqlite::types::Type::Text;
                rusqlite::Error::FromSqlConversionFailure(0, text, Box::new(err))
            })?;
            Ok(Incoming::from(held))
        })?
        .collect()
}

impl From<&Incoming> for PendingMessage {
    fn from(it: &Incoming) -> Self {
        let file = |it: &Attachment| HeldFile {
            kind: it.kind.as_str().to_owned(),
            name: it.name.clone(),
            mime: it.mime.clone(),
            bytes: it.bytes,
            source: it.source.clone(),
        };
        Self {
            channel: it.from.channel.clone(),
            account: it.from.account.clone(),
            chat: it.from.chat.clone(),
            thread: it.from.thread.clone(),
            title: it.chat.title.clone(),
            is_group: it.chat.is_group,
            platform_id: it.platform_id.clone(),
            sender: (it.sender.id.clone(), it.sender.name.clone()),
            text: it.text.clone(),
            mentioned: it.mentioned,
            quote: it.quote.as_ref().map(|it| (it.sender.clone(), it.text.clone())),
            files: it.files.iter().map(file).collect(),
            sent_at: it.sent_at.map(|it| it.0),
            to_agent: it.to_agent.clone(),
        }
    }
}

impl From<PendingMessage> for Incoming {
    fn from(it: PendingMessage) -> Self {
        let file = |it: HeldFile| Attachment {
            kind: FileKind::parse(&it.kind).unwrap_or(FileKind::Document),
            name: it.name,
            mime: it.mime,
            bytes: it.bytes,
            source: it.source,
        };
        Self {
            from: Address {
                channel: it.channel,
                account: it.account,
                chat: it.chat,
                thread: it.thread,
            },
            chat: ChatInfo { title: it.title, is_group: it.is_group },
            platform_id: it.platform_id,
            sender: Author { id: it.sender.0, name: it.sender.1 },
            text: it.text,
            mentioned: it.mentioned,
            quote: it.quote.map(|(sender, text)| Quote { sender, text }),
            files: it.files.into_iter().map(file).collect(),
            sent_at: it.sent_at.map(Timestamp),
            to_agent: it.to_agent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_whole() {
        let message = Incoming {
            from: Address {
                channel: "telegram".into(),
                account: "default".into(),
                chat: "-1".into(),
                thread: Some("7".into()),
            },
            chat: ChatInfo { title: "Family".into(), is_group: true },
            platform_id: "-1:8".into(),
            sender: Author { id: "9".into(), name: "Bob".into() },
            text: "hello".into(),
            mentioned: true,
            quote: Some(Quote { sender: "Ann".into(), text: "hi".into() }),
            files: vec![Attachment {
                kind: FileKind::Image,
                name: "a.png".into(),
                mime: "image/png".into(),
                bytes: Some(3),
                source: "f".into(),
            }],
            sent_at: Some(Timestamp(5)),
            to_agent: Some("andy".into()),
        };
        assert_eq!(Incoming::from(PendingMessage::from(&message)), message);
    }
}
