//! An adapter to copy, with everything that the contract has, for the REST platform that [`crate::courier`] describes.
//!
//! - A message's id is the platform's. What happened to it later is named by its id, `#`, and the update's number.
//! - The cursor is the number of the last update.
//! - `Account::urls["api"]` leads to another server than [`API`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use channel::http::{Method, Rest, escaped};
use channel::{
    Account, Adapter, Batch, Caps, ChannelError, CommandInfo, Connection, Cursor, DeliverError,
    Event, FetchError, Gap, Me, Need, Part, REPEAT_NOTE, Registration, Sink, Source, Writer,
};
use domain::message::{Address, Attachment, Body, Change, Click, FileKind, Incoming};
use domain::outgoing::{Content, TextLimit};
use domain::time::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const NAME: &str = "courier";
const API: &str = "https://api.courier.example";
const TEXT: TextLimit = TextLimit::chars(2_000 - REPEAT_NOTE.len());
const POLL: Duration = Duration::from_secs(30);
/// A server that does not wait must not be asked without end.
const BETWEEN_EMPTY: Duration = Duration::from_millis(200);
/// How long the platform keeps updates.
const KEPT: Duration = Duration::from_secs(24 * 3600);

const CAPS: Caps = Caps {
    caption_max: 1_000 - REPEAT_NOTE.len(),
    album_max: 10,
    buttons: true,
    edits: true,
    deletes: true,
    reactions: true,
    silent: true,
    idempotent: true,
    file_bytes_max: 4 << 20,
    alive_every: Some(POLL),
    ..Caps::plain(TEXT)
};

inventory::submit! {
    Registration {
        name: NAME,
        needs: &[Need::secret("token", "the bot's token from your team's settings")],
        caps: CAPS,
        adapter: &Courier,
    }
}

#[derive(Debug)]
struct Courier;

#[async_trait]
impl Adapter for Courier {
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError> {
        let (me, api) = (self.check(account).await?, Rest::new(NAME, account, API)?);
        let (account, gap) = (account.name.clone(), Some(account.gap(KEPT)));
        let source = Box::new(CourierSource { api: api.clone(), account, gap });
        Ok(Connection { me, caps: CAPS, source, sink: Arc::new(CourierSink(api)) })
    }

    async fn check(&self, account: &Account) -> Result<Me, ChannelError> {
        Ok(Rest::new(NAME, account, API)?.get("me").await?)
    }
}

#[derive(Debug)]
struct CourierSource {
    api: Rest,
    account: String,
    gap: Option<Gap>,
}

#[async_trait]
impl Source for CourierSource {
    async fn receive(&mut self, after: &Cursor) -> Result<Batch, ChannelError> {
        let path = format!("updates?after={}&wait={}", after.0, POLL.as_secs());
        let mut updates: Vec<Value> = self.api.get(&path).await?;
        while updates.is_empty() {
            tokio::time::sleep(BETWEEN_EMPTY).await;
            updates = self.api.get(&path).await?;
        }
        let last = updates.iter().filter_map(|it| it["number"].as_u64()).next_back();
        let events = updates.iter().filter_map(|it| self.event(it)).collect();
        Ok(Batch { events, cursor: last.map_or(after.clone(), |it| Cursor(it.to_string())) })
    }

    fn gap(&mut self) -> Option<Gap> {
        self.gap.take()
    }
}

impl CourierSource {
    /// `None` for what this adapter does not know.
    fn event(&self, update: &Value) -> Option<Event> {
        let (id, chat) = (update["id"].as_str()?.to_owned(), update["chat"]["id"].as_str()?);
        let (at, name) = (self.address(chat, None), &update["chat"]["title"]);
        let changed = |change| {
            let platform_id = format!("{id}#{}", update["number"]);
            let mut message = Incoming { platform_id, ..self.message(update, &id, chat) };
            message.body.change = Some(change);
            Event::Message(message)
        };
        Some(match update["type"].as_str()? {
            "message" => Event::Message(self.message(update, &id, chat)),
            "edited" => changed(Change::Edited { of: id.clone() }),
            "deleted" => changed(Change::Deleted { of: id.clone() }),
            "reacted" => {
                let (emoji, added) = (read(&update["emoji"]), update["added"] == true);
                changed(Change::Reacted { to: id.clone(), emoji, added })
            }
            "clicked" => Event::Click(Click {
                from: self.address(chat, update["thread"].as_str()),
                chat: read(&update["chat"]),
                platform_id: id.clone(),
                sender: read(&update["from"]),
                data: read(&update["data"]),
                press: id,
            }),
            "joined" => Event::Reachable { chat: at, by: read(&update["from"]), title: read(name) },
            "left" => Event::Left(at),
            "renamed" => Event::Renamed { chat: at, title: read(name) },
            "moved" => Event::Moved { from: at, to: self.address(update["to"].as_str()?, None) },
            "undelivered" => Event::Undelivered { chat: at, id, why: read(&update["why"]) },
            _ => return None,
        })
    }

