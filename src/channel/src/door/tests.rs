//! The door over real sockets and over streams: what is let in, what is told, and what strangers can do.

use std::pin::Pin;
use std::task::{Context, Poll};

use domain::time::SystemClock;
use http_body_util::{BodyExt, Full};
use hyper::body::Frame;
use hyper::{Method, Request as HttpRequest};
use ring::hmac;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::guests::Guest;
use super::*;
use crate::signature::schemes::{BEARER, GITHUB};
use crate::signature::{Scheme, hex};

const KEY: &str = "between us two";
const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn door(listen: &str) -> Door {
    let settings = Settings { listen: listen.into(), ..Settings::default() };
    Door::new(settings, Arc::new(SystemClock)).of("test", "main")
}

fn route(schemes: &[Scheme]) -> Route {
    Route {
        verify: Verify::new(schemes, KEY.into()).unwrap(),
        challenge: Challenge::None,
        bytes_max: 1024,
        ids: &["x-id"],
        patience: Duration::from_secs(8),
    }
}

fn full(text: &'static str) -> Full<Bytes> {
    Full::from(text)
}

fn github() -> Route {
    route(&[Scheme::Hmac(GITHUB)])
}

async fn open(route: Route) -> (Door, DoorInbox) {
    let door = door("127.0.0.1:0");
    let inbox = door.open(route).await.unwrap();
    (door, inbox)
}

fn signed<B>(path: &str, signed: &[u8], body: B) -> HttpRequest<B> {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes()), signed);
    let tag = format!("sha256={}", hex(tag.as_ref()));
    HttpRequest::post(path).header("x-hub-signature-256", tag).body(body).unwrap()
}

fn good() -> HttpRequest<Full<Bytes>> {
    signed("/in/test/main", b"{}", full("{}"))
}

type Told = (u16, String, HeaderMap);

async fn ask_from<B: hyper::body::Body + Unpin>(
    door: &Door,
    peer: IpAddr,
    request: HttpRequest<B>,
) -> Told {
    let routes = &door.shared.as_ref().unwrap().routes;
    let answer = serve::answer(routes, &Guest::new(peer), request).await.unwrap();
    let (head, body) = answer.into_parts();
    let said = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), String::from_utf8(said.to_vec()).unwrap(), head.headers)
}

async fn ask<B: hyper::body::Body + Unpin>(door: &Door, request: HttpRequest<B>) -> Told {
    ask_from(door, LOCAL, request).await
}

async fn code<B: hyper::body::Body + Unpin>(door: &Door, request: HttpRequest<B>) -> u16 {
    ask(door, request).await.0
}

/// Answers what comes next.
async fn take(inbox: &mut DoorInbox) -> Request {
    let mut request = inbox.receive().await.unwrap();
    let (unused, _) = oneshot::channel();
    let reply = std::mem::replace(&mut request.reply, unused);
    reply.send(Reply::line(StatusCode::ACCEPTED, "taken")).unwrap();
    request
}

