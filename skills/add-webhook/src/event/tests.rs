//! What is stored of a request, and under which id it is a message.

use channel::Cause;
use channel::door::HeaderMap;
use channel::spool::Put;
use channel::spool::testing::memory;

use super::*;
use crate::kinds;

fn events(kind: &str) -> Events {
    Events::new("ci", kinds::find(Some(kind)).unwrap(), memory())
}

fn request(path: &str, id: &str, digest: Option<&str>, body: &str) -> Request {
    let (reply, _) = tokio::sync::oneshot::channel();
    Request {
        id: id.into(),
        digest: digest.map(str::to_owned),
        path: path.into(),
        query: String::new(),
        headers: HeaderMap::new(),
        body: body.to_owned().into(),
        reply,
    }
}

async fn message(events: &Events, request: &Request, number: i64) -> Incoming {
    let Raw { id, bytes, .. } = events.raw(request).unwrap();
    let mut all = events.events(SpoolRow { number, id, bytes }).await;
    let Some(Event::Message(message)) = all.pop() else { panic!("{all:?}") };
    assert_eq!(all, []);
    message
}

#[test]
fn a_hook_has_a_plain_name_or_that_of_its_account() {
    let github = events("github");
    let hook = |path: &str| github.hook(path).map_err(|it| it.status);
    assert_eq!(hook(""), Ok("ci".into()));
    assert_eq!(hook("acme-door_2"), Ok("acme-door_2".into()));
    assert!(hook(&"a".repeat(64)).is_ok());
    for path in ["Acme", "a/b", "%61", "..", &"a".repeat(65)] {
        assert_eq!(hook(path), Err(StatusCode::NOT_FOUND), "{path}");
    }
}

#[tokio::test]
async fn an_event_is_a_message_of_its_hook() {
    let mut request = request("acme-door", "d-1", Some("abc"), "{\"action\":\"opened\"}");
    request.headers.insert("x-github-event", "issues".parse().unwrap());
    let message = message(&events("github"), &request, 7).await;
    assert_eq!((message.platform_id.as_str(), message.from.chat.as_str()), ("d-1", "acme-door"));
    assert_eq!((message.from.account.as_str(), message.mentioned), ("ci", true));
    assert!(message.body.chat.is_group && message.body.sender.id == "ci/acme-door");
    let main = Events::new("main", kinds::find(None).unwrap(), memory());
    assert_eq!(self::message(&main, &request, 7).await.body.sender.id, "acme-door");
    assert!(message.body.text.contains("\nissues, opened\n"), "{}", message.body.text);
}

#[tokio::test]
async fn the_id_is_the_senders_else_a_number() {
    for (kind, id, digest, body, want) in [
        ("github", "d-1", Some("abc"), "{}", "d-1"),
        ("github", "", Some("abc"), "{}", "7"),
        ("stripe", "", Some("abc"), "{\"id\":\"evt_1\"}", "evt_1"),
        ("stripe", "", Some("abc"), "{\"id\":1}", "7"),
        ("alertmanager", "", None, "{\"id\":\"x\"}", "7"),
        ("alertmanager", "k-1", None, "{}", "k-1"),
    ] {
        let message = message(&events(kind), &request("", id, digest, body), 7).await;
        assert_eq!(message.platform_id, want, "{kind} {id} {digest:?}");
    }
}

#[test]
fn the_same_event_has_the_same_key_for_as_long_as_it_can_be_told() {
    let raw = |id: &str, digest: Option<&str>, body: &str| {
        events("token").raw(&request("house", id, digest, body)).unwrap()
    };
    let signed = raw("d-1", Some("abc"), "{}");
    assert_eq!((signed.id.as_str(), signed.known_for), ("abc", KNOWN_FOR));
    assert_ne!(raw("d-2", Some("abc"), "{}").sent_as, signed.sent_as);
    assert_eq!(raw("k-1", None, "{}").id, raw("k-1", None, "{ }").id);
    assert_ne!(raw("k-1", None, "{}").id, raw("k-2", None, "{}").id);
    let (plain, repeated) = (raw("", None, "{}"), raw("", Some("abc"), "{}"));
    assert_eq!([plain.known_for, repeated.known_for], [ATTEMPTS_WITHIN; 2]);
    assert_ne!(raw("", None, "{ }").id, plain.id);
}

#[test]
fn what_cannot_be_read_is_refused_before_it_is_stored() {
    let github = events("github");
    let refused = |body: &str| github.raw(&request("house", "", Some("a"), body)).unwrap_err();
    assert_eq!(refused(" \n").status, StatusCode::BAD_REQUEST);
    let mut form = request("house", "", Some("a"), "payload=%7B%7D");
    let kind = "Application/x-www-form-urlencoded; charset=utf-8".parse().unwrap();
    form.headers.insert("content-type", kind);
    assert!(github.raw(&form).is_ok(), "others may send what they like");
    form.headers.insert("x-github-event", "push".parse().unwrap());
    let told = github.raw(&form).unwrap_err();
    assert_eq!(told.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(told.body.contains("application/json"), "{told:?}");
}

/// A chat that said how it wants to be told.
#[derive(Debug)]
struct Templated;

#[async_trait]
impl Spool for Templated {
    async fn put(&self, _raw: Raw) -> Result<Put, Cause> {
        Ok(Put::Full)
    }

    async fn after(&self, _number: i64, _max: usize) -> Result<Vec<SpoolRow>, Cause> {
        Ok(Vec::new())
    }

    async fn prune(&self, _number: i64) -> Result<(), Cause> {
        Ok(())
    }

    async fn template(&self, chat: &str) -> Result<Option<String>, Cause> {
        match chat {
            "ops" => Ok(Some("Alarm: {title}!".into())),
            "broken" => Err("the disk is gone".into()),
            _ => Ok(None),
        }
    }
}

#[tokio::test]
async fn a_chat_has_its_events_told_in_its_own_words() {
    let events = Events::new("ci", kinds::find(None).unwrap(), Arc::new(Templated));
    for (hook, end) in [("ops", "you.\n\nAlarm: disk full!"), ("house", "```"), ("broken", "```")] {
        let request = request(hook, "d-1", Some("a"), "{\"title\":\"disk full\"}");
        let text = message(&events, &request, 1).await.body.text;
        assert!(text.ends_with(end), "{hook}: {text}");
    }
}
