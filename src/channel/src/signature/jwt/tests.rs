//! Tokens that OpenSSL signed, and those that somebody would like to pass for one.

use hyper::header::{AUTHORIZATION, HeaderMap};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::super::{Scheme, Shown, Verify};
use super::*;

/// Seconds; the tokens count from here for an hour.
const NOW: i64 = 1_700_000_000;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn token(name: &str) -> String {
    vectors()[name].as_str().unwrap().to_owned()
}

fn given() -> Keys {
    Keys::Given(serde_json::from_value(vectors()["jwks"].clone()).unwrap())
}

fn rules(keys: Keys) -> Rules {
    let issuers = vec!["https://other.example".into(), "https://issuer.example".into()];
    Rules { issuers, audience: "bot-1".into(), keys }
}

async fn check(rules: Rules, token: &str, at: i64) -> Result<(), Wrong> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    let verify = Verify::new([Scheme::Jwt(rules)], "our secret".into()).unwrap();
    let shown = Shown { headers: &headers, path: "", body: b"" };
    verify.check(shown, Timestamp(at * 1_000)).await.map(drop)
}

fn made(head: &Value, claims: &Value, key: &str) -> String {
    let part = |it: &Value| BASE64.encode(it.to_string());
    let signed = format!("{}.{}", part(head), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let tag = BASE64.encode(hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{tag}")
}

fn claims(more: &Value) -> Value {
    let mut claims = json!({"iss": "https://issuer.example", "aud": "bot-1", "exp": NOW + 60});
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

#[tokio::test]
async fn a_token_of_the_issuer_is_taken_while_it_counts() {
    for name in ["rs256", "es256"] {
        let token = token(name);
        let at = |at| check(rules(given()), &token, at);
        assert_eq!(at(NOW).await, Ok(()), "{name}");
        assert_eq!(at(NOW - 301).await, Err(Wrong::Token("it does not count yet")));
        assert_eq!(at(NOW + 3_600 + 301).await, Err(Wrong::Token("it is expired")));
        let (signed, tag) = token.rsplit_once('.').unwrap();
        let other = format!("{signed}.{}A", &tag[..tag.len() - 1]);
        let cut = format!("{signed}.");
        for wrong in [other, cut] {
            assert_eq!(check(rules(given()), &wrong, NOW).await, Err(Wrong::Signature), "{name}");
        }
    }
}

#[tokio::test]
async fn who_made_it_and_for_whom_counts() {
    let head = json!({"alg": "HS256"});
    let at = |more: Value| made(&head, &claims(&more), "our secret");
    for (token, want) in [
        (at(json!({})), Ok(())),
        (at(json!({"aud": ["a", "bot-1"]})), Ok(())),
        (at(json!({"aud": "bot-2"})), Err(Wrong::Token("it is for somebody else"))),
        (at(json!({"aud": ["bot-2"]})), Err(Wrong::Token("it is for somebody else"))),
        (at(json!({"iss": "https://evil.example"})), Err(Wrong::Token("another issuer made it"))),
        (at(json!({"exp": NOW - 301})), Err(Wrong::Token("it is expired"))),
        (at(json!({"exp": null})), Err(Wrong::Token("it is malformed"))),
        (made(&head, &claims(&json!({})), "another"), Err(Wrong::Signature)),
        ("a.b".into(), Err(Wrong::Token("it is malformed"))),
        ("a.b.!".into(), Err(Wrong::Token("it is malformed"))),
        ("".into(), Err(Wrong::Token("it is malformed"))),
    ] {
        assert_eq!(check(rules(Keys::Secret), &token, NOW).await, want, "{token}");
    }
}

#[tokio::test]
async fn a_token_cannot_choose_how_it_is_verified() {
    let public = vectors()["jwks"]["keys"][0]["n"].as_str().unwrap().to_owned();
    for (alg, key) in
        [("none", "our secret"), ("HS256", public.as_str()), ("RS256", public.as_str())]
    {
        let head = json!({"alg": alg, "kid": "r1"});
        let token = made(&head, &claims(&json!({})), key);
        assert_eq!(check(rules(given()), &token, NOW).await, Err(Wrong::Signature), "{alg}");
    }
    let unsigned = made(&json!({"alg": "none"}), &claims(&json!({})), "our secret");
    assert_eq!(check(rules(Keys::Secret), &unsigned, NOW).await, Err(Wrong::Signature));
    assert_eq!(check(rules(Keys::Secret), &token("rs256"), NOW).await, Err(Wrong::Signature));
}

/// Answers each request with the key set, and counts them.
async fn issuer() -> (String, JoinSet<()>, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let (mut task, asked) = (JoinSet::new(), Arc::new(Mutex::new(0)));
    let counted = Arc::clone(&asked);
    task.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            *counted.lock().await += 1;
            let mut head = vec![0; 4096];
            let _ = stream.read(&mut head).await;
            let body = vectors()["jwks"].to_string();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, task, asked)
}

#[tokio::test]
async fn keys_of_an_issuer_are_fetched_once_whatever_tokens_ask_for() {
    let (url, _task, asked) = issuer().await;
    let rules = rules(Keys::At(url, Arc::default()));
    for name in ["rs256", "es256", "rs256"] {
        assert_eq!(check(rules.clone(), &token(name), NOW).await, Ok(()), "{name}");
    }
    for kid in ["r2", "r3"] {
        let head = json!({"alg": "RS256", "kid": kid});
        let unknown = made(&head, &claims(&json!({})), "x");
        assert_eq!(check(rules.clone(), &unknown, NOW).await, Err(Wrong::Signature));
    }
    assert_eq!(*asked.lock().await, 1);
    let nobody = Keys::At("http://127.0.0.1:1/keys".into(), Arc::default());
    assert_eq!(
        check(Rules { keys: nobody, ..rules }, &token("rs256"), NOW).await,
        Err(Wrong::NoKeys)
    );
}