/// Over a socket, as it is written.
async fn send(at: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_verified_request_is_given_to_its_account_and_answered_by_it() {
    let (door, mut inbox) = open(route(&[BEARER])).await;
    let at = door.address().await.unwrap();
    let text = format!(
        "POST /in/test/main/house/x?a=1 HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {KEY}\r\n\
         X-Id: d-1\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    let (answer, request) = tokio::join!(send(at, &text), take(&mut inbox));
    assert!(answer.starts_with("HTTP/1.1 202 ") && answer.ends_with("taken\n"), "{answer}");
    assert_eq!((request.id.as_str(), request.path.as_str()), ("d-1", "house/x"));
    assert_eq!(
        (request.query.as_str(), &request.body[..], request.digest),
        ("a=1", &b"{}"[..], None)
    );
}

#[tokio::test]
async fn a_path_is_open_as_long_as_somebody_listens_there() {
    let (door, inbox) = open(github()).await;
    let mut again = door.open(github()).await.unwrap();
    drop(inbox);
    let (told, _) = tokio::join!(code(&door, good()), take(&mut again));
    assert_eq!(told, 202, "the path belongs to the newer inbox");
    for path in
        ["/", "/in", "/in/test", "/in/test/other", "/in/other/main", "/IN/test/main", "/in//"]
    {
        assert_eq!(code(&door, signed(path, b"{}", full("{}"))).await, 404, "{path}");
    }
    drop(again);
    // It is being opened again, and a sender that hears 404 may not come back.
    assert_eq!(code(&door, good()).await, 503);
}

#[tokio::test]
async fn a_secret_in_the_path_is_not_handed_on() {
    let (door, mut inbox) =
        open(Route { verify: Verify::new([Scheme::Path], "s3cret".into()).unwrap(), ..github() })
            .await;
    let post = |path: &str| HttpRequest::post(path).body(full("{}")).unwrap();
    for (path, rest) in [("/in/test/main/s3cret", ""), ("/in/test/main/s3cret/house", "house")] {
        let (told, request) = tokio::join!(code(&door, post(path)), take(&mut inbox));
        assert_eq!((told, request.path.as_str()), (202, rest));
    }
    assert_eq!(code(&door, post("/in/test/main/house")).await, 401);
    assert_eq!(code(&door, post("/in/test/main")).await, 401);
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_is_told_to_come_again() {
    let (door, mut inbox) = open(github()).await;
    let began = Instant::now();
    let (told, said, headers) = ask(&door, good()).await;
    assert_eq!((told, began.elapsed().as_secs()), (503, 8), "{said}");
    assert_eq!(headers["retry-after"], "30");
    let request = inbox.receive().await.unwrap();
    assert!(request.reply.is_closed(), "nobody waits for it any more");
    // An adapter that gives up says so at once, and what was not taken may come again.
    let began = Instant::now();
    let (told, ()) = tokio::join!(code(&door, good()), async { drop(inbox.receive().await) });
    assert_eq!((told, began.elapsed()), (503, Duration::ZERO));
    let (told, _) = tokio::join!(code(&door, good()), take(&mut inbox));
    assert_eq!(told, 202);
}

#[tokio::test]
async fn what_is_wrong_is_said_and_of_the_content_only_to_who_signed() {
    let (door, _inbox) = open(github()).await;
    let method = |method| {
        let mut request = good();
        *request.method_mut() = method;
        request
    };
    let (told, _, headers) = ask(&door, method(Method::GET)).await;
    assert_eq!((told, &headers["allow"]), (405, &"POST, PUT".parse().unwrap()));
    let mut bad_id = good();
    bad_id.headers_mut().insert("x-id", "two words".parse().unwrap());
    assert_eq!(code(&door, bad_id).await, 400);
    let unsigned = |id: &'static str| {
        HttpRequest::post("/in/test/main").header("x-id", id).body(full("{}")).unwrap()
    };
    let (told, said, _) = ask(&door, unsigned("two words")).await;
    assert_eq!((told, said.contains("x-hub-signature-256 is missing")), (401, true), "{said}");
}

#[tokio::test]
async fn challenges_are_answered_before_anything_is_given_on() {
    let challenge = Challenge::Query { token: "t", key: KEY.into(), answer: "c" };
    let (door, _inbox) = open(Route { challenge, ..github() }).await;
    let get = HttpRequest::get("/in/test/main?t=between+us+two&c=42").body(full("")).unwrap();
    let (told, said, _) = ask(&door, get).await;
    assert_eq!((told, said.as_str()), (200, "42"));
    let mob = IpAddr::from([203, 0, 113, 6]);
    let mut codes = Vec::new();
    for _ in 0..30 {
        let guess = HttpRequest::get("/in/test/main?t=guess&c=42").body(full("")).unwrap();
        codes.push(ask_from(&door, mob, guess).await.0);
    }
    assert_eq!((codes[19], codes[20]), (403, 429), "a token is not guessed");
    let challenge = Challenge::Body { kind: "url_verification", answer: "challenge" };
    let _inbox = door.open(Route { challenge, ..github() }).await.unwrap();
    let body = r#"{"type":"url_verification","challenge":"c-1"}"#;
    let (told, said, _) = ask(&door, signed("/in/test/main", body.as_bytes(), full(body))).await;
    assert_eq!((told, said.as_str()), (200, r#"{"challenge":"c-1"}"#));
    let unsigned = HttpRequest::post("/in/test/main").body(full(body)).unwrap();
    assert_eq!(code(&door, unsigned).await, 401);
}

type Next = Poll<Option<Result<Frame<Bytes>, io::Error>>>;

/// A body of pieces that never ends.
struct Pieces {
    left: usize,
    then: fn() -> Next,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Next {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 64])))));
        }
        (self.then)()
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_read_up_to_a_limit_and_not_waited_for_without_end() {
    let (door, mut inbox) = open(github()).await;
    let pieces = |left| Pieces { left, then: || Poll::Ready(None) };
    let fits = signed("/in/test/main", &[b'x'; 1024], pieces(16));
    let (told, _) = tokio::join!(code(&door, fits), take(&mut inbox));
    assert_eq!(told, 202);
    for left in [17, usize::MAX] {
        assert_eq!(code(&door, signed("/in/test/main", b"", pieces(left))).await, 413);
    }
    let slow = Pieces { left: 1, then: || Poll::Pending };
    assert_eq!(code(&door, signed("/in/test/main", b"", slow)).await, 408);
    let reset = || Poll::Ready(Some(Err(ErrorKind::ConnectionReset.into())));
    let broken = Pieces { left: 1, then: reset };
    assert_eq!(code(&door, signed("/in/test/main", b"", broken)).await, 400);
}

