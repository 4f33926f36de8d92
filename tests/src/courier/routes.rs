//! The requests of the API, one function for each. The table is in the module above.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use super::faults::Mishap;
use super::serve::{Answer, Call};
use super::world::{File, Inner, Message, direct};
use super::{BOT, BOT_NAME, State};
use crate::conformance::Fault;
use crate::discord::multipart;

const TEXT_CHARS_MAX: usize = 2_000;
const CAPTION_CHARS_MAX: usize = 1_000;
const FILES_MAX: usize = 10;
const FILE_BYTES_MAX: usize = 4 << 20;
const UPDATES_MAX: usize = 100;

type Outcome = Result<Value, (u16, String)>;

fn refused<T>(status: u16, why: impl Into<String>) -> Result<T, (u16, String)> {
    Err((status, why.into()))
}

pub(super) async fn perform(state: &State, call: &Call) -> Answer {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let request = (call.method.clone(), format!("/{}", call.path.join("/")), call.json());
    state.lock().requests.push(request);
    let outcome = match (call.method.as_str(), &path[..]) {
        ("GET", ["updates"]) => return updates(state, call).await,
        ("GET", ["files", id]) => {
            return match state.lock().files.get(*id) {
                Some(file) => Answer::Bytes(file.content.clone()),
                None => Answer::Refused(404, "there is no such file".into()),
            };
        }
        ("GET", ["me"]) => Ok(json!({"id": BOT, "name": BOT_NAME})),
        ("POST", ["chats", chat, "typing"]) => hint(state, |it| it.typing(chat)),
        ("PUT", ["people", person, "chat"]) => hint(state, |it| it.open(person)),
        ("POST", ["clicks", id]) => hint(state, |it| it.answer(id, &call.json())),
        ("PUT", ["commands"]) => hint(state, |inner| {
            inner.commands = call.json();
            Ok(json!({}))
        }),
        _ => return send(state, call, &path).await,
    };
    shown(outcome)
}

fn hint(state: &State, perform: impl FnOnce(&mut Inner) -> Outcome) -> Outcome {
    perform(&mut state.lock())
}

fn shown(outcome: Outcome) -> Answer {
    match outcome {
        Ok(value) => Answer::Json(value),
        Err((status, why)) => Answer::Refused(status, why),
    }
}

/// Everything that people see, and what can go wrong with it.
async fn send(state: &State, call: &Call, path: &[&str]) -> Answer {
    let mishap = state.lock().mishaps.pop_front();
    match mishap {
        Some(Mishap::Throttled(given)) => return Answer::Throttled(given.as_secs()),
        Some(Mishap::ServerError) => return Answer::Refused(503, "try again later".into()),
        Some(Mishap::Forbidden) => return Answer::Refused(403, "you may not do this here".into()),
        Some(Mishap::RequestLost) => return Answer::Lost,
        Some(Mishap::AnswerLost | Mishap::Slow(_)) | None => {}
    }
    let outcome = {
        let mut inner = state.lock();
        match (call.method.as_str(), path) {
            ("POST", ["chats", chat, "messages"]) => inner.post(chat, call, &call.json(), vec![]),
            ("POST", ["chats", chat, "files"]) => inner.post_files(chat, call),
            ("PUT", ["messages", id]) => inner.edit(id, &call.json()),
            ("DELETE", ["messages", id]) => inner.delete(id),
            ("PUT", ["messages", id, "reaction"]) => inner.react(id, &call.json()),
            _ => refused(404, "there is no such request"),
        }
    };
    match mishap {
        Some(Mishap::AnswerLost) => return Answer::Lost,
        Some(Mishap::Slow(given)) => sleep(given).await,
        Some(_) | None => {}
    }
    shown(outcome)
}

async fn updates(state: &State, call: &Call) -> Answer {
    let number = |name| call.asked(name).and_then(|it| it.parse().ok()).unwrap_or(0_u64);
    let after = number("after");
    let until = Instant::now() + Duration::from_secs(number("wait").min(50));
    let ended = state.lock().polls_ended;
    let fault = state.lock().reads.pop_front();
    match fault {
        Some(Fault::Throttle(given)) => return Answer::Throttled(given.as_secs()),
        Some(Fault::ServerError) => return Answer::Refused(503, "try again later".into()),
        Some(_) | None => {}
    }
    loop {
        let news = state.news.notified();
        tokio::pin!(news);
        // Registered before the look, so that an update in between is not missed.
        news.as_mut().enable();
        let (batch, is_over) = {
            let mut inner = state.lock();
            inner.asked_after = inner.asked_after.max(after);
            let behind = inner.updates.iter().filter(|it| after < it.0).take(UPDATES_MAX);
            let batch: Vec<Value> = behind.map(|it| it.1.clone()).collect();
            (batch, inner.polls_ended != ended)
        };
        if !batch.is_empty() && fault.is_some() {
            return Answer::Lost;
        }
        if !batch.is_empty() || is_over || timeout_at(until, news).await.is_err() {
            return Answer::Json(batch.into());
        }
    }
}

