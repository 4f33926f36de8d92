//! What a request says: which chat it is for, whether it is signed, and the message in it. Pure.

use std::borrow::Cow;

use channel::SecretString;
use domain::message::{Address, Author, Body, ChatInfo, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, Uri};
use sha2::{Digest, Sha256};

use crate::describe::describe;
use crate::refusal::Refusal;
use crate::signature;

const HOOK_CHARS_MAX: usize = 64;
const ID_CHARS_MAX: usize = 128;
/// The headers of GitHub (<https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers>).
const EVENT: &str = "x-github-event";
const DELIVERY: &str = "x-github-delivery";
/// What other senders may name an event by
/// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The name in the path `/hook/<name>`.
///
/// # Errors
/// When it is another path or another method.
pub(crate) fn hook<'a>(method: &Method, uri: &'a Uri) -> Result<&'a str, Refusal> {
    let nothing = || {
        let why =
            "there is nothing here; post to /hook/NAME, with a NAME of 1 to 64 of a-z 0-9 - _";
        Refusal::new(StatusCode::NOT_FOUND, why)
    };
    let name = uri.path().strip_prefix("/hook/").ok_or_else(nothing)?;
    let plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"-_".contains(&it);
    if !(1..=HOOK_CHARS_MAX).contains(&name.len()) || !name.bytes().all(plain) {
        return Err(nothing());
    }
    if method == Method::POST {
        return Ok(name);
    }
    Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "only POST is taken here"))
}

/// The message, if the secret signed it.
///
/// # Errors
/// Says what is wrong with the request; about what is in it only after the signature was found
/// right.
pub(crate) fn message(
    account: &str,
    secret: &SecretString,
    head: &Parts,
    body: &[u8],
) -> Result<Incoming, Refusal> {
    let hook = hook(&head.method, &head.uri)?;
    let unauthorized = |why: &str| Refusal::new(StatusCode::UNAUTHORIZED, why);
    let unsigned = "the header X-Hub-Signature-256 is missing; give the sender the secret";
    let signed = head.headers.get(signature::HEADER).ok_or_else(|| unauthorized(unsigned))?;
    if !signature::is_right(secret, body, signed.as_bytes()) {
        let why = "the signature is wrong; give the sender the same secret as this host";
        return Err(unauthorized(why));
    }
    let event = event(&head.headers);
    if event.is_some() && is_form(&head.headers) {
        let why = "set the content type of the webhook to application/json";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    let text = describe(hook, event.as_deref(), body)?;
    Ok(Incoming {
        from: Address {
            channel: crate::NAME.into(),
            account: account.into(),
            chat: hook.into(),
            thread: None,
        },
        platform_id: id(&head.headers, body)?,
        body: Body {
            // Everyone with the secret can write, so it is more than one for all we know.
            chat: ChatInfo { title: hook.into(), is_group: true },
            ..Body::new(Author::new(hook, hook), text)
        },
        mentioned: true,
        ..Incoming::default()
    })
}

/// The kind of event, where the sender names it.
pub(crate) fn event(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    headers.get(EVENT).map(|it| String::from_utf8_lossy(it.as_bytes()))
}

/// GitHub wraps the JSON into a form unless it is told otherwise.
fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(|it| it.as_bytes().to_ascii_lowercase());
    kind.is_some_and(|it| it.starts_with(b"application/x-www-form-urlencoded"))
}

/// The same for every attempt of the sender's. One that sends no id has equal bodies taken for one
/// event.
fn id(headers: &HeaderMap, body: &[u8]) -> Result<String, Refusal> {
    let Some(named) = headers.get(DELIVERY).or_else(|| headers.get(IDEMPOTENCY_KEY)) else {
        return Ok(signature::hex(&Sha256::digest(body)));
    };
    let text = named.as_bytes();
    let fits = (1..=ID_CHARS_MAX).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
    let unfit = "the id of the delivery must be 1 to 128 visible ASCII characters";
    let id = fits.then(|| String::from_utf8_lossy(text).into_owned());
    id.ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, unfit))
}

#[cfg(test)]
mod tests;