#[tokio::test]
async fn who_signs_wrongly_often_keeps_nobody_out_not_even_at_the_same_address() {
    let (door, mut inbox) = open(github()).await;
    let (mob, ann) = (IpAddr::from([203, 0, 113, 6]), IpAddr::from([203, 0, 113, 7]));
    let bad = || signed("/in/test/main", b"other", full("{}"));
    let mut codes = Vec::new();
    for _ in 0..30 {
        codes.push(ask_from(&door, mob, bad()).await.0);
    }
    assert_eq!(codes.iter().filter(|it| **it == 401).count(), 20, "{codes:?}");
    assert_eq!(codes[20..], [429; 10]);
    // Customers of one provider send from the same addresses.
    for (peer, body) in [(mob, "{}"), (ann, "[]")] {
        let right = signed("/in/test/main", body.as_bytes(), full(body));
        let (told, _) = tokio::join!(ask_from(&door, peer, right), take(&mut inbox));
        assert_eq!(told.0, 202);
    }
    // Behind a proxy each has an address of its own, and who gives none shares this machine's.
    for _ in 0..30 {
        assert_eq!(code(&door, bad()).await, 401);
    }
    let passed_on = |by: &str| {
        let mut request = bad();
        request.headers_mut().insert("x-forwarded-for", format!("6.6.6.6, {by}").parse().unwrap());
        request
    };
    assert_eq!(code(&door, passed_on("203.0.113.6")).await, 429);
    assert_eq!(code(&door, passed_on("203.0.113.8")).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_says_nothing_or_listens_to_nothing_is_let_go() {
    let (door, _inbox) = open(github()).await;
    let (mut sender, stream) = duplex(64);
    sender.write_all(b"POST /in/test/main HTTP/1.1\r\n").await.unwrap();
    let began = Instant::now();
    door.serve(stream, LOCAL).await;
    assert_eq!(began.elapsed().as_secs(), 5);
    // Too small for the answer.
    let (mut sender, stream) = duplex(64);
    let began = Instant::now();
    let request = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n";
    let (written, ()) = tokio::join!(sender.write_all(request), door.serve(stream, LOCAL));
    written.unwrap();
    assert_eq!(began.elapsed().as_secs(), 75);
}

#[tokio::test]
async fn silent_connections_make_room_for_a_request() {
    let (door, mut inbox) = open(route(&[BEARER])).await;
    let at = door.address().await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(at).await.unwrap());
    }
    let text = format!(
        "POST /in/test/main HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 0\r\n\r\n"
    );
    let sent =
        timeout(Duration::from_secs(4), async { tokio::join!(send(at, &text), take(&mut inbox)) });
    let (answer, _) = sent.await.expect("less than a silent connection is given");
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    drop(silent);
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_with_its_setting_and_may_be_tried_again() {
    let (first, inbox) = open(github()).await;
    let at = first.address().await.unwrap();
    let second = door(&at.to_string());
    let err = second.open(github()).await.unwrap_err();
    assert!(matches!(err, ChannelError::Unreachable(_)), "{err:?}");
    let why = chain(&err);
    assert!(why.contains("channels expose --listen") && why.contains(&at.to_string()), "{why}");
    drop((first, inbox));
    let freed = async {
        while second.open(github()).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), freed).await.expect("the address is free");
    for listen in ["", "8787", "127.0.0.1", "everywhere", "https://127.0.0.1:1"] {
        let err = door(listen).open(github()).await.unwrap_err();
        assert!(matches!(err, ChannelError::Misconfigured(_)), "{listen}: {err:?}");
    }
    let err = Door::default().open(github()).await.unwrap_err();
    assert!(matches!(err, ChannelError::Misconfigured(_)), "{err:?}");
    assert_eq!(Door::default().public_url(), None);
}