    fn address(&self, chat: &str, thread: Option<&str>) -> Address {
        let (channel, account) = (NAME.to_owned(), self.account.clone());
        Address { channel, account, chat: chat.into(), thread: thread.map(str::to_owned) }
    }

    fn message(&self, update: &Value, id: &str, chat: &str) -> Incoming {
        let (thread, replied) = (&update["thread"], &update["reply_to"]);
        let body = Body {
            chat: read(&update["chat"]),
            quote: read(replied),
            sent_at: update["at"].as_i64().map(|it| Timestamp(it * 1_000)),
            thread: read(thread),
            forwarded_from: read(&update["forwarded_from"]),
            unread: read(&update["unreadable"]),
            ..Body::new(read(&update["from"]), read::<String>(&update["text"]))
        };
        Incoming {
            from: self.address(chat, thread["id"].as_str()),
            platform_id: id.to_owned(),
            body,
            mentioned: update["mentioned"] == true,
            files: files(update, false).chain(files(replied, true)).collect(),
            to_agent: None,
        }
    }
}

/// What is missing, or is something else, is empty. Where the platform has the same names, it is read as a whole.
fn read<T: DeserializeOwned + Default>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

fn files(message: &Value, is_quoted: bool) -> impl Iterator<Item = Attachment> {
    message["files"].as_array().into_iter().flatten().map(move |file| Attachment {
        kind: FileKind::of(&read::<String>(&file["mime"])),
        name: read(&file["name"]),
        mime: read(&file["mime"]),
        bytes: read(&file["bytes"]),
        source: read(&file["id"]),
        is_quoted,
    })
}

#[derive(Debug)]
struct CourierSink(Rest);

impl CourierSink {
    async fn create(&self, part: &Part) -> Result<String, DeliverError> {
        let mut body = shown(part.note(), &part.content);
        body["thread"] = json!(part.to.thread);
        body["reply_to"] = part.reply_to.clone().into();
        body["silent"] = part.silent.into();
        body["notify"] = json!(part.notify);
        let (chat, files) = (escaped(&part.to.chat), part.content.files());
        let request = if files.is_empty() {
            self.0.json(Method::POST, &format!("chats/{chat}/messages"), &body)
        } else {
            self.0.form(Method::POST, &format!("chats/{chat}/files"), &body, files).await?
        };
        // The same part again is the same message.
        let made: Value = self.0.send(request.header("idempotency-key", &part.key)).await?;
        Ok(read(&made["id"]))
    }
}

fn shown(note: &str, content: &Content) -> Value {
    let text = format!("{note}{}", markdown::render(content.text(), CAPS.dialect));
    json!({ "text": text, "buttons": content.buttons() })
}

#[async_trait]
impl Sink for CourierSink {
    async fn deliver(&self, part: &Part) -> Result<String, DeliverError> {
        let (method, target, below, body) = match &part.content {
            Content::Text(_) | Content::Card(_) | Content::File(_) | Content::Album(_) => {
                return self.create(part).await;
            }
            Content::Edit { target, .. } => (Method::PUT, target, "", shown("", &part.content)),
            Content::Reaction { target, emoji } => {
                (Method::PUT, target, "/reaction", json!({ "emoji": emoji }))
            }
            Content::Delete { target } => (Method::DELETE, target, "", json!({})),
        };
        self.0.call(method, &format!("messages/{}{below}", escaped(target)), &body).await?;
        Ok(target.clone())
    }

    async fn working(&self, chat: &Address) {
        let path = format!("chats/{}/typing", escaped(&chat.chat));
        let _ = self.0.call(Method::POST, &path, &json!({ "thread": chat.thread })).await;
    }

    async fn draft(&self, _chat: &Address, target: &str, text: &str) {
        let path = format!("messages/{}", escaped(target));
        let text = markdown::render(text, CAPS.dialect);
        let _ = self.0.call(Method::PUT, &path, &json!({ "text": text })).await;
    }

    async fn answer(&self, press: &str, words: Option<&str>) {
        let path = format!("clicks/{}", escaped(press));
        let _ = self.0.call(Method::POST, &path, &json!({ "text": words })).await;
    }

    async fn publish_commands(&self, commands: &[CommandInfo]) {
        let _ = self.0.call(Method::PUT, "commands", &json!(commands)).await;
    }

    async fn fetch(&self, source: &str, max: u64, into: Writer<'_>) -> Result<(), FetchError> {
        self.0.download(&format!("files/{}", escaped(source)), max, into).await
    }

    async fn open_direct(&self, handle: &str) -> Result<String, DeliverError> {
        let path = format!("people/{}/chat", escaped(handle));
        Ok(read(&self.0.call(Method::PUT, &path, &json!({})).await?["id"]))
    }
}