impl Inner {
    fn writable(&self, chat: &str) -> Result<(), (u16, String)> {
        match self.chats.get(chat) {
            Some(chat) if chat.is_left => refused(403, "the bot is not in this chat"),
            Some(_) => Ok(()),
            None => refused(404, "there is no such chat"),
        }
    }

    fn typing(&mut self, chat: &str) -> Outcome {
        self.writable(chat)?;
        self.typing += 1;
        Ok(json!({}))
    }

    fn open(&mut self, person: &str) -> Outcome {
        let chat = direct(person);
        if self.names.contains_key(person) && self.chats.contains_key(&chat) {
            return Ok(json!({"id": chat}));
        }
        refused(404, "there is no such person")
    }

    fn answer(&mut self, press: &str, body: &Value) -> Outcome {
        let words = body["text"].as_str().unwrap_or_default();
        self.answered.push((press.to_owned(), words.to_owned()));
        Ok(json!({}))
    }

    fn post(&mut self, chat: &str, call: &Call, body: &Value, files: Vec<File>) -> Outcome {
        self.writable(chat)?;
        if let Some(id) = call.key.as_ref().and_then(|it| self.keys.get(it)) {
            return Ok(json!({"id": id}));
        }
        let has_text = files.is_empty();
        let limit = if has_text { TEXT_CHARS_MAX } else { CAPTION_CHARS_MAX };
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let message = Message {
            chat: chat.to_owned(),
            thread: text("thread"),
            is_ours: true,
            text: checked(body, limit, has_text)?,
            files: files.into_iter().map(|it| self.keep_file(it)).collect(),
            buttons: buttons(body)?,
            reply_to: text("reply_to"),
            is_silent: body["silent"] == true,
            notifies: text("notify"),
            ..Message::default()
        };
        let id = self.keep(message);
        self.keys.extend(call.key.clone().map(|it| (it, id.clone())));
        Ok(json!({"id": id}))
    }

    /// A form with several, or one as it is.
    fn post_files(&mut self, chat: &str, call: &Call) -> Outcome {
        let (body, files) = if call.kind.starts_with("multipart/form-data") {
            let (body, files) = multipart::read(&call.kind, &call.body);
            let file =
                |it: multipart::Upload| File { name: it.name, mime: it.mime, content: it.content };
            (body, files.into_iter().map(file).collect())
        } else {
            let names = ["text", "thread", "reply_to", "notify"];
            let fields = names.map(|it| (it, call.asked(it)));
            let body = fields.into_iter().collect::<std::collections::BTreeMap<_, _>>();
            let (name, content) = (call.asked("name").unwrap_or("file").into(), call.body.to_vec());
            (json!(body), vec![File { name, mime: call.kind.clone(), content }])
        };
        if files.is_empty() || FILES_MAX < files.len() {
            return refused(400, format!("{} files; one to {FILES_MAX} are taken", files.len()));
        }
        if files.iter().any(|it| FILE_BYTES_MAX < it.content.len()) {
            return refused(413, "the file is larger than 4 MiB");
        }
        self.post(chat, call, &body, files)
    }

    /// A message of the bot's.
    fn own(&mut self, id: &str) -> Result<&mut Message, (u16, String)> {
        match self.message_mut(id) {
            Some(message) if message.is_ours => Ok(message),
            Some(_) => refused(403, "this is a message of somebody else"),
            None => refused(404, "there is no such message"),
        }
    }

    fn edit(&mut self, id: &str, body: &Value) -> Outcome {
        let has_text = self.own(id)?.files.is_empty();
        let limit = if has_text { TEXT_CHARS_MAX } else { CAPTION_CHARS_MAX };
        let (text, buttons) = (checked(body, limit, has_text)?, buttons(body)?);
        let message = self.own(id)?;
        (message.text, message.buttons) = (text, buttons);
        message.edits += 1;
        Ok(json!({"id": id}))
    }

    fn delete(&mut self, id: &str) -> Outcome {
        self.own(id)?.is_gone = true;
        Ok(json!({}))
    }

    fn react(&mut self, id: &str, body: &Value) -> Outcome {
        let Some(message) = self.message_mut(id) else {
            return refused(404, "there is no such message");
        };
        let emoji = body["emoji"].as_str().filter(|it| !it.is_empty());
        message.reactions = emoji.map(str::to_owned).into_iter().collect();
        Ok(json!({}))
    }
}

fn checked(body: &Value, chars_max: usize, is_needed: bool) -> Result<String, (u16, String)> {
    let text = body["text"].as_str().unwrap_or_default();
    let count = text.chars().count();
    if chars_max < count {
        return refused(400, format!("the text has {count} characters; {chars_max} are taken"));
    }
    if is_needed && text.trim().is_empty() {
        return refused(400, "there is no text");
    }
    Ok(text.to_owned())
}

fn buttons(body: &Value) -> Result<Vec<(String, String)>, (u16, String)> {
    let text = |it: &Value, key: &str| it[key].as_str().map(str::to_owned);
    let buttons = body["buttons"].as_array().into_iter().flatten();
    let read = buttons.map(|it| text(it, "label").zip(text(it, "data"))).collect();
    Option::<Vec<_>>::ok_or(read, (400, "a button has a label and data".into()))
}
