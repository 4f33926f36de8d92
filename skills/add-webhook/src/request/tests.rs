//! Which requests are taken, and under which id.

use hmac::{Hmac, Mac};
use hyper::Request;

use super::*;

const SECRET: &str = "between us";

fn signed(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    let tag = mac.finalize().into_bytes();
    format!("sha256={}", tag.iter().map(|it| format!("{it:02x}")).collect::<String>())
}

fn asked(headers: &[(&str, &str)], body: &[u8]) -> Result<Incoming, Refusal> {
    let mut request = Request::post("/hook/acme-door").body(()).unwrap();
    for (name, value) in headers {
        let name: hyper::header::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    message("main", &SecretString::from(SECRET), &request.into_parts().0, body)
}

fn asked_signed(headers: &[(&str, &str)], body: &[u8]) -> Result<Incoming, Refusal> {
    let signature = signed(body);
    asked(&[headers, &[(signature::HEADER, signature.as_str())]].concat(), body)
}

/// What the sender of a request that is refused is told.
fn told(asked: Result<Incoming, Refusal>) -> String {
    asked.unwrap_err().why
}

fn id_of(headers: &[(&str, &str)], body: &[u8]) -> String {
    asked_signed(headers, body).unwrap().platform_id
}

#[test]
fn a_hook_has_a_plain_name_and_takes_posts() {
    let hook = |method, path: &'static str| {
        let uri = Uri::from_static(path);
        hook(&method, &uri).map(str::to_owned).map_err(|it| it.status)
    };
    assert_eq!(hook(Method::POST, "/hook/acme-door_2?x=1"), Ok("acme-door_2".into()));
    for path in
        ["/", "/hook", "/hook/", "/hook/Acme", "/hook/a/b", "/hook/%61", "/hooks/a", "/hook/.."]
    {
        assert_eq!(hook(Method::POST, path), Err(StatusCode::NOT_FOUND), "{path}");
        assert_eq!(hook(Method::GET, path), Err(StatusCode::NOT_FOUND), "{path}");
    }
    assert_eq!(hook(Method::GET, "/hook/a"), Err(StatusCode::METHOD_NOT_ALLOWED));
    let named = |length: usize| format!("/hook/{}", "a".repeat(length)).parse::<Uri>().unwrap();
    assert!(super::hook(&Method::POST, &named(64)).is_ok());
    assert!(super::hook(&Method::POST, &named(65)).is_err());
}

#[test]
fn a_signed_event_is_a_message_of_its_hook() {
    let message =
        asked_signed(&[(EVENT, "ping"), (DELIVERY, "d-1")], b"{\"zen\":\"calm\"}").unwrap();
    let from = &message.from;
    assert_eq!((from.channel.as_str(), from.account.as_str()), ("webhook", "main"));
    assert_eq!((from.chat.as_str(), &from.thread), ("acme-door", &None));
    assert_eq!((message.body.chat.title.as_str(), message.body.chat.is_group), ("acme-door", true));
    assert_eq!((message.body.sender.id.as_str(), message.mentioned), ("acme-door", true));
    assert_eq!(message.platform_id, "d-1");
    let text = &message.body.text;
    assert!(text.contains("\nping\n") && text.contains("calm"), "{text}");
}

#[test]
fn an_unsigned_request_is_told_nothing_but_that() {
    for body in [&b"{}"[..], b"", b"\xff"] {
        assert!(told(asked(&[(DELIVERY, "no good")], body)).contains("is missing"));
        let of_another = signed(b"another body");
        let headers = [(signature::HEADER, of_another.as_str()), (DELIVERY, "no good")];
        assert!(told(asked(&headers, body)).contains("signature is wrong"));
    }
}

#[test]
fn an_event_that_is_sent_again_has_the_same_id() {
    let github = [(DELIVERY, "72d3162e-cc78-11e3-81ab-4c9367dc0958")];
    assert_eq!(id_of(&github, b"{}"), github[0].1);
    assert_eq!(id_of(&[(IDEMPOTENCY_KEY, "\"k-1\"")], b"{}"), "\"k-1\"");
    assert_eq!(id_of(&[github[0], (IDEMPOTENCY_KEY, "k-1")], b"{}"), github[0].1);
    let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!(id_of(&[], b"{}"), hash);
    assert_eq!(id_of(&[(EVENT, "push")], b"{}"), hash);
    assert_ne!(id_of(&[], b"{ }"), hash);
}

#[test]
fn an_id_that_is_no_word_is_refused() {
    for bad in ["", "two words", "é", &"x".repeat(129)] {
        assert!(
            told(asked_signed(&[(DELIVERY, bad)], b"{}")).contains("id of the delivery"),
            "{bad}"
        );
    }
    assert_eq!(id_of(&[(DELIVERY, &"x".repeat(128))], b"{}").len(), 128);
}

#[test]
fn a_webhook_of_github_that_sends_forms_is_told_to_send_json() {
    let form = ("content-type", "application/x-www-form-urlencoded");
    assert!(
        told(asked_signed(&[form, (EVENT, "push")], b"payload=%7B%7D"))
            .contains("application/json")
    );
    // curl names every body so.
    assert!(asked_signed(&[form], b"{\"title\":\"disk full\"}").is_ok());
}