#[tokio::test]
async fn other_settings_close_the_paths_and_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (door, mut inbox) = open(github()).await;
    let before = door.address().await;
    assert_eq!(door.public_url(), None);
    let url = Some("https://bot.example".to_owned());
    let folders = Some((dir.path().to_owned(), dir.path().join("door")));
    let settings = Settings { listen: "127.0.0.1:0".into(), url, folders, ..Settings::default() };
    door.set(settings.clone()).await;
    assert!(inbox.receive().await.is_err(), "the account is to open its path again");
    drop(inbox);
    let mut inbox = door.open(github()).await.unwrap();
    let after = door.address().await.unwrap();
    assert_ne!(Some(after), before);
    let note = Note::read(dir.path()).unwrap();
    assert_eq!(note.address, after.to_string());
    assert_eq!(note.url_of("test", "main"), door.public_url());
    assert_eq!(note.url_of("test", "other"), None);
    assert_eq!(door.public_url().as_deref(), Some("https://bot.example/in/test/main"));
    door.set(settings).await;
    let (told, _) = tokio::join!(code(&door, good()), take(&mut inbox));
    assert_eq!(told, 202, "the same settings change nothing");
}

#[tokio::test]
async fn a_sender_comes_again_to_a_path_that_was_open_until_its_account_goes() {
    let (door, inbox) = open(github()).await;
    drop(inbox);
    assert_eq!(code(&door, good()).await, 503);
    let listen = "127.0.0.1:0".into();
    door.set(Settings { listen, proxies: vec![LOCAL], ..Settings::default() }).await;
    assert_eq!(code(&door, good()).await, 503, "other settings close it for a moment");
    door.forget();
    assert_eq!(code(&door, good()).await, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_is_open_is_listened_to_whatever_is_set_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let (door, _first) = open(github()).await;
    let folders = Some((dir.path().to_owned(), dir.path().to_owned()));
    let settings = Settings { listen: "127.0.0.1:0".into(), folders, ..Settings::default() };
    for proxies in 0..200 {
        let settings = Settings { proxies: vec![LOCAL; proxies % 2], ..settings.clone() };
        let (inbox, ()) = tokio::join!(door.open(github()), door.set(settings));
        let inbox = inbox.unwrap();
        let is_open = inbox.shared.routes.lock().contains_key(&inbox.at);
        assert!(!is_open || door.address().await.is_some());
    }
}

#[test]
fn settings_that_cannot_be_read_are_no_usual_ones() {
    assert_eq!(Settings::from_setting(None).unwrap(), Settings::default());
    let err = Settings::from_setting(Some(r#"{"way":"teleport"}"#)).unwrap_err();
    assert!(chain(&err).contains("set them again with `nanoclaw channels expose`"), "{err:?}");
    let at = |listen: &str| Settings { listen: listen.into(), ..Settings::default() };
    let tunnel = Settings { way: Way::Tunnel(vec![]), ..at("0.0.0.0:1") };
    assert!(tunnel.is_plain() && at("192.0.2.1:1").is_plain());
    assert!(!at("127.0.0.1:1").is_plain() && !at("[::1]:1").is_plain());
}
