//! A verified request as a message: which chat it is for, and which event.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use channel::Event;
use channel::door::{HeaderMap, Reply, Request, StatusCode};
use channel::signature::{TOLERANCE, fingerprint};
use channel::spool::{Decode, Raw, Spool, SpoolRow};
use domain::message::{Address, Author, Body, ChatInfo, Incoming};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::describe::{self, Facts};
use crate::kinds::Kind;

const HOOK_CHARS_MAX: usize = 64;
/// How long an event with an id is known.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// The same without an id: a sensor that says the same again says something new, an attempt of a sender that heard no
/// answer does not. A signature with a time in it is refused after this long.
const ATTEMPTS_WITHIN: Duration = TOLERANCE.saturating_mul(2);
/// Headers that name the kind of event.
const EVENT: [&str; 2] = ["x-github-event", "x-gitlab-event"];

#[derive(Debug)]
pub(crate) struct Events {
    account: String,
    kind: &'static Kind,
    spool: Arc<dyn Spool>,
}

/// What is stored before the body.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    hook: String,
    event: Option<String>,
    /// The sender's id of the delivery; empty where there is none.
    id: String,
}

impl Events {
    pub(crate) fn new(account: &str, kind: &'static Kind, spool: Arc<dyn Spool>) -> Self {
        Self { account: account.into(), kind, spool }
    }

    fn hook(&self, path: &str) -> Result<String, Reply> {
        if path.is_empty() {
            return Ok(self.account.clone());
        }
        let plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"-_".contains(&it);
        if path.len() <= HOOK_CHARS_MAX && path.bytes().all(plain) {
            return Ok(path.into());
        }
        let why = "behind the account comes a name of 1 to 64 of a-z 0-9 - _, or nothing";
        Err(Reply::line(StatusCode::NOT_FOUND, why))
    }
}

#[async_trait]
impl Decode for Events {
    fn raw(&self, request: &Request) -> Result<Raw, Reply> {
        let (hook, body) = (self.hook(&request.path)?, &request.body);
        let event = EVENT.iter().find_map(|it| text(&request.headers, it));
        // GitHub wraps the JSON into a form unless it is told otherwise.
        if event.is_some() && is_form(&request.headers) {
            let why = "set the content type of the webhook to application/json";
            return Err(Reply::line(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
        }
        let unreadable = |why| Reply::line(StatusCode::BAD_REQUEST, why);
        let json = describe::readable(body).map_err(unreadable)?;
        let id_in_body = |at: &'static str| json.as_ref()?.pointer(at)?.as_str().map(str::to_owned);
        let mut id = request.id.clone();
        if id.is_empty() {
            id = self.kind.id_at.and_then(id_in_body).unwrap_or_default();
        }
        let name = event.as_deref().unwrap_or_default();
        let parts = [hook.as_bytes(), name.as_bytes(), id.as_bytes()];
        let known_for = if id.is_empty() { ATTEMPTS_WITHIN } else { KNOWN_FOR };
        let (key, sent_as) = match (&request.digest, id.is_empty()) {
            // Nothing but this is known to be the sender's: a reader of one request could send it to another
            // hook, as another event, or under another id.
            (Some(digest), _) => (digest.clone(), fingerprint(&parts)),
            (None, false) => (fingerprint(&parts), fingerprint(&[body])),
            (None, true) => (fingerprint(&[parts[0], body]), String::new()),
        };
        let chat = Some(hook.clone());
        let mut bytes = serde_json::to_vec(&Head { hook, event, id }).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend_from_slice(body);
        Ok(Raw { id: key, sent_as, known_for, chat, bytes })
    }

    async fn events(&self, row: SpoolRow) -> Vec<Event> {
        let mut halves = row.bytes.splitn(2, |it| *it == b'\n');
        let head = halves.next().and_then(|it| serde_json::from_slice::<Head>(it).ok());
        let Some((head, body)) = head.zip(halves.next()) else {
            warn!(number = row.number, "a webhook that was stored cannot be read");
            return Vec::new();
        };
        let template = self.spool.template(&head.hook).await.unwrap_or_else(|err| {
            warn!(why = %err, "the template cannot be read; an event is told without it");
            None
        });
        let facts = Facts {
            hook: &head.hook,
            event: head.event.as_deref(),
            is_github: self.kind.name == "github",
            template: template.as_deref(),
        };
        let text = facts.describe(body);
        let id = if head.id.is_empty() { row.number.to_string() } else { head.id };
        let hook = head.hook;
        // Who may write on one account may not on another; the usual one needs no name.
        let writer = match self.account.as_str() {
            "main" => hook.clone(),
            account => format!("{account}/{hook}"),
        };
        let author = Author::new(writer.clone(), writer);
        let (channel, account) = (crate::NAME.into(), self.account.clone());
        vec![Event::Message(Incoming {
            from: Address { channel, account, chat: hook.clone(), thread: None },
            platform_id: id,
            body: Body {
                // Everyone with the secret can write, so it is more than one for all we know.
                chat: ChatInfo { title: hook, is_group: true },
                ..Body::new(author, text)
            },
            mentioned: true,
            ..Incoming::default()
        })]
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = text(headers, "content-type").unwrap_or_default().to_ascii_lowercase();
    kind.starts_with("application/x-www-form-urlencoded")
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests;
