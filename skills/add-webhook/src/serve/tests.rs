//! What a sender is told, and when. The clock is paused, and no socket is used.

use std::pin::Pin;
use std::task::{Context, Poll};

use hmac::{Hmac, Mac};
use hyper::body::Frame;
use hyper::header::RETRY_AFTER;
use sha2::Sha256;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::*;

const SECRET: &str = "between us";

fn hooks(ahead: usize) -> (Hooks, mpsc::Receiver<Asked>) {
    let (events, inbox) = mpsc::channel(ahead);
    let (secret, replays) = (SecretString::from(SECRET), Replays::default());
    (Hooks { account: "main".into(), secret, events, replays }, inbox)
}

fn request<B>(signed: &[u8], body: B) -> Request<B> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(signed);
    let tag: String = mac.finalize().into_bytes().iter().map(|it| format!("{it:02x}")).collect();
    let builder =
        Request::post("/hook/house").header("x-hub-signature-256", format!("sha256={tag}"));
    builder.body(body).unwrap()
}

fn good() -> Request<Full<Bytes>> {
    request(b"{}", Full::from("{}"))
}

async fn status<B: Body + Unpin>(hooks: &Hooks, request: Request<B>) -> StatusCode {
    answer(hooks, request).await.unwrap().status()
}

#[tokio::test(start_paused = true)]
async fn the_answer_says_what_became_of_the_event() {
    let (hooks, mut inbox) = hooks(1);
    let why = "the message is empty".to_owned();
    for (verdict, code) in [
        (Verdict::Stored, StatusCode::ACCEPTED),
        (Verdict::Ignored, StatusCode::ACCEPTED),
        (Verdict::Refused(why.clone()), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let host = async {
            let (event, who) = inbox.recv().await.unwrap();
            assert!(matches!(event, Event::Message(message) if message.from.chat == "house"));
            who.send(verdict).unwrap();
        };
        let (answered, ()) = tokio::join!(answer(&hooks, good()), host);
        let answered = answered.unwrap();
        assert_eq!(answered.status(), code);
        let said = answered.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(said == format!("{why}\n"), code == StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_does_not_commit_has_the_sender_come_again() {
    let (hooks, mut inbox) = hooks(1);
    let began = Instant::now();
    let answered = answer(&hooks, good()).await.unwrap();
    assert_eq!(answered.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answered.headers()[RETRY_AFTER], "30");
    assert_eq!(began.elapsed().as_secs(), COMMIT_WITHIN.as_secs());
    // The first one still fills the queue.
    assert_eq!(status(&hooks, good()).await, StatusCode::SERVICE_UNAVAILABLE);
    let (_, who) = inbox.recv().await.unwrap();
    assert!(who.is_closed(), "nobody waits for it any more");
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_closes_has_the_sender_come_again_at_once() {
    let (hooks, mut inbox) = hooks(1);
    let began = Instant::now();
    let (code, ()) = tokio::join!(status(&hooks, good()), async {
        drop(inbox.recv().await);
    });
    assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
    drop(inbox);
    assert_eq!(status(&hooks, good()).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn another_method_is_told_which_one_is_taken() {
    let (hooks, _inbox) = hooks(1);
    let mut other = good();
    *other.method_mut() = hyper::Method::PUT;
    let answered = answer(&hooks, other).await.unwrap();
    assert_eq!(answered.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answered.headers()[ALLOW], "POST");
}

type Next = Poll<Option<Result<Frame<Bytes>, io::Error>>>;

/// A body of pieces that never ends.
struct Pieces {
    left: usize,
    then: fn() -> Next,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Next {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 64 * 1024])))));
        }
        (self.then)()
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_half_way_or_breaks_off_is_refused() {
    let (hooks, _inbox) = hooks(1);
    let slow = Pieces { left: 1, then: || Poll::Pending };
    assert_eq!(status(&hooks, request(b"", slow)).await, StatusCode::REQUEST_TIMEOUT);
    let reset = || Poll::Ready(Some(Err(ErrorKind::ConnectionReset.into())));
    let broken = Pieces { left: 1, then: reset };
    assert_eq!(status(&hooks, request(b"", broken)).await, StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn a_body_is_read_up_to_a_limit() {
    let (hooks, mut inbox) = hooks(1);
    let pieces = |left| Pieces { left, then: || Poll::Ready(None) };
    let fits = request(&vec![b'x'; BODY_BYTES_MAX], pieces(16));
    let (code, ()) = tokio::join!(status(&hooks, fits), async {
        inbox.recv().await.unwrap().1.send(Verdict::Stored).unwrap();
    });
    assert_eq!(code, StatusCode::ACCEPTED);
    assert_eq!(status(&hooks, request(b"", pieces(17))).await, StatusCode::PAYLOAD_TOO_LARGE);
    let endless = status(&hooks, request(b"", pieces(usize::MAX)));
    assert_eq!(endless.await, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_says_nothing_or_listens_to_nothing_is_let_go() {
    let (hooks, _inbox) = hooks(1);
    let hooks = Arc::new(hooks);
    let (mut sender, stream) = tokio::io::duplex(64);
    sender.write_all(b"POST /hook/house HTTP/1.1\r\n").await.unwrap();
    let began = Instant::now();
    serve(stream, Arc::clone(&hooks), IsKnown::default()).await;
    assert_eq!(began.elapsed().as_secs(), HEAD_WITHIN.as_secs());

    // Too small for the answer.
    let (mut sender, stream) = tokio::io::duplex(64);
    let began = Instant::now();
    let served = serve(stream, hooks, IsKnown::default());
    let (written, ()) = tokio::join!(
        sender.write_all(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n"),
        served
    );
    written.unwrap();
    assert_eq!(began.elapsed().as_secs(), CONNECTION_WITHIN.as_secs());
}
